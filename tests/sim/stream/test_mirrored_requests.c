// SPDX-License-Identifier: BSD-3-Clause
// Listeners of protocol http in a target's likeness, in virtual time: the requests of clients who
// have proved themselves are routed, strangers are the target's.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "mirrored_rig.h"

// A client that has proved itself where requests are routed.
static void a_client_with_routes(void)
{
	route_requests();
	a_client();
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(target(0)->received, SECURED_HELLO);
	rig_send(&rig, RIG_TARGET, 0, SECURED_HELLO);
	rig_wait(&rig, SECONDS(1));
	assert_true(rig.secured->open[1]);
	assert_true(target(0)->ended);
}

static void client_says(uint32_t n, const char *text)
{
	struct buffer *records = secured_seal(&rig, n, rig_text(text));

	assert_int_equal(
		tcp_send(rig.host[RIG_CLIENT], client(n)->connection, records, 0, rig.world->now),
		0);
	rig_wait(&rig, SECONDS(1));
}

static void client_asks(uint32_t n)
{
	client_says(n, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void target_answers(uint32_t n)
{
	struct buffer *b = rig_text("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");

	assert_int_equal(
		tcp_send(rig.host[RIG_TARGET], target(n)->connection, b, 0, rig.world->now), 0);
	rig_wait(&rig, SECONDS(1));
}

// Once it has proved itself: until then it is a stranger to routes as to us.
static void a_clients_requests_are_routed(void **state)
{
	static const char got[] = "GET / HTTP/1.1\r\n";
	static const char answer[] = "HTTP/1.1 200 OK\r\n";
	uint64_t once;

	a_client_with_routes();
	assert_int_equal(rig.users[RIG_TARGET], 1);
	client_asks(1);
	assert_int_equal(rig.users[RIG_TARGET], 2);
	assert_memory_equal(target(1)->first, got, sizeof(got) - 1);
	target_answers(1);
	assert_memory_equal(client(1)->first, answer, sizeof(answer) - 1);
	once = client(1)->received;
	client_asks(1);
	target_answers(1);
	assert_int_equal(client(1)->received, 2 * once);
	assert_int_equal(rig.users[RIG_TARGET], 2);
	assert_int_equal(target(0)->received, SECURED_HELLO);
	target(0)->keeps_open = false;
	rig_reset(&rig, RIG_CLIENT, 1);
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(rig_sessions(&rig), 0);
}

static uint64_t targets_bytes(unsigned int leg)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < MAX_TARGETS; i++)
		bytes += counter_read(&rig.world->stats->targets[i].bytes[leg]);
	return bytes;
}

// What we say to a client ourselves is no target's, nor that of the one that strangers get.
static void our_own_answers_are_no_targets(void **state)
{
	uint64_t before[2];

	a_client_with_routes();
	for (unsigned int leg = 0; leg < 2; leg++)
		before[leg] = targets_bytes(leg);
	client_says(1, "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(client(1)->received > 0);
	for (unsigned int leg = 0; leg < 2; leg++)
		assert_int_equal(targets_bytes(leg), before[leg]);
	assert_int_equal(rig.users[RIG_TARGET], 1);
}

// What it says is not read as a request, nor is it let go as a client that makes none.
static void a_stranger_to_routes_is_the_targets(void **state)
{
	route_requests();
	stranger_heard();
	rig_wait(&rig, SECONDS(200));
	rig_send(&rig, RIG_TARGET, 0, 1000);
	rig_wait(&rig, SECONDS(1));
	rig_send(&rig, RIG_CLIENT, 0, 1000);
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(target(0)->received, 2000);
	assert_int_equal(client(0)->received, 1000);
	assert_int_equal(rig.users[RIG_TARGET], 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, rig_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_clients_requests_are_routed),
		TEST(a_stranger_to_routes_is_the_targets),
		TEST(our_own_answers_are_no_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
