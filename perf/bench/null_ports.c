// SPDX-License-Identifier: BSD-3-Clause

// Cycles a frame over null ports: receive, parse, drop. Such a port gives a frame of whatever its
// buffer held whenever it is asked, so this is what loop, port and parser cost without a flow, over
// the ports that testpmd's macswap is measured with.

#include "bench/bench.h"

#include <rte_cycles.h>

#include "core/clock.h"

static void create(struct bench *b, const struct bench_options *options)
{
	struct rig_options rig = {
		.huge = options->huge, .idle = IDLE_POLL, .seed = 1, .never_dry = true};
	char text[1024];

	*b = (struct bench){.options = *options};
	b->hz = rte_get_tsc_hz();
	snprintf(text, sizeof(text),
		"workers = { cpus = \"0\"; burst = %u; memory_mb = %u; };\n"
		"ports = ( { name = \"lan\"; device = \"vdev:net_null0,size=%u\"; },\n"
		"          { name = \"wan\"; device = \"vdev:net_null1,size=%u\"; } );\n",
		options->burst, options->memory_mb, options->size, options->size);
	if (rig_create_with(&b->rig, text, &rig) != 0)
		bench_fail("%s", b->rig.error);
}

static uint64_t received(struct bench *b)
{
	const struct worker_stats *stats = node_worker_stats(b->rig.node, 0);

	return counter_read(&stats->ports[BENCH_LAN].receive_packets) +
	       counter_read(&stats->ports[BENCH_WAN].receive_packets);
}

static uint64_t dropped(struct bench *b)
{
	uint64_t sum = 0;

	for (int i = 1; i < DROP_COUNT; i++)
		sum += rig_drops(&b->rig, i);
	return sum;
}

static void turn_until(struct bench *b, uint64_t frames)
{
	uint64_t first = received(b);
	uint64_t start = clock_cycles();

	while (received(b) - first < frames) {
		bench_tell_time(b);
		if (rig_turn(&b->rig) == 0)
			bench_fail("a null port gave nothing");
	}
	b->cycles += clock_cycles() - start;
	b->packets += received(b) - first;
}

json_t *bench_null_ports(const struct bench_options *options)
{
	struct bench b;

	create(&b, options);
	turn_until(&b, options->packets / 10 + 1);
	bench_measure_start(&b);
	turn_until(&b, options->packets);
	if (dropped(&b) != received(&b))
		bench_fail("%lu frames came, %lu were dropped", (unsigned long)received(&b),
			(unsigned long)dropped(&b));
	json_t *result = json_pack("{s:s, s:i, s:i, s:I, s:f, s:o, s:o}", "measurement", "null",
		"frame_bytes", options->size, "burst", options->burst, "packets",
		(json_int_t)b.packets, "cycles_per_packet", (double)b.cycles / (double)b.packets,
		"drops", bench_drops(&b), "stages", bench_stages(&b));

	bench_destroy(&b);
	return result;
}
