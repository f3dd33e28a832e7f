// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/memory.h"
#include "stream/leg_names.h"

enum {
	ROOM = 64,
};

static const uint64_t key[2] = {1, 2};
static struct leg_names *names;

static int set_up(void **state)
{
	return leg_names_create(ROOM, key, &names);
}

static int tear_down(void **state)
{
	leg_names_destroy(names);
	return 0;
}

static uint32_t take(const char *server_name, const char *protocol)
{
	struct session_names pair = {0};

	snprintf(pair.server_name, sizeof(pair.server_name), "%s", server_name);
	snprintf(pair.protocol, sizeof(pair.protocol), "%s", protocol);
	return leg_names_take(names, &pair);
}

static void expect(uint32_t number, const char *server_name, const char *protocol)
{
	struct session_names pair;

	memset(&pair, 0xff, sizeof(pair));
	leg_names_read(names, number, &pair);
	assert_string_equal(pair.server_name, server_name);
	assert_string_equal(pair.protocol, protocol);
}

static void equal_names_have_one_number(void **state)
{
	uint32_t a = take("www.example.org", "h2"), b = take("www.example.org", "");

	assert_int_not_equal(a, LEG_NAMES_NONE);
	assert_int_not_equal(a, b);
	assert_int_equal(take("www.example.org", "h2"), a);
	// What divides the two texts counts.
	assert_int_not_equal(take("www.example.or", "gh2"), a);
	assert_int_equal(leg_names_used(names), 3);
	expect(a, "www.example.org", "h2");
	expect(b, "www.example.org", "");
	leg_names_give(names, a);
	expect(a, "www.example.org", "h2");
	leg_names_give(names, a);
	assert_int_equal(leg_names_used(names), 2);
}

static void nothing_is_no_name(void **state)
{
	assert_int_equal(take("", ""), LEG_NAMES_NONE);
	expect(LEG_NAMES_NONE, "", "");
	leg_names_give(names, LEG_NAMES_NONE);
	assert_int_equal(leg_names_used(names), 0);
}

static void room_is_bounded_and_comes_back(void **state)
{
	uint32_t numbers[ROOM];
	char text[16];

	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < ROOM; i++) {
			snprintf(text, sizeof(text), "%u.%u", round, i);
			numbers[i] = take(text, "h2");
			assert_int_not_equal(numbers[i], LEG_NAMES_NONE);
		}
		assert_int_equal(take("one more", ""), LEG_NAMES_NONE);
		snprintf(text, sizeof(text), "%u.7", round);
		assert_int_equal(take(text, "h2"), numbers[7]);
		leg_names_give(names, numbers[7]);
		for (uint32_t i = 0; i < ROOM; i++) {
			snprintf(text, sizeof(text), "%u.%u", round, i);
			expect(numbers[i], text, "h2");
		}
		// From both ends: any place of a chain.
		for (uint32_t i = 0; i < ROOM; i++)
			leg_names_give(names, numbers[i % 2 ? i : ROOM - 2 - i]);
		assert_int_equal(leg_names_used(names), 0);
	}
}

static void texts_without_an_end_are_cut(void **state)
{
	struct session_names pair, read;
	uint32_t number;

	memset(&pair, 'x', sizeof(pair));
	number = leg_names_take(names, &pair);
	leg_names_read(names, number, &read);
	assert_int_equal(strlen(read.server_name), SESSION_NAME_BYTES - 1);
	assert_int_equal(strlen(read.protocol), SESSION_NAME_BYTES - 1);
	assert_int_equal(leg_names_take(names, &pair), number);
}

static void no_memory_is_said(void **state)
{
	struct leg_names *none = NULL;

	assert_int_equal(leg_names_create(0, key, &none), -EINVAL);
#ifdef NEXPATH_FAULT_INJECTION
	memory_fail_at(1);
	assert_int_equal(leg_names_create(ROOM, key, &none), -ENOMEM);
#endif
	assert_null(none);
	leg_names_destroy(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(equal_names_have_one_number),
		TEST(nothing_is_no_name),
		TEST(room_is_bounded_and_comes_back),
		TEST(texts_without_an_end_are_cut),
		TEST(no_memory_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
