// SPDX-License-Identifier: BSD-3-Clause

#include "socket/rpc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "socket/parameters.h"

struct rpc_call {
	const struct rpc_dispatcher *dispatcher;
	const struct rpc_method *method;
	struct rpc_client *client; // NULL: gone
	struct rpc_peer peer;
	json_t *request; // keeps params alive
	json_t *id;      // borrowed from request; NULL: a notification
	bool kept;       // rpc_dispatch has returned it
};

void *rpc_context(const struct rpc_call *call)
{
	return call->dispatcher->context;
}

const struct rpc_peer *rpc_peer_of(const struct rpc_call *call)
{
	return &call->peer;
}

struct rpc_client *rpc_client_of(const struct rpc_call *call)
{
	return call->client;
}

const char *rpc_method_name(const struct rpc_call *call)
{
	return call->method->name;
}

void rpc_call_abandon(struct rpc_call *call)
{
	call->client = NULL;
}

json_t *rpc_text(const char *text)
{
	json_t *value = json_string(text);
	char copy[1024];

	if (value != NULL)
		return value;
	snprintf(copy, sizeof(copy), "%s", text);
	for (char *c = copy; *c != '\0'; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	return json_string(copy);
}

static json_t *error_object(
	enum rpc_code code, json_t *members, const char *path, const char *hint, const char *what)
{
	json_t *data = json_pack("{s:o, s:o}", "path", rpc_text(path), "hint", rpc_text(hint));

	if (data != NULL && members != NULL)
		json_object_update_missing(data, members);
	json_decref(members);
	return json_pack(
		"{s:i, s:o, s:o}", "code", (int)code, "message", rpc_text(what), "data", data);
}

json_t *rpc_error_message(enum rpc_code code, const char *path, const char *hint, const char *what)
{
	return json_pack("{s:s, s:n, s:o}", "jsonrpc", "2.0", "id", "error",
		error_object(code, NULL, path, hint, what));
}

// Ends the call with one member, result or error; value is taken.
static void call_end(struct rpc_call *call, const char *member, json_t *value)
{
	struct rpc_client *client = call->client;

	if (client != NULL && call->id != NULL) {
		json_t *message = json_pack(
			"{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", call->id, member, value);

		call->dispatcher->send(client, message);
		json_decref(message);
	} else {
		json_decref(value);
	}
	if (client != NULL && call->kept)
		call->dispatcher->ended(client, call);
	json_decref(call->request);
	// rpc_dispatch still looks at a call that it has not handed out.
	if (call->kept)
		free(call);
	else
		call->request = NULL;
}

void rpc_reply(struct rpc_call *call, json_t *result)
{
	if (result == NULL)
		rpc_fail(call, RPC_INTERNAL_ERROR, "", "try again later", "out of memory");
	else
		call_end(call, "result", result);
}

static void call_fail(struct rpc_call *call, enum rpc_code code, json_t *members, const char *path,
	const char *hint, const char *format, va_list arguments)
{
	char what[1024];

	vsnprintf(what, sizeof(what), format, arguments);
	call_end(call, "error", error_object(code, members, path, hint, what));
}

void rpc_fail(struct rpc_call *call, enum rpc_code code, const char *path, const char *hint,
	const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	call_fail(call, code, NULL, path, hint, format, arguments);
	va_end(arguments);
}

void rpc_fail_data(struct rpc_call *call, enum rpc_code code, json_t *members, const char *path,
	const char *hint, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	call_fail(call, code, members, path, hint, format, arguments);
	va_end(arguments);
}

static void refuse(const struct rpc_dispatcher *dispatcher, struct rpc_client *client,
	enum rpc_code code, const char *hint, const char *what)
{
	json_t *message = rpc_error_message(code, "", hint, what);

	dispatcher->send(client, message);
	json_decref(message);
}

static const struct rpc_method *method_find(
	const struct rpc_dispatcher *dispatcher, const char *name)
{
	for (size_t i = 0; i < dispatcher->method_count; i++)
		if (strcmp(dispatcher->methods[i].name, name) == 0)
			return &dispatcher->methods[i];
	return NULL;
}

// What is wrong with a request object before its method is looked at; NULL: nothing.
static const char *request_fault(const json_t *request)
{
	const json_t *id = json_object_get(request, "id");
	const json_t *version = json_object_get(request, "jsonrpc");
	const char *member;
	json_t *value;

	if (json_is_array(request))
		return "batches are not served";
	if (!json_is_object(request))
		return "a request is an object";
	if (!json_is_string(version) || strcmp(json_string_value(version), "2.0") != 0)
		return "jsonrpc is not \"2.0\"";
	if (!json_is_string(json_object_get(request, "method")))
		return "method is no string";
	if (id != NULL && !json_is_string(id) && !json_is_number(id) && !json_is_null(id))
		return "id is no string, number or null";
	json_object_foreach((json_t *)(uintptr_t)request, member,
		value) if (strcmp(member, "jsonrpc") != 0 && strcmp(member, "id") != 0 &&
			   strcmp(member, "method") != 0 &&
			   strcmp(member, "params") !=
				   0) return "only jsonrpc, id, method and params make a request";
	return NULL;
}

// Checks right and parameters, then calls the method, or fails the call.
static void call_run(struct rpc_call *call, const char *name)
{
	const struct rpc_dispatcher *dispatcher = call->dispatcher;
	json_t *params = json_object_get(call->request, "params");
	struct rpc_fault fault;

	call->method = method_find(dispatcher, name);
	if (call->method == NULL) {
		rpc_fail(call, RPC_UNKNOWN_METHOD, "method", "docs/management.md lists the methods",
			"unknown method \"%.64s\"", name);
		return;
	}
	if (call->peer.right < call->method->right) {
		rpc_fail(call, RPC_DENIED, "method",
			"root and members of management.group may change things",
			"%s needs the right \"change\"", call->method->name);
		return;
	}
	if (params == NULL) {
		params = json_object();
		if (params == NULL || json_object_set_new(call->request, "params", params) != 0) {
			rpc_reply(call, NULL);
			return;
		}
	}
	if (!rpc_parameters_check(call->method->parameters, params, &fault)) {
		rpc_fail(call, RPC_INVALID_PARAMETER, fault.path, fault.hint, "%s", fault.what);
		return;
	}
	if (call->method->right == RPC_RIGHT_CHANGE && dispatcher->changing != NULL)
		dispatcher->changing(dispatcher->context, &call->peer, call->method->name);
	call->method->call(call, params);
}

static json_t *line_parse(const struct rpc_dispatcher *dispatcher, struct rpc_client *client,
	const char *line, size_t length)
{
	json_error_t error;
	json_t *request =
		json_loadb(line, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	char what[JSON_ERROR_TEXT_LENGTH + 64];

	if (request != NULL)
		return request;
	snprintf(what, sizeof(what), "column %d: %s", error.column, error.text);
	if (json_error_code(&error) == json_error_duplicate_key)
		refuse(dispatcher, client, RPC_INVALID_PARAMETER, "name each member once", what);
	else
		refuse(dispatcher, client, RPC_PARSE_ERROR, "send one JSON object a line", what);
	return NULL;
}

struct rpc_call *rpc_dispatch(const struct rpc_dispatcher *dispatcher, struct rpc_client *client,
	const struct rpc_peer *peer, const char *line, size_t length)
{
	json_t *request = line_parse(dispatcher, client, line, length);

	if (request == NULL)
		return NULL;

	const char *fault = request_fault(request);
	struct rpc_call *call = fault == NULL ? calloc(1, sizeof(*call)) : NULL;

	if (call == NULL) {
		if (fault != NULL)
			refuse(dispatcher, client, RPC_INVALID_REQUEST,
				"send {\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"hello\"}",
				fault);
		else
			refuse(dispatcher, client, RPC_INTERNAL_ERROR, "try again later",
				"out of memory");
		json_decref(request);
		return NULL;
	}
	call->dispatcher = dispatcher;
	call->client = client;
	call->peer = *peer;
	call->request = request;
	call->id = json_object_get(request, "id");
	call_run(call, json_string_value(json_object_get(request, "method")));
	if (call->request == NULL) {
		free(call);
		return NULL;
	}
	call->kept = true;
	return call;
}

const char *rpc_string(const json_t *params, const char *name, const char *absent)
{
	const json_t *value = json_object_get(params, name);

	return value != NULL ? json_string_value(value) : absent;
}

int64_t rpc_integer(const json_t *params, const char *name, int64_t absent)
{
	const json_t *value = json_object_get(params, name);

	return value != NULL ? json_integer_value(value) : absent;
}

bool rpc_boolean(const json_t *params, const char *name, bool absent)
{
	const json_t *value = json_object_get(params, name);

	return value != NULL ? json_is_true(value) : absent;
}
