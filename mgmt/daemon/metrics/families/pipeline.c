// SPDX-License-Identifier: BSD-3-Clause

// What the pipeline has and does: pools, drops, stages.

#include "daemon/metrics/families/families.h"

static void pool_each(struct metrics_output *out, const struct daemon *daemon, size_t offset)
{
	struct pool_status pool;

	for (uint32_t i = 0; daemon->node != NULL && node_pool_status(daemon->node, i, &pool); i++)
		metrics_series(out,
			(double)*(const uint64_t *)(const void *)((const char *)&pool + offset),
			pool.name);
}

static void pool_used(struct metrics_output *out, const struct daemon *daemon)
{
	pool_each(out, daemon, offsetof(struct pool_status, used));
}

static void pool_capacity(struct metrics_output *out, const struct daemon *daemon)
{
	pool_each(out, daemon, offsetof(struct pool_status, capacity));
}

static void pool_high_water(struct metrics_output *out, const struct daemon *daemon)
{
	pool_each(out, daemon, offsetof(struct pool_status, high_water));
}

static void drops(struct metrics_output *out, const struct daemon *daemon)
{
	for (int r = DROP_NONE + 1; r < DROP_COUNT; r++)
		metrics_series(out, daemon->node != NULL ? (double)drop_sum(daemon->node, r) : 0,
			drop_reason_name(r));
}

// One counter of each stage of each worker.
#define STAGE_FAMILY(field)                                                                        \
	static void stage_##field(struct metrics_output *out, const struct daemon *daemon)         \
	{                                                                                          \
		for (uint16_t w = 0; w < workers(daemon); w++) {                                   \
			const struct worker_stats *s = node_worker_stats(daemon->node, w);         \
			WORKER_LABEL(label, w);                                                    \
                                                                                                   \
			for (int i = 0; i < STAGE_COUNT; i++)                                      \
				metrics_series(out, (double)counter_read(&s->stages[i].field),     \
					label, stage_name(i));                                     \
		}                                                                                  \
	}
STAGE_FAMILY(cycles)
STAGE_FAMILY(packets)
STAGE_FAMILY(calls)

static const struct metrics_family FAMILIES[] = {
	GAUGE("nexpath_pool_used", LABEL("pool"), "objects in use", pool_used),
	GAUGE("nexpath_pool_capacity", LABEL("pool"), "objects in all", pool_capacity),
	GAUGE("nexpath_pool_high_water", LABEL("pool"),
		"most objects ever in use; of packet buffers as seen at every 256th turn of a worker",
		pool_high_water),
	COUNTER("nexpath_drops_total", LABEL("reason"), "packets, segments and sessions let go",
		drops),
	COUNTER("nexpath_stage_cycles_total", LABELS("worker", "stage"), "TSC cycles in a stage",
		stage_cycles),
	COUNTER("nexpath_stage_packets_total", LABELS("worker", "stage"), "packets through a stage",
		stage_packets),
	COUNTER("nexpath_stage_calls_total", LABELS("worker", "stage"), "calls of a stage",
		stage_calls),
};
const struct metrics_families metrics_pipeline_families = {FAMILIES, nx_array_size(FAMILIES)};
