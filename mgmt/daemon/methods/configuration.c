// SPDX-License-Identifier: BSD-3-Clause

#include "config/edit/hidden.h"
#include "daemon/dataplane.h"
#include "daemon/methods/methods.h"
#include "daemon/operations.h"

static json_t *faults_json(const struct config_faults *faults, bool warnings)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < faults->count; i++) {
		const struct config_fault *f = &faults->items[i];
		json_t *item;

		if (f->warning != warnings)
			continue;
		item = json_pack("{s:i, s:o, s:o, s:o}", "line", (int)f->line, "path",
			rpc_text(f->path), "what", rpc_text(f->what), "hint", rpc_text(f->hint));
		json_array_append_new(list, item);
	}
	return list;
}

// sessions: what each change found alive; NULL: count now.
static json_t *changes_json(const struct daemon *daemon, const struct change_list *changes,
	const uint64_t *sessions, uint32_t drain_s)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < changes->count; i++) {
		const struct change *c = &changes->items[i];
		uint64_t live = sessions != NULL ? sessions[i] : change_sessions(daemon, c);

		json_array_append_new(
			list, json_pack("{s:o, s:s, s:s, s:I, s:s?}", "path", rpc_text(c->path),
				      "kind", change_kind_name(c->kind), "effect",
				      change_effect(daemon, c, drain_s), "sessions",
				      (json_int_t)live, "reason", c->reason));
	}
	return list;
}

void method_config_check(struct rpc_call *call, const json_t *params)
{
	static struct config_faults faults;
	struct daemon *daemon = rpc_context(call);
	struct config *config = NULL;
	char *text;

	faults_init(&faults);

	int status = text_reveal(daemon, rpc_string(params, "text", ""), &faults, &text);

	if (status == 0) {
		status = configuration_judge(daemon, text, &faults, &config);
		free(text);
	}
	config_destroy(config);
	if (status == -ENOMEM)
		rpc_reply(call, NULL);
	else
		rpc_reply(call, json_pack("{s:o, s:o}", "faults", faults_json(&faults, false),
					"warnings", faults_json(&faults, true)));
}

static void faults_fail(struct rpc_call *call, const struct config_faults *faults)
{
	const struct config_fault *first = faults->items;

	while (first < faults->items + faults->count - 1 && first->warning)
		first++;
	rpc_fail_data(call, RPC_REFUSED, json_pack("{s:o}", "faults", faults_json(faults, false)),
		first->path, first->hint, "line %u: %s", first->line, first->what);
}

void method_config_plan(struct rpc_call *call, const json_t *params)
{
	static struct config_faults faults;
	struct daemon *daemon = rpc_context(call);
	uint32_t drain_s = (uint32_t)rpc_integer(params, "drain_s", DRAIN_DEFAULT_S);
	struct change_list changes = {0};
	struct config *config;
	char *text;

	faults_init(&faults);

	int status = text_reveal(daemon, rpc_string(params, "text", ""), &faults, &text);

	if (status == 0) {
		status = configuration_judge(daemon, text, &faults, &config);
		free(text);
	}
	if (status == -EINVAL && faults.count > 0) {
		faults_fail(call, &faults);
		return;
	}
	if (status == 0) {
		status = configuration_plan(daemon, config, &changes);
		config_destroy(config);
	}
	if (status != 0) {
		rpc_reply(call, NULL);
		return;
	}
	rpc_reply(call, json_pack("{s:I, s:o, s:o}", "base", (json_int_t)daemon->revision,
				"changes", changes_json(daemon, &changes, NULL, drain_s),
				"warnings", faults_json(&faults, true)));
	plan_fini(&changes);
}

static void on_operation(void *context, const struct operation_result *result)
{
	struct rpc_call *call = context;
	struct daemon *daemon = rpc_context(call);
	json_t *confirm_by;

	if (result->code != 0) {
		json_t *members =
			result->faults->errors > 0
				? json_pack("{s:o}", "faults", faults_json(result->faults, false))
				: NULL;

		rpc_fail_data(call, result->code, members, result->path, result->hint, "%s",
			result->what);
		return;
	}
	confirm_by = result->confirm_by > 0 ? json_real(result->confirm_by) : json_null();
	rpc_reply(call,
		json_pack("{s:I, s:o, s:b, s:b, s:o, s:o}", "revision",
			(json_int_t)result->revision, "confirm_by", confirm_by, "restart",
			result->restart, "credentials_unread", result->credentials_unread,
			"changes",
			changes_json(daemon, result->changes, result->sessions, result->drain_s),
			"warnings", faults_json(result->faults, true)));
}

static void on_confirm(void *context, const struct operation_result *result)
{
	if (result->code != 0)
		on_operation(context, result);
	else
		rpc_reply(context, json_pack("{s:I}", "revision", (json_int_t)result->revision));
}

// Queues an operation with what all of them share.
static void submit(struct rpc_call *call, const json_t *params, struct operation_request *request)
{
	struct daemon *daemon = rpc_context(call);
	char by[REVISION_BY_BYTES];

	snprintf(by, sizeof(by), "uid %ju", (uintmax_t)rpc_peer_of(call)->uid);
	request->by = by;
	request->comment = rpc_string(params, "comment", "");
	request->has_base = json_object_get(params, "base") != NULL;
	request->base = (uint64_t)rpc_integer(params, "base", 0);
	request->confirm_within_s = (uint32_t)rpc_integer(params, "confirm_within_s", 0);
	request->drain_s = (uint32_t)rpc_integer(params, "drain_s", DRAIN_DEFAULT_S);
	request->restart = rpc_boolean(params, "restart", false);
	if (request->done == NULL)
		request->done = on_operation;
	request->context = call;
	if (operation_submit(daemon->operations, request) != 0)
		rpc_reply(call, NULL);
}

void method_config_apply(struct rpc_call *call, const json_t *params)
{
	struct operation_request request = {
		.kind = OPERATION_APPLY,
		.text = rpc_string(params, "text", ""),
	};

	submit(call, params, &request);
}

void method_config_confirm(struct rpc_call *call, const json_t *params)
{
	struct operation_request request = {
		.kind = OPERATION_CONFIRM,
		.revision = (uint64_t)rpc_integer(params, "revision", 0),
		.done = on_confirm,
	};

	submit(call, params, &request);
}

void method_config_rollback(struct rpc_call *call, const json_t *params)
{
	struct operation_request request = {
		.kind = OPERATION_ROLLBACK,
		.revision = (uint64_t)rpc_integer(params, "revision", 0),
	};

	submit(call, params, &request);
}

static const char *revision_state_text(const struct daemon *daemon, const struct revision *r)
{
	static const char *const NAMES[] = {
		[REVISION_CONFIRMED] = "confirmed",
		[REVISION_PENDING] = "pending",
		[REVISION_REVERTED] = "reverted",
		[REVISION_FAILED] = "failed",
		[REVISION_REFUSED] = "refused",
	};

	if (r->number == daemon->revision && r->state == REVISION_CONFIRMED)
		return "current";
	return NAMES[r->state];
}

void method_config_history(struct rpc_call *call, const json_t *params)
{
	const struct daemon *daemon = rpc_context(call);
	json_t *list = json_array();

	for (uint32_t i = 0; i < revisions_count(daemon->revisions); i++) {
		const struct revision *r = revisions_at(daemon->revisions, i);

		json_array_append_new(list,
			json_pack("{s:I, s:I, s:s, s:s, s:s}", "revision", (json_int_t)r->number,
				"time", (json_int_t)r->time, "by", r->by, "comment", r->comment,
				"state", revision_state_text(daemon, r)));
	}
	rpc_reply(call, json_pack("{s:I, s:o}", "current", (json_int_t)daemon->revision,
				"revisions", list));
}

void method_config_show(struct rpc_call *call, const json_t *params)
{
	const struct daemon *daemon = rpc_context(call);
	uint64_t number = (uint64_t)rpc_integer(params, "revision", (int64_t)daemon->revision);
	char why[400];
	char *text, *shown;
	size_t length;

	if (revisions_find(daemon->revisions, number) == NULL) {
		rpc_fail(call, RPC_NOT_FOUND, "revision", "nexpath config history",
			number == 0 ? "no configuration runs" : "revision %ju is not kept",
			(uintmax_t)number);
		return;
	}
	if (revisions_text(daemon->revisions, number, &text, &length, why, sizeof(why)) != 0) {
		rpc_fail(call, RPC_REFUSED, "revision", "nexpath config history", "%s", why);
		return;
	}

	int status = hidden_show(text, hidden_by_schema, &shown);

	free(text);
	if (status != 0) {
		rpc_fail(call, RPC_REFUSED, "revision", "nexpath config history",
			"revision %ju does not read", (uintmax_t)number);
		return;
	}
	rpc_reply(call, json_pack("{s:I, s:s}", "revision", (json_int_t)number, "text", shown));
	free(shown);
}

// "KEY=VALUE" of one member; NULL for a value that is no scalar, or without memory.
static char *setting_make(const char *key, const json_t *value)
{
	char *text = NULL, *setting = NULL;

	if (json_is_array(value) || json_is_object(value) || json_is_null(value))
		return NULL;
	if (!json_is_string(value)) {
		text = json_dumps(value, JSON_ENCODE_ANY);
		if (text == NULL)
			return NULL;
	}
	if (asprintf(&setting, "%s=%s", key, text != NULL ? text : json_string_value(value)) < 0)
		setting = NULL;
	free(text);
	return setting;
}

void method_listener_add(struct rpc_call *call, const json_t *params)
{
	enum {
		SETTINGS_MAX = 64
	};
	json_t *values = json_object_get(params, "values");
	char *settings[SETTINGS_MAX];
	uint32_t count = 0;
	const char *wrong = NULL;
	const char *key;
	json_t *value;

	json_object_foreach(values, key, value)
	{
		settings[count] = count < SETTINGS_MAX - 1 ? setting_make(key, value) : NULL;
		wrong = settings[count] == NULL ? key : NULL;
		if (wrong != NULL)
			break;
		count++;
	}
	if (wrong != NULL) {
		rpc_fail(call, RPC_INVALID_PARAMETER, "values", "give each key a string or number",
			"values.%.64s is no text", wrong);
	} else {
		struct operation_request request = {
			.kind = OPERATION_LISTENER_ADD,
			.settings = (const char *const *)settings,
			.settings_count = count,
		};

		submit(call, params, &request);
	}
	while (count > 0)
		free(settings[--count]);
}

void method_listener_remove(struct rpc_call *call, const json_t *params)
{
	struct operation_request request = {
		.kind = OPERATION_LISTENER_REMOVE,
		.name = rpc_string(params, "name", ""),
	};

	submit(call, params, &request);
}

void method_upstream_drain(struct rpc_call *call, const json_t *params)
{
	struct operation_request request = {
		.kind = OPERATION_DRAIN_TARGET,
		.name = rpc_string(params, "upstream", ""),
		.target = rpc_string(params, "target", ""),
	};

	submit(call, params, &request);
}
