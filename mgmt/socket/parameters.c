// SPDX-License-Identifier: BSD-3-Clause

#include "socket/parameters.h"

#include <stdio.h>
#include <string.h>

static const char *const TYPE_NAMES[] = {
	[RPC_STRING] = "a string",
	[RPC_INTEGER] = "an integer",
	[RPC_BOOLEAN] = "true or false",
	[RPC_OBJECT] = "an object",
};

static bool type_is(enum rpc_type type, const json_t *value)
{
	switch (type) {
	case RPC_STRING:
		return json_is_string(value);
	case RPC_INTEGER:
		return json_is_integer(value);
	case RPC_BOOLEAN:
		return json_is_boolean(value);
	case RPC_OBJECT:
		return json_is_object(value);
	}
	return false;
}

static void fault_at(struct rpc_fault *fault, const char *prefix, const char *name)
{
	snprintf(fault->path, sizeof(fault->path), "%s%s%.40s", prefix, prefix[0] ? "." : "", name);
}

static bool range_check(
	const struct rpc_parameter *row, const json_t *value, struct rpc_fault *fault)
{
	if (row->minimum == 0 && row->maximum == 0)
		return true;

	bool text = row->type == RPC_STRING;
	int64_t measure = text ? (int64_t)json_string_length(value) : json_integer_value(value);

	if (measure >= row->minimum && measure <= row->maximum)
		return true;
	snprintf(fault->what, sizeof(fault->what), "%s %s %jd", fault->path,
		text ? "has a length of" : "is", (intmax_t)measure);
	snprintf(fault->hint, sizeof(fault->hint), "%jd to %jd%s", (intmax_t)row->minimum,
		(intmax_t)row->maximum, text ? " bytes" : "");
	return false;
}

static const struct rpc_parameter *row_find(const struct rpc_parameter *rows, const char *name)
{
	for (; rows != NULL && rows->name != NULL; rows++)
		if (strcmp(rows->name, name) == 0)
			return rows;
	return NULL;
}

static bool object_check(const struct rpc_parameter *rows, const json_t *object, const char *prefix,
	struct rpc_fault *fault);

static bool member_check(const struct rpc_parameter *rows, const char *prefix, const char *name,
	const json_t *value, struct rpc_fault *fault)
{
	const struct rpc_parameter *row = row_find(rows, name);

	fault_at(fault, prefix, name);
	if (row == NULL) {
		snprintf(fault->what, sizeof(fault->what), "unknown parameter \"%s\"", fault->path);
		snprintf(fault->hint, sizeof(fault->hint),
			"docs/management.md lists the parameters of each method");
		return false;
	}
	if (!type_is(row->type, value)) {
		snprintf(fault->what, sizeof(fault->what), "%s is not %s", fault->path,
			TYPE_NAMES[row->type]);
		snprintf(fault->hint, sizeof(fault->hint), "give %s", TYPE_NAMES[row->type]);
		return false;
	}
	if (row->type == RPC_OBJECT)
		return row->members == NULL || object_check(row->members, value, row->name, fault);
	return row->type == RPC_BOOLEAN || range_check(row, value, fault);
}

static bool object_check(const struct rpc_parameter *rows, const json_t *object, const char *prefix,
	struct rpc_fault *fault)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, name,
		value) if (!member_check(rows, prefix, name, value, fault)) return false;
	for (; rows != NULL && rows->name != NULL; rows++) {
		if (!rows->required || json_object_get(object, rows->name) != NULL)
			continue;
		fault_at(fault, prefix, rows->name);
		snprintf(fault->what, sizeof(fault->what), "%s is missing", fault->path);
		snprintf(fault->hint, sizeof(fault->hint), "give %s", TYPE_NAMES[rows->type]);
		return false;
	}
	return true;
}

bool rpc_parameters_check(
	const struct rpc_parameter *parameters, const json_t *params, struct rpc_fault *fault)
{
	if (json_is_object(params))
		return object_check(parameters, params, "", fault);
	snprintf(fault->path, sizeof(fault->path), "params");
	snprintf(fault->what, sizeof(fault->what), "params is no object");
	snprintf(fault->hint, sizeof(fault->hint), "name the parameters: {\"limit\": 10}");
	return false;
}
