// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/engine_impl.h"

static void default_u32(uint32_t *value, uint32_t otherwise)
{
	if (*value == 0)
		*value = otherwise;
}

static void default_u8(uint8_t *value, uint8_t otherwise)
{
	if (*value == 0)
		*value = otherwise;
}

// What tells stacks apart in a handshake. Linux: packets numbered from a random number for each
// connection, but for the answer to a SYN and resets of no connection; window of as many whole
// segments as 64 KiB hold. FreeBSD: RFC 6864, no numbers. Windows: no timestamps; such a window in
// its SYN alone.
static const struct {
	uint32_t flags;
	uint8_t hop_limit;
	uint8_t window_scale; // 0: by memory
	uint8_t retries_syn;
	bool asks_for_segments; // its SYN's window is of whole segments; its answer's, too
	bool answers_with_segments;
	bool counts_packets;
	bool counts_answers;
} looks[TCP_LOOK_COUNT] = {
	[TCP_LOOK_DEFAULT] = {.hop_limit = 64, .retries_syn = 7}, // three minutes: RFC 9293 3.8.3
	[TCP_LOOK_LINUX] = {.hop_limit = 64,
		.window_scale = 7,
		.retries_syn = 6,
		.asks_for_segments = true,
		.answers_with_segments = true,
		.counts_packets = true},
	[TCP_LOOK_FREEBSD] = {.hop_limit = 64, .window_scale = 6, .retries_syn = 4},
	[TCP_LOOK_WINDOWS] = {.flags = TCP_NO_TIMESTAMPS,
		.hop_limit = 128,
		.window_scale = 8,
		.retries_syn = 4,
		.asks_for_segments = true,
		.counts_packets = true,
		.counts_answers = true},
};

uint32_t profile_window(const struct tcp_profile *p, uint32_t payload, bool answer)
{
	bool segments =
		answer ? looks[p->look].answers_with_segments : looks[p->look].asks_for_segments;

	if (!segments || payload == 0)
		return p->initial_window;
	return u32_min(65536 / payload * payload, UINT16_MAX);
}

bool profile_counts_packets(const struct tcp_profile *p)
{
	return looks[p->look].counts_packets;
}

bool profile_counts_answers(const struct tcp_profile *p)
{
	return looks[p->look].counts_answers;
}

enum {
	DELAYED_ACK_MAX_US = 499 * 1000,       // RFC 9293 3.8.6.3
	SILENCE_MAX_MS = 3 * 24 * 3600 * 1000, // the clock of ticks goes round in 76 hours
};

void profile_defaults(struct tcp_profile *p)
{
	if (p->look >= TCP_LOOK_COUNT)
		p->look = TCP_LOOK_DEFAULT;
	p->flags |= looks[p->look].flags;
	default_u8(&p->hop_limit, looks[p->look].hop_limit);
	if (looks[p->look].window_scale != 0)
		p->window_scale = looks[p->look].window_scale;
	p->dscp &= DSCP_MAX;
	default_u8(&p->acknowledge_every, 2);
	if (p->acknowledge_every > 8)
		p->acknowledge_every = 8;
	default_u8(&p->retries_syn, looks[p->look].retries_syn);
	default_u8(&p->keepalive_probes, 9);
	if (p->congestion >= TCP_CONGESTION_COUNT)
		p->congestion = TCP_CONGESTION_CUBIC;
	if (p->mtu == 0)
		p->mtu = 1500;
	// Less than this carries no segment worth a header (RFC 791: 576, RFC 8200: 1,280).
	if (p->mtu < 576)
		p->mtu = 576;
	default_u32(&p->receive_memory, 4u << 20);
	default_u32(&p->send_memory, 4u << 20);
	default_u32(&p->initial_window, 65535);
	// Less than a step of its scale would be shown as shut for ever.
	p->initial_window = u32_max(p->initial_window, 1u << window_scale_choose(p));
	default_u32(&p->delayed_ack_us, 40 * USEC_PER_MILLISECOND);
	default_u32(&p->rto_min_us, 200 * USEC_PER_MILLISECOND);
	default_u32(&p->time_wait_us, 60 * USEC_PER_SECOND);
	default_u32(&p->fin_wait_us, 60 * USEC_PER_SECOND);
	default_u32(&p->keepalive_interval_ms, 75 * 1000);
	default_u32(&p->user_timeout_ms, 15 * 60 * 1000);
	p->delayed_ack_us = u32_min(p->delayed_ack_us, DELAYED_ACK_MAX_US);
	p->keepalive_idle_ms = u32_min(p->keepalive_idle_ms, SILENCE_MAX_MS);
	p->user_timeout_ms = u32_min(p->user_timeout_ms, SILENCE_MAX_MS);
}

void tcp_profile_set(struct tcp_engine *engine, uint16_t index, const struct tcp_profile *profile)
{
	nx_bug_on(index >= TCP_PROFILES_MAX);
	engine->profiles[index] = *profile;
	profile_defaults(&engine->profiles[index]);
}
