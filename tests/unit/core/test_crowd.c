// SPDX-License-Identifier: BSD-3-Clause
// Who gives way when there is no room.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/crowd.h"

enum {
	ROOM = 64,
};

static struct crowd *crowd;
static struct crowd_member members[ROOM];

static int set_up(void **state)
{
	memset(members, 0, sizeof(members));
	return crowd_create(ROOM, &crowd);
}

static int tear_down(void **state)
{
	crowd_destroy(crowd);
	return 0;
}

static struct ip_address address(const char *text)
{
	struct ip_address a;

	assert_true(ip_address_parse(text, &a));
	return a;
}

static void join(uint32_t member, const char *from)
{
	struct ip_address a = address(from);

	crowd_join(crowd, &members[member], &a);
}

static uint32_t oldest_of_most(void)
{
	return (uint32_t)(crowd_oldest_of_most(crowd) - members);
}

static void an_empty_one_has_nobody(void **state)
{
	struct ip_address a = address("10.0.0.1");

	assert_null(crowd_oldest_of_most(crowd));
	assert_null(crowd_oldest_of(crowd, &a));
	crowd_leave(crowd, &members[0]);
	assert_int_equal(crowd_members(crowd), 0);
	assert_int_equal(crowd_create(0, &crowd), -EINVAL);
}

static void the_oldest_of_the_largest_gives_way(void **state)
{
	join(0, "10.0.0.1");
	join(1, "10.0.0.2");
	join(2, "10.0.0.2");
	join(3, "10.0.0.1");
	join(4, "10.0.0.2");
	assert_int_equal(oldest_of_most(), 1);
	crowd_leave(crowd, &members[1]);
	// Both have two: the one that has for longer.
	assert_int_equal(oldest_of_most(), 0);
	crowd_leave(crowd, &members[0]);
	assert_int_equal(oldest_of_most(), 2);
	crowd_leave(crowd, &members[2]);
	crowd_leave(crowd, &members[4]);
	assert_int_equal(oldest_of_most(), 3);
	crowd_leave(crowd, &members[3]);
	assert_null(crowd_oldest_of_most(crowd));
}

static void an_ipv6_network_is_a_56(void **state)
{
	struct ip_address near = address("fd00:0:0:7f::1"), far = address("fd00:0:0:100::1");

	join(0, "fd00:0:0:1::1");
	join(1, "fd00:0:0:ff::2");
	join(2, "10.0.0.1");
	assert_int_equal(oldest_of_most(), 0);
	assert_ptr_equal(crowd_oldest_of(crowd, &near), &members[0]);
	assert_null(crowd_oldest_of(crowd, &far));
	assert_int_equal(crowd_count_of(crowd, &near), 2);
	assert_int_equal(crowd_count_of(crowd, &far), 0);
}

// Against a plain count of everything.
static uint32_t of_model(const uint8_t *from, const uint32_t *since, uint32_t *most)
{
	uint32_t counts[8] = {0};
	uint32_t oldest = ROOM;

	*most = 0;
	for (uint32_t i = 0; i < ROOM; i++)
		if (from[i] > 0 && ++counts[from[i]] > *most)
			*most = counts[from[i]];
	for (uint32_t i = 0; i < ROOM; i++)
		if (from[i] > 0 && counts[from[i]] == *most &&
			(oldest == ROOM || since[i] < since[oldest]))
			oldest = i;
	return oldest;
}

static void any_order_of_coming_and_going(void **state)
{
	uint8_t from[ROOM] = {0};
	uint32_t since[ROOM] = {0};
	uint32_t random = 1;

	for (uint32_t step = 1; step < 20000; step++) {
		uint32_t i, most;
		char text[16];

		random = random * 1664525 + 1013904223;
		i = random >> 16 & (ROOM - 1);
		if (from[i] > 0) {
			crowd_leave(crowd, &members[i]);
			from[i] = 0;
		} else {
			from[i] = (uint8_t)(1 + (random >> 8) % 7);
			since[i] = step;
			snprintf(text, sizeof(text), "10.0.0.%u", from[i]);
			join(i, text);
		}
		i = of_model(from, since, &most);
		assert_int_equal(crowd_oldest_of_most(crowd) == NULL, i == ROOM);
		if (i == ROOM)
			continue;
		// It is the oldest of its own, which has as many as any.
		i = oldest_of_most();
		for (uint32_t k = 0; k < ROOM; k++) {
			most -= from[k] == from[i];
			assert_false(from[k] == from[i] && since[k] < since[i]);
		}
		assert_int_equal(most, 0);
	}
}

// Which of so many choices the networks 10.0.0.x, or fd00:0:0:xx00::/56, fall on.
static void choose(bool v4, const uint64_t key[2], uint32_t choices, uint8_t out[256])
{
	for (uint32_t i = 0; i < 256; i++) {
		struct ip_address network = address(v4 ? "10.0.0.0" : "fd00::");

		network.bytes[v4 ? 15 : 6] = (uint8_t)i;
		network = crowd_network_of(&network);
		out[i] = (uint8_t)(crowd_network_mix(&network, key) % choices);
	}
}

// Networks that differ in their last byte alone are spread over few choices and many; and who does
// not know the key does not know how.
static void the_key_decides_where_a_network_falls(void **state)
{
	static const uint64_t keys[2][2] = {{1, 2}, {1, 3}};
	uint8_t chosen[2][256];

	for (unsigned int v4 = 0; v4 < 2; v4++) {
		for (uint32_t choices = 2; choices <= 16; choices *= 2) {
			uint32_t counts[16] = {0}, moved = 0;

			choose(v4, keys[0], choices, chosen[0]);
			choose(v4, keys[1], choices, chosen[1]);
			for (uint32_t i = 0; i < 256; i++) {
				counts[chosen[0][i]]++;
				moved += chosen[0][i] != chosen[1][i];
			}
			for (uint32_t i = 0; i < choices; i++)
				assert_in_range(counts[i], 128 / choices, 512 / choices);
			assert_true(moved > 64);
		}
	}
}

// Eight neighbours do not share one of two choices more often than chance has it: once in 128 keys.
static void neighbours_are_no_more_alike_than_strangers(void **state)
{
	enum {
		KEYS = 4096
	};

	for (unsigned int v4 = 0; v4 < 2; v4++) {
		uint64_t random = 1;
		uint32_t alike = 0;

		for (uint32_t k = 0; k < KEYS; k++) {
			uint8_t chosen[256];
			uint64_t key[2];
			uint32_t ones = 0;

			for (int i = 0; i < 2; i++)
				key[i] = random = random * UINT64_C(6364136223846793005) + 1;
			choose(v4, key, 2, chosen);
			for (uint32_t i = 40; i < 48; i++)
				ones += chosen[i];
			alike += ones == 0 || ones == 8;
		}
		assert_in_range(alike, 1, 2 * KEYS / 128);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(an_empty_one_has_nobody),
		TEST(the_oldest_of_the_largest_gives_way),
		TEST(an_ipv6_network_is_a_56),
		TEST(any_order_of_coming_and_going),
		TEST(the_key_decides_where_a_network_falls),
		TEST(neighbours_are_no_more_alike_than_strangers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
