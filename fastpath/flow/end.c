// SPDX-License-Identifier: BSD-3-Clause
#include "flow/engine_impl.h"

struct port_pool *session_port_pool(struct flow_engine *engine, const struct session *s)
{
	struct flow_key key = flow_key_reverse(&s->leg[1].key);

	key.source_port = 0;
	return port_pools_find(&engine->ports, &key);
}

static struct slot_stats *listener_stats(const struct flow_engine *engine, const struct session *s)
{
	return &engine->config.stats->listeners[s->listener];
}

static struct slot_stats *target_stats(const struct flow_engine *engine, const struct session *s)
{
	return &engine->config.stats->targets[s->target];
}

static uint32_t index_of(const struct flow_engine *engine, const struct session *s)
{
	return (uint32_t)(((const uint8_t *)s - engine->sessions.objects) / sizeof(*s));
}

static bool is_exchanged(const struct session *s)
{
	return !session_is_tcp(s) && (s->flags & SESSION_TARGET_REPLIED);
}

// Out of the lists of those that may be evicted, whatever becomes of it.
static void leave_lists(struct flow_engine *engine, struct session *s)
{
	uint32_t index = index_of(engine, s);
	struct port_pool *pool = s->flags & SESSION_HAS_PORT ? session_port_pool(engine, s) : NULL;

	if (is_exchanged(s)) {
		session_list_remove(engine, &engine->exchanged, index);
		if (pool)
			pool_list_remove(engine, &pool->exchanged, index);
		return;
	}
	session_list_remove(engine, &engine->unanswered, index);
	if (pool)
		pool_list_remove(engine, &pool->unanswered, index);
	if (s->flags & SESSION_COUNTED_SOURCE)
		source_limit_put(
			&engine->sources, &s->leg[0].key.source, s->flags & SESSION_CLIENT_ON_LINK);
	s->flags &= ~SESSION_COUNTED_SOURCE;
	counter_sub(&engine->config.stats->sessions_unanswered, 1);
}

static void leave_unanswered(struct flow_engine *engine, struct session *s)
{
	leave_lists(engine, s);
	s->leg[1].bytes = session_target_bytes(s);
	s->flags |= SESSION_IS_ANSWERED;
	s->last = 0;
	s->round_trip_us = 0;
}

void session_answered(struct flow_engine *engine, struct session *s, usec_t now)
{
	usec_t round_trip = now - s->opened;

	if (!session_is_tcp(s))
		round_trip = *session_udp_round_trip(s);
	leave_unanswered(engine, s);
	s->last = session_tick(now);
	s->round_trip_us = (uint32_t)u64_min(round_trip ? round_trip : 1, UINT32_MAX);
	if (!(s->flags & SESSION_TARGET_REPLIED))
		counter_add(&target_stats(engine, s)->answered, 1);
	s->flags |= SESSION_TARGET_REPLIED;
}

static void first_reply(struct flow_engine *engine, struct session *s, usec_t now)
{
	uint32_t index = index_of(engine, s);

	leave_lists(engine, s);
	s->flags |= SESSION_TARGET_REPLIED;
	s->tracker.state = SESSION_ESTABLISHED;
	*session_udp_round_trip(s) = (uint32_t)u64_min(now - s->opened, UINT32_MAX);
	session_list_append(engine, &engine->exchanged, index);
	if (s->flags & SESSION_HAS_PORT)
		pool_list_append(engine, &session_port_pool(engine, s)->exchanged, index);
	counter_add(&target_stats(engine, s)->answered, 1);
}

void session_replied(struct flow_engine *engine, const struct snapshot *snapshot, struct session *s,
	uint32_t payload, usec_t now)
{
	usec_t idle;

	if (!(s->flags & SESSION_TARGET_REPLIED))
		first_reply(engine, s, now);
	if (s->leg[1].packets >= SESSION_UDP_CONFIRMED) {
		session_answered(engine, s, now);
		return;
	}
	*session_udp_bytes(s) += payload;
	*session_udp_last(s) = session_tick(now);
	idle = session_silence_allowed(s, snapshot);
	wheel_arm(&engine->wheel, index_of(engine, s), now + u64_min(idle, SESSION_RECHECK));
}

void session_connect_failed(struct flow_engine *engine, struct session *s, usec_t now)
{
	const struct flow_key *key = &s->leg[1].key;

	if (s->flags & SESSION_CONNECT_FAILED)
		return;
	s->flags |= SESSION_CONNECT_FAILED;
	counter_add(&target_stats(engine, s)->connect_failed, 1);
	flow_engine_notice(
		engine, &(struct worker_event){
				.kind = session_is_tcp(s) ? EVENT_KIND_TCP_UPSTREAM_CONNECT_FAILED
							  : EVENT_KIND_UDP_UPSTREAM_CONNECT_FAILED,
				.subject = s->target,
				.count = 1,
				.time = now,
				.address = key->source,
				.peer = s->leg[0].key.source,
				.port = be16_to_host(key->source_port),
			});
}

void session_describe(const struct flow_engine *engine, uint32_t index, enum session_end end,
	usec_t now, struct session_record *out)
{
	const struct session *s = engine_session(engine, index);
	const struct flow_key *client = &s->leg[0].key;
	const struct flow_key *target = &s->leg[1].key;
	bool is_live =
		(s->flags & (SESSION_IS_ANSWERED | SESSION_IS_LINGERING)) == SESSION_IS_ANSWERED;

	*out = (struct session_record){
		.id = (uint64_t)engine->config.worker << 56 | (uint64_t)s->generation << 32 | index,
		.protocol = client->protocol,
		.state = s->tracker.state,
		.end = (uint8_t)end,
		.worker = engine->config.worker,
		.listener = s->listener,
		.upstream = s->upstream,
		.target = s->target,
		.client = client->source,
		.local = client->destination,
		.source = target->destination,
		.target_address = target->source,
		.client_port = be16_to_host(client->source_port),
		.local_port = be16_to_host(client->destination_port),
		.source_port = be16_to_host(target->destination_port),
		.target_port = be16_to_host(target->source_port),
		.opened = s->opened,
		.last_packet = is_live ? session_last_packet(s, now) : s->opened,
		.packets = {session_packets(&s->leg[0]), session_packets(&s->leg[1])},
		.bytes = {s->leg[0].bytes, session_target_bytes(s)},
		.retransmissions = {s->tracker.retransmissions[0], s->tracker.retransmissions[1]},
		.round_trip_us = session_round_trip_us(s),
	};
}

static void log_end(struct flow_engine *engine, uint32_t index, enum session_end why, usec_t now)
{
	struct session_record record;

	if (engine->log_level == FLOW_LOG_OFF)
		return;
	session_describe(engine, index, why, now, &record);
	engine->config.log(engine->config.context, &record);
}

// No longer one of the live: gauges, lists and the log.
static void retire(struct flow_engine *engine, uint32_t index, enum session_end why, usec_t now)
{
	struct session *s = engine_session(engine, index);

	log_end(engine, index, why, now);
	if (!(s->flags & SESSION_IS_ANSWERED))
		leave_unanswered(engine, s);
	counter_sub(&listener_stats(engine, s)->sessions, 1);
	counter_sub(&target_stats(engine, s)->sessions, 1);
	counter_sub(&engine->config.stats->sessions, 1);
}

void session_linger(struct flow_engine *engine, uint32_t index, enum session_end why, usec_t now)
{
	struct session *s = engine_session(engine, index);
	const struct tracker *t = &s->tracker;
	usec_t timeout =
		t->state == SESSION_TIME_WAIT ? SESSION_TIME_WAIT_TIMEOUT : SESSION_RESET_TIMEOUT;

	retire(engine, index, why, now);
	s->flags |= SESSION_IS_LINGERING;
	session_list_append(engine, &engine->lingering, index);
	wheel_arm(&engine->wheel, index, now + timeout);
	if (s->flags & SESSION_HAS_PORT) {
		port_pool_linger(&engine->ports, session_port_pool(engine, s),
			be16_to_host(s->leg[1].key.destination_port), t->side[0].end,
			t->flags & TRACKER_TARGET_WAITS, now);
		counter_set(&engine->config.stats->nat_ports_in_use, engine->ports.ports_used);
	}
}

// The numbers that each end must accept (RFC 9293 section 3.10.7.4, RFC 5961 section 3.2): exactly
// what it last said to expect.
static void send_reset(struct flow_engine *engine, const struct session *s, unsigned int to)
{
	const struct tracker *t = &s->tracker;
	const struct session_leg *leg = &s->leg[to];
	bool has_peer = t->state != SESSION_NEW;

	engine->config.reset(
		engine->config.context, &(struct flow_reset){
						.key = flow_key_reverse(&leg->key),
						.sequence = has_peer  ? t->side[to].acknowledged
							    : to == 1 ? t->side[0].end
								      : 0,
						.acknowledgement = t->side[to].end,
						.ack = has_peer || to == 0,
						.netif = leg->egress,
						.neighbour = leg->neighbour,
					});
}

static void send_resets(struct flow_engine *engine, const struct session *s, enum session_end why)
{
	if (!session_is_tcp(s) || (s->flags & SESSION_IS_LINGERING))
		return;
	if (s->flags & SESSION_IS_ANSWERED || why == SESSION_END_KILLED ||
		why == SESSION_END_DRAINED || why == SESSION_END_SHUTDOWN) {
		send_reset(engine, s, 0);
		send_reset(engine, s, 1);
	} else if (s->tracker.state == SESSION_SYN_RECEIVED) {
		// The target holds half a connection. The client may be no one, or asks again.
		send_reset(engine, s, 1);
	}
}

void session_end(struct flow_engine *engine, uint32_t index, enum session_end why, usec_t now)
{
	struct session *s = engine_session(engine, index);
	uint64_t seed = engine->config.seed;

	send_resets(engine, s, why);
	if (s->flags & SESSION_IS_LINGERING)
		session_list_remove(engine, &engine->lingering, index);
	else
		retire(engine, index, why, now);
	wheel_cancel(&engine->wheel, index);
	for (uint8_t d = 0; d < 2; d++)
		flow_table_remove(&engine->table, flow_key_hash(&s->leg[d].key, seed),
			flow_reference(index, d));
	if (s->flags & SESSION_HAS_PORT) {
		port_pool_give(&engine->ports, session_port_pool(engine, s),
			be16_to_host(s->leg[1].key.destination_port), s->tracker.side[0].end,
			s->tracker.flags & TRACKER_TARGET_WAITS, now);
		counter_set(&engine->config.stats->nat_ports_in_use, engine->ports.ports_used);
	}
	s->tracker.state = SESSION_FREE;
	engine->ended++;
	pool_put(&engine->sessions, index);
}

uint32_t flow_engine_end_all(
	struct flow_engine *engine, const struct snapshot *snapshot, usec_t now)
{
	uint32_t ended = 0;

	for (uint32_t i = 0; i < engine->sessions.touched; i++) {
		if (engine_session(engine, i)->tracker.state == SESSION_FREE)
			continue;
		session_end(engine, i, SESSION_END_SHUTDOWN, now);
		ended++;
	}
	return ended;
}

void session_evict(struct flow_engine *engine, uint32_t index, usec_t now)
{
	// A UDP exchange that had its reply lost nothing.
	if (engine_session(engine, index)->tracker.state < SESSION_ESTABLISHED)
		stats_drop(engine->config.stats, DROP_SESSION_EVICTED);
	session_end(engine, index, SESSION_END_EVICTED, now);
}
