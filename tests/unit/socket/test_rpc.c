// SPDX-License-Identifier: BSD-3-Clause

// JSON-RPC on lines, without a transport: what each line is answered with.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "table.h"

static json_t *answer; // the last one
static unsigned answers;
static unsigned ended;
static unsigned changes;

static void take(struct rpc_client *client, const json_t *message)
{
	json_decref(answer);
	answer = json_deep_copy(message);
	answers++;
}

static void on_ended(struct rpc_client *client, struct rpc_call *call)
{
	ended++;
}

static void on_changing(void *context, const struct rpc_peer *peer, const char *method)
{
	changes++;
}

static const struct rpc_dispatcher DISPATCHER = {
	.methods = TABLE,
	.method_count = TABLE_METHODS,
	.send = take,
	.ended = on_ended,
	.changing = on_changing,
};

static int reset(void **state)
{
	json_decref(answer);
	answer = NULL;
	answers = ended = changes = 0;
	return 0;
}

static struct rpc_call *dispatch(const char *line, enum rpc_right right)
{
	const struct rpc_peer peer = {.right = right};
	// Any address that is not NULL: the dispatcher only hands it back.
	static int client;

	return rpc_dispatch(
		&DISPATCHER, (struct rpc_client *)(void *)&client, &peer, line, strlen(line));
}

static void expect_error(const char *line, int code, const char *path)
{
	answers = 0;
	assert_null(dispatch(line, RPC_RIGHT_READ));
	assert_int_equal(answers, 1);

	const json_t *error = json_object_get(answer, "error");
	const json_t *data = json_object_get(error, "data");

	assert_int_equal(json_integer_value(json_object_get(error, "code")), code);
	assert_non_null(json_string_value(json_object_get(data, "hint")));
	assert_string_equal(json_string_value(json_object_get(data, "path")), path);
	assert_non_null(json_object_get(answer, "id"));
}

static void answers_carry_the_id(void **state)
{
	static const char *const IDS[] = {"1", "\"a\"", "null", "-7", "1.5"};

	for (size_t i = 0; i < sizeof(IDS) / sizeof(IDS[0]); i++) {
		char line[128];
		json_t *id = json_loads(IDS[i], JSON_DECODE_ANY, NULL);

		snprintf(line, sizeof(line),
			"{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"echo\",\"params\":{\"text\":\"x\"}}",
			IDS[i]);
		assert_null(dispatch(line, RPC_RIGHT_READ));
		assert_true(json_equal(id, json_object_get(answer, "id")));
		assert_string_equal(json_string_value(json_object_get(
					    json_object_get(answer, "result"), "text")),
			"x");
		json_decref(id);
	}
}

static void notifications_are_not_answered(void **state)
{
	assert_null(dispatch("{\"jsonrpc\":\"2.0\",\"method\":\"refuse\"}", RPC_RIGHT_READ));
	assert_null(dispatch("{\"jsonrpc\":\"2.0\",\"method\":\"nothing\"}", RPC_RIGHT_READ));
	assert_int_equal(answers, 0);
}

static void what_is_no_request_is_refused(void **state)
{
	expect_error("", RPC_PARSE_ERROR, "");
	expect_error("{\"jsonrpc\":\"2.0\",", RPC_PARSE_ERROR, "");
	expect_error("\"\xff\xfe\"", RPC_PARSE_ERROR, "");
	expect_error("{\"id\":1e999}", RPC_PARSE_ERROR, "");
	expect_error("[]", RPC_INVALID_REQUEST, "");
	expect_error(
		"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"refuse\"}]", RPC_INVALID_REQUEST, "");
	expect_error("7", RPC_INVALID_REQUEST, "");
	expect_error("{}", RPC_INVALID_REQUEST, "");
	expect_error(
		"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"refuse\"}", RPC_INVALID_REQUEST, "");
	expect_error(
		"{\"jsonrpc\":\"2.0\",\"id\":[],\"method\":\"refuse\"}", RPC_INVALID_REQUEST, "");
	expect_error("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", RPC_INVALID_REQUEST, "");
	expect_error("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"refuse\",\"more\":1}",
		RPC_INVALID_REQUEST, "");
	expect_error("{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":1,\"method\":\"refuse\"}",
		RPC_INVALID_PARAMETER, "");
}

static void parameters_obey_the_schema(void **state)
{
#define ECHO(params) "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":" params "}"
	expect_error(ECHO("[]"), RPC_INVALID_PARAMETER, "params");
	expect_error(ECHO("{}"), RPC_INVALID_PARAMETER, "text");
	expect_error(ECHO("{\"text\":7}"), RPC_INVALID_PARAMETER, "text");
	expect_error(ECHO("{\"text\":\"x\",\"no\":7}"), RPC_INVALID_PARAMETER, "no");
	expect_error(ECHO("{\"text\":\"x\",\"number\":0}"), RPC_INVALID_PARAMETER, "number");
	expect_error(ECHO("{\"text\":\"x\",\"number\":11}"), RPC_INVALID_PARAMETER, "number");
	expect_error(ECHO("{\"text\":\"x\",\"number\":1.0}"), RPC_INVALID_PARAMETER, "number");
	expect_error(ECHO("{\"text\":\"x\",\"flag\":1}"), RPC_INVALID_PARAMETER, "flag");
	expect_error(ECHO("{\"text\":\"x\",\"filter\":{\"age_s\":101}}"), RPC_INVALID_PARAMETER,
		"filter.age_s");
	expect_error(ECHO("{\"text\":\"x\",\"filter\":{\"state\":\"123456789\"}}"),
		RPC_INVALID_PARAMETER, "filter.state");
	expect_error(ECHO("{\"text\":\"x\",\"filter\":{\"what\":1}}"), RPC_INVALID_PARAMETER,
		"filter.what");
	assert_null(dispatch(
		ECHO("{\"text\":\"x\",\"number\":10,\"free\":{\"any\":[1]}}"), RPC_RIGHT_READ));
	assert_non_null(json_object_get(answer, "result"));
#undef ECHO
}

// The name is cut inside a character; the answer must still be JSON.
static void long_foreign_names_are_quoted_whole(void **state)
{
	expect_error("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\""
		     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xc3\xa4\"}",
		RPC_UNKNOWN_METHOD, "method");
}

static void changes_need_the_right(void **state)
{
	const char *line = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"change\"}";

	expect_error(line, RPC_DENIED, "method");
	assert_int_equal(changes, 0);
	assert_null(dispatch(line, RPC_RIGHT_CHANGE));
	assert_int_equal(changes, 1);
}

static void kept_calls_answer_later(void **state)
{
	struct rpc_call *call =
		dispatch("{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"keep\"}", RPC_RIGHT_READ);

	assert_ptr_equal(call, table_kept);
	assert_int_equal(answers, 0);
	rpc_reply(call, json_object());
	assert_int_equal(answers, 1);
	assert_int_equal(ended, 1);
}

static void abandoned_calls_answer_nobody(void **state)
{
	struct rpc_call *call =
		dispatch("{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"keep\"}", RPC_RIGHT_READ);

	rpc_call_abandon(call);
	assert_null(rpc_client_of(call));
	rpc_reply(call, json_object());
	assert_int_equal(answers, 0);
	assert_int_equal(ended, 0);
}

static void missing_memory_is_an_error(void **state)
{
	struct rpc_call *call =
		dispatch("{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"keep\"}", RPC_RIGHT_READ);

	rpc_reply(call, NULL);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(answer, "error"), "code")),
		RPC_INTERNAL_ERROR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(answers_carry_the_id, reset),
		cmocka_unit_test_setup(notifications_are_not_answered, reset),
		cmocka_unit_test_setup(what_is_no_request_is_refused, reset),
		cmocka_unit_test_setup(parameters_obey_the_schema, reset),
		cmocka_unit_test_setup(long_foreign_names_are_quoted_whole, reset),
		cmocka_unit_test_setup(changes_need_the_right, reset),
		cmocka_unit_test_setup(kept_calls_answer_later, reset),
		cmocka_unit_test_setup(abandoned_calls_answer_nobody, reset),
		cmocka_unit_test_setup(missing_memory_is_an_error, reset),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	json_decref(answer);
	return failed;
}
