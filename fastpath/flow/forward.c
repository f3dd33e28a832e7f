// SPDX-License-Identifier: BSD-3-Clause
#include "flow/engine_impl.h"
#include "pkt/rewrite.h"
#include "pkt/tcp_options.h"

enum {
	IPV4_TCP_HEADERS = 40,
	IPV6_TCP_HEADERS = 60
};

static inline enum flow_verdict drop(struct packet *p, enum drop_reason reason)
{
	p->reason = (uint8_t)reason;
	return FLOW_DROP;
}

// Bytes of the largest IP packet that will be sent for this one.
static inline uint32_t wire_size(const struct packet *p)
{
	if (nx_likely(!(p->flags & (PACKET_SEGMENTED | PACKET_REASSEMBLED))))
		return p->length - p->l3;
	if (p->flags & PACKET_SEGMENTED)
		return (uint32_t)(p->payload - p->l3) + p->segment_size;
	return p->segment_size;
}

// What forbids this packet to go on, whatever its session says; FLOW_FORWARD if nothing does.
static inline enum flow_verdict check_way(
	const struct snapshot *snapshot, struct packet *p, uint16_t egress)
{
	p->egress = egress;
	if (nx_unlikely(egress >= snapshot->netif_count))
		return drop(p, DROP_PORT_DOWN);
	if (nx_unlikely(p->hop_limit <= 1))
		return FLOW_HOP_LIMIT;
	// What is short is so for every interface.
	if (nx_unlikely(p->length > LEAST_MTU && wire_size(p) > snapshot->netifs[egress].mtu &&
			(p->flags & PACKET_DONT_FRAGMENT)))
		return FLOW_TOO_BIG;
	return FLOW_FORWARD;
}

static inline struct tracker_segment segment_without_options(const struct packet *p)
{
	return (struct tracker_segment){
		.sequence = be32_to_host(p->tcp_sequence),
		.acknowledgement = be32_to_host(p->tcp_acknowledgement),
		.payload = packet_payload_length(p),
		.window = be16_to_host(p->tcp_window),
		.flags = p->tcp_flags,
	};
}

// False for a SYN with malformed options.
static bool segment_of(const struct packet *p, struct tracker_segment *out)
{
	struct tcp_options options;

	*out = segment_without_options(p);
	if (nx_likely(!(p->tcp_flags & TCP_FLAG_SYN)))
		return true;
	if (tcp_options_parse(p, &options) != TCP_OPTIONS_OK)
		return false;
	out->has_scale = options.has_window_scale;
	out->scale = options.window_scale;
	out->has_timestamp = options.has_timestamps;
	out->timestamp = options.timestamp;
	return true;
}

static void clamp_mss(const struct snapshot *snapshot, struct packet *p)
{
	uint32_t in =
		p->netif < snapshot->netif_count ? snapshot->netifs[p->netif].mtu : UINT16_MAX;
	uint32_t mtu = u32_min(in, snapshot->netifs[p->egress].mtu);
	uint32_t headers = p->flags & PACKET_IS_V6 ? IPV6_TCP_HEADERS : IPV4_TCP_HEADERS;

	tcp_mss_clamp(p, (uint16_t)(mtu - headers));
}

static inline void count_traffic(
	struct slot_stats *stats, unsigned int direction, uint64_t bytes, uint64_t packets)
{
	counter_add(&stats->bytes[direction], bytes);
	counter_add(&stats->packets[direction], packets);
}

// Packets in a row of the same listener and direction, not yet counted for the listener. Targets
// change from packet to packet: they are counted at once.
struct traffic {
	uint32_t of; // listener << 1 | direction
	uint64_t bytes;
	uint64_t packets;
};

static inline void traffic_end(struct worker_stats *stats, const struct traffic *t)
{
	if (t->packets > 0)
		count_traffic(&stats->listeners[t->of >> 1], t->of & 1, t->bytes, t->packets);
}

static inline void traffic_add(struct worker_stats *stats, struct traffic *t,
	const struct session *s, unsigned int direction, uint32_t bytes)
{
	uint32_t of = (uint32_t)s->listener << 1 | direction;

	if (nx_unlikely(of != t->of)) {
		traffic_end(stats, t);
		*t = (struct traffic){.of = of};
	}
	t->bytes += bytes;
	t->packets++;
	count_traffic(&stats->targets[s->target], direction, bytes, 1);
}

// Counts in the leg on which the packet came, and makes it leave on the other.
static inline __attribute__((always_inline)) void translate(
	struct session_leg *leg, const struct session_leg *other, struct packet *p, bool is_counted)
{
	leg->packets++;
	leg->packets_high = (uint16_t)(leg->packets_high + (leg->packets == 0));
	if (is_counted)
		leg->bytes += packet_payload_length(p);
	p->neighbour = other->neighbour;
	packet_rewrite(p, &other->key,
		(struct rewrite){.l3_delta = leg->l3_delta, .l4_delta = leg->l4_delta});
}

// Counts, rewrites and sends on.
static enum flow_verdict pass(
	struct flow_engine *engine, struct session *s, struct packet *p, usec_t now)
{
	unsigned int d = p->direction;

	translate(&s->leg[d], &s->leg[!d], p, (s->flags & SESSION_IS_ANSWERED) || d == 0);
	if (!(s->flags & SESSION_IS_LINGERING)) {
		struct worker_stats *stats = engine->config.stats;
		uint32_t bytes = p->length - p->l4;

		if (s->flags & SESSION_IS_ANSWERED)
			s->last = session_tick(now);
		count_traffic(&stats->listeners[s->listener], d, bytes, 1);
		count_traffic(&stats->targets[s->target], d, bytes, 1);
	}
	return FLOW_FORWARD;
}

static enum flow_verdict open_first(struct flow_engine *engine, const struct snapshot *snapshot,
	struct packet *p, const struct tracker_segment *syn, usec_t now)
{
	enum flow_verdict verdict = session_open(engine, snapshot, p, syn, now);
	struct session *s;

	if (verdict != FLOW_FORWARD)
		return verdict;
	s = engine_session(engine, p->session);
	verdict = check_way(snapshot, p, s->leg[1].egress);
	if (verdict != FLOW_FORWARD) {
		// Nothing reached the target: no session began.
		session_end(engine, p->session, SESSION_END_UNANSWERED, now);
		p->session = PACKET_NO_SESSION;
		return verdict;
	}
	if (syn)
		clamp_mss(snapshot, p);
	return pass(engine, s, p, now);
}

// The last timestamp that the target saw on this port, for who gets the port next.
static void note_timestamp(
	struct flow_engine *engine, const struct session *s, const struct packet *p)
{
	uint32_t value;
	uint32_t echo;
	struct port_entry *entry;

	if (!(s->tracker.flags & TRACKER_TIMESTAMPS) || !(s->flags & SESSION_HAS_PORT))
		return;
	if (!tcp_timestamps_read(p, &value, &echo))
		return;
	entry = port_pool_entry(&engine->ports, session_port_pool(engine, s),
		be16_to_host(s->leg[1].key.destination_port));
	entry->timestamp = value;
	entry->flags |= PORT_HAS_TIMESTAMP;
}

// A SYN on a session that is over: a new connection, unless it may be an old duplicate.
static enum flow_verdict reopen(struct flow_engine *engine, const struct snapshot *snapshot,
	struct packet *p, const struct tracker_segment *syn, usec_t now)
{
	struct session *s = engine_session(engine, p->session);
	struct port_entry entry = {0};

	if (s->flags & SESSION_HAS_PORT)
		entry = *port_pool_entry(&engine->ports, session_port_pool(engine, s),
			be16_to_host(s->leg[1].key.destination_port));
	if (s->tracker.state == SESSION_TIME_WAIT &&
		!tracker_time_wait_accepts(syn, s->tracker.side[0].end,
			entry.flags & PORT_HAS_TIMESTAMP, entry.timestamp))
		return drop(p, DROP_TCP_BAD_STATE);
	session_end(engine, p->session, SESSION_END_CLOSED, now);
	p->session = PACKET_NO_SESSION;
	return open_first(engine, snapshot, p, syn, now);
}

// The tracker moved on: what follows from the new state.
static void follow_state(struct flow_engine *engine, struct packet *p, uint8_t before, usec_t now)
{
	struct session *s = engine_session(engine, p->session);
	uint8_t state = s->tracker.state;

	if (state == SESSION_RESET) {
		bool is_refused = !(s->flags & SESSION_IS_ANSWERED) && p->direction == 1;

		counter_add(&engine->config.stats->tcp_resets_seen, 1);
		if (is_refused && before == SESSION_NEW)
			session_connect_failed(engine, s, now);
		session_linger(engine, p->session,
			is_refused ? SESSION_END_REFUSED : SESSION_END_RESET, now);
		return;
	}
	if (state == SESSION_SYN_RECEIVED && !(s->flags & SESSION_TARGET_REPLIED)) {
		s->flags |= SESSION_TARGET_REPLIED;
		counter_add(&engine->config.stats->targets[s->target].answered, 1);
	}
	if (tracker_is_answered(&s->tracker) && !(s->flags & SESSION_IS_ANSWERED))
		session_answered(engine, s, now);
	if (state == SESSION_TIME_WAIT)
		session_linger(engine, p->session, SESSION_END_CLOSED, now);
}

static nx_noinline enum flow_verdict forward_tcp(struct flow_engine *engine,
	const struct snapshot *snapshot, struct session *s, struct packet *p, usec_t now)
{
	struct tracker_segment segment;
	uint8_t before = s->tracker.state;
	enum flow_verdict verdict;

	if (nx_unlikely(!segment_of(p, &segment)))
		return drop(p, DROP_TCP_BAD_OPTION);
	switch (tracker_input(&s->tracker, p->direction, &segment)) {
	case TRACKER_PASS:
		break;
	case TRACKER_OUT_OF_WINDOW:
		return drop(p, DROP_TCP_OUT_OF_WINDOW);
	case TRACKER_BAD_STATE:
		return drop(p, DROP_TCP_BAD_STATE);
	case TRACKER_REOPEN:
		return reopen(engine, snapshot, p, &segment, now);
	}
	if (nx_unlikely(p->tcp_flags & TCP_FLAG_SYN))
		clamp_mss(snapshot, p);
	if (nx_unlikely((p->tcp_flags & TCP_FLAG_FIN) && p->direction == 0))
		note_timestamp(engine, s, p);
	verdict = pass(engine, s, p, now);
	if (nx_unlikely(s->tracker.state != before))
		follow_state(engine, p, before, now);
	return verdict;
}

// An earlier packet of the burst may have ended the session that the lookup found, or made one.
static bool look_again(struct flow_engine *engine, struct packet *p)
{
	uint32_t reference = engine_find(engine, &p->key, p->hash);

	p->session = PACKET_NO_SESSION;
	if (reference == FLOW_REFERENCE_NONE)
		return false;
	p->session = flow_reference_session(reference);
	p->direction = flow_reference_direction(reference);
	return true;
}

static enum flow_verdict forward_unknown(
	struct flow_engine *engine, const struct snapshot *snapshot, struct packet *p, usec_t now)
{
	struct tracker_segment segment;

	if (p->kind == PACKET_UDP)
		return open_first(engine, snapshot, p, NULL, now);
	if (!segment_of(p, &segment))
		return drop(p, DROP_TCP_BAD_OPTION);
	return open_first(engine, snapshot, p, &segment, now);
}

// The first reply, and the first datagram after it.
static nx_noinline enum flow_verdict forward_unanswered(struct flow_engine *engine,
	const struct snapshot *snapshot, struct session *s, struct packet *p, usec_t now)
{
	if (p->direction == 1)
		session_replied(engine, snapshot, s, packet_payload_length(p), now);
	else if (s->flags & SESSION_TARGET_REPLIED)
		session_answered(engine, s, now);
	return pass(engine, s, p, now);
}

// A packet of the session p->session, which is live.
static enum flow_verdict forward_known(
	struct flow_engine *engine, const struct snapshot *snapshot, struct packet *p, usec_t now)
{
	struct session *s = engine_session(engine, p->session);
	enum flow_verdict verdict = check_way(snapshot, p, s->leg[!p->direction].egress);

	if (verdict != FLOW_FORWARD)
		return verdict;
	if (p->kind == PACKET_TCP)
		return forward_tcp(engine, snapshot, s, p, now);
	if (!(s->flags & SESSION_IS_ANSWERED))
		return forward_unanswered(engine, snapshot, s, p, now);
	return pass(engine, s, p, now);
}

enum flow_verdict flow_engine_forward(
	struct flow_engine *engine, const struct snapshot *snapshot, struct packet *p, usec_t now)
{
	bool is_stale = p->session == PACKET_NO_SESSION || engine->ended != engine->looked_up;

	if (is_stale && !look_again(engine, p))
		return forward_unknown(engine, snapshot, p, now);
	session_follow_routes(engine, snapshot, engine_session(engine, p->session));
	return forward_known(engine, snapshot, p, now);
}

// Whether a packet of a session asks for no more than being counted and translated. Notes in the
// tracker that a TCP segment passed if so, nothing else.
static inline __attribute__((always_inline)) bool is_plain(struct session *s, size_t direction,
	const struct session_leg *out, const struct snapshot *snapshot, struct packet *p)
{
	struct tracker_segment segment;

	if (nx_unlikely((s->flags & (SESSION_IS_ANSWERED | SESSION_IS_LINGERING)) !=
				SESSION_IS_ANSWERED ||
			!session_follows(s, snapshot) ||
			check_way(snapshot, p, out->egress) != FLOW_FORWARD))
		return false;
	if (p->kind == PACKET_UDP)
		return true;
	segment = segment_without_options(p);
	return tracker_input_plain(&s->tracker, direction, &segment);
}

// Whether a lookup still holds though sessions have ended since: their places may be free, or
// others'.
static nx_noinline bool is_still(const struct session *s, const struct packet *p)
{
	return s->tracker.state != SESSION_FREE &&
	       flow_key_equal(&s->leg[p->direction].key, &p->key);
}

// is_stale: sessions may have ended since the lookup.
static inline __attribute__((always_inline)) uint32_t forward_run(struct flow_engine *engine,
	const struct snapshot *snapshot, struct packet *packets, uint32_t n, usec_t now,
	bool is_stale)
{
	struct worker_stats *stats = engine->config.stats;
	struct traffic traffic = {0};
	uint32_t tick = session_tick(now);
	uint32_t i;

	for (i = 0; i < n; i++) {
		struct packet *p = &packets[i];
		size_t direction = p->direction;
		struct session_leg *leg;
		const struct session_leg *other;
		struct session *s;

		if (nx_unlikely(p->session == PACKET_NO_SESSION))
			break;
		s = engine_session(engine, p->session);
		leg = s->leg + direction;
		other = s->leg + 1 - direction;
		if (is_stale && !is_still(s, p))
			break;
		if (nx_unlikely(!is_plain(s, direction, other, snapshot, p)))
			break;
		s->last = tick;
		translate(leg, other, p, true);
		traffic_add(stats, &traffic, s, (unsigned int)direction, p->length - p->l4);
	}
	traffic_end(stats, &traffic);
	return i;
}

static nx_noinline uint32_t forward_run_stale(struct flow_engine *engine,
	const struct snapshot *snapshot, struct packet *packets, uint32_t n, usec_t now)
{
	return forward_run(engine, snapshot, packets, n, now, true);
}

uint32_t flow_engine_forward_run(struct flow_engine *engine, const struct snapshot *snapshot,
	struct packet *packets, uint32_t n, usec_t now)
{
	if (nx_unlikely(engine->ended != engine->looked_up))
		return forward_run_stale(engine, snapshot, packets, n, now);
	return forward_run(engine, snapshot, packets, n, now, false);
}
