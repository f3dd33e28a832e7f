// SPDX-License-Identifier: BSD-3-Clause
// The target's side of a session: a place at it and a source port, the connection, another target.
#include "stream/relay_impl.h"
#include "stream/secure.h"

static struct slot_stats *target_stats(const struct relay *r, const struct relay_session *s)
{
	return &r->config.stats->targets[s->target];
}

void relay_session_target_give_back(
	struct relay *r, struct relay_session *s, const struct flow_past *past)
{
	if (s->flags & RELAY_ON_TARGET)
		counter_sub(&target_stats(r, s)->sessions, 1);
	if (s->flags & RELAY_HAS_PORT)
		flow_lease_give(r->config.flow, &s->to, past, r->now);
	s->flags &= ~(uint32_t)(RELAY_ON_TARGET | RELAY_HAS_PORT);
}

struct flow_past relay_session_past(const struct relay *r, const struct relay_session *s)
{
	struct tcp_info info;

	tcp_info_get(r->tcp, s->connection[LEG_TARGET], &info);
	return (struct flow_past){.sequence = info.send_next,
		.timestamp = info.timestamp,
		.has_timestamp = info.timestamps,
		.target_waits = true};
}

static void target_join(struct relay *r, struct relay_session *s, const struct flow_lease *lease)
{
	s->to = lease->key;
	s->target = lease->target->slot;
	s->flags |= RELAY_ON_TARGET | (lease->has_port ? RELAY_HAS_PORT : 0);
	counter_add(&target_stats(r, s)->sessions, 1);
	counter_add(&target_stats(r, s)->sessions_total, 1);
}

// Sends the SYN; of a transparent session, one that offers what the client's does.
static int target_connect(struct relay *r, struct relay_session *s, const struct flow_lease *lease,
	const struct snapshot_upstream *upstream)
{
	bool transparent = s->flags & RELAY_IS_TRANSPARENT;
	struct tcp_terms terms;
	struct tcp_past past = {.sequence = lease->past.sequence,
		.timestamp = lease->past.timestamp,
		.has_timestamp = lease->past.has_timestamp};

	if (transparent)
		tcp_terms_get(r->tcp, s->connection[LEG_CLIENT], &terms);
	return tcp_connect_after(r->tcp,
		relay_profile(r,
			&(struct relay_kind){.mtu = r->snapshot->netifs[lease->target->netif].mtu,
				.congestion = upstream->congestion,
				.look = upstream->look,
				.keepalive_s = upstream->keepalive_s,
				.user_timeout_s = upstream->user_timeout_s,
				.memory = upstream->memory,
				.ecn = upstream->ecn,
				.transparent = transparent}),
		&lease->key, lease->past.target_waits ? &past : NULL, transparent ? &terms : NULL,
		leg_context(session_index(r, s), LEG_TARGET), r->now, &s->connection[LEG_TARGET]);
}

enum drop_reason relay_session_try(
	struct relay *r, struct relay_session *s, const struct flow_key *announced, uint16_t failed)
{
	const struct snapshot_upstream *upstream = relay_session_upstream(r, s);
	const struct snapshot_listener *listener = relay_session_listener(r, s);
	struct flow_lease lease;
	struct flow_key client = relay_session_client(r, s);
	enum drop_reason reason;
	int error;

	if (!upstream || !listener)
		return DROP_NO_TARGET;
	reason = flow_lease_take(
		r->config.flow, r->snapshot, upstream, &client, announced, failed, r->now, &lease);
	if (reason != DROP_NONE)
		return reason;
	error = target_connect(r, s, &lease, upstream);
	if (error && lease.has_port)
		flow_lease_give(r->config.flow, &lease.key, &lease.past, r->now);
	if (error)
		return error == -ENOBUFS ? DROP_TCP_CONNECTIONS_FULL : DROP_NAT_CONFLICT;
	target_join(r, s, &lease);
	s->tries++;
	wheel_arm(&r->wheel, session_index(r, s), r->now + listener->connect_timeout);
	return DROP_NONE;
}

void relay_session_target_leave(struct relay *r, struct relay_session *s)
{
	struct flow_past past = relay_session_past(r, s);

	relay_session_let_go(r, s, LEG_TARGET, false);
	relay_session_target_give_back(r, s, &past);
}

void relay_session_try_another(struct relay *r, struct relay_session *s, enum session_end why)
{
	uint16_t failed = s->target;
	enum drop_reason reason = DROP_NO_TARGET;

	counter_add(&target_stats(r, s)->connect_failed, 1);
	relay_session_let_go(r, s, LEG_TARGET, true);
	// What this one target does is what a transparent client sees.
	if (s->tries < RELAY_TRIES && !(s->flags & RELAY_IS_TRANSPARENT)) {
		relay_session_target_give_back(r, s, &(struct flow_past){0});
		struct flow_key announced = relay_session_announced(r, s);

		reason = relay_session_try(r, s, &announced, failed);
	}
	if (reason == DROP_NONE)
		return;
	if (s->flags & RELAY_IS_HTTP)
		relay_gateway_unreached(r, s, why);
	else
		relay_session_end(r, s, why, true);
}

void relay_session_connect_failed(struct relay *r, struct relay_session *s, enum session_end why)
{
	bool shook = s->flags & leg_flag(RELAY_AWAITS_KEYS, LEG_TARGET);

	if (why == SESSION_END_UNANSWERED)
		counter_add(&r->config.stats->tcp_handshake_timeouts, 1);
	flow_engine_notice(
		r->config.flow, &(struct worker_event){
					.kind = shook ? EVENT_KIND_TLS_UPSTREAM_FAILED
						      : EVENT_KIND_TCP_UPSTREAM_CONNECT_FAILED,
					.subject = s->target,
					.count = 1,
					.time = r->now,
					.address = s->to.destination,
					.port = be16_to_host(s->to.destination_port),
				});
	if (shook)
		stats_drop(r->config.stats, DROP_TLS_TARGET_HANDSHAKE);
	relay_session_try_another(r, s, why);
}

enum drop_reason relay_session_connect(struct relay *r, struct relay_session *s, uint16_t upstream,
	const struct flow_key *announced)
{
	const struct snapshot_upstream *u;
	enum drop_reason reason;

	s->upstream = upstream;
	s->tries = 0;
	s->header = 0;
	relay_preface_clear(r, s);
	u = relay_session_upstream(r, s);
	if (!u || u->closing)
		return DROP_NO_TARGET;
	if (!relay_preface_write(r, s, u->proxy_protocol, announced))
		return DROP_NO_BUFFER;
	reason = relay_session_try(r, s, announced, SLOT_NONE);
	if (reason == DROP_NONE)
		return DROP_NONE;
	// The header is of this attempt: a later target must not be sent it.
	relay_preface_clear(r, s);
	s->header = 0;
	return reason;
}

void relay_session_disconnect(struct relay *r, struct relay_session *s, bool reset)
{
	struct flow_past past = {0};

	if (!reset && s->connection[LEG_TARGET] != TCP_NONE)
		past = relay_session_past(r, s);
	relay_session_let_go(r, s, LEG_TARGET, reset);
	relay_session_target_give_back(r, s, &past);
	relay_preface_clear(r, s);
	s->target = SLOT_NONE;
	s->flags &= ~leg_flag(RELAY_END | RELAY_SHUT | RELAY_DONE, LEG_TARGET);
	// What broke went with the target, unless it was the client's layer.
	if (!secure_is_broken(r, s, LEG_CLIENT))
		s->flags &= ~(uint32_t)RELAY_BROKEN;
}

void relay_session_target_move(
	struct relay *r, struct relay_session *from, struct relay_session *to)
{
	const uint32_t bits =
		RELAY_ON_TARGET | RELAY_HAS_PORT |
		leg_flag(RELAY_END | RELAY_SHUT | RELAY_DONE | RELAY_SECURE, LEG_TARGET);

	if (leg_is_secure(from, LEG_TARGET))
		secure_move(r, from, to, LEG_TARGET);
	to->connection[LEG_TARGET] = from->connection[LEG_TARGET];
	to->to = from->to;
	to->upstream = from->upstream;
	to->target = from->target;
	to->flags |= from->flags & bits;
	from->flags &= ~bits;
	from->connection[LEG_TARGET] = TCP_NONE;
	from->target = SLOT_NONE;
	tcp_context_set(
		r->tcp, to->connection[LEG_TARGET], leg_context(session_index(r, to), LEG_TARGET));
}
