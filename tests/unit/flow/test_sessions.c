// SPDX-License-Identifier: BSD-3-Clause
// Bounds of the engine: shares, evictions, exhaustion, and failures at every step.
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/memory.h"
#include "flow/engine_impl.h"
#include "world.h"

static struct world *new_world(uint32_t sessions)
{
	struct world *w = world_create(&(struct world_options){.sessions = sessions});

	assert_non_null(w);
	return w;
}

// The n-th client: a different address each, `tcp` or UDP.
static struct world_packet from_client(bool tcp, uint32_t n)
{
	struct world_packet p = {
		.key = world_key(tcp ? IPPROTO_TCP : IPPROTO_UDP, "11.0.0.0", 5000, "10.1.0.2",
			tcp ? WORLD_TCP_PORT : WORLD_UDP_PORT),
		.flags = TCP_FLAG_SYN,
		.window = 65535,
		.sequence = 1000,
	};

	p.key.source.words[3] = htobe32(0x0b000000 + n);
	return p;
}

static struct world_packet reply_to(const struct world_outcome *out)
{
	return (struct world_packet){
		.key = world_reverse(&out->key),
		.flags = TCP_FLAG_SYN | TCP_FLAG_ACK,
		.acknowledgement = 1001,
		.sequence = 9000,
		.window = 65535,
		.netif = 1,
	};
}

static struct world_outcome connect_nth(struct world *w, uint32_t n)
{
	struct world_packet p = from_client(true, n);
	struct world_outcome out = world_send(w, &p);
	struct world_packet reply = reply_to(&out);

	assert_int_equal(out.verdict, FLOW_FORWARD);
	assert_int_equal(world_send(w, &reply).verdict, FLOW_FORWARD);
	p.flags = TCP_FLAG_ACK;
	p.sequence = 1001;
	p.acknowledgement = 9001;
	assert_int_equal(world_send(w, &p).verdict, FLOW_FORWARD);
	return out;
}

static bool is_alive(struct world *w, uint32_t n)
{
	struct world_packet p = from_client(true, n);

	p.flags = TCP_FLAG_ACK;
	p.sequence = 1001;
	p.acknowledgement = 9001;
	return world_send(w, &p).verdict == FLOW_FORWARD;
}

static void flood_leaves_answered_sessions_and_new_connections_alone(void **state)
{
	for (int tcp = 0; tcp < 2; tcp++) {
		struct world *w = new_world(1024);

		for (uint32_t n = 0; n < 700; n++)
			connect_nth(w, n);
		for (uint32_t n = 0; n < 20000; n++) {
			struct world_packet p = from_client(tcp, 100000 + n);

			assert_int_equal(world_send(w, &p).verdict, FLOW_FORWARD);
			w->now += 5;
			if (n % 1000 == 0)
				connect_nth(w, 50000 + n);
		}
		assert_int_equal(counter_read(&w->stats->sessions_unanswered), 256);
		assert_int_equal(counter_read(&w->stats->drops[DROP_SESSION_EVICTED]), 20000 - 256);
		for (uint32_t n = 0; n < 700; n++)
			assert_true(is_alive(w, n));
		assert_int_equal(world_destroy(w), 0);
	}
}

// The target answers every datagram of the flood: still, no one proved to be there.
static void answered_flood_gives_way_to_connections(void **state)
{
	struct world *w = new_world(1024);

	for (uint32_t n = 0; n < 700; n++)
		connect_nth(w, n);
	for (uint32_t n = 0; n < 20000; n++) {
		struct world_packet p = from_client(false, 100000 + n);
		struct world_outcome out = world_send(w, &p);
		struct world_packet reply = reply_to(&out);

		assert_int_equal(out.verdict, FLOW_FORWARD);
		assert_int_equal(world_send(w, &reply).verdict, FLOW_FORWARD);
		w->now += 5;
	}
	assert_int_equal(w->engine->exchanged.count, 1024 - 700);
	assert_int_equal(counter_read(&w->stats->drops[DROP_SESSION_EVICTED]), 0);
	for (uint32_t n = 0; n < 700; n++)
		assert_true(is_alive(w, n));
	connect_nth(w, 999);
	assert_int_equal(world_destroy(w), 0);
}

static void exhausted_ports_are_taken_from_single_exchanges(void **state)
{
	struct world *w = world_create(
		&(struct world_options){.sessions = 8192, .worker = 5, .worker_count = 64});

	assert_non_null(w);
	for (uint32_t n = 0; n < 3000; n++) {
		struct world_packet p = from_client(false, n);
		struct world_outcome out = world_send(w, &p);
		struct world_packet reply = reply_to(&out);

		assert_int_equal(out.verdict, FLOW_FORWARD);
		assert_int_equal(world_send(w, &reply).verdict, FLOW_FORWARD);
	}
	assert_int_equal(world_ports(w), 1008);
	assert_int_equal(w->engine->exchanged.count, 1008);
	assert_int_equal(world_destroy(w), 0);
}

static void unanswered_are_evicted_oldest_first(void **state)
{
	struct world *w = new_world(64);

	for (uint32_t n = 0; n < 18; n++) {
		struct world_packet p = from_client(true, n);

		assert_int_equal(world_send(w, &p).verdict, FLOW_FORWARD);
	}
	for (uint32_t n = 0; n < 18; n++) {
		struct flow_key key = from_client(true, n).key;
		uint32_t found =
			engine_find(w->engine, &key, flow_key_hash(&key, w->engine->config.seed));

		assert_int_equal(found == FLOW_REFERENCE_NONE, n < 2);
	}
	assert_int_equal(world_destroy(w), 0);
}

static void one_source_has_a_quarter_of_the_unanswered(void **state)
{
	struct world *w = new_world(1024);
	struct world_packet p = from_client(true, 1);

	for (uint16_t i = 0; i < 64; i++) {
		p.key.source_port = be16_from_host((uint16_t)(2000 + i));
		assert_int_equal(world_send(w, &p).verdict, FLOW_FORWARD);
	}
	p.key.source_port = be16_from_host(3000);
	assert_int_equal(world_send(w, &p).reason, DROP_SESSION_SOURCE_LIMIT);
	connect_nth(w, 2);
	world_wait(w, 6 * USEC_PER_SECOND);
	assert_int_equal(world_send(w, &p).verdict, FLOW_FORWARD);
	assert_int_equal(world_destroy(w), 0);
}

static void full_table_takes_no_answered_session_back(void **state)
{
	struct world *w = new_world(64);
	struct world_packet p = from_client(true, 1000);
	struct world_outcome out;

	for (uint32_t n = 0; n < 64; n++)
		connect_nth(w, n);
	out = world_send(w, &p);
	assert_int_equal(out.reason, DROP_SESSION_TABLE_FULL);
	assert_int_equal(w->events[0].kind, EVENT_KIND_SESSION_TABLE_FULL);
	for (uint32_t n = 0; n < 64; n++)
		assert_true(is_alive(w, n));
	// A session that is over gives its place.
	p = from_client(true, 7);
	p.flags = TCP_FLAG_RST;
	p.sequence = 1001;
	assert_int_equal(world_send(w, &p).verdict, FLOW_FORWARD);
	connect_nth(w, 1000);
	assert_false(is_alive(w, 7));
	assert_int_equal(world_destroy(w), 0);
}

static void exhausted_ports_are_a_named_drop_and_an_event(void **state)
{
	// 64 workers: 1,008 ports each.
	struct world *w = world_create(
		&(struct world_options){.sessions = 8192, .worker = 5, .worker_count = 64});
	struct world_packet p = from_client(true, 5000);

	assert_non_null(w);
	for (uint32_t n = 0; n < 1008; n++)
		connect_nth(w, n);
	assert_int_equal(world_ports(w), 1008);
	assert_int_equal(world_send(w, &p).reason, DROP_NAT_PORTS_EXHAUSTED);
	assert_int_equal(w->event_count, 1);
	assert_int_equal(w->events[0].kind, EVENT_KIND_NAT_PORTS_EXHAUSTED);
	assert_int_equal(world_sessions(w), 1008);
	// A second source address helps.
	w->targets[0].sources[1] = w->targets[0].sources[0];
	w->targets[0].sources[1].bytes[15] = 3;
	w->targets[0].source_count = 2;
	connect_nth(w, 5000);
	assert_int_equal(world_destroy(w), 0);
}

static void unanswered_have_a_quarter_of_the_ports(void **state)
{
	struct world *w = world_create(
		&(struct world_options){.sessions = 8192, .worker = 5, .worker_count = 64});

	assert_non_null(w);
	for (uint32_t n = 0; n < 3000; n++) {
		struct world_packet p = from_client(true, n);

		assert_int_equal(world_send(w, &p).verdict, FLOW_FORWARD);
	}
	assert_int_equal(world_ports(w), 252);
	connect_nth(w, 9999);
	assert_int_equal(world_destroy(w), 0);
}

// A finished session lends its port when all others are taken.
static void port_of_a_finished_session_is_lent(void **state)
{
	struct world *w = world_create(
		&(struct world_options){.sessions = 8192, .worker = 5, .worker_count = 64});
	struct world_packet p = from_client(true, 3);

	assert_non_null(w);
	for (uint32_t n = 0; n < 1008; n++)
		connect_nth(w, n);
	p.flags = TCP_FLAG_RST;
	p.sequence = 1001;
	assert_int_equal(world_send(w, &p).verdict, FLOW_FORWARD);
	assert_int_equal(world_sessions(w), 1008);
	connect_nth(w, 5000);
	assert_int_equal(world_sessions(w), 1008);
	assert_false(is_alive(w, 3));
	assert_int_equal(world_destroy(w), 0);
}

static void engine_keeps_nothing_when_memory_is_out(void **state)
{
	uint64_t before = memory_mapped();
	uint32_t nth = 1;

	for (; nth < 100; nth++) {
		struct world *w;

		memory_fail_at(nth);
		w = world_create(&(struct world_options){0});
		memory_fail_at(0);
		if (w) {
			assert_int_equal(world_destroy(w), 0);
			break;
		}
		assert_int_equal(memory_mapped(), before);
	}
	assert_in_range(nth, 6, 20);
	assert_int_equal(memory_mapped(), before);
}

static void failed_opening_keeps_nothing(void **state)
{
	struct world *w = new_world(64);
	struct world_packet p = from_client(true, 1);
	uint32_t capacity = w->engine->table.capacity;

	w->engine->sessions.fail_at = 1;
	assert_int_equal(world_send(w, &p).reason, DROP_SESSION_TABLE_FULL);
	for (uint32_t room = 0; room < 2; room++) {
		w->engine->table.capacity = room;
		assert_int_equal(world_send(w, &p).reason, DROP_FLOW_TABLE_FULL);
		assert_int_equal(world_sessions(w), 0);
		assert_int_equal(world_ports(w), 0);
		assert_int_equal(w->engine->table.used, 0);
		assert_int_equal(w->engine->sources.live, 0);
	}
	w->engine->table.capacity = capacity;
	w->targets[0].source_count = 0;
	assert_int_equal(world_send(w, &p).reason, DROP_NAT_PORTS_EXHAUSTED);
	assert_int_equal(world_sessions(w), 0);
	assert_int_equal(w->engine->sources.live, 0);
	assert_int_equal(world_destroy(w), 0);
}

static void listed_port_is_no_source_with_several_workers(void **state)
{
	struct world *w = world_create(
		&(struct world_options){.sessions = 2048, .worker = 0, .worker_count = 64});
	// Every listener port of this worker but the last 16 is taken by a range.
	struct listen_entry entry = {.listener = WORLD_TCP};

	assert_non_null(w);
	w->entries[WORLD_TCP] = entry;
	for (uint32_t port = 1024; port < 65536; port++)
		if ((port - 1024) / 64 % 4 != 0)
			w->listen_head[WORLD_TCP][port] = 1;
	for (uint32_t n = 0; n < 200; n++) {
		struct world_packet p = from_client(true, n);
		struct world_outcome out;

		p.key.destination_port = be16_from_host(WORLD_TCP_PORT);
		out = world_send(w, &p);
		assert_int_equal(out.verdict, FLOW_FORWARD);
		assert_int_equal((be16_to_host(out.key.source_port) - 1024) / 64 % 4, 0);
	}
	assert_int_equal(world_destroy(w), 0);
}

static void session_is_three_lines_and_all_of_it_under_256_bytes(void **state)
{
	struct world *w = new_world(1000000);
	double table = (double)w->engine->table.bucket_count * sizeof(struct flow_bucket) / 1000000;
	double all = sizeof(struct session) + sizeof(struct wheel_entry) +
		     sizeof(struct port_entry) + table;

	assert_true(all <= 256);
	assert_int_equal(world_destroy(w), 0);
}

#define T(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(flood_leaves_answered_sessions_and_new_connections_alone),
		T(answered_flood_gives_way_to_connections),
		T(exhausted_ports_are_taken_from_single_exchanges),
		T(unanswered_are_evicted_oldest_first),
		T(one_source_has_a_quarter_of_the_unanswered),
		T(full_table_takes_no_answered_session_back),
		T(exhausted_ports_are_a_named_drop_and_an_event),
		T(unanswered_have_a_quarter_of_the_ports),
		T(port_of_a_finished_session_is_lent),
		T(engine_keeps_nothing_when_memory_is_out),
		T(failed_opening_keeps_nothing),
		T(listed_port_is_no_source_with_several_workers),
		T(session_is_three_lines_and_all_of_it_under_256_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
