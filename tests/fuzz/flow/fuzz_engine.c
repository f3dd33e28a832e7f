// SPDX-License-Identifier: BSD-3-Clause
// Any sequence of packets, errors, kills and pauses through an engine with few sessions: what is
// forwarded is intact, the bounds hold, and at the end everything is back.
#include <netinet/in.h>

#include "flow/engine_impl.h"
#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	SESSIONS = 32,
	REMEMBERED = 16,
	STEPS = 400
};

struct run {
	struct world *world;
	struct cursor cursor;
	struct flow_key seen[REMEMBERED]; // as packets left toward targets
	uint32_t seen_count;
};

static void check(const struct run *run)
{
	const struct flow_engine *e = run->world->engine;
	const struct worker_stats *stats = run->world->stats;

	nx_bug_on(e->unanswered.count > e->unanswered_limit);
	nx_bug_on(counter_read(&stats->sessions_unanswered) != e->unanswered.count);
	nx_bug_on(counter_read(&stats->sessions) + e->lingering.count != e->sessions.used);
	nx_bug_on(e->table.used != 2 * e->sessions.used);
	nx_bug_on(e->sources.live > e->unanswered.count);
	nx_bug_on(e->wheel.armed != e->sessions.used);
}

static void judge(struct run *run, const struct world_outcome *out, uint16_t netif)
{
	nx_bug_on(out->verdict > FLOW_HOP_LIMIT);
	nx_bug_on(out->verdict == FLOW_DROP && out->reason == DROP_NONE);
	nx_bug_on(out->verdict == FLOW_FORWARD && !out->intact);
	if (out->verdict == FLOW_FORWARD && netif == 0 && out->egress == 1 &&
		out->key.source_port != 0)
		run->seen[run->seen_count++ % REMEMBERED] = out->key;
}

// Sequence numbers stay small, so that windows are hit as often as missed.
static bool take_packet(struct run *run, uint8_t shape, struct world_packet *out)
{
	uint8_t port;
	uint8_t flags;
	uint16_t sequence;
	uint16_t acknowledgement;
	uint16_t window;

	if (!cursor_take_u8(&run->cursor, &port) || !cursor_take_u8(&run->cursor, &flags) ||
		!cursor_take_u16(&run->cursor, &sequence) ||
		!cursor_take_u16(&run->cursor, &acknowledgement) ||
		!cursor_take_u16(&run->cursor, &window))
		return false;
	bool tcp = shape & 0x10;
	bool v6 = shape & 0x20;

	*out = (struct world_packet){
		.key = world_key(tcp ? IPPROTO_TCP : IPPROTO_UDP, v6 ? "fd00:1::9" : "10.1.0.9",
			(uint16_t)(4000 + (port & 63)), v6 ? "fd00:1::2" : "10.1.0.2",
			tcp ? WORLD_TCP_PORT : WORLD_UDP_PORT),
		.flags = flags & 0x1f,
		.sequence = (sequence & 0xff) << (sequence >> 13),
		.acknowledgement = (acknowledgement & 0xff) << (acknowledgement >> 13),
		.window = window,
		.length = port >> 6 ? (flags >> 5) * 300u : 0,
		.has_timestamp = shape & 0x40,
		.timestamp = window,
		.partial = shape & 0x80,
		.hop_limit = (port & 0x3f) == 0x3f ? 1 : 64,
	};
	if ((shape & 3) != 0) {
		const struct flow_key *seen = &run->seen[port % REMEMBERED];

		out->netif = 1;
		out->key = (shape & 3) == 1 ? world_reverse(seen) : *seen;
	}
	// The parser lets only possible flags through.
	if (out->flags & TCP_FLAG_SYN)
		out->flags &= (uint8_t) ~(TCP_FLAG_FIN | TCP_FLAG_RST);
	else if (!(out->flags & TCP_FLAG_RST))
		out->flags |= TCP_FLAG_ACK;
	return out->key.protocol != 0;
}

static void kill(struct run *run, uint8_t shape)
{
	struct control_request request = {.kind = CONTROL_KILL,
		.filter = {.listener = shape >> 4 & 1, .target = SLOT_NONE, .state = shape >> 5},
		.why = SESSION_END_KILLED};

	flow_engine_request(
		run->world->engine, &run->world->snapshot, &request, run->world->now, 64);
}

static bool step(struct run *run)
{
	struct world_packet packet;
	struct world_outcome out;
	uint8_t shape;

	if (!cursor_take_u8(&run->cursor, &shape))
		return false;
	if ((shape & 0x0f) == 0x0f) {
		kill(run, shape);
	} else if ((shape & 0x0f) == 0x0e) {
		world_wait(run->world, (1 + (shape >> 4)) * USEC_PER_SECOND);
	} else if (!take_packet(run, shape, &packet)) {
		return cursor_left(&run->cursor) > 0;
	} else if ((shape & 3) == 2) {
		bool v6 = !ip_address_is_v4(&packet.key.source);

		out = world_icmp(run->world, &packet, v6 ? "fd00:2::1" : "10.2.0.1", v6 ? 1 : 3,
			shape >> 4, packet.window);
		judge(run, &out, 1);
	} else {
		out = world_send(run->world, &packet);
		judge(run, &out, packet.netif);
	}
	check(run);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run run = {
		.world = world_create(&(struct world_options){.sessions = SESSIONS}),
		.cursor = cursor_over(data, size),
	};

	nx_bug_on(!run.world);
	for (unsigned int i = 0; i < STEPS && step(&run); i++)
		;
	nx_bug_on(world_destroy(run.world) != 0);
	return 0;
}
