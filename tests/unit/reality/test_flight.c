// SPDX-License-Identifier: BSD-3-Clause
// Where our messages lie in the target's records.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reality/flight.h"

// What record after record is said to hold; messages of 6, 191, 72 and 36 bytes.
static void expect(const struct reality_shape *shape, const uint16_t *lengths, const size_t *pieces,
	size_t count)
{
	static const size_t messages[] = {6, 191, 72, 36};
	static const uint8_t zeros[200];
	struct cursor piece;
	struct flight f;

	flight_init(&f, shape);
	for (size_t i = 0; i < nx_array_size(messages); i++)
		assert_true(flight_add(&f, zeros, messages[i]));
	assert_false(flight_add(&f, zeros, 1));
	for (size_t i = 0; i < count; i++) {
		assert_true(flight_next(&f, lengths[i], &piece));
		assert_int_equal(cursor_left(&piece), pieces[i]);
	}
	assert_true(flight_is_placed(&f));
	flight_fini(&f);
}

static void unknown_targets_get_all_as_soon_as_it_fits(void **state)
{
	static const struct reality_shape nothing;

	expect(&nothing, (uint16_t[]){23, 842, 281, 53, 200}, (size_t[]){6, 299, 0, 0, 0}, 5);
	expect(&nothing, (uint16_t[]){1200}, (size_t[]){305}, 1);
	expect(&nothing, (uint16_t[]){18, 117, 900}, (size_t[]){1, 100, 204}, 3);
}

static void four_records_get_a_message_each(void **state)
{
	static const struct reality_shape four = {.flight = {23, 842, 281, 53}, .flight_count = 4};

	expect(&four, (uint16_t[]){23, 842, 281, 53, 255}, (size_t[]){6, 191, 72, 36, 0}, 5);
	// Signatures of ECDSA differ a little.
	expect(&four, (uint16_t[]){23, 843, 279, 53}, (size_t[]){6, 191, 72, 36}, 4);
	// What does not fit its own record is in the next one.
	expect(&(struct reality_shape){.flight = {23, 117, 400, 53}, .flight_count = 4},
		(uint16_t[]){23, 117, 400, 53}, (size_t[]){6, 100, 163, 36}, 4);
}

static void other_counts_have_finished_in_the_last(void **state)
{
	expect(&(struct reality_shape){.flight = {1200}, .flight_count = 1},
		(uint16_t[]){1200, 200}, (size_t[]){305, 0}, 2);
	expect(&(struct reality_shape){.flight = {23, 1200}, .flight_count = 2},
		(uint16_t[]){23, 1200}, (size_t[]){6, 299}, 2);
	expect(&(struct reality_shape){.flight = {1000, 53}, .flight_count = 2},
		(uint16_t[]){1000, 53}, (size_t[]){269, 36}, 2);
	expect(&(struct reality_shape){.flight = {900, 900, 900, 900, 60}, .flight_count = 5},
		(uint16_t[]){900, 900, 900, 900, 60}, (size_t[]){266, 1, 1, 1, 36}, 5);
}

static void targets_that_changed_are_as_if_unknown(void **state)
{
	static const struct reality_shape four = {.flight = {23, 842, 281, 53}, .flight_count = 4};

	expect(&four, (uint16_t[]){23, 1842}, (size_t[]){6, 299}, 2);
	expect(&four, (uint16_t[]){1200}, (size_t[]){305}, 1);
}

static void records_without_room_are_refused(void **state)
{
	static const struct reality_shape nothing;
	struct cursor piece;
	struct flight f;

	flight_init(&f, &nothing);
	assert_true(flight_add(&f, (const uint8_t *)"x", 1));
	assert_false(flight_next(&f, FLIGHT_LENGTH_MIN, &piece));
	assert_true(flight_next(&f, FLIGHT_LENGTH_MIN + 1, &piece));
	// Behind the last byte it needs none.
	assert_true(flight_next(&f, FLIGHT_LENGTH_MIN, &piece));
	assert_int_equal(f.records, 3);
	flight_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_targets_get_all_as_soon_as_it_fits),
		cmocka_unit_test(four_records_get_a_message_each),
		cmocka_unit_test(other_counts_have_finished_in_the_last),
		cmocka_unit_test(targets_that_changed_are_as_if_unknown),
		cmocka_unit_test(records_without_room_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
