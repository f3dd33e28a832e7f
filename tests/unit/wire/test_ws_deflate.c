// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "feed.h"
#include "nexwire/ws_deflate.h"

struct heap {
	size_t held;
	int given;
	int left; // allocations until none is given
};

static void *heap_allocate(void *context, size_t bytes)
{
	struct heap *heap = context;

	if (heap->left-- <= 0)
		return NULL;
	heap->held += bytes;
	heap->given++;
	return malloc(bytes);
}

static void heap_release(void *context, void *memory, size_t bytes)
{
	((struct heap *)context)->held -= bytes;
	free(memory);
}

static int way; // in which frames come

// Two ends that talk through a write buffer, a client to a server.
struct talk {
	struct nx_ws_compression *client;
	struct nx_ws_compression *server;
	struct nx_ws_writer writer;
	struct nx_ws_reader reader;
	struct nx_write_buffer out;
	struct nx_read_buffer in;
	struct feed feed;
	uint8_t out_memory[200000];
	uint8_t carried[300000]; // on the way from out to in
};

static bool any_key(void *context, void *memory, size_t bytes)
{
	memset(memory, 0xa5, bytes);
	return true;
}

static struct talk t;

static void talk_begin(const struct nx_ws_deflate *agreed, size_t limit)
{
	struct nx_ws_compression_config config = {.message_limit = limit};
	struct nx_ws_reader_config reader = {.role = NX_WS_SERVER, .compression = true};
	struct feed_way ways = feed_way(way, NX_WS_CONTROL_MAX);

	assert_int_equal(nx_ws_compression_create(NX_WS_CLIENT, agreed, &config, &t.client), 0);
	assert_int_equal(nx_ws_compression_create(NX_WS_SERVER, agreed, &config, &t.server), 0);
	assert_int_equal(
		nx_ws_writer_init(&t.writer, NX_WS_CLIENT, any_key, NULL, NX_SIMD_WIDEST), 0);
	assert_int_equal(
		nx_write_buffer_init(&t.out, t.out_memory, sizeof(t.out_memory), 14), NX_BUFFER_OK);
	feed_begin(&t.feed, &t.in, &ways);
	t.feed.bytes = t.carried;
	assert_int_equal(nx_ws_reader_init(&t.reader, &t.in, &reader), 0);
}

static void talk_end(void)
{
	nx_ws_compression_destroy(t.client);
	nx_ws_compression_destroy(t.server);
	nx_ws_reader_fini(&t.reader);
	feed_end(&t.feed);
}

// Everything in the write buffer sets out for the reader's.
static void carry(void)
{
	size_t n = nx_write_buffer_length(&t.out);

	assert_true(n <= sizeof(t.carried) - t.feed.left);
	memmove(t.carried, t.feed.bytes, t.feed.left);
	memcpy(t.carried + t.feed.left, nx_write_buffer_data(&t.out), n);
	t.feed.bytes = t.carried;
	t.feed.left += n;
	nx_write_buffer_clear(&t.out);
}

// The next message, as soon as enough of it has come.
static struct nx_ws_message next_message(void)
{
	struct nx_ws_message message;
	enum nx_ws_verdict verdict;

	do
		verdict = nx_ws_reader_next(&t.reader, &message);
	while (verdict == NX_WS_NEED_MORE && feed_more(&t.feed));
	assert_int_equal(verdict, NX_WS_MESSAGE);
	return message;
}

// A message that lies where the way wants it, and ends where its memory does.
static enum nx_ws_verdict inflate_bytes(const char *bytes, size_t length, enum nx_ws_opcode opcode,
	const char *plain, size_t plain_length)
{
	size_t shift = feed_way(way, 1).shift;
	uint8_t *memory = malloc(shift + length + 1);
	struct nx_ws_message message = {
		.data = memory + shift + 1, .length = length, .opcode = opcode, .compressed = true};
	enum nx_ws_verdict verdict;

	memcpy(memory + shift + 1, bytes, length);
	verdict = nx_ws_inflate(t.server, &message);
	if (verdict == NX_WS_MESSAGE) {
		assert_int_equal(message.length, plain_length);
		assert_memory_equal(message.data, plain, plain_length);
	}
	free(memory);
	return verdict;
}

static void assert_arrives(const void *data, size_t length)
{
	struct nx_ws_message message = next_message();

	assert_int_equal(nx_ws_inflate(t.server, &message), NX_WS_MESSAGE);
	assert_false(message.compressed);
	assert_int_equal(message.length, length);
	assert_memory_equal(message.data, data, length);
}

static void put_compressed(enum nx_ws_opcode opcode, const void *data, size_t length)
{
	assert_int_equal(nx_ws_write_deflated(t.client, &t.writer, &t.out, opcode, data, length),
		NX_WS_WRITTEN);
}

static void round_trips(const struct nx_ws_deflate *agreed)
{
	static const size_t lengths[] = {0, 1, 5, 100, 126, 4000, 0, 65536, 100000};
	uint8_t *data = malloc(100000);

	talk_begin(agreed, 100000);
	for (int random_too = 0; random_too < 2; random_too++)
		for (size_t i = 0; i < 9; i++) {
			for (size_t j = 0; j < lengths[i]; j++)
				data[j] = random_too ? (uint8_t)(random() >> 7)
						     : (uint8_t)("price: 1.0, "[j % 12]);
			put_compressed(random_too ? NX_WS_BINARY : NX_WS_TEXT, data, lengths[i]);
			carry();
			assert_arrives(data, lengths[i]);
		}
	talk_end();
	free(data);
}

static void messages_survive_with_every_parameter(void **state)
{
	for (int i = 0; i < 4; i++)
		for (uint8_t bits = 8; bits <= 16; bits++) {
			struct nx_ws_deflate agreed = {.server_no_context_takeover = i & 1,
				.client_no_context_takeover = i >> 1,
				.server_max_window_bits = bits % 16,
				.client_max_window_bits = bits == 16 ? 0 : 23 - bits};

			// All of them whole, and each in one of the other ways.
			if (way == 0 || (i * 9 + bits) % (FEED_WAYS - 1) == way - 1)
				round_trips(&agreed);
		}
}

// RFC 7692 7.2.3, each example of "Hello".
static void examples_of_the_rfc_inflate(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
	} cases[] = {
		{"\xf2\x48\xcd\xc9\xc9\x07\x00", 7},
		{"\xf2\x00\x11\x00\x00", 5}, // with the window of the one before
		{"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11}, // not compressed
		{"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8}, // its block says it is the last
		{"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13}, // two blocks
		{"\xf2\x00\x11\x00\x00", 5}, // the window outlives a last block
	};
	struct nx_ws_deflate agreed = {0};

	talk_begin(&agreed, 5);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(
			inflate_bytes(cases[i].bytes, cases[i].length, NX_WS_TEXT, "Hello", 5),
			NX_WS_MESSAGE);
	talk_end();
}

static void window_is_kept_or_forgotten_as_agreed(void **state)
{
	static const char text[] = "a text that comes twice, and that nothing else resembles";
	struct nx_ws_deflate agreed = {0};
	size_t first;

	for (int forgets = 0; forgets < 2; forgets++) {
		agreed.client_no_context_takeover = forgets;
		talk_begin(&agreed, 0);
		put_compressed(NX_WS_TEXT, text, sizeof(text) - 1);
		first = nx_write_buffer_length(&t.out);
		carry();
		put_compressed(NX_WS_TEXT, text, sizeof(text) - 1);
		if (forgets)
			assert_int_equal(nx_write_buffer_length(&t.out), first);
		else
			assert_true(nx_write_buffer_length(&t.out) < first / 2);
		carry();
		assert_arrives(text, sizeof(text) - 1);
		assert_arrives(text, sizeof(text) - 1);
		talk_end();
	}
}

// The limit is exact, and a bomb is stopped there: no more memory than the limit is ever asked for.
static void bombs_stop_at_the_limit(void **state)
{
	struct heap heap = {.left = 1000};
	struct nx_allocator allocator = {heap_allocate, heap_release, &heap};
	struct nx_ws_deflate agreed = {0};
	struct nx_ws_compression *bounded;
	uint8_t *zeros = calloc(1, 10000000);

	for (size_t limit = 99999; limit <= 100001; limit++) {
		struct nx_ws_compression_config config = {
			.message_limit = limit, .allocator = &allocator};
		struct nx_ws_message message;
		size_t before;

		talk_begin(&agreed, 0);
		assert_int_equal(
			nx_ws_compression_create(NX_WS_SERVER, &agreed, &config, &bounded), 0);
		before = heap.held;
		put_compressed(NX_WS_BINARY, zeros, 100000);
		put_compressed(NX_WS_BINARY, zeros, 10000000);
		carry();
		message = next_message();
		assert_int_equal(nx_ws_inflate(bounded, &message),
			limit < 100000 ? NX_WS_INFLATED_TOO_LARGE : NX_WS_MESSAGE);
		if (limit >= 100000) {
			assert_int_equal(message.length, 100000);
			message = next_message();
			assert_int_equal(
				nx_ws_inflate(bounded, &message), NX_WS_INFLATED_TOO_LARGE);
			assert_true(message.compressed);
		}
		// The output, and zlib's window when it is first used.
		assert_true(heap.held - before <= limit + 40000);
		nx_ws_compression_destroy(bounded);
		assert_int_equal(heap.held, 0);
		talk_end();
	}
	free(zeros);
}

static void callers_memory_bounds_the_output(void **state)
{
	uint8_t output[100];
	struct nx_ws_compression_config config = {.output = output, .output_bytes = sizeof(output)};
	struct nx_ws_deflate agreed = {0};
	struct nx_ws_compression *bounded;
	struct nx_ws_message message;
	uint8_t data[101] = {0};

	talk_begin(&agreed, 0);
	assert_int_equal(nx_ws_compression_create(NX_WS_SERVER, &agreed, &config, &bounded), 0);
	put_compressed(NX_WS_BINARY, data, 100);
	put_compressed(NX_WS_BINARY, data, 101);
	carry();
	message = next_message();
	assert_int_equal(nx_ws_inflate(bounded, &message), NX_WS_MESSAGE);
	assert_ptr_equal(message.data, output);
	message = next_message();
	assert_int_equal(nx_ws_inflate(bounded, &message), NX_WS_INFLATED_TOO_LARGE);
	nx_ws_compression_destroy(bounded);
	talk_end();
}

static void what_does_not_inflate_is_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
		enum nx_ws_opcode opcode;
		enum nx_ws_verdict verdict;
		const char *plain;
		size_t plain_length;
	} cases[] = {
		// An unknown kind of block, a distance beyond the window, the end within a block,
		// no block.
		{"\x06", 1, NX_WS_BINARY, NX_WS_DEFLATE_MALFORMED, "", 0},
		{"\xf2\x00\x11\x00\x00", 5, NX_WS_BINARY, NX_WS_DEFLATE_MALFORMED, "", 0},
		{"\xf2\x48\xcd", 3, NX_WS_BINARY, NX_WS_DEFLATE_MALFORMED, "", 0},
		{"", 0, NX_WS_BINARY, NX_WS_DEFLATE_MALFORMED, "", 0},
		// A stored block of one byte, ff.
		{"\x00\x01\x00\xfe\xff\xff\x00", 7, NX_WS_BINARY, NX_WS_MESSAGE, "\xff", 1},
		{"\x00\x01\x00\xfe\xff\xff\x00", 7, NX_WS_TEXT, NX_WS_TEXT_NOT_UTF8, "", 0},
		{"\x00", 1, NX_WS_TEXT, NX_WS_MESSAGE, "", 0},
	};
	struct nx_ws_deflate agreed = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		talk_begin(&agreed, 0);
		assert_int_equal(inflate_bytes(cases[i].bytes, cases[i].length, cases[i].opcode,
					 cases[i].plain, cases[i].plain_length),
			cases[i].verdict);
		talk_end();
	}
}

static void plain_messages_pass_untouched(void **state)
{
	struct nx_ws_deflate agreed = {0};
	struct nx_ws_message message = {.data = (const uint8_t *)"x", .length = 1};
	struct nx_ws_message same = message;

	talk_begin(&agreed, 0);
	assert_int_equal(nx_ws_inflate(t.server, &message), NX_WS_MESSAGE);
	assert_ptr_equal(message.data, same.data);
	talk_end();
}

// A message that did not fit has been compressed in vain; the next one must not refer to it.
static void message_that_does_not_fit_leaves_no_trace(void **state)
{
	static const char text[] = "a text that comes twice, and that nothing else resembles";
	struct nx_ws_deflate agreed = {0};
	uint8_t noise[1000];

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(random() >> 7);
	for (size_t room = 1; room < 200; room++) {
		enum nx_ws_write_verdict verdict;

		talk_begin(&agreed, 0);
		t.out.capacity = t.out.headroom + room;
		assert_int_equal(nx_ws_write_deflated(t.client, &t.writer, &t.out, NX_WS_BINARY,
					 noise, sizeof(noise)),
			NX_WS_WRITE_NO_ROOM);
		verdict = nx_ws_write_deflated(
			t.client, &t.writer, &t.out, NX_WS_TEXT, text, sizeof(text) - 1);
		t.out.capacity = sizeof(t.out_memory);
		if (verdict == NX_WS_WRITE_NO_ROOM) {
			assert_int_equal(nx_write_buffer_length(&t.out), 0);
			put_compressed(NX_WS_TEXT, text, sizeof(text) - 1);
		}
		carry();
		assert_arrives(text, sizeof(text) - 1);
		talk_end();
	}
}

static void refused_frames_leave_the_window_alone(void **state)
{
	static const char text[] = "a text that comes twice, and that nothing else resembles";
	struct nx_ws_deflate agreed = {0};

	talk_begin(&agreed, 0);
	assert_int_equal(
		nx_ws_write_fragment(&t.writer, &t.out, NX_WS_TEXT, false, "a", 1), NX_WS_WRITTEN);
	assert_int_equal(nx_ws_write_deflated(t.client, &t.writer, &t.out, NX_WS_TEXT, text, 50),
		NX_WS_WRITE_MESSAGE_OPEN);
	assert_int_equal(nx_ws_write_deflated(t.client, &t.writer, &t.out, NX_WS_PING, text, 50),
		NX_WS_WRITE_OPCODE_INVALID);
	assert_int_equal(nx_ws_write_fragment(&t.writer, &t.out, NX_WS_CONTINUATION, true, "b", 1),
		NX_WS_WRITTEN);
	put_compressed(NX_WS_TEXT, text, sizeof(text) - 1);
	carry();
	assert_arrives("ab", 2);
	assert_arrives(text, sizeof(text) - 1);
	talk_end();
}

// Any allocation may fail; what was given comes back.
static void memory_may_run_out(void **state)
{
	static const char text[] = "Hello, hello, hello, hello";
	struct nx_ws_deflate agreed = {0};
	int failed = 0;

	for (int left = 0; left < 20; left++) {
		struct heap heap = {.left = left};
		struct nx_allocator allocator = {heap_allocate, heap_release, &heap};
		struct nx_ws_compression_config config = {.allocator = &allocator};
		struct nx_ws_compression *c;
		struct nx_ws_message message;
		int error = nx_ws_compression_create(NX_WS_SERVER, &agreed, &config, &c);

		if (error) {
			assert_int_equal(error, -ENOMEM);
			assert_int_equal(heap.held, 0);
			failed++;
			continue;
		}
		talk_begin(&agreed, 0);
		put_compressed(NX_WS_TEXT, text, sizeof(text) - 1);
		put_compressed(NX_WS_TEXT, text, sizeof(text) - 1);
		carry();
		for (int i = 0; i < 2; i++) {
			enum nx_ws_verdict verdict;

			message = next_message();
			verdict = nx_ws_inflate(c, &message);
			if (verdict == NX_WS_MESSAGE)
				continue;
			assert_int_equal(verdict, NX_WS_NO_MEMORY);
			failed++;
			break;
		}
		nx_ws_compression_destroy(c);
		assert_int_equal(heap.held, 0);
		talk_end();
	}
	assert_true(failed >= 8 && failed < 19);
}

static void nothing_is_allocated_for_later_messages(void **state)
{
	struct heap heap = {.left = 1000};
	struct nx_allocator allocator = {heap_allocate, heap_release, &heap};
	struct nx_ws_compression_config config = {.allocator = &allocator};
	struct nx_ws_deflate agreed = {.client_no_context_takeover = true};
	struct nx_ws_compression *c;
	struct nx_ws_message message;
	int given = 0;

	assert_int_equal(nx_ws_compression_create(NX_WS_SERVER, &agreed, &config, &c), 0);
	talk_begin(&agreed, 0);
	for (int i = 0; i < 50; i++) {
		put_compressed(NX_WS_TEXT, "Hello, hello", 12);
		carry();
		message = next_message();
		assert_int_equal(nx_ws_inflate(c, &message), NX_WS_MESSAGE);
		if (i == 1)
			given = heap.given;
	}
	assert_int_equal(heap.given, given);
	nx_ws_compression_destroy(c);
	talk_end();
}

static void levels_that_zlib_lacks_are_refused(void **state)
{
	struct nx_ws_compression_config config = {.level = 10};
	struct nx_ws_deflate agreed = {0};
	struct nx_ws_compression *c;

	assert_int_equal(nx_ws_compression_create(NX_WS_SERVER, &agreed, &config, &c), -EINVAL);
	nx_ws_compression_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_survive_with_every_parameter),
		cmocka_unit_test(examples_of_the_rfc_inflate),
		cmocka_unit_test(window_is_kept_or_forgotten_as_agreed),
		cmocka_unit_test(bombs_stop_at_the_limit),
		cmocka_unit_test(callers_memory_bounds_the_output),
		cmocka_unit_test(what_does_not_inflate_is_refused),
		cmocka_unit_test(plain_messages_pass_untouched),
		cmocka_unit_test(message_that_does_not_fit_leaves_no_trace),
		cmocka_unit_test(refused_frames_leave_the_window_alone),
		cmocka_unit_test(memory_may_run_out),
		cmocka_unit_test(nothing_is_allocated_for_later_messages),
		cmocka_unit_test(levels_that_zlib_lacks_are_refused),
	};

	int failed = 0;

	for (way = 0; way < FEED_WAYS; way++) {
		char name[20];

		snprintf(name, sizeof(name), "way %d", way);
		failed += cmocka_run_group_tests_name(name, tests, NULL, NULL);
	}
	return failed;
}
