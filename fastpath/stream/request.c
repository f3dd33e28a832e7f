// SPDX-License-Identifier: BSD-3-Clause
// What operators ask of sessions: list, count, kill.
#include <netinet/in.h>

#include "stream/relay_impl.h"
#include "stream/secure.h"

static uint64_t session_id(const struct relay *r, const struct relay_session *s)
{
	return (uint64_t)r->config.worker << 56 | (uint64_t)s->generation << 32 |
	       (uint32_t)RELAY_INDEX_BIT | session_index(r, s);
}

static enum session_state state_of(const struct relay_session *s)
{
	bool client = s->flags & leg_flag(RELAY_END, LEG_CLIENT);
	bool target = s->flags & leg_flag(RELAY_END, LEG_TARGET);

	if (!(s->flags & RELAY_IS_OPEN))
		return SESSION_SYN_RECEIVED;
	if (client && target)
		return SESSION_CLOSING;
	if (client)
		return SESSION_CLIENT_CLOSED;
	return target ? SESSION_TARGET_CLOSED : SESSION_ESTABLISHED;
}

// Who the client is: what its PROXY protocol header says, else the peer of its connection.
static struct relay_name name_of(const struct relay *r, const struct relay_session *s)
{
	struct tcp_info info = {0};

	s = relay_framed_client(r, s);
	if (s->flags & RELAY_IS_NAMED)
		return r->names[session_index(r, s)];
	if (s->connection[LEG_CLIENT] != TCP_NONE)
		tcp_info_get(r->tcp, s->connection[LEG_CLIENT], &info);
	return (struct relay_name){
		.address = info.key.destination, .port = info.key.destination_port};
}

void relay_session_describe(const struct relay *r, const struct relay_session *s,
	enum session_end end, struct session_record *out)
{
	struct tcp_info client = {0};
	struct tcp_info target = {.key = s->to};
	struct relay_name name = name_of(r, s);
	usec_t allowed = relay_session_silence_allowed(r, s);

	if (s->connection[LEG_CLIENT] != TCP_NONE)
		tcp_info_get(r->tcp, s->connection[LEG_CLIENT], &client);
	if (s->connection[LEG_TARGET] != TCP_NONE)
		tcp_info_get(r->tcp, s->connection[LEG_TARGET], &target);
	*out = (struct session_record){
		.id = session_id(r, s),
		.protocol = IPPROTO_TCP,
		.state = (uint8_t)state_of(s),
		.end = (uint8_t)end,
		.worker = r->config.worker,
		.listener = s->listener,
		.upstream = s->upstream,
		.target = s->target,
		.client = name.address,
		.local = client.key.source,
		.source = target.key.source,
		.target_address = target.key.destination,
		.client_port = be16_to_host(name.port),
		.local_port = be16_to_host(client.key.source_port),
		.source_port = be16_to_host(target.key.source_port),
		.target_port = be16_to_host(target.key.destination_port),
		.opened = s->opened,
		.last_packet = s->heard,
		.packets = {s->buffers[LEG_CLIENT], s->buffers[LEG_TARGET]},
		.bytes = {s->bytes[LEG_CLIENT], s->bytes[LEG_TARGET]},
		.retransmissions = {client.retransmitted, target.retransmitted},
		.round_trip_us = client.round_trip_us + target.round_trip_us,
		.idle_timeout_s = allowed == UINT64_MAX ? 0 : (uint32_t)(allowed / USEC_PER_SECOND),
	};
	secure_describe(r, s, LEG_CLIENT, &out->security[LEG_CLIENT]);
	secure_describe(r, s, LEG_TARGET, &out->security[LEG_TARGET]);
}

static bool matches(
	const struct relay *r, const struct relay_session *s, const struct session_filter *f)
{
	struct relay_name name;

	// Streams are of their client's session, but for who looks at a target.
	if ((s->flags & (RELAY_IS_STREAM | RELAY_IS_PARKED)) && f->target == SLOT_NONE)
		return false;
	if (!(s->flags & RELAY_LIVE) || (f->listener != SLOT_NONE && f->listener != s->listener) ||
		(f->target != SLOT_NONE && f->target != s->target) ||
		(f->state != 0 && f->state != state_of(s)) ||
		(f->protocol != 0 && f->protocol != IPPROTO_TCP) ||
		(f->id != 0 && f->id != session_id(r, s)) ||
		(f->older_than != 0 && r->now - s->opened < f->older_than))
		return false;
	if (!f->by_client)
		return true;
	name = name_of(r, s);
	return ip_prefix_contains(&f->client, &name.address);
}

static void list(
	const struct relay *r, struct control_request *request, const struct relay_session *s)
{
	relay_session_describe(r, s, SESSION_END_NONE, &request->records[request->count]);
	for (unsigned int leg = 0; request->names && leg < 2; leg++)
		secure_names(r, s, leg, &request->names[2 * request->count + leg]);
}

static void act(struct relay *r, struct control_request *request, struct relay_session *s)
{
	if (request->kind == CONTROL_LIST)
		list(r, request, s);
	else if (request->kind == CONTROL_KILL)
		relay_session_end(r, s, request->why, true);
	request->count++;
}

bool relay_request(struct relay *relay, const struct snapshot *snapshot,
	struct control_request *request, usec_t now, uint32_t budget)
{
	const uint32_t bit = (uint32_t)RELAY_INDEX_BIT;
	uint32_t id = (uint32_t)request->filter.id;

	relay->snapshot = snapshot;
	relay->now = now;
	request->more = false;
	if (request->cursor < bit)
		request->cursor = bit;
	if (request->filter.id != 0) {
		if (!(id & bit))
			return true;
		// An id tells where its session is.
		if (request->cursor < id)
			request->cursor = id;
	}
	for (; (request->cursor & ~bit) < relay->sessions.touched; request->cursor++) {
		struct relay_session *s = session_at(relay, request->cursor & ~bit);

		if (request->kind == CONTROL_LIST && request->count == request->limit) {
			request->more = true;
			return true;
		}
		if (budget-- == 0)
			return false;
		if (matches(relay, s, &request->filter))
			act(relay, request, s);
		if (request->filter.id != 0)
			break;
	}
	return true;
}
