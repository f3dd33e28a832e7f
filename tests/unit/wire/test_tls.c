// SPDX-License-Identifier: BSD-3-Clause

// The codec's own records against OpenSSL's, and against a forger that has the keys: as a client
// and as a server, with bytes that come whole and in pieces.

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tls_ends.h"

static struct tls_ends_config config;
static struct tls_ends ends;

static int set_up(void **state)
{
	tls_ends_begin(&ends, &config);
	return tls_ends_shake(&ends) == NX_TLS_DONE && ends.ours->has_records ? 0 : -1;
}

static int tear_down(void **state)
{
	tls_ends_end(&ends);
	return 0;
}

static void say(const char *text)
{
	size_t n = strlen(text);

	assert_int_equal(SSL_write(ends.peer, text, (int)n), n);
}

static void ping_pong(void)
{
	char text[16] = "";
	size_t n;

	assert_int_equal(nx_tls_write(ends.ours, "ping", 4, &n), NX_TLS_DONE);
	tls_ends_send(&ends);
	assert_int_equal(SSL_read(ends.peer, text, sizeof(text)), 4);
	say("pong");
	assert_int_equal(tls_ends_read(&ends, text, sizeof(text), &n), NX_TLS_DONE);
	assert_int_equal(n, 4);
	assert_memory_equal(text, "pong", 4);
}

static void keys_are_updated_both_ways(void **state)
{
	for (int i = 0; i < 3; i++) {
		ping_pong();
		assert_int_equal(SSL_key_update(ends.peer, SSL_KEY_UPDATE_REQUESTED), 1);
	}
	ping_pong();
}

static void a_small_destination_takes_a_record_in_parts(void **state)
{
	char text[3];
	size_t n;

	say("12345");
	assert_int_equal(tls_ends_read(&ends, text, 3, &n), NX_TLS_DONE);
	assert_int_equal(n, 3);
	assert_int_equal(tls_ends_read(&ends, text, 3, &n), NX_TLS_DONE);
	assert_int_equal(n, 2);
	assert_int_equal(tls_ends_read(&ends, text, 3, &n), NX_TLS_MORE);
}

static void a_record_taken_in_parts_may_move_meanwhile(void **state)
{
	char text[5];
	size_t n;

	ping_pong();
	say("12345");
	say("67890");
	tls_ends_receive_all(&ends);
	assert_int_equal(nx_tls_read(ends.ours, text, 5, &n), NX_TLS_DONE);
	assert_int_equal(nx_tls_read(ends.ours, text, 3, &n), NX_TLS_DONE);
	nx_read_buffer_compact(nx_tls_input(ends.ours));
	say("abcde");
	tls_ends_receive_all(&ends);
	assert_int_equal(nx_tls_read(ends.ours, text + 3, 2, &n), NX_TLS_DONE);
	assert_memory_equal(text, "67890", 5);
}

static void a_changed_record_ends_the_connection(void **state)
{
	char text[16];
	size_t n;

	ping_pong();
	say("12345");
	tls_ends_receive_all(&ends);
	nx_read_buffer_data(nx_tls_input(ends.ours))[8] ^= 1;
	assert_int_equal(nx_tls_read(ends.ours, text, sizeof(text), &n), NX_TLS_FAILED);
	assert_int_equal(nx_tls_read(ends.ours, text, sizeof(text), &n), NX_TLS_FAILED);
}

static void both_ends_may_close(void **state)
{
	char text[16];
	size_t n;

	assert_int_equal(nx_tls_close(ends.ours), NX_TLS_DONE);
	assert_int_equal(nx_tls_write(ends.ours, "x", 1, &n), NX_TLS_FAILED);
	tls_ends_send(&ends);
	assert_int_equal(SSL_read(ends.peer, text, sizeof(text)), 0);
	assert_int_equal(SSL_get_shutdown(ends.peer), SSL_RECEIVED_SHUTDOWN);
	SSL_shutdown(ends.peer);
	assert_int_equal(tls_ends_read(&ends, text, sizeof(text), &n), NX_TLS_CLOSED);
}

static void an_end_without_close_is_told(void **state)
{
	char text[16];
	size_t n;

	ping_pong();
	nx_tls_end_of_input(ends.ours);
	assert_int_equal(nx_tls_read(ends.ours, text, sizeof(text), &n), NX_TLS_TRUNCATED);
}

static void reading_shakes_hands_first(void **state)
{
	char text[8];
	size_t n;

	tls_ends_begin(&ends, &config);
	for (int turn = 0; turn < 3; turn++) {
		assert_int_equal(tls_ends_read(&ends, text, sizeof(text), &n), NX_TLS_MORE);
		(void)!SSL_do_handshake(ends.peer);
	}
	say("12345");
	assert_int_equal(tls_ends_read(&ends, text, sizeof(text), &n), NX_TLS_DONE);
	assert_memory_equal(text, "12345", 5);
	assert_int_equal(nx_tls_handshake(ends.ours), NX_TLS_DONE);
	ping_pong();
	assert_true(ends.ours->has_records);
	tear_down(state);
}

static void nothing_may_be_written(void **state)
{
	size_t n = 4711;

	assert_int_equal(nx_tls_write(ends.ours, "", 0, &n), NX_TLS_DONE);
	assert_int_equal(n, 0);
	assert_int_equal(nx_write_buffer_length(nx_tls_output(ends.ours)), 0);
}

struct forgery {
	uint8_t type;
	uint8_t length;
	uint8_t content[8];
	bool is_data_next; // behind it
	enum nx_tls_verdict verdict;
	const char *why;
};

#define NONE "an unexpected message"

static const struct forgery forgeries[] = {
	{RECORD_HANDSHAKE, 6, {4, 0, 0, 2, 1, 2}, false, NX_TLS_MORE, ""},
	{RECORD_HANDSHAKE, 6, {4, 0, 0, 3, 1, 2}, false, NX_TLS_MORE, ""},
	{RECORD_HANDSHAKE, 6, {4, 0, 0, 3, 1, 2}, true, NX_TLS_FAILED,
		"data inside of a handshake message"},
	{RECORD_HANDSHAKE, 0, {0}, false, NX_TLS_FAILED, "an empty handshake record"},
	{RECORD_HANDSHAKE, 4, {4, 0, 0, 0}, false, NX_TLS_FAILED, NONE},
	{RECORD_HANDSHAKE, 4, {4, 1, 0, 1}, false, NX_TLS_FAILED, NONE},
	{RECORD_HANDSHAKE, 5, {1, 0, 0, 1, 0}, false, NX_TLS_FAILED, NONE},
	{RECORD_HANDSHAKE, 5, {13, 0, 0, 1, 0}, false, NX_TLS_FAILED, NONE},
	{RECORD_HANDSHAKE, 6, {24, 0, 0, 2, 0, 0}, false, NX_TLS_FAILED, NONE},
	{RECORD_HANDSHAKE, 5, {24, 0, 0, 1, 2}, false, NX_TLS_FAILED, "a KeyUpdate that is none"},
	{RECORD_HANDSHAKE, 6, {24, 0, 0, 1, 0, 24}, false, NX_TLS_FAILED,
		"a KeyUpdate that is none"},
	{RECORD_HANDSHAKE, 5, {24, 0, 0, 1, 0}, true, NX_TLS_FAILED,
		"a record that nobody sealed for us"}, // under the old key
	{RECORD_ALERT, 2, {1, 0}, true, NX_TLS_CLOSED, ""},
	{RECORD_ALERT, 2, {1, 90}, false, NX_TLS_MORE, ""},
	{RECORD_ALERT, 2, {2, 40}, true, NX_TLS_FAILED, "the peer's fatal alert"},
	{RECORD_ALERT, 1, {1}, false, NX_TLS_FAILED, "an alert that is none"},
	{RECORD_ALERT, 3, {1, 0, 0}, false, NX_TLS_FAILED, "an alert that is none"},
	{20, 1, {1}, false, NX_TLS_FAILED, "a record of an unknown type"},
	{0, 0, {0}, false, NX_TLS_FAILED, "a record that nobody sealed for us"}, // all padding
	{RECORD_DATA, 0, {0}, false, NX_TLS_MORE, ""},
};

// Seals for ours what no peer of OpenSSL's would send, and has it read to this much room.
static void judge(const struct forgery *f, size_t room)
{
	static struct records forger;
	uint8_t memory[200], text[16];
	struct nx_write_buffer out;
	enum nx_tls_verdict verdict;
	size_t n;

	ping_pong(); // a server's tickets are out of the way
	forger = ends.ours->records;
	forger.out = forger.in;
	assert_int_equal(nx_write_buffer_init(&out, memory, sizeof(memory), 0), NX_BUFFER_OK);
	assert_true(nx_record_seal(&forger, &out, f->type, f->content, f->length));
	if (f->is_data_next)
		assert_true(nx_record_seal(&forger, &out, RECORD_DATA, "data", 4));
	ends.feed.bytes = memory;
	ends.feed.left = nx_write_buffer_length(&out);
	do
		verdict = nx_tls_read(ends.ours, text, room, &n);
	while (verdict == NX_TLS_MORE && feed_more(&ends.feed));
	if (verdict != f->verdict || strcmp(nx_tls_why(ends.ours), f->why) != 0)
		fail_msg("type %u, content %02x %02x..., room %zu: %s: %s", f->type, f->content[0],
			f->content[1], room, nx_tls_verdict_text(verdict), nx_tls_why(ends.ours));
}

static void forgeries_are_judged_as_listed(void **state)
{
	for (size_t i = 0; i < sizeof(forgeries) / sizeof(forgeries[0]); i++)
		for (size_t room = 1; room <= 16; room += 15) {
			assert_int_equal(set_up(state), 0);
			judge(&forgeries[i], room);
			tear_down(state);
		}
}

static void what_is_no_record_is_refused_at_its_header(void **state)
{
	static const uint8_t headers[][RECORD_HEADER] = {{20, 3, 3, 0, 1}, {22, 3, 3, 0, 40},
		{RECORD_DATA, 3, 3, 0, RECORD_TAG},
		{RECORD_DATA, 3, 3, RECORD_MOST >> 8, (RECORD_MOST & 255) + 1}};
	char text[16];
	size_t n;

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		assert_int_equal(set_up(state), 0);
		ping_pong();
		assert_int_equal(
			nx_read_buffer_feed(nx_tls_input(ends.ours), headers[i], RECORD_HEADER),
			RECORD_HEADER);
		assert_int_equal(nx_tls_read(ends.ours, text, sizeof(text), &n), NX_TLS_FAILED);
		assert_string_equal(nx_tls_why(ends.ours), "bytes that are no TLS 1.3 record");
		tear_down(state);
	}
}

#define WITH_ENDS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ENDS(keys_are_updated_both_ways),
		WITH_ENDS(a_small_destination_takes_a_record_in_parts),
		WITH_ENDS(a_record_taken_in_parts_may_move_meanwhile),
		WITH_ENDS(a_changed_record_ends_the_connection),
		WITH_ENDS(both_ends_may_close),
		WITH_ENDS(an_end_without_close_is_told),
		WITH_ENDS(nothing_may_be_written),
		cmocka_unit_test(reading_shakes_hands_first),
		cmocka_unit_test(forgeries_are_judged_as_listed),
		cmocka_unit_test(what_is_no_record_is_refused_at_its_header),
	};
	static const int ways[] = {0, 1, 5}; // test_tls_suites.c has all
	int failed = 0;

	for (int i = 0; i < 6; i++) {
		char name[40];

		config = (struct tls_ends_config){.is_server = i % 2,
			.suite = i / 2 == 1 ? "TLS_AES_128_GCM_SHA256" : "TLS_AES_256_GCM_SHA384",
			.way = feed_way(ways[i / 2], NX_TLS_BUFFER_MIN)};
		snprintf(
			name, sizeof(name), "%s, way %d", i % 2 ? "server" : "client", ways[i / 2]);
		failed += cmocka_run_group_tests_name(name, tests, NULL, NULL);
	}
	return failed;
}
