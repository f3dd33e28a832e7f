// SPDX-License-Identifier: BSD-3-Clause
// When a REALITY target is looked at, second by second of a clock of the test's, with targets that
// answer as the test says.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/target_rounds.h"

enum {
	START_S = 1000,
	HOUR_S = 3600,
	MUTE = -1, // a look of which nobody says anything
	PLACES = 2 * REALITY_KINDS,
};

static char *names[] = {"one.test", "two.test"};
static const struct reality_credential credential = {.names = names, .name_count = 2};
static struct reality_shapes *shapes;
static struct target_rounds rounds;
static uint64_t now, ended;
static uint32_t looks, rounds_ended;
static uint32_t looks_at[PLACES];
static int usual, odd; // what comes of looks with Chrome's hello, and with others

static int set_up(void **state)
{
	rounds = (struct target_rounds){0};
	memset(looks_at, 0, sizeof(looks_at));
	looks = rounds_ended = 0;
	now = START_S;
	usual = odd = REALITY_FIT;
	return reality_shapes_create(&credential, &shapes);
}

static int tear_down(void **state)
{
	reality_shapes_destroy(shapes);
	return 0;
}

static void look(void)
{
	static const struct reality_shape shape = {.flight = {100}, .flight_count = 1};
	int answer = reality_shapes_is_usual(shapes, rounds.place) ? usual : odd;

	looks++;
	looks_at[rounds.place]++;
	target_rounds_begin(&rounds, shapes, now);
	if (answer != MUTE)
		reality_shapes_note(shapes, rounds.place, (enum reality_fitness)answer, &shape);
}

static void second(void)
{
	struct reality_shape_status status;

	now++;
	switch (target_rounds_run(&rounds, shapes, now)) {
	case TARGET_RESTS:
		return;
	case TARGET_ASKS:
		look();
		return;
	case TARGET_ENDS:
		(void)target_rounds_judge(shapes, &status);
		target_rounds_end(
			&rounds, status.probes > 0 && status.fitness == REALITY_FIT, now, 0);
		rounds_ended++;
		ended = now;
		return;
	}
}

static void pass(uint64_t seconds)
{
	for (uint64_t i = 0; i < seconds; i++)
		second();
}

// Until a round has ended: the seconds that lay between the one before and its end.
static uint64_t round_pass(void)
{
	uint32_t before = rounds_ended;
	uint64_t from = ended;

	for (uint32_t i = 0; rounds_ended == before && i < 3 * HOUR_S; i++)
		second();
	assert_int_equal(rounds_ended, before + 1);
	return ended - from;
}

static void client_comes(enum reality_hello_class hello)
{
	struct reality_shape shape;

	reality_shapes_find(shapes, names[0], reality_kind(hello, REALITY_ALPN_H2), &shape);
}

static uint32_t place_of(enum reality_hello_class hello)
{
	for (uint32_t i = 0; i < PLACES; i++) {
		uint8_t kind;

		if (strcmp(reality_shapes_place(shapes, i, &kind), names[0]) == 0 &&
			kind == reality_kind(hello, REALITY_ALPN_H2))
			return i;
	}
	return PLACES;
}

static void a_fit_target_is_looked_at_by_the_hour(void **state)
{
	round_pass();
	assert_int_equal(looks, 2 * REALITY_ALPN_CLASSES);
	assert_in_range(round_pass(), HOUR_S, HOUR_S + 60);
	assert_int_equal(looks, 2 * 2 * REALITY_ALPN_CLASSES);
}

// A silent one ends its round before its other places have had their first look.
static void silence_is_backed_off_from(void **state)
{
	usual = REALITY_UNFIT_SILENT;
	round_pass();
	for (uint32_t wait = 60; wait < HOUR_S; wait *= 2)
		assert_in_range(round_pass(), wait, wait + 10);
	assert_in_range(round_pass(), HOUR_S, HOUR_S + 10);
	assert_int_equal(looks, rounds_ended);
}

static void looks_of_which_nothing_is_heard_are_backed_off_from(void **state)
{
	const uint64_t round = 2 * REALITY_ALPN_CLASSES * 35;

	usual = MUTE;
	round_pass();
	for (uint32_t wait = 60; wait < HOUR_S; wait *= 2)
		assert_in_range(round_pass(), wait, wait + round);
}

static void a_client_of_a_new_kind_has_it_looked_at_within_minutes(void **state)
{
	round_pass();
	pass(HOUR_S / 2);
	client_comes(REALITY_HELLO_FIREFOX);
	pass(30);
	assert_int_equal(looks_at[place_of(REALITY_HELLO_FIREFOX)], 1);
	// And once, however many come.
	for (uint32_t i = 0; i < 20; i++) {
		client_comes(REALITY_HELLO_FIREFOX);
		pass(60);
	}
	assert_int_equal(looks_at[place_of(REALITY_HELLO_FIREFOX)], 1);
}

static void no_client_has_a_silent_target_troubled(void **state)
{
	usual = REALITY_UNFIT_SILENT;
	for (uint32_t i = 0; i < 5; i++)
		round_pass();
	client_comes(REALITY_HELLO_FIREFOX);
	client_comes(REALITY_HELLO_PLAIN);
	assert_in_range(round_pass(), 16 * 60, 17 * 60);
}

static void an_odd_hello_does_not_make_a_target_unfit(void **state)
{
	struct reality_shape_status status;

	odd = REALITY_UNFIT_RETRY;
	round_pass();
	client_comes(REALITY_HELLO_PLAIN);
	pass(120);
	assert_int_equal(looks_at[place_of(REALITY_HELLO_PLAIN)], 1);
	assert_true(reality_shapes_is_usual(shapes, target_rounds_judge(shapes, &status)));
	assert_int_equal(status.fitness, REALITY_FIT);
	assert_int_equal(rounds.failures, 0);
	assert_in_range(round_pass(), HOUR_S, HOUR_S + 60);
}

static void kinds_whose_clients_stay_away_are_looked_at_no_more(void **state)
{
	uint32_t place = place_of(REALITY_HELLO_UNSTAPLED), before;

	round_pass();
	client_comes(REALITY_HELLO_UNSTAPLED);
	for (uint32_t i = 0; i < 4; i++)
		round_pass();
	client_comes(REALITY_HELLO_UNSTAPLED);
	before = looks_at[place];
	for (uint32_t i = 0; i < 3; i++)
		round_pass();
	assert_int_equal(looks_at[place], before + 3);
	for (uint32_t i = 0; i < 3; i++)
		round_pass();
	assert_int_equal(looks_at[place], before + 3);
	assert_int_equal(looks_at[0], rounds_ended);
	// Who comes back is as new.
	pass(HOUR_S / 2);
	client_comes(REALITY_HELLO_UNSTAPLED);
	pass(30);
	assert_int_equal(looks_at[place], before + 4);
}

static void a_doubt_is_looked_into_once(void **state)
{
	round_pass();
	pass(HOUR_S / 3);
	reality_shapes_doubt(shapes, names[0], reality_kind(REALITY_HELLO_CHROME, REALITY_ALPN_H2));
	usual = REALITY_UNFIT_SILENT;
	pass(30);
	assert_int_equal(rounds_ended, 2);
	for (uint32_t wait = 60; wait < HOUR_S; wait *= 2)
		assert_in_range(round_pass(), wait, wait + 10);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_fit_target_is_looked_at_by_the_hour),
		T(silence_is_backed_off_from),
		T(looks_of_which_nothing_is_heard_are_backed_off_from),
		T(a_client_of_a_new_kind_has_it_looked_at_within_minutes),
		T(no_client_has_a_silent_target_troubled),
		T(an_odd_hello_does_not_make_a_target_unfit),
		T(kinds_whose_clients_stay_away_are_looked_at_no_more),
		T(a_doubt_is_looked_into_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
