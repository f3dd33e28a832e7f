// SPDX-License-Identifier: BSD-3-Clause

#include <unistd.h>

#include "daemon/events/log.h"
#include "daemon/methods/methods.h"

void method_hello(struct rpc_call *call, const json_t *params)
{
	const struct daemon *daemon = rpc_context(call);
	bool change = rpc_peer_of(call)->right == RPC_RIGHT_CHANGE;

	rpc_reply(call, json_pack("{s:s, s:s, s:i, s:I, s:s}", "program", "nexpathd", "version",
				NEXPATH_VERSION, "interface", 1, "revision",
				(json_int_t)daemon->revision, "right", change ? "change" : "read"));
}

static void reason_add(json_t *reasons, const char *format, const char *name)
{
	if (reasons != NULL)
		json_array_append_new(reasons, json_sprintf(format, name));
}

bool health_is_ready(const struct daemon *daemon, json_t *reasons)
{
	const struct snapshot *s = daemon->node != NULL ? node_snapshot(daemon->node) : NULL;
	bool ready = true;

	if (daemon->stopping) {
		reason_add(reasons, "%s", "stopping");
		ready = false;
	}
	if (s == NULL) {
		reason_add(reasons, "%s", "no configuration runs");
		return false;
	}
	for (uint16_t i = 0; i < s->listener_limit; i++) {
		const struct snapshot_listener *l = s->listeners[i];

		if (l == NULL || l->closing || listener_is_up(daemon, l))
			continue;
		reason_add(reasons, "listener %s is down", l->name);
		ready = false;
	}
	for (uint16_t w = 0; w < node_worker_count(daemon->node); w++) {
		if (!daemon->rates.workers[w].stalled)
			continue;
		reason_add(reasons, "%s", "a worker stands still");
		ready = false;
	}
	return ready;
}

static const char *state_name(const struct daemon *daemon)
{
	if (daemon->stopping)
		return "stopping";
	if (daemon->pending != 0)
		return "pending";
	return daemon->config != NULL ? "confirmed" : "empty";
}

static json_t *sessions_json(const struct daemon *daemon)
{
	uint64_t active = 0, unanswered = 0, total = 0;

	for (uint16_t w = 0; daemon->node != NULL && w < node_worker_count(daemon->node); w++) {
		const struct worker_stats *s = node_worker_stats(daemon->node, w);

		active += counter_read(&s->sessions);
		unanswered += counter_read(&s->sessions_unanswered);
		total += counter_read(&s->sessions_total);
	}
	return json_pack("{s:I, s:I, s:I, s:f}", "active", (json_int_t)active, "unanswered",
		(json_int_t)unanswered, "total", (json_int_t)total, "per_s",
		daemon->rates.sessions_per_s);
}

void method_status(struct rpc_call *call, const json_t *params)
{
	const struct daemon *daemon = rpc_context(call);
	bool polls = daemon->config != NULL && daemon->config->workers.idle == IDLE_POLL;
	double now = daemon_time();
	json_t *reasons = json_array();
	bool ready = health_is_ready(daemon, reasons);
	json_t *pending = daemon->pending != 0 ? json_real(daemon->confirm_by) : json_null();

	rpc_reply(call,
		json_pack(
			"{s:s, s:s, s:i, s:s, s:I, s:s, s:o, s:f, s:f, s:f, s:b, s:s, s:{s:b, s:b, s:o},"
			" s:o, s:o, s:o, s:o, s:{s:I, s:I, s:I}, s:{s:I}}",
			"program", "nexpathd", "version", NEXPATH_VERSION, "pid", (int)getpid(),
			"name", daemon->options.file_prefix, "revision",
			(json_int_t)daemon->revision, "state", state_name(daemon), "confirm_by",
			pending, "started", daemon->started, "uptime_s", now - daemon->started,
			"time", now, "hugepages", daemon->huge, "idle", polls ? "poll" : "adaptive",
			"health", "ok", ready, "ready", ready, "reasons", reasons, "sessions",
			sessions_json(daemon), "workers", workers_json(daemon), "ports",
			ports_json(daemon), "listeners", listeners_json(daemon), "events", "last",
			(json_int_t)daemon->events.last, "errors",
			(json_int_t)daemon->events.errors, "lost", (json_int_t)daemon->events_lost,
			"log", "lost", (json_int_t)log_lost() + (json_int_t)daemon->sessions_lost));
}
