// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/dataplane.h"
#include "daemon/methods/methods.h"
#include "daemon/names.h"

// A slot's counters over all workers.
struct slot_sums {
	uint64_t sessions, sessions_total, answered, connect_failed;
	uint64_t bytes[2], packets[2];
};

static struct slot_sums slot_sum(const struct node *node, uint16_t slot, bool target)
{
	struct slot_sums sum = {0};

	for (uint16_t w = 0; w < node_worker_count(node); w++) {
		const struct worker_stats *stats = node_worker_stats(node, w);
		const struct slot_stats *s =
			target ? &stats->targets[slot] : &stats->listeners[slot];

		sum.sessions += counter_read(&s->sessions);
		sum.sessions_total += counter_read(&s->sessions_total);
		sum.answered += counter_read(&s->answered);
		sum.connect_failed += counter_read(&s->connect_failed);
		for (int d = 0; d < 2; d++) {
			sum.bytes[d] += counter_read(&s->bytes[d]);
			sum.packets[d] += counter_read(&s->packets[d]);
		}
	}
	return sum;
}

static json_t *slot_sums_json(const struct slot_sums *sum)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "sessions", (json_int_t)sum->sessions,
		"sessions_total", (json_int_t)sum->sessions_total, "packets_from_client",
		(json_int_t)sum->packets[0], "packets_from_target", (json_int_t)sum->packets[1],
		"bytes_from_client", (json_int_t)sum->bytes[0], "bytes_from_target",
		(json_int_t)sum->bytes[1]);
}

static bool netif_is_up(const struct daemon *daemon, const struct snapshot *s, uint16_t netif)
{
	const struct port *port;

	if (netif >= s->netif_count || s->netifs[netif].port == SLOT_NONE)
		return false;
	port = node_port(daemon->node, s->netifs[netif].port);
	return port != NULL && shared_word_load(&port->up) != 0;
}

bool listener_is_up(const struct daemon *daemon, const struct snapshot_listener *listener)
{
	const struct snapshot *s = node_snapshot(daemon->node);
	const struct snapshot_address *own;

	if (!ip_address_is_unspecified(&listener->address)) {
		own = snapshot_address_find(s, &listener->address);
		return own != NULL && netif_is_up(daemon, s, own->netif);
	}
	for (uint16_t n = 0; n < s->netif_count; n++)
		if (s->netifs[n].address_count > 0 && netif_is_up(daemon, s, n))
			return true;
	return false;
}

bool target_is_up(const struct daemon *daemon, const struct snapshot_target *target)
{
	return netif_is_up(daemon, node_snapshot(daemon->node), target->netif);
}

static json_t *listen_json(const struct snapshot_listener *l)
{
	char address[IP_ADDRESS_TEXT_MAX];
	char range[16] = "";
	bool any = ip_address_is_unspecified(&l->address);

	ip_address_print(&l->address, address);
	if (l->port_last != l->port_first)
		snprintf(range, sizeof(range), "-%u", l->port_last);
	if (any)
		return json_sprintf("*:%u%s", l->port_first, range);
	return json_sprintf(ip_address_is_v4(&l->address) ? "%s:%u%s" : "[%s]:%u%s", address,
		l->port_first, range);
}

// What only connections that end here have.
static json_t *terminate_json(const struct snapshot_listener *l)
{
	// In the order of the configuration's words, which is that of tcp/tcp.h.
	static const char *const looks[] = {"default", "linux", "freebsd", "windows"};
	static const char *const controls[] = {"cubic", "rate"};

	nx_bug_on(l->look >= nx_array_size(looks) || l->congestion >= nx_array_size(controls));
	return json_pack("{s:f, s:I, s:I, s:b, s:I, s:b, s:s, s:s}", "close_timeout_s",
		(double)l->close_timeout / USEC_PER_SECOND, "keepalive_s",
		(json_int_t)l->keepalive_s, "user_timeout_s", (json_int_t)l->user_timeout_s, "ecn",
		(int)l->ecn, "memory_bytes", (json_int_t)l->memory, "transparent",
		(int)l->transparent, "congestion", controls[l->congestion], "tcp_profile",
		looks[l->look]);
}

static const char *protocol_of(const struct snapshot_listener *l)
{
	if (l->http != NULL)
		return "http";
	return l->protocol == IPPROTO_TCP ? "tcp" : "udp";
}

// NULL: routes alone say where requests go.
static const char *upstream_of(const struct snapshot *s, const struct snapshot_listener *l)
{
	if (l->upstream == SLOT_NONE)
		return NULL;
	return l->upstream < s->upstream_limit && s->upstreams[l->upstream] != NULL
		       ? s->upstreams[l->upstream]->name
		       : "?";
}

// As configured: the listener's own upstream is one of the table's, too.
static json_int_t route_count(const struct snapshot_listener *l)
{
	return l->http->exact + l->http->wildcard + l->http->any - (l->upstream != SLOT_NONE);
}

static json_t *listener_json(const struct daemon *daemon, const struct snapshot_listener *l)
{
	const struct snapshot *s = node_snapshot(daemon->node);
	struct slot_sums sum = slot_sum(daemon->node, l->slot, false);
	char address[IP_ADDRESS_TEXT_MAX];
	usec_t until = daemon->drain_until[l->slot];
	usec_t now = node_now(daemon->node);
	bool up = listener_is_up(daemon, l);
	double left = ((double)until - (double)now) / USEC_PER_SECOND;
	json_t *row = json_pack(
		"{s:s, s:s, s:s, s:o, s:s?, s:i, s:i, s:s?, s:s, s:f, s:f, s:I, s:o}", "name",
		l->name, "protocol", protocol_of(l), "mode",
		l->mode == MODE_DIRECT ? "direct" : "terminate", "listen", listen_json(l),
		"address",
		ip_address_is_unspecified(&l->address) ? NULL
						       : ip_address_print(&l->address, address),
		"port_first", (int)l->port_first, "port_last", (int)l->port_last, "upstream",
		upstream_of(s, l), "state",
		l->closing ? "draining"
		: up       ? "up"
			   : "down",
		"idle_timeout_s", (double)l->idle_timeout / USEC_PER_SECOND, "connect_timeout_s",
		(double)l->connect_timeout / USEC_PER_SECOND, "max_sessions",
		(json_int_t)l->max_sessions, "drain_until",
		l->closing && until != 0 ? json_real(daemon_time() + left) : json_null());
	json_t *counters = slot_sums_json(&sum);
	json_t *terminate = l->mode == MODE_TERMINATE ? terminate_json(l) : NULL;

	if (row != NULL && counters != NULL)
		json_object_update_missing(row, counters);
	if (row != NULL && terminate != NULL)
		json_object_update_missing(row, terminate);
	if (row != NULL && l->http != NULL)
		json_object_set_new(row, "routes", json_integer(route_count(l)));
	json_decref(counters);
	json_decref(terminate);
	return row;
}

json_t *listeners_json(const struct daemon *daemon)
{
	const struct snapshot *s = daemon->node != NULL ? node_snapshot(daemon->node) : NULL;
	json_t *list = json_array();

	for (uint16_t i = 0; s != NULL && i < s->listener_limit; i++)
		if (s->listeners[i] != NULL)
			json_array_append_new(list, listener_json(daemon, s->listeners[i]));
	return list;
}

void method_listener_list(struct rpc_call *call, const json_t *params)
{
	rpc_reply(call, json_pack("{s:o}", "listeners", listeners_json(rpc_context(call))));
}

// While one of that name drains beside a new one, the new one.
static const struct snapshot_listener *listener_named(const struct snapshot *s, const char *name)
{
	const struct snapshot_listener *found = NULL;

	for (uint16_t i = 0; i < s->listener_limit; i++) {
		const struct snapshot_listener *l = s->listeners[i];

		if (l != NULL && strcmp(l->name, name) == 0 && (found == NULL || !l->closing))
			found = l;
	}
	return found;
}

void method_listener_show(struct rpc_call *call, const json_t *params)
{
	const struct daemon *daemon = rpc_context(call);
	const char *name = rpc_string(params, "name", "");
	const struct snapshot_listener *l =
		daemon->node ? listener_named(node_snapshot(daemon->node), name) : NULL;

	if (l == NULL)
		rpc_fail(call, RPC_NOT_FOUND, "name", "nexpath listener list",
			"no listener \"%.63s\"", name);
	else
		rpc_reply(call, json_pack("{s:o}", "listener", listener_json(daemon, l)));
}

static const char *target_state(const struct daemon *daemon, const struct snapshot_target *t)
{
	if (t->closing)
		return "closing";
	if (t->drained)
		return "drained";
	return target_is_up(daemon, t) ? "up" : "down";
}

static json_t *target_json(const struct daemon *daemon, const struct snapshot_target *t)
{
	const struct snapshot *s = node_snapshot(daemon->node);
	struct slot_sums sum = slot_sum(daemon->node, t->slot, true);
	char address[IP_ADDRESS_TEXT_MAX], next_hop[IP_ADDRESS_TEXT_MAX];
	bool routed = t->netif < s->netif_count;
	json_t *sources = json_array();

	for (uint16_t i = 0; i < t->source_count; i++) {
		char source[IP_ADDRESS_TEXT_MAX];

		json_array_append_new(
			sources, json_string(ip_address_print(&t->sources[i], source)));
	}

	json_t *row = json_pack("{s:s, s:s, s:i, s:i, s:s, s:s?, s:s?, s:o, s:I, s:I}", "target",
		t->text, "address", ip_address_print(&t->address, address), "port",
		(int)be16toh(t->port), "weight", (int)t->weight, "state", target_state(daemon, t),
		"interface", routed ? s->netifs[t->netif].name : NULL, "next_hop",
		routed ? ip_address_print(&t->next_hop, next_hop) : NULL, "sources", sources,
		"answered", (json_int_t)sum.answered, "connect_failed",
		(json_int_t)sum.connect_failed);
	json_t *counters = slot_sums_json(&sum);

	if (row != NULL && counters != NULL)
		json_object_update_missing(row, counters);
	json_decref(counters);
	return row;
}

static const struct config_upstream *configured(const struct daemon *daemon, const char *name)
{
	const struct config_upstream *upstreams =
		daemon->config != NULL ? config_upstreams(daemon->config) : NULL;

	for (uint32_t i = 0; upstreams != NULL && i < daemon->config->upstreams.count; i++)
		if (strcmp(upstreams[i].name, name) == 0)
			return &upstreams[i];
	return NULL;
}

// Targets given by a name that has no address.
static void unresolved_add(
	const struct daemon *daemon, const struct config_upstream *upstream, json_t *targets)
{
	for (uint32_t i = 0; upstream != NULL && i < upstream->targets.count; i++) {
		const struct config_target *t = &upstream->targets.items[i];
		const char *reason = t->is_name ? names_reason(daemon->names, t->host) : NULL;

		if (reason == NULL)
			continue;
		json_array_append_new(targets,
			json_pack(
				"{s:s, s:n, s:i, s:i, s:s, s:s, s:n, s:n, s:[], s:i, s:i, s:i, s:i,"
				" s:i, s:i, s:i, s:i}",
				"target", t->text, "address", "port", (int)t->port, "weight",
				(int)t->weight, "state", "unresolved", "reason", reason,
				"interface", "next_hop", "sources", "answered", 0, "connect_failed",
				0, "sessions", 0, "sessions_total", 0, "packets_from_client", 0,
				"packets_from_target", 0, "bytes_from_client", 0,
				"bytes_from_target", 0));
	}
}

static json_t *upstream_json(const struct daemon *daemon, const struct snapshot_upstream *u)
{
	static const char *const RULES[] = {
		[BALANCE_ROUND_ROBIN] = "round-robin",
		[BALANCE_LEAST_CONNECTIONS] = "least-connections",
		[BALANCE_SOURCE_HASH] = "source-hash",
		[BALANCE_MAGLEV] = "maglev",
	};
	const struct snapshot *s = node_snapshot(daemon->node);
	const struct config_upstream *c = configured(daemon, u->name);
	json_t *targets = json_array();

	for (uint32_t i = 0; i < u->target_count; i++)
		if (s->targets[u->targets[i]] != NULL)
			json_array_append_new(
				targets, target_json(daemon, s->targets[u->targets[i]]));
	unresolved_add(daemon, c, targets);
	return json_pack("{s:s, s:s, s:s, s:b, s:o}", "name", u->name, "balance", RULES[u->balance],
		"source",
		u->source_client                   ? "client"
		: c != NULL && c->source.count > 0 ? "list"
						   : "egress",
		"closing", u->closing, "targets", targets);
}

void method_upstream_list(struct rpc_call *call, const json_t *params)
{
	const struct daemon *daemon = rpc_context(call);
	const struct snapshot *s = daemon->node != NULL ? node_snapshot(daemon->node) : NULL;
	json_t *list = json_array();

	for (uint16_t i = 0; s != NULL && i < s->upstream_limit; i++)
		if (s->upstreams[i] != NULL && s->upstreams[i]->name[0] != MIRROR_MARK)
			json_array_append_new(list, upstream_json(daemon, s->upstreams[i]));
	rpc_reply(call, json_pack("{s:o}", "upstreams", list));
}
