// SPDX-License-Identifier: BSD-3-Clause

// How long an idle worker naps, in virtual time: by what its wake-ups cost.

#include "pipeline/nap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static usec_t now, spent;

// A pause of so many naps, each of which costs as much of the CPU. The longest of them.
static usec_t pause_of(struct nap *n, uint32_t naps, usec_t cost)
{
	usec_t longest = 0;

	for (uint32_t i = 0; i < naps; i++) {
		usec_t length = nap_next(n);

		longest = length > longest ? length : longest;
		now += length + cost;
		spent += cost;
		if (nap_over(n))
			nap_judge(n, now, spent);
	}
	nap_end(n);
	return longest;
}

static void naps_grow_from_pause_to_pause(void **state)
{
	struct nap n = {0};

	for (int i = 0; i < 3; i++) {
		assert_int_equal(nap_next(&n), NAP_SHORTEST_US);
		assert_int_equal(pause_of(&n, 20, 1), NAP_LONGEST_US);
	}
}

static void cheap_wake_ups_leave_naps_short(void **state)
{
	struct nap n = {0};

	assert_int_equal(pause_of(&n, 100000, 2), NAP_LONGEST_US);
}

// Wake-ups of 20 us: a fifth of a core with naps of 80 us.
static void dear_wake_ups_make_naps_longer(void **state)
{
	struct nap n = {0};

	pause_of(&n, 2000, 20);
	usec_t began = now, had = spent;

	pause_of(&n, 10000, 20);
	assert_in_range((spent - had) * 1000 / (now - began), 30, 55);
	assert_in_range(pause_of(&n, 100, 20), 300, 600);
}

static void naps_have_an_end(void **state)
{
	struct nap n = {0};

	assert_int_equal(pause_of(&n, 10000, 500), NAP_CEILING_US);
}

static void naps_are_short_again_once_wake_ups_are_cheap(void **state)
{
	struct nap n = {0};

	pause_of(&n, 10000, 20);
	pause_of(&n, 10000, 1);
	assert_in_range(pause_of(&n, 100, 1), NAP_LONGEST_US, NAP_LONGEST_US + 8);
}

// Work between two looks is no cost of naps.
static void work_is_not_counted(void **state)
{
	struct nap n = {0};

	for (int i = 0; i < 1000; i++) {
		pause_of(&n, 2 * NAP_JUDGED, 1);
		now += 1000;
		spent += 1000;
	}
	assert_int_equal(n.longer, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(naps_grow_from_pause_to_pause),
		cmocka_unit_test(cheap_wake_ups_leave_naps_short),
		cmocka_unit_test(dear_wake_ups_make_naps_longer),
		cmocka_unit_test(naps_have_an_end),
		cmocka_unit_test(naps_are_short_again_once_wake_ups_are_cheap),
		cmocka_unit_test(work_is_not_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
