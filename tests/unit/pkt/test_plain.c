// SPDX-License-Identifier: BSD-3-Clause
// The short way against the parser proper: it may decline, but never differ.
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "frame.h"
#include "pkt/plain.h"

static const struct frame_spec SPECS[] = {
	{.protocol = IPPROTO_TCP},
	{.protocol = IPPROTO_UDP},
	{.protocol = IPPROTO_TCP, .v6 = true},
	{.protocol = IPPROTO_UDP, .v6 = true},
	{.protocol = IPPROTO_TCP, .tcp_options_length = 12, .tcp_options = {1, 1, 8, 10}},
};

enum {
	SPEC_COUNT = sizeof(SPECS) / sizeof(SPECS[0])
};

static struct parse_context context_of(const struct frame *frame, uint32_t offload)
{
	return (struct parse_context){
		.data = frame->bytes,
		.contiguous = frame->length,
		.frame = frame->length,
		.offload = offload,
		.segment_size = offload & PARSE_SEGMENTED ? 1000 : 0,
	};
}

// Whether the short way takes the frame; if so, that the parser proper agrees in every field.
static bool is_taken(const struct parse_context *c)
{
	struct checksum_span span = {c->data, c->contiguous};
	struct packet plain;
	struct packet parsed;

	memset(&plain, 0xa5, sizeof(plain));
	parsed = plain;
	if (c->data[0] & 1)
		return false; // the caller's to see
	if (!packet_parse_plain(&plain, c)) {
		assert_memory_equal(&plain, &parsed, sizeof(plain));
		return false;
	}
	assert_int_equal(packet_parse(&parsed, c), PARSE_OK);
	assert_memory_equal(&plain, &parsed, sizeof(plain));
	assert_int_equal(packet_checksum_verify(&parsed, &span, 1, false), PARSE_OK);
	return true;
}

static void plain_packets_of_every_size_are_taken(void **state)
{
	for (int i = 0; i < SPEC_COUNT; i++) {
		struct frame_spec spec = SPECS[i];

		for (spec.payload = 0; spec.payload < 400; spec.payload++) {
			struct frame frame = frame_make(&spec);
			struct parse_context c = context_of(&frame, 0);

			assert_true(is_taken(&c));
			frame_free(&frame);
		}
	}
}

static void padding_is_no_part_of_the_datagram(void **state)
{
	for (int i = 0; i < SPEC_COUNT; i++) {
		struct frame_spec spec = SPECS[i];
		struct frame frame;

		spec.padding = 18;
		frame = frame_make(&spec);
		struct parse_context c = context_of(&frame, 0);

		assert_true(is_taken(&c));
		frame_free(&frame);
	}
}

// Every bit of headers and data, turned over: declined, or judged as the parser does.
static void a_wrong_bit_is_never_taken_for_right(void **state)
{
	for (int i = 0; i < SPEC_COUNT; i++) {
		struct frame_spec spec = SPECS[i];

		spec.payload = 21;
		struct frame frame = frame_make(&spec);
		struct parse_context c = context_of(&frame, 0);

		for (uint32_t bit = 14 * 8; bit < frame.length * 8; bit++) {
			bool covered = !spec.v6 || bit >= 14 * 8 + 64 || bit / 8 == 14 + 6 ||
				       (bit / 8 >= 14 + 4 && bit / 8 < 14 + 6);

			frame.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			// Traffic class, flow label and hop limit stand under no checksum.
			assert_false(is_taken(&c) && covered);
			frame.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		frame_free(&frame);
	}
}

// A checksum in a later buffer cannot be looked at here, unless the port vouches for it.
static void split_frames_are_taken_only_when_vouched_for(void **state)
{
	for (int i = 0; i < SPEC_COUNT; i++) {
		struct frame_spec spec = SPECS[i];

		spec.payload = 200;
		struct frame frame = frame_make(&spec);

		for (uint32_t contiguous = 0; contiguous < frame.length; contiguous++) {
			struct parse_context c = context_of(&frame, 0);
			uint8_t *exact = malloc(contiguous ? contiguous : 1);
			bool has_headers = contiguous >= frame.length - 200;

			memcpy(exact, frame.bytes, contiguous);
			c.data = exact;
			c.contiguous = contiguous;
			assert_false(is_taken(&c));
			c.offload = PARSE_IP_GOOD | PARSE_L4_GOOD;
			assert_int_equal(is_taken(&c), has_headers);
			c.offload = PARSE_L4_PARTIAL | PARSE_SEGMENTED;
			c.segment_size = 1000;
			assert_int_equal(is_taken(&c), has_headers);
			free(exact);
		}
		frame_free(&frame);
	}
}

static void odd_packets_are_left_to_the_parser(void **state)
{
	static const struct frame_spec ODD[] = {
		{.protocol = IPPROTO_TCP, .tcp_flags = TCP_FLAG_SYN},
		{.protocol = IPPROTO_TCP, .tcp_flags = TCP_FLAG_FIN},
		{.protocol = IPPROTO_TCP, .vlan = true},
		{.protocol = IPPROTO_UDP, .ip_options_length = 8},
		{.protocol = IPPROTO_ICMP},
		{.protocol = IPPROTO_ICMPV6, .v6 = true},
	};

	for (size_t i = 0; i < sizeof(ODD) / sizeof(ODD[0]); i++) {
		struct frame frame = frame_make(&ODD[i]);
		struct parse_context c = context_of(&frame, 0);

		assert_false(is_taken(&c));
		frame_free(&frame);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_packets_of_every_size_are_taken),
		cmocka_unit_test(padding_is_no_part_of_the_datagram),
		cmocka_unit_test(a_wrong_bit_is_never_taken_for_right),
		cmocka_unit_test(split_frames_are_taken_only_when_vouched_for),
		cmocka_unit_test(odd_packets_are_left_to_the_parser),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
