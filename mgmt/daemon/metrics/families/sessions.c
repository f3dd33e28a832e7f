// SPDX-License-Identifier: BSD-3-Clause

// Sessions of all workers.

#include "daemon/metrics/families/families.h"

SUM_FAMILY(sessions)
SUM_FAMILY(sessions_unanswered)
SUM_FAMILY(sessions_total)

static const struct metrics_family FAMILIES[] = {
	GAUGE("nexpath_sessions", NO_LABELS, "live sessions", sum_sessions),
	GAUGE("nexpath_sessions_unanswered", NO_LABELS,
		"live sessions that the target has not answered", sum_sessions_unanswered),
	COUNTER("nexpath_sessions_total", NO_LABELS, "sessions begun", sum_sessions_total),
};
const struct metrics_families metrics_sessions_families = {FAMILIES, nx_array_size(FAMILIES)};
