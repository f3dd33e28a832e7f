// SPDX-License-Identifier: BSD-3-Clause
#include "cli/show/units.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static char text[UNITS_TEXT_MAX];

static void counts_have_three_digits(void **state)
{
	assert_string_equal(units_count(0, text), "0");
	assert_string_equal(units_count(7, text), "7");
	assert_string_equal(units_count(999, text), "999");
	assert_string_equal(units_count(1000, text), "1.00 k");
	assert_string_equal(units_count(1234, text), "1.23 k");
	assert_string_equal(units_count(12345, text), "12.3 k");
	assert_string_equal(units_count(123456, text), "123 k");
	assert_string_equal(units_count(1e6, text), "1.00 M");
	assert_string_equal(units_count(1.5, text), "1.5");
	assert_string_equal(units_count(1.8446744073709552e19, text), "18.4 E");
	assert_string_equal(units_count(1e25, text), "10000000 E");
}

static void rounding_takes_the_next_prefix(void **state)
{
	assert_string_equal(units_count(999.6, text), "1.00 k");
	assert_string_equal(units_count(999999, text), "1.00 M");
	assert_string_equal(units_count(9999, text), "10.0 k");
	assert_string_equal(units_count(99999, text), "100 k");
}

static void what_is_no_number_is_zero(void **state)
{
	assert_string_equal(units_count(-5, text), "0");
	assert_string_equal(units_count(NAN, text), "0");
	assert_string_equal(units_bytes(NAN, text), "0 B");
	assert_string_equal(units_seconds(NAN, text), "0 s");
	assert_string_equal(units_time(NAN, text), units_time(0, (char[UNITS_TEXT_MAX]){0}));
}

static void units_follow_the_number(void **state)
{
	assert_string_equal(units_bytes(12, text), "12 B");
	assert_string_equal(units_bytes(1500000, text), "1.50 MB");
	assert_string_equal(units_bit_rate(0, text), "0 bit/s");
	assert_string_equal(units_bit_rate(800, text), "800 bit/s");
	assert_string_equal(units_bit_rate(9.41e9, text), "9.41 Gbit/s");
	assert_string_equal(units_rate(1.2e6, text), "1.20 M/s");
	assert_string_equal(units_rate(0.4, text), "0.4 /s");
	assert_string_equal(units_share(0.125, text), "12.5 %");
	assert_string_equal(units_share(1, text), "100 %");
	assert_string_equal(units_plain(1234567, text), "1234567");
	assert_string_equal(units_plain(9007199254740991.0, text), "9.0072e+15");
	assert_string_equal(units_plain(0.25, text), "0.25");
}

static void durations_take_two_units(void **state)
{
	assert_string_equal(units_seconds(0, text), "0 s");
	assert_string_equal(units_seconds(0.000012, text), "12 us");
	assert_string_equal(units_seconds(0.25, text), "250 ms");
	assert_string_equal(units_seconds(59.4, text), "59 s");
	assert_string_equal(units_seconds(59.9, text), "1m 0s");
	assert_string_equal(units_seconds(200, text), "3m 20s");
	assert_string_equal(units_seconds(7440, text), "2h 4m");
	assert_string_equal(units_seconds(187200, text), "2d 4h");
	assert_string_equal(units_seconds(INFINITY, text), "11574074074d 1h");
}

static void times_are_local(void **state)
{
	setenv("TZ", "UTC", 1);
	tzset();
	assert_string_equal(units_time(1763699785.9, text), "2025-11-21 04:36:25");
	assert_string_equal(units_time(1e300, text), "1970-01-01 00:00:00");
}

static void numbers_are_whole_and_bounded(void **state)
{
	static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "1s", "0x10", "1.5", "101",
		"18446744073709551616", "99999999999999999999999"};
	uint64_t value = 77;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(units_number_parse(bad[i], 100, &value));
		assert_int_equal(value, 77);
	}
	assert_true(units_number_parse("100", 100, &value));
	assert_int_equal(value, 100);
	assert_true(units_number_parse("000", 100, &value));
	assert_int_equal(value, 0);
	assert_true(units_number_parse("18446744073709551615", UINT64_MAX, &value));
	assert_true(value == UINT64_MAX);
	assert_false(units_number_parse("18446744073709551616", UINT64_MAX, &value));
	assert_false(units_number_parse("9", 5, &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_have_three_digits),
		cmocka_unit_test(rounding_takes_the_next_prefix),
		cmocka_unit_test(what_is_no_number_is_zero),
		cmocka_unit_test(units_follow_the_number),
		cmocka_unit_test(durations_take_two_units),
		cmocka_unit_test(times_are_local),
		cmocka_unit_test(numbers_are_whole_and_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
