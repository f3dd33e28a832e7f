// SPDX-License-Identifier: BSD-3-Clause
// What passes a transparent listener segment by segment: boundaries, PSH, ends of both kinds,
// refusals, what SYNs offer.
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

#include "wire.h"

#define SECONDS(n) ((usec_t)(n)*USEC_PER_SECOND)

static struct wire wire;
static const enum wire_side sides[] = {WIRE_CLIENT, WIRE_TARGET};

static int set_up(void **state)
{
	wire_open(&wire, 16);
	return 0;
}

static int tear_down(void **state)
{
	wire_close(&wire);
	return 0;
}

static enum wire_side other(enum wire_side side)
{
	return side == WIRE_CLIENT ? WIRE_TARGET : WIRE_CLIENT;
}

static enum session_end last_end(void)
{
	assert_true(wire.world->record_count > 0);
	return wire.world->records[wire.world->record_count - 1].end;
}

static void every_segment_leaves_as_it_came(void **state)
{
	static const struct {
		const char *flags;
		uint32_t length;
	} segments[] = {{"PA", 1}, {"A", 1448}, {"A", 700}, {"PA", 3}, {"PA", 1}, {"A", 1},
		{"PA", 517}, {"A", 1448}, {"PA", 1448}};

	wire_shake_hands(&wire);
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned j = 0; j < nx_array_size(segments); j++) {
			wire_send(&wire, sides[i], segments[j].flags, segments[j].length);
			wire_expect(&wire, other(sides[i]), segments[j].flags, segments[j].length);
		}
		wire_acknowledge(&wire, other(sides[i]));
		// The same in one burst.
		for (unsigned j = 0; j < nx_array_size(segments); j++)
			wire_queue(&wire, sides[i], segments[j].flags, segments[j].length);
		wire_wait(&wire, 250);
		for (unsigned j = 0; j < nx_array_size(segments); j++)
			wire_expect(&wire, other(sides[i]), segments[j].flags, segments[j].length);
		wire_expect_nothing(&wire, other(sides[i]));
		wire_acknowledge(&wire, other(sides[i]));
	}
}

static void nothing_waits_for_an_acknowledgement(void **state)
{
	wire_shake_hands(&wire);
	for (uint32_t i = 0; i < 200; i++) {
		wire_send(&wire, WIRE_CLIENT, "PA", 1 + i % 3);
		wire_expect(&wire, WIRE_TARGET, "PA", 1 + i % 3);
	}
}

static void a_frame_of_many_leaves_as_they_were(void **state)
{
	wire_shake_hands(&wire);
	wire_send_frame(&wire, WIRE_TARGET, "PA", 5 * 1448 + 99, 1448);
	for (uint32_t i = 0; i < 5; i++)
		wire_expect(&wire, WIRE_CLIENT, "A", 1448);
	wire_expect(&wire, WIRE_CLIENT, "PA", 99);
	wire_acknowledge(&wire, WIRE_CLIENT);
	wire_send_frame(&wire, WIRE_CLIENT, "A", 4 * 301, 301);
	wire_send_frame(&wire, WIRE_CLIENT, "FPA", 3 * 1000 + 1, 1000);
	for (uint32_t i = 0; i < 4; i++)
		wire_expect(&wire, WIRE_TARGET, "A", 301);
	for (uint32_t i = 0; i < 3; i++)
		wire_expect(&wire, WIRE_TARGET, "A", 1000);
	wire_expect(&wire, WIRE_TARGET, "FPA", 1);
}

static void a_frame_without_buffers_comes_again(void **state)
{
	uint32_t begin;

	wire_shake_hands(&wire);
	begin = wire.peer[WIRE_TARGET].next;
	wire.fail_next = 1;
	wire_send_frame(&wire, WIRE_TARGET, "FPA", 3 * 1448, 1448);
	wire_expect_nothing(&wire, WIRE_CLIENT);
	wire_send_at(&wire, WIRE_TARGET, "A", begin, 1448);
	wire_send_at(&wire, WIRE_TARGET, "A", begin + 1448, 1448);
	wire_send_at(&wire, WIRE_TARGET, "FPA", begin + 2 * 1448, 1448);
	wire_expect(&wire, WIRE_CLIENT, "A", 1448);
	wire_expect(&wire, WIRE_CLIENT, "A", 1448);
	wire_expect(&wire, WIRE_CLIENT, "FPA", 1448);
}

static void segments_out_of_order_leave_in_order(void **state)
{
	uint32_t begin;

	wire_shake_hands(&wire);
	begin = wire.peer[WIRE_CLIENT].next;
	wire.peer[WIRE_CLIENT].next += 100;
	wire_send(&wire, WIRE_CLIENT, "PA", 7);
	wire_send(&wire, WIRE_CLIENT, "A", 300);
	wire_send(&wire, WIRE_CLIENT, "FPA", 20);
	wire_expect_nothing(&wire, WIRE_TARGET);
	wire_send_at(&wire, WIRE_CLIENT, "PA", begin, 100);
	wire_expect(&wire, WIRE_TARGET, "PA", 100);
	wire_expect(&wire, WIRE_TARGET, "PA", 7);
	wire_expect(&wire, WIRE_TARGET, "A", 300);
	wire_expect(&wire, WIRE_TARGET, "FPA", 20);
}

static void what_is_lost_comes_again_in_its_segments(void **state)
{
	wire_shake_hands(&wire);
	wire_send(&wire, WIRE_TARGET, "PA", 333);
	wire_send(&wire, WIRE_TARGET, "A", 1448);
	wire_send(&wire, WIRE_TARGET, "PA", 21);
	wire_lose(&wire, WIRE_CLIENT, 3);
	wire_wait(&wire, SECONDS(2));
	// A probe of the tail came first.
	wire_acknowledge(&wire, WIRE_CLIENT);
	wire.peer[WIRE_CLIENT].first += wire.peer[WIRE_CLIENT].count;
	wire.peer[WIRE_CLIENT].first %= WIRE_SENT_MAX;
	wire.peer[WIRE_CLIENT].count = 0;
	wire_wait(&wire, SECONDS(4));
	wire_expect(&wire, WIRE_CLIENT, "PA", 333);
	wire_acknowledge(&wire, WIRE_CLIENT);
	wire_expect(&wire, WIRE_CLIENT, "A", 1448);
	wire_acknowledge(&wire, WIRE_CLIENT);
	wire_wait(&wire, SECONDS(1));
	wire_expect(&wire, WIRE_CLIENT, "PA", 21);
}

static void ends_keep_their_kind(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		if (i > 0) {
			tear_down(state);
			set_up(state);
		}
		wire_shake_hands(&wire);
		// One side's in a segment of its own though data waits with it, the other's with
		// data.
		wire_queue(&wire, sides[i], "PA", 10);
		wire_queue(&wire, sides[i], "FA", 0);
		wire_wait(&wire, 250);
		wire_expect(&wire, other(sides[i]), "PA", 10);
		wire_expect(&wire, other(sides[i]), "FA", 0);
		wire_acknowledge(&wire, other(sides[i]));
		// Half closed, for as long as it takes.
		wire_wait(&wire, SECONDS(90));
		wire_send(&wire, other(sides[i]), "A", 600);
		wire_expect(&wire, sides[i], "A", 600);
		wire_send(&wire, other(sides[i]), "FPA", 5);
		wire_expect(&wire, sides[i], "FPA", 5);
		wire_acknowledge(&wire, sides[i]);
		wire_wait(&wire, SECONDS(1));
		assert_int_equal(wire_sessions(&wire), 0);
		assert_int_equal(last_end(), SESSION_END_CLOSED);
	}
}

// Whoever has closed learns at once that the relay has it, whenever the other side answers.
static void an_end_is_acknowledged_at_once(void **state)
{
	wire_shake_hands(&wire);
	wire_send(&wire, WIRE_CLIENT, "FA", 0);
	wire_expect(&wire, WIRE_TARGET, "FA", 0);
	wire_expect(&wire, WIRE_CLIENT, "A", 0);
}

static void resets_keep_their_kind(void **state)
{
	static const char *const kinds[] = {"R", "RA"};

	for (unsigned i = 0; i < 4; i++) {
		if (i > 0) {
			tear_down(state);
			set_up(state);
		}
		wire_shake_hands(&wire);
		wire_send(&wire, sides[i / 2], kinds[i % 2], 0);
		wire_expect(&wire, other(sides[i / 2]), kinds[i % 2], 0);
		assert_int_equal(wire_sessions(&wire), 0);
		assert_int_equal(last_end(), SESSION_END_RESET);
	}
}

static void a_reset_comes_behind_the_data_before_it(void **state)
{
	wire_shake_hands(&wire);
	wire_queue(&wire, WIRE_TARGET, "A", 1448);
	wire_queue(&wire, WIRE_TARGET, "PA", 17);
	wire_queue(&wire, WIRE_TARGET, "RA", 0);
	wire_wait(&wire, 250);
	wire_expect(&wire, WIRE_CLIENT, "A", 1448);
	wire_expect(&wire, WIRE_CLIENT, "PA", 17);
	wire_expect(&wire, WIRE_CLIENT, "RA", 0);
}

static void a_reset_behind_an_end_is_a_reset(void **state)
{
	wire_shake_hands(&wire);
	wire_send(&wire, WIRE_CLIENT, "FA", 0);
	wire_expect(&wire, WIRE_TARGET, "FA", 0);
	wire_send(&wire, WIRE_TARGET, "PA", 30);
	wire_expect(&wire, WIRE_CLIENT, "PA", 30);
	wire_send(&wire, WIRE_CLIENT, "R", 0);
	wire_expect(&wire, WIRE_TARGET, "R", 0);
}

static void a_reset_waits_for_no_window(void **state)
{
	wire.peer[WIRE_CLIENT].window = 1000;
	wire_shake_hands(&wire);
	for (uint32_t i = 0; i < 4; i++)
		wire_queue(&wire, WIRE_TARGET, "PA", 400);
	wire_queue(&wire, WIRE_TARGET, "RA", 0);
	wire_wait(&wire, 250);
	wire_expect(&wire, WIRE_CLIENT, "PA", 400);
	wire_expect(&wire, WIRE_CLIENT, "PA", 400);
	wire_expect(&wire, WIRE_CLIENT, "RA", 0);
	assert_int_equal(wire_sessions(&wire), 0);
}

static void a_refusal_is_a_refusal(void **state)
{
	const struct segment *s;

	wire_send(&wire, WIRE_CLIENT, "S", 0);
	wire_expect(&wire, WIRE_TARGET, "S", 0);
	wire.peer[WIRE_TARGET].terms = WIRE_NO_TIMESTAMPS;
	wire_send_at(&wire, WIRE_TARGET, "RA", 0, 0);
	s = wire_expect(&wire, WIRE_CLIENT, "RA", 0);
	assert_int_equal(s->acknowledgement, wire.peer[WIRE_CLIENT].base + 1);
	assert_int_equal(s->sequence, 0);
	assert_int_equal(s->window, 0);
	assert_false(s->has_timestamps);
	assert_int_equal(wire_sessions(&wire), 0);
	assert_int_equal(last_end(), SESSION_END_REFUSED);
}

static void a_silent_target_is_silence(void **state)
{
	wire_send(&wire, WIRE_CLIENT, "S", 0);
	wire_expect(&wire, WIRE_TARGET, "S", 0);
	// The client asks again: nobody is asked twice for it.
	wire_wait(&wire, 500000);
	wire_send_at(&wire, WIRE_CLIENT, "S", 0, 0);
	wire_expect_nothing(&wire, WIRE_TARGET);
	wire_wait(&wire, SECONDS(10));
	wire_expect_nothing(&wire, WIRE_CLIENT);
	assert_int_equal(wire_sessions(&wire), 0);
	assert_int_equal(last_end(), SESSION_END_UNANSWERED);
}

static void a_client_that_gives_up_is_forgotten(void **state)
{
	wire_send(&wire, WIRE_CLIENT, "S", 0);
	wire_expect(&wire, WIRE_TARGET, "S", 0);
	wire_send_at(&wire, WIRE_CLIENT, "R", 1, 0);
	assert_int_equal(wire_sessions(&wire), 0);
	wire_expect_nothing(&wire, WIRE_CLIENT);
}

static void a_client_that_never_comes_back_is_given_up(void **state)
{
	wire_send(&wire, WIRE_CLIENT, "S", 0);
	wire_expect(&wire, WIRE_TARGET, "S", 0);
	wire_send(&wire, WIRE_TARGET, "SA", 0);
	wire_expect(&wire, WIRE_CLIENT, "SA", 0);
	wire_wait(&wire, SECONDS(200));
	wire_expect(&wire, WIRE_TARGET, "RA", 0);
	assert_int_equal(wire_sessions(&wire), 0);
}

static void a_target_that_speaks_first_waits_for_the_client(void **state)
{
	wire_send(&wire, WIRE_CLIENT, "S", 0);
	wire_expect(&wire, WIRE_TARGET, "S", 0);
	wire_send(&wire, WIRE_TARGET, "SA", 0);
	wire_send(&wire, WIRE_TARGET, "PA", 40);
	wire_send(&wire, WIRE_TARGET, "FPA", 2);
	wire_expect(&wire, WIRE_CLIENT, "SA", 0);
	wire_expect_nothing(&wire, WIRE_CLIENT);
	wire_acknowledge(&wire, WIRE_CLIENT);
	wire_expect(&wire, WIRE_CLIENT, "PA", 40);
	wire_expect(&wire, WIRE_CLIENT, "FPA", 2);
}

static void a_target_that_resets_first_is_a_reset(void **state)
{
	wire_send(&wire, WIRE_CLIENT, "S", 0);
	wire_expect(&wire, WIRE_TARGET, "S", 0);
	wire_send(&wire, WIRE_TARGET, "SA", 0);
	wire_expect(&wire, WIRE_CLIENT, "SA", 0);
	wire_send(&wire, WIRE_TARGET, "RA", 0);
	wire_expect(&wire, WIRE_CLIENT, "RA", 0);
	assert_int_equal(wire_sessions(&wire), 0);
}

// Each side is offered what the other can do.
static void what_syns_offer_is_carried(void **state)
{
	static const uint8_t terms[] = {0, WIRE_NO_TIMESTAMPS, WIRE_NO_SACK, WIRE_NO_SCALE,
		WIRE_NO_TIMESTAMPS | WIRE_NO_SACK | WIRE_NO_SCALE};
	const struct segment *s;

	for (unsigned i = 0; i < 2 * nx_array_size(terms); i++) {
		uint8_t without = terms[i / 2];

		if (i > 0) {
			tear_down(state);
			set_up(state);
		}
		wire.peer[sides[i % 2]].terms = without;
		wire.peer[sides[i % 2]].mss = 1300;
		wire_send(&wire, WIRE_CLIENT, "S", 0);
		s = wire_expect(&wire, WIRE_TARGET, "S", 0);
		if (i % 2 == 1) {
			assert_true(s->has_timestamps && s->sack_permitted && s->has_scale);
			assert_int_equal(s->mss, 1460);
			wire_send(&wire, WIRE_TARGET, "SA", 0);
			s = wire_expect(&wire, WIRE_CLIENT, "SA", 0);
		}
		assert_int_equal(s->has_timestamps, !(without & WIRE_NO_TIMESTAMPS));
		assert_int_equal(s->sack_permitted, !(without & WIRE_NO_SACK));
		assert_int_equal(s->has_scale, !(without & WIRE_NO_SCALE));
		assert_int_equal(s->mss, 1300);
	}
}

static void what_is_too_long_for_the_other_side_is_divided(void **state)
{
	wire.peer[WIRE_TARGET].mss = 1000;
	wire_shake_hands(&wire);
	// A client that does not keep to the MSS it was told.
	wire_send(&wire, WIRE_CLIENT, "PA", 1448);
	wire_expect(&wire, WIRE_TARGET, "A", 988);
	wire_expect(&wire, WIRE_TARGET, "PA", 460);
	wire_send(&wire, WIRE_CLIENT, "A", 5);
	wire_expect(&wire, WIRE_TARGET, "A", 5);
}

static void a_slow_reader_keeps_the_boundaries(void **state)
{
	wire.peer[WIRE_CLIENT].window = 2000;
	wire_shake_hands(&wire);
	for (uint32_t i = 0; i < 12; i++)
		wire_send(&wire, WIRE_TARGET, "PA", 300 + i);
	for (uint32_t i = 0; i < 12; i++) {
		if (i % 6 == 0)
			wire_acknowledge(&wire, WIRE_CLIENT);
		wire_expect(&wire, WIRE_CLIENT, "PA", 300 + i);
		if (i % 6 == 5)
			wire_expect_nothing(&wire, WIRE_CLIENT);
	}
}

static void backpressure_is_as_before(void **state)
{
	struct wire_peer *target = &wire.peer[WIRE_TARGET];
	size_t most = 0;

	wire.peer[WIRE_CLIENT].window = 3000;
	relay_memory_limit(wire.relay, 64 << 10);
	wire_shake_hands(&wire);
	for (uint32_t i = 0; i < 4000; i++) {
		wire_send(&wire, WIRE_TARGET, "PA", 1);
		most = most > buffer_heap_alive() ? most : buffer_heap_alive();
		target->count = 0;
	}
	assert_true(most < 2 * 64 * 1024 / 150);
}

// Each of the segments that a port joined is kept by itself: what that would take beyond the memory
// is let go, and what was kept goes on.
static void joined_segments_stay_within_the_memory(void **state)
{
	const struct tcp_stats *stats = relay_tcp_stats(wire.relay);
	struct wire_peer *client = &wire.peer[WIRE_CLIENT];
	uint32_t kept = 0;

	relay_memory_limit(wire.relay, 64 << 10);
	wire_shake_hands(&wire);
	wire_send_frame(&wire, WIRE_TARGET, "FPA", 8000, 1);
	assert_true(buffer_heap_alive() < 2 * 64 * 1024 / 150);
	assert_int_equal(counter_read(&stats->frames_cut_short), 1);
	while (client->count > 0) {
		wire_expect(&wire, WIRE_CLIENT, "A", 1);
		kept++;
		if (client->count == 0)
			wire_acknowledge(&wire, WIRE_CLIENT);
	}
	assert_true(kept > 100);
	assert_true(kept < 2 * 64 * 1024 / 150);
	// The rest comes again.
	for (uint32_t i = kept; i < kept + 3; i++) {
		wire_send_at(&wire, WIRE_TARGET, "PA", 1 + i, 1);
		wire_expect(&wire, WIRE_CLIENT, "PA", 1);
	}
	wire_expect_nothing(&wire, WIRE_CLIENT);
}

static void the_header_of_a_proxy_is_a_segment_of_its_own(void **state)
{
	static const char line[] = "PROXY TCP4 10.1.0.1 10.1.0.2 40000 9000\r\n";

	wire.world->upstreams[WORLD_TCP].proxy_protocol = 1;
	wire.peer[WIRE_TARGET].preface = strlen(line);
	wire_shake_hands(&wire);
	wire_send(&wire, WIRE_CLIENT, "A", 11);
	wire_expect(&wire, WIRE_TARGET, "PA", strlen(line));
	wire_expect(&wire, WIRE_TARGET, "A", 11);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(every_segment_leaves_as_it_came),
		T(nothing_waits_for_an_acknowledgement),
		T(a_frame_of_many_leaves_as_they_were),
		T(a_frame_without_buffers_comes_again),
		T(segments_out_of_order_leave_in_order),
		T(what_is_lost_comes_again_in_its_segments),
		T(ends_keep_their_kind),
		T(an_end_is_acknowledged_at_once),
		T(resets_keep_their_kind),
		T(a_reset_comes_behind_the_data_before_it),
		T(a_reset_behind_an_end_is_a_reset),
		T(a_reset_waits_for_no_window),
		T(a_refusal_is_a_refusal),
		T(a_silent_target_is_silence),
		T(a_client_that_gives_up_is_forgotten),
		T(a_client_that_never_comes_back_is_given_up),
		T(a_target_that_speaks_first_waits_for_the_client),
		T(a_target_that_resets_first_is_a_reset),
		T(what_syns_offer_is_carried),
		T(what_is_too_long_for_the_other_side_is_divided),
		T(a_slow_reader_keeps_the_boundaries),
		T(backpressure_is_as_before),
		T(joined_segments_stay_within_the_memory),
		T(the_header_of_a_proxy_is_a_segment_of_its_own),
	};

	return cmocka_run_group_tests_name("stream/transparent", tests, NULL, NULL);
}
