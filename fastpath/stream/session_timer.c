// SPDX-License-Identifier: BSD-3-Clause
// How long a session may be silent, and what its timer finds.
#include "stream/limit.h"
#include "stream/relay_impl.h"
#include "stream/secure.h"

static usec_t close_timeout(const struct relay *r, const struct relay_session *s)
{
	const struct snapshot_listener *l = relay_session_listener(r, s);

	return l ? l->close_timeout : RELAY_CLOSE_TIMEOUT;
}

usec_t relay_session_silence_allowed(const struct relay *r, const struct relay_session *s)
{
	const struct snapshot_listener *l = relay_session_listener(r, s);
	usec_t idle = !l || l->idle_timeout == 0 ? UINT64_MAX : l->idle_timeout;

	if (s->flags & RELAY_IS_CLOSING)
		return close_timeout(r, s);
	if (s->flags & (leg_flag(RELAY_END, LEG_CLIENT) | leg_flag(RELAY_END, LEG_TARGET)))
		return u64_min(idle, SESSION_HALF_CLOSED_MAX);
	return idle;
}

// A peer that takes what waits for it, however slowly, is not silent.
static void note_progress(struct relay *r, struct relay_session *s)
{
	struct tcp_info info[2];
	uint32_t acknowledged;

	for (unsigned int leg = 0; leg < 2; leg++)
		tcp_info_get(r->tcp, s->connection[leg], &info[leg]);
	acknowledged = info[0].send_unacknowledged + info[1].send_unacknowledged;
	if (info[0].send_queued + info[1].send_queued > 0 && acknowledged != s->acknowledged)
		s->heard = r->now;
	s->acknowledged = acknowledged;
}

void relay_session_closing(struct relay *r, struct relay_session *s)
{
	s->flags |= RELAY_IS_CLOSING;
	s->heard = r->now;
	// What was acknowledged until now is no progress later.
	note_progress(r, s);
	wheel_arm(&r->wheel, session_index(r, s), r->now + close_timeout(r, s));
}

// The client's, or the target's. It got no keys in its time.
static void handshake_unanswered(struct relay *r, struct relay_session *s, unsigned int leg)
{
	secure_unanswered(r, s, leg);
	relay_session_keys_missing(r, s, leg, SESSION_END_UNANSWERED);
}

// Whether a handshake was what the session waited for.
static bool handshake_timer(struct relay *r, struct relay_session *s)
{
	if (is_mirroring(s->flags))
		return secure_mirror_timer(r, s);
	if (s->flags & leg_flag(RELAY_AWAITS_KEYS, LEG_CLIENT))
		handshake_unanswered(r, s, LEG_CLIENT);
	else if (s->flags & leg_flag(RELAY_AWAITS_KEYS, LEG_TARGET))
		handshake_unanswered(r, s, LEG_TARGET);
	else
		return false;
	return true;
}

// What waits for its bound moves on. Waiting is our doing, so the session is not silent.
static void limits_go_on(struct relay *r, struct relay_session *s)
{
	if (relay_limit_due(r, s) != UINT64_MAX)
		s->heard = r->now;
	relay_session_pump(r, s, LEG_CLIENT);
	relay_session_pump(r, s, LEG_TARGET);
}

void relay_session_timer(struct relay *r, uint32_t index)
{
	struct relay_session *s = session_at(r, index);
	usec_t allowed, silent, due;

	if (s->flags & RELAY_AWAITS_HEADER) {
		relay_session_refuse(r, s, DROP_PROXY_HEADER);
		return;
	}
	if (s->flags & RELAY_IS_PARKED) {
		relay_parked_timer(r, s);
		return;
	}
	if (handshake_timer(r, s))
		return;
	if (s->flags & RELAY_IS_HTTP) {
		relay_gateway_timer(r, s);
		return;
	}
	if (awaits_target(s->flags)) {
		relay_session_connect_failed(r, s, SESSION_END_UNANSWERED);
		return;
	}
	if (!(s->flags & RELAY_IS_OPEN)) {
		relay_session_end(r, s, SESSION_END_UNANSWERED, true);
		return;
	}
	if (s->flags & RELAY_IS_LIMITED)
		limits_go_on(r, s);
	allowed = relay_session_silence_allowed(r, s);
	note_progress(r, s);
	silent = r->now - s->heard;
	if (silent >= allowed) {
		relay_session_end(r, s, SESSION_END_IDLE, true);
		return;
	}
	due = r->now + u64_min(allowed - silent, SESSION_RECHECK);
	if (s->flags & RELAY_IS_LIMITED)
		due = u64_min(due, relay_limit_due(r, s));
	wheel_arm(&r->wheel, index, due);
}
