// SPDX-License-Identifier: BSD-3-Clause
// A client and a target that both speak TLS, or whose client is in a target's likeness first, in
// virtual time: streams, ends, and every single buffer that the relay may not get.
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "one_rig.h"
#include "secured.h"

#define SECONDS(n) ((usec_t)(n)*USEC_PER_SECOND)

enum {
	SESSIONS = 256,
	LEGS = 64,
	BYTES = 30000,
};

static const char *const own = "10.1.0.2";

static void open_both(void)
{
	rig_open_secured(&rig, SESSIONS, LEGS);
	rig_listen(&rig, "10.2.0.1");
	rig.world->upstreams[WORLD_TCP].target_count = 0;
	world_target(rig.world, WORLD_TCP, 0, "10.2.0.1", 80, 1);
	secured_targets(&rig, 0);
}

// The likeness is target 0, which speaks no TLS to us, and the client's own is 1: so the client is
// to be 1, too.
static void open_mirrored(void)
{
	struct snapshot_listener *listener;

	open_both();
	rig_listen(&rig, "10.2.0.9");
	rig.world->upstreams[WORLD_UDP].target_count = 0;
	world_target(rig.world, WORLD_UDP, 2, "10.2.0.9", 80, 1);
	listener = &rig.world->listeners[WORLD_TCP];
	listener->is_mirrored = listener->transparent = true;
	listener->mirror = WORLD_UDP;
	rig.secured->mirrored = true;
	rig.secured->raw_targets = 1;
	client(0)->connection = TCP_NONE;
	rig.users[RIG_CLIENT] = 1;
	target(0)->keeps_open = true;
	rig_send(&rig, RIG_TARGET, 0, SECURED_HELLO);
}

static int set_up(void **state)
{
	open_both();
	return 0;
}

static bool is_open(enum rig_host host, uint32_t user)
{
	return rig.secured->open[secured_peer(host, user)];
}

static bool is_closed(enum rig_host host, uint32_t user)
{
	return rig.secured->closed[secured_peer(host, user)];
}

// Client 0, whose target has shaken hands, too.
static void one_open(void)
{
	rig_connect(&rig, own);
	client(0)->keeps_open = target(0)->keeps_open = true;
	rig_wait(&rig, SECONDS(1));
	assert_true(is_open(RIG_CLIENT, 0) && is_open(RIG_TARGET, 0));
	assert_int_equal(rig.secured->opens[0] + rig.secured->opens[1], 2);
}

static void both_directions_arrive_whole(void **state)
{
	one_open();
	client(0)->keeps_open = target(0)->keeps_open = false;
	rig_send(&rig, RIG_CLIENT, 0, 3000000);
	rig_send(&rig, RIG_TARGET, 0, 2000000);
	assert_true(rig_settle(&rig, SECONDS(60)));
	assert_int_equal(target(0)->received, 3000000);
	assert_int_equal(client(0)->received, 2000000);
	assert_true(is_closed(RIG_CLIENT, 0) && is_closed(RIG_TARGET, 0));
	assert_int_equal(last_end(), SESSION_END_CLOSED);
}

// close_notify of either side is close_notify to the other, and the other way goes on.
static void ends_are_of_one_way(void **state)
{
	for (unsigned int first = RIG_CLIENT; first <= RIG_TARGET; first++) {
		if (first == RIG_TARGET) {
			rig_close(&rig);
			open_both();
		}
		one_open();
		rig.user[first][0].keeps_open = false;
		rig_send(&rig, first, 0, 5000);
		rig_wait(&rig, SECONDS(1));
		assert_true(is_closed(!first, 0));
		assert_false(is_closed(first, 0));
		rig_send(&rig, !first, 0, 1000000);
		rig_wait(&rig, SECONDS(5));
		assert_int_equal(rig.user[first][0].received, 1000000);
		rig.user[!first][0].keeps_open = false;
		assert_true(rig_settle(&rig, SECONDS(10)));
		assert_true(is_closed(first, 0));
		assert_int_equal(last_end(), SESSION_END_CLOSED);
	}
}

static void tickets_say(uint32_t count, uint32_t bytes)
{
	for (uint32_t i = 0; i < count; i++)
		secured_ticket(&rig, secured_peer(RIG_TARGET, 0), (uint8_t)(i + 1), bytes);
	rig_wait(&rig, SECONDS(1));
}

// With all that a thread needs to come back, and has forgotten.
static void a_target_s_tickets_go_to_the_slow_path(void **state)
{
	struct rig_secured *x = rig.secured;

	x->resumes = true;
	one_open();
	tickets_say(2, 200);
	assert_int_equal(x->tickets, 2);
	assert_int_equal(x->ticket_bytes, 200);
	assert_int_equal(x->ticket.messages[199], 2);
	assert_int_equal(x->ticket.profile, 1);
	assert_int_equal(x->ticket.suite, x->suite);
	assert_int_equal(x->ticket.secret_length, 32);
	assert_int_equal(x->ticket.secret[31], SECURED_RESUMPTION);
	assert_string_equal(x->ticket.target, rig.world->snapshot.targets[0]->text);
	// Payload passes them by.
	rig_send(&rig, RIG_TARGET, 0, 5000);
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(client(0)->received, 5000);
}

static void few_tickets_of_a_session_are_passed_on(void **state)
{
	rig.secured->resumes = true;
	one_open();
	// More than a message has room for, and many.
	tickets_say(1, SLOW_TICKET_BYTES + 1);
	assert_int_equal(rig.secured->tickets, 0);
	tickets_say(20, 200);
	assert_int_equal(rig.secured->tickets, 4);
	assert_true(is_open(RIG_TARGET, 0));
}

static void nobody_s_tickets_are_passed_on(void **state)
{
	one_open();
	tickets_say(2, 200);
	assert_int_equal(rig.secured->tickets, 0);
	rig_send(&rig, RIG_TARGET, 0, 5000);
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(client(0)->received, 5000);
}

// A FIN without close_notify may be anybody's (RFC 8446 6.1): what was sent arrives, and the other
// side does not take it for the end of the stream.
static void a_target_that_ends_without_a_word_is_a_reset(void **state)
{
	one_open();
	rig_send(&rig, RIG_TARGET, 0, 5000);
	rig_wait(&rig, SECONDS(1));
	rig.secured->cuts = true;
	target(0)->keeps_open = false;
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(client(0)->received, 5000);
	assert_false(is_closed(RIG_CLIENT, 0));
	assert_false(client(0)->ended);
	assert_int_equal(client(0)->error, ECONNRESET);
	assert_int_equal(rig_drops(&rig, DROP_TLS_CUT), 1);
	assert_int_equal(last_end(), SESSION_END_RESET);
}

// Before there are keys an end is anybody's, too: it is no end of the target's payload, of which
// the client has heard nothing.
static void a_target_that_ends_before_its_keys_is_a_reset(void **state)
{
	rig_connect(&rig, own);
	client(0)->keeps_open = true;
	rig.secured->speechless[secured_peer(RIG_TARGET, 0)] = true;
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(client(0)->error, 0);
	tcp_shutdown(rig.host[RIG_TARGET], target(0)->connection, rig.world->now);
	rig_wait(&rig, SECONDS(1));
	assert_false(client(0)->ended);
	assert_int_equal(client(0)->error, ECONNRESET);
	assert_int_equal(rig_drops(&rig, DROP_TLS_TARGET_HANDSHAKE), 1);
	assert_int_equal(last_end(), SESSION_END_REFUSED);
}

static void a_bad_path_costs_time_and_no_byte(void **state)
{
	rig.loss_ppm = 20000;
	rig.jitter = 3000;
	rig_connect(&rig, own);
	rig_send(&rig, RIG_CLIENT, 0, 300000);
	rig_send(&rig, RIG_TARGET, 0, 300000);
	assert_true(rig_settle(&rig, SECONDS(300)));
	assert_int_equal(target(0)->received, 300000);
	assert_int_equal(client(0)->received, 300000);
	assert_true(is_closed(RIG_CLIENT, 0) && is_closed(RIG_TARGET, 0));
}

// What one session comes to when the relay does not get `count` of its buffers from number `from`
// on. Before it has keys the session may fail, and then nothing of it is sent; afterwards it may
// only take longer.
static uint32_t refusals;

// The client may be done while its last bytes are on their way to the target.
static bool is_under_way(uint32_t number)
{
	return client(number)->connection != TCP_NONE ||
	       (number < rig.users[RIG_TARGET] && target(number)->connection != TCP_NONE);
}

static bool live_through(void (*open)(void), uint32_t number, uint32_t from, uint32_t count)
{
	bool reached, failed;

	open();
	rig.fail_from = from;
	rig.fail_count = count;
	rig_connect(&rig, own);
	rig_send(&rig, RIG_CLIENT, number, BYTES);
	rig_send(&rig, RIG_TARGET, number, BYTES);
	for (int i = 0; i < 600 && is_under_way(number); i++) {
		rig_wait(&rig, SECONDS(1) / 10);
		if (target(0)->ended)
			target(0)->keeps_open = false;
	}
	failed = !is_open(RIG_CLIENT, number) || !is_open(RIG_TARGET, number);
	if (failed) {
		refusals++;
		assert_int_equal(target(number)->received, 0);
		assert_int_equal(client(number)->received, 0);
	} else {
		assert_int_equal(target(number)->received, BYTES);
		assert_int_equal(client(number)->received, BYTES);
		assert_true(is_closed(RIG_CLIENT, number) && is_closed(RIG_TARGET, number));
	}
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(rig_sessions(&rig), 0);
	reached = rig.gets > from;
	rig_close(&rig);
	return reached;
}

static void each_buffer_may_be_missing(void **state)
{
	uint32_t from = 0;

	refusals = 0;
	rig_close(&rig);
	while (live_through(open_both, 0, from, 1))
		from++;
	assert_in_range(from, 50, 2000);
	// What was to be said to a peer whose handshake is under way is not kept.
	assert_in_range(refusals, 1, 3);
	open_both();
}

static void each_buffer_in_likeness_may_be_missing(void **state)
{
	uint32_t from = 0;

	refusals = 0;
	rig_close(&rig);
	while (live_through(open_mirrored, 1, from, 1))
		from++;
	assert_in_range(from, 50, 2000);
	// What was to be said to a peer whose handshake is under way is not kept.
	assert_in_range(refusals, 1, 3);
	open_both();
}

// Many in a row, so that what is tried again is not there either.
static void spells_without_buffers(void **state)
{
	rig_close(&rig);
	for (uint32_t from = 0; live_through(open_both, 0, from, 40); from += 3)
		;
	for (uint32_t from = 0; live_through(open_mirrored, 1, from, 40); from += 3)
		;
	open_both();
}

static void a_client_in_likeness_goes_on_to_a_secured_target(void **state)
{
	rig_close(&rig);
	open_mirrored();
	rig_connect(&rig, own);
	client(1)->keeps_open = target(1)->keeps_open = true;
	rig_wait(&rig, SECONDS(1));
	assert_true(is_open(RIG_CLIENT, 1) && is_open(RIG_TARGET, 1));
	assert_false(is_open(RIG_TARGET, 0));
	assert_int_equal(target(0)->received, SECURED_HELLO);
	assert_true(target(0)->ended);
	target(0)->keeps_open = false;
	rig_send(&rig, RIG_CLIENT, 1, 1000000);
	rig_send(&rig, RIG_TARGET, 1, 1000000);
	rig_wait(&rig, SECONDS(5));
	assert_int_equal(target(1)->received, 1000000);
	assert_int_equal(client(1)->received, 1000000);
	assert_int_equal(target(0)->received, SECURED_HELLO);
	client(1)->keeps_open = target(1)->keeps_open = false;
	assert_true(rig_settle(&rig, SECONDS(10)));
	assert_true(is_closed(RIG_CLIENT, 1) && is_closed(RIG_TARGET, 1));
}

// Another target is tried, and what is still said of the first handshake is not taken for the
// second's.
static void each_handshake_has_a_name(void **state)
{
	world_target(rig.world, WORLD_TCP, 1, "10.2.0.1", 80, 1);
	client(0)->connection = TCP_NONE;
	rig.users[RIG_CLIENT] = 1;
	rig.secured->refusals = 1;
	rig_connect(&rig, own);
	rig_send(&rig, RIG_CLIENT, 1, 5000);
	rig_send(&rig, RIG_TARGET, 1, 5000);
	rig_wait(&rig, SECONDS(2));
	assert_int_equal(rig.users[RIG_TARGET], 2);
	assert_true(is_open(RIG_TARGET, 1));
	assert_int_equal(rig_drops(&rig, DROP_TLS_TARGET_HANDSHAKE), 1);
	assert_int_equal(target(1)->received, 5000);
	assert_int_equal(client(1)->received, 5000);
}

// Our own hello is no answer: targets that say nothing give way, before clients of whom there are
// fewer.
static void silent_targets_give_way(void **state)
{
	enum {
		SILENT = 31
	};

	for (uint32_t i = 0; i < SILENT; i++) {
		rig.secured->speechless[secured_peer(RIG_TARGET, i)] = true;
		client(rig_connect_from(&rig, "10.1.0.7", own))->keeps_open = true;
	}
	rig_wait(&rig, SECONDS(1));
	for (uint32_t i = 0; i < 2; i++)
		rig.secured->speechless[rig_connect_from(&rig, "10.1.0.8", own)] = true;
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(rig_sessions(&rig), SILENT + 2);
	client(rig_connect_from(&rig, "10.1.0.9", own))->keeps_open = true;
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(client(0)->error, ECONNRESET);
	assert_int_equal(client(SILENT)->error | client(SILENT + 1)->error, 0);
	assert_true(is_open(RIG_CLIENT, SILENT + 2));
	assert_int_equal(rig_sessions(&rig), SILENT + 2);
}

// A reset would say that somebody is between: a stranger who is to give way has the target.
static void strangers_who_give_way_keep_the_target(void **state)
{
	static const char *const sources[] = {"10.1.0.7", "10.1.0.8", "10.1.0.9"};

	rig_close(&rig);
	open_mirrored();
	rig.users[RIG_CLIENT] = 0;
	target(0)->to_send = 0;
	rig.secured->raw = true;
	rig.secured->raw_targets = RIG_USERS;
	rig.secured->stalled[0] = rig.secured->stalled[1] = true;
	for (uint32_t i = 0; i < LEGS / 2 + 1; i++) {
		client(rig_connect_from(&rig, sources[i % nx_array_size(sources)], own))
			->keeps_open = true;
		rig_wait(&rig, 10000);
		assert_int_equal(rig.users[RIG_TARGET], i + 1);
		target(i)->keeps_open = true;
		client(i)->said = SECURED_HELLO;
		rig_say(&rig, i, secured_hello, SECURED_HELLO);
		rig_send(&rig, RIG_TARGET, i, 1000);
	}
	rig_wait(&rig, 50000);
	assert_int_equal(client(0)->received, 1000);
	assert_int_equal(target(0)->received, SECURED_HELLO);
	assert_int_equal(client(1)->received, 0);
	assert_int_equal(target(1)->received, SECURED_HELLO);
	assert_int_equal(rig_sessions(&rig), LEGS / 2 + 1);
	// One as before.
	assert_int_equal(rig_pool(&rig, "reality_strangers"), LEGS / 2 + 1);
	assert_int_equal(counter_read(&rig.world->stats->reality_timeouts), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, rig_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(both_directions_arrive_whole),
		TEST(a_target_s_tickets_go_to_the_slow_path),
		TEST(few_tickets_of_a_session_are_passed_on),
		TEST(nobody_s_tickets_are_passed_on),
		TEST(ends_are_of_one_way),
		TEST(a_target_that_ends_without_a_word_is_a_reset),
		TEST(a_target_that_ends_before_its_keys_is_a_reset),
		TEST(a_bad_path_costs_time_and_no_byte),
		TEST(a_client_in_likeness_goes_on_to_a_secured_target),
		TEST(each_handshake_has_a_name),
		TEST(silent_targets_give_way),
		TEST(strangers_who_give_way_keep_the_target),
		TEST(each_buffer_may_be_missing),
		TEST(each_buffer_in_likeness_may_be_missing),
		TEST(spells_without_buffers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
