// SPDX-License-Identifier: BSD-3-Clause

// Clients of REALITY listeners, and looks at their targets.

#include "daemon/metrics/families/families.h"
#include "reality/result.h"

// What the slow path said of those it saw, and what workers decided without it.
static void reality_handshakes(struct metrics_output *out, const struct daemon *daemon)
{
	struct slowpath_counts counts = slowpath_counts(daemon);
	uint64_t refused = 0, timeouts = 0;

	for (uint16_t w = 0; w < workers(daemon); w++) {
		const struct worker_stats *s = node_worker_stats(daemon->node, w);

		refused += counter_read(&s->reality_refused);
		timeouts += counter_read(&s->reality_timeouts);
		counts.outcomes[REALITY_VERSION] += counter_read(&s->reality_foreign);
	}
	for (int r = REALITY_AUTHENTICATED; r < REALITY_RESULT_COUNT; r++)
		metrics_series(out, (double)counts.outcomes[r],
			reality_result_label((enum reality_result)r));
	metrics_series(out, (double)refused, "refused");
	metrics_series(out, (double)timeouts, "timeout");
}

static void reality_limited(struct metrics_output *out, const struct daemon *daemon)
{
	uint64_t held[2] = {0};

	for (uint16_t w = 0; w < workers(daemon); w++)
		for (int way = 0; way < 2; way++)
			held[way] += counter_read(
				&node_worker_stats(daemon->node, w)->reality_limited[way]);
	metrics_series(out, (double)held[0], "upload");
	metrics_series(out, (double)held[1], "download");
}

static void reality_probes(struct metrics_output *out, const struct daemon *daemon)
{
	metrics_series(out, (double)slowpath_counts(daemon).probes);
}

static const struct metrics_family FAMILIES[] = {
	COUNTER("nexpath_reality_handshakes_total", LABEL("result"),
		"Clients of REALITY listeners, by what became of their handshakes",
		reality_handshakes),
	COUNTER("nexpath_reality_limited_total", LABEL("direction"),
		"sessions of strangers that a fallback limit of their credential held back",
		reality_limited),
	COUNTER("nexpath_reality_probes_total", NO_LABELS,
		"looks at targets of REALITY listeners, whatever they found", reality_probes),
};
const struct metrics_families metrics_reality_families = {FAMILIES, nx_array_size(FAMILIES)};
