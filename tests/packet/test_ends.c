// SPDX-License-Identifier: BSD-3-Clause
// When sessions without a tracker end, and what is told of it.
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/engine_impl.h"
#include "nat.h"
#include "pkt/icmp.h"

static void udp_session_ends_when_idle(void **state)
{
	struct world *w = new_world();
	struct world_packet p = from_client(0, IPPROTO_UDP, 5000);
	struct world_outcome out = send_ok(w, &p);
	struct world_packet reply = reply_to(&out, IPPROTO_UDP);

	send_ok(w, &reply);
	for (int i = 0; i < 5; i++) {
		world_wait(w, 25 * USEC_PER_SECOND);
		assert_int_equal(send_ok(w, &p).session, out.session);
	}
	world_wait(w, 31 * USEC_PER_SECOND);
	assert_int_equal(world_sessions(w), 0);
	assert_int_equal(w->reset_count, 0);
	assert_int_equal(world_destroy(w), 0);
}

static void udp_exchange_keeps_the_idle_timeout_and_its_bytes(void **state)
{
	struct world *w = new_world();
	struct world_packet p = from_client(0, IPPROTO_UDP, 5000);
	struct world_outcome out = send_ok(w, &p);
	struct world_packet reply = reply_to(&out, IPPROTO_UDP);

	flow_engine_log(w->engine, 1);
	for (int i = 0; i < 3; i++) {
		world_wait(w, 9 * USEC_PER_SECOND);
		send_ok(w, &reply);
	}
	world_wait(w, 29 * USEC_PER_SECOND);
	assert_int_equal(world_sessions(w), 1);
	world_wait(w, 2 * USEC_PER_SECOND);
	assert_int_equal(world_sessions(w), 0);
	assert_int_equal(w->record_count, 1);
	assert_int_equal(w->records[0].end, SESSION_END_IDLE);
	assert_int_equal(w->records[0].bytes[0], 100);
	assert_int_equal(w->records[0].bytes[1], 600);
	assert_int_equal(w->event_count, 0);
	assert_int_equal(world_destroy(w), 0);
}

static void stream_from_the_target_confirms_a_udp_session(void **state)
{
	struct world *w = new_world();
	struct world_packet p = from_client(0, IPPROTO_UDP, 5000);
	struct world_outcome out = send_ok(w, &p);
	struct world_packet reply = reply_to(&out, IPPROTO_UDP);

	for (int i = 0; i < 100; i++)
		send_ok(w, &reply);
	assert_int_equal(counter_read(&w->stats->sessions_unanswered), 0);
	flow_engine_log(w->engine, 1);
	world_wait(w, 31 * USEC_PER_SECOND);
	assert_int_equal(w->records[0].packets[1], 100);
	assert_int_equal(w->records[0].bytes[1], 20000);
	assert_int_equal(world_destroy(w), 0);
}

static void long_idle_timeout_ends_an_exchange_too(void **state)
{
	struct world *w = new_world();
	struct world_packet p = from_client(0, IPPROTO_UDP, 5000);
	struct world_packet reply;

	w->listeners[WORLD_UDP].idle_timeout = 600 * USEC_PER_SECOND;
	reply = reply_to(&(struct world_outcome){.key = send_ok(w, &p).key}, IPPROTO_UDP);
	send_ok(w, &reply);
	world_wait(w, 400 * USEC_PER_SECOND);
	send_ok(w, &reply);
	world_wait(w, 590 * USEC_PER_SECOND);
	assert_int_equal(world_sessions(w), 1);
	world_wait(w, 20 * USEC_PER_SECOND);
	assert_int_equal(world_sessions(w), 0);
	assert_int_equal(world_destroy(w), 0);
}

static void alternating_events_are_held_back_too(void **state)
{
	struct world *w = new_world();

	// Kinds and subjects that share a place: each is told once a second all the same.
	for (uint32_t i = 0; i < 100; i++)
		flow_engine_notice(w->engine, &(struct worker_event){
						      .kind = EVENT_KIND_NAT_PORTS_EXHAUSTED,
						      .subject = (uint16_t)(i % 2 * 64),
						      .count = 1,
						      .time = w->now,
					      });
	assert_int_equal(w->event_count, 2);
	// Many of them are told for no more than there are places.
	for (uint16_t i = 0; i < 1000; i++)
		flow_engine_notice(w->engine, &(struct worker_event){
						      .kind = EVENT_KIND_NAT_PORTS_EXHAUSTED,
						      .subject = (uint16_t)(i * 64),
						      .count = 1,
						      .time = w->now,
					      });
	assert_true(w->event_count <= EVENT_WAYS);
	assert_int_equal(world_destroy(w), 0);
}

static void udp_session_with_timeout_zero_never_ends(void **state)
{
	struct world *w = new_world();
	struct world_packet p = from_client(0, IPPROTO_UDP, 5000);
	struct world_packet reply;
	struct world_outcome out;

	w->listeners[WORLD_UDP].idle_timeout = 0;
	out = send_ok(w, &p);
	reply = reply_to(&out, IPPROTO_UDP);
	send_ok(w, &reply);
	world_wait(w, 100000 * USEC_PER_SECOND);
	assert_int_equal(world_sessions(w), 1);
	assert_int_equal(world_destroy(w), 0);
}

static void unanswered_udp_ends_soon_and_is_told(void **state)
{
	struct world *w = new_world();
	struct world_packet p = from_client(0, IPPROTO_UDP, 5000);

	for (int i = 0; i < 9; i++) {
		send_ok(w, &p);
		world_wait(w, USEC_PER_SECOND);
	}
	assert_int_equal(world_sessions(w), 1);
	world_wait(w, 2 * USEC_PER_SECOND);
	assert_int_equal(world_sessions(w), 0);
	assert_int_equal(counter_read(&w->stats->targets[2].connect_failed), 1);
	assert_int_equal(w->event_count, 1);
	assert_int_equal(w->events[0].kind, EVENT_KIND_UDP_UPSTREAM_CONNECT_FAILED);
	assert_int_equal(w->events[0].subject, 2);
	assert_int_equal(world_destroy(w), 0);
}

static void events_are_rate_limited_and_carry_their_count(void **state)
{
	struct world *w = new_world();
	uint32_t total = 0;

	for (uint16_t i = 0; i < 100; i++) {
		struct world_packet p = from_client(0, IPPROTO_TCP, (uint16_t)(2000 + i));
		struct world_outcome out = send_ok(w, &p);
		struct world_packet refusal = reply_to(&out, IPPROTO_TCP);

		refusal.flags = TCP_FLAG_RST | TCP_FLAG_ACK;
		send_ok(w, &refusal);
	}
	assert_int_equal(w->event_count, 1);
	world_wait(w, 2 * USEC_PER_SECOND);
	// Timers run once at least: the lingering sessions' own.
	world_wait(w, 20 * USEC_PER_SECOND);
	assert_int_equal(w->event_count, 2);
	for (uint32_t i = 0; i < w->event_count; i++)
		total += w->events[i].count;
	assert_int_equal(total, 100);
	assert_int_equal(counter_read(&w->stats->targets[0].connect_failed), 100);
	assert_int_equal(world_destroy(w), 0);
}

#define T(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(udp_session_ends_when_idle),
		T(udp_exchange_keeps_the_idle_timeout_and_its_bytes),
		T(stream_from_the_target_confirms_a_udp_session),
		T(long_idle_timeout_ends_an_exchange_too),
		T(alternating_events_are_held_back_too),
		T(udp_session_with_timeout_zero_never_ends),
		T(unanswered_udp_ends_soon_and_is_told),
		T(events_are_rate_limited_and_carry_their_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
