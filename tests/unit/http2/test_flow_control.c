// SPDX-License-Identifier: BSD-3-Clause
// What one side cannot take yet waits, bounded: for windows, for readers, for buffers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/http2/rig.h"

static struct h2_rig rig;

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
	const nghttp2_nv fields[] = {H2_RIG_FIELD(":method", "PUT"),
		H2_RIG_FIELD(":scheme", "https"), H2_RIG_FIELD(":authority", "www.example"),
		H2_RIG_FIELD(":path", "/")};
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
	const nghttp2_nv fields[] = {H2_RIG_FIELD(":method", "PUT"),
		H2_RIG_FIELD(":scheme", "https"), H2_RIG_FIELD(":authority", "www.example"),
		H2_RIG_FIELD(":path", "/")};
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_wait_for_windows),
		cmocka_unit_test(bodies_wait_for_readers),
		cmocka_unit_test(frames_are_whole_whichever_buffer_is_missing),
		cmocka_unit_test(bodies_wait_for_buffers),
		cmocka_unit_test(small_buffers_count_as_they_cost),
		cmocka_unit_test(output_is_what_was_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
