// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "feed.h"
#include "ws_bytes.h"

static const uint8_t KEY[4] = {0x37, 0xfa, 0x21, 0x3d}; // RFC 6455 5.7

// What came out of a reader: messages one after the other, and the verdict that ended it.
struct outcome {
	struct nx_ws_message messages[600];
	uint8_t *copies[600];
	int count;
	enum nx_ws_verdict last;
};

static void outcome_free(struct outcome *o)
{
	for (int i = 0; i < o->count; i++)
		free(o->copies[i]);
}

static void take_messages(struct nx_ws_reader *reader, struct outcome *o)
{
	struct nx_ws_message message;

	while ((o->last = nx_ws_reader_next(reader, &message)) == NX_WS_MESSAGE) {
		assert_true(o->count < 600);
		o->copies[o->count] = malloc(message.length + 1);
		memcpy(o->copies[o->count], message.data, message.length);
		o->messages[o->count++] = message;
	}
}

static void run_way(struct outcome *o, const struct nx_ws_reader_config *config,
	const struct bytes *input, const struct feed_way *way)
{
	struct nx_read_buffer buffer;
	struct nx_ws_reader reader;
	struct feed feed;

	o->count = 0;
	o->last = NX_WS_NEED_MORE;
	feed_begin(&feed, &buffer, way);
	feed.bytes = input->data;
	feed.left = input->length;
	assert_int_equal(nx_ws_reader_init(&reader, &buffer, config), 0);
	while (feed.left > 0 && o->last == NX_WS_NEED_MORE) {
		assert_true(feed_more(&feed)); // a reader that wants more has room for it
		take_messages(&reader, o);
	}
	if (o->last != NX_WS_NEED_MORE) { // for good
		struct nx_ws_message message;

		assert_int_equal(nx_ws_reader_next(&reader, &message), o->last);
	}
	nx_ws_reader_fini(&reader);
	feed_end(&feed);
}

static void run(struct outcome *o, const struct nx_ws_reader_config *config,
	const struct bytes *input, size_t slab, size_t piece)
{
	run_way(o, config, input, &(struct feed_way){.slab = slab, .piece = piece});
}

static void assert_same(const struct outcome *a, const struct outcome *b)
{
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->last, b->last);
	for (int i = 0; i < a->count; i++) {
		assert_int_equal(a->messages[i].opcode, b->messages[i].opcode);
		assert_int_equal(a->messages[i].length, b->messages[i].length);
		assert_int_equal(a->messages[i].close_code, b->messages[i].close_code);
		assert_int_equal(a->messages[i].compressed, b->messages[i].compressed);
		assert_memory_equal(a->copies[i], b->copies[i], a->messages[i].length);
	}
}

// The input gives one outcome however it comes: in pieces of any size, at any address, in a small
// slab or a large one, with any width of vector.
static void run_every_way(
	struct outcome *o, const struct nx_ws_reader_config *config, const struct bytes *input)
{
	struct nx_ws_reader_config c = *config;
	struct outcome other;
	struct feed_way way = feed_way(0, NX_WS_CONTROL_MAX);

	run_way(o, &c, input, &way);
	for (int i = 1; i < FEED_WAYS; i++) {
		way = feed_way(i, NX_WS_CONTROL_MAX);
		run_way(&other, &c, input, &way);
		assert_same(o, &other);
		outcome_free(&other);
	}
	way = (struct feed_way){.slab = 1000, .piece = 37, .shift = 3};
	for (int simd = NX_SIMD_PORTABLE; simd <= NX_SIMD_AVX512; simd++) {
		struct nx_read_buffer probe = {.capacity = 125};
		struct nx_ws_reader reader;

		c.simd = (enum nx_simd)simd;
		if (nx_ws_reader_init(&reader, &probe, &c) == -ENOTSUP)
			continue;
		run_way(&other, &c, input, &way);
		assert_same(o, &other);
		outcome_free(&other);
	}
}

static struct bytes input;

static void expect(enum nx_ws_role role, enum nx_ws_verdict last, int count)
{
	struct nx_ws_reader_config config = {
		.role = role, .frame_limit = 300000, .message_limit = 350000};
	struct outcome o;

	run_every_way(&o, &config, &input);
	assert_string_equal(nx_ws_verdict_text(o.last), nx_ws_verdict_text(last));
	assert_int_equal(o.count, count);
	outcome_free(&o);
	input.length = 0;
}

static struct outcome messages_of(const struct nx_ws_reader_config *config)
{
	struct outcome o;

	run_every_way(&o, config, &input);
	input.length = 0;
	return o;
}

static void assert_text(const struct outcome *o, int i, enum nx_ws_opcode opcode, const char *text)
{
	assert_int_equal(o->messages[i].opcode, opcode);
	assert_int_equal(o->messages[i].length, strlen(text));
	assert_memory_equal(o->copies[i], text, strlen(text));
}

// RFC 6455 5.7, all of it.
static void examples_of_the_rfc_are_read(void **state)
{
	static const uint8_t unmasked[] = {0x81, 0x05, 'H', 'e', 'l', 'l', 'o', 0x01, 0x03, 'H',
		'e', 'l', 0x80, 0x02, 'l', 'o', 0x89, 0x05, 'H', 'e', 'l', 'l', 'o'};
	static const uint8_t masked[] = {0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51,
		0x58, 0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58};
	static const uint8_t large[] = {0x82, 0x7e, 0x01, 0x00};
	static const uint8_t larger[] = {0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0};
	struct nx_ws_reader_config client = {.role = NX_WS_CLIENT};
	struct nx_ws_reader_config server = {.role = NX_WS_SERVER};
	uint8_t *payload = calloc(1, 65536);
	struct outcome o;

	put(&input, unmasked, sizeof(unmasked));
	put(&input, large, sizeof(large));
	put(&input, payload, 256);
	put(&input, larger, sizeof(larger));
	put(&input, payload, 65536);
	o = messages_of(&client);
	assert_int_equal(o.count, 5);
	assert_text(&o, 0, NX_WS_TEXT, "Hello");
	assert_text(&o, 1, NX_WS_TEXT, "Hello");
	assert_text(&o, 2, NX_WS_PING, "Hello");
	assert_int_equal(o.messages[3].length, 256);
	assert_int_equal(o.messages[4].length, 65536);
	outcome_free(&o);
	put(&input, masked, sizeof(masked));
	o = messages_of(&server);
	assert_int_equal(o.count, 2);
	assert_text(&o, 0, NX_WS_TEXT, "Hello");
	assert_text(&o, 1, NX_WS_PONG, "Hello");
	outcome_free(&o);
	free(payload);
}

// What RFC 6455 5.2 to 5.5 and 7.4 say about a frame's first bytes, as a table would.
static enum nx_ws_verdict judged(unsigned int first, bool masked, size_t n, bool assembling)
{
	unsigned int opcode = first & 15;

	if ((opcode >= 3 && opcode <= 7) || opcode >= 11)
		return NX_WS_OPCODE_RESERVED;
	if (first & 0x70)
		return NX_WS_RESERVED_BIT_SET;
	if (!masked)
		return NX_WS_MASK_MISSING;
	if (opcode >= 8 && !(first & 0x80))
		return NX_WS_CONTROL_FRAGMENTED;
	if (opcode >= 8 && n > 125)
		return NX_WS_CONTROL_TOO_LONG;
	if (opcode == 0 && !assembling)
		return NX_WS_NOTHING_TO_CONTINUE;
	if ((opcode == 1 || opcode == 2) && assembling)
		return NX_WS_MESSAGE_INTERRUPTED;
	if (opcode == 8 && n == 1)
		return NX_WS_CLOSE_TRUNCATED;
	if (opcode == 8 && n > 0)
		return NX_WS_CLOSE_CODE_INVALID; // 'aa' is 24929
	return opcode == 8 ? NX_WS_CLOSED : NX_WS_NEED_MORE;
}

static void every_first_byte_length_mask_and_state_has_its_verdict(void **state)
{
	static const size_t lengths[] = {0, 1, 2, 125, 126, 127, 65535, 65536};
	struct nx_ws_reader_config config = {.role = NX_WS_SERVER};
	uint8_t *payload = malloc(65536);
	struct outcome o;

	memset(payload, 'a', 65536);
	for (unsigned int i = 0; i < 256 * 8 * 2 * 2; i++) {
		unsigned int first = i & 255;
		size_t n = lengths[i >> 8 & 7];
		bool masked = i >> 11 & 1;
		bool assembling = i >> 12 & 1;
		enum nx_ws_verdict expected = judged(first, masked, n, assembling);
		bool ends =
			expected == NX_WS_CLOSED || (expected == NX_WS_NEED_MORE && (first & 0x80));

		input.length = 0;
		if (assembling)
			put_frame(&input, NX_WS_TEXT, KEY, "ab", 2);
		put_frame(&input, first, masked ? KEY : NULL, payload, n);
		run(&o, &config, &input, i % 3 ? 70000 : 4000, i % 5 ? input.length : 999);
		if (o.last != expected || o.count != (int)ends)
			fail_msg("%02x, %zu bytes, masked %d, assembling %d: %s, %d messages",
				first, n, masked, assembling, nx_ws_verdict_text(o.last), o.count);
		if (ends)
			assert_int_equal(o.messages[0].length,
				n + (assembling && (first & 15) == 0 ? 2 : 0));
		outcome_free(&o);
	}
	input.length = 0;
	free(payload);
}

static void server_may_not_mask(void **state)
{
	put_frame(&input, 0x81, KEY, "x", 1);
	expect(NX_WS_CLIENT, NX_WS_MASK_UNEXPECTED, 0);
}

static void lengths_must_be_minimal_and_positive(void **state)
{
	uint8_t payload[126] = {0};

	put_frame_as(&input, 0x82, KEY, payload, 125, AS_16);
	expect(NX_WS_SERVER, NX_WS_LENGTH_NOT_MINIMAL, 0);
	put_frame_as(&input, 0x82, KEY, payload, 126, AS_64);
	expect(NX_WS_SERVER, NX_WS_LENGTH_NOT_MINIMAL, 0);
	put(&input, "\x82\xff\x80\0\0\0\0\1\0\0", 10);
	put(&input, KEY, 4);
	expect(NX_WS_SERVER, NX_WS_LENGTH_OUT_OF_RANGE, 0);
	put(&input, "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 10);
	put(&input, KEY, 4);
	expect(NX_WS_SERVER, NX_WS_FRAME_TOO_LARGE, 0);
}

static void limits_are_exact(void **state)
{
	uint8_t *payload = calloc(1, 300001);

	put_frame(&input, 0x82, KEY, payload, 300000);
	expect(NX_WS_SERVER, NX_WS_NEED_MORE, 1);
	put_frame(&input, 0x82, KEY, payload, 300001);
	expect(NX_WS_SERVER, NX_WS_FRAME_TOO_LARGE, 0);
	put_frame(&input, 0x02, KEY, payload, 300000);
	put_frame(&input, 0x80, KEY, payload, 50000);
	expect(NX_WS_SERVER, NX_WS_NEED_MORE, 1);
	put_frame(&input, 0x02, KEY, payload, 300000);
	put_frame(&input, 0x00, KEY, payload, 50000);
	put_frame(&input, 0x80, KEY, payload, 1);
	expect(NX_WS_SERVER, NX_WS_MESSAGE_TOO_LARGE, 0);
	free(payload);
}

static void control_frames_interleave_with_fragments(void **state)
{
	struct nx_ws_reader_config config = {.role = NX_WS_SERVER};
	struct outcome o;

	put_frame(&input, 0x01, KEY, "\xe2\x82", 2);
	put_frame(&input, 0x89, KEY, "one", 3);
	put_frame(&input, 0x00, KEY, "", 0);
	put_frame(&input, 0x8a, KEY, "\xff", 1); // a pong need not be UTF-8
	put_frame(&input, 0x00, KEY, "\xac ", 2);
	put_frame(&input, 0x80, KEY, "rest", 4);
	put_frame(&input, 0x82, KEY, "next", 4);
	o = messages_of(&config);
	assert_int_equal(o.count, 4);
	assert_text(&o, 0, NX_WS_PING, "one");
	assert_text(&o, 1, NX_WS_PONG, "\xff");
	assert_text(&o, 2, NX_WS_TEXT, "\xe2\x82\xac rest");
	assert_text(&o, 3, NX_WS_BINARY, "next");
	outcome_free(&o);
}

static void empty_messages_are_messages(void **state)
{
	struct nx_ws_reader_config config = {.role = NX_WS_SERVER};
	struct outcome o;

	put_frame(&input, 0x81, KEY, "", 0);
	put_frame(&input, 0x02, KEY, "", 0);
	put_frame(&input, 0x80, KEY, "", 0);
	o = messages_of(&config);
	assert_int_equal(o.count, 2);
	assert_text(&o, 0, NX_WS_TEXT, "");
	assert_text(&o, 1, NX_WS_BINARY, "");
	assert_non_null(o.messages[1].data);
	outcome_free(&o);
}

static void text_must_be_utf8_as_a_whole(void **state)
{
	put_frame(&input, 0x81, KEY, "caf\xc3\xa9", 5);
	put_frame(&input, 0x81, KEY, "\xc3", 1);
	expect(NX_WS_SERVER, NX_WS_TEXT_NOT_UTF8, 1);
	put_frame(&input, 0x01, KEY, "\xc3", 1);
	put_frame(&input, 0x80, KEY, "x", 1);
	expect(NX_WS_SERVER, NX_WS_TEXT_NOT_UTF8, 0);
	put_frame(&input, 0x01, NULL, "\xc3", 1);
	put_frame(&input, 0x80, NULL, "", 0);
	expect(NX_WS_CLIENT, NX_WS_TEXT_NOT_UTF8, 0);
	put_frame(&input, 0x82, KEY, "\xc3", 1);
	expect(NX_WS_SERVER, NX_WS_NEED_MORE, 1);
	// A broken end does not leak into the next message.
	put_frame(&input, 0x81, NULL, "\xe2\x82\xac", 3);
	put_frame(&input, 0x81, NULL, "\xac", 1);
	expect(NX_WS_CLIENT, NX_WS_TEXT_NOT_UTF8, 1);
}

// RFC 6455 8.1 with 7.1.7: not only when the frame is whole.
static void fault_in_text_is_told_before_the_frame_is_whole(void **state)
{
	struct nx_ws_reader_config config = {.role = NX_WS_SERVER};
	struct outcome o;

	put_frame(&input, 0x81, KEY, "ab\xed\xa0 and much more", 18);
	input.length = 2 + 4 + 4;
	run(&o, &config, &input, 1000, 1);
	assert_int_equal(o.last, NX_WS_TEXT_NOT_UTF8);
	input.length = 0;
}

static void close_codes_are_judged(void **state)
{
	for (unsigned int code = 0; code < 65536; code++) {
		bool valid = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
			     (code >= 3000 && code <= 4999);

		assert_int_equal(nx_ws_close_code_is_valid((uint16_t)code), valid);
	}
	put_frame(&input, 0x88, KEY, "\x03\xed", 2);
	expect(NX_WS_SERVER, NX_WS_CLOSE_CODE_INVALID, 0);
	put_frame(&input, 0x88, KEY, "\x03\xe8\xc3", 3);
	expect(NX_WS_SERVER, NX_WS_CLOSE_REASON_NOT_UTF8, 0);
	put_frame(&input, 0x88, KEY, "\x03", 1);
	expect(NX_WS_SERVER, NX_WS_CLOSE_TRUNCATED, 0);
}

static void nothing_is_read_after_a_close(void **state)
{
	struct nx_ws_reader_config config = {.role = NX_WS_SERVER};
	struct outcome o;

	put_frame(&input, 0x88, KEY, "\x03\xe9going", 7);
	put_byte(&input, 0xff);
	put_byte(&input, 0xff);
	o = messages_of(&config);
	assert_int_equal(o.count, 1);
	assert_int_equal(o.last, NX_WS_CLOSED);
	assert_int_equal(o.messages[0].close_code, 1001);
	assert_text(&o, 0, NX_WS_CLOSE, "going");
	outcome_free(&o);
	put_frame(&input, 0x88, KEY, "", 0);
	o = messages_of(&config);
	assert_int_equal(o.messages[0].close_code, NX_WS_CLOSE_NO_CODE);
	outcome_free(&o);
}

// RFC 7692 6: the bit belongs to the first frame of a message, and text is judged once inflated.
static void compressed_bit_is_for_first_frames(void **state)
{
	struct nx_ws_reader_config config = {.role = NX_WS_SERVER, .compression = true};
	struct outcome o;

	put_frame(&input, 0xc1, KEY, "\xff\xfe", 2);
	put_frame(&input, 0x41, KEY, "\xff", 1);
	put_frame(&input, 0x80, KEY, "\xfe", 1);
	put_frame(&input, 0x81, KEY, "plain", 5);
	put_frame(&input, 0xa2, KEY, "", 0);
	o = messages_of(&config);
	assert_int_equal(o.count, 3);
	assert_true(o.messages[0].compressed && o.messages[1].compressed);
	assert_false(o.messages[2].compressed);
	assert_int_equal(o.last, NX_WS_RESERVED_BIT_SET);
	outcome_free(&o);
	for (unsigned int opcode = 0; opcode <= 10; opcode += opcode == 0 ? 8 : 1) {
		put_frame(&input, 0x01, KEY, "", 0);
		put_frame(&input, 0xc0 | opcode, KEY, "", 0);
		o = messages_of(&config);
		assert_int_equal(o.last, NX_WS_RESERVED_BIT_SET);
		outcome_free(&o);
	}
}

static void message_in_one_piece_is_not_copied(void **state)
{
	uint8_t memory[1000 + NX_READ_PADDING];
	struct nx_ws_reader_config config = {.role = NX_WS_SERVER};
	struct nx_read_buffer buffer;
	struct nx_ws_reader reader;
	struct nx_ws_message message;

	assert_int_equal(nx_read_buffer_init(&buffer, memory, sizeof(memory)), NX_BUFFER_OK);
	assert_int_equal(nx_ws_reader_init(&reader, &buffer, &config), 0);
	put_frame(&input, 0x81, KEY, "where it lies", 13);
	assert_int_equal(nx_read_buffer_feed(&buffer, input.data, input.length), input.length);
	assert_int_equal(nx_ws_reader_next(&reader, &message), NX_WS_MESSAGE);
	assert_ptr_equal(message.data, memory + 6);
	assert_memory_equal(message.data, "where it lies", 13);
	nx_ws_reader_fini(&reader);
	input.length = 0;
}

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

static void put_fragmented(size_t n)
{
	uint8_t *payload = calloc(1, n);

	put_frame(&input, 0x02, KEY, payload, n / 2);
	put_frame(&input, 0x80, KEY, payload, n - n / 2);
	free(payload);
}

// Any allocation may fail; what was given comes back.
static void assembly_may_run_out_of_memory(void **state)
{
	for (int left = 0; left < 8; left++) {
		struct heap heap = {.left = left};
		struct nx_allocator allocator = {heap_allocate, heap_release, &heap};
		struct nx_ws_reader_config config = {.role = NX_WS_SERVER, .allocator = &allocator};
		struct outcome o;

		put_fragmented(100000);
		run(&o, &config, &input, 1000, 1000);
		assert_int_equal(o.last, left < 6 ? NX_WS_NO_MEMORY : NX_WS_NEED_MORE);
		assert_int_equal(o.count, left < 6 ? 0 : 1);
		assert_int_equal(heap.held, 0);
		outcome_free(&o);
		input.length = 0;
	}
}

static void memory_is_kept_for_the_next_message(void **state)
{
	struct heap heap = {.left = 100};
	struct nx_allocator allocator = {heap_allocate, heap_release, &heap};
	struct nx_ws_reader_config config = {.role = NX_WS_SERVER, .allocator = &allocator};
	struct outcome o;

	for (int i = 0; i < 10; i++) {
		put_fragmented(10000);
		put_frame(&input, 0x81, KEY, "in place", 8);
	}
	run(&o, &config, &input, 5000, 777);
	assert_int_equal(o.count, 20);
	assert_int_equal(heap.given, 3); // 4, 8 and 16 KiB, once
	outcome_free(&o);
	input.length = 0;
}

static void callers_memory_bounds_the_message(void **state)
{
	uint8_t assembly[100];
	struct nx_ws_reader_config config = {
		.role = NX_WS_SERVER, .assembly = assembly, .assembly_bytes = sizeof(assembly)};
	struct outcome o;

	put_fragmented(100);
	put_fragmented(101);
	o = messages_of(&config);
	assert_int_equal(o.count, 1);
	assert_int_equal(o.last, NX_WS_MESSAGE_TOO_LARGE);
	outcome_free(&o);
}

// A header promises much; nothing is allocated for what has not come.
static void promise_costs_no_memory(void **state)
{
	struct heap heap = {.left = 100};
	struct nx_allocator allocator = {heap_allocate, heap_release, &heap};
	struct nx_ws_reader_config config = {.role = NX_WS_SERVER, .allocator = &allocator};
	uint8_t memory[200 + NX_READ_PADDING];
	struct nx_read_buffer buffer;
	struct nx_ws_reader reader;
	struct nx_ws_message message;

	assert_int_equal(nx_read_buffer_init(&buffer, memory, sizeof(memory)), NX_BUFFER_OK);
	assert_int_equal(nx_ws_reader_init(&reader, &buffer, &config), 0);
	assert_int_equal(nx_read_buffer_feed(&buffer, "\x82\xff\0\0\0\0\0\xff\0\0KEYSx", 15), 15);
	assert_int_equal(nx_ws_reader_next(&reader, &message), NX_WS_NEED_MORE);
	assert_true(heap.held <= 4096);
	nx_ws_reader_fini(&reader);
	assert_int_equal(heap.held, 0);
}

static void small_buffers_and_unknown_vectors_are_refused(void **state)
{
	struct nx_read_buffer buffer = {.capacity = 124};
	struct nx_ws_reader reader;

	assert_int_equal(
		nx_ws_reader_init(&reader, &buffer, &(struct nx_ws_reader_config){0}), -EINVAL);
	buffer.capacity = 125;
	assert_int_equal(nx_ws_reader_init(&reader, &buffer,
				 &(struct nx_ws_reader_config){.simd = (enum nx_simd)77}),
		-ENOTSUP);
}

static void every_verdict_has_a_sentence_and_a_close_code(void **state)
{
	for (int i = 0; i < NX_WS_VERDICT_COUNT; i++) {
		uint16_t code = nx_ws_close_code_for((enum nx_ws_verdict)i);

		assert_true(nx_ws_close_code_is_valid(code));
		assert_int_equal(code == NX_WS_CLOSE_NORMAL, i <= NX_WS_CLOSED);
		assert_non_null(nx_ws_verdict_text((enum nx_ws_verdict)i));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_of_the_rfc_are_read),
		cmocka_unit_test(every_first_byte_length_mask_and_state_has_its_verdict),
		cmocka_unit_test(server_may_not_mask),
		cmocka_unit_test(lengths_must_be_minimal_and_positive),
		cmocka_unit_test(limits_are_exact),
		cmocka_unit_test(control_frames_interleave_with_fragments),
		cmocka_unit_test(empty_messages_are_messages),
		cmocka_unit_test(text_must_be_utf8_as_a_whole),
		cmocka_unit_test(fault_in_text_is_told_before_the_frame_is_whole),
		cmocka_unit_test(close_codes_are_judged),
		cmocka_unit_test(nothing_is_read_after_a_close),
		cmocka_unit_test(compressed_bit_is_for_first_frames),
		cmocka_unit_test(message_in_one_piece_is_not_copied),
		cmocka_unit_test(assembly_may_run_out_of_memory),
		cmocka_unit_test(memory_is_kept_for_the_next_message),
		cmocka_unit_test(callers_memory_bounds_the_message),
		cmocka_unit_test(promise_costs_no_memory),
		cmocka_unit_test(small_buffers_and_unknown_vectors_are_refused),
		cmocka_unit_test(every_verdict_has_a_sentence_and_a_close_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
