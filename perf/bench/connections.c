// SPDX-License-Identifier: BSD-3-Clause

// Cycles a TCP connection from its first SYN to its last acknowledgement: seven packets, both
// directions, a new client port each time, timers and time-wait included, in real time.

#include "bench/bench.h"

enum {
	BATCH = 128,
	WARM_BATCHES = 50,
	SEQUENCE_STEP = 65536
};

// Sequence numbers of a port that comes back are above its last ones, as those of Linux are (RFC
// 6528).
static void next_batch(struct bench *b, uint32_t first)
{
	for (uint32_t i = 0; i < BATCH; i++) {
		struct bench_flow *flow = &b->flows[i];

		bench_flow_key(b, flow, first + i);
		flow->sequence[0] = first * 16 + SEQUENCE_STEP;
		flow->sequence[1] = first * 16 + SEQUENCE_STEP;
	}
}

static void run_batch(struct bench *b, uint32_t first)
{
	next_batch(b, first);
	bench_tell_time(b);
	bench_pass(b, b->flows, BATCH, 0, TCP_FLAG_SYN);
	bench_pass(b, b->flows, BATCH, 1, TCP_FLAG_SYN | TCP_FLAG_ACK);
	bench_pass(b, b->flows, BATCH, 0, TCP_FLAG_ACK);
	bench_pass(b, b->flows, BATCH, 0, TCP_FLAG_FIN | TCP_FLAG_ACK);
	bench_pass(b, b->flows, BATCH, 1, TCP_FLAG_FIN | TCP_FLAG_ACK);
	bench_pass(b, b->flows, BATCH, 0, TCP_FLAG_ACK);
}

json_t *bench_connections(const struct bench_options *options)
{
	struct bench_options tcp = *options;
	struct bench b;
	uint32_t number = 0;

	tcp.protocol = BENCH_TCP;
	tcp.flows = BATCH;
	tcp.sessions = 1u << 20;
	bench_create(&b, &tcp);
	bench_open_flows(&b);
	for (number = BATCH; number < WARM_BATCHES * BATCH; number += BATCH)
		run_batch(&b, number);
	bench_measure_start(&b);
	uint64_t connections = 0;

	for (; connections < options->packets; connections += BATCH, number += BATCH)
		run_batch(&b, number);
	double cycles = (double)b.cycles / (double)connections;
	json_t *result = json_pack("{s:s, s:i, s:I, s:f, s:f, s:I, s:o}", "measurement",
		"connections", "family", options->v6 ? 6 : 4, "connections",
		(json_int_t)connections, "cycles_per_connection", cycles,
		"connections_per_second_per_core", (double)b.hz / cycles, "sessions_held",
		(json_int_t)node_sessions(b.rig.node), "stages", bench_stages(&b));

	bench_destroy(&b);
	return result;
}
