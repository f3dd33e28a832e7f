// SPDX-License-Identifier: BSD-3-Clause
// Who may have a handshake, and whose turn it is.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "slowpath/admission/admission.h"

static const struct admission_config SMALL = {
	.handshakes = 8, .handshakes_per_source = 3, .rate = 10, .burst = 4};

static struct ip_address source(const char *text)
{
	struct ip_address a;

	assert_true(ip_address_parse(text, &a));
	return a;
}

static enum admission_verdict enter(
	struct admission *a, const char *from, usec_t now, uint32_t *place)
{
	struct ip_address address = source(from);

	return admission_enter(a, &address, now, place);
}

static struct admission *make(const struct admission_config *config)
{
	struct admission *a;

	assert_int_equal(admission_create(config, &a), 0);
	return a;
}

static void a_configuration_without_room_is_refused(void **state)
{
	struct admission_config config = SMALL;
	struct admission *a;

	config.rate = 0;
	assert_int_equal(admission_create(&config, &a), -EINVAL);
	config = SMALL;
	config.handshakes = 0;
	assert_int_equal(admission_create(&config, &a), -EINVAL);
}

static void a_source_has_its_share_of_places(void **state)
{
	struct admission *a = make(&SMALL);
	uint32_t place, first;

	assert_int_equal(enter(a, "10.0.0.1", 0, &first), ADMISSION_GRANTED);
	assert_int_equal(enter(a, "10.0.0.1", 0, &place), ADMISSION_GRANTED);
	assert_int_equal(enter(a, "10.0.0.1", 0, &place), ADMISSION_GRANTED);
	assert_int_equal(enter(a, "10.0.0.1", 0, &place), ADMISSION_SOURCE_FULL);
	assert_int_equal(enter(a, "10.0.0.2", 0, &place), ADMISSION_GRANTED);
	admission_leave(a, first);
	assert_int_equal(enter(a, "10.0.0.1", 0, &place), ADMISSION_GRANTED);
	assert_int_equal(admission_in_flight(a), 4);
	admission_destroy(a);
}

static void an_ipv6_source_is_a_56(void **state)
{
	struct admission *a = make(&SMALL);
	uint32_t place;

	for (int i = 0; i < 3; i++)
		assert_int_equal(
			enter(a, i ? "fd00::1:2" : "fd00:0:0:ff::1", 0, &place), ADMISSION_GRANTED);
	assert_int_equal(enter(a, "fd00:0:0:77::9", 0, &place), ADMISSION_SOURCE_FULL);
	assert_int_equal(enter(a, "fd00:0:0:100::9", 0, &place), ADMISSION_GRANTED);
	admission_destroy(a);
}

static void tokens_come_back_with_time(void **state)
{
	struct admission *a = make(&SMALL);
	uint32_t place;
	usec_t now = 5 * USEC_PER_SECOND;

	for (int i = 0; i < 4; i++) {
		assert_int_equal(enter(a, "10.0.0.1", now, &place), ADMISSION_GRANTED);
		admission_leave(a, place);
	}
	assert_int_equal(enter(a, "10.0.0.1", now, &place), ADMISSION_SOURCE_RATE);
	assert_int_equal(enter(a, "10.0.0.1", now + 99999, &place), ADMISSION_SOURCE_RATE);
	assert_int_equal(enter(a, "10.0.0.1", now + 100000, &place), ADMISSION_GRANTED);
	admission_leave(a, place);
	assert_int_equal(enter(a, "10.0.0.1", now + 100000, &place), ADMISSION_SOURCE_RATE);
	// A pause gives a burst, not more; and a clock that is far on does no harm.
	now = UINT64_MAX / 2;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(enter(a, "10.0.0.1", now, &place), ADMISSION_GRANTED);
		admission_leave(a, place);
	}
	assert_int_equal(enter(a, "10.0.0.1", now, &place), ADMISSION_SOURCE_RATE);
	admission_destroy(a);
}

static void all_places_together_are_bounded(void **state)
{
	struct admission *a = make(&SMALL);
	uint32_t places[8], place;
	char from[32];

	for (int i = 0; i < 8; i++) {
		snprintf(from, sizeof(from), "10.0.0.%d", i);
		assert_int_equal(enter(a, from, 0, &places[i]), ADMISSION_GRANTED);
		for (int k = 0; k < i; k++)
			assert_int_not_equal(places[i], places[k]);
	}
	assert_int_equal(enter(a, "10.0.1.1", 0, &place), ADMISSION_FULL);
	admission_leave(a, places[3]);
	assert_int_equal(enter(a, "10.0.1.1", 0, &place), ADMISSION_GRANTED);
	admission_destroy(a);
}

// More sources than there is memory for: those longest unheard of go, those with places stay.
static void sources_without_end_are_borne(void **state)
{
	struct admission *a = make(&SMALL);
	uint32_t held, place;
	char from[32];

	assert_int_equal(enter(a, "10.0.0.1", 0, &held), ADMISSION_GRANTED);
	for (int i = 0; i < 10000; i++) {
		snprintf(from, sizeof(from), "10.9.%d.%d", i / 250, i % 250);
		assert_int_equal(enter(a, from, (usec_t)i, &place), ADMISSION_GRANTED);
		admission_leave(a, place);
	}
	assert_int_equal(enter(a, "10.0.0.1", 1, &place), ADMISSION_GRANTED);
	assert_int_equal(enter(a, "10.0.0.1", 1, &place), ADMISSION_GRANTED);
	assert_int_equal(enter(a, "10.0.0.1", 1, &place), ADMISSION_SOURCE_FULL);
	assert_int_equal(admission_in_flight(a), 3);
	admission_destroy(a);
}

static void sources_take_turns(void **state)
{
	struct admission *a = make(&SMALL);
	uint32_t many[3], one;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(enter(a, "10.0.0.1", 0, &many[i]), ADMISSION_GRANTED);
		admission_queue(a, many[i]);
	}
	assert_int_equal(enter(a, "10.0.0.2", 0, &one), ADMISSION_GRANTED);
	admission_queue(a, one);
	admission_queue(a, one);
	assert_int_equal(admission_next(a), many[0]);
	assert_int_equal(admission_next(a), one);
	assert_int_equal(admission_next(a), many[1]);
	admission_leave(a, many[2]);
	assert_int_equal(admission_next(a), ADMISSION_NONE);
	admission_queue(a, one);
	admission_leave(a, one);
	assert_int_equal(admission_next(a), ADMISSION_NONE);
	admission_destroy(a);
}

static uint32_t victim(const struct admission *a, const char *from, enum admission_verdict v)
{
	struct ip_address address = source(from);

	return admission_victim(a, &address, v);
}

// Who says too little for too long gives way, and of the source that has most.
static void a_full_house_makes_room(void **state)
{
	struct admission *a = make(&SMALL);
	uint32_t many[3], one[5], place;

	for (int i = 0; i < 3; i++)
		assert_int_equal(enter(a, "10.0.0.1", 0, &many[i]), ADMISSION_GRANTED);
	for (int i = 0; i < 5; i++)
		assert_int_equal(enter(a,
					 i < 2   ? "10.0.0.2"
					 : i < 4 ? "10.0.0.3"
						 : "10.0.0.4",
					 0, &one[i]),
			ADMISSION_GRANTED);
	assert_int_equal(victim(a, "10.0.0.9", ADMISSION_GRANTED), ADMISSION_NONE);
	assert_int_equal(victim(a, "10.0.0.9", ADMISSION_SOURCE_RATE), ADMISSION_NONE);
	assert_int_equal(enter(a, "10.0.0.9", 0, &place), ADMISSION_FULL);
	assert_int_equal(victim(a, "10.0.0.9", ADMISSION_FULL), many[0]);
	// What its source could spare otherwise is its own to find.
	assert_int_equal(enter(a, "10.0.0.1", 0, &place), ADMISSION_SOURCE_FULL);
	assert_int_equal(victim(a, "10.0.0.1", ADMISSION_SOURCE_FULL), many[0]);
	admission_settle(a, many[0]);
	admission_settle(a, many[0]);
	assert_int_equal(victim(a, "10.0.0.1", ADMISSION_SOURCE_FULL), many[1]);
	admission_settle(a, many[1]);
	admission_settle(a, many[2]);
	assert_int_equal(victim(a, "10.0.0.1", ADMISSION_SOURCE_FULL), ADMISSION_NONE);
	assert_int_equal(victim(a, "10.0.0.9", ADMISSION_FULL), one[0]);
	for (int i = 0; i < 5; i++)
		admission_settle(a, one[i]);
	assert_int_equal(victim(a, "10.0.0.9", ADMISSION_FULL), many[0]);
	admission_leave(a, many[0]);
	assert_int_equal(enter(a, "10.0.0.9", 0, &place), ADMISSION_GRANTED);
	admission_destroy(a);
}

// Half handshakes that were answered are not all that there is room for: who comes would give way
// to who comes next.
static void the_answered_keep_half_of_a_full_house(void **state)
{
	struct admission *a = make(&SMALL);
	uint32_t many[3], two[2], one[3], place;

	for (int i = 0; i < 3; i++)
		assert_int_equal(enter(a, "10.0.0.1", 0, &many[i]), ADMISSION_GRANTED);
	for (int i = 0; i < 2; i++)
		assert_int_equal(enter(a, "10.0.0.2", 0, &two[i]), ADMISSION_GRANTED);
	assert_int_equal(enter(a, "10.0.0.3", 0, &one[0]), ADMISSION_GRANTED);
	assert_int_equal(enter(a, "10.0.0.4", 0, &one[1]), ADMISSION_GRANTED);
	assert_int_equal(enter(a, "10.0.0.5", 0, &one[2]), ADMISSION_GRANTED);
	for (int i = 0; i < 3; i++)
		admission_settle(a, many[i]);
	admission_settle(a, two[0]);
	assert_int_equal(enter(a, "10.0.0.9", 0, &place), ADMISSION_FULL);
	assert_int_equal(victim(a, "10.0.0.9", ADMISSION_FULL), one[0]);
	admission_settle(a, two[1]);
	assert_int_equal(victim(a, "10.0.0.9", ADMISSION_FULL), many[0]);
	admission_leave(a, many[0]);
	assert_int_equal(enter(a, "10.0.0.9", 0, &place), ADMISSION_GRANTED);
	admission_destroy(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_configuration_without_room_is_refused),
		cmocka_unit_test(a_source_has_its_share_of_places),
		cmocka_unit_test(an_ipv6_source_is_a_56),
		cmocka_unit_test(tokens_come_back_with_time),
		cmocka_unit_test(all_places_together_are_bounded),
		cmocka_unit_test(sources_without_end_are_borne),
		cmocka_unit_test(sources_take_turns),
		cmocka_unit_test(a_full_house_makes_room),
		cmocka_unit_test(the_answered_keep_half_of_a_full_house),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
