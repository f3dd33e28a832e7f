// SPDX-License-Identifier: BSD-3-Clause

// Events, the log, and clients of the management socket.

#include "daemon/events/log.h"
#include "daemon/metrics/families/families.h"

static void events_total(struct metrics_output *out, const struct daemon *daemon)
{
	for (int k = 0; k < EVENT_KIND_COUNT; k++)
		metrics_series(out, (double)daemon->events.counts[k], event_kind_name(k));
}

static void log_lost_total(struct metrics_output *out, const struct daemon *daemon)
{
	metrics_series(out, (double)(log_lost() + daemon->sessions_lost + daemon->accesses_lost));
}

static void clients(struct metrics_output *out, const struct daemon *daemon)
{
	metrics_series(out, daemon->server != NULL ? server_client_count(daemon->server) : 0);
}

static const struct metrics_family FAMILIES[] = {
	COUNTER("nexpath_events_total", LABEL("kind"), "events by kind", events_total),
	COUNTER("nexpath_log_lost_total", NO_LABELS,
		"log lines and session records that found no room", log_lost_total),
	GAUGE("nexpath_management_clients", NO_LABELS, "clients of the management socket", clients),
};
const struct metrics_families metrics_management_families = {FAMILIES, nx_array_size(FAMILIES)};
