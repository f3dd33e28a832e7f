// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Families of metrics, a list for each subject: its rows, and where their series come from.

#include "daemon/events/translate.h"
#include "daemon/methods/methods.h"
#include "daemon/metrics/metrics.h"
#include "slowpath/service.h"

struct metrics_families {
	const struct metrics_family *rows;
	size_t count;
};

extern const struct metrics_families metrics_process_families;
extern const struct metrics_families metrics_ports_families;
extern const struct metrics_families metrics_services_families;
extern const struct metrics_families metrics_workers_families;
extern const struct metrics_families metrics_sessions_families;
extern const struct metrics_families metrics_tcp_families;
extern const struct metrics_families metrics_reality_families;
extern const struct metrics_families metrics_http_families;
extern const struct metrics_families metrics_tls_families;
extern const struct metrics_families metrics_pipeline_families;
extern const struct metrics_families metrics_management_families;

// What a row consists of.
#define COUNTER(name, labels, help, collect)                                                       \
	{                                                                                          \
		name, METRICS_COUNTER, labels, help, collect                                       \
	}
#define GAUGE(name, labels, help, collect)                                                         \
	{                                                                                          \
		name, METRICS_GAUGE, labels, help, collect                                         \
	}
#define STATE(name, labels, help, collect)                                                         \
	{                                                                                          \
		name, METRICS_STATE, labels, help, collect                                         \
	}
#define NO_LABELS                                                                                  \
	{                                                                                          \
		NULL                                                                               \
	}
#define LABEL(a)                                                                                   \
	{                                                                                          \
		a, NULL                                                                            \
	}
#define LABELS(a, b)                                                                               \
	{                                                                                          \
		a, b, NULL                                                                         \
	}

#define WORKER_LABEL(text, worker)                                                                 \
	char text[8];                                                                              \
	snprintf(text, sizeof(text), "%u", worker)

static inline uint16_t workers(const struct daemon *daemon)
{
	return daemon->node != NULL ? node_worker_count(daemon->node) : 0;
}

// All 0 without a slow path.
static inline struct slowpath_counts slowpath_counts(const struct daemon *daemon)
{
	struct slowpath_counts counts = {0};

	if (daemon->slowpath != NULL)
		slowpath_count(daemon->slowpath, &counts);
	return counts;
}

// One counter summed over the workers.
#define SUM_FAMILY(field)                                                                          \
	static void sum_##field(struct metrics_output *out, const struct daemon *daemon)           \
	{                                                                                          \
		uint64_t sum = 0;                                                                  \
                                                                                                   \
		for (uint16_t w = 0; w < workers(daemon); w++)                                     \
			sum += counter_read(&node_worker_stats(daemon->node, w)->field);           \
		metrics_series(out, (double)sum);                                                  \
	}
