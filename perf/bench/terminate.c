// SPDX-License-Identifier: BSD-3-Clause

// Cycles a segment of streams from clients to targets through a node that terminates: both
// connections, every acknowledgement, timers. A segment is the payload of a full packet of 1,500
// bytes with timestamps: 1,448 bytes over IPv4, 1,428 over IPv6, whether it left alone or in a
// large one that the port cuts. Toward targets that speak TLS there are no timestamps, and as much
// payload is sealed into records.

#include "bench/peers.h"
#include "tcp/tcp.h"

enum {
	WARM_SEGMENTS = 20000,
	WARM_SEGMENTS_VIRTUAL = 2048, // under callgrind
	STALLED_TURNS = 100000,
};

// As many segments as sessions' windows have room for, sessions in random order.
static uint32_t offer(struct peers *p)
{
	uint32_t sent = 0;

	for (uint32_t i = 0; i < PEERS_BURST; i++)
		sent += peers_send(p, BENCH_LAN, bench_random(&p->b, p->b.options.flows),
				p->segment) > 0;
	return sent;
}

static void move(struct peers *p, uint64_t segments)
{
	uint64_t until = p->received[BENCH_WAN] + segments * p->segment;
	uint32_t stalled = 0;

	while (p->received[BENCH_WAN] < until) {
		uint64_t before = p->received[BENCH_WAN];
		uint32_t sent = offer(p);

		peers_turn(p);
		if (sent > 0 || p->received[BENCH_WAN] > before) {
			stalled = 0;
			continue;
		}
		peers_acknowledge(p);
		if (++stalled > STALLED_TURNS)
			bench_fail("the streams stand still");
	}
}

const char *bench_offload_name(enum bench_offload offload)
{
	static const char *const names[] = {"none", "transmit", "all"};

	return names[offload];
}

json_t *bench_terminate(const struct bench_options *options)
{
	struct peers p;
	uint64_t segments;
	uint64_t from;

	peers_create(&p, options, options->flows);
	const struct tcp_stats *stats = node_tcp_stats(p.b.rig.node, 0);

	peers_open(&p, 0, options->flows);
	move(&p, options->virtual_time ? WARM_SEGMENTS_VIRTUAL : WARM_SEGMENTS);
	bench_measure_start(&p.b);
	from = p.received[BENCH_WAN];
	uint64_t in = counter_read(&stats->segments_received);
	uint64_t out = counter_read(&stats->segments_sent);

	move(&p, options->packets);
	segments = (p.received[BENCH_WAN] - from) / p.segment;
	p.b.packets = segments;
	json_t *result = json_pack(
		"{s:s, s:i, s:i, s:i, s:b, s:b, s:s, s:I, s:f, s:f, s:f, s:f, s:I, s:I, s:o}",
		"measurement", "terminate", "family", options->v6 ? 6 : 4, "payload_bytes",
		(int)p.segment, "flows", (int)options->flows, "transparent",
		(int)options->transparent, "tls", (int)options->tls, "offload",
		bench_offload_name(options->offload), "segments", (json_int_t)segments,
		"cycles_per_segment", (double)p.b.cycles / (double)segments, "gbit_per_second",
		(double)(segments * p.segment) * 8 * (double)p.b.hz / (double)p.b.cycles / 1e9,
		"packets_in_per_segment",
		(double)(counter_read(&stats->segments_received) - in) / (double)segments,
		"packets_out_per_segment",
		(double)(counter_read(&stats->segments_sent) - out) / (double)segments,
		"retransmitted", (json_int_t)counter_read(&stats->retransmitted_segments),
		"out_of_order", (json_int_t)p.out_of_order, "stages", bench_stages(&p.b));

	peers_destroy(&p);
	return result;
}
