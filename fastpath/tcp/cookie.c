// SPDX-License-Identifier: BSD-3-Clause
// SYN cookies, for when half-open connections have used up their share: the SYN-ACK's sequence
// number proves that the peer saw it, and carries the MSS; its timestamp carries window scale and
// SACK. Nothing is kept. The secret is the engine's, changed with the minute; a cookie is good in
// the minute of its making and the next.
#include "tcp/engine_impl.h"

#include "pkt/tcp_options.h"

enum {
	PURPOSE_COOKIE = 4,
	PERIOD_US = 60000000,
	MSS_BITS = 3,
	CODE_BITS = 6, // low bits of the timestamp: scale (4, 15 = none), SACK, ECN
	SCALE_NONE = 15,
};

static const uint16_t mss_classes[1 << MSS_BITS] = {64, 512, 536, 1024, 1220, 1300, 1440, 1460};

static uint32_t period_of(const struct tcp_engine *e)
{
	return (uint32_t)(e->now / PERIOD_US);
}

// 29 bits of proof and 3 of MSS class. `period` keys it anew each minute.
static uint32_t cookie_of(const struct tcp_engine *e, const struct flow_key *key, uint32_t sequence,
	uint32_t period, uint32_t mss_class)
{
	uint64_t more = (uint64_t)period << 32 | sequence;
	uint64_t hash =
		siphash_flow(&e->key, key, more ^ (uint64_t)mss_class << 61, PURPOSE_COOKIE);

	return (uint32_t)hash << MSS_BITS | mss_class;
}

static uint32_t mss_class_of(uint16_t mss)
{
	uint32_t class = (1 << MSS_BITS) - 1;

	while (class > 0 && mss_classes[class] > mss)
		class --;
	return class;
}

// The latest timestamp up to now that ends in the code: the clock must not seem to go back after it
// (RFC 7323 5.3).
static uint32_t timestamp_with(uint32_t now, uint32_t code)
{
	uint32_t value = (now & ~((1u << CODE_BITS) - 1)) | code;

	return seq_before(now, value) ? value - (1u << CODE_BITS) : value;
}

void cookie_answer(struct tcp_engine *e, const struct tcp_listener *l, struct tcp_segment *s,
	const struct tcp_options *o)
{
	const struct tcp_profile *p = &e->profiles[l->profile];
	const struct flow_key *key = &s->packet->key;
	struct flow_key out = key_reverse(key);
	bool v4 = ip_address_is_v4(&key->source);
	uint16_t mss = o->has_mss ? o->mss : v4 ? DEFAULT_MSS4 : DEFAULT_MSS6;
	struct syn_options answer = {
		.mss = (uint16_t)(p->mtu - (v4 ? 40 : 60)), .window_scale = -1, .look = p->look};
	uint32_t cookie = cookie_of(e, key, s->sequence, period_of(e), mss_class_of(mss));

	if (p->mss_max != 0 && answer.mss > p->mss_max)
		answer.mss = p->mss_max;
	answer.timestamps = o->has_timestamps && !(p->flags & TCP_NO_TIMESTAMPS);
	if (answer.timestamps) {
		uint32_t code = SCALE_NONE;

		// Only with timestamps is there a place to remember these.
		answer.sack = o->sack_permitted && !(p->flags & TCP_NO_SACK);
		if (o->has_window_scale && !(p->flags & TCP_NO_WINDOW_SCALE)) {
			answer.window_scale = window_scale_choose(p);
			code = o->window_scale;
		}
		code |= (uint32_t)answer.sack << 4;
		answer.timestamp =
			timestamp_with(timestamp_clock(e) + timestamp_offset(e, &out), code);
		answer.echo = o->timestamp;
	}
	e->cookies_until = e->now + 2 * (usec_t)PERIOD_US;
	tcp_count(e, cookies_sent);
	segment_send_cookie(e, key, s, cookie, &answer, p);
}

// The MSS class that the acknowledged number proves, below 0 for none.
static int cookie_verify(const struct tcp_engine *e, const struct tcp_segment *s)
{
	uint32_t cookie = s->acknowledgement - 1;
	uint32_t class = cookie & ((1u << MSS_BITS) - 1);

	for (uint32_t age = 0; age < 2; age++)
		if (cookie_of(e, &s->packet->key, s->sequence - 1, period_of(e) - age, class) ==
			cookie)
			return (int)class;
	return -1;
}

static struct tcp_options options_recovered(const struct tcp_segment *s, uint32_t class)
{
	struct tcp_options o = {.has_mss = true, .mss = mss_classes[class]};

	if (!s->has_timestamps)
		return o;
	o.has_timestamps = true;
	o.timestamp = s->timestamp;
	o.sack_permitted = s->echo >> 4 & 1;
	o.has_window_scale = (s->echo & 15) != SCALE_NONE;
	o.window_scale = o.has_window_scale ? s->echo & 15 : 0;
	return o;
}

struct tcp_connection *cookie_accept(
	struct tcp_engine *e, const struct tcp_listener *l, struct tcp_segment *s)
{
	struct tcp_connection *c;
	struct tcp_options o;
	int class;

	// What is held gets no cookie.
	if (e->now >= e->cookies_until || l->is_held)
		return NULL;
	class = cookie_verify(e, s);
	if (class < 0) {
		tcp_count(e, cookies_refused);
		s->reason = DROP_TCP_BAD_COOKIE;
		return NULL;
	}
	c = connection_new(e, &s->packet->key, l->profile);
	if (c == NULL) {
		s->reason = DROP_TCP_CONNECTIONS_FULL;
		return NULL;
	}
	o = options_recovered(s, (uint32_t) class);
	c->flags = TCP_IS_PASSIVE | TCP_FROM_COOKIE;
	c->listener = l->number;
	c->context = l->context;
	handshake_init(e, c, NULL);
	c->iss = s->acknowledgement - 1;
	c->snd_una = c->iss;
	c->snd_nxt = c->snd_end = s->acknowledgement;
	c->irs = s->sequence - 1;
	c->rcv_nxt = s->sequence;
	c->rcv_edge = s->sequence + u32_min(profile_of(e, c)->initial_window, UINT16_MAX);
	c->last_ack_sent = s->sequence;
	handshake_adopt(e, c, &o);
	state_set(e, c, TCP_SYN_RECEIVED);
	tcp_count(e, cookies_accepted);
	return c;
}
