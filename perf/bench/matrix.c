// SPDX-License-Identifier: BSD-3-Clause

// Cycles a packet over sizes, numbers of flows and bursts, each along one line through a common
// point, in rounds: what slows the machine for a while falls on every cell. testpmd's macswap runs
// in each round as the yardstick.

#include "bench/bench.h"

enum {
	ROUNDS_MAX = 100
};

struct cell {
	enum bench_protocol protocol;
	uint32_t size;
	uint32_t flows;
	uint32_t burst;
	double cycles[ROUNDS_MAX];
};

// size, flows, burst
static const uint32_t shapes[][3] = {
	{64, 1, 64},
	{64, 1000, 64},
	{64, 100000, 64},
	{64, 1000000, 64},
	{128, 1000, 64},
	{256, 1000, 64},
	{512, 1000, 64},
	{1024, 1000, 64},
	{1514, 1000, 64},
	{64, 1000, 1},
	{64, 1000, 8},
	{64, 1000, 32},
};

enum {
	SHAPES = sizeof(shapes) / sizeof(shapes[0]),
	CELLS = 2 * SHAPES
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return x < y ? -1 : x > y;
}

json_t *bench_spread(double *values, uint32_t n)
{
	qsort(values, n, sizeof(*values), by_value);
	return json_pack("{s:f, s:f, s:f, s:i}", "median", values[n / 2], "least", values[0],
		"most", values[n - 1], "runs", (int)n);
}

static double run_cell(const struct cell *cell, const struct bench_options *options)
{
	struct bench_options o = *options;

	o.protocol = cell->protocol;
	o.size = cell->size;
	o.flows = cell->flows;
	o.burst = cell->burst;
	json_t *result = bench_pipeline(&o);
	double cycles = json_real_value(json_object_get(result, "cycles_per_packet"));

	json_decref(result);
	return cycles;
}

json_t *bench_matrix(const struct bench_options *options)
{
	struct cell *cells = calloc(CELLS, sizeof(*cells));
	uint32_t rounds = u32_min(options->rounds, ROUNDS_MAX);
	double macswap[ROUNDS_MAX];
	uint32_t measured = 0;
	json_t *list = json_array();

	if (!cells)
		bench_fail("out of memory");
	for (uint32_t i = 0; i < CELLS; i++) {
		const uint32_t *shape = shapes[i % SHAPES];

		cells[i] = (struct cell){.protocol = i < SHAPES ? BENCH_UDP : BENCH_TCP,
			.size = shape[0],
			.flows = shape[1],
			.burst = shape[2]};
	}
	for (uint32_t round = 0; round < rounds; round++) {
		double yardstick = bench_macswap_once();

		if (yardstick > 0) // testpmd found no memory: others run beside us
			macswap[measured++] = yardstick;
		for (uint32_t i = 0; i < CELLS; i++)
			cells[i].cycles[round] = run_cell(&cells[i], options);
		fprintf(stderr, "nexpath-bench: round %u of %u\n", round + 1, rounds);
	}
	if (measured == 0)
		bench_fail("dpdk-testpmd could not run; it needs 128 free hugepages");
	for (uint32_t i = 0; i < CELLS; i++) {
		struct cell *c = &cells[i];

		json_array_append_new(
			list, json_pack("{s:s, s:i, s:i, s:i, s:o}", "protocol",
				      c->protocol == BENCH_TCP ? "tcp" : "udp", "frame_bytes",
				      (int)c->size, "flows", (int)c->flows, "burst", (int)c->burst,
				      "cycles_per_packet", bench_spread(c->cycles, rounds)));
	}
	free(cells);
	return json_pack("{s:s, s:I, s:o, s:o}", "measurement", "matrix", "packets",
		(json_int_t)options->packets, "macswap_cycles_per_packet",
		bench_spread(macswap, measured), "cells", list);
}
