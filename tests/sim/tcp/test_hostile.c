// SPDX-License-Identifier: BSD-3-Clause
// Peers that want to cost memory, time or the connection: what each may have, and which counter
// names it. And paths that carry more again.
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "pair.h"

#define STAT(side, name) counter_read(&pair_stats(&pair, side)->name)
#define SECONDS          USEC_PER_SECOND

static struct pair pair;

static void open_quiet(const struct pair_options *options)
{
	pair_open(&pair, options);
	pair.user[0].keeps_open = pair.user[1].keeps_open = true;
	pair_connect(&pair);
	assert_true(pair_run(&pair, pair_is_open, 5 * SECONDS));
	pair_run(&pair, pair_never, SECONDS);
}

static void abort_both(void)
{
	for (unsigned i = 0; i < 2; i++)
		if (!pair.user[i].closed && pair.user[i].connection != TCP_NONE)
			tcp_abort(pair.engine[i], pair.user[i].connection, pair.now);
	pair_close(&pair);
}

static void finish(usec_t most)
{
	pair.user[0].keeps_open = pair.user[1].keeps_open = false;
	assert_true(pair_run(&pair, pair_is_done, most));
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pair.user[i].received, pair.user[!i].to_send);
	pair_close(&pair);
}

// Every second byte of the window in a segment of its own, before the peer has shown anything.
static void scattered_bytes_pin_a_few_windows(void **state)
{
	struct pair_options o = {.seed = 31, .profile[1].flags = TCP_NO_TIMESTAMPS};
	struct pair_segment s = {.flags = TCP_FLAG_ACK, .length = 1, .window = 1000};
	struct tcp_info to;
	uint32_t first;

	(void)state;
	open_quiet(&o);
	to = pair_info(&pair, 0);
	first = to.receive_next;
	s.acknowledgement = to.send_next;
	for (uint32_t i = 2; i < to.receive_window; i += 2) {
		s.sequence = first + i;
		pair_inject(&pair, 0, &s);
	}
	assert_true(STAT(0, out_of_order_segments) > 50);
	assert_true(STAT(0, out_of_order_refused) > 30000);
	assert_true(pair_info(&pair, 0).receive_held <= 4 * 65536);
	// What the peer really sends still arrives.
	pair_run(&pair, pair_never, SECONDS);
	abort_both();
}

static void write_sack(struct pair_segment *s, const uint32_t *edges, uint32_t blocks)
{
	s->options[0] = s->options[1] = 1;
	s->options[2] = 5;
	s->options[3] = (uint8_t)(2 + 8 * blocks);
	for (uint32_t i = 0; i < 2 * blocks; i++)
		be32_store(s->options + 4 + 4 * i, be32_from_host(edges[i]));
	s->option_length = 4 + 8 * blocks;
}

// Blocks all over eight megabytes in flight, none of which covers a segment; and blocks of nothing.
static void sack_storms_are_looked_up_not_walked(void **state)
{
	struct pair_options o = {.seed = 32};
	struct pair_segment s = {.flags = TCP_FLAG_ACK, .window = 65535};
	struct tcp_info from;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		o.profile[i].flags = TCP_NO_TIMESTAMPS;
		o.profile[i].receive_memory = o.profile[i].send_memory = 32u << 20;
	}
	pair_open(&pair, &o);
	pair.user[0].keeps_open = pair.user[1].keeps_open = true;
	pair.link[0] =
		(struct pair_link){.rate_bps = 1000000000, .queue_us = 1000000, .delay_us = 40000};
	pair_connect(&pair);
	assert_true(pair_run(&pair, pair_is_open, 5 * SECONDS));
	pair.user[1].to_send = UINT64_MAX / 2;
	pair_run(&pair, pair_never, 2 * SECONDS);
	from = pair_info(&pair, 1);
	assert_true(from.in_flight > 4000000);
	s.sequence = from.receive_next;
	s.acknowledgement = from.send_unacknowledged;
	for (uint32_t i = 0; i < 50000; i++) {
		uint32_t edges[8];

		for (uint32_t k = 0; k < 4; k++) {
			edges[2 * k] = from.send_unacknowledged +
				       pair_random(&pair) % (from.in_flight - 2);
			edges[2 * k + 1] = edges[2 * k] + 1;
		}
		if (i % 4 == 0)
			edges[1] = from.send_next + 1 + pair_random(&pair);
		write_sack(&s, edges, 4);
		pair_inject(&pair, 1, &s);
	}
	assert_int_equal(STAT(1, sack_walks_limited), 0);
	assert_true(STAT(1, sack_blocks_refused) >= 5000);
	assert_true(pair_info(&pair, 1).in_flight + 1000000 > from.in_flight);
	pair.user[1].to_send = pair.user[1].sent;
	finish(120 * SECONDS);
}

// A peer that takes back what it offered, and one that offers a byte at a time.
static void windows_that_shrink_send_nothing_small(void **state)
{
	struct pair_options o = {.seed = 33, .profile[1].flags = TCP_NO_WINDOW_SCALE};
	struct pair_segment s = {.flags = TCP_FLAG_ACK};
	struct tcp_info from;
	uint64_t before;

	(void)state;
	o.profile[0].flags = o.profile[1].flags = TCP_NO_TIMESTAMPS | TCP_NO_WINDOW_SCALE;
	open_quiet(&o);
	pair.link[0].loss_ppm = 1000000; // the real peer hears nothing
	pair.user[1].to_send = 200000;
	pair_run(&pair, pair_never, 1000);
	from = pair_info(&pair, 1);
	assert_true(from.in_flight > 2 * from.mss);
	s.sequence = from.receive_next;
	s.acknowledgement = from.send_unacknowledged + from.mss;
	s.window = 1;
	pair_inject(&pair, 1, &s);
	assert_int_equal(pair_info(&pair, 1).send_window, 1);
	before = STAT(1, bytes_sent);
	// What was sent is sent again, at the pace of its timer; nothing new leaves.
	pair_run(&pair, pair_never, 60 * SECONDS);
	assert_int_equal(pair_info(&pair, 1).send_next, from.send_next);
	assert_true(STAT(1, bytes_sent) - before < 30u * from.mss);
	// All of it acknowledged, a byte of window each time: probes, no one-byte segments.
	before = STAT(1, segments_sent);
	s.acknowledgement = from.send_next;
	for (unsigned i = 0; i < 100; i++) {
		pair_inject(&pair, 1, &s);
		pair_run(&pair, pair_never, SECONDS);
	}
	assert_true(STAT(1, segments_sent) - before < 60);
	assert_true(STAT(1, zero_window_probes) > 0);
	pair.link[0].loss_ppm = 0;
	abort_both();
}

// Ten thousand resets, none at the right place: a bounded number of answers, and no end.
static void blind_resets_are_answered_at_a_rate(void **state)
{
	struct pair_segment s = {.flags = TCP_FLAG_RST};
	struct tcp_info to;

	(void)state;
	open_quiet(&(struct pair_options){.seed = 34});
	to = pair_info(&pair, 0);
	for (uint32_t i = 1; i <= 10000; i++) {
		s.sequence = to.receive_next + i;
		pair_inject(&pair, 0, &s);
	}
	assert_in_range(STAT(0, challenge_acks), 10, 20);
	assert_true(STAT(0, challenge_acks_limited) > 9000);
	assert_int_equal(STAT(0, resets_received), 0);
	pair.user[1].to_send = 10000;
	finish(10 * SECONDS);
}

// What is sent is lost from now on.
static void send_into_nothing(void)
{
	open_quiet(&(struct pair_options){.seed = 39});
	pair.link[0].loss_ppm = 1000000;
	pair.user[1].to_send = 5000;
}

// How long after that the retransmission timer goes off.
static usec_t time_to_the_timeout(void)
{
	usec_t begin;
	usec_t after;

	send_into_nothing();
	begin = pair.now;
	while (STAT(1, retransmission_timeouts) == 0)
		pair_run(&pair, pair_never, 1);
	after = pair.now - begin;
	abort_both();
	return after;
}

// A reset that comes so long after the data, right before the timers of that instant run or right
// behind them: one end with one error, and not a segment after it. Whether the timeout was just
// then, and nothing sent of what it asked for.
static bool reset_near_the_timeout(usec_t after, bool timers_first)
{
	struct pair_segment s = {.flags = TCP_FLAG_RST};
	uint64_t timeouts;
	uint64_t sent;

	send_into_nothing();
	pair_run(&pair, pair_never, after - 1);
	pair.now++;
	timeouts = STAT(1, retransmission_timeouts);
	if (timers_first)
		tcp_timers_run(pair.engine[1], pair.now, 1000);
	timeouts = STAT(1, retransmission_timeouts) - timeouts;
	s.sequence = pair_info(&pair, 1).receive_next;
	pair_inject(&pair, 1, &s);
	sent = STAT(1, segments_sent);
	pair_run(&pair, pair_never, 600 * SECONDS);
	assert_int_equal(STAT(1, segments_sent), sent);
	assert_int_equal(STAT(1, resets_received), 1);
	assert_true(pair.user[1].failed);
	assert_int_equal(pair.user[1].error, ECONNRESET);
	abort_both();
	return timeouts != 0;
}

static void resets_race_the_timeout(void **state)
{
	usec_t timeout = time_to_the_timeout();
	unsigned met = 0;

	(void)state;
	for (usec_t after = timeout - 3000; after < timeout + 3000; after += 100)
		for (unsigned i = 0; i < 2; i++)
			met += reset_near_the_timeout(after, i);
	assert_true(met > 0);
}

// Segments of no connection, without end: their networks' share of resets, and no other's.
static void strangers_use_up_their_own_resets(void **state)
{
	struct pair_segment s = {.flags = TCP_FLAG_ACK, .port = 1, .network = 1};
	uint64_t before;

	(void)state;
	open_quiet(&(struct pair_options){.seed = 35, .v6 = true});
	for (uint32_t i = 0; i < 10000; i++)
		pair_inject(&pair, 0, &s);
	assert_in_range(STAT(0, resets_sent), 50, 200);
	assert_int_equal(STAT(0, resets_sent) + STAT(0, resets_limited), 10000);
	// Two of eight others may be so unlucky as to share its bucket.
	before = STAT(0, resets_sent);
	for (s.network = 2; s.network < 10; s.network++)
		pair_inject(&pair, 0, &s);
	assert_in_range(STAT(0, resets_sent), before + 6, before + 8);
	pair.now += USEC_PER_SECOND;
	before = STAT(0, resets_sent);
	s.network = 1;
	pair_inject(&pair, 0, &s);
	assert_int_equal(STAT(0, resets_sent), before + 1);
	abort_both();
}

static void write_timestamps(struct pair_segment *s, uint32_t value, uint32_t echo)
{
	s->options[0] = s->options[1] = 1;
	s->options[2] = 8;
	s->options[3] = 10;
	be32_store(s->options + 4, be32_from_host(value));
	be32_store(s->options + 8, be32_from_host(echo));
	s->option_length = 12;
}

// The last timestamp that a side sent.
static uint32_t timestamp_sent(void)
{
	uint32_t value;

	memcpy(&value, pair.capture + 20 + 20 + 4, sizeof(value));
	return be32_to_host((be32){value});
}

static void overtaken_acknowledgements_count(void **state)
{
	struct pair_segment s = {.flags = TCP_FLAG_ACK, .window = 1000};
	struct tcp_info to;
	uint32_t last;

	(void)state;
	open_quiet(&(struct pair_options){.seed = 35});
	pair.user[1].to_send = 1;
	pair_run(&pair, pair_never, 5000); // the byte is on its way: the last packet is engine 1's
	last = timestamp_sent();
	pair_run(&pair, pair_never, SECONDS);
	to = pair_info(&pair, 0);
	s.sequence = to.receive_next;
	s.acknowledgement = to.send_next;
	write_timestamps(&s, last - 2, 0);
	assert_int_equal(pair_inject(&pair, 0, &s), DROP_NONE);
	write_timestamps(&s, last - 100000, 0);
	assert_int_equal(pair_inject(&pair, 0, &s), DROP_TCP_OLD_TIMESTAMP);
	write_timestamps(&s, last - 2, 0);
	s.length = 1;
	assert_int_equal(pair_inject(&pair, 0, &s), DROP_TCP_OLD_TIMESTAMP);
	abort_both();
}

// A path that narrowed widens again: found by a larger segment after ten minutes, not before.
static void a_wider_path_is_found_again(void **state)
{
	(void)state;
	open_quiet(&(struct pair_options){.seed = 36});
	pair.link[0].mtu = 1400;
	pair.user[1].to_send = 300000;
	pair_run(&pair, pair_never, 60 * SECONDS);
	assert_int_equal(pair.user[0].received, 300000);
	assert_true(pair_info(&pair, 1).mss < 1280);
	// Still narrow when it is tried: nothing is lost but the try, and the search comes close.
	for (unsigned i = 0; i < 90; i++) {
		pair.user[1].to_send += 50000;
		pair_run(&pair, pair_never, 10 * SECONDS);
	}
	assert_int_equal(pair.user[0].received, pair.user[1].to_send);
	assert_true(STAT(1, path_mtu_probes) > 1);
	assert_int_equal(STAT(1, path_black_holes), 1);
	assert_in_range(pair_info(&pair, 1).mss, 1400 - 52 - 32, 1400 - 52);
	pair.link[0].mtu = 0;
	for (unsigned i = 0; i < 70; i++) {
		pair.user[1].to_send += 50000;
		pair_run(&pair, pair_never, 10 * SECONDS);
	}
	assert_int_equal(pair_info(&pair, 1).mss, 1448);
	assert_true(STAT(1, path_mtu_raised) > 1);
	finish(60 * SECONDS);
}

// Pieces that fill no segment to the last byte: what leaves is below the largest size, and
// vanishes.
static void black_holes_take_what_is_nearly_full(void **state)
{
	(void)state;
	open_quiet(&(struct pair_options){.seed = 38});
	pair.link[0].mtu = 1400;
	pair.user[1].chunk = 1400;
	pair.user[1].to_send = 140000;
	pair_run(&pair, pair_never, 60 * SECONDS);
	assert_int_equal(STAT(1, path_black_holes), 1);
	finish(SECONDS);
}

// Who receives can quote what it was sent: a byte less each time must not have all of it repeated
// each time.
static void packets_too_big_by_a_byte_repeat_a_few_windows(void **state)
{
	struct icmp_quote quote = {
		.type = ICMP4_UNREACHABLE, .code = ICMP4_CODE_TOO_BIG, .is_too_big = true};
	uint32_t window;

	(void)state;
	open_quiet(&(struct pair_options){.seed = 39});
	pair.user[1].to_send = 1000000;
	pair_run(&pair, pair_never, 5 * SECONDS);
	pair.link[0].loss_ppm = 1000000;
	pair.user[1].to_send += 1000000;
	pair_run(&pair, pair_never, 1000);
	window = pair_info(&pair, 1).in_flight;
	assert_true(window > 10000);
	quote.key = pair_key(&pair, 1);
	quote.tcp_sequence = pair_info(&pair, 1).send_unacknowledged;
	for (quote.next_hop_mtu = 1499; quote.next_hop_mtu >= 576; quote.next_hop_mtu--) {
		(void)tcp_icmp_error(pair.engine[1], &quote, pair.now);
		pair_run(&pair, pair_never, 10);
	}
	assert_true(STAT(1, retransmitted_bytes) < (uint64_t)window * 10);
	assert_true(STAT(1, path_mtu_lowered) < 10);
	pair.link[0].loss_ppm = 0;
	finish(120 * SECONDS);
}

static void crossing_syns_need_no_challenge(void **state)
{
	(void)state;
	pair_open(&pair, &(struct pair_options){.seed = 37});
	pair.user[0].to_send = pair.user[1].to_send = 50000;
	pair_open_from(&pair, 0);
	pair_open_from(&pair, 1);
	pair_run(&pair, pair_never, 35000);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(STAT(i, challenge_acks), 0);
		assert_int_equal(pair_info(&pair, i).state, TCP_ESTABLISHED);
	}
	finish(30 * SECONDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scattered_bytes_pin_a_few_windows),
		cmocka_unit_test(sack_storms_are_looked_up_not_walked),
		cmocka_unit_test(windows_that_shrink_send_nothing_small),
		cmocka_unit_test(blind_resets_are_answered_at_a_rate),
		cmocka_unit_test(resets_race_the_timeout),
		cmocka_unit_test(strangers_use_up_their_own_resets),
		cmocka_unit_test(overtaken_acknowledgements_count),
		cmocka_unit_test(a_wider_path_is_found_again),
		cmocka_unit_test(black_holes_take_what_is_nearly_full),
		cmocka_unit_test(packets_too_big_by_a_byte_repeat_a_few_windows),
		cmocka_unit_test(crossing_syns_need_no_challenge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
