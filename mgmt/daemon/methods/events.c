// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/captures.h"
#include "daemon/dataplane.h"
#include "daemon/events/feed.h"
#include "daemon/methods/methods.h"
#include "pipeline/capture.h"

enum {
	LIMIT_DEFAULT = 1000,
	LINK_TYPE_ETHERNET = 1
};

static bool severity_get(struct rpc_call *call, const json_t *params, enum event_severity *out)
{
	const char *text = rpc_string(params, "severity", "info");

	if (event_severity_parse(text, out))
		return true;
	rpc_fail(call, RPC_INVALID_PARAMETER, "severity", "info, warning or error",
		"no severity \"%.16s\"", text);
	return false;
}

// From where on there are `limit` events of that severity.
static uint64_t newest_start(
	const struct event_store *store, enum event_severity severity, uint64_t limit)
{
	uint64_t first = event_store_first(store);
	uint64_t seq = store->last + 1;

	while (seq > first && limit > 0)
		if (event_kind_severity(event_store_at(store, --seq)->kind) >= severity)
			limit--;
	return seq;
}

// With since the oldest `limit` events after it, else the newest `limit`.
void method_events_list(struct rpc_call *call, const json_t *params)
{
	const struct event_store *store = &((struct daemon *)rpc_context(call))->events;
	uint64_t limit = (uint64_t)rpc_integer(params, "limit", LIMIT_DEFAULT);
	uint64_t since = (uint64_t)rpc_integer(params, "since", 0);
	uint64_t first = event_store_first(store);
	enum event_severity severity;
	json_t *list;

	if (!severity_get(call, params, &severity))
		return;

	uint64_t lost = since > 0 && since + 1 < first ? first - since - 1 : 0;
	uint64_t seq = since > 0 ? (since + 1 > first ? since + 1 : first)
				 : newest_start(store, severity, limit);

	list = json_array();
	for (; seq <= store->last && json_array_size(list) < limit; seq++) {
		const struct event_record *record = event_store_at(store, seq);

		if (event_kind_severity(record->kind) >= severity)
			json_array_append_new(list, event_json(record));
	}
	rpc_reply(call, json_pack("{s:o, s:I, s:I}", "events", list, "last",
				(json_int_t)store->last, "lost", (json_int_t)lost));
}

void method_events_subscribe(struct rpc_call *call, const json_t *params)
{
	struct daemon *daemon = rpc_context(call);
	uint64_t last = daemon->events.last;
	uint64_t since = (uint64_t)rpc_integer(params, "since", (int64_t)last);
	enum event_severity severity;

	if (!severity_get(call, params, &severity))
		return;
	if (feed_subscribe(daemon->feed, rpc_client_of(call), since, severity) != 0)
		rpc_reply(call, NULL);
	else
		rpc_reply(call, json_pack("{s:I}", "last", (json_int_t)last));
}

// The port that a listener's address is on; all ports for "*".
static bool listener_port(struct rpc_call *call, const char *name, uint16_t *out)
{
	const struct daemon *daemon = rpc_context(call);
	const struct snapshot *s = node_snapshot(daemon->node);

	for (uint16_t i = 0; i < s->listener_limit; i++) {
		const struct snapshot_listener *l = s->listeners[i];
		const struct snapshot_address *own;

		if (l == NULL || strcmp(l->name, name) != 0)
			continue;
		own = snapshot_address_find(s, &l->address);
		*out = own != NULL ? s->netifs[own->netif].port : UINT16_MAX;
		return true;
	}
	rpc_fail(call, RPC_NOT_FOUND, "listener", "nexpath listener list", "no listener \"%.63s\"",
		name);
	return false;
}

static bool port_find(struct rpc_call *call, const char *name, uint16_t *out)
{
	const struct daemon *daemon = rpc_context(call);
	const struct config_port *ports = config_ports(daemon->config);

	for (uint32_t i = 0; i < daemon->config->ports.count; i++) {
		const struct open_port *open = dataplane_port(daemon, &ports[i]);

		if (open == NULL || strcmp(open->name, name) != 0)
			continue;
		*out = open->index;
		return true;
	}
	rpc_fail(call, RPC_NOT_FOUND, "port", "nexpath port list", "no open port \"%.63s\"", name);
	return false;
}

// The expression that narrows a capture to a listener's traffic with its clients.
static void listener_filter(
	const struct daemon *daemon, const char *name, const char *filter, char *out, size_t size)
{
	const struct snapshot *s = node_snapshot(daemon->node);

	for (uint16_t i = 0; i < s->listener_limit; i++) {
		const struct snapshot_listener *l = s->listeners[i];

		if (l == NULL || strcmp(l->name, name) != 0)
			continue;
		snprintf(out, size, "%s portrange %u-%u%s%s%s",
			l->protocol == IPPROTO_TCP ? "tcp" : "udp", l->port_first, l->port_last,
			filter[0] != '\0' ? " and (" : "", filter, filter[0] != '\0' ? ")" : "");
		return;
	}
}

void method_capture_start(struct rpc_call *call, const json_t *params)
{
	struct daemon *daemon = rpc_context(call);
	const char *port = rpc_string(params, "port", NULL);
	const char *listener = rpc_string(params, "listener", NULL);
	char narrowed[CAPTURE_FILTER_MAX + 64];
	struct capture_wish wish = {
		.filter = rpc_string(params, "filter", ""),
		.snap = (uint32_t)rpc_integer(params, "snap_length", CAPTURE_SNAP_MAX),
		.count = (uint64_t)rpc_integer(params, "count", CAPTURE_COUNT_DEFAULT),
		.seconds = (uint32_t)rpc_integer(params, "seconds", CAPTURE_SECONDS_DEFAULT),
	};
	char why[400];
	uint64_t id;

	if ((port == NULL) == (listener == NULL)) {
		rpc_fail(call, RPC_INVALID_PARAMETER, "port", "give one of port and listener",
			"it is not said where to capture");
		return;
	}
	if (!method_needs_node(call) || (port != NULL ? !port_find(call, port, &wish.port)
						      : !listener_port(call, listener, &wish.port)))
		return;
	if (listener != NULL) {
		listener_filter(daemon, listener, wish.filter, narrowed, sizeof(narrowed));
		wish.filter = narrowed;
	}
	if (capture_begin(daemon->captures, rpc_client_of(call), &wish, &id, why, sizeof(why)) !=
		0) {
		char *hint = strstr(why, "; ");

		if (hint != NULL)
			*hint = '\0';
		rpc_fail(call, RPC_REFUSED, "filter", hint != NULL ? hint + 2 : "", "%s", why);
		return;
	}
	server_client_keep(rpc_client_of(call), true);
	rpc_reply(call, json_pack("{s:I, s:i, s:I}", "capture", (json_int_t)id, "link_type",
				LINK_TYPE_ETHERNET, "snap_length", (json_int_t)wish.snap));
}

void method_capture_stop(struct rpc_call *call, const json_t *params)
{
	struct daemon *daemon = rpc_context(call);
	uint64_t id = (uint64_t)rpc_integer(params, "capture", 0);
	uint64_t packets, lost;

	if (!capture_end(daemon->captures, rpc_client_of(call), id, &packets, &lost))
		rpc_fail(call, RPC_NOT_FOUND, "capture", "it may have ended by itself",
			"no capture %ju of this client", (uintmax_t)id);
	else
		rpc_reply(call, json_pack("{s:I, s:I}", "packets", (json_int_t)packets, "lost",
					(json_int_t)lost));
}
