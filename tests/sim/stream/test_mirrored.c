// SPDX-License-Identifier: BSD-3-Clause
// Sessions that are a target's until their client has proved itself, in virtual time: strangers who
// are left to it, clients who go on to their own, and what a slow path that is slow costs.
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
	SESSIONS = 64,
	LEGS = 64,
};

static const char *const own = "10.1.0.2";

static int set_up(void **state)
{
	struct snapshot_listener *listener;

	rig_open_secured(&rig, SESSIONS, LEGS);
	rig_listen(&rig, "10.2.0.1");
	rig_listen(&rig, "10.2.0.9");
	rig.world->upstreams[WORLD_TCP].target_count = 0;
	world_target(rig.world, WORLD_TCP, 0, "10.2.0.1", 80, 1);
	rig.world->upstreams[WORLD_UDP].target_count = 0;
	world_target(rig.world, WORLD_UDP, 2, "10.2.0.9", 80, 1);
	listener = &rig.world->listeners[WORLD_TCP];
	listener->is_mirrored = listener->transparent = true;
	listener->mirror = WORLD_UDP;
	rig.secured->mirrored = true;
	return 0;
}

// Client 0, whose hello the target has.
static void stranger_heard(void)
{
	rig.secured->raw = true;
	rig_connect(&rig, own);
	client(0)->keeps_open = target(0)->keeps_open = true;
	rig_send(&rig, RIG_CLIENT, 0, 1000);
	rig_wait(&rig, SECONDS(1));
	assert_true(client(0)->is_open);
	assert_int_equal(target(0)->received, 1000);
	assert_false(rig.secured->spliced);
	assert_int_equal(rig.secured->opens[0] + rig.secured->opens[1], 1);
}

static void a_stranger_is_the_targets(void **state)
{
	stranger_heard();
	rig_send(&rig, RIG_TARGET, 0, 1000000);
	rig_wait(&rig, SECONDS(1));
	assert_true(rig.secured->spliced);
	rig_send(&rig, RIG_CLIENT, 0, 1000000);
	rig_wait(&rig, SECONDS(5));
	assert_int_equal(target(0)->received, 1001000);
	assert_int_equal(client(0)->received, 1000000);
	assert_int_equal(rig_sessions(&rig), 1);
	rig_reset(&rig, RIG_TARGET, 0);
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(client(0)->error, ECONNRESET);
	assert_int_equal(rig_sessions(&rig), 0);
}

// The target's number 0 is whose likeness it takes, 1 its own: so the client is to be 1, too.
static void a_client_goes_on_to_its_own(void **state)
{
	client(0)->connection = TCP_NONE;
	rig.users[RIG_CLIENT] = 1;
	rig_connect(&rig, own);
	client(1)->keeps_open = target(0)->keeps_open = target(1)->keeps_open = true;
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(target(0)->received, SECURED_HELLO);
	assert_memory_equal(target(0)->first, "hello!\r\n", SECURED_HELLO);
	assert_false(rig.secured->open[1]);
	rig_send(&rig, RIG_TARGET, 0, SECURED_HELLO);
	rig_wait(&rig, SECONDS(1));
	assert_true(rig.secured->open[1]);
	assert_true(target(0)->ended);
	target(0)->keeps_open = false;
	assert_int_equal(rig.users[RIG_TARGET], 2);
	rig_send(&rig, RIG_CLIENT, 1, 1000000);
	rig_send(&rig, RIG_TARGET, 1, 1000000);
	rig_wait(&rig, SECONDS(5));
	assert_int_equal(target(0)->received, SECURED_HELLO);
	assert_int_equal(target(1)->received, 1000000);
	assert_int_equal(client(1)->received, 1000000);
	client(1)->keeps_open = target(1)->keeps_open = false;
	assert_true(rig_settle(&rig, SECONDS(10)));
	assert_true(rig.secured->closed[1]);
	assert_int_equal(rig.world->records[0].end, SESSION_END_CLOSED);
}

// At any time, not only at the first bytes.
static void no_stranger_waits_for_a_thread(void **state)
{
	stranger_heard();
	rig.secured->stalled[0] = rig.secured->stalled[1] = true;
	rig_send(&rig, RIG_CLIENT, 0, 1000);
	rig_wait(&rig, SECONDS(1) / 2);
	assert_int_equal(target(0)->received, 1000);
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(target(0)->received, 2000);
	assert_int_equal(counter_read(&rig.world->stats->reality_timeouts), 1);
}

static void a_target_that_ends_at_once_is_heard(void **state)
{
	rig.secured->raw = true;
	rig_send(&rig, RIG_TARGET, 0, 100);
	rig_connect(&rig, own);
	client(0)->keeps_open = true;
	rig_wait(&rig, SECONDS(2));
	assert_int_equal(client(0)->received, 100);
	assert_true(client(0)->ended);
	client(0)->keeps_open = false;
	assert_true(rig_settle(&rig, SECONDS(10)));
}

// Not for the balancer before it.
static void a_targets_handshake_is_for_the_client_that_is_named(void **state)
{
	static const char said[] = "PROXY TCP4 10.3.0.1 10.3.0.2 1000 2000\r\n";
	struct snapshot_listener *listener = &rig.world->listeners[WORLD_TCP];
	struct ip_address named;

	listener->is_mirrored = listener->transparent = false;
	listener->security = 0;
	listener->proxy_protocol = true;
	rig.world->upstreams[WORLD_TCP].security = 1;
	rig.secured->raw = true;
	rig_connect(&rig, own);
	client(0)->keeps_open = target(0)->keeps_open = true;
	rig_say(&rig, 0, said, sizeof(said) - 1);
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(rig.secured->opens[0] + rig.secured->opens[1], 1);
	assert_true(ip_address_parse("10.3.0.1", &named));
	assert_true(ip_address_equal(&rig.secured->source, &named));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, rig_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_stranger_is_the_targets),
		TEST(a_client_goes_on_to_its_own),
		TEST(no_stranger_waits_for_a_thread),
		TEST(a_target_that_ends_at_once_is_heard),
		TEST(a_targets_handshake_is_for_the_client_that_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
