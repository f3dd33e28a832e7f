// SPDX-License-Identifier: BSD-3-Clause

// Requests of HTTP/1.1 and HTTP/2, and their connections.

#include "daemon/metrics/families/families.h"
#include "http/stats.h"
#include "http2/stats.h"

// One counter of the HTTP listeners, summed over the workers.
#define HTTP_FAMILY(field)                                                                         \
	static void http_##field(struct metrics_output *out, const struct daemon *daemon)          \
	{                                                                                          \
		uint64_t sum = 0;                                                                  \
                                                                                                   \
		for (uint16_t w = 0; w < workers(daemon); w++)                                     \
			sum += counter_read(&node_http_stats(daemon->node, w)->field);             \
		metrics_series(out, (double)sum);                                                  \
	}
HTTP_FAMILY(requests)
HTTP_FAMILY(reused)
HTTP_FAMILY(retried)
HTTP_FAMILY(upgrades)

// The same of those of HTTP/2.
#define HTTP2_FAMILY(field)                                                                        \
	static void http2_##field(struct metrics_output *out, const struct daemon *daemon)         \
	{                                                                                          \
		uint64_t sum = 0;                                                                  \
                                                                                                   \
		for (uint16_t w = 0; w < workers(daemon); w++)                                     \
			sum += counter_read(&node_http2_stats(daemon->node, w)->field);            \
		metrics_series(out, (double)sum);                                                  \
	}
HTTP2_FAMILY(connections)
HTTP2_FAMILY(streams)
HTTP2_FAMILY(refused)
HTTP2_FAMILY(resets)

static void http2_ends(struct metrics_output *out, const struct daemon *daemon)
{
	for (int why = H2_ENDING_NONE + 1; why < H2_ENDING_COUNT; why++) {
		uint64_t sum = 0;

		for (uint16_t w = 0; w < workers(daemon); w++)
			sum += counter_read(&node_http2_stats(daemon->node, w)->ends[why]);
		metrics_series(out, (double)sum, h2_ending_name((enum h2_ending)why));
	}
}

static void http_responses(struct metrics_output *out, const struct daemon *daemon)
{
	static const char *const classes[HTTP_CLASSES] = {
		"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

	for (int i = 0; i < HTTP_CLASSES; i++) {
		uint64_t sum = 0;

		for (uint16_t w = 0; w < workers(daemon); w++)
			sum += counter_read(&node_http_stats(daemon->node, w)->responses[i]);
		metrics_series(out, (double)sum, classes[i]);
	}
}

static void http_answers(struct metrics_output *out, const struct daemon *daemon)
{
	for (int reason = HTTP_REASON_NONE + 1; reason < HTTP_REASON_COUNT; reason++) {
		uint64_t sum = 0;

		for (uint16_t w = 0; w < workers(daemon); w++)
			sum += counter_read(&node_http_stats(daemon->node, w)->answers[reason]);
		metrics_series(out, (double)sum, http_reason_name((enum http_reason)reason));
	}
}

static const struct metrics_family FAMILIES[] = {
	COUNTER("nexpath_http_requests_total", NO_LABELS, "requests that HTTP listeners read",
		http_requests),
	COUNTER("nexpath_http_responses_total", LABEL("class"),
		"responses by class of status, our own included; none: none was sent",
		http_responses),
	COUNTER("nexpath_http_answers_total", LABEL("reason"),
		"requests that were answered here or cut short, by reason", http_answers),
	COUNTER("nexpath_http_reused_total", NO_LABELS,
		"requests on a target's connection that had one before", http_reused),
	COUNTER("nexpath_http_retried_total", NO_LABELS,
		"requests sent again, for a kept connection had ended", http_retried),
	COUNTER("nexpath_http_upgrades_total", NO_LABELS, "requests that became WebSockets",
		http_upgrades),
	COUNTER("nexpath_http2_connections_total", NO_LABELS, "clients' connections of HTTP/2",
		http2_connections),
	COUNTER("nexpath_http2_streams_total", NO_LABELS, "requests that began on them",
		http2_streams),
	COUNTER("nexpath_http2_streams_refused_total", NO_LABELS,
		"of those, refused for want of room", http2_refused),
	COUNTER("nexpath_http2_resets_total", NO_LABELS,
		"of those, reset by clients or for what they did", http2_resets),
	COUNTER("nexpath_http2_ends_total", LABEL("reason"),
		"connections of HTTP/2 that ended, by reason", http2_ends),
};
const struct metrics_families metrics_http_families = {FAMILIES, nx_array_size(FAMILIES)};
