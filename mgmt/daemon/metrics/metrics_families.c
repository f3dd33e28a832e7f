// SPDX-License-Identifier: BSD-3-Clause

// Every metrics family: its row, and where its series come from.

#include "daemon/credentials.h"
#include "daemon/events/log.h"
#include "daemon/events/translate.h"
#include "daemon/methods/methods.h"
#include "daemon/metrics/metrics.h"
#include "http/stats.h"
#include "http2/stats.h"
#include "reality/result.h"
#include "shape/link.h"
#include "slowpath/service.h"
#include "tcp/stats.h"

#define WORKER_LABEL(text, worker)                                                                 \
	char text[8];                                                                              \
	snprintf(text, sizeof(text), "%u", worker)

static const struct snapshot *snapshot_of(const struct daemon *daemon)
{
	return daemon->node != NULL ? node_snapshot(daemon->node) : NULL;
}

static uint16_t workers(const struct daemon *daemon)
{
	return daemon->node != NULL ? node_worker_count(daemon->node) : 0;
}

static uint16_t ports(const struct daemon *daemon)
{
	return daemon->node != NULL ? node_port_count(daemon->node) : 0;
}

static void build_info(struct metrics_output *out, const struct daemon *daemon)
{
	metrics_series(out, 1, NEXPATH_VERSION);
}

static void config_revision(struct metrics_output *out, const struct daemon *daemon)
{
	metrics_series(out, (double)daemon->revision);
}

static void apply_failures(struct metrics_output *out, const struct daemon *daemon)
{
	metrics_series(out, (double)daemon->apply_failures);
}

static void credential_expiry_left(struct metrics_output *out, const struct daemon *daemon)
{
	for (uint32_t i = 0; daemon->config != NULL && i < daemon->config->credentials.count; i++) {
		const char *name = config_credentials(daemon->config)[i].name;
		int64_t expiry = credentials_expiry(daemon, name);

		if (expiry != 0)
			metrics_series(out, (double)expiry - daemon_time(), name);
	}
}

static void start_time(struct metrics_output *out, const struct daemon *daemon)
{
	metrics_series(out, daemon->started);
}

// A counter of each port, summed over the workers.
#define PORT_FAMILY(field)                                                                         \
	static void port_##field(struct metrics_output *out, const struct daemon *daemon)          \
	{                                                                                          \
		for (uint16_t p = 0; p < ports(daemon); p++) {                                     \
			struct port_stats_sum sum;                                                 \
                                                                                                   \
			port_stats_sum(daemon->node, p, &sum);                                     \
			metrics_series(out, (double)sum.field, port_name(daemon, p));              \
		}                                                                                  \
	}
PORT_FAMILY(receive_packets)
PORT_FAMILY(receive_bytes)
PORT_FAMILY(transmit_packets)
PORT_FAMILY(transmit_bytes)
PORT_FAMILY(transmit_dropped)

static void port_up(struct metrics_output *out, const struct daemon *daemon)
{
	for (uint16_t p = 0; p < ports(daemon); p++)
		metrics_series(out, shared_word_load(&node_port(daemon->node, p)->up) != 0,
			port_name(daemon, p));
}

// A counter that the port itself keeps.
#define DEVICE_FAMILY(field)                                                                       \
	static void port_##field(struct metrics_output *out, const struct daemon *daemon)          \
	{                                                                                          \
		for (uint16_t p = 0; p < ports(daemon); p++)                                       \
			metrics_series(out,                                                        \
				(double)counter_read(&node_port(daemon->node, p)->field),          \
				port_name(daemon, p));                                             \
	}
DEVICE_FAMILY(oversized)
DEVICE_FAMILY(missed)
DEVICE_FAMILY(starved)
DEVICE_FAMILY(malformed)
DEVICE_FAMILY(refused)

static void port_emulated(struct metrics_output *out, const struct daemon *daemon)
{
	for (uint16_t p = 0; p < ports(daemon); p++) {
		const struct shape_counters *c = node_emulation_counters(daemon->node, p);

		if (c == NULL)
			continue;
#define X(name, help)                                                                              \
	metrics_series(out, (double)counter_read(&c->name), port_name(daemon, p), #name);
		SHAPE_COUNTERS(X)
#undef X
	}
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
SUM_FAMILY(sessions)
SUM_FAMILY(sessions_unanswered)
SUM_FAMILY(sessions_total)
SUM_FAMILY(resets_sent)
SUM_FAMILY(unreachables_sent)
SUM_FAMILY(tcp_handshake_timeouts)
SUM_FAMILY(tcp_resets_seen)

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

static struct slowpath_counts slowpath_counts(const struct daemon *daemon)
{
	struct slowpath_counts counts = {0};

	if (daemon->slowpath != NULL)
		slowpath_count(daemon->slowpath, &counts);
	return counts;
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

const struct metrics_family METRICS_FAMILIES[] = {
	GAUGE("nexpath_build_info", LABEL("version"), "1; the version is its label", build_info),
	GAUGE("nexpath_start_time_seconds", NO_LABELS, "when the process began, Unix time",
		start_time),
	GAUGE("nexpath_config_revision", NO_LABELS, "revision that runs, 0 for none",
		config_revision),
	COUNTER("nexpath_config_apply_failures_total", NO_LABELS, "configurations refused",
		apply_failures),
	GAUGE("nexpath_credential_expiry_seconds", LABEL("credential"),
		"until the first certificate of its file expires, below 0 once it has",
		credential_expiry_left),
	COUNTER("nexpath_port_receive_packets_total", LABEL("port"), "frames received",
		port_receive_packets),
	COUNTER("nexpath_port_receive_bytes_total", LABEL("port"), "bytes received",
		port_receive_bytes),
	COUNTER("nexpath_port_transmit_packets_total", LABEL("port"), "frames sent",
		port_transmit_packets),
	COUNTER("nexpath_port_transmit_bytes_total", LABEL("port"), "bytes sent",
		port_transmit_bytes),
	COUNTER("nexpath_port_transmit_dropped_total", LABEL("port"),
		"frames that the port did not take", port_transmit_dropped),
	COUNTER("nexpath_port_oversized_total", LABEL("port"), "frames larger than the port takes",
		port_oversized),
	COUNTER("nexpath_port_missed_total", LABEL("port"),
		"frames that the device dropped before they were read", port_missed),
	COUNTER("nexpath_port_starved_total", LABEL("port"),
		"receive calls without a packet buffer; what that loses is in missed",
		port_starved),
	COUNTER("nexpath_port_malformed_total", LABEL("port"),
		"frames whose offload description makes no sense", port_malformed),
	COUNTER("nexpath_port_refused_total", LABEL("port"),
		"frames taken by the port that its device then refused to send", port_refused),
	COUNTER("nexpath_port_emulated_total", LABELS("port", "what"),
		"frames of the port's emulated link by what became of them, and sent_bytes",
		port_emulated),
	STATE("nexpath_port_up", LABEL("port"), "1 while the link is up", port_up),
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
	GAUGE("nexpath_sessions", NO_LABELS, "live sessions", sum_sessions),
	GAUGE("nexpath_sessions_unanswered", NO_LABELS,
		"live sessions that the target has not answered", sum_sessions_unanswered),
	COUNTER("nexpath_sessions_total", NO_LABELS, "sessions begun", sum_sessions_total),
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
	COUNTER("nexpath_reality_handshakes_total", LABEL("result"),
		"Clients of REALITY listeners, by what became of their handshakes",
		reality_handshakes),
	COUNTER("nexpath_reality_limited_total", LABEL("direction"),
		"sessions of strangers that a fallback limit of their credential held back",
		reality_limited),
	COUNTER("nexpath_reality_probes_total", NO_LABELS,
		"looks at targets of REALITY listeners, whatever they found", reality_probes),
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
	COUNTER("nexpath_events_total", LABEL("kind"), "events by kind", events_total),
	COUNTER("nexpath_log_lost_total", NO_LABELS,
		"log lines and session records that found no room", log_lost_total),
	GAUGE("nexpath_management_clients", NO_LABELS, "clients of the management socket", clients),
};
const size_t METRICS_FAMILY_COUNT = nx_array_size(METRICS_FAMILIES);
