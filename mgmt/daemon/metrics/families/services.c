// SPDX-License-Identifier: BSD-3-Clause

// Listeners, and the targets of upstreams.

#include "daemon/metrics/families/families.h"

static const struct snapshot *snapshot_of(const struct daemon *daemon)
{
	return daemon->node != NULL ? node_snapshot(daemon->node) : NULL;
}

// Calls for each listener in use; out of a macro's way.
#define LISTENERS_EACH(daemon, i)                                                                  \
	for (uint16_t i = 0;                                                                       \
		snapshot_of(daemon) != NULL && i < snapshot_of(daemon)->listener_limit; i++)       \
		if (snapshot_of(daemon)->listeners[i] != NULL)

static double listener_sum(const struct daemon *daemon, uint16_t slot, size_t offset)
{
	uint64_t sum = 0;

	for (uint16_t w = 0; w < workers(daemon); w++) {
		const struct slot_stats *s = &node_worker_stats(daemon->node, w)->listeners[slot];

		sum += counter_read((const counter_t *)((const char *)s + offset));
	}
	return (double)sum;
}

static double target_sum(const struct daemon *daemon, uint16_t slot, size_t offset)
{
	uint64_t sum = 0;

	for (uint16_t w = 0; w < workers(daemon); w++) {
		const struct slot_stats *s = &node_worker_stats(daemon->node, w)->targets[slot];

		sum += counter_read((const counter_t *)((const char *)s + offset));
	}
	return (double)sum;
}

static void listener_sessions(struct metrics_output *out, const struct daemon *daemon)
{
	LISTENERS_EACH(daemon, i)
	metrics_series(out, listener_sum(daemon, i, offsetof(struct slot_stats, sessions)),
		listener_name(daemon, i));
}

static void listener_sessions_total(struct metrics_output *out, const struct daemon *daemon)
{
	LISTENERS_EACH(daemon, i)
	metrics_series(out, listener_sum(daemon, i, offsetof(struct slot_stats, sessions_total)),
		listener_name(daemon, i));
}

static void listener_bytes(struct metrics_output *out, const struct daemon *daemon)
{
	LISTENERS_EACH(daemon, i)
	{
		metrics_series(out, listener_sum(daemon, i, offsetof(struct slot_stats, bytes[0])),
			listener_name(daemon, i), "from_client");
		metrics_series(out, listener_sum(daemon, i, offsetof(struct slot_stats, bytes[1])),
			listener_name(daemon, i), "from_target");
	}
}

static void listener_up(struct metrics_output *out, const struct daemon *daemon)
{
	LISTENERS_EACH(daemon, i)
	metrics_series(out, listener_is_up(daemon, snapshot_of(daemon)->listeners[i]),
		listener_name(daemon, i));
}

typedef double target_value_fn(const struct daemon *daemon, const struct snapshot_target *target);

static void targets_each(
	struct metrics_output *out, const struct daemon *daemon, target_value_fn *value)
{
	const struct snapshot *s = snapshot_of(daemon);

	for (uint16_t u = 0; s != NULL && u < s->upstream_limit; u++)
		for (uint32_t t = 0; s->upstreams[u] != NULL && t < s->upstreams[u]->target_count;
			t++) {
			const struct snapshot_target *target =
				s->targets[s->upstreams[u]->targets[t]];
			char endpoint[ENDPOINT_TEXT_BYTES];

			if (target == NULL)
				continue;
			endpoint_print(&target->address, be16toh(target->port), endpoint);
			metrics_series(out, value(daemon, target), s->upstreams[u]->name, endpoint);
		}
}

static double target_up_value(const struct daemon *daemon, const struct snapshot_target *t)
{
	return target_is_up(daemon, t);
}

static double target_sessions_value(const struct daemon *daemon, const struct snapshot_target *t)
{
	return target_sum(daemon, t->slot, offsetof(struct slot_stats, sessions));
}

static double target_total_value(const struct daemon *daemon, const struct snapshot_target *t)
{
	return target_sum(daemon, t->slot, offsetof(struct slot_stats, sessions_total));
}

static double target_failed_value(const struct daemon *daemon, const struct snapshot_target *t)
{
	return target_sum(daemon, t->slot, offsetof(struct slot_stats, connect_failed));
}

static void target_up(struct metrics_output *out, const struct daemon *daemon)
{
	targets_each(out, daemon, target_up_value);
}

static void target_sessions(struct metrics_output *out, const struct daemon *daemon)
{
	targets_each(out, daemon, target_sessions_value);
}

static void target_total(struct metrics_output *out, const struct daemon *daemon)
{
	targets_each(out, daemon, target_total_value);
}

static void target_failed(struct metrics_output *out, const struct daemon *daemon)
{
	targets_each(out, daemon, target_failed_value);
}

static const struct metrics_family FAMILIES[] = {
	STATE("nexpath_listener_up", LABEL("listener"),
		"1 while a port that carries its address is up", listener_up),
	GAUGE("nexpath_listener_sessions", LABEL("listener"), "live sessions", listener_sessions),
	COUNTER("nexpath_listener_sessions_total", LABEL("listener"), "sessions begun",
		listener_sessions_total),
	COUNTER("nexpath_listener_bytes_total", LABELS("listener", "direction"),
		"IP payload of TCP and UDP, from_client or from_target", listener_bytes),
	STATE("nexpath_upstream_target_up", LABELS("upstream", "target"),
		"1 while the port on the way to it is up", target_up),
	GAUGE("nexpath_upstream_target_sessions", LABELS("upstream", "target"), "live sessions",
		target_sessions),
	COUNTER("nexpath_upstream_target_sessions_total", LABELS("upstream", "target"),
		"sessions begun", target_total),
	COUNTER("nexpath_upstream_target_connect_failed_total", LABELS("upstream", "target"),
		"sessions that it refused or did not answer", target_failed),
};
const struct metrics_families metrics_services_families = {FAMILIES, nx_array_size(FAMILIES)};
