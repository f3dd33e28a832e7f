// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/events/translate.h"
#include "daemon/methods/methods.h"
#include "daemon/requests.h"

enum {
	LIMIT_DEFAULT = 100,
	// A page ends at this size: with what is asked of a worker at once, of at most 3 KiB each,
	// it stays below the 4 MiB of a line.
	PAGE_BYTES = 3 << 20,
	RECORDS_AT_ONCE = 256
};

// One session.list under way: a count over all workers, then page after page worker by worker.
struct listing {
	struct rpc_call *call;
	struct control_request request;
	json_t *sessions;
	size_t bytes; // of sessions as text
	uint64_t total;
	uint32_t limit;
	uint16_t worker;
};

static bool filter_fail(struct rpc_call *call, enum rpc_code code, const char *member,
	const char *hint, const char *value)
{
	char path[64];

	snprintf(path, sizeof(path), "filter.%s", member);
	rpc_fail(call, code, path, hint, "no %s \"%.100s\"", member, value);
	return false;
}

// Of a listener and one of its name that drains it is the first, unless the protocol says
// otherwise.
static uint16_t listener_find(const struct snapshot *s, const char *name, uint8_t protocol)
{
	uint16_t found = SLOT_NONE;

	for (uint16_t i = 0; i < s->listener_limit; i++) {
		const struct snapshot_listener *l = s->listeners[i];

		if (l == NULL || strcmp(l->name, name) != 0 ||
			(protocol != 0 && l->protocol != protocol))
			continue;
		if (!l->closing)
			return i;
		found = i;
	}
	return found;
}

static uint16_t target_find(const struct snapshot *s, const char *text)
{
	for (uint16_t i = 0; i < s->target_limit; i++) {
		const struct snapshot_target *t = s->targets[i];
		char endpoint[ENDPOINT_TEXT_BYTES];

		if (t == NULL)
			continue;
		endpoint_print(&t->address, be16toh(t->port), endpoint);
		if (strcmp(endpoint, text) == 0 || strcmp(t->text, text) == 0)
			return i;
	}
	return SLOT_NONE;
}

static uint8_t state_find(const char *name)
{
	for (uint8_t s = SESSION_NEW; s < SESSION_STATE_COUNT; s++)
		if (strcmp(session_state_name(s), name) == 0)
			return s;
	return 0;
}

// What a filter names that does not exist fails the call.
static bool filter_make(struct rpc_call *call, const json_t *wanted, struct session_filter *out)
{
	const struct daemon *daemon = rpc_context(call);
	const struct snapshot *s = node_snapshot(daemon->node);
	const char *listener = rpc_string(wanted, "listener", NULL);
	const char *target = rpc_string(wanted, "target", NULL);
	const char *client = rpc_string(wanted, "client", NULL);
	const char *state = rpc_string(wanted, "state", NULL);
	const char *protocol = rpc_string(wanted, "protocol", NULL);

	*out = (struct session_filter){.listener = SLOT_NONE, .target = SLOT_NONE};
	out->older_than = (usec_t)rpc_integer(wanted, "age_s", 0) * USEC_PER_SECOND;
	if (target != NULL && (out->target = target_find(s, target)) == SLOT_NONE)
		return filter_fail(call, RPC_NOT_FOUND, "target", "nexpath upstream list", target);
	if (state != NULL && (out->state = state_find(state)) == 0)
		return filter_fail(call, RPC_INVALID_PARAMETER, "state",
			"new, syn_received, established, client_closed, target_closed, closing, "
			"time_wait or reset",
			state);
	if (protocol != NULL && strcmp(protocol, "tcp") == 0)
		out->protocol = IPPROTO_TCP;
	else if (protocol != NULL && strcmp(protocol, "udp") == 0)
		out->protocol = IPPROTO_UDP;
	else if (protocol != NULL)
		return filter_fail(call, RPC_INVALID_PARAMETER, "protocol", "tcp or udp", protocol);
	if (listener != NULL &&
		(out->listener = listener_find(s, listener, out->protocol)) == SLOT_NONE)
		return filter_fail(
			call, RPC_NOT_FOUND, "listener", "nexpath listener list", listener);
	if (client == NULL)
		return true;
	out->by_client = true;
	if (!ip_prefix_parse(client, &out->client))
		return filter_fail(call, RPC_INVALID_PARAMETER, "client",
			"an address or a prefix: 10.1.0.0/24", client);
	ip_prefix_mask(&out->client);
	return true;
}

static bool id_parse(struct rpc_call *call, const char *text, struct session_filter *out)
{
	char *end;
	unsigned long long id = strtoull(text, &end, 16);

	*out = (struct session_filter){.listener = SLOT_NONE, .target = SLOT_NONE, .id = id};
	if (text[0] != '\0' && *end == '\0' && strlen(text) <= 16 && id != 0 &&
		text[strspn(text, "0123456789abcdefABCDEF")] == '\0')
		return true;
	rpc_fail(call, RPC_INVALID_PARAMETER, "id", "16 hex digits, as session list shows them",
		"\"%.32s\" is no session id", text);
	return false;
}

// The worker that an id names: the top 8 bits.
static int id_worker(const struct daemon *daemon, uint64_t id)
{
	uint64_t worker = id >> 56;

	return worker < node_worker_count(daemon->node) ? (int)worker : -2;
}

static void listing_end(struct listing *l, bool more)
{
	char cursor[32];
	json_t *next = json_null();

	if (more) {
		snprintf(cursor, sizeof(cursor), "%u:%u", l->worker, l->request.cursor);
		next = json_string(cursor);
	}
	rpc_reply(l->call, json_pack("{s:o, s:o, s:I}", "sessions", l->sessions, "next", next,
				   "total", (json_int_t)l->total));
	free(l);
}

static void listing_step(struct listing *l);

static void on_page(void *context, const struct request_answer *answer)
{
	struct listing *l = context;
	const struct daemon *daemon = rpc_context(l->call);

	for (uint64_t i = 0; i < answer->count; i++) {
		json_t *session = session_json(daemon, &answer->records[i], &answer->names[2 * i]);

		l->bytes += json_dumpb(session, NULL, 0, JSON_COMPACT) + 1;
		json_array_append_new(l->sessions, session);
	}
	l->request.cursor = answer->cursor;
	if (!answer->more) {
		l->worker++;
		l->request.cursor = 0;
	}
	if (l->worker >= node_worker_count(daemon->node))
		listing_end(l, false);
	else if (json_array_size(l->sessions) >= l->limit || l->bytes >= PAGE_BYTES)
		listing_end(l, true);
	else
		listing_step(l);
}

static void listing_fail(struct listing *l)
{
	json_decref(l->sessions);
	rpc_reply(l->call, NULL);
	free(l);
}

static void listing_step(struct listing *l)
{
	struct daemon *daemon = rpc_context(l->call);
	uint32_t left = l->limit - (uint32_t)json_array_size(l->sessions);

	l->request.kind = CONTROL_LIST;
	l->request.limit = u32_min(left, RECORDS_AT_ONCE);
	if (request_send(daemon->requests, &l->request, l->worker, on_page, l) != 0)
		listing_fail(l);
}

static void on_total(void *context, const struct request_answer *answer)
{
	struct listing *l = context;

	l->total = answer->count;
	listing_step(l);
}

static bool cursor_parse(struct rpc_call *call, const char *text, struct listing *out)
{
	const struct daemon *daemon = rpc_context(call);
	unsigned worker, cursor;
	int n = 0;

	if (text == NULL)
		return true;
	if (sscanf(text, "%5u:%10u%n", &worker, &cursor, &n) == 2 && text[n] == '\0' &&
		worker < node_worker_count(daemon->node)) {
		out->worker = (uint16_t)worker;
		out->request.cursor = cursor;
		return true;
	}
	rpc_fail(call, RPC_INVALID_PARAMETER, "cursor", "give `next` of the page before",
		"cursor is none of ours");
	return false;
}

void method_session_list(struct rpc_call *call, const json_t *params)
{
	struct daemon *daemon = rpc_context(call);
	struct listing wanted = {
		.call = call,
		.limit = (uint32_t)rpc_integer(params, "limit", LIMIT_DEFAULT),
	};
	struct listing *l;

	if (!method_needs_node(call) ||
		!filter_make(call, json_object_get(params, "filter"), &wanted.request.filter) ||
		!cursor_parse(call, rpc_string(params, "cursor", NULL), &wanted))
		return;
	wanted.sessions = json_array();
	l = malloc(sizeof(*l));
	if (l == NULL) {
		json_decref(wanted.sessions);
		rpc_reply(call, NULL);
		return;
	}
	*l = wanted;

	struct control_request count = {.kind = CONTROL_COUNT, .filter = l->request.filter};

	if (request_send(daemon->requests, &count, WORKERS_ALL, on_total, l) != 0)
		listing_fail(l);
}

static void no_session(struct rpc_call *call)
{
	rpc_fail(call, RPC_NOT_FOUND, "id", "nexpath session list",
		"there is no such session any more");
}

static void on_shown(void *context, const struct request_answer *answer)
{
	struct rpc_call *call = context;

	if (answer->count == 0)
		no_session(call);
	else
		rpc_reply(call,
			json_pack("{s:o}", "session",
				session_json(rpc_context(call), answer->records, answer->names)));
}

void method_session_show(struct rpc_call *call, const json_t *params)
{
	struct daemon *daemon = rpc_context(call);
	struct control_request request = {.kind = CONTROL_LIST, .limit = 1};

	if (!method_needs_node(call) ||
		!id_parse(call, rpc_string(params, "id", ""), &request.filter))
		return;

	int worker = id_worker(daemon, request.filter.id);

	if (worker < 0)
		no_session(call);
	else if (request_send(daemon->requests, &request, worker, on_shown, call) != 0)
		rpc_reply(call, NULL);
}

static void on_killed(void *context, const struct request_answer *answer)
{
	struct rpc_call *call = context;

	rpc_reply(call, json_pack("{s:I}", "killed", (json_int_t)answer->count));
}

static void on_one_killed(void *context, const struct request_answer *answer)
{
	if (answer->count == 0)
		no_session(context);
	else
		on_killed(context, answer);
}

void method_session_kill(struct rpc_call *call, const json_t *params)
{
	struct daemon *daemon = rpc_context(call);
	const char *id = rpc_string(params, "id", NULL);
	const json_t *filter = json_object_get(params, "filter");
	struct control_request request = {.kind = CONTROL_KILL, .why = SESSION_END_KILLED};
	int worker = WORKERS_ALL;

	if ((id == NULL) == (filter == NULL || json_object_size(filter) == 0)) {
		rpc_fail(call, RPC_INVALID_PARAMETER, "filter",
			"give an id, or a filter with at least one condition",
			"it is not said which sessions to end");
		return;
	}
	if (!method_needs_node(call) || (id != NULL ? !id_parse(call, id, &request.filter)
						    : !filter_make(call, filter, &request.filter)))
		return;
	if (id != NULL)
		worker = id_worker(daemon, request.filter.id);
	if (worker < WORKERS_ALL)
		no_session(call);
	else if (request_send(daemon->requests, &request, worker,
			 id != NULL ? on_one_killed : on_killed, call) != 0)
		rpc_reply(call, NULL);
}
