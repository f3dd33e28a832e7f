// SPDX-License-Identifier: BSD-3-Clause

#include <fnmatch.h>
#include <rte_cycles.h>
#include <stdarg.h>

#include "daemon/methods/methods.h"
#include "reality/result.h"
#include "shape/link.h"
#include "slowpath/service.h"
#include "tcp/stats.h"

struct counters {
	json_t *object;
	const char *glob;
};

static void counter_put(struct counters *c, uint64_t value, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void counter_put(struct counters *c, uint64_t value, const char *format, ...)
{
	char name[384];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(name, sizeof(name), format, arguments);
	va_end(arguments);
	if (fnmatch(c->glob, name, 0) != 0)
		return;

	// Two objects may have one name: a listener, and the one of that name that drains.
	json_int_t before = json_integer_value(json_object_get(c->object, name));

	json_object_set_new(c->object, name, json_integer(before + (json_int_t)value));
}

// Counters of a worker under the names that worker.list uses.
// clang-format off: 14 does not settle on where these lines break
#define WORKER_COUNTERS(X)                                                                         \
	X(turns)                                                                                   \
	X(busy_cycles)                                                                             \
	X(idle_cycles)                                                                             \
	X(sleep_cycles)                                                                            \
	X(sleeps)                                                                                  \
	X(wrong_worker)                                                                            \
	X(handover_packets)                                                                        \
	X(sessions)                                                                                \
	X(sessions_unanswered)                                                                     \
	X(sessions_total)                                                                          \
	X(resets_sent)                                                                             \
	X(unreachables_sent)                                                                       \
	X(tcp_handshake_timeouts)                                                                  \
	X(tcp_resets_seen)                                                                         \
	X(nat_ports_in_use)
// clang-format on

static void workers_put(struct counters *c, const struct node *node)
{
	for (uint16_t w = 0; w < node_worker_count(node); w++) {
		const struct worker_stats *s = node_worker_stats(node, w);

#define X(field) counter_put(c, counter_read(&s->field), "worker.%u." #field, w);
		WORKER_COUNTERS(X)
#undef X
	}
}

// Of the connections that end here.
static void tcp_put(struct counters *c, const struct node *node)
{
	for (uint16_t w = 0; w < node_worker_count(node); w++) {
		const struct tcp_stats *s = node_tcp_stats(node, w);

#define X(field, help) counter_put(c, counter_read(&s->field), "tcp.%u." #field, w);
		TCP_COUNTERS(X)
#undef X
		for (int state = TCP_SYN_SENT; state < TCP_STATE_COUNT; state++)
			counter_put(c, counter_read(&s->states[state]), "tcp.%u.connections.%s", w,
				tcp_state_name((enum tcp_state)state));
	}
}

static void emulation_put(struct counters *c, struct node *node, uint16_t index)
{
	const struct shape_counters *s = node_emulation_counters(node, index);
	const char *port = node_port(node, index)->name;

	if (s == NULL)
		return;
#define X(field, help) counter_put(c, counter_read(&s->field), "port.%s.emulate." #field, port);
	SHAPE_COUNTERS(X)
#undef X
}

static void ports_put(struct counters *c, struct node *node)
{
	for (uint16_t p = 0; p < node_port_count(node); p++) {
		const struct port *port = node_port(node, p);
		struct port_stats_sum sum;

		port_stats_sum(node, p, &sum);
		counter_put(c, sum.receive_packets, "port.%s.receive_packets", port->name);
		counter_put(c, sum.receive_bytes, "port.%s.receive_bytes", port->name);
		counter_put(c, sum.transmit_packets, "port.%s.transmit_packets", port->name);
		counter_put(c, sum.transmit_bytes, "port.%s.transmit_bytes", port->name);
		counter_put(c, sum.transmit_dropped, "port.%s.transmit_dropped", port->name);
		counter_put(c, counter_read(&port->oversized), "port.%s.oversized", port->name);
		counter_put(c, counter_read(&port->missed), "port.%s.missed", port->name);
		counter_put(c, counter_read(&port->starved), "port.%s.starved", port->name);
		counter_put(c, counter_read(&port->malformed), "port.%s.malformed", port->name);
		counter_put(c, counter_read(&port->refused), "port.%s.refused", port->name);
		emulation_put(c, node, p);
	}
}

// The counters that listeners and targets share.
static void slot_put(
	struct counters *c, const struct node *node, uint16_t slot, bool target, const char *name)
{
#define X(field, label)                                                                            \
	do {                                                                                       \
		uint64_t sum = 0;                                                                  \
		for (uint16_t w = 0; w < node_worker_count(node); w++) {                           \
			const struct worker_stats *s = node_worker_stats(node, w);                 \
			sum += counter_read(                                                       \
				target ? &s->targets[slot].field : &s->listeners[slot].field);     \
		}                                                                                  \
		counter_put(c, sum, "%s." label, name);                                            \
	} while (0)
	X(sessions, "sessions");
	X(sessions_total, "sessions_total");
	X(packets[0], "packets_from_client");
	X(packets[1], "packets_from_target");
	X(bytes[0], "bytes_from_client");
	X(bytes[1], "bytes_from_target");
	if (target) {
		X(answered, "answered");
		X(connect_failed, "connect_failed");
	}
#undef X
}

static void services_put(struct counters *c, const struct node *node, const struct snapshot *s)
{
	char name[320];

	for (uint16_t i = 0; i < s->listener_limit; i++) {
		if (s->listeners[i] == NULL)
			continue;
		snprintf(name, sizeof(name), "listener.%s", s->listeners[i]->name);
		slot_put(c, node, i, false, name);
	}
	for (uint16_t u = 0; u < s->upstream_limit; u++)
		for (uint32_t t = 0; s->upstreams[u] != NULL && t < s->upstreams[u]->target_count;
			t++) {
			const struct snapshot_target *target =
				s->targets[s->upstreams[u]->targets[t]];
			char endpoint[ENDPOINT_TEXT_BYTES];

			if (target == NULL)
				continue;
			endpoint_print(&target->address, be16toh(target->port), endpoint);
			snprintf(name, sizeof(name), "target.%s.%s", s->upstreams[u]->name,
				endpoint);
			slot_put(c, node, target->slot, true, name);
		}
}

// foreign: who said no hello, which is a matter of the version.
static void reality_put(struct counters *c, const struct node *node, uint64_t *foreign)
{
	uint64_t refused = 0, timeouts = 0, limited[2] = {0};

	for (uint16_t w = 0; w < node_worker_count(node); w++) {
		const struct worker_stats *s = node_worker_stats(node, w);

		refused += counter_read(&s->reality_refused);
		timeouts += counter_read(&s->reality_timeouts);
		*foreign += counter_read(&s->reality_foreign);
		for (int way = 0; way < 2; way++)
			limited[way] += counter_read(&s->reality_limited[way]);
	}
	counter_put(c, refused, "reality.refused");
	counter_put(c, timeouts, "reality.timeout");
	counter_put(c, limited[0], "reality.limited_upload");
	counter_put(c, limited[1], "reality.limited_download");
}

static void handshakes_put(struct counters *c, const struct daemon *daemon)
{
	struct slowpath_counts counts = {0};

	if (daemon->slowpath != NULL)
		slowpath_count(daemon->slowpath, &counts);
	counter_put(c, counts.in_flight, "slowpath.in_flight");
	counter_put(c, counts.done, "slowpath.done");
	counter_put(c, counts.failed, "slowpath.failed");
	counter_put(c, counts.spliced, "slowpath.spliced");
	counter_put(c, counts.refused, "slowpath.refused");
	counter_put(c, counts.crowded, "slowpath.crowded");
	counter_put(c, counts.forgotten, "slowpath.forgotten");
	reality_put(c, daemon->node, &counts.outcomes[REALITY_VERSION]);
	for (int r = REALITY_AUTHENTICATED; r < REALITY_RESULT_COUNT; r++)
		counter_put(c, counts.outcomes[r], "reality.%s",
			reality_result_label((enum reality_result)r));
}

void method_stats(struct rpc_call *call, const json_t *params)
{
	const struct daemon *daemon = rpc_context(call);
	struct counters c = {json_object(), rpc_string(params, "glob", "*")};
	const struct snapshot *s = daemon->node != NULL ? node_snapshot(daemon->node) : NULL;

	if (s != NULL) {
		workers_put(&c, daemon->node);
		tcp_put(&c, daemon->node);
		ports_put(&c, daemon->node);
		services_put(&c, daemon->node, s);
		handshakes_put(&c, daemon);
		for (int r = DROP_NONE + 1; r < DROP_COUNT; r++)
			counter_put(&c, drop_sum(daemon->node, r), "drop.%s", drop_reason_name(r));
	}
	rpc_reply(call, json_pack("{s:o}", "counters", c.object));
}

void method_drops(struct rpc_call *call, const json_t *params)
{
	const struct daemon *daemon = rpc_context(call);
	bool all = rpc_boolean(params, "all", false);
	json_t *list = json_array();

	for (int r = DROP_NONE + 1; daemon->node != NULL && r < DROP_COUNT; r++) {
		uint64_t packets = drop_sum(daemon->node, r);

		if (packets > 0 || all)
			json_array_append_new(list,
				json_pack("{s:s, s:s, s:I, s:f}", "reason", drop_reason_name(r),
					"help", drop_reason_help(r), "packets", (json_int_t)packets,
					"per_s", daemon->rates.drops_per_s[r]));
	}
	rpc_reply(call, json_pack("{s:o}", "drops", list));
}

static json_t *stage_json(uint16_t worker, int stage, const struct stage_stats *s)
{
	uint64_t calls = counter_read(&s->calls);
	uint64_t packets = counter_read(&s->packets);
	uint64_t cycles = counter_read(&s->cycles);

	return json_pack("{s:i, s:s, s:s, s:I, s:I, s:I, s:f, s:f}", "worker", (int)worker, "stage",
		stage_name(stage), "help", stage_help(stage), "calls", (json_int_t)calls, "packets",
		(json_int_t)packets, "cycles", (json_int_t)cycles, "cycles_per_packet",
		packets > 0 ? (double)cycles / (double)packets : 0.0, "packets_per_call",
		calls > 0 ? (double)packets / (double)calls : 0.0);
}

void method_stages(struct rpc_call *call, const json_t *params)
{
	const struct daemon *daemon = rpc_context(call);
	json_t *list = json_array();

	for (uint16_t w = 0; daemon->node != NULL && w < node_worker_count(daemon->node); w++)
		for (int stage = 0; stage < STAGE_COUNT; stage++)
			json_array_append_new(
				list, stage_json(w, stage,
					      &node_worker_stats(daemon->node, w)->stages[stage]));
	rpc_reply(call, json_pack("{s:I, s:o}", "tsc_hz",
				daemon->node != NULL ? (json_int_t)rte_get_tsc_hz() : (json_int_t)0,
				"stages", list));
}

static json_t *worker_json(const struct daemon *daemon, uint16_t w)
{
	const struct worker_stats *s = node_worker_stats(daemon->node, w);
	const struct worker_rates *r = &daemon->rates.workers[w];
	int cpu = daemon->config != NULL && w < daemon->config->workers.cpus.count
			  ? daemon->config->workers.cpus.items[w]
			  : -1;
	json_t *row = json_pack("{s:i, s:o, s:s, s:f, s:f, s:f, s:f}", "worker", (int)w, "cpu",
		cpu >= 0 ? json_integer(cpu) : json_null(), "state",
		r->stalled ? "stalled" : "running", "load", r->load, "sleep", r->sleep,
		"turns_per_s", r->turns_per_s, "packets_per_s", r->packets_per_s);

#define X(field)                                                                                   \
	json_object_set_new(row, #field, json_integer((json_int_t)counter_read(&s->field)));
	WORKER_COUNTERS(X)
#undef X
	return row;
}

json_t *workers_json(const struct daemon *daemon)
{
	json_t *list = json_array();

	for (uint16_t w = 0; daemon->node != NULL && w < node_worker_count(daemon->node); w++)
		json_array_append_new(list, worker_json(daemon, w));
	return list;
}

void method_worker_list(struct rpc_call *call, const json_t *params)
{
	rpc_reply(call, json_pack("{s:o}", "workers", workers_json(rpc_context(call))));
}

void method_pool_list(struct rpc_call *call, const json_t *params)
{
	const struct daemon *daemon = rpc_context(call);
	json_t *list = json_array();
	struct pool_status pool;

	for (uint32_t i = 0; daemon->node != NULL && node_pool_status(daemon->node, i, &pool); i++)
		json_array_append_new(
			list, json_pack("{s:s, s:I, s:I, s:I}", "name", pool.name, "used",
				      (json_int_t)pool.used, "capacity", (json_int_t)pool.capacity,
				      "high_water", (json_int_t)pool.high_water));
	rpc_reply(call, json_pack("{s:o}", "pools", list));
}
