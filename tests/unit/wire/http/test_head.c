// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cases.h"
#include "variants.h"

enum {
	FIELDS = 32
};

struct reading {
	struct nx_http_head head;
	struct nx_http_field fields[FIELDS];
	enum nx_http_verdict verdict;
};

static void start(struct reading *r, enum nx_http_kind kind, const struct head_case *c)
{
	memset(r, 0, sizeof(*r));
	nx_http_head_init(&r->head, kind, NULL, r->fields, FIELDS);
	nx_http_head_reset(&r->head, (enum nx_http_method)c->asked);
}

// Reads a copy that ends where its memory ends, at `offset` from an aligned address.
static void read_in_steps(struct reading *r, enum nx_http_kind kind, const struct head_case *c,
	size_t step, size_t offset)
{
	size_t given = 0;

	start(r, kind, c);
	do {
		uint8_t *bytes;

		// What was given before lies elsewhere now: only offsets may have been kept.
		given = step < c->length - given ? given + step : c->length;
		bytes = malloc(offset + given + (given == 0));
		assert_non_null(bytes);
		memcpy(bytes + offset, c->bytes, given);
		r->verdict = nx_http_head_read(&r->head, bytes + offset, given);
		free(bytes);
	} while (r->verdict == NX_HTTP_MORE && given < c->length);
}

static void say_if_unlike(const struct head_case *c, const struct reading *r, const char *how)
{
	if (r->verdict == c->verdict)
		return;
	print_message("%s, at %u: read \"%s\", expected \"%s\" of:\n%.*s\n", how, r->head.position,
		nx_http_verdict_text(r->verdict), nx_http_verdict_text(c->verdict), (int)c->length,
		c->bytes);
	fail();
}

static void assert_same(const struct reading *a, const struct reading *b)
{
	assert_int_equal(a->verdict, b->verdict);
	if (a->verdict == NX_HTTP_MORE)
		return;
	assert_int_equal(a->head.position, b->head.position);
	if (a->verdict != NX_HTTP_OK)
		return;
	assert_int_equal(a->head.count, b->head.count);
	assert_memory_equal(a->fields, b->fields, a->head.count * sizeof(a->fields[0]));
	assert_memory_equal(&a->head, &b->head, offsetof(struct nx_http_head, fields));
	assert_memory_equal(a->head.known, b->head.known, sizeof(a->head.known));
}

static void judge_case(enum nx_http_kind kind, const struct head_case *c)
{
	struct reading whole, pieces;

	read_in_steps(&whole, kind, c, SIZE_MAX, 0);
	say_if_unlike(c, &whole, "whole");
	if (c->verdict == NX_HTTP_OK) {
		if (whole.head.framing != c->framing || whole.head.body_length != c->body_length ||
			(c->flags >= 0 && c->flags != whole.head.flags))
			print_message("framing %u, length %lu, flags %x of:\n%s\n",
				whole.head.framing, (unsigned long)whole.head.body_length,
				whole.head.flags, c->bytes);
		assert_int_equal(whole.head.framing, c->framing);
		assert_int_equal(whole.head.body_length, c->body_length);
		assert_true(c->flags < 0 || c->flags == whole.head.flags);
		assert_int_equal(whole.head.length, c->length);
	}
	for (size_t step = 1; step <= 7; step += 3) {
		read_in_steps(&pieces, kind, c, step, 0);
		say_if_unlike(c, &pieces, "in pieces");
		assert_same(&whole, &pieces);
	}
	for (size_t offset = 1; offset < 33; offset += 5) {
		read_in_steps(&pieces, kind, c, SIZE_MAX, offset);
		assert_same(&whole, &pieces);
	}
}

// On every variant, whole, in pieces, and misaligned.
static void judge_all(enum nx_http_kind kind, const struct head_case *cases, size_t count)
{
	const struct http_variant *chosen = nx_http_variant_chosen;
	const struct http_variant *variants[4];
	size_t n = variants_here(variants);

	for (size_t v = 0; v < n; v++) {
		nx_http_variant_chosen = variants[v];
		for (size_t i = 0; i < count; i++)
			judge_case(kind, &cases[i]);
	}
	nx_http_variant_chosen = chosen;
}

static void every_request_case_is_judged_as_listed(void **state)
{
	judge_all(NX_HTTP_REQUEST, request_cases, request_case_count);
}

static void every_response_case_is_judged_as_listed(void **state)
{
	judge_all(NX_HTTP_RESPONSE, response_cases, response_case_count);
}

static void assert_span(const char *bytes, struct nx_http_span span, const char *text)
{
	assert_int_equal(span.length, strlen(text));
	assert_memory_equal(bytes + span.at, text, span.length);
}

static enum nx_http_verdict read_text(struct reading *r, enum nx_http_kind kind, const char *text)
{
	struct head_case c = {.bytes = text, .length = strlen(text)};

	start(r, kind, &c);
	r->verdict = nx_http_head_read(&r->head, (const uint8_t *)text, c.length);
	return r->verdict;
}

static void spans_name_the_parts_of_a_request(void **state)
{
	static const char text[] =
		"PATCH http://[2001:db8::1]:8080/a/b?c=d?e HTTP/1.1\r\n"
		"Host: [2001:DB8::1]:8080\r\nAccept:  */*  \r\nX-Empty:\r\naccept: b\r\n\r\nbody";
	const uint8_t *bytes = (const uint8_t *)text;
	struct reading r;

	assert_int_equal(read_text(&r, NX_HTTP_REQUEST, text), NX_HTTP_OK);
	assert_int_equal(r.head.length, strlen(text) - 4);
	assert_int_equal(r.head.method, NX_HTTP_PATCH);
	assert_int_equal(r.head.form, NX_HTTP_ABSOLUTE_FORM);
	assert_int_equal(r.head.minor, 1);
	assert_int_equal(r.head.port, 8080);
	assert_int_equal(r.head.count, 4);
	assert_span(text, r.head.method_name, "PATCH");
	assert_span(text, r.head.target, "http://[2001:db8::1]:8080/a/b?c=d?e");
	assert_span(text, r.head.path, "/a/b");
	assert_span(text, r.head.query, "c=d?e");
	assert_span(text, r.head.authority, "[2001:db8::1]:8080");
	assert_span(text, r.head.host, "[2001:db8::1]");
	assert_span(text, r.fields[1].name, "Accept");
	assert_span(text, r.fields[1].value, "*/*");
	assert_span(text, r.fields[2].value, "");
	assert_int_equal(nx_http_field_find(&r.head, bytes, "ACCEPT", 0), 1);
	assert_int_equal(nx_http_field_find(&r.head, bytes, "ACCEPT", 2), 3);
	assert_int_equal(nx_http_field_find(&r.head, bytes, "ACCEPT", 4), -1);
	assert_int_equal(r.head.known[NX_HTTP_KNOWN_HOST], 1);
	assert_int_equal(r.head.known[NX_HTTP_KNOWN_UPGRADE], 0);
}

static void spans_name_the_parts_of_a_response(void **state)
{
	static const char text[] = "HTTP/1.0 404 Not Found\r\nServer: x\r\n\r\n";
	struct reading r;

	assert_int_equal(read_text(&r, NX_HTTP_RESPONSE, text), NX_HTTP_OK);
	assert_int_equal(r.head.status, 404);
	assert_int_equal(r.head.minor, 0);
	assert_span(text, r.head.reason, "Not Found");
	assert_span(text, r.fields[0].value, "x");
}

static void every_method_is_known_by_its_name(void **state)
{
	for (int m = NX_HTTP_GET; m <= NX_HTTP_PATCH; m++)
		assert_int_equal(nx_http_method_of(nx_http_text(nx_http_method_name(m))), m);
	assert_null(nx_http_method_name(NX_HTTP_OTHER));
	assert_null(nx_http_method_name((enum nx_http_method)10));
	for (const char *const *p = (const char *const[]){"", "GEt", "PUK", "PATC", "HEAP", "TRACY",
		     "DELETF", "CONNECS", "OPTIONT", "LONGERNAME", NULL};
		*p != NULL; p++)
		assert_int_equal(nx_http_method_of(nx_http_text(*p)), NX_HTTP_OTHER);
}

static void a_head_of_exactly_the_limit_passes_and_one_more_byte_does_not(void **state)
{
	static const char text[] = "GET /0123456789 HTTP/1.1\r\nHost: a\r\n\r\n";
	const uint8_t *bytes = (const uint8_t *)text;
	size_t length = strlen(text);
	struct nx_http_limits limits = {.head_bytes = (uint32_t)length};
	struct nx_http_field fields[2];
	struct nx_http_head head;

	nx_http_head_init(&head, NX_HTTP_REQUEST, &limits, fields, 2);
	assert_int_equal(nx_http_head_read(&head, bytes, length + 1), NX_HTTP_OK);
	limits.head_bytes = (uint32_t)length - 1;
	nx_http_head_init(&head, NX_HTTP_REQUEST, &limits, fields, 2);
	assert_int_equal(nx_http_head_read(&head, bytes, length - 2), NX_HTTP_MORE);
	assert_int_equal(nx_http_head_read(&head, bytes, length), NX_HTTP_HEAD_TOO_LARGE);
	assert_int_equal(nx_http_head_read(&head, bytes, length), NX_HTTP_HEAD_TOO_LARGE);
	limits.head_bytes = 12;
	nx_http_head_init(&head, NX_HTTP_REQUEST, &limits, fields, 2);
	assert_int_equal(nx_http_head_read(&head, bytes, length), NX_HTTP_TARGET_TOO_LONG);
}

static void one_field_more_than_there_is_room_for_is_refused(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n";
	struct nx_http_field fields[2];
	struct nx_http_head head;

	for (uint16_t capacity = 0; capacity <= 2; capacity++) {
		nx_http_head_init(&head, NX_HTTP_REQUEST, NULL, fields, capacity);
		assert_int_equal(nx_http_head_read(&head, (const uint8_t *)text, sizeof(text) - 1),
			capacity < 2 ? NX_HTTP_FIELDS_TOO_MANY : NX_HTTP_OK);
	}
}

// The largest head there may be: offsets of 16 bits reach its last byte.
static void a_head_of_65535_bytes_is_read_to_its_last_byte(void **state)
{
	struct nx_http_limits limits = {.head_bytes = UINT32_MAX};
	struct nx_http_field fields[2];
	struct nx_http_head head;
	uint8_t *bytes = malloc(65536);
	int start = sprintf((char *)bytes, "GET / HTTP/1.1\r\nHost: a\r\nX: ");

	memset(bytes + start, 'x', (size_t)(65536 - start));
	memcpy(bytes + 65535 - 4, "\r\n\r\n", 4);
	nx_http_head_init(&head, NX_HTTP_REQUEST, &limits, fields, 2);
	assert_int_equal(nx_http_head_read(&head, bytes, 65536), NX_HTTP_OK);
	assert_int_equal(head.length, 65535);
	assert_int_equal(fields[1].value.at + fields[1].value.length, 65531);
	memcpy(bytes + 65535 - 4, "xxxx", 4);
	nx_http_head_reset(&head, NX_HTTP_OTHER);
	assert_int_equal(nx_http_head_read(&head, bytes, 65534), NX_HTTP_MORE);
	assert_int_equal(nx_http_head_read(&head, bytes, 65536), NX_HTTP_HEAD_TOO_LARGE);
	free(bytes);
}

static void lists_hold_their_tokens_only(void **state)
{
	assert_true(nx_http_list_has(nx_http_text("a"), "A"));
	assert_true(nx_http_list_has(nx_http_text(" ,, x ,\tclose\t,"), "close"));
	assert_false(nx_http_list_has(nx_http_text("closed, clos, c lose"), "close"));
	assert_false(nx_http_list_has(nx_http_text(""), "close"));
	assert_false(nx_http_list_has(nx_http_text(", ,"), ""));
}

static void every_verdict_reads_as_a_sentence(void **state)
{
	for (int v = 0; v < NX_HTTP_VERDICTS; v++) {
		assert_non_null(nx_http_verdict_text((enum nx_http_verdict)v));
		assert_true(strlen(nx_http_verdict_text((enum nx_http_verdict)v)) >= 4);
	}
	assert_int_equal(nx_http_verdict_status(NX_HTTP_OK), 0);
	assert_int_equal(nx_http_verdict_status(NX_HTTP_HOST_MISSING), 400);
	assert_int_equal(nx_http_verdict_status(NX_HTTP_VERDICTS), 0);
	assert_non_null(nx_http_verdict_text(NX_HTTP_VERDICTS));
}

// Each byte in each place: what the sets say, every variant does.
static void every_byte_is_judged_by_its_set_in_every_lane(void **state)
{
	const struct http_variant *variants[4];
	size_t n = variants_here(variants);
	uint8_t bytes[97];

	for (int set = HTTP_SET_TOKEN; set <= HTTP_SET_VALUE; set++) {
		for (int byte = 0; byte < 256; byte++) {
			for (size_t at = 0; at < sizeof(bytes); at++) {
				size_t expected =
					http_byte_is((uint8_t)byte, set) ? sizeof(bytes) : at;

				memset(bytes, 'a', sizeof(bytes));
				bytes[at] = (uint8_t)byte;
				for (size_t v = 0; v < n; v++)
					assert_int_equal(
						variants[v]->run(bytes, sizeof(bytes), set),
						expected);
			}
		}
	}
}

// Mutations of sound heads, which go deeper than noise, on every variant.
static void variants_agree_on_random_heads(void **state)
{
	const struct http_variant *chosen = nx_http_variant_chosen;
	const struct http_variant *variants[4];
	size_t n = variants_here(variants);
	struct reading first, other;
	unsigned seed = 1;

	for (int round = 0; round < 20000; round++) {
		const struct head_case *sound = &request_cases[rand_r(&seed) % request_case_count];
		char bytes[1024];
		struct head_case c = {.bytes = bytes, .length = sound->length};

		memcpy(bytes, sound->bytes, sound->length);
		for (int i = rand_r(&seed) % 4; i > 0 && c.length > 0; i--)
			bytes[(unsigned)rand_r(&seed) % c.length] = (char)rand_r(&seed);
		for (size_t v = 0; v < n; v++) {
			struct reading *r = v == 0 ? &first : &other;

			nx_http_variant_chosen = variants[v];
			start(r, NX_HTTP_REQUEST, &c);
			r->verdict =
				nx_http_head_read(&r->head, (const uint8_t *)c.bytes, c.length);
			assert_same(&first, r);
		}
	}
	nx_http_variant_chosen = chosen;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_request_case_is_judged_as_listed),
		cmocka_unit_test(every_response_case_is_judged_as_listed),
		cmocka_unit_test(spans_name_the_parts_of_a_request),
		cmocka_unit_test(spans_name_the_parts_of_a_response),
		cmocka_unit_test(every_method_is_known_by_its_name),
		cmocka_unit_test(a_head_of_exactly_the_limit_passes_and_one_more_byte_does_not),
		cmocka_unit_test(one_field_more_than_there_is_room_for_is_refused),
		cmocka_unit_test(a_head_of_65535_bytes_is_read_to_its_last_byte),
		cmocka_unit_test(lists_hold_their_tokens_only),
		cmocka_unit_test(every_verdict_reads_as_a_sentence),
		cmocka_unit_test(every_byte_is_judged_by_its_set_in_every_lane),
		cmocka_unit_test(variants_agree_on_random_heads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
