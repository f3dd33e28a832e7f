// SPDX-License-Identifier: BSD-3-Clause
// The token bucket.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/rate.h"

#define START (1000 * USEC_PER_SECOND)

static struct rate bucket(uint32_t per_second, uint32_t burst)
{
	struct rate r;

	rate_init(&r, per_second, burst);
	r.last = START;
	return r;
}

static void tokens_come_at_their_rate(void **state)
{
	struct rate r = bucket(10, 2);
	usec_t now = START;
	uint32_t taken = 0;

	for (; now < START + 2 * USEC_PER_SECOND; now += 1000)
		taken += rate_take(&r, now);
	assert_int_equal(taken, 21);
}

static void a_bucket_fills_to_its_burst_and_no_further(void **state)
{
	struct rate r = bucket(1000, 5000);

	rate_spend(&r, 5000, START);
	assert_int_equal(rate_left(&r, START), 0);
	assert_int_equal(rate_left(&r, START + 3 * USEC_PER_SECOND), 3000);
	assert_int_equal(rate_left(&r, START + 1000 * USEC_PER_SECOND), 5000);
	// Nor is time lost that went by in small steps.
	r = bucket(1, 10);
	rate_spend(&r, 10, START);
	for (usec_t t = 0; t <= 5 * USEC_PER_SECOND; t += 1000)
		(void)rate_left(&r, START + t);
	assert_int_equal(rate_left(&r, START + 5 * USEC_PER_SECOND), 5);
}

static void what_is_owed_is_paid_first(void **state)
{
	struct rate r = bucket(1000, 100);

	rate_spend(&r, 2100, START);
	assert_int_equal(rate_left(&r, START + 2 * USEC_PER_SECOND), 0);
	assert_int_equal(rate_left(&r, START + 2 * USEC_PER_SECOND + 50000), 50);
	rate_spend(&r, 50, START + 2 * USEC_PER_SECOND + 50000);
	rate_spend(&r, 1000, START + 2 * USEC_PER_SECOND + 50000);
	assert_int_equal(rate_left(&r, START + 3 * USEC_PER_SECOND + 60000), 10);
}

static void it_says_when_tokens_are_due(void **state)
{
	struct rate r = bucket(1000, 100);
	usec_t due;

	assert_int_equal(rate_due(&r, 100, START), START);
	rate_spend(&r, 1100, START);
	due = rate_due(&r, 16, START);
	assert_in_range(due, START + 1016000, START + 1016001);
	assert_int_equal(rate_left(&r, due), 16);
}

static void the_greatest_numbers_are_no_trouble(void **state)
{
	struct rate r = bucket(UINT32_MAX, UINT32_MAX);

	rate_spend(&r, UINT32_MAX, START);
	rate_spend(&r, UINT32_MAX, START);
	assert_int_equal(rate_left(&r, START + USEC_PER_SECOND), 0);
	assert_int_equal(rate_left(&r, START + 2 * USEC_PER_SECOND), UINT32_MAX);
	rate_spend(&r, UINT32_MAX, START + 2 * USEC_PER_SECOND);
	assert_int_equal(rate_left(&r, UINT64_MAX / 2), UINT32_MAX);
	r = bucket(1, UINT32_MAX);
	rate_spend(&r, UINT32_MAX, START);
	assert_int_equal(rate_left(&r, START + 7 * USEC_PER_SECOND), 7);
	// None ever come.
	r = bucket(0, 1);
	assert_true(rate_take(&r, START));
	assert_false(rate_take(&r, UINT64_MAX / 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_come_at_their_rate),
		cmocka_unit_test(a_bucket_fills_to_its_burst_and_no_further),
		cmocka_unit_test(what_is_owed_is_paid_first),
		cmocka_unit_test(it_says_when_tokens_are_due),
		cmocka_unit_test(the_greatest_numbers_are_no_trouble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
