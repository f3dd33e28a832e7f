// SPDX-License-Identifier: BSD-3-Clause
// Path MTU: what routers say, believed only about segments in flight (RFC 1191, RFC 8201, RFC
// 5927), what silence says when large segments vanish again and again, and, at a slow pace, whether
// more passes by now: one segment of new data at a time is sent larger (RFC 4821 7, RFC 8899 5.3).
#include "tcp/engine_impl.h"

enum {
	MTU_MIN4 = 576,  // RFC 1122 3.3.2; smaller claims are taken for this
	MTU_MIN6 = 1280, // RFC 8200 5
	MTU_SAFE = 1280, // where a black hole is searched no further
	TIMEOUTS_MAX = 3,
	TIMESTAMPS_BYTES = 12,
	SEARCH_STEP = 16, // no nearer than this
	// More narrow places than a path has: each has all that is too big sent again.
	LOWERED_MAX = 8,
};

#define RAISE_WAIT (600 * USEC_PER_SECOND) // RFC 8899 5.1.1, PMTU_RAISE_TIMER
#define PROBE_WAIT (5 * USEC_PER_SECOND)   // between probes of one search

uint16_t mss_of_mtu(const struct tcp_connection *c, uint16_t mtu)
{
	return (uint16_t)(mtu - (is_v4(c) ? 40 : 60));
}

// Payload of a full segment in packets of that size. RFC 6691: options come off.
static uint16_t payload_of_mtu(const struct tcp_connection *c, uint16_t mtu)
{
	uint32_t mss = u32_min(mss_of_mtu(c, mtu), c->peer_mss);

	return (uint16_t)(c->flags & TCP_HAS_TIMESTAMPS ? mss - TIMESTAMPS_BYTES : mss);
}

void path_mtu_set(struct tcp_engine *e, struct tcp_connection *c, uint16_t mtu)
{
	(void)e;
	c->mtu = mtu;
	c->mss = payload_of_mtu(c, mtu);
}

static void probe_wait(const struct tcp_engine *e, struct tcp_connection *c, usec_t wait)
{
	c->mtu_probe = 0;
	c->mtu_probe_at = engine_tick(e) + (uint32_t)(wait >> TICK_SHIFT);
}

// All of the way's own MTU at first; then half way to what did not pass.
static uint16_t probe_size(const struct tcp_engine *e, const struct tcp_connection *c)
{
	uint16_t most = profile_of(e, c)->mtu;

	return c->mtu_ceiling == 0 ? most : (uint16_t)((c->mtu + c->mtu_ceiling) / 2);
}

uint32_t path_mtu_probe(const struct tcp_engine *e, struct tcp_connection *c)
{
	uint32_t payload;

	if (c->mtu >= profile_of(e, c)->mtu || c->mtu_probe != 0 || c->recovery != TCP_OPEN ||
		c->sacked_bytes > 0 || seq_before(engine_tick(e), c->mtu_probe_at))
		return 0;
	payload = payload_of_mtu(c, probe_size(e, c));
	return payload > c->mss ? payload : 0;
}

void path_mtu_probe_sent(struct tcp_engine *e, struct tcp_connection *c)
{
	tcp_count(e, path_mtu_probes);
	c->mtu_probe = probe_size(e, c);
	c->mtu_probe_end = c->snd_nxt;
}

static void probe_failed(struct tcp_engine *e, struct tcp_connection *c)
{
	bool is_over = c->mtu_probe - c->mtu < 2 * SEARCH_STEP;

	c->mtu_ceiling = is_over ? 0 : c->mtu_probe;
	probe_wait(e, c, is_over ? RAISE_WAIT : PROBE_WAIT);
}

void path_mtu_acknowledged(struct tcp_engine *e, struct tcp_connection *c)
{
	bool is_over;

	if (c->mtu_probe == 0 || seq_before(c->snd_una, c->mtu_probe_end))
		return;
	tcp_count(e, path_mtu_raised);
	c->mtu_lowered = 0;
	path_mtu_set(e, c, c->mtu_probe);
	is_over = c->mtu_ceiling == 0 || c->mtu_ceiling - c->mtu < 2 * SEARCH_STEP;
	if (is_over)
		c->mtu_ceiling = 0;
	probe_wait(e, c, is_over ? RAISE_WAIT : PROBE_WAIT);
}

// The congestion window shrinks as for any loss: once a search step, which is seldom.
void path_mtu_retransmitted(
	struct tcp_engine *e, struct tcp_connection *c, uint32_t sequence, uint32_t length)
{
	uint32_t start = c->mtu_probe_end - payload_of_mtu(c, c->mtu_probe);

	if (c->mtu_probe != 0 && seq_before(start, sequence + length) &&
		seq_before(sequence, c->mtu_probe_end))
		probe_failed(e, c);
}

static uint16_t mtu_floor(const struct tcp_connection *c)
{
	return is_v4(c) ? MTU_MIN4 : MTU_MIN6;
}

// The entries from b to `end` left in one packet: they are lost if it was too big. What was sent
// again since had a packet of its own.
static void packet_judge(struct tcp_connection *c, struct buffer *b, struct buffer *end)
{
	uint32_t bytes = (end ? tcp_entry(end)->sequence : c->snd_end) - tcp_entry(b)->sequence;

	for (; b != end; b = tcp_entry(b)->next)
		if (b->length > c->mss || (bytes > c->mss && tcp_entry(b)->transmissions == 1))
			entry_mark_lost(c, b);
}

// Sends again at the new size what the router dropped. That is no sign of congestion.
static void lowered(struct tcp_engine *e, struct tcp_connection *c, uint16_t mtu)
{
	struct buffer *first = c->send_head;

	path_mtu_set(e, c, mtu);
	c->mtu_ceiling = 0;
	probe_wait(e, c, RAISE_WAIT);
	// What duplicates stood for is not told apart from what is lost now.
	if (!(c->flags & TCP_HAS_SACK))
		c->sacked_bytes = 0;
	while (first && first != c->unsent) {
		struct buffer *end = tcp_entry(first)->next;

		while (end && end != c->unsent && (tcp_entry(end)->marks & TCP_MARK_JOINED))
			end = tcp_entry(end)->next;
		packet_judge(c, first, end);
		first = end;
	}
	flush_add(e, c);
}

// The third timeout in a row of a segment that MTU_SAFE would divide, while smaller ones may pass.
void path_mtu_timeout(struct tcp_engine *e, struct tcp_connection *c)
{
	if (c->mtu <= MTU_SAFE || c->send_head == NULL ||
		tcp_entry_end(c->send_head) - c->snd_una <= payload_of_mtu(c, MTU_SAFE))
		return;
	if (++c->large_lost < TIMEOUTS_MAX)
		return;
	c->large_lost = 0;
	tcp_count(e, path_black_holes);
	path_mtu_set(e, c, MTU_SAFE);
	c->mtu_ceiling = 0;
	probe_wait(e, c, RAISE_WAIT);
}

static enum drop_reason too_big(struct tcp_engine *e, struct tcp_connection *c, uint32_t mtu)
{
	uint32_t floor = mtu_floor(c);
	uint32_t believed = mtu < floor ? floor : mtu;

	// About a probe: its answer is better than a guess.
	if (c->mtu_probe != 0 && believed >= c->mtu && believed < c->mtu_probe) {
		lowered(e, c, (uint16_t)believed);
		return DROP_NONE;
	}
	if (believed >= c->mtu || c->mtu_lowered == LOWERED_MAX)
		return DROP_ICMP_IGNORED;
	c->mtu_lowered++;
	tcp_count(e, path_mtu_lowered);
	lowered(e, c, (uint16_t)believed);
	return DROP_NONE;
}

// What no repetition changes: RFC 1122 4.2.3.9, RFC 1812 5.2.7.1, RFC 5461 2.
static bool is_hard(const struct tcp_connection *c, const struct icmp_quote *quote)
{
	static const uint32_t hard4 =
		1u << 2 | 1u << ICMP4_CODE_PORT | 1u << 9 | 1u << 10 | 1u << ICMP4_CODE_ADMIN;
	static const uint32_t hard6 = 1u << ICMP6_CODE_ADMIN | 1u << ICMP6_CODE_PORT;

	if (quote->code > 31)
		return false;
	if (is_v4(c))
		return quote->type == ICMP4_UNREACHABLE && hard4 >> quote->code & 1;
	return (quote->type == ICMP6_UNREACHABLE && hard6 >> quote->code & 1) ||
	       (quote->type == ICMP6_PARAMETER_PROBLEM && quote->code == 1);
}

static bool is_known(const struct tcp_connection *c, const struct icmp_quote *quote)
{
	if (is_v4(c))
		return quote->type == ICMP4_UNREACHABLE || quote->type == ICMP4_TIME_EXCEEDED ||
		       quote->type == ICMP4_PARAMETER_PROBLEM;
	return quote->type == ICMP6_UNREACHABLE || quote->type == ICMP6_TIME_EXCEEDED ||
	       quote->type == ICMP6_PARAMETER_PROBLEM;
}

// RFC 5927 5: hard errors end no synchronized connection; before that the SYN has failed.
enum drop_reason tcp_icmp_error(
	struct tcp_engine *engine, const struct icmp_quote *quote, usec_t now)
{
	struct flow_key in = key_reverse(&quote->key);
	struct tcp_connection *c = connection_find(engine, &in);

	engine->now = now;
	if (c == NULL || c->state == TCP_CLOSED || c->state == TCP_TIME_WAIT)
		return DROP_ICMP_NO_SESSION;
	// Only who saw the segment knows what is outstanding.
	if (seq_before(quote->tcp_sequence, c->snd_una) ||
		!seq_before(quote->tcp_sequence, c->snd_nxt))
		return DROP_ICMP_IGNORED;
	if (quote->is_too_big)
		return too_big(engine, c, quote->next_hop_mtu);
	if (!is_known(c, quote))
		return DROP_ICMP_IGNORED;
	if (c->state == TCP_SYN_SENT && is_hard(c, quote))
		connection_fail(engine, c, EHOSTUNREACH);
	else
		connection_trouble(engine, c, EHOSTUNREACH);
	return DROP_NONE;
}
