// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pkt/checksum.h"

// The definition: 16-bit big-endian words one by one (RFC 1071).
static be16 slow_checksum(const uint8_t *p, size_t length)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < length; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return be16_from_host((uint16_t)~sum);
}

static void fill_random(uint8_t *p, size_t length)
{
	for (size_t i = 0; i < length; i++)
		p[i] = (uint8_t)(random() >> 7);
}

static void every_length_and_offset_matches_the_definition(void **state)
{
	for (size_t length = 0; length < 700; length++) {
		size_t offset = length % 9;
		uint8_t *block = calloc(1, offset + length + (length == 0));

		fill_random(block, offset + length);
		if (length % 5 == 0)
			memset(block, 0xff, offset + length);
		assert_int_equal(checksum_finish(checksum_bytes(block + offset, length, 0)),
			slow_checksum(block + offset, length));
		free(block);
	}
}

static void largest_datagram_of_ones_does_not_overflow(void **state)
{
	uint8_t *block = malloc(65535);

	memset(block, 0xff, 65535);
	assert_int_equal(
		checksum_finish(checksum_bytes(block, 65535, 0)), slow_checksum(block, 65535));
	free(block);
}

// The least and the most that words can be, in more of them than a vector's lanes could hold.
static void megabytes_of_equal_words_do_not_overflow(void **state)
{
	static const uint8_t words[][2] = {
		{0xff, 0xff}, {0x00, 0x80}, {0xff, 0x7f}, {0x80, 0x00}, {0, 0}};
	size_t length = (3 << 20) + 46;
	uint8_t *block = malloc(length);

	for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++) {
		uint64_t sum = 0;

		for (size_t i = 0; i < length; i++)
			block[i] = words[k][i & 1];
		for (size_t i = 0; i < length; i += 2)
			sum += words[k][0] | (uint64_t)words[k][1] << 8;
		assert_int_equal(
			checksum_finish(checksum_bytes(block, length, 0)), checksum_finish(sum));
	}
	free(block);
}

static void pieces_of_odd_lengths_add_up(void **state)
{
	uint8_t block[1500];

	fill_random(block, sizeof(block));
	for (int round = 0; round < 2000; round++) {
		struct checksum_span spans[8];
		uint32_t n = 0;
		uint32_t at = 0;
		uint32_t from = (uint32_t)random() % 40;
		uint32_t length = (uint32_t)random() % (sizeof(block) - 40);

		while (n < 7 && at < 1200) {
			uint32_t part = (uint32_t)random() % 300;

			spans[n++] = (struct checksum_span){block + at, part};
			at += part;
		}
		spans[n++] = (struct checksum_span){block + at, (uint32_t)sizeof(block) - at};
		assert_int_equal(checksum_finish(checksum_spans(spans, n, from, length, 0)),
			slow_checksum(block + from, length));
	}
}

// What the spans do not hold must not be read: they end where their memory does.
static void range_beyond_the_pieces_is_not_read(void **state)
{
	uint8_t *block = calloc(1, 11);
	struct checksum_span span = {block, 11};

	block[10] = 1;
	assert_int_equal(checksum_spans(&span, 1, 2, 500, 0), checksum_bytes(block + 2, 9, 0));
	free(block);
}

static void incremental_updates_equal_a_full_sum(void **state)
{
	for (int round = 0; round < 20000; round++) {
		uint8_t block[64];
		struct ip_address old;
		struct ip_address new;
		unsigned at = 16 + (unsigned)random() % 8 * 2;
		be16 before;

		fill_random(block, sizeof(block));
		if (round % 7 == 0)
			memset(block + 16, round % 2 ? 0xff : 0, 32);
		before = slow_checksum(block, sizeof(block));
		memcpy(old.bytes, block + at, 16);
		fill_random(new.bytes, 16);
		if (round % 11 == 0)
			memset(new.bytes, round % 2 ? 0xff : 0, 16);
		memcpy(block + at, new.bytes, 2);
		assert_int_equal(
			checksum_update16(before, be16_load(old.bytes), be16_load(new.bytes)),
			slow_checksum(block, sizeof(block)));
		memcpy(block + at, new.bytes, 4);
		assert_int_equal(checksum_update32(before, old.words[0], new.words[0]),
			slow_checksum(block, sizeof(block)));
		memcpy(block + at, new.bytes, 16);
		assert_int_equal(checksum_update128(before, &old, &new),
			slow_checksum(block, sizeof(block)));
	}
}

static void folded_delta_gives_what_any_delta_gives(void **state)
{
	static const uint16_t DELTAS[] = {0, 1, 2, 0x7fff, 0x8000, 0xff00, 0xfffe, 0xffff};

	for (uint32_t i = 0; i < 100; i++) {
		uint16_t delta =
			i < sizeof(DELTAS) / sizeof(DELTAS[0]) ? DELTAS[i] : (uint16_t)random();

		for (uint32_t field = 0; field < 65536; field++)
			assert_true(checksum_apply_folded((be16)field, delta) ==
				    checksum_apply((be16)field, delta));
	}
}

static void pseudo_header_is_the_same_for_both_families(void **state)
{
	const uint8_t v4[] = {10, 1, 0, 9, 10, 2, 0, 1, 0, 17, 0x12, 0x34};
	struct ip_address source = ip_address_from_v4(be32_load(v4));
	struct ip_address destination = ip_address_from_v4(be32_load(v4 + 4));

	assert_int_equal(checksum_finish(checksum_pseudo(&source, &destination, 17, 0x1234)),
		slow_checksum(v4, sizeof(v4)));
}

static void udp_never_shows_a_computed_zero(void **state)
{
	assert_int_equal(checksum_finish(0xffff), 0);
	assert_int_equal(checksum_finish_udp(0xffff), 0xffff);
	assert_int_equal(checksum_finish_udp(0x1234), checksum_finish(0x1234));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_and_offset_matches_the_definition),
		cmocka_unit_test(largest_datagram_of_ones_does_not_overflow),
		cmocka_unit_test(megabytes_of_equal_words_do_not_overflow),
		cmocka_unit_test(pieces_of_odd_lengths_add_up),
		cmocka_unit_test(range_beyond_the_pieces_is_not_read),
		cmocka_unit_test(incremental_updates_equal_a_full_sum),
		cmocka_unit_test(folded_delta_gives_what_any_delta_gives),
		cmocka_unit_test(pseudo_header_is_the_same_for_both_families),
		cmocka_unit_test(udp_never_shows_a_computed_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
