// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "nexwire/http.h"

static void assert_text(const uint8_t *bytes, size_t length, const char *text)
{
	assert_int_equal(length, strlen(text));
	assert_memory_equal(bytes, text, length);
}

static void encoding_keeps_unreserved_characters_only(void **state)
{
	static const char unreserved[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	uint8_t out[256];
	size_t n = 0;

	assert_int_equal(
		nx_http_encode(out, sizeof(out), nx_http_text(unreserved), NX_HTTP_PART_QUERY, &n),
		NX_HTTP_OK);
	assert_text(out, n, unreserved);
	assert_int_equal(nx_http_encode(out, sizeof(out), nx_http_text("a b+c&d=e/f?g#h%\xc3\xa9"),
				 NX_HTTP_PART_QUERY, &n),
		NX_HTTP_OK);
	assert_text(out, n, "a%20b%2Bc%26d%3De%2Ff%3Fg%23h%25%C3%A9");
	assert_int_equal(
		nx_http_encode(out, sizeof(out), nx_http_text("/a b/c"), NX_HTTP_PART_PATH, &n),
		NX_HTTP_OK);
	assert_text(out, n, "/a%20b/c");
}

static void encoding_writes_all_or_nothing(void **state)
{
	uint8_t out[4] = {0};
	size_t n = 99;

	assert_int_equal(nx_http_encode(out, 3, nx_http_text("a "), NX_HTTP_PART_QUERY, &n),
		NX_HTTP_WRITE_NO_ROOM);
	assert_int_equal(n, 99);
	assert_int_equal(out[0], 0);
	assert_int_equal(
		nx_http_encode(out, 4, nx_http_text("a "), NX_HTTP_PART_QUERY, &n), NX_HTTP_OK);
	assert_text(out, n, "a%20");
}

static void every_byte_comes_back_from_its_encoding(void **state)
{
	uint8_t bytes[256], encoded[768], decoded[256];
	size_t n, m;

	for (int i = 0; i < 256; i++)
		bytes[i] = (uint8_t)i;
	assert_int_equal(nx_http_encode(encoded, sizeof(encoded),
				 (struct nx_http_slice){bytes, 256}, NX_HTTP_PART_QUERY, &n),
		NX_HTTP_OK);
	assert_int_equal(
		n, nx_http_encoded_length((struct nx_http_slice){bytes, 256}, NX_HTTP_PART_QUERY));
	assert_int_equal(
		nx_http_decode(decoded, 256, (struct nx_http_slice){encoded, n}, &m), NX_HTTP_OK);
	assert_int_equal(m, 256);
	assert_memory_equal(decoded, bytes, 256);
	assert_int_equal(
		nx_http_decode(encoded, sizeof(encoded), (struct nx_http_slice){encoded, n}, &m),
		NX_HTTP_OK);
	assert_memory_equal(encoded, bytes, 256);
}

static void decoding_refuses_half_an_escape(void **state)
{
	static const char *const bad[] = {
		"%", "a%", "%4", "%4g", "%g4", "%%41", "a%2", "%-1", "%+1"};
	uint8_t out[16];
	size_t n;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(nx_http_decode(out, sizeof(out), nx_http_text(bad[i]), &n),
			NX_HTTP_TARGET_BYTE_INVALID);
	assert_int_equal(nx_http_decode(out, 2, nx_http_text("abc"), &n), NX_HTTP_WRITE_NO_ROOM);
	assert_int_equal(nx_http_decode(out, 3, nx_http_text("%41%6a+"), &n), NX_HTTP_OK);
	assert_text(out, n, "Aj+");
}

static void a_query_falls_into_its_pairs(void **state)
{
	struct nx_http_slice query = nx_http_text("&a=1&&b&c==x&=y&");
	static const char *const expected[][2] = {{"a", "1"}, {"b", ""}, {"c", "=x"}, {"", "y"}};
	struct nx_http_slice name, value;

	for (size_t i = 0; i < 4; i++) {
		assert_true(nx_http_query_next(&query, &name, &value));
		assert_text(name.data, name.length, expected[i][0]);
		assert_text(value.data, value.length, expected[i][1]);
	}
	assert_false(nx_http_query_next(&query, &name, &value));
}

static void paths_join_with_one_slash(void **state)
{
	static const char *const cases[][3] = {{"/api", "orders", "/api/orders"},
		{"/api/", "/orders", "/api/orders"}, {"/api//", "//orders/", "/api/orders/"},
		{"", "orders", "/orders"}, {"/", "/", "/"}, {"", "", "/"}, {"/a", "", "/a/"}};
	uint8_t out[32];
	size_t n;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nx_http_slice base = nx_http_text(cases[i][0]);
		struct nx_http_slice path = nx_http_text(cases[i][1]);
		size_t length = strlen(cases[i][2]);

		assert_int_equal(nx_http_path_join(out, length, base, path, &n), NX_HTTP_OK);
		assert_text(out, n, cases[i][2]);
		assert_int_equal(
			nx_http_path_join(out, length - 1, base, path, &n), NX_HTTP_WRITE_NO_ROOM);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encoding_keeps_unreserved_characters_only),
		cmocka_unit_test(encoding_writes_all_or_nothing),
		cmocka_unit_test(every_byte_comes_back_from_its_encoding),
		cmocka_unit_test(decoding_refuses_half_an_escape),
		cmocka_unit_test(a_query_falls_into_its_pairs),
		cmocka_unit_test(paths_join_with_one_slash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
