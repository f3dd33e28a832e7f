// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/events/translate.h"

#include "daemon/events/log.h"
#include "http/reason.h"
#include "http/record.h"

enum {
	EVENTS_AT_ONCE = 256,
	RECORDS_AT_ONCE = 1024
};

static const struct snapshot *snapshot_of(const struct daemon *daemon)
{
	return daemon->node != NULL ? node_snapshot(daemon->node) : NULL;
}

const char *listener_name(const struct daemon *daemon, uint16_t slot)
{
	const struct snapshot *s = snapshot_of(daemon);

	return s != NULL && slot < s->listener_limit && s->listeners[slot] != NULL
		       ? s->listeners[slot]->name
		       : "?";
}

const char *upstream_name(const struct daemon *daemon, uint16_t slot)
{
	const struct snapshot *s = snapshot_of(daemon);

	return s != NULL && slot < s->upstream_limit && s->upstreams[slot] != NULL
		       ? s->upstreams[slot]->name
		       : "?";
}

const char *target_text(const struct daemon *daemon, uint16_t slot)
{
	const struct snapshot *s = snapshot_of(daemon);

	return s != NULL && slot < s->target_limit && s->targets[slot] != NULL
		       ? s->targets[slot]->text
		       : "?";
}

const char *netif_name(const struct daemon *daemon, uint16_t netif)
{
	const struct snapshot *s = snapshot_of(daemon);

	return s != NULL && netif < s->netif_count ? s->netifs[netif].name : "?";
}

const char *port_name(const struct daemon *daemon, uint16_t port)
{
	const struct port *p = daemon->node != NULL ? node_port(daemon->node, port) : NULL;

	return p != NULL ? p->name : "?";
}

static void event_tell(struct daemon *daemon, const struct worker_event *e)
{
	char address[ENDPOINT_TEXT_BYTES];
	char plain[IP_ADDRESS_TEXT_MAX];
	char times[32] = "";
	struct mac_address mac;
	char station[MAC_TEXT_MAX];

	memcpy(mac.bytes, e->mac, sizeof(mac.bytes));
	endpoint_print(&e->address, e->port, address);
	ip_address_print(&e->address, plain);
	if (e->count > 1)
		snprintf(times, sizeof(times), " (%u times)", e->count);
	switch ((enum event_kind)e->kind) {
	case EVENT_KIND_TCP_UPSTREAM_CONNECT_FAILED:
	case EVENT_KIND_UDP_UPSTREAM_CONNECT_FAILED:
		daemon_event(daemon, e->kind, "target %s at %s did not answer%s",
			target_text(daemon, e->subject), address, times);
		break;
	case EVENT_KIND_TLS_UPSTREAM_FAILED:
		daemon_event(daemon, e->kind, "target %s at %s: no TLS handshake in time%s",
			target_text(daemon, e->subject), address, times);
		break;
	case EVENT_KIND_TCP_LISTENER_BIND_FAILED:
	case EVENT_KIND_UDP_LISTENER_BIND_FAILED:
	case EVENT_KIND_LISTENER_OPENED:
	case EVENT_KIND_LISTENER_CLOSED:
		daemon_event(daemon, e->kind, "listener %s at %s%s",
			listener_name(daemon, e->subject), address, times);
		break;
	case EVENT_KIND_PORT_UP:
	case EVENT_KIND_PORT_DOWN:
	case EVENT_KIND_PORT_GONE:
	case EVENT_KIND_PORT_OVERSIZED:
	case EVENT_KIND_KERNEL_FORWARDING:
		daemon_event(daemon, e->kind, "port %s%s", port_name(daemon, e->subject), times);
		break;
	case EVENT_KIND_ADDRESS_CONFLICT:
		daemon_event(daemon, e->kind, "%s on %s is used by %s too%s", plain,
			netif_name(daemon, e->subject), mac_address_print(&mac, station), times);
		break;
	case EVENT_KIND_NAT_PORTS_EXHAUSTED:
		daemon_event(daemon, e->kind, "no source port left toward target %s%s",
			target_text(daemon, e->subject), times);
		break;
	case EVENT_KIND_SESSION_TABLE_FULL:
		daemon_event(daemon, e->kind, "the session table is full%s", times);
		break;
	default:
		if (e->kind < EVENT_KIND_COUNT)
			daemon_event(daemon, e->kind, "%s%s", event_kind_name(e->kind), times);
		break;
	}
}

static void lost_tell(struct daemon *daemon, const char *what, uint64_t lost, uint64_t *told)
{
	if (lost > *told)
		daemon_event(daemon, EVENT_KIND_EVENTS_LOST, "%ju %s found their ring full",
			(uintmax_t)(lost - *told), what);
	*told = lost;
}

void worker_events_take(struct daemon *daemon)
{
	struct worker_event events[EVENTS_AT_ONCE];
	uint64_t lost = daemon->events_lost;

	if (daemon->node == NULL)
		return;

	uint32_t n = node_events(daemon->node, events, EVENTS_AT_ONCE, &lost);

	for (uint32_t i = 0; i < n; i++)
		event_tell(daemon, &events[i]);
	lost_tell(daemon, "events", lost, &daemon->events_lost);
}

static double seconds_since(usec_t now, usec_t then)
{
	return now > then ? (double)(now - then) / USEC_PER_SECOND : 0;
}

static const char *suite_name(uint16_t suite)
{
	static const struct {
		uint16_t suite;
		const char *name;
	} names[] = {
		{0x1301, "TLS_AES_128_GCM_SHA256"},
		{0x1302, "TLS_AES_256_GCM_SHA384"},
		{0x1303, "TLS_CHACHA20_POLY1305_SHA256"},
		{0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"},
		{0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"},
		{0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
		{0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
		{0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
		{0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"},
	};

	for (size_t i = 0; i < nx_array_size(names); i++)
		if (names[i].suite == suite)
			return names[i].name;
	return "?";
}

// null where there is no name. A peer may have written anything: only what is plain goes on.
static json_t *name_json(const char text[SESSION_NAME_BYTES])
{
	char plain[SESSION_NAME_BYTES] = "";

	for (size_t i = 0; i + 1 < sizeof(plain) && text[i] != '\0'; i++)
		plain[i] = text[i] > ' ' && text[i] < 0x7f ? text[i] : '?';
	return plain[0] != '\0' ? json_string(plain) : json_null();
}

// null for a raw leg.
static json_t *security_json(const struct session_security *s, const struct session_names *names)
{
	json_t *security;

	if (s->version == 0)
		return json_null();
	security = json_pack("{s:s, s:s}", "version", s->version == 0x0304 ? "1.3" : "1.2", "suite",
		suite_name(s->suite));
	if (security != NULL && names != NULL) {
		json_object_set_new(security, "server_name", name_json(names->server_name));
		json_object_set_new(security, "alpn", name_json(names->protocol));
	}
	return security;
}

json_t *session_json(const struct daemon *daemon, const struct session_record *r,
	const struct session_names *names)
{
	char client[ENDPOINT_TEXT_BYTES], local[ENDPOINT_TEXT_BYTES];
	char source[ENDPOINT_TEXT_BYTES], target[ENDPOINT_TEXT_BYTES];
	char id[17];
	usec_t now = node_now(daemon->node);
	double age = seconds_since(now, r->opened);

	snprintf(id, sizeof(id), "%016jx", (uintmax_t)r->id);
	endpoint_print(&r->client, r->client_port, client);
	endpoint_print(&r->local, r->local_port, local);
	endpoint_print(&r->source, r->source_port, source);
	endpoint_print(&r->target_address, r->target_port, target);
	return json_pack(
		"{s:s, s:i, s:s, s:s, s:s, s:s?, s:s?, s:s, s:s, s:s, s:s, s:f, s:f, s:f, s:I,"
		" s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}",
		"id", id, "worker", (int)r->worker, "protocol", protocol_name(r->protocol), "state",
		session_state_name(r->state), "listener", listener_name(daemon, r->listener),
		"upstream", r->upstream == SLOT_NONE ? NULL : upstream_name(daemon, r->upstream),
		"target", r->target == SLOT_NONE ? NULL : target_text(daemon, r->target), "client",
		client, "local", local, "source", source, "target_address", target, "opened",
		daemon_time() - age, "age_s", age, "idle_s", seconds_since(now, r->last_packet),
		"idle_timeout_s", (json_int_t)r->idle_timeout_s, "packets_from_client",
		(json_int_t)r->packets[0], "packets_from_target", (json_int_t)r->packets[1],
		"bytes_from_client", (json_int_t)r->bytes[0], "bytes_from_target",
		(json_int_t)r->bytes[1], "retransmissions_from_client",
		(json_int_t)r->retransmissions[0], "retransmissions_from_target",
		(json_int_t)r->retransmissions[1], "round_trip_us", (json_int_t)r->round_trip_us,
		"client_security", security_json(&r->security[0], names), "target_security",
		security_json(&r->security[1], names != NULL ? &names[1] : NULL));
}

static void record_log(const struct daemon *daemon, const struct session_record *r)
{
	bool opened = r->end == SESSION_END_NONE;
	json_t *members = session_json(daemon, r, NULL);

	if (members == NULL)
		return;
	json_object_del(members, "worker");
	json_object_del(members, "idle_s");
	json_object_del(members, "idle_timeout_s");
	json_object_del(members, "opened");
	if (opened) {
		json_object_del(members, "age_s");
	} else {
		double duration = seconds_since(r->last_packet, r->opened);

		json_object_set_new(members, "duration_s", json_real(duration));
		json_object_set_new(members, "reason", json_string(session_end_name(r->end)));
	}
	log_object(LOG_LEVEL_INFO, opened ? "session opened" : "session closed", members);
}

void session_records_take(struct daemon *daemon)
{
	static struct session_record records[RECORDS_AT_ONCE];
	uint64_t lost = daemon->sessions_lost;

	if (daemon->node == NULL)
		return;

	uint32_t n = node_session_log(daemon->node, records, RECORDS_AT_ONCE, &lost);

	for (uint32_t i = 0; i < n; i++)
		record_log(daemon, &records[i]);
	lost_tell(daemon, "session records", lost, &daemon->sessions_lost);
}

static const char *version_text(const struct http_record *r)
{
	if (r->is_framed)
		return "2";
	return r->minor == 0 ? "1.0" : "1.1";
}

static json_t *access_json(const struct daemon *daemon, const struct http_record *r)
{
	char client[ENDPOINT_TEXT_BYTES];
	usec_t now = node_now(daemon->node);

	endpoint_print(&r->client, r->client_port, client);
	// What the request's reader lets through is ASCII or, in fields, bytes that may be no
	// UTF-8.
	return json_pack(
		"{s:s, s:s, s:s%, s:s%, s:s%, s:s, s:i, s:i, s:s, s:s, s:b, s:I, s:I, s:f, s:f}",
		"listener", listener_name(daemon, r->listener), "client", client, "method",
		r->method, (size_t)r->method_length, "host", r->host, (size_t)r->host_length,
		"path", r->path, (size_t)r->target_length, "version", version_text(r), "status",
		(int)r->status, "worker", (int)r->worker, "upstream",
		r->upstream == SLOT_NONE ? "" : upstream_name(daemon, r->upstream), "target",
		r->target == SLOT_NONE ? "" : target_text(daemon, r->target), "reused", r->reused,
		"bytes_from_client", (json_int_t)r->bytes[0], "bytes_from_target",
		(json_int_t)r->bytes[1], "began", daemon_time() - seconds_since(now, r->began),
		"duration_s", seconds_since(r->ended, r->began));
}

static void access_log(const struct daemon *daemon, const struct http_record *r)
{
	json_t *members = access_json(daemon, r);

	if (members == NULL)
		return;
	if (r->reason != HTTP_REASON_NONE)
		json_object_set_new(members, "reason", json_string(http_reason_name(r->reason)));
	log_object(LOG_LEVEL_INFO, "http request", members);
}

void access_records_take(struct daemon *daemon)
{
	static struct http_record records[RECORDS_AT_ONCE];
	uint64_t lost = daemon->accesses_lost;

	if (daemon->node == NULL)
		return;

	uint32_t n = node_access_log(daemon->node, records, RECORDS_AT_ONCE, &lost);

	for (uint32_t i = 0; i < n; i++)
		access_log(daemon, &records[i]);
	lost_tell(daemon, "access records", lost, &daemon->accesses_lost);
}
