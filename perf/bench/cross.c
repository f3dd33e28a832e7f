// SPDX-License-Identifier: BSD-3-Clause

// matrix --full: every size with every number of flows, burst, protocol and family, in bounded
// time. Sessions are opened once for all sizes. A cell is measured in slices, so that one that was
// disturbed does not become its figure; testpmd's macswap runs between groups as the yardstick.

#include "bench/bench.h"

#include "core/clock.h"

enum {
	SLICES = 5,
	WARM_BATCHES = 4,
	MACSWAP_RUNS = 3,
};

static const uint32_t sizes[] = {64, 128, 256, 512, 1024, 1500};
static const uint32_t flows[] = {1, 1000, 100000, 1000000};
static const uint32_t bursts[] = {1, 8, 32, 64};

struct cross {
	const struct bench_options *options;
	json_t *cells;
	double macswap[MACSWAP_RUNS];
	uint32_t macswap_runs;
	uint32_t groups;
	uint32_t group;
};

static double run_slice(struct bench *b, uint64_t cycles)
{
	uint64_t end = clock_cycles() + cycles;

	bench_measure_start(b);
	do
		bench_batch(b);
	while (clock_cycles() < end);
	return (double)b->cycles / (double)b->packets;
}

static void run_cell(struct cross *c, struct bench *b, uint32_t size)
{
	uint64_t slice = b->hz / 1000 * c->options->cell_ms / SLICES;
	double values[SLICES];
	uint64_t packets = 0;

	b->options.size = size;
	for (uint32_t i = 0; i < WARM_BATCHES; i++)
		bench_batch(b);
	for (uint32_t i = 0; i < SLICES; i++) {
		values[i] = run_slice(b, slice);
		packets += b->packets;
	}
	json_array_append_new(c->cells,
		json_pack("{s:s, s:i, s:i, s:i, s:i, s:I, s:o}", "protocol",
			b->options.protocol == BENCH_TCP ? "tcp" : "udp", "family",
			b->options.v6 ? 6 : 4, "frame_bytes", (int)size, "flows",
			(int)b->options.flows, "burst", (int)b->options.burst, "packets",
			(json_int_t)packets, "cycles_per_packet", bench_spread(values, SLICES)));
}

static void run_yardstick(struct cross *c)
{
	double cycles = bench_macswap_once();

	if (cycles > 0) // testpmd found no memory: others run beside us
		c->macswap[c->macswap_runs++] = cycles;
}

static void run_group(struct cross *c, struct bench_options *o)
{
	struct bench b;

	if (c->group % ((c->groups + MACSWAP_RUNS - 1) / MACSWAP_RUNS) == 0)
		run_yardstick(c);
	bench_create(&b, o);
	bench_open_flows(&b);
	for (size_t i = 0; i < nx_array_size(sizes); i++)
		run_cell(c, &b, sizes[i]);
	bench_destroy(&b);
	fprintf(stderr, "nexpath-bench: %u of %u: %s over IPv%u, %u flows, bursts of %u\n",
		++c->group, c->groups, o->protocol == BENCH_TCP ? "tcp" : "udp", o->v6 ? 6 : 4,
		o->flows, o->burst);
}

static void run_family(struct cross *c, bool v6, enum bench_protocol protocol)
{
	struct bench_options o = *c->options;

	o.v6 = v6;
	o.protocol = protocol;
	for (size_t i = 0; i < nx_array_size(flows); i++) {
		o.flows = flows[i];
		for (size_t j = 0; j < nx_array_size(bursts); j++) {
			o.burst = bursts[j];
			run_group(c, &o);
		}
	}
}

json_t *bench_matrix_full(const struct bench_options *options)
{
	struct cross c = {
		.options = options,
		.cells = json_array(),
		.groups = 4 * nx_array_size(flows) * nx_array_size(bursts),
	};

	for (unsigned i = 0; i < 4; i++)
		run_family(&c, i & 2, i & 1 ? BENCH_TCP : BENCH_UDP);
	return json_pack("{s:s, s:i, s:o, s:o}", "measurement", "matrix_full", "cell_ms",
		(int)options->cell_ms, "macswap_cycles_per_packet",
		c.macswap_runs ? bench_spread(c.macswap, c.macswap_runs) : json_null(), "cells",
		c.cells);
}
