// SPDX-License-Identifier: BSD-3-Clause
// A client of the library's and our side: requests as HTTP/1.1 sees them, answers as the client
// does, windows, ends; whole and byte by byte.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/http2/rig.h"

#define FIELD(name, value)                                                                         \
	{                                                                                          \
		(uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), sizeof(name) - 1,     \
			sizeof(value) - 1, NGHTTP2_NV_FLAG_NONE                                    \
	}

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
	const nghttp2_nv with_length[] = {FIELD(":method", "POST"), FIELD(":scheme", "https"),
		FIELD(":authority", "www.example"), FIELD(":path", "/"),
		FIELD("content-length", "5")};
	const nghttp2_nv without[] = {FIELD(":method", "POST"), FIELD(":scheme", "https"),
		FIELD(":authority", "www.example"), FIELD(":path", "/")};
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
	const nghttp2_nv fields[] = {FIELD(":method", "GET"), FIELD(":scheme", "https"),
		FIELD(":path", "/"), FIELD("host", "a.example"), FIELD("cookie", "a=1"),
		FIELD("x-own", "2"), FIELD("cookie", "b=2")};
	const nghttp2_nv twice[] = {FIELD(":method", "GET"), FIELD(":scheme", "https"),
		FIELD(":authority", "a.example"), FIELD(":path", "/"), FIELD("host", "b.example")};
	const nghttp2_nv same[] = {FIELD(":method", "GET"), FIELD(":scheme", "https"),
		FIELD(":authority", "a.example"), FIELD(":path", "/"), FIELD("host", "a.example")};
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
	const nghttp2_nv fields[] = {FIELD(":method", "CONNECT"), FIELD(":authority", "a:80")};
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

// What the client lets out goes; what waits is bounded, and its end is known.
static void answers_wait_for_windows(void **state)
{
	uint32_t a;
	struct h2_stream *s;

	h2_rig_begin(&rig, false);
	a = h2_rig_get(&rig, "/");
	nghttp2_session_set_local_window_size(rig.client, NGHTTP2_FLAG_NONE, 0, 1 << 20);
	h2_rig_run(&rig);
	h2_rig_answer(&rig, a, "HTTP/1.1 200 OK\r\n\r\n", false);
	h2_rig_run(&rig);
	s = rig.streams[a].stream;
	rig.room = 0;
	assert_int_equal(h2_stream_room(s), 64 << 10);
	h2_rig_body(&rig, a, 60000);
	assert_int_equal(h2_stream_room(s), (64 << 10) - 60000);
	h2_rig_body(&rig, a, 40000);
	assert_int_equal(h2_stream_room(s), 0);
	h2_stream_shut(s);
	assert_int_equal(h2_connection_due(rig.connection, 1, 2, USEC_PER_SECOND),
		rig.now + USEC_PER_SECOND);
	rig.room = UINT32_MAX;
	h2_rig_run(&rig);
	assert_int_equal(rig.streams[a].got, 100000);
	assert_true(rig.streams[a].is_closed);
	assert_int_equal(rig.connection->queued, 0);
	h2_rig_end(&rig);
}

// A body comes as far as it is read, and one window beyond.
static void bodies_wait_for_readers(void **state)
{
	static char body[600001];
	const nghttp2_nv fields[] = {FIELD(":method", "PUT"), FIELD(":scheme", "https"),
		FIELD(":authority", "www.example"), FIELD(":path", "/")};
	uint32_t a;
	struct h2_rig_stream *s;

	memset(body, 'b', sizeof(body) - 1);
	h2_rig_begin(&rig, false);
	h2_rig_get(&rig, "/");
	h2_rig_run(&rig);
	a = h2_rig_ask(&rig, fields, nx_array_size(fields), body);
	s = &rig.streams[a];
	while (!s->stream) {
		const uint8_t *bytes;
		ssize_t n = nghttp2_session_mem_send(rig.client, &bytes);
		struct h2_stream *woken;

		assert_true(n > 0);
		h2_rig_bytes(&rig, bytes, (size_t)n);
		while ((woken = h2_woken_take(rig.connection)) != NULL) {
			woken->owner = a;
			woken->is_new = false;
			s->stream = woken;
		}
	}
	s->reads = 300;
	h2_rig_run(&rig);
	assert_true(s->read >= 300 && s->read < 1000);
	assert_true(s->stream->in.bytes > 0);
	assert_true(s->stream->in.bytes <= 128 << 10);
	for (uint32_t i = 0; i < 1000 && !s->ended; i++) {
		struct buffer *chain = h2_stream_receive(s->stream, 4096);

		if (chain) {
			s->read += chain->total_length;
			buffer_heap_source.put(&buffer_heap_source, chain);
		}
		s->ended = h2_stream_has_ended(s->stream);
		h2_rig_run(&rig);
	}
	assert_true(s->ended);
	assert_true(s->read > 600000);
	h2_rig_end(&rig);
}

// The answer is whole before the request is: the rest of it is not wanted.
static void early_answers_stop_the_request(void **state)
{
	static char body[300001];
	const nghttp2_nv fields[] = {FIELD(":method", "PUT"), FIELD(":scheme", "https"),
		FIELD(":authority", "www.example"), FIELD(":path", "/")};
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

static uint32_t gets_left;

static struct buffer *get_some(struct buffer_source *source, uint32_t room)
{
	if (gets_left == 0)
		return NULL;
	gets_left--;
	return buffer_heap_get(&buffer_heap_source, room);
}

static void put_any(struct buffer_source *source, struct buffer *b)
{
	buffer_heap_source.put(&buffer_heap_source, b);
}

static struct buffer_source some_buffers = {.get = get_some, .put = put_any};

// Behind the payload of a frame there is room for a part of the next one's header.
static void send_tight(uint32_t stream, uint32_t bytes, uint32_t spare)
{
	struct buffer *b = buffer_heap_get(&buffer_heap_source, bytes + spare);

	assert_non_null(b);
	memset(buffer_data(b), 'x', bytes);
	b->length = (uint16_t)bytes;
	b->total_length = bytes;
	h2_stream_send(rig.streams[stream].stream, b, rig.now);
}

static void frames_are_whole_whichever_buffer_is_missing(void **state)
{
	for (uint32_t spare = 0; spare < 12; spare++)
		for (uint32_t gets = 0; gets < 4; gets++) {
			h2_rig_begin(&rig, false);
			rig.engine->buffers = &some_buffers;
			gets_left = UINT32_MAX;
			for (uint32_t i = 0; i < 3; i++)
				h2_rig_get(&rig, "/");
			h2_rig_run(&rig);
			for (uint32_t i = 0; i < 3; i++)
				h2_rig_answer(&rig, i, "HTTP/1.1 200 OK\r\n\r\n", false);
			h2_rig_run(&rig);
			for (uint32_t i = 0; i < 3; i++)
				send_tight(i, 50, spare);
			gets_left = gets;
			h2_rig_run(&rig);
			gets_left = UINT32_MAX;
			h2_rig_run(&rig);
			for (uint32_t i = 0; i < 3; i++)
				assert_int_equal(rig.streams[i].got, 50);
			assert_int_equal(rig.connection->queued, 0);
			assert_int_equal(rig.connection->ending, H2_ENDING_NONE);
			h2_rig_end(&rig);
		}
}

// A body that cannot be read for want of a buffer is read when there is one, and nothing else
// happens to its stream.
static void bodies_wait_for_buffers(void **state)
{
	const nghttp2_nv fields[] = {FIELD(":method", "PUT"), FIELD(":scheme", "https"),
		FIELD(":authority", "www.example"), FIELD(":path", "/")};
	struct h2_rig_stream *s;
	struct h2_stream *woken = NULL;

	h2_rig_begin(&rig, false);
	s = &rig.streams[h2_rig_ask(&rig, fields, nx_array_size(fields), "0123456789")];
	rig.engine->buffers = &some_buffers;
	gets_left = UINT32_MAX;
	while (!woken || !woken->has_ended) {
		const uint8_t *bytes;
		ssize_t n = nghttp2_session_mem_send(rig.client, &bytes);

		assert_true(n > 0);
		h2_rig_bytes(&rig, bytes, (size_t)n);
		woken = TAILQ_FIRST(&rig.connection->woken);
	}
	woken->owner = 0;
	woken->is_new = false;
	s->stream = woken;
	s->reads = UINT32_MAX;
	gets_left = 0;
	h2_rig_run(&rig);
	assert_null(strstr(s->asked, "01234"));
	gets_left = UINT32_MAX;
	h2_rig_run(&rig);
	assert_null(strstr(s->asked, "01234"));
	assert_true(rig.connection->lacks);
	h2_connection_retry(rig.connection);
	h2_rig_run(&rig);
	assert_non_null(strstr(s->asked, "\r\n\r\na\r\n0123456789\r\n0\r\n\r\n"));
	assert_true(s->ended);
	assert_false(rig.connection->lacks);
	h2_rig_end(&rig);
}

// Tokens of a few bytes each hold a buffer each: those are bounded too.
static void small_buffers_count_as_they_cost(void **state)
{
	uint32_t n = 0;

	h2_rig_begin(&rig, false);
	h2_rig_get(&rig, "/");
	h2_rig_run(&rig);
	h2_rig_answer(&rig, 0, "HTTP/1.1 200 OK\r\n\r\n", false);
	h2_rig_run(&rig);
	rig.room = 0;
	for (; n < 1000 && h2_stream_room(rig.streams[0].stream) > 0; n++)
		send_tight(0, 50, 0);
	assert_int_equal(n, 64);
	rig.room = UINT32_MAX;
	h2_rig_run(&rig);
	assert_int_equal(rig.streams[0].got, 64 * 50);
	assert_int_equal(rig.connection->queued, 0);
	h2_rig_end(&rig);
}

// Windows of any size: what leaves at once is what was asked for, and a frame.
static void output_is_what_was_asked_for(void **state)
{
	struct buffer *chain;

	h2_rig_begin(&rig, false);
	nghttp2_session_set_local_window_size(rig.client, NGHTTP2_FLAG_NONE, 0, 1 << 20);
	for (uint32_t i = 0; i < 8; i++)
		h2_rig_get(&rig, "/");
	h2_rig_run(&rig);
	for (uint32_t i = 0; i < 8; i++)
		h2_rig_answer(&rig, i, "HTTP/1.1 200 OK\r\n\r\n", false);
	h2_rig_run(&rig);
	for (uint32_t i = 0; i < 8; i++)
		h2_rig_body(&rig, i, 50000);
	for (uint32_t most = 1; most < 60000; most *= 10) {
		chain = h2_output(rig.connection, most, rig.now);
		assert_non_null(chain);
		assert_true(chain->total_length < most + 17000);
		for (const struct buffer *b = chain; b; b = b->next)
			assert_true(nghttp2_session_mem_recv(
					    rig.client, buffer_data(b), b->length) > 0);
		buffer_heap_source.put(&buffer_heap_source, chain);
	}
	h2_rig_run(&rig);
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(rig.streams[i].got, 50000);
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
		cmocka_unit_test(answers_wait_for_windows),
		cmocka_unit_test(bodies_wait_for_readers),
		cmocka_unit_test(early_answers_stop_the_request),
		cmocka_unit_test(a_cut_answer_is_a_reset),
		cmocka_unit_test(a_client_that_resets_is_forgotten),
		cmocka_unit_test(a_listener_that_closes_says_goaway),
		cmocka_unit_test(frames_are_whole_whichever_buffer_is_missing),
		cmocka_unit_test(bodies_wait_for_buffers),
		cmocka_unit_test(small_buffers_count_as_they_cost),
		cmocka_unit_test(output_is_what_was_asked_for),
		cmocka_unit_test(idle_connections_end),
		cmocka_unit_test(a_hundred_streams_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
