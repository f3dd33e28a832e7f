// SPDX-License-Identifier: BSD-3-Clause

// Whether an idle worker spins or sleeps, in virtual time: what the pauses before teach it.

#include "pipeline/spin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static usec_t now;

// A pause of so many microseconds, with a turn in each that is spun. How many were.
static usec_t pause_for(struct spin *s, usec_t length)
{
	usec_t end = now + length;
	usec_t spun = 0;

	while (now < end && spin_goes_on(s, now)) {
		spun++;
		now++;
	}
	now = end;
	spin_end(s, now);
	now += 3;
	return spun;
}

static usec_t pauses(struct spin *s, uint32_t count, usec_t length)
{
	usec_t spun = 0;

	while (count-- > 0)
		spun += pause_for(s, length);
	return spun;
}

static void busy_traffic_is_waited_for_spinning(void **state)
{
	struct spin s = {0};

	pauses(&s, 100, SPIN_US / 2);
	assert_int_equal(pauses(&s, 100, SPIN_US / 2), 100 * (SPIN_US / 2));
}

static void sparse_traffic_is_slept_for_but_for_samples(void **state)
{
	struct spin s = {0};

	pauses(&s, SPIN_SAMPLE, 1000);
	assert_int_equal(pauses(&s, 10 * SPIN_SAMPLE, 1000), 10 * SPIN_US);
}

static void a_pause_that_goes_on_is_not_spun_again(void **state)
{
	struct spin s = {0};

	while (spin_goes_on(&s, now))
		now++;
	for (int i = 0; i < 100; i++)
		assert_false(spin_goes_on(&s, now += 1000));
}

// Each pause looks long while it is slept through: waking up takes longer than it would last.
static void traffic_that_becomes_busy_is_found_out_by_samples(void **state)
{
	const usec_t length = SPIN_US / 2, waking = 2 * SPIN_US;
	struct spin s = {0};
	uint32_t count = 0;

	pauses(&s, 100, 1000);
	for (usec_t spun = 0; spun < 20 * length; count++) {
		bool spins = spin_goes_on(&s, now);

		assert_true(count < 20 * SPIN_SAMPLE);
		spun = spins ? spun + length : 0;
		now += spins ? length : waking;
		spin_end(&s, now);
	}
	assert_in_range(count, 1, 10 * SPIN_SAMPLE);
}

static void traffic_that_becomes_sparse_is_found_out_soon(void **state)
{
	struct spin s = {0};

	pauses(&s, 100, SPIN_US / 2);
	assert_in_range(pauses(&s, 100, 1000), SPIN_US, 20 * SPIN_US);
}

static void sleeping_that_ends_at_once_teaches_too(void **state)
{
	struct spin s = {0};

	pauses(&s, 100, 1000);
	while (!spin_goes_on(&s, now)) {
		now += SPIN_US / 2;
		spin_end(&s, now);
	}
	// No sample was needed.
	assert_true(s.short_share >= SPIN_WHOLE / 2);
}

static void turns_with_work_are_no_pauses(void **state)
{
	struct spin s = {0};

	for (int i = 0; i < 100; i++)
		spin_end(&s, now++);
	assert_int_equal(s.pauses, 0);
	assert_int_equal(s.short_share, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(busy_traffic_is_waited_for_spinning),
		cmocka_unit_test(sparse_traffic_is_slept_for_but_for_samples),
		cmocka_unit_test(a_pause_that_goes_on_is_not_spun_again),
		cmocka_unit_test(traffic_that_becomes_busy_is_found_out_by_samples),
		cmocka_unit_test(traffic_that_becomes_sparse_is_found_out_soon),
		cmocka_unit_test(sleeping_that_ends_at_once_teaches_too),
		cmocka_unit_test(turns_with_work_are_no_pauses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
