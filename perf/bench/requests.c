// SPDX-License-Identifier: BSD-3-Clause

// Cycles of a terminated connection from its client's SYN to the last acknowledgement, with one
// request and its answer: both legs, source ports, timers and TIME-WAIT included; beside sessions
// that idle, options.resident of them.

#include "bench/peers.h"
#include "tcp/tcp.h"

enum {
	BATCH = 64,
	WARM_BATCHES = 50,
	WARM_BATCHES_VIRTUAL = 4,  // under callgrind
	NUMBERS = 1u << 19,        // of clients, then their ports come again
	NUMBERS_RESIDENT = 400000, // the same, where others are resident
};

static uint64_t wanted;

static bool are_finished(const struct peers *p)
{
	return p->finished >= wanted;
}

// Clients come in the order of their numbers, those of residents left out.
struct clients {
	uint32_t first;
	uint32_t count;
	uint32_t next; // from first on
};

static void run_batch(struct peers *p, struct clients *c)
{
	for (uint32_t i = 0; i < BATCH; i++) {
		peers_connect(p, c->first + c->next, PEERS_ASK);
		c->next = (c->next + 1) % c->count;
	}
	wanted += BATCH;
	peers_turn_until(p, are_finished, "a connection did not end");
}

json_t *bench_requests(const struct bench_options *options)
{
	struct peers p;
	struct clients c = {.count = NUMBERS, .next = 2 * BENCH_CLIENTS};
	uint64_t connections = 0;
	uint32_t batches = (uint32_t)((options->packets + BATCH - 1) / BATCH);
	double *each = calloc(batches + 1u, sizeof(*each));

	if (!each)
		bench_fail("out of memory for %u batches", batches);
	if (options->resident)
		c = (struct clients){.first = options->resident, .count = NUMBERS_RESIDENT};
	peers_create(&p, options, c.first + c.count);
	const struct tcp_stats *stats = node_tcp_stats(p.b.rig.node, 0);

	peers_open(&p, 0, c.first + c.next); // next hops, too
	p.answers = true;
	for (uint32_t i = 0; i < (options->virtual_time ? WARM_BATCHES_VIRTUAL : WARM_BATCHES); i++)
		run_batch(&p, &c);
	bench_measure_start(&p.b);
	for (uint32_t i = 0; i < batches; i++, connections += BATCH) {
		uint64_t before = p.b.cycles;

		run_batch(&p, &c);
		each[i] = (double)(p.b.cycles - before) / BATCH;
	}
	p.b.packets = connections;
	double cycles = (double)p.b.cycles / (double)connections;
	json_t *result = json_pack(
		"{s:s, s:i, s:s, s:I, s:i, s:i, s:i, s:f, s:o, s:f, s:I, s:I, s:I, s:o}",
		"measurement", "requests", "family", options->v6 ? 6 : 4, "offload",
		bench_offload_name(options->offload), "connections", (json_int_t)connections,
		"resident", (int)options->resident, "request_bytes", PEERS_REQUEST, "answer_bytes",
		PEERS_ANSWER, "cycles_per_connection", cycles, "cycles_per_connection_of_batches",
		bench_spread(each, batches), "connections_per_second_per_core",
		(double)p.b.hz / cycles, "time_wait_held",
		(json_int_t)counter_read(&stats->states[TCP_TIME_WAIT]), "resets",
		(json_int_t)p.resets, "retransmitted",
		(json_int_t)counter_read(&stats->retransmitted_segments), "stages",
		bench_stages(&p.b));

	free(each);
	peers_destroy(&p);
	return result;
}
