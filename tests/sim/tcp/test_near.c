// SPDX-License-Identifier: BSD-3-Clause
// Streams over short round trips and ports that cut packets up: what leaves as one packet is one
// entry of the send queue there, and is divided where something of it is missing.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "pair.h"

#define SECONDS          USEC_PER_SECOND
#define STAT(side, name) counter_read(&pair_stats(&pair, side)->name)

static struct pair pair;

static void open_near(const struct pair_options *options)
{
	struct pair_options o = *options;

	o.offload = TCP_OFFLOAD_CHECKSUM | TCP_OFFLOAD_SEGMENT;
	pair_open(&pair, &o);
	for (unsigned i = 0; i < 2; i++) {
		pair.link[i] = (struct pair_link){.delay_us = 100};
		pair.user[i].keeps_open = true;
		pair.user[i].chunk = 60000;
	}
}

static void connect_near(void)
{
	pair_connect(&pair);
	assert_true(pair_run(&pair, pair_is_open, 5 * SECONDS));
	// A round trip is known from here on.
	pair.user[1].to_send = 1000;
	pair_run(&pair, pair_never, SECONDS);
	assert_in_range(pair_info(&pair, 1).round_trip_us, 1, 1999);
}

static void finish(usec_t most)
{
	for (unsigned i = 0; i < 2; i++)
		pair.user[i].keeps_open = false;
	assert_true(pair_run(&pair, pair_is_done, most));
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pair.user[i].received, pair.user[!i].to_send);
	pair_close(&pair);
}

static void packets_are_as_long_as_they_may_be(void **state)
{
	uint64_t before;

	(void)state;
	open_near(&(struct pair_options){.seed = 1});
	connect_near();
	pair.user[1].to_send += 4000000;
	pair_run(&pair, pair_never, SECONDS);
	before = pair.segmented;
	pair.user[1].to_send += 20000000;
	pair_run(&pair, pair_never, SECONDS);
	assert_int_equal(pair.user[0].received, pair.user[1].to_send);
	assert_in_range(pair.segmented - before, 20000000 / 65160, 20000000 / 50000);
	finish(10 * SECONDS);
}

// Packets of the server for so many bytes more, in one piece.
static uint64_t packets_for(uint32_t bytes)
{
	uint64_t before = STAT(1, segments_sent);

	pair.user[1].to_send += bytes;
	pair_run(&pair, pair_never, SECONDS);
	assert_int_equal(pair.user[0].received, pair.user[1].to_send);
	return STAT(1, segments_sent) - before;
}

static void a_short_end_leaves_with_the_full_segments_before_it(void **state)
{
	struct pair_options o = {.seed = 5};
	uint32_t mss;

	(void)state;
	open_near(&o);
	connect_near();
	mss = pair_info(&pair, 1).mss;
	assert_int_equal(packets_for(mss + 22), 1);
	assert_int_equal(packets_for(5 * mss + 1), 1);
	assert_int_equal(packets_for(mss), 1);
	finish(10 * SECONDS);
	// Where short segments wait for what is out, it does so, too.
	o.profile[1].flags = TCP_NAGLE;
	open_near(&o);
	connect_near();
	assert_int_equal(packets_for(mss + 22), 2);
	finish(10 * SECONDS);
}

// A window that fills a queue has its own round trips grow; the path is as short as before.
static void a_queue_makes_no_path_longer(void **state)
{
	const uint32_t bytes = 4000000;
	struct pair_options o = {.seed = 6};
	struct tcp_info info;
	uint64_t before;

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		o.profile[i].receive_memory = o.profile[i].send_memory = 16u << 20;
	o.profile[0].initial_window = 4u << 20;
	open_near(&o);
	pair.link[0].rate_bps = 2000000000;
	connect_near();
	pair.user[1].to_send += 100000000;
	while (pair.user[0].received < pair.user[1].to_send)
		pair_run(&pair, pair_never, 1000);
	info = pair_info(&pair, 1);
	assert_in_range(info.round_trip_us, 4000, UINT32_MAX);
	assert_true(info.congestion_window >= bytes);
	assert_int_equal(info.pacing_rate, 0);
	before = pair.segmented;
	pair.user[1].to_send += bytes;
	while (pair.user[0].received < pair.user[1].to_send)
		pair_run(&pair, pair_never, 1000);
	assert_in_range(pair.segmented - before, bytes / 65160, bytes / 50000);
	finish(10 * SECONDS);
}

static void a_path_that_is_long_is_paced(void **state)
{
	(void)state;
	open_near(&(struct pair_options){.seed = 7});
	pair.link[0].delay_us = pair.link[1].delay_us = 1500;
	pair_connect(&pair);
	assert_true(pair_run(&pair, pair_is_open, 5 * SECONDS));
	pair.user[1].to_send = 20000000;
	pair_run(&pair, pair_never, SECONDS / 20);
	assert_true(pair_info(&pair, 1).pacing_rate > 0);
	finish(10 * SECONDS);
}

static void only_what_is_missing_is_sent_again(void **state)
{
	(void)state;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		open_near(&(struct pair_options){.seed = 2 + v6, .v6 = v6});
		connect_near();
		pair.link[0].loss_ppm = 1000;
		pair.user[1].to_send += 20000000;
		pair_run(&pair, pair_never, 20 * SECONDS);
		assert_int_equal(pair.user[0].received, pair.user[1].to_send);
		assert_true(pair.lost > 5);
		// A border of two buffers in a segment makes it two entries.
		assert_true(STAT(1, retransmitted_bytes) <= 2 * pair.lost * 1448);
		assert_int_equal(STAT(1, retransmission_timeouts), 0);
		finish(10 * SECONDS);
	}
}

static void a_lost_tail_is_probed_by_its_last_segment(void **state)
{
	(void)state;
	open_near(&(struct pair_options){.seed = 4});
	connect_near();
	pair.link[0].loss_ppm = 1000000;
	pair.user[1].to_send += 6 * pair_info(&pair, 1).mss;
	pair_run(&pair, pair_never, 50000);
	assert_int_equal(STAT(1, tail_loss_probes), 1);
	assert_int_equal(STAT(1, retransmitted_bytes), pair_info(&pair, 1).mss);
	pair.link[0].loss_ppm = 0;
	finish(10 * SECONDS);
}

static void survive(uint64_t seed)
{
	struct pair_options o = {.seed = seed, .v6 = seed % 2};

	for (unsigned i = 0; i < 2; i++) {
		o.profile[i].flags = (uint32_t)(seed % 4) | (seed % 6 == 0 ? TCP_NAGLE : 0);
		o.profile[i].congestion = seed % 7 == 1;
	}
	o.fail_ppm = seed % 3 == 0 ? 20000 : 0;
	open_near(&o);
	for (unsigned i = 0; i < 2; i++)
		pair.link[i] = (struct pair_link){.loss_ppm = (uint32_t)(seed % 7 * 5000),
			.jitter_us = seed % 3 == 1 ? 400 : 0,
			.duplicate_ppm = seed % 5 == 0 ? 20000 : 0,
			.corrupt_ppm = seed % 4 == 0 ? 10000 : 0,
			.delay_us = 20 + (uint32_t)(seed % 11) * 80,
			.rate_bps = seed % 2 ? 2000000000 : 0,
			.queue_us = 3000};
	pair.user[0].chunk = 1 + (uint32_t)(seed * 9973 % 60000);
	pair.user[1].chunk = 1 + (uint32_t)(seed * 13151 % 60000);
	pair.user[1].to_send = 2000000 + seed * 1000;
	pair.user[0].to_send = 500000;
	pair_connect(&pair);
	finish(600 * SECONDS);
}

static void survives_bad_links(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++)
		survive(seed);
}

// A peer with the smallest segments reports every second one of all that is out: each report
// divides an entry, and what that may cost has a bound.
static void reports_of_small_segments_pin_little(void **state)
{
	struct pair_options o = {.seed = 9};
	struct pair_segment s = {.flags = TCP_FLAG_ACK, .window = 65535};
	struct tcp_info from;
	size_t before;

	(void)state;
	o.profile[0].initial_window = 300000;
	o.profile[0].receive_memory = 32u << 20;
	o.profile[0].mss_max = 64;
	o.profile[0].flags = o.profile[1].flags = TCP_NO_TIMESTAMPS;
	open_near(&o);
	connect_near();
	pair.user[1].to_send = UINT64_MAX / 2;
	pair_run(&pair, pair_never, SECONDS / 5);
	pair.link[0].loss_ppm = 1000000; // the real peer hears nothing from here on
	pair_run(&pair, pair_never, 400);
	from = pair_info(&pair, 1);
	assert_int_equal(from.mss, 64);
	assert_true(from.in_flight > 300000);
	before = buffer_heap_alive();
	s.sequence = from.receive_next;
	s.acknowledgement = from.send_unacknowledged;
	s.option_length = 12;
	memcpy(s.options, "\x01\x01\x05\x0a", 4);
	for (uint32_t at = 64; at + 64 < from.in_flight; at += 128) {
		be32_store(s.options + 4, be32_from_host(from.send_unacknowledged + at));
		be32_store(s.options + 8, be32_from_host(from.send_unacknowledged + at + 64));
		pair_inject(&pair, 1, &s);
	}
	assert_true(pair_info(&pair, 1).send_held < 9u << 20);
	assert_true(STAT(1, sack_cuts_refused) > 0);
	assert_true(buffer_heap_alive() - before < (9u << 20) / 2048);
	tcp_abort(pair.engine[1], pair.user[1].connection, pair.now);
	tcp_abort(pair.engine[0], pair.user[0].connection, pair.now);
	pair_close(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_are_as_long_as_they_may_be),
		cmocka_unit_test(a_short_end_leaves_with_the_full_segments_before_it),
		cmocka_unit_test(a_queue_makes_no_path_longer),
		cmocka_unit_test(a_path_that_is_long_is_paced),
		cmocka_unit_test(only_what_is_missing_is_sent_again),
		cmocka_unit_test(a_lost_tail_is_probed_by_its_last_segment),
		cmocka_unit_test(survives_bad_links),
		cmocka_unit_test(reports_of_small_segments_pin_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
