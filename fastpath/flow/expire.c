// SPDX-License-Identifier: BSD-3-Clause
#include "flow/engine_impl.h"

usec_t session_silence_allowed(const struct session *s, const struct snapshot *snapshot)
{
	const struct snapshot_listener *l =
		s->listener < snapshot->listener_limit ? snapshot->listeners[s->listener] : NULL;
	usec_t idle = !l || l->idle_timeout == 0 ? UINT64_MAX : l->idle_timeout;

	switch (s->tracker.state) {
	case SESSION_CLIENT_CLOSED:
	case SESSION_TARGET_CLOSED:
		return u64_min(idle, SESSION_HALF_CLOSED_MAX);
	case SESSION_CLOSING:
		return u64_min(idle, SESSION_CLOSING_TIMEOUT);
	default:
		return idle;
	}
}

// Ends a session that was silent for as long as it may be; else its timer runs again.
static void expire_silent(struct flow_engine *engine, const struct snapshot *snapshot,
	uint32_t index, uint32_t last, usec_t now)
{
	usec_t allowed = session_silence_allowed(engine_session(engine, index), snapshot);
	usec_t silent = now - session_tick_time(last, now);

	if (silent >= allowed)
		session_end(engine, index, SESSION_END_IDLE, now);
	else
		wheel_arm(&engine->wheel, index, now + u64_min(allowed - silent, SESSION_RECHECK));
}

static void expire_unanswered(
	struct flow_engine *engine, const struct snapshot *snapshot, uint32_t index, usec_t now)
{
	struct session *s = engine_session(engine, index);

	if (!session_is_tcp(s) && (s->flags & SESSION_TARGET_REPLIED)) {
		expire_silent(engine, snapshot, index, *session_udp_last(s), now);
		return;
	}
	if (session_is_tcp(s))
		counter_add(&engine->config.stats->tcp_handshake_timeouts, 1);
	// A target that sent its SYN-ACK is well: it is the client that went away.
	if (!(s->flags & SESSION_TARGET_REPLIED))
		session_connect_failed(engine, s, now);
	session_end(engine, index, SESSION_END_UNANSWERED, now);
}

static void expire(
	struct flow_engine *engine, const struct snapshot *snapshot, uint32_t index, usec_t now)
{
	struct session *s = engine_session(engine, index);

	if (s->flags & SESSION_IS_LINGERING) {
		session_end(engine, index, SESSION_END_CLOSED, now);
		return;
	}
	if (!(s->flags & SESSION_IS_ANSWERED)) {
		expire_unanswered(engine, snapshot, index, now);
		return;
	}
	expire_silent(engine, snapshot, index, s->last, now);
}

uint32_t flow_engine_tick(
	struct flow_engine *engine, const struct snapshot *snapshot, usec_t now, uint32_t budget)
{
	uint32_t ran = 0;
	uint32_t index;

	engine_notices_flush(engine, now);
	while ((index = wheel_take_due(&engine->wheel, now, &budget)) != WHEEL_NONE) {
		expire(engine, snapshot, index, now);
		ran++;
	}
	return ran;
}
