// SPDX-License-Identifier: BSD-3-Clause

// Packet memory that a client can hold with segments of one byte while the target takes nothing:
// in order as far as the window goes, and ahead of holes.

#include "bench/peers.h"
#include "tcp/tcp.h"

enum {
	WINDOW = 65536,
	HELD_MAX = 8 << 20, // what a connection may hold each way (stream/relay.c), both ways
	SETTLE_TURNS = 200,
};

struct pinned {
	uint32_t segments;
	uint32_t most;
};

static void note(struct peers *p, struct pinned *out, uint32_t before)
{
	peers_turn(p);
	uint32_t now = peers_buffers(p);

	if (now > before + out->most)
		out->most = now - before;
}

// The target announces no window: what the client sends stays here.
static struct pinned in_order(struct peers *p, uint32_t client)
{
	struct pinned out = {0};
	uint32_t before = peers_buffers(p);

	for (uint32_t sent = 1; sent > 0 && out.segments < WINDOW;) {
		sent = 0;
		for (uint32_t i = 0; i < PEERS_BURST; i++)
			sent += peers_send(p, BENCH_LAN, client, 1);
		out.segments += sent;
		note(p, &out, before);
	}
	for (uint32_t i = 0; i < SETTLE_TURNS; i++)
		note(p, &out, before);
	return out;
}

// Every other byte of the window.
static struct pinned with_holes(struct peers *p, uint32_t client)
{
	struct pinned out = {0};
	uint32_t before = peers_buffers(p);

	for (uint32_t offset = 1; offset < WINDOW - 1; offset += 2) {
		peers_send_at(p, BENCH_LAN, client, offset, 1);
		if (++out.segments % PEERS_BURST == 0)
			note(p, &out, before);
	}
	note(p, &out, before);
	return out;
}

static json_t *pinned_json(const struct pinned *pinned)
{
	return json_pack("{s:i, s:i, s:I}", "segments", (int)pinned->segments, "buffers",
		(int)pinned->most, "bytes", (json_int_t)pinned->most * PEERS_BUFFER_BYTES);
}

json_t *bench_small_segments(const struct bench_options *options)
{
	const uint32_t first = 2 * BENCH_CLIENTS;
	struct peers p;

	peers_create(&p, options, first + 2);
	peers_open(&p, 0, first); // next hops
	p.target_window = 0;
	p.silent_targets = true;
	peers_open(&p, first, 2);
	const struct tcp_stats *stats = node_tcp_stats(p.b.rig.node, 0);
	uint64_t coalesced = counter_read(&stats->segments_coalesced);
	struct pinned ordered = in_order(&p, first);

	coalesced = counter_read(&stats->segments_coalesced) - coalesced;
	struct pinned holes = with_holes(&p, first + 1);
	uint64_t most = ordered.most > holes.most ? ordered.most : holes.most;
	bool passed = most * PEERS_BUFFER_BYTES <= HELD_MAX;
	json_t *result = json_pack("{s:s, s:i, s:i, s:i, s:I, s:I, s:o, s:o, s:b}", "measurement",
		"small", "family", options->v6 ? 6 : 4, "window_bytes", WINDOW, "segment_bytes", 1,
		"allowed_bytes", (json_int_t)HELD_MAX, "coalesced", (json_int_t)coalesced,
		"in_order", pinned_json(&ordered), "with_holes", pinned_json(&holes), "passed",
		passed);

	peers_destroy(&p);
	return result;
}
