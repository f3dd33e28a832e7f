// SPDX-License-Identifier: BSD-3-Clause
// A client of the library's and our side: requests as HTTP/1.1 sees them, answers as the client
// does, ends; whole and byte by byte.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/http2/rig.h"

static struct h2_rig rig;

static void each_way(void (*conversation)(void))
{
	static const uint32_t pieces[] = {0, 1, 7};

	for (uint32_t i = 0; i < nx_array_size(pieces); i++) {
		h2_rig_begin(&rig, false);
		rig.piece = pieces[i];
		conversation();
		assert_int_equal(rig.connection->ending, H2_ENDING_NONE);
		h2_rig_end(&rig);
	}
}

static void get(void)
{
	uint32_t a = h2_rig_get(&rig, "/a?b=c");

	h2_rig_run(&rig);
	assert_string_equal(
		rig.streams[a].asked, "GET /a?b=c HTTP/1.1\r\nHost: www.example\r\n\r\n");
	assert_true(rig.streams[a].ended);
	h2_rig_answer(&rig, a,
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Own: 1\r\nConnection: close\r\n\r\nabc",
		true);
	h2_rig_run(&rig);
	assert_string_equal(rig.streams[a].fields, ":status: 200\ncontent-length: 3\nx-own: 1\n");
	assert_string_equal(rig.streams[a].body, "abc");
	assert_true(rig.streams[a].is_closed);
	assert_int_equal(rig.streams[a].code, NGHTTP2_NO_ERROR);
	assert_null(rig.streams[a].stream);
	assert_int_equal(rig.connection->streams, 0);
}

static void a_request_is_answered(void **state)
{
	each_way(get);
}

static void post(void)
{
	const nghttp2_nv with_length[] = {H2_RIG_FIELD(":method", "POST"),
		H2_RIG_FIELD(":scheme", "https"), H2_RIG_FIELD(":authority", "www.example"),
		H2_RIG_FIELD(":path", "/"), H2_RIG_FIELD("content-length", "5")};
	const nghttp2_nv without[] = {H2_RIG_FIELD(":method", "POST"),
		H2_RIG_FIELD(":scheme", "https"), H2_RIG_FIELD(":authority", "www.example"),
		H2_RIG_FIELD(":path", "/")};
	uint32_t a = h2_rig_ask(&rig, with_length, nx_array_size(with_length), "hello");
	uint32_t b = h2_rig_ask(&rig, without, nx_array_size(without), "hello");

	h2_rig_run(&rig);
	assert_string_equal(rig.streams[a].asked,
		"POST / HTTP/1.1\r\nHost: www.example\r\ncontent-length: 5\r\n\r\nhello");
	assert_non_null(strstr(rig.streams[b].asked,
		"POST / HTTP/1.1\r\nHost: www.example\r\nTransfer-Encoding: chunked\r\n\r\n"));
	assert_string_equal(
		rig.streams[b].asked + strlen(rig.streams[b].asked) - 7, "\r\n0\r\n\r\n");
	assert_true(rig.streams[a].ended && rig.streams[b].ended);
	h2_rig_answer(&rig, b, "HTTP/1.1 204 No Content\r\n\r\n", true);
	h2_rig_answer(&rig, a, "HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", true);
	h2_rig_run(&rig);
	assert_string_equal(rig.streams[b].fields, ":status: 204\n");
	assert_string_equal(rig.streams[a].fields, ":status: 304\netag: x\n");
	assert_true(rig.streams[a].is_closed && rig.streams[b].is_closed);
}

static void bodies_have_a_length_or_chunks(void **state)
{
	each_way(post);
}

static void fields_of(void)
{
	const nghttp2_nv fields[] = {H2_RIG_FIELD(":method", "GET"),
		H2_RIG_FIELD(":scheme", "https"), H2_RIG_FIELD(":path", "/"),
		H2_RIG_FIELD("host", "a.example"), H2_RIG_FIELD("cookie", "a=1"),
		H2_RIG_FIELD("x-own", "2"), H2_RIG_FIELD("cookie", "b=2")};
	const nghttp2_nv twice[] = {H2_RIG_FIELD(":method", "GET"),
		H2_RIG_FIELD(":scheme", "https"), H2_RIG_FIELD(":authority", "a.example"),
		H2_RIG_FIELD(":path", "/"), H2_RIG_FIELD("host", "b.example")};
	const nghttp2_nv same[] = {H2_RIG_FIELD(":method", "GET"), H2_RIG_FIELD(":scheme", "https"),
		H2_RIG_FIELD(":authority", "a.example"), H2_RIG_FIELD(":path", "/"),
		H2_RIG_FIELD("host", "a.example")};
	uint32_t a = h2_rig_ask(&rig, fields, nx_array_size(fields), NULL);
	uint32_t b = h2_rig_ask(&rig, twice, nx_array_size(twice), NULL);
	uint32_t c = h2_rig_ask(&rig, same, nx_array_size(same), NULL);

	h2_rig_run(&rig);
	assert_string_equal(rig.streams[a].asked,
		"GET / HTTP/1.1\r\nhost: a.example\r\nx-own: 2\r\ncookie: a=1; b=2\r\n\r\n");
	// Which the reader refuses.
	assert_string_equal(rig.streams[b].asked,
		"GET / HTTP/1.1\r\nHost: a.example\r\nhost: b.example\r\n\r\n");
	assert_string_equal(rig.streams[c].asked, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
}

static void cookies_are_joined_and_hosts_compared(void **state)
{
	each_way(fields_of);
}

static void connect_to(void)
{
	const nghttp2_nv fields[] = {
		H2_RIG_FIELD(":method", "CONNECT"), H2_RIG_FIELD(":authority", "a:80")};
	uint32_t a = h2_rig_ask(&rig, fields, nx_array_size(fields), NULL);

	h2_rig_run(&rig);
	assert_string_equal(rig.streams[a].asked, "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n");
}

static void connect_is_said_as_it_is(void **state)
{
	each_way(connect_to);
}

static void interims(void)
{
	uint32_t a = h2_rig_get(&rig, "/");

	h2_rig_run(&rig);
	h2_rig_answer(&rig, a, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", false);
	h2_rig_answer(&rig, a, "HTTP/1.1 200 OK\r\n\r\n", false);
	h2_rig_run(&rig);
	assert_string_equal(rig.streams[a].fields, ":status: 103\nlink: </x>\n:status: 200\n");
	h2_rig_body(&rig, a, 10);
	h2_rig_run(&rig);
	assert_string_equal(rig.streams[a].body, "xxxxxxxxxx");
	assert_false(rig.streams[a].is_closed);
	h2_stream_shut(rig.streams[a].stream);
	h2_rig_run(&rig);
	assert_true(rig.streams[a].is_closed);
}

static void interim_answers_pass(void **state)
{
	each_way(interims);
}

// The answer is whole before the request is: the rest of it is not wanted.
static void early_answers_stop_the_request(void **state)
{
	static char body[300001];
	const nghttp2_nv fields[] = {H2_RIG_FIELD(":method", "PUT"),
		H2_RIG_FIELD(":scheme", "https"), H2_RIG_FIELD(":authority", "www.example"),
		H2_RIG_FIELD(":path", "/")};
	uint32_t a;

	memset(body, 'b', sizeof(body) - 1);
	h2_rig_begin(&rig, false);
	a = h2_rig_ask(&rig, fields, nx_array_size(fields), body);
	// As far as the window goes, none of it read.
	while (!rig.streams[a].stream) {
		const uint8_t *bytes;
		ssize_t n = nghttp2_session_mem_send(rig.client, &bytes);
		struct h2_stream *woken;

		if (n > 0)
			h2_rig_bytes(&rig, bytes, (size_t)n);
		while ((woken = h2_woken_take(rig.connection)) != NULL) {
			woken->owner = a;
			woken->is_new = false;
			rig.streams[a].stream = woken;
		}
	}
	h2_rig_answer(&rig, a, "HTTP/1.1 413 Content Too Large\r\n\r\n", true);
	h2_rig_run(&rig);
	assert_string_equal(rig.streams[a].fields, ":status: 413\n");
	assert_true(rig.streams[a].is_closed);
	assert_int_equal(rig.streams[a].code, NGHTTP2_NO_ERROR);
	assert_int_equal(counter_read(&rig.engine->stats.resets), 0);
	h2_rig_end(&rig);
}

static void a_cut_answer_is_a_reset(void **state)
{
	uint32_t a;

	h2_rig_begin(&rig, false);
	a = h2_rig_get(&rig, "/");
	h2_rig_run(&rig);
	h2_rig_answer(&rig, a, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", false);
	h2_rig_body(&rig, a, 10);
	h2_stream_let_go(rig.streams[a].stream);
	rig.streams[a].stream = NULL;
	h2_rig_run(&rig);
	assert_true(rig.streams[a].is_closed);
	assert_int_equal(rig.streams[a].code, NGHTTP2_INTERNAL_ERROR);
	assert_int_equal(counter_read(&rig.engine->stats.resets), 0);
	h2_rig_end(&rig);
}

static void a_client_that_resets_is_forgotten(void **state)
{
	uint32_t a;

	h2_rig_begin(&rig, false);
	a = h2_rig_get(&rig, "/");
	h2_rig_run(&rig);
	h2_rig_answer(&rig, a, "HTTP/1.1 200 OK\r\n\r\n", false);
	rig.room = 0;
	h2_rig_body(&rig, a, 10000);
	assert_int_equal(nghttp2_submit_rst_stream(
				 rig.client, NGHTTP2_FLAG_NONE, rig.streams[a].id, NGHTTP2_CANCEL),
		0);
	h2_rig_run(&rig);
	assert_null(rig.streams[a].stream);
	assert_int_equal(rig.connection->queued, 0);
	assert_int_equal(rig.connection->streams, 0);
	assert_int_equal(counter_read(&rig.engine->stats.resets), 1);
	h2_rig_end(&rig);
}

// What is under way is served, what comes after is left to another connection.
static void a_listener_that_closes_says_goaway(void **state)
{
	uint32_t a;
	uint32_t b;

	h2_rig_begin(&rig, false);
	a = h2_rig_get(&rig, "/a");
	h2_rig_run(&rig);
	h2_connection_go_away(rig.connection);
	h2_rig_run(&rig);
	assert_true(rig.has_goaway);
	assert_int_equal(rig.goaway, NGHTTP2_NO_ERROR);
	assert_int_equal(rig.connection->ending, H2_ENDING_NONE);
	b = rig.count;
	h2_rig_answer(&rig, a, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", true);
	h2_rig_run(&rig);
	assert_string_equal(rig.streams[a].body, "x");
	assert_int_equal(rig.connection->ending, H2_ENDING_CLOSING);
	assert_int_equal(rig.count, b);
	h2_rig_end(&rig);
}

static void idle_connections_end(void **state)
{
	usec_t due;

	h2_rig_begin(&rig, false);
	h2_rig_run(&rig);
	due = h2_connection_due(rig.connection, 1000, 5000, 9000);
	assert_int_equal(due, rig.now + 5000);
	h2_connection_timer(rig.connection, 1000, 5000, 9000, due - 1);
	assert_int_equal(rig.connection->ending, H2_ENDING_NONE);
	h2_connection_timer(rig.connection, 1000, 5000, 9000, due);
	assert_int_equal(rig.connection->ending, H2_ENDING_IDLE);
	h2_rig_run(&rig);
	assert_true(rig.has_goaway && rig.gone);
	assert_int_equal(rig.goaway, NGHTTP2_NO_ERROR);
	h2_rig_end(&rig);
}

static void a_hundred_streams_at_once(void **state)
{
	h2_rig_begin(&rig, false);
	h2_rig_run(&rig);
	for (uint32_t i = 0; i < H2_RIG_AT_ONCE + 20; i++)
		h2_rig_get(&rig, "/");
	h2_rig_run(&rig);
	// The client keeps to what it was told.
	assert_int_equal(rig.connection->streams, H2_RIG_AT_ONCE);
	rig.answers = true;
	for (uint32_t i = 0; i < H2_RIG_AT_ONCE; i++)
		h2_rig_answer(&rig, i, "HTTP/1.1 200 OK\r\n\r\nok", true);
	h2_rig_run(&rig);
	for (uint32_t i = 0; i < rig.count; i++)
		assert_true(rig.streams[i].is_closed && rig.streams[i].code == 0);
	assert_int_equal(rig.connection->streams, 0);
	h2_rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_answered),
		cmocka_unit_test(bodies_have_a_length_or_chunks),
		cmocka_unit_test(cookies_are_joined_and_hosts_compared),
		cmocka_unit_test(connect_is_said_as_it_is),
		cmocka_unit_test(interim_answers_pass),
		cmocka_unit_test(early_answers_stop_the_request),
		cmocka_unit_test(a_cut_answer_is_a_reset),
		cmocka_unit_test(a_client_that_resets_is_forgotten),
		cmocka_unit_test(a_listener_that_closes_says_goaway),
		cmocka_unit_test(idle_connections_end),
		cmocka_unit_test(a_hundred_streams_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
