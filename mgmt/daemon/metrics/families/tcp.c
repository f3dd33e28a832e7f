// SPDX-License-Identifier: BSD-3-Clause

// Connections that end here, and the resets and ICMP messages of the node itself.

#include "daemon/metrics/families/families.h"
#include "tcp/stats.h"

SUM_FAMILY(resets_sent)
SUM_FAMILY(tcp_resets_seen)
SUM_FAMILY(tcp_handshake_timeouts)
SUM_FAMILY(unreachables_sent)

// One counter of the TCP endpoints, summed over the workers.
#define X(field, help)                                                                             \
	static void tcp_##field(struct metrics_output *out, const struct daemon *daemon)           \
	{                                                                                          \
		uint64_t sum = 0;                                                                  \
                                                                                                   \
		for (uint16_t w = 0; w < workers(daemon); w++)                                     \
			sum += counter_read(&node_tcp_stats(daemon->node, w)->field);              \
		metrics_series(out, (double)sum);                                                  \
	}
TCP_COUNTERS(X)
#undef X

static void tcp_connections_by_state(struct metrics_output *out, const struct daemon *daemon)
{
	for (int state = TCP_SYN_SENT; state < TCP_STATE_COUNT; state++) {
		uint64_t sum = 0;

		for (uint16_t w = 0; w < workers(daemon); w++)
			sum += counter_read(&node_tcp_stats(daemon->node, w)->states[state]);
		metrics_series(out, (double)sum, tcp_state_name((enum tcp_state)state));
	}
}

static const struct metrics_family FAMILIES[] = {
	COUNTER("nexpath_tcp_resets_sent_total", NO_LABELS, "resets that nexpath sent",
		sum_resets_sent),
	COUNTER("nexpath_tcp_resets_seen_total", NO_LABELS, "resets of clients and targets",
		sum_tcp_resets_seen),
	COUNTER("nexpath_tcp_handshake_timeouts_total", NO_LABELS,
		"connections that were not set up in time", sum_tcp_handshake_timeouts),
	GAUGE("nexpath_tcp_connections", LABEL("state"), "connections that end here, by state",
		tcp_connections_by_state),
#define X(field, help)                                                                             \
	COUNTER("nexpath_tcp_endpoint_" #field "_total", NO_LABELS, help, tcp_##field),
	TCP_COUNTERS(X)
#undef X
		COUNTER("nexpath_unreachables_sent_total", NO_LABELS,
			"ICMP unreachable messages sent", sum_unreachables_sent),
};
const struct metrics_families metrics_tcp_families = {FAMILIES, nx_array_size(FAMILIES)};
