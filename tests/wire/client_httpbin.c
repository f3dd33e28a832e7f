// SPDX-License-Identifier: BSD-3-Clause

// The REST client against httpbin, which answers with what it was asked.

#include <string.h>

#include <jansson.h>

#include "client_cases.h"

static struct nx_rest rest;
static struct nx_response response;

static void begin_at(const char *path, const struct nx_rest_field *fields, size_t n)
{
	const struct nx_rest_config config = {.url = url_of(servers.httpbin, path),
		.fields = fields,
		.field_count = n,
		.body_limit = 1 << 20,
		.stream = {.timeout_ms = 120000, .in_bytes = 2 << 20}};

	assert_int_equal(open_rest(&rest, &config), NX_CLIENT_DONE);
}

static void end(const char *body, unsigned int status)
{
	assert_int_equal(nx_rest_send(&rest, body, body ? strlen(body) : 0), NX_CLIENT_DONE);
	assert_int_equal(nx_rest_receive(&rest, &response), NX_CLIENT_DONE);
	assert_int_equal(response.status, status);
}

static void ask(const char *method, const char *target, const char *body, unsigned int status)
{
	nx_rest_begin(&rest, method, target);
	if (body)
		nx_rest_field(&rest, "Content-Type", "application/json");
	end(body, status);
}

// A text in the JSON of the last response: the member of a member, or without one the first.
static void assert_told(const char *member, const char *inner, const char *wanted)
{
	json_error_t error;
	json_t *root =
		json_loadb((const char *)response.body.data, response.body.length, 0, &error);
	const json_t *value = json_object_get(root, member);

	assert_non_null(root);
	if (inner)
		value = json_object_get(value, inner);
	assert_non_null(json_string_value(value));
	assert_string_equal(json_string_value(value), wanted);
	json_decref(root);
}

static void get(void **state)
{
	begin_at("", NULL, 0);
	ask("GET", "/get", NULL, 200);
	assert_told("url", NULL, url_of(servers.httpbin, "/get"));
	nx_rest_fini(&rest);
}

static void query(void **state)
{
	begin_at("", NULL, 0);
	nx_rest_begin(&rest, "GET", "/get");
	nx_rest_query(&rest, "symbol", "BTCUSD");
	nx_rest_query(&rest, "limit", "100");
	end(NULL, 200);
	assert_told("args", "symbol", "BTCUSD");
	assert_told("args", "limit", "100");
	nx_rest_fini(&rest);
}

static void query_of_special_characters(void **state)
{
	static const char *const value = "a b&c=d+e/f?g#h%i\xc3\xa9";

	begin_at("", NULL, 0);
	nx_rest_begin(&rest, "GET", "/get");
	nx_rest_query(&rest, "k e&y", value);
	end(NULL, 200);
	assert_told("args", "k e&y", value);
	nx_rest_fini(&rest);
}

static void post_of_json(void **state)
{
	begin_at("", NULL, 0);
	ask("POST", "/post", "{\"side\":\"buy\"}", 200);
	assert_told("json", "side", "buy");
	assert_told("data", NULL, "{\"side\":\"buy\"}");
	nx_rest_fini(&rest);
}

static void custom_fields(void **state)
{
	begin_at("", NULL, 0);
	nx_rest_begin(&rest, "GET", "/headers");
	nx_rest_field(&rest, "X-Order-Id", "42");
	end(NULL, 200);
	assert_told("headers", "X-Order-Id", "42");
	nx_rest_fini(&rest);
}

static void default_fields(void **state)
{
	const struct nx_rest_field fields[] = {{"X-Api-Key", "k1"}, {"User-Agent", "nexwire"}};

	begin_at("", fields, 2);
	for (int n = 0; n < 2; n++) {
		ask("GET", "/headers", NULL, 200);
		assert_told("headers", "X-Api-Key", "k1");
		assert_told("headers", "User-Agent", "nexwire");
	}
	nx_rest_fini(&rest);
}

static void put(void **state)
{
	begin_at("", NULL, 0);
	ask("PUT", "/put", "{\"n\":\"1\"}", 200);
	assert_told("json", "n", "1");
	nx_rest_fini(&rest);
}

static void delete (void **state)
{
	begin_at("", NULL, 0);
	ask("DELETE", "/delete", NULL, 200);
	assert_told("url", NULL, url_of(servers.httpbin, "/delete"));
	nx_rest_fini(&rest);
}

static void patch(void **state)
{
	begin_at("", NULL, 0);
	ask("PATCH", "/patch", "{\"n\":\"2\"}", 200);
	assert_told("json", "n", "2");
	nx_rest_fini(&rest);
}

static void status_404(void **state)
{
	begin_at("", NULL, 0);
	ask("GET", "/status/404", NULL, 404);
	ask("GET", "/get", NULL, 200);
	nx_rest_fini(&rest);
}

static void status_500(void **state)
{
	begin_at("", NULL, 0);
	ask("GET", "/status/500", NULL, 500);
	ask("GET", "/get", NULL, 200);
	nx_rest_fini(&rest);
}

static void status_204_has_no_body(void **state)
{
	begin_at("", NULL, 0);
	ask("GET", "/status/204", NULL, 204);
	assert_int_equal(response.body.length, 0);
	ask("GET", "/get", NULL, 200);
	nx_rest_fini(&rest);
}

static void response_fields(void **state)
{
	begin_at("", NULL, 0);
	nx_rest_begin(&rest, "GET", "/response-headers");
	nx_rest_query(&rest, "X-Limit", "1200");
	end(NULL, 200);
	struct nx_http_slice value = nx_response_field(&response, "x-limit");

	assert_int_equal(value.length, 4);
	assert_memory_equal(value.data, "1200", 4);
	nx_rest_fini(&rest);
}

static void connection_is_kept(void **state)
{
	begin_at("", NULL, 0);
	int fd = nx_stream_fd(&rest.stream);

	for (int n = 0; n < 20; n++) {
		ask("GET", "/get", NULL, 200);
		assert_true(nx_rest_is_alive(&rest));
	}
	assert_int_equal(nx_stream_fd(&rest.stream), fd);
	nx_rest_fini(&rest);
}

static void large_responses_by_length_and_by_chunks(void **state)
{
	begin_at("", NULL, 0);
	ask("GET", "/bytes/100000", NULL, 200);
	assert_int_equal(response.body.length, 100000);
	ask("GET", "/stream-bytes/100000?chunk_size=1000", NULL, 200);
	assert_int_equal(response.body.length, 100000);
	nx_rest_fini(&rest);
}

static void base_path_and_query_of_the_callers(void **state)
{
	begin_at("/anything", NULL, 0);
	ask("GET", "/v1/order?id=7&id=8", NULL, 200);
	assert_told("url", NULL, url_of(servers.httpbin, "/anything/v1/order?id=7&id=8"));
	nx_rest_fini(&rest);
}

const struct CMUnitTest httpbin_cases[] = {
	cmocka_unit_test(get),
	cmocka_unit_test(query),
	cmocka_unit_test(query_of_special_characters),
	cmocka_unit_test(post_of_json),
	cmocka_unit_test(custom_fields),
	cmocka_unit_test(put),
	cmocka_unit_test(delete),
	cmocka_unit_test(patch),
	cmocka_unit_test(status_404),
	cmocka_unit_test(status_500),
	cmocka_unit_test(status_204_has_no_body),
	cmocka_unit_test(response_fields),
	cmocka_unit_test(connection_is_kept),
	cmocka_unit_test(large_responses_by_length_and_by_chunks),
	cmocka_unit_test(base_path_and_query_of_the_callers),
	cmocka_unit_test(default_fields),
};
const size_t httpbin_case_count = sizeof(httpbin_cases) / sizeof(httpbin_cases[0]);
