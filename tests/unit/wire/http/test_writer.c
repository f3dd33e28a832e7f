// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "nexwire/http.h"

#define T NX_HTTP_TEXT

struct desk {
	struct nx_write_buffer buffer;
	struct nx_http_writer writer;
	uint8_t memory[1024];
};

static void lay(struct desk *d, size_t room)
{
	assert_int_equal(nx_write_buffer_init(&d->buffer, d->memory, room, 0), NX_BUFFER_OK);
}

static void assert_written(const struct desk *d, const char *text)
{
	size_t length = nx_write_buffer_length(&d->buffer);

	if (length != strlen(text) || memcmp(nx_write_buffer_data(&d->buffer), text, length) != 0)
		print_message("written:\n%.*s\nexpected:\n%s\n", (int)length,
			nx_write_buffer_data(&d->buffer), text);
	assert_int_equal(length, strlen(text));
	assert_memory_equal(nx_write_buffer_data(&d->buffer), text, length);
}

static void request(struct desk *d, const char *method, const char *target)
{
	lay(d, sizeof(d->memory));
	nx_http_write_request(
		&d->writer, &d->buffer, nx_http_text(method), T(""), nx_http_text(target));
}

static void response(struct desk *d, unsigned status, unsigned flags)
{
	lay(d, sizeof(d->memory));
	nx_http_write_response(&d->writer, &d->buffer, status, NULL, flags);
}

static void field(struct desk *d, const char *name, const char *value)
{
	nx_http_write_field(&d->writer, nx_http_text(name), nx_http_text(value));
}

static void a_request_with_query_fields_and_body(void **state)
{
	struct desk d;

	lay(&d, sizeof(d.memory));
	nx_http_write_request(&d.writer, &d.buffer, T("POST"), T("/v1/"), T("/orders"));
	nx_http_write_query(&d.writer, T("symbol"), T("BTC/USD"));
	nx_http_write_query(&d.writer, T("a b"), T(""));
	nx_http_write_query_raw(&d.writer, T("x=%20"));
	field(&d, "Host", "example.com:8080");
	nx_http_write_number(&d.writer, T("X-Number"), UINT64_MAX);
	assert_int_equal(nx_http_write_body(&d.writer, T("{}")), NX_HTTP_OK);
	assert_true(nx_http_writer_is_done(&d.writer));
	assert_written(&d, "POST /v1/orders?symbol=BTC%2FUSD&a%20b=&x=%20 HTTP/1.1\r\n"
			   "Host: example.com:8080\r\nX-Number: 18446744073709551615\r\n"
			   "Content-Length: 2\r\n\r\n{}");
}

static void requests_without_a_body_say_so_where_one_is_expected(void **state)
{
	struct desk d;

	request(&d, "GET", "/");
	field(&d, "Host", "a");
	assert_int_equal(nx_http_write_end(&d.writer), NX_HTTP_OK);
	assert_written(&d, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	request(&d, "PUT", "/?q");
	nx_http_write_query(&d.writer, T("r"), T("s"));
	field(&d, "Host", "a");
	assert_int_equal(nx_http_write_end(&d.writer), NX_HTTP_OK);
	assert_written(&d, "PUT /?q&r=s HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
}

// What no target, method, name or value may smuggle in (header injection).
static void injections_are_refused_and_leave_nothing(void **state)
{
	static const struct {
		const char *method, *target, *name, *value;
		enum nx_http_verdict verdict;
	} cases[] = {
		{"GET", "/ HTTP/1.1\r\nX: y", "A", "b", NX_HTTP_WRITE_TARGET_INVALID},
		{"GET", "/\n", "A", "b", NX_HTTP_WRITE_TARGET_INVALID},
		{"GET", "/a b", "A", "b", NX_HTTP_WRITE_TARGET_INVALID},
		{"GET", "/#x", "A", "b", NX_HTTP_WRITE_TARGET_INVALID},
		{"GET", "/caf\xc3\xa9", "A", "b", NX_HTTP_WRITE_TARGET_INVALID},
		{"GET", "", "A", "b", NX_HTTP_WRITE_TARGET_INVALID},
		{"GET", "*", "A", "b", NX_HTTP_WRITE_TARGET_INVALID},
		{"GET", "a", "A", "b", NX_HTTP_WRITE_TARGET_INVALID},
		{"CONNECT", "/", "A", "b", NX_HTTP_WRITE_TARGET_INVALID},
		{"GET /", "/", "A", "b", NX_HTTP_WRITE_METHOD_INVALID},
		{"GET\r\n", "/", "A", "b", NX_HTTP_WRITE_METHOD_INVALID},
		{"", "/", "A", "b", NX_HTTP_WRITE_METHOD_INVALID},
		{"GET", "/", "A", "b\r\nX: y", NX_HTTP_WRITE_VALUE_INVALID},
		{"GET", "/", "A", "b\r", NX_HTTP_WRITE_VALUE_INVALID},
		{"GET", "/", "A", "b\n", NX_HTTP_WRITE_VALUE_INVALID},
		{"GET", "/", "A", "b\x01", NX_HTTP_WRITE_VALUE_INVALID},
		{"GET", "/", "A", "b\x7f", NX_HTTP_WRITE_VALUE_INVALID},
		{"GET", "/", "A: b\r\nX", "b", NX_HTTP_WRITE_NAME_INVALID},
		{"GET", "/", "A ", "b", NX_HTTP_WRITE_NAME_INVALID},
		{"GET", "/", "A:", "b", NX_HTTP_WRITE_NAME_INVALID},
		{"GET", "/", "", "b", NX_HTTP_WRITE_NAME_INVALID},
		{"GET", "/", "Content-Length", "5", NX_HTTP_WRITE_FIELD_RESERVED},
		{"GET", "/", "transfer-encoding", "chunked", NX_HTTP_WRITE_FIELD_RESERVED},
		{"GET", "/", "Host", "b", NX_HTTP_WRITE_FIELD_RESERVED},
		{"GET", "/", "Connection", "close, content-length", NX_HTTP_WRITE_VALUE_INVALID},
		{"GET", "/", "Connection", "a b", NX_HTTP_WRITE_VALUE_INVALID},
		{"GET", "/", "Expect", "money", NX_HTTP_WRITE_VALUE_INVALID},
		{"GET", "http://b/", "A", "b", NX_HTTP_WRITE_VALUE_INVALID},
	};
	struct desk d;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		request(&d, cases[i].method, cases[i].target);
		field(&d, "Host", "a");
		field(&d, cases[i].name, cases[i].value);
		assert_int_equal(nx_http_write_body(&d.writer, T("x")), cases[i].verdict);
		assert_int_equal(nx_write_buffer_length(&d.buffer), 0);
		assert_false(nx_http_writer_is_done(&d.writer));
	}
	request(&d, "GET", "/");
	nx_http_write_field(&d.writer, T("A"), T("b\0c"));
	assert_int_equal(nx_http_write_end(&d.writer), NX_HTTP_WRITE_VALUE_INVALID);
	request(&d, "GET", "/");
	field(&d, "Host", "a/b");
	assert_int_equal(nx_http_write_end(&d.writer), NX_HTTP_WRITE_VALUE_INVALID);
	request(&d, "GET", "/");
	assert_int_equal(nx_http_write_end(&d.writer), NX_HTTP_WRITE_HOST_MISSING);
	request(&d, "GET", "/");
	nx_http_write_query_raw(&d.writer, T("a=b c"));
	assert_int_equal(nx_http_write_end(&d.writer), NX_HTTP_WRITE_TARGET_INVALID);
	lay(&d, sizeof(d.memory));
	nx_http_write_response(&d.writer, &d.buffer, 200, "OK\r\nX: y", 0);
	assert_int_equal(nx_http_write_end(&d.writer), NX_HTTP_WRITE_REASON_INVALID);
	response(&d, 1000, 0);
	assert_int_equal(nx_http_write_end(&d.writer), NX_HTTP_WRITE_STATUS_INVALID);
}

static void responses_frame_their_bodies_by_status_and_flags(void **state)
{
	struct desk d;

	response(&d, 200, 0);
	assert_int_equal(nx_http_write_body(&d.writer, T("hi")), NX_HTTP_OK);
	assert_written(&d, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
	response(&d, 200, NX_HTTP_WRITE_NO_CONTENT);
	assert_int_equal(nx_http_write_body(&d.writer, T("hi")), NX_HTTP_OK);
	assert_written(&d, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
	response(&d, 404, NX_HTTP_WRITE_CLOSE);
	assert_int_equal(nx_http_write_end(&d.writer), NX_HTTP_OK);
	assert_written(
		&d, "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
	response(&d, 204, NX_HTTP_WRITE_KEEP);
	assert_int_equal(nx_http_write_body(&d.writer, T("")), NX_HTTP_OK);
	assert_written(&d, "HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n");
	response(&d, 204, 0);
	assert_int_equal(nx_http_write_body(&d.writer, T("x")), NX_HTTP_WRITE_BODY_FORBIDDEN);
	response(&d, 304, 0);
	assert_int_equal(nx_http_write_length(&d.writer, 5), NX_HTTP_OK);
	assert_int_equal(nx_http_write_finish(&d.writer), NX_HTTP_OK);
	assert_written(&d, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n");
	response(&d, 304, 0);
	assert_int_equal(nx_http_write_chunked(&d.writer), NX_HTTP_WRITE_BODY_FORBIDDEN);
	response(&d, 100, NX_HTTP_WRITE_CLOSE);
	assert_int_equal(nx_http_write_end(&d.writer), NX_HTTP_OK);
	assert_written(&d, "HTTP/1.1 100 Continue\r\n\r\n");
	response(&d, 200, NX_HTTP_WRITE_TUNNEL);
	assert_int_equal(nx_http_write_end(&d.writer), NX_HTTP_OK);
	assert_written(&d, "HTTP/1.1 200 OK\r\n\r\n");
	response(&d, 299, 0);
	field(&d, "Connection", "close");
	assert_int_equal(nx_http_write_end(&d.writer), NX_HTTP_OK);
	assert_true(d.writer.says_close);
	assert_written(&d, "HTTP/1.1 299 \r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
	response(&d, 200, 0);
	field(&d, "Host", "a");
	assert_int_equal(nx_http_write_end(&d.writer), NX_HTTP_WRITE_FIELD_RESERVED);
}

static void a_body_in_place_gets_its_length_afterwards(void **state)
{
	struct desk d;
	uint8_t *space;
	size_t room;

	response(&d, 200, 0);
	assert_int_equal(nx_http_write_body_open(&d.writer, &space, &room), NX_HTTP_OK);
	assert_int_equal(room, nx_write_buffer_room(&d.buffer));
	memcpy(space, "hello world!", 12);
	assert_int_equal(nx_http_write_content(&d.writer, T("x")), NX_HTTP_WRITE_OUT_OF_ORDER);
	assert_int_equal(nx_http_write_body_close(&d.writer, room + 1), NX_HTTP_WRITE_NO_ROOM);
	assert_int_equal(nx_http_write_body_close(&d.writer, 12), NX_HTTP_OK);
	assert_int_equal(nx_http_write_body_close(&d.writer, 12), NX_HTTP_WRITE_OUT_OF_ORDER);
	assert_written(
		&d, "HTTP/1.1 200 OK\r\nContent-Length:                  12\r\n\r\nhello world!");
	response(&d, 200, NX_HTTP_WRITE_NO_CONTENT);
	assert_int_equal(nx_http_write_body_open(&d.writer, &space, &room), NX_HTTP_OK);
	assert_int_equal(nx_http_write_body_close(&d.writer, 12), NX_HTTP_OK);
	assert_written(&d, "HTTP/1.1 200 OK\r\nContent-Length:                  12\r\n\r\n");
}

static void content_is_as_long_as_was_said(void **state)
{
	struct desk d;

	response(&d, 200, 0);
	assert_int_equal(nx_http_write_length(&d.writer, 5), NX_HTTP_OK);
	assert_int_equal(nx_http_write_content(&d.writer, T("hel")), NX_HTTP_OK);
	assert_int_equal(nx_http_write_content(&d.writer, T("lo!")), NX_HTTP_WRITE_LENGTH_WRONG);
	assert_int_equal(nx_http_write_finish(&d.writer), NX_HTTP_WRITE_LENGTH_WRONG);
	assert_int_equal(nx_http_write_content(&d.writer, T("lo")), NX_HTTP_OK);
	assert_int_equal(nx_http_write_finish(&d.writer), NX_HTTP_OK);
	assert_written(&d, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
}

static void chunks_and_trailers(void **state)
{
	struct desk d;
	uint8_t *space;
	size_t room;

	response(&d, 200, 0);
	assert_int_equal(nx_http_write_chunked(&d.writer), NX_HTTP_OK);
	assert_int_equal(nx_http_write_content(&d.writer, T("hello world, here")), NX_HTTP_OK);
	assert_int_equal(nx_http_write_content(&d.writer, T("")), NX_HTTP_OK);
	assert_int_equal(nx_http_write_chunk_open(&d.writer, &space, &room), NX_HTTP_OK);
	memcpy(space, "abc", 3);
	assert_int_equal(nx_http_write_chunk_close(&d.writer, 3), NX_HTTP_OK);
	assert_int_equal(nx_http_write_chunk_open(&d.writer, &space, &room), NX_HTTP_OK);
	assert_int_equal(nx_http_write_chunk_close(&d.writer, 0), NX_HTTP_OK);
	assert_int_equal(
		nx_http_write_trailer(&d.writer, T("Host"), T("b")), NX_HTTP_WRITE_FIELD_RESERVED);
	assert_int_equal(
		nx_http_write_trailer(&d.writer, T("A"), T("b\n")), NX_HTTP_WRITE_VALUE_INVALID);
	assert_int_equal(nx_http_write_trailer(&d.writer, T("A"), T("b")), NX_HTTP_OK);
	assert_int_equal(nx_http_write_trailer(&d.writer, T("C"), T("")), NX_HTTP_OK);
	assert_int_equal(nx_http_write_content(&d.writer, T("x")), NX_HTTP_WRITE_OUT_OF_ORDER);
	assert_int_equal(nx_http_write_finish(&d.writer), NX_HTTP_OK);
	assert_written(&d,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11\r\nhello world, here\r\n"
		"00000003\r\nabc\r\n0\r\nA: b\r\nC: \r\n\r\n");
}

static void an_old_peer_gets_a_body_that_ends_with_the_connection(void **state)
{
	struct desk d;

	response(&d, 200, NX_HTTP_WRITE_OLD_PEER | NX_HTTP_WRITE_KEEP);
	assert_int_equal(nx_http_write_chunked(&d.writer), NX_HTTP_OK);
	assert_int_equal(nx_http_write_content(&d.writer, T("hi")), NX_HTTP_OK);
	assert_int_equal(nx_http_write_finish(&d.writer), NX_HTTP_OK);
	assert_true(d.writer.says_close);
	assert_written(&d, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhi");
}

static void prepared_lines_are_checked_once_and_count(void **state)
{
	struct desk d, kept;
	struct nx_http_prepared prepared;

	lay(&kept, sizeof(kept.memory));
	nx_http_prepare(&kept.writer, &kept.buffer);
	field(&kept, "Host", "a");
	field(&kept, "Accept", "*/*");
	assert_int_equal(nx_http_prepare_end(&kept.writer, &prepared), NX_HTTP_OK);
	request(&d, "GET", "/");
	nx_http_write_prepared(&d.writer, &prepared);
	assert_int_equal(nx_http_write_end(&d.writer), NX_HTTP_OK);
	assert_written(&d, "GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n");
	request(&d, "GET", "/");
	field(&d, "Host", "a");
	nx_http_write_prepared(&d.writer, &prepared);
	assert_int_equal(nx_http_write_end(&d.writer), NX_HTTP_WRITE_FIELD_RESERVED);
	nx_http_prepare(&kept.writer, &kept.buffer);
	field(&kept, "X", "\n");
	assert_int_equal(nx_http_prepare_end(&kept.writer, &prepared), NX_HTTP_WRITE_VALUE_INVALID);
}

// At every size of buffer: the whole message, or none of it and what was there before.
static void a_message_that_does_not_fit_leaves_what_was_there(void **state)
{
	struct desk d;
	size_t whole = 0;

	for (size_t room = 2; room < 200; room++) {
		enum nx_http_verdict verdict;

		lay(&d, room);
		assert_int_equal(nx_write_buffer_append(&d.buffer, "##", 2), NX_BUFFER_OK);
		nx_http_write_request(&d.writer, &d.buffer, T("POST"), T("/a"), T("b"));
		nx_http_write_query(&d.writer, T("q"), T(" "));
		field(&d, "Host", "a");
		verdict = nx_http_write_body(&d.writer, T("hello"));
		if (verdict == NX_HTTP_OK) {
			whole = whole == 0 ? room : whole;
			assert_int_equal(nx_write_buffer_length(&d.buffer), whole);
			continue;
		}
		assert_int_equal(verdict, NX_HTTP_WRITE_NO_ROOM);
		assert_int_equal(whole, 0);
		assert_written(&d, "##");
	}
	assert_true(whole > 0);
}

static void calls_out_of_order_are_refused(void **state)
{
	struct desk d;
	uint8_t *space;
	size_t room;

	response(&d, 200, 0);
	nx_http_write_query(&d.writer, T("a"), T("b"));
	assert_int_equal(nx_http_write_end(&d.writer), NX_HTTP_WRITE_OUT_OF_ORDER);
	request(&d, "GET", "/");
	field(&d, "Host", "a");
	nx_http_write_query(&d.writer, T("a"), T("b"));
	assert_int_equal(nx_http_write_end(&d.writer), NX_HTTP_WRITE_OUT_OF_ORDER);
	response(&d, 200, 0);
	assert_int_equal(nx_http_write_content(&d.writer, T("x")), NX_HTTP_WRITE_OUT_OF_ORDER);
	assert_int_equal(
		nx_http_write_chunk_open(&d.writer, &space, &room), NX_HTTP_WRITE_OUT_OF_ORDER);
	assert_int_equal(nx_http_write_finish(&d.writer), NX_HTTP_WRITE_OUT_OF_ORDER);
	request(&d, "CONNECT", "a:1");
	field(&d, "Host", "a:1");
	assert_int_equal(nx_http_write_chunked(&d.writer), NX_HTTP_WRITE_BODY_FORBIDDEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_with_query_fields_and_body),
		cmocka_unit_test(requests_without_a_body_say_so_where_one_is_expected),
		cmocka_unit_test(injections_are_refused_and_leave_nothing),
		cmocka_unit_test(responses_frame_their_bodies_by_status_and_flags),
		cmocka_unit_test(a_body_in_place_gets_its_length_afterwards),
		cmocka_unit_test(content_is_as_long_as_was_said),
		cmocka_unit_test(chunks_and_trailers),
		cmocka_unit_test(an_old_peer_gets_a_body_that_ends_with_the_connection),
		cmocka_unit_test(prepared_lines_are_checked_once_and_count),
		cmocka_unit_test(a_message_that_does_not_fit_leaves_what_was_there),
		cmocka_unit_test(calls_out_of_order_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
