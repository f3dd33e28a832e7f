// SPDX-License-Identifier: BSD-3-Clause

#include "config/text/text.h"
#include "daemon/captures.h"
#include "daemon/events/feed.h"
#include "daemon/events/log.h"
#include "daemon/methods/methods.h"
#include "daemon/operations.h"
#include "pipeline/capture.h"

// Rows of parameters: PARAMETERS(name, type, required, minimum, maximum), see struct rpc_parameter.
#define TEXT(name, required, most)                                                                 \
	{                                                                                          \
		name, RPC_STRING, required, 0, most, NULL                                          \
	}
#define NUMBER(name, required, low, high)                                                          \
	{                                                                                          \
		name, RPC_INTEGER, required, low, high, NULL                                       \
	}
#define FLAG(name)                                                                                 \
	{                                                                                          \
		name, RPC_BOOLEAN, false, 0, 0, NULL                                               \
	}
#define GROUP(name, required, members)                                                             \
	{                                                                                          \
		name, RPC_OBJECT, required, 0, 0, members                                          \
	}
#define END                                                                                        \
	{                                                                                          \
		NULL, RPC_STRING, false, 0, 0, NULL                                                \
	}
#define BASE    NUMBER("base", false, 0, INT64_MAX)
#define COMMENT TEXT("comment", false, REVISION_COMMENT_BYTES - 1)
#define DRAIN   NUMBER("drain_s", false, 0, 86400)
#define CONFIRM NUMBER("confirm_within_s", false, 0, CONFIRM_MAX_S)

typedef const struct rpc_parameter parameters_t[];

static parameters_t TEXT_ONLY = {TEXT("text", true, TEXT_BYTES_MAX), END};
static parameters_t PLAN = {TEXT("text", true, TEXT_BYTES_MAX), DRAIN, END};
static parameters_t REVISION = {NUMBER("revision", false, 1, INT64_MAX), END};
static parameters_t APPLY = {
	TEXT("text", true, TEXT_BYTES_MAX), BASE, CONFIRM, DRAIN, FLAG("restart"), COMMENT, END};
static parameters_t ROLLBACK = {
	NUMBER("revision", false, 1, INT64_MAX), DRAIN, FLAG("restart"), END};
static parameters_t ADD = {GROUP("values", true, NULL), BASE, CONFIRM, COMMENT, END};
static parameters_t NAME = {TEXT("name", true, NAME_BYTES - 1), END};
static parameters_t REMOVE = {TEXT("name", true, NAME_BYTES - 1), DRAIN, BASE, COMMENT, END};
static parameters_t DRAIN_TARGET = {
	TEXT("upstream", true, NAME_BYTES - 1), TEXT("target", true, 400), BASE, COMMENT, END};
static parameters_t FILTER = {TEXT("listener", false, NAME_BYTES), TEXT("target", false, 400),
	TEXT("client", false, IP_PREFIX_TEXT_MAX), TEXT("state", false, 32),
	TEXT("protocol", false, 8), NUMBER("age_s", false, 0, INT32_MAX), END};
static parameters_t SESSIONS = {GROUP("filter", false, FILTER), NUMBER("limit", false, 1, 10000),
	TEXT("cursor", false, 64), END};
static parameters_t SESSION_ID = {TEXT("id", true, 32), END};
static parameters_t KILL = {TEXT("id", false, 32), GROUP("filter", false, FILTER), END};
static parameters_t CREDENTIAL = {TEXT("name", false, NAME_BYTES - 1), END};
static parameters_t GLOB = {TEXT("glob", false, 256), END};
static parameters_t ALL = {FLAG("all"), END};
static parameters_t NEIGHBOURS = {NUMBER("limit", false, 1, 16384), END};
static parameters_t CAPTURE = {TEXT("port", false, NAME_BYTES), TEXT("listener", false, NAME_BYTES),
	TEXT("filter", false, CAPTURE_FILTER_MAX), NUMBER("count", false, 1, CAPTURE_COUNT_MAX),
	NUMBER("seconds", false, 1, 86400), NUMBER("snap_length", false, 14, CAPTURE_SNAP_MAX),
	END};
static parameters_t CAPTURE_ID = {NUMBER("capture", true, 1, INT64_MAX), END};
static parameters_t EVENTS = {NUMBER("since", false, 0, INT64_MAX), TEXT("severity", false, 16),
	NUMBER("limit", false, 1, EVENTS_KEPT), END};
static parameters_t SUBSCRIBE = {
	NUMBER("since", false, 0, INT64_MAX), TEXT("severity", false, 16), END};

const struct rpc_method METHODS[] = {
	{"hello", RPC_RIGHT_READ, NULL, method_hello, "what serves here"},
	{"status", RPC_RIGHT_READ, NULL, method_status, "one screen of health"},
	{"config.check", RPC_RIGHT_READ, TEXT_ONLY, method_config_check, "faults of a text"},
	{"config.plan", RPC_RIGHT_READ, PLAN, method_config_plan, "what a text would change"},
	{"config.apply", RPC_RIGHT_CHANGE, APPLY, method_config_apply, "makes a text run"},
	{"config.confirm", RPC_RIGHT_CHANGE, REVISION, method_config_confirm, "keeps what waits"},
	{"config.rollback", RPC_RIGHT_CHANGE, ROLLBACK, method_config_rollback, "goes back"},
	{"config.history", RPC_RIGHT_READ, NULL, method_config_history, "revisions"},
	{"config.show", RPC_RIGHT_READ, REVISION, method_config_show, "the text of a revision"},
	{"listener.list", RPC_RIGHT_READ, NULL, method_listener_list, "listeners and traffic"},
	{"listener.show", RPC_RIGHT_READ, NAME, method_listener_show, "one listener"},
	{"listener.add", RPC_RIGHT_CHANGE, ADD, method_listener_add, "opens a listener"},
	{"listener.remove", RPC_RIGHT_CHANGE, REMOVE, method_listener_remove, "closes a listener"},
	{"upstream.list", RPC_RIGHT_READ, NULL, method_upstream_list, "upstreams and targets"},
	{"upstream.drain", RPC_RIGHT_CHANGE, DRAIN_TARGET, method_upstream_drain,
		"no new sessions for a target"},
	{"credential.list", RPC_RIGHT_READ, NULL, method_credential_list, "keys and certificates"},
	{"credential.reload", RPC_RIGHT_CHANGE, CREDENTIAL, method_credential_reload,
		"reads their files again"},
	{"session.list", RPC_RIGHT_READ, SESSIONS, method_session_list, "live sessions"},
	{"session.show", RPC_RIGHT_READ, SESSION_ID, method_session_show, "one session"},
	{"session.kill", RPC_RIGHT_CHANGE, KILL, method_session_kill, "ends sessions"},
	{"stats", RPC_RIGHT_READ, GLOB, method_stats, "counters by name"},
	{"drops", RPC_RIGHT_READ, ALL, method_drops, "drops by reason"},
	{"stages", RPC_RIGHT_READ, NULL, method_stages, "cycles of each stage"},
	{"port.list", RPC_RIGHT_READ, NULL, method_port_list, "ports, links, rates"},
	{"worker.list", RPC_RIGHT_READ, NULL, method_worker_list, "workers and their load"},
	{"route.list", RPC_RIGHT_READ, NULL, method_route_list, "routes"},
	{"neighbour.list", RPC_RIGHT_READ, NEIGHBOURS, method_neighbour_list, "neighbours"},
	{"pool.list", RPC_RIGHT_READ, NULL, method_pool_list, "fill of the pools"},
	{"capture.start", RPC_RIGHT_CHANGE, CAPTURE, method_capture_start, "copies packets"},
	{"capture.stop", RPC_RIGHT_CHANGE, CAPTURE_ID, method_capture_stop, "ends a capture"},
	{"events.list", RPC_RIGHT_READ, EVENTS, method_events_list, "kept events"},
	{"events.subscribe", RPC_RIGHT_READ, SUBSCRIBE, method_events_subscribe,
		"events as they come"},
};
const size_t METHOD_COUNT = nx_array_size(METHODS);

static void on_changing(void *context, const struct rpc_peer *peer, const char *method)
{
	log_object(LOG_LEVEL_INFO, "management change",
		json_pack("{s:s, s:I, s:I}", "method", method, "uid", (json_int_t)peer->uid, "pid",
			(json_int_t)peer->pid));
}

static void on_closed(void *context, struct rpc_client *client)
{
	struct daemon *daemon = context;

	feed_unsubscribe(daemon->feed, client);
	captures_forget(daemon->captures, client);
}

int methods_serve(struct daemon *daemon)
{
	struct server_config config = {
		.base = daemon->base,
		.dispatcher =
			{
				.methods = METHODS,
				.method_count = METHOD_COUNT,
				.context = daemon,
				.changing = on_changing,
			},
		.closed = on_closed,
	};

	return server_create(&config, &daemon->server);
}

bool method_needs_node(struct rpc_call *call)
{
	const struct daemon *daemon = rpc_context(call);

	if (daemon->node != NULL && node_snapshot(daemon->node) != NULL)
		return true;
	rpc_fail(call, RPC_REFUSED, "", "nexpath config apply FILE", "no configuration runs yet");
	return false;
}
