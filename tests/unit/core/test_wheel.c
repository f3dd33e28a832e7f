// SPDX-License-Identifier: BSD-3-Clause
// The timer wheel against a model: a plain array of due times.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/wheel.h"

enum {
	OBJECTS = 300,
	SHIFT = 10
};
#define TICK      (UINT64_C(1) << SHIFT)
#define NEVER     UINT64_MAX
#define UNLIMITED (&(uint32_t){UINT32_MAX})

struct object {
	uint64_t payload;
	struct wheel_entry timer;
	uint32_t guard;
};

struct model {
	struct object objects[OBJECTS];
	usec_t due[OBJECTS]; // NEVER = not armed
	struct wheel wheel;
};

static void model_init(struct model *m, usec_t now)
{
	memset(m->objects, 0, sizeof(m->objects));
	wheel_init(&m->wheel, &m->objects[0].timer, sizeof(m->objects[0]), SHIFT, now);
	for (uint32_t i = 0; i < OBJECTS; i++) {
		wheel_entry_init(&m->wheel, i);
		m->due[i] = NEVER;
	}
}

static void model_arm(struct model *m, uint32_t i, usec_t due)
{
	wheel_arm(&m->wheel, i, due);
	m->due[i] = due;
}

static usec_t model_earliest(const struct model *m)
{
	usec_t earliest = NEVER;

	for (uint32_t i = 0; i < OBJECTS; i++)
		earliest = u64_min(earliest, m->due[i]);
	return earliest;
}

// Takes what is due and compares: never early, in order of ticks, none twice.
static uint32_t model_take(struct model *m, usec_t now, uint32_t budget)
{
	uint32_t taken = 0;
	uint64_t last_tick = 0;
	uint32_t i;

	while ((i = wheel_take_due(&m->wheel, now, &budget)) != WHEEL_NONE) {
		assert_true(m->due[i] <= now);
		assert_false(wheel_is_armed(&m->wheel, i));
		assert_true(m->wheel.tick >= last_tick);
		last_tick = m->wheel.tick;
		m->due[i] = NEVER;
		taken++;
	}
	return taken;
}

// With budget left over, nothing that was due a tick ago may remain.
static void model_check_none_late(const struct model *m, usec_t now)
{
	for (uint32_t i = 0; i < OBJECTS; i++)
		assert_true(m->due[i] == NEVER || m->due[i] + 2 * TICK > now);
}

// An idle loop that sleeps until wheel_next must not sleep past a timer.
static void model_check_next(const struct model *m, usec_t now)
{
	usec_t next = wheel_next(&m->wheel);
	usec_t earliest = model_earliest(m);

	if (earliest == NEVER)
		assert_true(next == UINT64_MAX);
	else
		assert_true(next <= earliest + 2 * TICK || next <= now + 2 * TICK);
}

static usec_t random_delay(void)
{
	unsigned bits = (unsigned)random() % 41;

	return ((uint64_t)random() << 20 ^ (uint64_t)random()) & ((UINT64_C(1) << bits) - 1);
}

static void random_step(struct model *m, usec_t now)
{
	uint32_t i = (uint32_t)random() % OBJECTS;

	switch (random() % 4) {
	case 0:
		wheel_cancel(&m->wheel, i);
		m->due[i] = NEVER;
		break;
	case 1:
		// A time that has passed counts as now.
		model_arm(m, i, now > 5000 ? now - (uint64_t)random() % 5000 : 0);
		m->due[i] = now;
		break;
	default:
		model_arm(m, i, now + random_delay());
	}
}

static void run_against_model(usec_t now, uint32_t budget, int steps)
{
	struct model *m = malloc(sizeof(*m));

	model_init(m, now);
	for (int step = 0; step < steps; step++) {
		for (int k = (int)(random() % 8); k > 0; k--)
			random_step(m, now);
		now += random() % 50 ? (uint64_t)random() % (3 * TICK) : random_delay();
		model_take(m, now, budget);
		if (budget == UINT32_MAX) {
			model_check_none_late(m, now);
			model_check_next(m, now);
		}
	}
	model_take(m, now + (UINT64_C(1) << 41), UINT32_MAX);
	assert_true(model_earliest(m) == NEVER);
	assert_int_equal(m->wheel.armed, 0);
	for (unsigned level = 0; level < WHEEL_LEVELS; level++)
		for (unsigned word = 0; word < WHEEL_SLOTS / 64; word++)
			assert_true(m->wheel.occupied[level][word] == 0);
	for (uint32_t i = 0; i < OBJECTS; i++)
		assert_true(m->objects[i].payload == 0 && m->objects[i].guard == 0);
	free(m);
}

static void random_runs_match_the_model(void **state)
{
	for (int run = 0; run < 8; run++)
		run_against_model((uint64_t)random() * 1000, UINT32_MAX, 4000);
}

// The 32-bit tick in the entries wraps; so do the top level's slots.
static void tick_wraps_match_the_model(void **state)
{
	for (int run = 0; run < 4; run++)
		run_against_model(((UINT64_C(1) << 32) - 1000) << SHIFT, UINT32_MAX, 4000);
	run_against_model(((UINT64_C(3) << 31) - 1000) << SHIFT, UINT32_MAX, 4000);
}

static void small_budgets_lose_nothing(void **state)
{
	run_against_model(0, 3, 20000);
	run_against_model(12345678, 1, 20000);
}

static void freeze_of_minutes_is_caught_up_in_turns(void **state)
{
	struct model *m = malloc(sizeof(*m));
	usec_t now = 7 * USEC_PER_SECOND;
	uint32_t taken = 0;
	unsigned turns = 0;

	model_init(m, now);
	for (uint32_t i = 0; i < OBJECTS; i++)
		model_arm(m, i, now + i * USEC_PER_SECOND);
	now += 600 * USEC_PER_SECOND;
	while (taken < OBJECTS) {
		uint32_t n = model_take(m, now, 16);

		assert_true(n <= 16);
		taken += n;
		assert_true(++turns < 100);
		now += 1000;
	}
	assert_true(turns > OBJECTS / 16);
	assert_true(wheel_next(&m->wheel) == UINT64_MAX);
	free(m);
}

static void timers_are_never_early_and_at_most_a_tick_late(void **state)
{
	struct model *m = malloc(sizeof(*m));

	for (usec_t due = 0; due < 70 * TICK; due += 97) {
		model_init(m, 0);
		model_arm(m, 3, due);
		if (due > 1)
			assert_int_equal(model_take(m, due - 1, 1000), 0);
		assert_int_equal(model_take(m, due + TICK, 1000), 1);
	}
	free(m);
}

static void rearming_moves_and_cancelling_is_harmless_twice(void **state)
{
	struct model *m = malloc(sizeof(*m));

	model_init(m, 0);
	model_arm(m, 1, 10 * TICK);
	model_arm(m, 1, 100 * TICK);
	model_arm(m, 1, 100 * TICK);
	assert_int_equal(m->wheel.armed, 1);
	assert_int_equal(model_take(m, 99 * TICK, 1000), 0);
	wheel_cancel(&m->wheel, 1);
	wheel_cancel(&m->wheel, 1);
	m->due[1] = NEVER;
	assert_int_equal(m->wheel.armed, 0);
	assert_int_equal(model_take(m, 200 * TICK, 1000), 0);
	free(m);
}

// One that arms itself again for "now" must not hold a turn for ever.
static void self_arming_timer_waits_for_the_next_tick(void **state)
{
	struct model *m = malloc(sizeof(*m));
	usec_t now = 50 * TICK;

	model_init(m, 0);
	model_arm(m, 1, now);
	assert_int_equal(wheel_take_due(&m->wheel, now, UNLIMITED), 1);
	wheel_arm(&m->wheel, 1, now);
	assert_int_equal(wheel_take_due(&m->wheel, now, UNLIMITED), WHEEL_NONE);
	assert_int_equal(wheel_take_due(&m->wheel, now + TICK, UNLIMITED), 1);
	free(m);
}

static void delays_beyond_the_range_are_cut(void **state)
{
	struct model *m = malloc(sizeof(*m));

	model_init(m, 0);
	wheel_arm(&m->wheel, 1, UINT64_MAX);
	assert_int_equal(wheel_take_due(&m->wheel, (uint64_t)(INT32_MAX - 1) << SHIFT, UNLIMITED),
		WHEEL_NONE);
	assert_int_equal(wheel_take_due(&m->wheel, (uint64_t)INT32_MAX << SHIFT, UNLIMITED), 1);
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_runs_match_the_model),
		cmocka_unit_test(tick_wraps_match_the_model),
		cmocka_unit_test(small_budgets_lose_nothing),
		cmocka_unit_test(freeze_of_minutes_is_caught_up_in_turns),
		cmocka_unit_test(timers_are_never_early_and_at_most_a_tick_late),
		cmocka_unit_test(rearming_moves_and_cancelling_is_harmless_twice),
		cmocka_unit_test(self_arming_timer_waits_for_the_next_tick),
		cmocka_unit_test(delays_beyond_the_range_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
