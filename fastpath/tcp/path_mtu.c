// SPDX-License-Identifier: BSD-3-Clause
// Path MTU: what routers say, believed only about segments in flight (RFC 1191, RFC 8201, RFC
// 5927), and what silence says when large segments vanish again and again (RFC 4821, RFC 8899).
#include "tcp/engine_impl.h"

enum {
	MTU_MIN4 = 576,  // RFC 1122 3.3.2; smaller claims are taken for this
	MTU_MIN6 = 1280, // RFC 8200 5
	MTU_SAFE = 1280, // where a black hole is searched no further
	TIMEOUTS_MAX = 3,
	TIMESTAMPS_BYTES = 12,
};

uint16_t mss_of_mtu(const struct tcp_connection *c, uint16_t mtu)
{
	return (uint16_t)(mtu - (is_v4(c) ? 40 : 60));
}

void path_mtu_set(struct tcp_engine *e, struct tcp_connection *c, uint16_t mtu)
{
	uint32_t mss;

	(void)e;
	c->mtu = mtu;
	mss = u32_min(mss_of_mtu(c, mtu), c->peer_mss);
	// RFC 6691: options come off.
	if (c->flags & TCP_HAS_TIMESTAMPS)
		mss -= TIMESTAMPS_BYTES;
	c->mss = (uint16_t)mss;
}

static uint16_t mtu_floor(const struct tcp_connection *c)
{
	return is_v4(c) ? MTU_MIN4 : MTU_MIN6;
}

// Sends again at the new size what the router dropped.
static void lowered(struct tcp_engine *e, struct tcp_connection *c, uint16_t mtu)
{
	path_mtu_set(e, c, mtu);
	for (struct buffer *b = c->sent.head; b;) {
		struct buffer *next = tcp_entry(b)->other_next;

		if (b->length > c->mss)
			entry_mark_lost(c, b);
		b = next;
	}
	flush_add(e, c);
}

// The third timeout of a full segment in a row while small ones may pass.
void path_mtu_timeout(struct tcp_engine *e, struct tcp_connection *c)
{
	if (c->send_head == NULL || c->send_head->length < c->mss || c->mtu <= MTU_SAFE)
		return;
	if (++c->large_lost < TIMEOUTS_MAX)
		return;
	c->large_lost = 0;
	tcp_count(e, path_black_holes);
	path_mtu_set(e, c, MTU_SAFE);
}

static enum drop_reason too_big(struct tcp_engine *e, struct tcp_connection *c, uint32_t mtu)
{
	uint32_t floor = mtu_floor(c);
	uint32_t believed = mtu < floor ? floor : mtu;

	if (believed >= c->mtu)
		return DROP_ICMP_IGNORED;
	tcp_count(e, path_mtu_lowered);
	lowered(e, c, (uint16_t)believed);
	return DROP_NONE;
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
	if (c->state != TCP_SYN_SENT ||
		quote->type != (is_v4(c) ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE))
		return DROP_ICMP_IGNORED;
	connection_fail(engine, c, EHOSTUNREACH);
	return DROP_NONE;
}
