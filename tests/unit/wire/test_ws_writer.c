// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ws_bytes.h"

static const uint8_t KEY[4] = {0x37, 0xfa, 0x21, 0x3d};

// The key of the RFC's examples, again and again; counts what was asked for.
static bool same_key(void *context, void *memory, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		((uint8_t *)memory)[i] = KEY[i % 4];
	*(size_t *)context += bytes;
	return true;
}

static bool no_key(void *context, void *memory, size_t bytes)
{
	return false;
}

struct fixture {
	struct nx_ws_writer writer;
	struct nx_write_buffer buffer;
	size_t random_bytes;
	uint8_t *memory; // ends where the buffer does
};

static struct fixture f;
static size_t shift; // of the buffer, from an aligned address
static struct bytes expected;

static void set_up(enum nx_ws_role role, size_t room)
{
	f.random_bytes = 0;
	expected.length = 0;
	assert_int_equal(
		nx_ws_writer_init(&f.writer, role, same_key, &f.random_bytes, NX_SIMD_WIDEST), 0);
	free(f.memory);
	f.memory = malloc(shift + room + NX_WRITE_HEADROOM);
	assert_int_equal(nx_write_buffer_init(&f.buffer, f.memory + shift, room + NX_WRITE_HEADROOM,
				 NX_WRITE_HEADROOM),
		NX_BUFFER_OK);
}

static void assert_written(void)
{
	assert_int_equal(nx_write_buffer_length(&f.buffer), expected.length);
	assert_memory_equal(nx_write_buffer_data(&f.buffer), expected.data, expected.length);
}

static void frames_are_what_the_rfc_draws(void **state)
{
	static const size_t lengths[] = {0, 1, 5, 125, 126, 127, 300, 65535, 65536, 70000};
	static uint8_t payload[70000];

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 7);
	for (int role = NX_WS_SERVER; role <= NX_WS_CLIENT; role++)
		for (size_t i = 0; i < 10; i++) {
			const uint8_t *key = role == NX_WS_CLIENT ? KEY : NULL;

			set_up((enum nx_ws_role)role, 79000);
			assert_int_equal(nx_ws_write(&f.writer, &f.buffer, NX_WS_BINARY, payload,
						 lengths[i]),
				NX_WS_WRITTEN);
			assert_int_equal(nx_ws_write(&f.writer, &f.buffer, NX_WS_TEXT, "Hello", 5),
				NX_WS_WRITTEN);
			put_frame(&expected, 0x82, key, payload, lengths[i]);
			put_frame(&expected, 0x81, key, "Hello", 5);
			assert_written();
		}
}

static void keys_are_drawn_many_at_once_and_used_once(void **state)
{
	set_up(NX_WS_CLIENT, 79000);
	for (int i = 0; i < NX_WS_KEYS; i++)
		assert_int_equal(
			nx_ws_write(&f.writer, &f.buffer, NX_WS_TEXT, "", 0), NX_WS_WRITTEN);
	assert_int_equal(f.random_bytes, NX_WS_KEYS * 4);
	for (int i = 0; i < NX_WS_KEYS; i++)
		assert_int_equal(f.writer.keys[i], 0);
	assert_int_equal(nx_ws_write(&f.writer, &f.buffer, NX_WS_TEXT, "", 0), NX_WS_WRITTEN);
	assert_int_equal(f.random_bytes, 2 * NX_WS_KEYS * 4);
	set_up(NX_WS_SERVER, 1000);
	assert_int_equal(nx_ws_write(&f.writer, &f.buffer, NX_WS_TEXT, "", 0), NX_WS_WRITTEN);
	assert_int_equal(f.random_bytes, 0);
}

static void nothing_is_sent_unmasked_when_there_is_no_randomness(void **state)
{
	uint8_t *payload;

	set_up(NX_WS_CLIENT, 1000);
	f.writer.random = no_key;
	assert_int_equal(
		nx_ws_write(&f.writer, &f.buffer, NX_WS_TEXT, "x", 1), NX_WS_WRITE_RANDOM_FAILED);
	assert_int_equal(nx_ws_write_begin(&f.writer, &f.buffer, 10, &payload), NX_WS_WRITTEN);
	assert_int_equal(
		nx_ws_write_end(&f.writer, &f.buffer, NX_WS_TEXT, 0), NX_WS_WRITE_RANDOM_FAILED);
	assert_int_equal(nx_write_buffer_length(&f.buffer), 0);
	assert_int_equal(
		nx_ws_writer_init(&f.writer, NX_WS_CLIENT, NULL, NULL, NX_SIMD_WIDEST), -EINVAL);
	assert_int_equal(
		nx_ws_writer_init(&f.writer, NX_WS_SERVER, NULL, NULL, (enum nx_simd)50), -ENOTSUP);
}

static void fragments_follow_the_rules(void **state)
{
	set_up(NX_WS_SERVER, 1000);
#define FRAGMENT(opcode, is_last, text)                                                            \
	nx_ws_write_fragment(&f.writer, &f.buffer, opcode, is_last, text, sizeof(text) - 1)
	assert_int_equal(FRAGMENT(NX_WS_CONTINUATION, true, "x"), NX_WS_WRITE_NOTHING_TO_CONTINUE);
	assert_int_equal(FRAGMENT(NX_WS_PING, true, "x"), NX_WS_WRITE_CONTROL_FRAGMENTED);
	assert_int_equal(FRAGMENT((enum nx_ws_opcode)5, true, "x"), NX_WS_WRITE_OPCODE_INVALID);
	assert_int_equal(FRAGMENT(NX_WS_TEXT, false, "one"), NX_WS_WRITTEN);
	assert_int_equal(FRAGMENT(NX_WS_TEXT, false, "x"), NX_WS_WRITE_MESSAGE_OPEN);
	assert_int_equal(
		nx_ws_write(&f.writer, &f.buffer, NX_WS_BINARY, "x", 1), NX_WS_WRITE_MESSAGE_OPEN);
	assert_int_equal(nx_ws_write(&f.writer, &f.buffer, NX_WS_PING, "p", 1), NX_WS_WRITTEN);
	assert_int_equal(FRAGMENT(NX_WS_CONTINUATION, false, "two"), NX_WS_WRITTEN);
	assert_int_equal(FRAGMENT(NX_WS_CONTINUATION, true, ""), NX_WS_WRITTEN);
	assert_int_equal(FRAGMENT(NX_WS_BINARY, true, "whole"), NX_WS_WRITTEN);
#undef FRAGMENT
	put_frame(&expected, 0x01, NULL, "one", 3);
	put_frame(&expected, 0x89, NULL, "p", 1);
	put_frame(&expected, 0x00, NULL, "two", 3);
	put_frame(&expected, 0x80, NULL, "", 0);
	put_frame(&expected, 0x82, NULL, "whole", 5);
	assert_written();
}

static void control_frames_are_bounded(void **state)
{
	uint8_t payload[126] = {0};

	set_up(NX_WS_SERVER, 1000);
	assert_int_equal(nx_ws_write(&f.writer, &f.buffer, NX_WS_PONG, payload, 126),
		NX_WS_WRITE_CONTROL_TOO_LONG);
	assert_int_equal(nx_ws_write(&f.writer, &f.buffer, NX_WS_CLOSE, payload, 2),
		NX_WS_WRITE_OPCODE_INVALID);
	assert_int_equal(
		nx_ws_write(&f.writer, &f.buffer, NX_WS_PONG, payload, 125), NX_WS_WRITTEN);
	assert_int_equal(nx_ws_write_compressed(&f.writer, &f.buffer, NX_WS_PING, payload, 5),
		NX_WS_WRITE_OPCODE_INVALID);
}

static void close_is_judged_and_is_the_last_frame(void **state)
{
	char reason[124] = {0};

	set_up(NX_WS_SERVER, 1000);
	assert_int_equal(nx_ws_write_close(&f.writer, &f.buffer, 1006, NULL, 0),
		NX_WS_WRITE_CLOSE_CODE_INVALID);
	assert_int_equal(nx_ws_write_close(&f.writer, &f.buffer, NX_WS_CLOSE_NO_CODE, "x", 1),
		NX_WS_WRITE_CLOSE_CODE_INVALID);
	assert_int_equal(nx_ws_write_close(&f.writer, &f.buffer, 1000, reason, 124),
		NX_WS_WRITE_CONTROL_TOO_LONG);
	assert_int_equal(nx_ws_write_close(&f.writer, &f.buffer, 1000, "\xff", 1),
		NX_WS_WRITE_REASON_NOT_UTF8);
	assert_int_equal(nx_ws_write_close(&f.writer, &f.buffer, 1001, "bye", 3), NX_WS_WRITTEN);
	assert_int_equal(
		nx_ws_write(&f.writer, &f.buffer, NX_WS_TEXT, "x", 1), NX_WS_WRITE_AFTER_CLOSE);
	assert_int_equal(
		nx_ws_write_close(&f.writer, &f.buffer, 1001, "bye", 3), NX_WS_WRITE_AFTER_CLOSE);
	put_frame(&expected, 0x88, NULL,
		"\x03\xe9"
		"bye",
		5);
	assert_written();
	set_up(NX_WS_CLIENT, 1000);
	assert_int_equal(nx_ws_write_close(&f.writer, &f.buffer, NX_WS_CLOSE_NO_CODE, NULL, 0),
		NX_WS_WRITTEN);
	put_frame(&expected, 0x88, KEY, "", 0);
	assert_written();
}

// Exactly as much room as the frame needs is enough, one byte less leaves everything as it was.
static void frame_fits_or_leaves_no_trace(void **state)
{
	static const size_t lengths[] = {0, 125, 126, 65535, 65536};
	static uint8_t payload[65536];

	for (int role = NX_WS_SERVER; role <= NX_WS_CLIENT; role++)
		for (size_t i = 0; i < 5; i++) {
			size_t n = lengths[i];
			size_t size = n + (n < 126 ? 2 : n < 65536 ? 4 : 10) + (role ? 4 : 0);
			uint8_t *at;

			set_up((enum nx_ws_role)role, size - 1);
			assert_int_equal(
				nx_ws_write(&f.writer, &f.buffer, NX_WS_BINARY, payload, n),
				NX_WS_WRITE_NO_ROOM);
			assert_int_equal(nx_ws_write_begin(&f.writer, &f.buffer, n, &at),
				NX_WS_WRITE_NO_ROOM);
			assert_int_equal(nx_write_buffer_length(&f.buffer), 0);
			set_up((enum nx_ws_role)role, size);
			assert_int_equal(
				nx_ws_write(&f.writer, &f.buffer, NX_WS_BINARY, payload, n),
				NX_WS_WRITTEN);
		}
}

// The header is written when the length is known, in fewer bytes than there was room for.
static void write_in_place(enum nx_ws_role role, const char *ahead, size_t limit, size_t n)
{
	static uint8_t payload[70000];
	const uint8_t *key = role == NX_WS_CLIENT ? KEY : NULL;
	uint8_t *at;

	memset(payload, 'p', sizeof(payload));
	set_up(role, 79000);
	if (ahead) {
		assert_int_equal(
			nx_ws_write(&f.writer, &f.buffer, NX_WS_TEXT, ahead, strlen(ahead)),
			NX_WS_WRITTEN);
		put_frame(&expected, 0x81, key, ahead, strlen(ahead));
	}
	assert_int_equal(nx_ws_write_begin(&f.writer, &f.buffer, limit, &at), NX_WS_WRITTEN);
	memcpy(at, payload, n);
	assert_int_equal(nx_ws_write_end(&f.writer, &f.buffer, NX_WS_BINARY, n), NX_WS_WRITTEN);
	assert_int_equal(
		nx_ws_write_end(&f.writer, &f.buffer, NX_WS_BINARY, 0), NX_WS_WRITE_NOT_RESERVED);
	put_frame(&expected, 0x82, key, payload, n);
	assert_int_equal(nx_ws_write(&f.writer, &f.buffer, NX_WS_TEXT, "after", 5), NX_WS_WRITTEN);
	put_frame(&expected, 0x81, key, "after", 5);
	assert_written();
}

static void payload_written_in_place_gets_its_header(void **state)
{
	static const size_t sizes[] = {0, 1, 125, 126, 65535, 65536, 70000};

	for (size_t i = 0; i < 7; i++)
		for (size_t j = 0; j <= i; j++)
			for (int role = NX_WS_SERVER; role <= NX_WS_CLIENT; role++) {
				write_in_place((enum nx_ws_role)role, NULL, sizes[i], sizes[j]);
				write_in_place((enum nx_ws_role)role, "ahead", sizes[i], sizes[j]);
			}
}

static void end_is_held_to_its_begin(void **state)
{
	uint8_t *at;

	set_up(NX_WS_SERVER, 1000);
	assert_int_equal(
		nx_ws_write_end(&f.writer, &f.buffer, NX_WS_TEXT, 0), NX_WS_WRITE_NOT_RESERVED);
	assert_int_equal(nx_ws_write_begin(&f.writer, &f.buffer, 10, &at), NX_WS_WRITTEN);
	assert_int_equal(
		nx_ws_write_end(&f.writer, &f.buffer, NX_WS_TEXT, 11), NX_WS_WRITE_NOT_RESERVED);
	assert_int_equal(
		nx_ws_write_end(&f.writer, &f.buffer, NX_WS_CLOSE, 2), NX_WS_WRITE_OPCODE_INVALID);
	assert_int_equal(nx_ws_write_begin(&f.writer, &f.buffer, 200, &at), NX_WS_WRITTEN);
	assert_int_equal(nx_ws_write_end(&f.writer, &f.buffer, NX_WS_PING, 126),
		NX_WS_WRITE_CONTROL_TOO_LONG);
	assert_int_equal(nx_write_buffer_length(&f.buffer), 0);
}

static void header_alone_serves_gathered_writes(void **state)
{
	uint8_t header[NX_WS_HEADER_MAX];

	assert_int_equal(nx_ws_header(header, 0x82, 125), 2);
	assert_memory_equal(header, "\x82\x7d", 2);
	assert_int_equal(nx_ws_header(header, 0x82, 256), 4);
	assert_memory_equal(header, "\x82\x7e\x01\x00", 4);
	assert_int_equal(nx_ws_header(header, 0x82, 65536), 10);
	assert_memory_equal(header, "\x82\x7f\0\0\0\0\0\x01\0\0", 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_what_the_rfc_draws),
		cmocka_unit_test(keys_are_drawn_many_at_once_and_used_once),
		cmocka_unit_test(nothing_is_sent_unmasked_when_there_is_no_randomness),
		cmocka_unit_test(fragments_follow_the_rules),
		cmocka_unit_test(control_frames_are_bounded),
		cmocka_unit_test(close_is_judged_and_is_the_last_frame),
		cmocka_unit_test(frame_fits_or_leaves_no_trace),
		cmocka_unit_test(payload_written_in_place_gets_its_header),
		cmocka_unit_test(end_is_held_to_its_begin),
		cmocka_unit_test(header_alone_serves_gathered_writes),
	};

	int failed = 0;

	for (shift = 0; shift < 16; shift += 5) {
		char name[20];

		snprintf(name, sizeof(name), "shift %zu", shift);
		failed += cmocka_run_group_tests_name(name, tests, NULL, NULL);
	}
	free(f.memory);
	return failed;
}
