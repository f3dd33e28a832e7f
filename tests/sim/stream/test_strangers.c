// SPDX-License-Identifier: BSD-3-Clause
// What strangers may cost who are left to a REALITY target, in virtual time: how many there are, of
// a source and in all, and what is bounded of what they exchange with it.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "mirrored_rig.h"

// Client 0 is the target's for good, which has said something.
static void stranger_left(void)
{
	stranger_heard();
	rig_send(&rig, RIG_TARGET, 0, 200);
	rig_wait(&rig, SECONDS(1));
	assert_true(rig.secured->spliced);
	assert_int_equal(client(0)->received, 200);
}

// Who is the target's at once, from this source; its number.
static uint32_t stranger_comes(const char *source)
{
	uint32_t n = stranger_from(source);

	rig_wait(&rig, SOON);
	stranger_says(n, (const uint8_t *)"GET / HTTP/1.1\r\n\r\n", 0, 18);
	rig_wait(&rig, SOON);
	assert_true(client(n)->is_open);
	assert_int_equal(target(n)->received, 18);
	return n;
}

// What the oldest sees is a server that closes it, and the target a client that does.
static void a_source_has_its_share_of_a_target(void **state)
{
	uint32_t last = 0;

	for (uint32_t i = 0; i < OF_SOURCE; i++)
		stranger_comes("10.1.0.7");
	assert_int_equal(rig_drops(&rig, DROP_REALITY_SOURCE_LIMIT), 0);
	assert_int_equal(strangers(), OF_SOURCE);
	rig_send(&rig, RIG_TARGET, 0, 1000);
	rig_wait(&rig, SOON);
	stranger_comes("10.1.0.7");
	assert_int_equal(rig_drops(&rig, DROP_REALITY_SOURCE_LIMIT), 1);
	assert_int_equal(strangers(), OF_SOURCE);
	assert_int_equal(rig_sessions(&rig), OF_SOURCE);
	rig_wait(&rig, SOON);
	assert_int_equal(client(0)->received, 1000);
	assert_true(client(0)->ended && target(0)->ended);
	assert_int_equal(client(0)->error | target(0)->error, 0);
	assert_int_equal(last_end(), SESSION_END_EVICTED);
	// Another source has its own, and one that goes leaves room.
	last = stranger_comes("10.1.0.8");
	assert_int_equal(strangers(), OF_SOURCE + 1);
	rig_reset(&rig, RIG_CLIENT, 1);
	rig_wait(&rig, SOON);
	assert_int_equal(strangers(), OF_SOURCE);
	stranger_comes("10.1.0.7");
	assert_int_equal(rig_drops(&rig, DROP_REALITY_SOURCE_LIMIT), 1);
	assert_false(client(2)->ended || client(last)->ended);
}

static void all_strangers_leave_room_for_others(void **state)
{
	char source[16];

	for (uint32_t i = 0; i < STRANGERS; i++) {
		snprintf(source, sizeof(source), "10.1.0.%u", 20 + i / (OF_SOURCE - 2));
		stranger_comes(source);
	}
	assert_int_equal(strangers(), STRANGERS);
	assert_int_equal(rig_drops(&rig, DROP_REALITY_LIMIT), 0);
	stranger_comes("10.1.0.9");
	assert_int_equal(rig_drops(&rig, DROP_REALITY_LIMIT), 1);
	assert_int_equal(rig_drops(&rig, DROP_REALITY_SOURCE_LIMIT), 0);
	assert_int_equal(strangers(), STRANGERS);
	assert_int_equal(rig_sessions(&rig), STRANGERS);
	// The oldest of the first source, which had as many as any for longest.
	rig_wait(&rig, SOON);
	assert_true(client(0)->ended && !client(1)->ended);
}

// Who does not close after us would else keep a connection of the engine's for each that he opens.
static void strangers_that_do_not_close_are_reset_in_the_end(void **state)
{
	uint32_t ended = 0, reset = 0;

	rig_close(&rig);
	open_for(FEW);
	for (uint32_t i = 0; i < FEW + OF_SOURCE; i++)
		stranger_comes("10.1.0.7");
	rig_wait(&rig, SOON);
	for (uint32_t i = 0; i < FEW; i++) {
		ended += client(i)->ended && client(i)->error == 0;
		reset += client(i)->error == ECONNRESET;
	}
	assert_true(ended > 0 && reset > 0);
	assert_int_equal(ended + reset, FEW);
	assert_in_range(rig_pool(&rig, "tcp_connections"), 2 * OF_SOURCE, FEW * 5 / 4 + 2);
}

// A SYN that nobody answers, from whatever source, is none of them.
static void only_whoever_answers_counts(void **state)
{
	stranger_comes("10.1.0.7");
	rig.target_deaf = true;
	rig_connect_from(&rig, "10.1.0.7", own);
	rig_wait(&rig, SOON);
	assert_int_equal(rig_sessions(&rig), 2);
	assert_int_equal(strangers(), 1);
}

// What a target sent that the stranger has, between bounds.
static void assert_has(const struct rig_user *u, uint64_t least, uint64_t most)
{
	if (u->received < least || u->received > most)
		fail_msg("%llu bytes, not %llu to %llu", (unsigned long long)u->received,
			(unsigned long long)least, (unsigned long long)most);
}

static void what_a_stranger_gets_is_bounded(void **state)
{
	limit(RIG_TARGET, 500000, 100000, 50000);
	stranger_heard();
	assert_int_equal(held_back(RIG_TARGET), 0);
	rig_send(&rig, RIG_TARGET, 0, 1000000);
	rig_wait(&rig, SECONDS(1));
	assert_has(client(0), 630000, 655000);
	rig_wait(&rig, SECONDS(2));
	assert_has(client(0), 830000, 855000);
	// The other way is not.
	rig_send(&rig, RIG_CLIENT, 0, 1000000);
	rig_wait(&rig, SECONDS(1));
	assert_has(client(0), 930000, 955000);
	assert_int_equal(target(0)->received, 1001000);
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(client(0)->received, 1000000);
	assert_int_equal(held_back(RIG_TARGET), 1);
	assert_int_equal(held_back(RIG_CLIENT), 0);
	// Nothing was said for five seconds: a burst is there again, and no more than that.
	rig_wait(&rig, SECONDS(5));
	rig_send(&rig, RIG_TARGET, 0, 1000000);
	rig_wait(&rig, SECONDS(1));
	assert_has(client(0), 1130000, 1155000);
}

// What the target does not get yet waits with the client: nothing is dropped, and little is held.
static void what_a_stranger_sends_is_bounded(void **state)
{
	limit(RIG_CLIENT, 0, 20000, 10000);
	stranger_heard();
	rig_send(&rig, RIG_TARGET, 0, 1000);
	rig_send(&rig, RIG_CLIENT, 0, 100000);
	rig_wait(&rig, SECONDS(2));
	assert_has(target(0), 46000, 52000);
	assert_int_equal(held_back(RIG_CLIENT), 1);
	assert_int_equal(client(0)->received, 1000);
	// The end comes behind all of it.
	client(0)->keeps_open = target(0)->keeps_open = false;
	rig_wait(&rig, SECONDS(1));
	assert_false(target(0)->ended);
	assert_true(rig_settle(&rig, SECONDS(10)));
	assert_int_equal(target(0)->received, 101000);
	assert_int_equal(last_end(), SESSION_END_CLOSED);
}

// As slow as can be said: neither silence nor the time to close ends it, for it is our doing.
static void a_slow_bound_is_no_silence(void **state)
{
	rig.world->listeners[WORLD_TCP].idle_timeout = SECONDS(2);
	rig.world->listeners[WORLD_TCP].close_timeout = SECONDS(2);
	limit(RIG_TARGET, 0, 300, 300);
	stranger_left();
	rig_send(&rig, RIG_TARGET, 0, 6000);
	client(0)->keeps_open = target(0)->keeps_open = false;
	rig_wait(&rig, SECONDS(14));
	assert_int_equal(rig_sessions(&rig), 1);
	assert_has(client(0), 4000, 6000);
	assert_true(rig_settle(&rig, SECONDS(20)));
	assert_int_equal(client(0)->received, 6200);
	assert_int_equal(last_end(), SESSION_END_CLOSED);
}

static void a_reset_takes_what_a_bound_holds_along(void **state)
{
	limit(RIG_TARGET, 0, 1000, 1000);
	stranger_left();
	rig_send(&rig, RIG_TARGET, 0, 19800);
	rig_wait(&rig, SECONDS(1));
	assert_has(client(0), 1000, 6000);
	rig_reset(&rig, RIG_TARGET, 0);
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(client(0)->error, ECONNRESET);
	assert_int_equal(rig_received(&rig, RIG_TARGET), 20000);
	assert_int_equal(rig_sessions(&rig), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, rig_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_source_has_its_share_of_a_target),
		TEST(all_strangers_leave_room_for_others),
		TEST(only_whoever_answers_counts),
		TEST(strangers_that_do_not_close_are_reset_in_the_end),
		TEST(what_a_stranger_gets_is_bounded),
		TEST(what_a_stranger_sends_is_bounded),
		TEST(a_slow_bound_is_no_silence),
		TEST(a_reset_takes_what_a_bound_holds_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
