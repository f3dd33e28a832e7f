// SPDX-License-Identifier: BSD-3-Clause
// SYNs that a transparent listener holds: how many there are, who gives way, what that leaves of
// source ports to others, and what becomes of one that failed.
#include <netinet/in.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <setjmp.h>

#include <cmocka.h>

#include "wire.h"

#define SECONDS(n) ((usec_t)(n)*USEC_PER_SECOND)

enum {
	PORTS = 64512, // of an address toward one target
	// Sixteen sessions have forty connections, of which an eighth may wait, and one; a quarter
	// of these of one source.
	FEW_SESSIONS = 16,
	FEW_HELD = 6,
	FEW_OF_SOURCE = 2,
	MANY_SESSIONS = 1 << 16, // more may wait than a quarter of the ports
};

static struct wire wire;

static int set_up(void **state)
{
	wire_open(&wire, FEW_SESSIONS);
	return 0;
}

static int set_up_many(void **state)
{
	wire_open(&wire, MANY_SESSIONS);
	return 0;
}

static int tear_down(void **state)
{
	wire_close(&wire);
	return 0;
}

static void ask(const char *client, uint16_t port)
{
	wire_newcomer(&wire, client, port);
	wire_send(&wire, WIRE_CLIENT, "S", 0);
}

static const struct session_record *last_end(void)
{
	return &wire.world->records[(wire.world->record_count - 1) % WORLD_RECORDS];
}

static void those_who_wait_are_evicted_oldest_first(void **state)
{
	char client[20];

	for (uint16_t i = 1; i <= 2 * FEW_HELD; i++) {
		snprintf(client, sizeof(client), "10.1.%u.1", i);
		ask(client, i);
		if (i > FEW_HELD)
			assert_int_equal(last_end()->client_port, i - FEW_HELD);
	}
	assert_int_equal(wire_sessions(&wire), FEW_HELD);
	wire_expect_nothing(&wire, WIRE_CLIENT);
}

static void a_source_has_a_quarter(void **state)
{
	for (uint16_t i = 1; i <= 12; i++) {
		ask("10.1.0.9", i);
		if (i > FEW_OF_SOURCE)
			assert_int_equal(last_end()->client_port, i - FEW_OF_SOURCE);
	}
	assert_int_equal(wire_sessions(&wire), FEW_OF_SOURCE);
}

// Others keep their places while one asks and asks, and who has more than others loses first.
static void who_has_most_gives_way(void **state)
{
	ask("10.1.0.11", 1);
	ask("10.1.0.12", 2);
	ask("10.1.0.13", 3);
	for (uint16_t i = 10; i < 30; i++)
		ask("10.1.0.9", i);
	ask("10.1.0.14", 4);
	assert_int_equal(wire_sessions(&wire), FEW_HELD);
	ask("10.1.0.15", 5);
	assert_int_equal(last_end()->client_port, 28);
	ask("10.1.0.16", 6);
	assert_int_equal(last_end()->client_port, 1);
	assert_int_equal(wire_sessions(&wire), FEW_HELD);
}

static void ports_are_left(uint32_t most)
{
	const uint64_t used = counter_read(&wire.world->stats->nat_ports_in_use);
	struct flow_key client = world_key(IPPROTO_TCP, "10.1.0.1", 1, "10.1.0.2", WORLD_TCP_PORT);
	struct flow_lease lease;

	assert_true(used <= most);
	assert_int_equal(flow_lease_take(wire.world->engine, &wire.world->snapshot,
				 &wire.world->upstreams[WORLD_TCP], &client, &client, SLOT_NONE,
				 wire.world->now, &lease),
		DROP_NONE);
	flow_lease_give(wire.world->engine, &lease.key, &lease.past, wire.world->now);
}

static void flood(uint32_t from, uint32_t n)
{
	char client[20];

	for (uint32_t i = from; i < from + n; i++) {
		snprintf(client, sizeof(client), "11.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		ask(client, 5000);
	}
}

// From made-up sources, more SYNs than there are ports: three quarters of these stay free, and
// somebody who answers gets through.
static void a_flood_leaves_ports_to_others(void **state)
{
	struct wire_peer *target = &wire.peer[WIRE_TARGET];

	flood(0, PORTS + 1000);
	assert_int_equal(wire_sessions(&wire), PORTS / 4);
	ports_are_left(PORTS / 4);
	ask("10.1.0.1", 40000);

	struct wire_peer mine[] = {wire.peer[WIRE_CLIENT], wire.peer[WIRE_TARGET]};

	flood(PORTS + 1000, 10000);
	wire.peer[WIRE_CLIENT] = mine[WIRE_CLIENT];
	*target = mine[WIRE_TARGET];
	wire_expect(&wire, WIRE_TARGET, "S", 0);
	wire_send(&wire, WIRE_TARGET, "SA", 0);
	wire_expect(&wire, WIRE_CLIENT, "SA", 0);
	wire_acknowledge(&wire, WIRE_CLIENT);
	wire_send(&wire, WIRE_CLIENT, "PA", 5);
	wire_expect(&wire, WIRE_TARGET, "PA", 5);
}

// Those whom the target answered count as long as they do not answer themselves.
static void the_answered_count_too(void **state)
{
	for (uint16_t i = 0; i < 3; i++) {
		ask("10.1.0.9", (uint16_t)(100 + i));
		// Who gave way is reset at the target.
		if (i == FEW_OF_SOURCE)
			wire_lose(&wire, WIRE_TARGET, 1);
		wire_expect(&wire, WIRE_TARGET, "S", 0);
		wire_send(&wire, WIRE_TARGET, "SA", 0);
		wire_expect(&wire, WIRE_CLIENT, "SA", 0);
	}
	assert_int_equal(wire_sessions(&wire), FEW_OF_SOURCE);
	// One does answer, and counts no more.
	wire_acknowledge(&wire, WIRE_CLIENT);
	ask("10.1.0.9", 200);
	assert_int_equal(wire_sessions(&wire), FEW_OF_SOURCE + 1);
}

// The target answers in the turn in which the client's SYN gives way to another: the client hears
// nothing, now or later.
static void a_syn_that_gave_way_is_not_answered(void **state)
{
	struct wire_peer mine[2];

	ask("10.1.0.9", 1);
	wire_expect(&wire, WIRE_TARGET, "S", 0);
	memcpy(mine, wire.peer, sizeof(mine));
	ask("10.1.0.9", 2);
	wire.peer[WIRE_TARGET] = mine[WIRE_TARGET];
	wire_queue(&wire, WIRE_TARGET, "SA", 0);
	mine[WIRE_TARGET] = wire.peer[WIRE_TARGET];
	wire_newcomer(&wire, "10.1.0.9", 3);
	wire_queue(&wire, WIRE_CLIENT, "S", 0);
	// It asks again before anybody has taken notice.
	wire.peer[WIRE_CLIENT] = mine[WIRE_CLIENT];
	wire.peer[WIRE_CLIENT].next = 0;
	wire_queue(&wire, WIRE_CLIENT, "S", 0);
	wire.peer[WIRE_TARGET].is_known = true;
	wire_wait(&wire, SECONDS(3));
	wire_expect_nothing(&wire, WIRE_CLIENT);
	assert_int_equal(wire_sessions(&wire), FEW_OF_SOURCE);
}

// A connection in TIME-WAIT that owes an acknowledgement, for want of buffers, stays whole. When
// its port is another's it takes no segment any more.
static void a_port_given_on_has_no_earlier_owner(void **state)
{
	struct flow_key key;

	wire_shake_hands(&wire);
	wire_send(&wire, WIRE_CLIENT, "FA", 0);
	wire_expect(&wire, WIRE_TARGET, "FA", 0);
	wire.fail_next = 2; // at once, and at the end of the turn
	wire_send(&wire, WIRE_TARGET, "FA", 0);
	wire_expect(&wire, WIRE_CLIENT, "FA", 0);
	wire.fail_next = UINT32_MAX;
	wire_acknowledge(&wire, WIRE_CLIENT);
	assert_int_equal(wire_sessions(&wire), 0);
	key = world_reverse(&wire.peer[WIRE_TARGET].key);
	assert_true(relay_uses(wire.relay, &key, wire.world->now));
	assert_true(wire_is_taken(&wire, WIRE_TARGET, "A"));
	wire_wait(&wire, SECONDS(2));
	assert_false(relay_uses(wire.relay, &key, wire.world->now));
	assert_false(wire_is_taken(&wire, WIRE_TARGET, "SA"));
	wire.fail_next = 0;
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(those_who_wait_are_evicted_oldest_first),
		T(a_source_has_a_quarter),
		T(who_has_most_gives_way),
		cmocka_unit_test_setup_teardown(
			a_flood_leaves_ports_to_others, set_up_many, tear_down),
		T(the_answered_count_too),
		T(a_syn_that_gave_way_is_not_answered),
		T(a_port_given_on_has_no_earlier_owner),
	};

	return cmocka_run_group_tests_name("stream/held", tests, NULL, NULL);
}
