// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cases.h"

struct outcome {
	enum nx_http_verdict verdict;
	uint8_t content[64];
	size_t length;
	size_t consumed;
};

static bool collect(void *context, struct nx_http_slice content)
{
	struct outcome *o = context;

	assert_true(content.length <= sizeof(o->content) - o->length);
	memcpy(o->content + o->length, content.data, content.length);
	o->length += content.length;
	return true;
}

// Reads a case whose bytes become known `step` at a time, as a caller would: what is not consumed
// is given again, from memory of its own that ends where the bytes end.
static void read_in_steps(struct outcome *o, const struct chunk_case *c, size_t step)
{
	struct nx_http_chunked chunked;
	size_t given = 0;

	*o = (struct outcome){0};
	nx_http_chunked_init(&chunked, NULL, NULL, 0);
	do {
		size_t consumed = 0;
		uint8_t *bytes;

		given = step < c->length - given ? given + step : c->length;
		bytes = malloc(given - o->consumed + 1);
		assert_non_null(bytes);
		memcpy(bytes + 1, c->bytes + o->consumed, given - o->consumed);
		o->verdict = nx_http_chunked_each(
			&chunked, bytes + 1, given - o->consumed, &consumed, collect, o);
		o->consumed += consumed;
		free(bytes);
	} while (o->verdict == NX_HTTP_MORE && given < c->length);
}

static void assert_outcome(const struct chunk_case *c, const struct outcome *o)
{
	if (o->verdict != c->verdict || o->length != strlen(c->content) ||
		c->length - o->consumed != c->after)
		print_message(
			"\"%s\", %zu bytes behind, content \"%.*s\"; expected \"%s\" of:\n%.*s\n",
			nx_http_verdict_text(o->verdict), c->length - o->consumed, (int)o->length,
			o->content, nx_http_verdict_text(c->verdict), (int)c->length, c->bytes);
	assert_int_equal(o->verdict, c->verdict);
	assert_int_equal(o->length, strlen(c->content));
	assert_memory_equal(o->content, c->content, o->length);
	assert_int_equal(c->length - o->consumed, c->after);
}

static void every_chunk_case_is_judged_as_listed_in_pieces_of_any_size(void **state)
{
	struct outcome o;

	for (size_t i = 0; i < chunk_case_count; i++) {
		for (size_t step = 1; step < 8; step++) {
			read_in_steps(&o, &chunk_cases[i], step);
			assert_outcome(&chunk_cases[i], &o);
		}
		read_in_steps(&o, &chunk_cases[i], SIZE_MAX);
		assert_outcome(&chunk_cases[i], &o);
	}
}

static void decoding_in_place_packs_the_content_at_the_front(void **state)
{
	for (size_t i = 0; i < chunk_case_count; i++) {
		const struct chunk_case *c = &chunk_cases[i];
		struct nx_http_chunked chunked;
		struct outcome o;
		uint8_t *bytes = malloc(c->length + 1);

		memcpy(bytes, c->bytes, c->length);
		nx_http_chunked_init(&chunked, NULL, NULL, 0);
		o.verdict = nx_http_chunked_decode(
			&chunked, bytes, c->length, &o.consumed, bytes, c->length, &o.length);
		memcpy(o.content, bytes, o.length);
		assert_outcome(c, &o);
		free(bytes);
	}
}

static void decoding_goes_on_where_the_room_ended(void **state)
{
	static const char text[] = "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
	struct nx_http_chunked chunked;
	char out[16];
	size_t at = 0, n = 0;
	enum nx_http_verdict verdict;

	nx_http_chunked_init(&chunked, NULL, NULL, 0);
	do {
		size_t consumed, produced;

		verdict = nx_http_chunked_decode(&chunked, (const uint8_t *)text + at,
			sizeof(text) - 1 - at, &consumed, (uint8_t *)out + n, n < 11 ? 2 : 0,
			&produced);
		assert_true(consumed + produced > 0);
		at += consumed;
		n += produced;
	} while (verdict == NX_HTTP_MORE);
	assert_int_equal(verdict, NX_HTTP_OK);
	assert_int_equal(at, sizeof(text) - 1);
	assert_int_equal(n, 11);
	assert_memory_equal(out, "hello world", 11);
}

static void trailers_are_fields_of_their_section(void **state)
{
	static const char text[] = "1\r\nx\r\n0\r\nDigest: sha\r\nX-Y:z\r\n\r\nnext";
	const uint8_t *bytes = (const uint8_t *)text;
	struct nx_http_chunked chunked;
	struct nx_http_slice content, value;
	size_t consumed, at;
	int found;

	for (int round = 0; round < 2; round++) {
		nx_http_chunked_init(&chunked, NULL, NULL, 0);
		assert_int_equal(
			nx_http_chunked_read(&chunked, bytes, sizeof(text) - 1, &at, &content),
			NX_HTTP_MORE);
		assert_int_equal(content.length, 1);
		assert_int_equal(nx_http_chunked_read(&chunked, bytes + at, sizeof(text) - 1 - at,
					 &consumed, &content),
			NX_HTTP_OK);
		at += consumed;
		assert_int_equal(at, sizeof(text) - 5);
		assert_int_equal(chunked.trailer.count, 2);
		at -= chunked.trailer.length;
		found = nx_http_field_find(&chunked.trailer, bytes + at, "x-y", 0);
		value = nx_http_span_of(bytes + at, chunked.trailer.fields[found].value);
		assert_true(nx_http_same(value, "z"));
		nx_http_chunked_reset(&chunked);
	}
}

static enum nx_http_verdict read_limited(const struct nx_http_limits *limits, const char *text)
{
	struct nx_http_chunked chunked;
	struct outcome o = {0};

	nx_http_chunked_init(&chunked, limits, NULL, 0);
	return nx_http_chunked_each(
		&chunked, (const uint8_t *)text, strlen(text), &o.consumed, collect, &o);
}

static void limits_hold_to_the_byte(void **state)
{
	struct nx_http_limits limits = {.body_bytes = 7, .extension_bytes = 4, .trailer_bytes = 8};

	assert_int_equal(read_limited(&limits, "7\r\n1234567\r\n0\r\n\r\n"), NX_HTTP_OK);
	assert_int_equal(read_limited(&limits, "5\r\n12345\r\n2\r\n67\r\n0\r\n\r\n"), NX_HTTP_OK);
	assert_int_equal(read_limited(&limits, "5\r\n12345\r\n3\r\n"), NX_HTTP_BODY_TOO_LARGE);
	assert_int_equal(read_limited(&limits, "7fffffffffffffff\r\n"), NX_HTTP_BODY_TOO_LARGE);
	assert_int_equal(read_limited(&limits, "1;ab\r\n1\r\n0\r\n\r\n"), NX_HTTP_OK);
	assert_int_equal(read_limited(&limits, "1;abcd\r\n1\r\n0\r\n\r\n"),
		NX_HTTP_CHUNK_EXTENSIONS_TOO_LARGE);
	assert_int_equal(read_limited(&limits, "1;a\r\n1\r\n0;b=c\r\n\r\n"),
		NX_HTTP_CHUNK_EXTENSIONS_TOO_LARGE);
	assert_int_equal(read_limited(&limits, "0\r\nA: b\r\n\r\n"), NX_HTTP_OK);
	assert_int_equal(read_limited(&limits, "0\r\nA: bc\r\n\r\n"), NX_HTTP_TRAILERS_TOO_LARGE);
}

static void more_trailers_than_there_is_room_for_are_refused(void **state)
{
	struct nx_http_field one[1];
	struct nx_http_chunked chunked;
	struct outcome o = {0};
	static const char text[] = "0\r\nA: b\r\nC: d\r\n\r\n";

	nx_http_chunked_init(&chunked, NULL, one, 1);
	assert_int_equal(nx_http_chunked_each(&chunked, (const uint8_t *)text, sizeof(text) - 1,
				 &o.consumed, collect, &o),
		NX_HTTP_FIELDS_TOO_MANY);
	assert_int_equal(read_limited(NULL, text), NX_HTTP_OK);
}

static void a_fault_and_the_end_are_repeated(void **state)
{
	struct nx_http_chunked chunked;
	struct nx_http_slice content;
	size_t consumed;

	nx_http_chunked_init(&chunked, NULL, NULL, 0);
	assert_int_equal(
		nx_http_chunked_read(&chunked, (const uint8_t *)"x", 1, &consumed, &content),
		NX_HTTP_CHUNK_SIZE_INVALID);
	assert_int_equal(nx_http_chunked_read(
				 &chunked, (const uint8_t *)"0\r\n\r\n", 5, &consumed, &content),
		NX_HTTP_CHUNK_SIZE_INVALID);
	nx_http_chunked_reset(&chunked);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(nx_http_chunked_read(&chunked, (const uint8_t *)"0\r\n\r\n", 5,
					 &consumed, &content),
			NX_HTTP_OK);
		assert_int_equal(consumed, i == 0 ? 5 : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_chunk_case_is_judged_as_listed_in_pieces_of_any_size),
		cmocka_unit_test(decoding_in_place_packs_the_content_at_the_front),
		cmocka_unit_test(decoding_goes_on_where_the_room_ended),
		cmocka_unit_test(trailers_are_fields_of_their_section),
		cmocka_unit_test(limits_hold_to_the_byte),
		cmocka_unit_test(more_trailers_than_there_is_room_for_are_refused),
		cmocka_unit_test(a_fault_and_the_end_are_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
