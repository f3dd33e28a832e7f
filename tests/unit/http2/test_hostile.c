// SPDX-License-Identifier: BSD-3-Clause
// Clients that mean no request: what each costs us is bounded, and its end has a name.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/http2/rig.h"

static struct h2_rig rig;

static void begin(void)
{
	static const uint8_t settings[9] = {0, 0, 0, NGHTTP2_SETTINGS};

	h2_rig_begin(&rig, true);
	h2_rig_bytes(&rig, h2_preface, sizeof(h2_preface));
	h2_rig_bytes(&rig, settings, sizeof(settings));
	h2_rig_run(&rig);
	assert_int_equal(rig.connection->ending, H2_ENDING_NONE);
}

static void ended_by(enum h2_ending ending)
{
	h2_rig_run(&rig);
	assert_int_equal(rig.connection->ending, ending);
	assert_int_equal(counter_read(&rig.engine->stats.ends[ending]), 1);
	assert_true(rig.gone);
	h2_rig_end(&rig);
}

static void frame(uint8_t type, uint8_t flags, uint32_t id, const void *payload, uint32_t length)
{
	uint8_t head[9] = {(uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length, type,
		flags, (uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};

	h2_rig_bytes(&rig, head, sizeof(head));
	if (length > 0)
		h2_rig_bytes(&rig, payload, length);
}

// GET https://a/, by the static table of HPACK but for the authority.
static const uint8_t GET[] = {0x82, 0x87, 0x84, 0x01, 1, 'a'};

static void request(uint32_t id, uint8_t flags)
{
	frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | flags, id, GET, sizeof(GET));
}

static void a_bad_preface(void **state)
{
	h2_rig_begin(&rig, true);
	h2_rig_bytes(&rig, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27);
	ended_by(H2_ENDING_PROTOCOL);
}

// CVE-2023-44487.
static void rapid_resets(void **state)
{
	static const uint8_t cancel[4] = {0, 0, 0, NGHTTP2_CANCEL};

	begin();
	for (uint32_t id = 1; id < 2000 && rig.connection->ending == H2_ENDING_NONE; id += 2) {
		request(id, NGHTTP2_FLAG_END_STREAM);
		frame(NGHTTP2_RST_STREAM, 0, id, cancel, sizeof(cancel));
		assert_true(rig.connection->streams <= 1);
	}
	// Nobody took them up.
	assert_int_equal(rig.count, 0);
	ended_by(H2_ENDING_RESETS);
}

// The same, by having us reset: windows that overflow.
static void resets_that_are_ours(void **state)
{
	static const uint8_t most[4] = {0x7f, 0xff, 0xff, 0xff};

	begin();
	for (uint32_t id = 1; id < 2000 && rig.connection->ending == H2_ENDING_NONE; id += 2) {
		request(id, NGHTTP2_FLAG_END_STREAM);
		frame(NGHTTP2_WINDOW_UPDATE, 0, id, most, sizeof(most));
		h2_rig_run(&rig);
	}
	ended_by(H2_ENDING_RESETS);
}

static void pings(void **state)
{
	static const uint8_t payload[8];

	begin();
	for (uint32_t i = 0; i < 3000 && rig.connection->ending == H2_ENDING_NONE; i++) {
		frame(NGHTTP2_PING, 0, 0, payload, sizeof(payload));
		h2_rig_run(&rig);
	}
	ended_by(H2_ENDING_FRAMES);
}

static void pings_of_a_client_that_reads_nothing(void **state)
{
	static const uint8_t payload[8];

	begin();
	rig.room = 0;
	for (uint32_t i = 0; i < 500 && rig.connection->ending == H2_ENDING_NONE; i++)
		frame(NGHTTP2_PING, 0, 0, payload, sizeof(payload));
	rig.room = UINT32_MAX;
	ended_by(H2_ENDING_FRAMES);
}

static void settings(void **state)
{
	static const uint8_t window[6] = {0, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0, 0, 0, 1};

	begin();
	for (uint32_t i = 0; i < 3000 && rig.connection->ending == H2_ENDING_NONE; i++) {
		frame(NGHTTP2_SETTINGS, 0, 0, window, sizeof(window));
		h2_rig_run(&rig);
	}
	ended_by(H2_ENDING_FRAMES);
}

static void priorities_and_empty_data(void **state)
{
	static const uint8_t priority[5];

	begin();
	request(1, 0);
	for (uint32_t i = 0; i < 3000 && rig.connection->ending == H2_ENDING_NONE; i++)
		if (i % 2)
			frame(NGHTTP2_PRIORITY, 0, 3, priority, sizeof(priority));
		else
			frame(NGHTTP2_DATA, 0, 1, NULL, 0);
	ended_by(H2_ENDING_FRAMES);
}

// CVE-2024-27316 and its kin: a head without end.
static void continuations(void **state)
{
	begin();
	frame(NGHTTP2_HEADERS, 0, 1, GET, sizeof(GET));
	for (uint32_t i = 0; i < 3000 && rig.connection->ending == H2_ENDING_NONE; i++)
		frame(NGHTTP2_CONTINUATION, 0, 1, NULL, 0);
	ended_by(H2_ENDING_HEADERS);
}

// A few bytes that name a long field again and again (the HPACK bomb).
static void a_head_that_grows(void **state)
{
	uint8_t block[sizeof(GET) + 6 + 3000 + 4000];
	uint32_t n = 0;

	begin();
	memcpy(block, GET, sizeof(GET));
	n = sizeof(GET);
	block[n++] = 0x40;
	block[n++] = 1;
	block[n++] = 'x';
	block[n++] = 0x7f;
	block[n++] = 0x80 | ((3000 - 127) & 0x7f);
	block[n++] = (3000 - 127) >> 7;
	memset(block + n, 'y', 3000);
	n += 3000;
	for (uint32_t i = 0; i < 4000; i++)
		block[n++] = 0x80 | 62;
	frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, block, n);
	ended_by(H2_ENDING_HEADERS);
}

static void a_head_that_is_long(void **state)
{
	uint8_t block[sizeof(GET) + 6 * 1006];
	uint32_t n = sizeof(GET);

	begin();
	memcpy(block, GET, sizeof(GET));
	for (uint32_t i = 0; i < 6; i++) {
		block[n++] = 0x00;
		block[n++] = 1;
		block[n++] = 'x';
		block[n++] = 0x7f;
		block[n++] = 0x80 | ((1000 - 127) & 0x7f);
		block[n++] = (1000 - 127) >> 7;
		memset(block + n, 'y', 1000);
		n += 1000;
	}
	frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, block, n);
	h2_rig_run(&rig);
	// The reader gets more than it takes, and says so; the connection stays.
	assert_int_equal(rig.connection->ending, H2_ENDING_NONE);
	assert_true(rig.streams[0].read > 4096);
	h2_rig_end(&rig);
}

static void a_slow_head(void **state)
{
	begin();
	frame(NGHTTP2_HEADERS, 0, 1, GET, sizeof(GET));
	assert_int_equal(h2_connection_due(rig.connection, 1000, 5000, 9000), rig.now + 1000);
	h2_connection_timer(rig.connection, 1000, 5000, 9000, rig.now + 1000);
	ended_by(H2_ENDING_HEAD_TIMEOUT);
}

// Answers that are asked for and not let out.
static void a_window_of_nothing(void **state)
{
	static const uint8_t none[6] = {0, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE};

	begin();
	frame(NGHTTP2_SETTINGS, 0, 0, none, sizeof(none));
	for (uint32_t id = 1; id < 2 * H2_RIG_AT_ONCE; id += 2)
		request(id, NGHTTP2_FLAG_END_STREAM);
	h2_rig_run(&rig);
	for (uint32_t i = 0; i < rig.count; i++) {
		h2_rig_answer(&rig, i, "HTTP/1.1 200 OK\r\n\r\n", false);
		h2_rig_body(&rig, i, u32_min(h2_stream_room(rig.streams[i].stream), 60000));
	}
	h2_rig_run(&rig);
	assert_true(rig.connection->queued >= 512 << 10);
	assert_true(rig.connection->queued <= (600 + 4 * H2_RIG_AT_ONCE) << 10);
	h2_connection_timer(rig.connection, 1000, 5000, 9000, rig.now + 9000);
	ended_by(H2_ENDING_STALLED);
}

static void window_of_nothing_begin(void)
{
	static const uint8_t none[6] = {0, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE};

	begin();
	frame(NGHTTP2_SETTINGS, 0, 0, none, sizeof(none));
}

// No byte waits, but the end of each answer does.
static void ends_that_are_not_let_out(void **state)
{
	window_of_nothing_begin();
	for (uint32_t id = 1; id < 2 * H2_RIG_AT_ONCE; id += 2)
		request(id, NGHTTP2_FLAG_END_STREAM);
	h2_rig_run(&rig);
	for (uint32_t i = 0; i < rig.count; i++) {
		h2_rig_answer(&rig, i, "HTTP/1.1 200 OK\r\n\r\n", false);
		h2_stream_shut(rig.streams[i].stream);
		h2_stream_let_go(rig.streams[i].stream);
		rig.streams[i].stream = NULL;
	}
	h2_rig_run(&rig);
	assert_int_equal(rig.connection->queued, 0);
	assert_int_equal(rig.connection->streams, H2_RIG_AT_ONCE);
	assert_int_equal(h2_connection_due(rig.connection, 1000, 5000, 9000), rig.now + 9000);
	h2_connection_timer(rig.connection, 1000, 5000, 9000, rig.now + 8999);
	assert_int_equal(rig.connection->ending, H2_ENDING_NONE);
	h2_connection_timer(rig.connection, 1000, 5000, 9000, rig.now + 9000);
	ended_by(H2_ENDING_STALLED);
}

// Heads alone, to who reads none of them.
static void heads_that_are_not_let_out(void **state)
{
	begin();
	request(1, NGHTTP2_FLAG_END_STREAM);
	h2_rig_run(&rig);
	assert_int_equal(h2_connection_due(rig.connection, 1000, 5000, 9000), UINT64_MAX);
	rig.room = 0;
	h2_rig_answer(&rig, 0, "HTTP/1.1 204 No Content\r\n\r\n", true);
	assert_int_equal(h2_connection_due(rig.connection, 1000, 5000, 9000), rig.now + 9000);
	h2_connection_timer(rig.connection, 1000, 5000, 9000, rig.now + 9000);
	rig.room = UINT32_MAX;
	ended_by(H2_ENDING_STALLED);
}

// Other streams that go on keep none that does not.
static void one_answer_that_is_not_let_out(void **state)
{
	static const uint8_t some[4] = {0, 0, 0, 100};

	window_of_nothing_begin();
	request(1, NGHTTP2_FLAG_END_STREAM);
	h2_rig_run(&rig);
	h2_rig_answer(&rig, 0, "HTTP/1.1 200 OK\r\n\r\nstuck", true);
	rig.now += 5000;
	request(3, NGHTTP2_FLAG_END_STREAM);
	h2_rig_run(&rig);
	h2_rig_answer(&rig, 1, "HTTP/1.1 200 OK\r\n\r\nok", true);
	frame(NGHTTP2_WINDOW_UPDATE, 0, 3, some, sizeof(some));
	h2_rig_run(&rig);
	assert_int_equal(rig.connection->streams, 1);
	assert_int_equal(h2_connection_due(rig.connection, 1000, 5000, 9000), rig.now + 4000);
	rig.now += 4000;
	h2_connection_timer(rig.connection, 1000, 5000, 9000, rig.now);
	h2_rig_run(&rig);
	assert_int_equal(rig.connection->ending, H2_ENDING_NONE);
	assert_int_equal(rig.connection->streams, 0);
	assert_int_equal(rig.connection->queued, 0);
	assert_int_equal(counter_read(&rig.engine->stats.resets), 0);
	h2_rig_end(&rig);
}

static void a_line_in_a_field(void **state)
{
	static const uint8_t path[] = {0x82, 0x87, 0x04, 13, '/', ' ', 'H', 'T', 'T', 'P', '/', '1',
		'.', '1', '\r', '\n', 'x', 0x01, 1, 'a'};
	static const uint8_t field[] = {
		0x82, 0x87, 0x84, 0x01, 1, 'a', 0x00, 1, 'x', 5, 'a', '\r', '\n', 'b', ':'};
	static const uint8_t space[] = {0x82, 0x87, 0x04, 5, '/', 'a', ' ', 'b', 'c', 0x01, 1, 'a'};

	begin();
	frame(NGHTTP2_HEADERS, 5, 1, path, sizeof(path));
	frame(NGHTTP2_HEADERS, 5, 3, field, sizeof(field));
	frame(NGHTTP2_HEADERS, 5, 5, space, sizeof(space));
	h2_rig_run(&rig);
	for (uint32_t i = 0; i < rig.count; i++)
		assert_null(strstr(rig.streams[i].asked, "\r\nb"));
	assert_int_equal(rig.connection->streams, 0);
	h2_rig_end(&rig);
}

// Not hostile: they end the body, and go on behind it.
static void trailers(void **state)
{
	static const uint8_t fields[] = {0x00, 1, 'x', 1, 'y'};

	begin();
	request(1, 0);
	frame(NGHTTP2_DATA, 0, 1, "abc", 3);
	frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, fields,
		sizeof(fields));
	h2_rig_run(&rig);
	assert_int_equal(rig.connection->streams, 1);
	assert_true(rig.streams[0].ended);
	assert_non_null(strstr(rig.streams[0].asked, "\r\n\r\n3\r\nabc\r\n0\r\nx: y\r\n\r\n"));
	h2_rig_answer(&rig, 0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true);
	h2_rig_run(&rig);
	assert_int_equal(rig.connection->streams, 0);
	assert_int_equal(counter_read(&rig.engine->stats.resets), 0);
	h2_rig_end(&rig);
}

// Longer than those of HTTP/1.1: the stream is reset, for a part would be taken for the whole.
static void trailers_without_end(void **state)
{
	static uint8_t fields[4200] = {0x00, 1, 'x', 0x7f, 0x81, 0x1f};

	begin();
	request(1, 0);
	memset(fields + 6, 'y', 127 + 1 + 31 * 128);
	frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, fields,
		6 + 127 + 1 + 31 * 128);
	h2_rig_run(&rig);
	assert_false(rig.streams[0].ended);
	assert_int_equal(rig.connection->streams, 0);
	assert_int_equal(rig.connection->ending, H2_ENDING_NONE);
	h2_rig_end(&rig);
}

// A head that is not whole counts time; one that will never be does not.
static void heads_that_are_dropped(void **state)
{
	static const uint8_t bad_path[] = {0x82, 0x87, 0x04, 3, '/', ' ', 'x', 0x01, 1, 'a'};
	static const uint8_t no_method[] = {0x87, 0x84, 0x01, 1, 'a'};
	static const uint8_t bad_value[] = {
		0x82, 0x87, 0x84, 0x01, 1, 'a', 0x00, 1, 'x', 3, 'a', 1, 'b'};
	static const uint8_t capital[] = {
		0x82, 0x87, 0x84, 0x01, 1, 'a', 0x00, 1, 'X', 3, 'a', 'b', 'b'};
	static const struct {
		const uint8_t *block;
		uint32_t length;
	} heads[] = {{bad_path, sizeof(bad_path)}, {no_method, sizeof(no_method)},
		{bad_value, sizeof(bad_value)}, {capital, sizeof(capital)}};

	begin();
	for (uint32_t i = 0; i < nx_array_size(heads); i++) {
		uint32_t id = 2 * i + 1;

		frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, id, heads[i].block,
			heads[i].length);
		assert_int_equal(rig.connection->head.began, 0);
		// What follows before the client knows begins nothing.
		frame(NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, id, "abc", 3);
		h2_rig_run(&rig);
		assert_int_equal(rig.count, 0);
		assert_int_equal(rig.connection->streams, 0);
		assert_int_equal(counter_read(&rig.engine->stats.resets), i + 1);
	}
	request(21, NGHTTP2_FLAG_END_STREAM);
	h2_connection_timer(rig.connection, 1000, 5000, 9000, rig.now + 20000);
	assert_int_equal(rig.connection->ending, H2_ENDING_NONE);
	h2_rig_end(&rig);
}

// Who calls it no error makes the same work.
static void resets_without_an_error(void **state)
{
	static const uint8_t no_error[4];

	begin();
	for (uint32_t id = 1; id < 2000 && rig.connection->ending == H2_ENDING_NONE; id += 2) {
		request(id, NGHTTP2_FLAG_END_STREAM);
		frame(NGHTTP2_RST_STREAM, 0, id, no_error, sizeof(no_error));
	}
	ended_by(H2_ENDING_RESETS);
}

static void more_streams_than_there_is_room_for(void **state)
{
	struct h2_connection *other;

	begin();
	other = h2_connection_begin(rig.engine, &h2_rig_limits, rig.now);
	assert_non_null(other);
	assert_null(h2_connection_begin(rig.engine, &h2_rig_limits, rig.now));
	h2_connection_end(other);
	rig.engine->streams.capacity = 3;
	for (uint32_t id = 1; id < 12; id += 2)
		request(id, NGHTTP2_FLAG_END_STREAM);
	h2_rig_run(&rig);
	assert_int_equal(rig.count, 3);
	assert_int_equal(counter_read(&rig.engine->stats.refused), 3);
	// Which is nothing that the clients did.
	assert_int_equal(counter_read(&rig.engine->stats.resets), 0);
	assert_int_equal(rig.connection->head.began, 0);
	assert_int_equal(rig.connection->ending, H2_ENDING_NONE);
	h2_rig_end(&rig);
}

// Whatever of the library's memory is missing, the connection ends and all comes back.
static void memory_that_ends_anywhere(void **state)
{
	for (uint32_t limit = 1 << 10; limit < 200 << 10; limit += 1 << 10) {
		h2_rig_begin(&rig, true);
		rig.answers = true;
		rig.connection->account.limit = rig.connection->account.used + limit / 8;
		h2_rig_bytes(&rig, h2_preface, sizeof(h2_preface));
		frame(NGHTTP2_SETTINGS, 0, 0, NULL, 0);
		for (uint32_t id = 1; id < 60; id += 2)
			request(id, NGHTTP2_FLAG_END_STREAM);
		h2_rig_run(&rig);
		assert_true(rig.connection->ending == H2_ENDING_NONE ||
			    rig.connection->ending == H2_ENDING_MEMORY);
		h2_rig_end(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bad_preface),
		cmocka_unit_test(rapid_resets),
		cmocka_unit_test(resets_that_are_ours),
		cmocka_unit_test(pings),
		cmocka_unit_test(pings_of_a_client_that_reads_nothing),
		cmocka_unit_test(settings),
		cmocka_unit_test(priorities_and_empty_data),
		cmocka_unit_test(continuations),
		cmocka_unit_test(a_head_that_grows),
		cmocka_unit_test(a_head_that_is_long),
		cmocka_unit_test(a_slow_head),
		cmocka_unit_test(a_window_of_nothing),
		cmocka_unit_test(ends_that_are_not_let_out),
		cmocka_unit_test(heads_that_are_not_let_out),
		cmocka_unit_test(one_answer_that_is_not_let_out),
		cmocka_unit_test(a_line_in_a_field),
		cmocka_unit_test(trailers),
		cmocka_unit_test(trailers_without_end),
		cmocka_unit_test(heads_that_are_dropped),
		cmocka_unit_test(resets_without_an_error),
		cmocka_unit_test(more_streams_than_there_is_room_for),
		cmocka_unit_test(memory_that_ends_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
