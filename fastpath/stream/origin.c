// SPDX-License-Identifier: BSD-3-Clause
// Targets that are spoken to under a layer: the handshake with one, after its connection is
// established and before any payload goes there.
#include "core/chain.h"
#include "slowpath/msg.h"
#include "stream/relay_impl.h"
#include "stream/secure.h"

// Our PROXY protocol header goes before the layer, as it does elsewhere. A copy of it: the next
// target gets it too, should this one fail.
static bool header_send(struct relay *r, struct relay_session *s)
{
	struct buffer *b;

	if (s->header == 0)
		return true;
	b = r->config.buffers->get(r->config.buffers, s->header);
	if (!b)
		return false;
	b->length = (uint16_t)chain_copy(s->preface, 0, s->header, buffer_data(b));
	b->total_length = b->length;
	(void)tcp_send(r->tcp, s->connection[LEG_TARGET], b, 0, r->now);
	return true;
}

static void begin(struct relay *r, struct relay_session *s, uint32_t profile)
{
	const struct snapshot_listener *listener = relay_session_listener(r, s);
	usec_t allowed = listener ? listener->connect_timeout : UINT64_MAX;
	struct flow_key client = relay_session_announced(r, s);

	if (secure_begin(r, s, LEG_TARGET, profile, NULL, &client))
		wheel_arm(&r->wheel, session_index(r, s),
			r->now + u64_min(allowed, r->config.slow->timeout));
	else
		relay_session_refuse(r, s, DROP_TLS_LEGS_FULL);
}

bool relay_origin_begin(struct relay *r, struct relay_session *s)
{
	const struct snapshot_upstream *upstream = relay_session_upstream(r, s);

	if (nx_likely(!upstream || upstream->security == 0))
		return false;
	if (header_send(r, s))
		begin(r, s, upstream->security);
	else
		relay_session_refuse(r, s, DROP_NO_BUFFER);
	return true;
}

void relay_origin_secured(struct relay *r, struct relay_session *s)
{
	if (s->header > 0)
		s->preface = chain_skip(s->preface, s->header, r->config.buffers);
	s->header = 0;
	relay_session_opened(r, s);
	if (s->flags & RELAY_BROKEN)
		secure_break(r, s);
}

static void timeout_tell(struct relay *r, const struct relay_session *s)
{
	flow_engine_notice(r->config.flow, &(struct worker_event){
						   .kind = EVENT_KIND_TLS_UPSTREAM_FAILED,
						   .subject = s->target,
						   .count = 1,
						   .time = r->now,
						   .address = s->to.destination,
						   .port = be16_to_host(s->to.destination_port),
					   });
}

// What the target does wrong costs it the session, as a refused connection would; but one that may
// be somebody else is not stepped over: whoever is in the middle of one way could push sessions to
// the next.
void relay_origin_failed(struct relay *r, struct relay_session *s, enum session_end why)
{
	switch (why) {
	case SESSION_END_UNTRUSTED:
		stats_drop(r->config.stats, DROP_TLS_TARGET_UNTRUSTED);
		break;
	case SESSION_END_UNANSWERED:
		stats_drop(r->config.stats, DROP_TLS_TARGET_TIMEOUT);
		timeout_tell(r, s);
		break;
	case SESSION_END_CLOSED:
		stats_drop(r->config.stats, DROP_TLS_TARGET_HANDSHAKE);
		break;
	default:
		stats_drop(r->config.stats,
			why == SESSION_END_EVICTED ? DROP_TLS_CROWDED : DROP_TLS_REFUSED);
		break;
	}
	// The alert leaves before the end.
	if (why == SESSION_END_CLOSED || why == SESSION_END_UNTRUSTED)
		relay_session_target_leave(r, s);
	if (why == SESSION_END_CLOSED || why == SESSION_END_UNANSWERED)
		relay_session_try_another(
			r, s, why == SESSION_END_CLOSED ? SESSION_END_REFUSED : why);
	else if (s->flags & RELAY_IS_HTTP)
		relay_gateway_unreached(r, s, SESSION_END_REFUSED);
	else
		relay_session_end(r, s, why, true);
}
