// SPDX-License-Identifier: BSD-3-Clause

// Workers' turns, their sleep, and what each of them holds.

#include "daemon/metrics/families/families.h"

static void worker_busy(struct metrics_output *out, const struct daemon *daemon)
{
	for (uint16_t w = 0; w < workers(daemon); w++) {
		WORKER_LABEL(label, w);
		metrics_series(out, daemon->rates.workers[w].load, label);
	}
}

// One counter of each worker.
#define WORKER_FAMILY(field)                                                                       \
	static void worker_##field(struct metrics_output *out, const struct daemon *daemon)        \
	{                                                                                          \
		for (uint16_t w = 0; w < workers(daemon); w++) {                                   \
			WORKER_LABEL(label, w);                                                    \
			metrics_series(out,                                                        \
				(double)counter_read(&node_worker_stats(daemon->node, w)->field),  \
				label);                                                            \
		}                                                                                  \
	}
WORKER_FAMILY(turns)
WORKER_FAMILY(busy_cycles)
WORKER_FAMILY(idle_cycles)
WORKER_FAMILY(sleep_cycles)
WORKER_FAMILY(sleeps)
WORKER_FAMILY(wrong_worker)
WORKER_FAMILY(handover_packets)
WORKER_FAMILY(sessions)
WORKER_FAMILY(nat_ports_in_use)

static const struct metrics_family FAMILIES[] = {
	GAUGE("nexpath_worker_busy_ratio", LABEL("worker"),
		"share of the last second with work, 0 to 1", worker_busy),
	COUNTER("nexpath_worker_turns_total", LABEL("worker"), "turns of its loop", worker_turns),
	COUNTER("nexpath_worker_busy_cycles_total", LABEL("worker"),
		"TSC cycles of turns with work", worker_busy_cycles),
	COUNTER("nexpath_worker_idle_cycles_total", LABEL("worker"), "TSC cycles of turns without",
		worker_idle_cycles),
	COUNTER("nexpath_worker_sleep_cycles_total", LABEL("worker"), "TSC cycles asleep",
		worker_sleep_cycles),
	COUNTER("nexpath_worker_sleeps_total", LABEL("worker"), "times that it went to sleep",
		worker_sleeps),
	COUNTER("nexpath_worker_wrong_worker_total", LABEL("worker"),
		"packets of sessions that another worker owns", worker_wrong_worker),
	COUNTER("nexpath_worker_handover_packets_total", LABEL("worker"),
		"packets handed to another worker", worker_handover_packets),
	GAUGE("nexpath_worker_sessions", LABEL("worker"), "live sessions", worker_sessions),
	GAUGE("nexpath_worker_nat_ports_in_use", LABEL("worker"), "source ports in use",
		worker_nat_ports_in_use),
};
const struct metrics_families metrics_workers_families = {FAMILIES, nx_array_size(FAMILIES)};
