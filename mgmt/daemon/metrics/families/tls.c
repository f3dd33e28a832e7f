// SPDX-License-Identifier: BSD-3-Clause

// Legs that TLS secures, and the handshakes of the slow path.

#include "daemon/metrics/families/families.h"

// A counter [leg][version] of the workers', summed.
static uint64_t tls_sum(
	const struct daemon *daemon, size_t offset, unsigned int leg, unsigned int version)
{
	uint64_t sum = 0;

	for (uint16_t w = 0; w < workers(daemon); w++) {
		const char *stats = (const char *)node_worker_stats(daemon->node, w);
		const counter_t *counters = (const counter_t *)(const void *)(stats + offset);

		sum += counter_read(&counters[leg * TLS_VERSIONS + version]);
	}
	return sum;
}

static void tls_handshakes(struct metrics_output *out, const struct daemon *daemon)
{
	static const struct {
		const char *result;
		enum drop_reason reason;
	} FAILURES[] = {
		{"failed", DROP_TLS_HANDSHAKE},
		{"refused", DROP_TLS_REFUSED},
		{"crowded", DROP_TLS_CROWDED},
		{"timeout", DROP_TLS_TIMEOUT},
	};
	uint64_t done = 0;

	for (unsigned leg = 0; leg < 2; leg++)
		for (unsigned v = 0; v < TLS_VERSIONS; v++)
			done += tls_sum(
				daemon, offsetof(struct worker_stats, tls_handshakes_done), leg, v);
	metrics_series(out, (double)done, "done");
	for (size_t i = 0; i < nx_array_size(FAILURES); i++)
		metrics_series(out,
			daemon->node != NULL ? (double)drop_sum(daemon->node, FAILURES[i].reason)
					     : 0,
			FAILURES[i].result);
}

static void tls_by_version(struct metrics_output *out, const struct daemon *daemon, size_t offset)
{
	static const char *const LEGS[] = {"client", "target"};
	static const char *const VERSIONS[TLS_VERSIONS] = {"1.2", "1.3"};

	for (unsigned leg = 0; leg < 2; leg++)
		for (unsigned v = 0; v < TLS_VERSIONS; v++)
			metrics_series(out, (double)tls_sum(daemon, offset, leg, v), LEGS[leg],
				VERSIONS[v]);
}

static void tls_legs(struct metrics_output *out, const struct daemon *daemon)
{
	tls_by_version(out, daemon, offsetof(struct worker_stats, tls_legs));
}

static void tls_legs_total(struct metrics_output *out, const struct daemon *daemon)
{
	tls_by_version(out, daemon, offsetof(struct worker_stats, tls_handshakes_done));
}

static void slowpath_in_flight(struct metrics_output *out, const struct daemon *daemon)
{
	metrics_series(out, (double)slowpath_counts(daemon).in_flight);
}

static void slowpath_handshakes(struct metrics_output *out, const struct daemon *daemon)
{
	struct slowpath_counts counts = slowpath_counts(daemon);

	metrics_series(out, (double)counts.done, "done");
	metrics_series(out, (double)counts.failed, "failed");
	metrics_series(out, (double)counts.spliced, "spliced");
	metrics_series(out, (double)counts.refused, "refused");
	metrics_series(out, (double)counts.crowded, "crowded");
	metrics_series(out, (double)counts.forgotten, "forgotten");
}

static const struct metrics_family FAMILIES[] = {
	COUNTER("nexpath_tls_handshakes_total", LABEL("result"),
		"TLS handshakes of both legs, as workers saw them end", tls_handshakes),
	GAUGE("nexpath_tls_legs", LABELS("leg", "version"),
		"live legs that TLS secures, by its version; those of REALITY count too", tls_legs),
	COUNTER("nexpath_tls_legs_total", LABELS("leg", "version"),
		"handshakes that secured a leg, likewise", tls_legs_total),
	GAUGE("nexpath_slowpath_handshakes_in_flight", NO_LABELS,
		"handshakes that the slow path holds", slowpath_in_flight),
	COUNTER("nexpath_slowpath_handshakes_total", LABEL("result"),
		"handshakes of the slow path; crowded: gave way to others, forgotten: their "
		"session ended first",
		slowpath_handshakes),
};
const struct metrics_families metrics_tls_families = {FAMILIES, nx_array_size(FAMILIES)};
