// SPDX-License-Identifier: BSD-3-Clause

// Cycles of a terminated connection from its client's SYN to the last acknowledgement, with one
// request and its answer: both legs, source ports, timers and TIME-WAIT included.

#include "bench/peers.h"
#include "tcp/tcp.h"

enum {
	BATCH = 64,
	WARM_BATCHES = 50,
	WARM_BATCHES_VIRTUAL = 4, // under callgrind
	NUMBERS = 1u << 19,       // of clients, then their ports come again
};

static uint64_t wanted;

static bool are_finished(const struct peers *p)
{
	return p->finished >= wanted;
}

static void run_batch(struct peers *p, uint32_t *number)
{
	for (uint32_t i = 0; i < BATCH; i++)
		peers_connect(p, (*number)++ % NUMBERS, PEERS_ASK);
	wanted += BATCH;
	peers_turn_until(p, are_finished, "a connection did not end");
}

json_t *bench_requests(const struct bench_options *options)
{
	struct peers p;
	uint32_t number = 2 * BENCH_CLIENTS;
	uint64_t connections = 0;

	peers_create(&p, options, NUMBERS);
	const struct tcp_stats *stats = node_tcp_stats(p.b.rig.node, 0);

	peers_open(&p, 0, number); // next hops
	p.answers = true;
	for (uint32_t i = 0; i < (options->virtual_time ? WARM_BATCHES_VIRTUAL : WARM_BATCHES); i++)
		run_batch(&p, &number);
	bench_measure_start(&p.b);
	for (; connections < options->packets; connections += BATCH)
		run_batch(&p, &number);
	p.b.packets = connections;
	double cycles = (double)p.b.cycles / (double)connections;
	json_t *result = json_pack("{s:s, s:i, s:s, s:I, s:i, s:i, s:f, s:f, s:I, s:I, s:I, s:o}",
		"measurement", "requests", "family", options->v6 ? 6 : 4, "offload",
		bench_offload_name(options->offload), "connections", (json_int_t)connections,
		"request_bytes", PEERS_REQUEST, "answer_bytes", PEERS_ANSWER,
		"cycles_per_connection", cycles, "connections_per_second_per_core",
		(double)p.b.hz / cycles, "time_wait_held",
		(json_int_t)counter_read(&stats->states[TCP_TIME_WAIT]), "resets",
		(json_int_t)p.resets, "retransmitted",
		(json_int_t)counter_read(&stats->retransmitted_segments), "stages",
		bench_stages(&p.b));

	peers_destroy(&p);
	return result;
}
