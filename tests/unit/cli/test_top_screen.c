// SPDX-License-Identifier: BSD-3-Clause
#include "cli/live/top_screen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct top_screen screen;

// A status with so many of each, and listener counters that grew by `grown`.
static json_t *status_of(int workers, int ports, int listeners, int grown)
{
	json_t *status = json_pack(
		"{s:s, s:i, s:s, s:i, s:{s:b, s:b, s:[]}, s:{s:i, s:i, s:i}, s:[], s:[], s:[]}",
		"version", "0.1.0", "revision", 7, "state", "confirmed", "uptime_s", 200, "health",
		"ok", 1, "ready", 1, "reasons", "sessions", "active", 12345, "unanswered", 3,
		"per_s", 250, "workers", "ports", "listeners");
	char name[32];

	assert_non_null(status);
	for (int i = 0; i < workers; i++) {
		json_array_append_new(json_object_get(status, "workers"),
			json_pack("{s:i, s:i, s:s, s:f, s:i, s:i, s:i}", "worker", i, "cpu", i + 1,
				"state", "running", "load", 0.5, "packets_per_s", 1200000,
				"sessions", 99, "nat_ports_in_use", 98));
	}
	for (int i = 0; i < ports; i++) {
		snprintf(name, sizeof(name), "port%d", i);
		json_array_append_new(json_object_get(status, "ports"),
			json_pack("{s:s, s:b, s:f, s:i, s:f, s:i, s:i, s:i}", "name", name, "up", 1,
				"receive_bps", 5e9, "receive_packets_per_s", 1000, "transmit_bps",
				4e9, "transmit_packets_per_s", 900, "missed", 1, "transmit_dropped",
				2));
	}
	for (int i = 0; i < listeners; i++) {
		snprintf(name, sizeof(name), "listener%d", i);
		json_array_append_new(json_object_get(status, "listeners"),
			json_pack("{s:s, s:s, s:i, s:i, s:i, s:i}", "name", name, "state", "up",
				"sessions", 5, "sessions_total", 100 + grown, "bytes_from_client",
				grown * 1000, "bytes_from_target", grown * 2000));
	}
	return status;
}

static bool shows(const char *text)
{
	for (int i = 0; i < screen.lines; i++) {
		if (strstr(screen.text[i], text) != NULL) {
			return true;
		}
	}
	return false;
}

static void assert_fits(int width, int height)
{
	assert_true(screen.lines <= height);
	for (int i = 0; i < screen.lines; i++) {
		assert_true((int)strlen(screen.text[i]) <= width);
	}
}

static void all_of_it_fits_80_by_24(void **state)
{
	json_t *before = status_of(2, 2, 3, 0);
	json_t *now = status_of(2, 2, 3, 50);

	top_screen_fill(&screen, now, before, 2.0, 0, 80, 24);
	assert_fits(80, 24);
	assert_true(shows("revision 7 confirmed  up 3m 20s  ok"));
	assert_true(shows("sessions 12.3 k (3 unanswered), 250 /s new"));
	assert_true(shows("receive 10.0 Gbit/s 2.00 k/s   transmit 8.00 Gbit/s 1.80 k/s"));
	assert_true(shows("   50.0 %    1.20 M/s        99        98"));
	assert_true(shows("NAT PORTS"));
	assert_true(shows("   LOST"));
	assert_true(shows("FROM TARGET"));
	assert_true(shows("||||||||"));
	assert_true(shows("port1"));
	assert_true(shows("listener2"));
	assert_true(shows("25 /s")); // 50 sessions in 2 s
	assert_true(shows("200 kbit/s"));
	assert_int_equal(screen.hidden, 0);
	json_decref(before);
	json_decref(now);
}

static void many_rows_are_counted_and_scrolled(void **state)
{
	json_t *now = status_of(64, 64, 100, 0);

	top_screen_fill(&screen, now, NULL, 0, 0, 80, 24);
	assert_fits(80, 24);
	assert_true(shows("... and 60 more"));
	assert_true(shows("listener0"));
	assert_true(screen.hidden > 80);
	top_screen_fill(&screen, now, NULL, 0, 98, 80, 24);
	assert_true(shows("listener99"));
	assert_false(shows("listener97"));
	assert_int_equal(screen.hidden, 0);
	json_decref(now);
}

static void no_size_breaks_it(void **state)
{
	json_t *now = status_of(5, 5, 20, 0);

	for (int height = 0; height < 40; height++) {
		for (int width = 0; width < 100; width += 3) {
			top_screen_fill(&screen, now, now, 0, height, width, height);
			assert_fits(width, height);
		}
	}
	top_screen_fill(&screen, now, NULL, 1, 0, 10000, 10000);
	assert_fits(TOP_WIDTH_MAX, TOP_LINES_MAX);
	json_decref(now);
}

static void strange_answers_break_nothing(void **state)
{
	static const char *const answers[] = {"{}", "[]",
		"{\"workers\":5,\"ports\":\"x\",\"listeners\":{}}",
		"{\"workers\":[{\"load\":-5},{\"load\":1e300},7,null],\"listeners\":[{},{\"name\":\"\\u001b[31m\\u00e9\"}]}"};

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		json_t *now = json_loads(answers[i], 0, NULL);

		assert_non_null(now);
		top_screen_fill(&screen, now, now, 1, 0, 80, 24);
		assert_fits(80, 24);
		for (int l = 0; l < screen.lines; l++) {
			assert_null(strchr(screen.text[l], '\033'));
		}
		json_decref(now);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_it_fits_80_by_24),
		cmocka_unit_test(many_rows_are_counted_and_scrolled),
		cmocka_unit_test(no_size_breaks_it),
		cmocka_unit_test(strange_answers_break_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
