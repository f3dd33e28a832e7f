// SPDX-License-Identifier: BSD-3-Clause
// One behaviour a test, between two engines or with segments made by hand.
#include <netinet/in.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "pair.h"

#define STAT(side, name) counter_read(&pair_stats(&pair, side)->name)
#define SECONDS          USEC_PER_SECOND

static struct pair pair;

// Two open ends with nothing under way.
static void open_quiet(const struct pair_options *options)
{
	pair_open(&pair, options);
	for (unsigned i = 0; i < 2; i++)
		pair.user[i].keeps_open = true;
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

// Both users send what is left and close.
static void complete(usec_t most)
{
	for (unsigned i = 0; i < 2; i++)
		pair.user[i].keeps_open = false;
	assert_true(pair_run(&pair, pair_is_done, most));
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pair.user[i].received, pair.user[!i].to_send);
}

static void finish(usec_t most)
{
	complete(most);
	pair_close(&pair);
}

static void half_close_lets_the_other_side_send(void **state)
{
	(void)state;
	open_quiet(&(struct pair_options){.seed = 3});
	pair.user[1].keeps_open = false;
	pair_run(&pair, pair_never, SECONDS);
	assert_int_equal(pair_info(&pair, 1).state, TCP_FIN_WAIT_2);
	assert_int_equal(pair_info(&pair, 0).state, TCP_CLOSE_WAIT);
	assert_true(pair.user[0].ended);
	pair.user[0].to_send = 1 << 20;
	finish(60 * SECONDS);
}

static void simultaneous_close_passes_closing(void **state)
{
	(void)state;
	open_quiet(&(struct pair_options){.seed = 4});
	pair.user[0].keeps_open = pair.user[1].keeps_open = false;
	pair_run(&pair, pair_never, 15000);
	assert_int_equal(pair_info(&pair, 0).state, TCP_CLOSING);
	assert_int_equal(pair_info(&pair, 1).state, TCP_CLOSING);
	finish(10 * SECONDS);
}

static void simultaneous_open_connects(void **state)
{
	(void)state;
	pair_open(&pair, &(struct pair_options){.seed = 5});
	pair.user[0].to_send = pair.user[1].to_send = 50000;
	pair_open_from(&pair, 0);
	pair_open_from(&pair, 1);
	complete(30 * SECONDS);
	assert_int_equal(STAT(0, connections_accepted), 0);
	pair_close(&pair);
}

static void refused_and_unanswered(void **state)
{
	(void)state;
	pair_open(&pair, &(struct pair_options){.seed = 6});
	pair_open_from(&pair, 1);
	pair_run(&pair, pair_never, SECONDS);
	assert_true(pair.user[1].failed);
	assert_int_equal(pair.user[1].error, ECONNREFUSED);
	pair_close(&pair);

	pair_open(&pair, &(struct pair_options){.seed = 6, .profile[1].retries_syn = 3});
	pair.link[0].loss_ppm = 1000000;
	pair_open_from(&pair, 1);
	pair_run(&pair, pair_never, 14 * SECONDS);
	assert_false(pair.user[1].failed);
	pair_run(&pair, pair_never, 2 * SECONDS);
	assert_int_equal(pair.user[1].error, ETIMEDOUT);
	assert_int_equal(STAT(1, retransmission_timeouts), 3);
	pair_close(&pair);
}

// RFC 9293 3.8.6.1: shut for a minute, and the announcement of its end is lost.
static void zero_window_is_probed(void **state)
{
	(void)state;
	open_quiet(&(struct pair_options){.seed = 7});
	pair.user[0].stops_reading = true;
	pair.user[1].to_send = 3000000;
	pair_run(&pair, pair_never, 60 * SECONDS);
	assert_int_equal(pair_info(&pair, 1).send_window, 0);
	assert_in_range(STAT(1, zero_window_probes), 4, 40);
	assert_false(pair.user[1].failed);
	pair.link[1].loss_ppm = 1000000;
	pair.user[0].stops_reading = false;
	pair_run(&pair, pair_never, 100000);
	pair.link[1].loss_ppm = 0;
	finish(120 * SECONDS);
}

static void slow_reader_bounds_memory(void **state)
{
	(void)state;
	open_quiet(&(struct pair_options){.seed = 8, .profile[0].receive_memory = 200000});
	pair.user[0].slow_bps = 80000;
	pair.user[1].to_send = 500000;
	for (unsigned i = 0; i < 30; i++) {
		pair_run(&pair, pair_never, SECONDS);
		assert_true(pair_info(&pair, 0).receive_held <= 200000 + 8192);
	}
	assert_in_range(pair.user[0].received, 200000, 400000);
	finish(120 * SECONDS);
}

// RFC 5961: the matrix of blind resets and SYNs.
static void blind_resets_are_challenged(void **state)
{
	struct tcp_info to;

	(void)state;
	open_quiet(&(struct pair_options){.seed = 9});
	to = pair_info(&pair, 0);
	assert_int_equal(pair_inject(&pair, 0,
				 &(struct pair_segment){
					 .flags = TCP_FLAG_RST, .sequence = to.receive_next + 1}),
		DROP_TCP_UNPROVEN);
	assert_int_equal(STAT(0, challenge_acks), 1);
	assert_int_equal(pair_inject(&pair, 0,
				 &(struct pair_segment){
					 .flags = TCP_FLAG_RST, .sequence = to.receive_next - 1}),
		DROP_TCP_OUT_OF_WINDOW);
	assert_int_equal(pair_inject(&pair, 0,
				 &(struct pair_segment){
					 .flags = TCP_FLAG_SYN, .sequence = to.receive_next + 5}),
		DROP_TCP_UNPROVEN);
	assert_int_equal(STAT(0, challenge_acks), 2);
	assert_int_equal(pair_inject(&pair, 0,
				 &(struct pair_segment){.flags = TCP_FLAG_ACK,
					 .sequence = to.receive_next,
					 .acknowledgement = to.send_next + 1}),
		DROP_TCP_BAD_ACKNOWLEDGEMENT);
	assert_int_equal(pair_inject(&pair, 0,
				 &(struct pair_segment){.flags = TCP_FLAG_ACK,
					 .sequence = to.receive_next,
					 .acknowledgement = to.send_unacknowledged - 0x1000000}),
		DROP_TCP_BAD_ACKNOWLEDGEMENT);
	assert_int_equal(pair_info(&pair, 0).state, TCP_ESTABLISHED);
	for (unsigned i = 0; i < 1000; i++)
		pair_inject(&pair, 0,
			&(struct pair_segment){
				.flags = TCP_FLAG_RST, .sequence = to.receive_next + 1});
	assert_true(STAT(0, challenge_acks) <= 22);
	assert_true(STAT(0, challenge_acks_limited) > 800);
	assert_int_equal(
		pair_inject(&pair, 0,
			&(struct pair_segment){.flags = TCP_FLAG_RST, .sequence = to.receive_next}),
		DROP_NONE);
	pair_run(&pair, pair_never, SECONDS);
	assert_int_equal(pair.user[0].error, ECONNRESET);
	abort_both();
}

// RFC 7323 5.3: an old duplicate of this sequence space, and the clock after 24 days.
static void old_timestamps_are_refused(void **state)
{
	struct pair_segment s = {.flags = TCP_FLAG_ACK, .length = 10, .option_length = 12};
	struct tcp_info to;

	(void)state;
	open_quiet(&(struct pair_options){.seed = 10});
	pair.user[1].to_send = 100;
	pair_run(&pair, pair_never, SECONDS);
	to = pair_info(&pair, 0);
	memcpy(s.options, "\x01\x01\x08\x0a", 4);
	// The client's clock is the one of its last segment's options: behind ours in the capture.
	be32_store(s.options + 4, be32_from_host(0));
	for (unsigned age = 0; age < 2; age++) {
		// Whatever the clock's offset, one of two opposite values is old.
		be32_store(s.options + 4, be32_from_host(age * 0x80000000u));
		s.sequence = to.receive_next;
		s.acknowledgement = to.send_next;
		if (pair_inject(&pair, 0, &s) == DROP_TCP_OLD_TIMESTAMP)
			break;
		to = pair_info(&pair, 0);
	}
	assert_int_equal(counter_read(&pair_stats(&pair, 0)->drops[DROP_TCP_OLD_TIMESTAMP]), 1);
	abort_both();
}

static void time_wait_is_reused(void **state)
{
	(void)state;
	pair_open(&pair, &(struct pair_options){.seed = 12});
	pair_connect(&pair);
	assert_true(pair_run(&pair, pair_is_done, 10 * SECONDS));
	assert_true(counter_read(&pair_stats(&pair, 1)->states[TCP_TIME_WAIT]) +
			    counter_read(&pair_stats(&pair, 0)->states[TCP_TIME_WAIT]) >=
		    1);
	pair_run(&pair, pair_never, 2 * SECONDS);
	for (unsigned i = 0; i < 2; i++)
		pair.user[i] = (struct pair_user){.connection = TCP_NONE,
			.chunk = 1000,
			.to_send = 5000,
			.seed = i * 1000003,
			.peer_seed = !i * 1000003};
	pair_open_from(&pair, 1);
	assert_true(pair_run(&pair, pair_is_done, 10 * SECONDS));
	assert_true(STAT(0, time_wait_reused) + STAT(1, time_wait_reused) >= 1);
	assert_int_equal(pair.user[0].received, 5000);
	pair_run(&pair, pair_never, 61 * SECONDS);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(counter_read(&pair_stats(&pair, i)->states[TCP_TIME_WAIT]), 0);
	pair_close(&pair);
}

// A flood of SYNs fills the half-open share; who comes then is served without state, options kept.
static void cookies_serve_under_a_flood(void **state)
{
	(void)state;
	pair_open(&pair, &(struct pair_options){.seed = 13, .half_open = 4, .connections = 16});
	pair_listen(&pair);
	for (uint16_t i = 0; i < 1000; i++)
		pair_inject(&pair, 0,
			&(struct pair_segment){.flags = TCP_FLAG_SYN,
				.port = (uint16_t)(1000 + i),
				.sequence = i});
	assert_int_equal(counter_read(&pair_stats(&pair, 0)->states[TCP_SYN_RECEIVED]), 4);
	assert_int_equal(STAT(0, cookies_sent), 996);
	pair.user[1].to_send = pair.user[0].to_send = 100000;
	pair_open_from(&pair, 1);
	assert_true(pair_run(&pair, pair_is_open, SECONDS));
	assert_int_equal(STAT(0, cookies_accepted), 1);
	assert_true(pair_info(&pair, 0).sack);
	assert_true(pair_info(&pair, 0).timestamps);
	assert_int_equal(pair_info(&pair, 0).send_scale, pair_info(&pair, 1).receive_scale);
	assert_int_equal(pair_info(&pair, 0).receive_scale, pair_info(&pair, 1).send_scale);
	assert_int_equal(pair_info(&pair, 0).mss, 1448);
	// Made up, or of another minute.
	pair_inject(&pair, 0,
		&(struct pair_segment){
			.flags = TCP_FLAG_ACK, .port = 999, .sequence = 5, .acknowledgement = 77});
	assert_int_equal(STAT(0, cookies_refused), 1);
	finish(60 * SECONDS);
}

static void path_mtu_follows_believable_messages(void **state)
{
	struct icmp_quote quote = {.type = ICMP4_UNREACHABLE, .is_too_big = true};
	struct tcp_info from;

	(void)state;
	open_quiet(&(struct pair_options){.seed = 14});
	quote.key = pair_key(&pair, 1);
	quote.next_hop_mtu = 1300;
	from = pair_info(&pair, 1);
	quote.tcp_sequence = from.send_next;
	assert_int_equal(tcp_icmp_error(pair.engine[1], &quote, pair.now), DROP_ICMP_IGNORED);
	pair.user[1].to_send = 200000;
	pair.link[0].mtu = 1300;
	pair_run(&pair, pair_never, 1000);
	quote.tcp_sequence = pair_info(&pair, 1).send_unacknowledged;
	assert_int_equal(tcp_icmp_error(pair.engine[1], &quote, pair.now), DROP_NONE);
	assert_int_equal(pair_info(&pair, 1).mss, 1300 - 40 - 12);
	quote.next_hop_mtu = 68;
	assert_int_equal(tcp_icmp_error(pair.engine[1], &quote, pair.now), DROP_NONE);
	assert_int_equal(pair_info(&pair, 1).mss, 576 - 40 - 12);
	complete(20 * SECONDS);
	assert_int_equal(STAT(1, path_mtu_lowered), 2);
	pair_close(&pair);
}

static void black_holes_are_found(void **state)
{
	(void)state;
	open_quiet(&(struct pair_options){.seed = 15});
	pair.link[0].mtu = 1400;
	pair.user[1].to_send = 100000;
	complete(60 * SECONDS);
	assert_int_equal(STAT(1, path_black_holes), 1);
	pair_close(&pair);
}

static void ecn_reduces_without_loss(void **state)
{
	struct pair_options o = {.seed = 16};

	(void)state;
	o.profile[0].flags = o.profile[1].flags = TCP_ECN;
	open_quiet(&o);
	assert_true(pair_info(&pair, 0).ecn && pair_info(&pair, 1).ecn);
	pair.link[0].ce_ppm = 20000;
	pair.user[1].to_send = 1000000;
	pair_run(&pair, pair_never, 5 * SECONDS);
	assert_true(STAT(1, ecn_reductions) > 0);
	assert_int_equal(STAT(1, retransmitted_segments), 0);
	finish(60 * SECONDS);
}

// The path falls silent for longer than the timeout and loses nothing.
static void spurious_timeouts_are_undone(void **state)
{
	struct pair_options o = {.seed = 17};

	(void)state;
	for (unsigned timestamps = 0; timestamps < 2; timestamps++) {
		uint32_t before;

		o.profile[0].flags = o.profile[1].flags = timestamps ? 0 : TCP_NO_TIMESTAMPS;
		open_quiet(&o);
		pair.user[1].to_send = 1000000;
		pair_run(&pair, pair_never, 80000);
		before = pair_info(&pair, 1).congestion_window;
		pair.link[0].delay_us += 600000;
		pair_run(&pair, pair_never, 1500000);
		pair.link[0].delay_us -= 600000;
		assert_true(STAT(1, retransmission_timeouts) >= 1);
		assert_true(STAT(1, spurious_timeouts) >= 1);
		assert_true(pair_info(&pair, 1).congestion_window >= before);
		finish(60 * SECONDS);
	}
}

static void a_lost_tail_is_probed(void **state)
{
	(void)state;
	open_quiet(&(struct pair_options){.seed = 18});
	pair.user[1].to_send = 20000;
	pair.user[1].chunk = 20000;
	pair_run(&pair, pair_never, 25000);
	pair.user[1].to_send = 20000 + 5000;
	pair.link[0].loss_ppm = 1000000;
	pair_run(&pair, pair_never, 5000);
	pair.link[0].loss_ppm = 0;
	pair_run(&pair, pair_never, 2 * SECONDS);
	assert_int_equal(pair.user[0].received, 25000);
	assert_true(STAT(1, tail_loss_probes) >= 1);
	assert_int_equal(STAT(1, retransmission_timeouts), 0);
	abort_both();
}

// A connection whose user 0 reads nothing, and the next segment of text to it.
static struct pair_segment open_unread(const struct pair_options *o, uint32_t length)
{
	struct tcp_info to;

	open_quiet(o);
	pair.user[0].stops_reading = true;
	to = pair_info(&pair, 0);
	return (struct pair_segment){.flags = TCP_FLAG_ACK,
		.sequence = to.receive_next,
		.acknowledgement = to.send_next,
		.length = length,
		.window = 1000};
}

// A window of one-byte segments must not pin a buffer each, in order or ahead of holes.
static void tiny_segments_share_buffers(void **state)
{
	struct pair_options o = {.seed = 19, .profile[1].flags = TCP_NO_TIMESTAMPS};
	struct pair_segment s;

	(void)state;
	s = open_unread(&o, 1);
	for (unsigned i = 0; i < 20000; i++, s.sequence++)
		pair_inject(&pair, 0, &s);
	assert_int_equal(tcp_receive_ready(pair.engine[0], pair.user[0].connection), 20000);
	assert_true(pair_info(&pair, 0).receive_held < 20000 * 200);
	for (unsigned i = 0; i < 20000; i++) {
		s.sequence = pair_info(&pair, 0).receive_next + 2 + pair_random(&pair) % 40000;
		pair_inject(&pair, 0, &s);
	}
	assert_true(STAT(0, out_of_order_refused) > 0);
	assert_true(pair_info(&pair, 0).receive_held < 20000 * 200 + 200000);
	abort_both();
}

// What memory had no room for comes again one segment at a time, from a sender that has timed out:
// each is acknowledged at once. What comes behind that waits for the next, as ever.
static void refused_text_is_acknowledged_at_once(void **state)
{
	enum {
		BEFORE = 20, // more than are acknowledged at once at the start
		PIECE = 10,
		WAIT = 60000
	};
	struct pair_options o = {.seed = 29, .profile[1].flags = TCP_NO_TIMESTAMPS};
	struct pair_segment s;
	uint64_t delayed, sent;
	uint32_t hole;

	(void)state;
	s = open_unread(&o, 1000);
	for (int i = 0; i < BEFORE; i++, s.sequence += s.length) {
		pair_inject(&pair, 0, &s);
		pair_run(&pair, pair_never, WAIT);
	}
	delayed = STAT(0, delayed_acks);
	assert_true(delayed > 0);
	// Pieces apart, until one is refused.
	hole = s.sequence;
	s.length = PIECE;
	while (STAT(0, out_of_order_refused) == 0) {
		s.sequence += 2 * PIECE;
		assert_true(s.sequence - hole < 60000);
		pair_inject(&pair, 0, &s);
	}
	// All before it, so that nothing is known of it, then itself in two.
	s.length = s.sequence - hole;
	s.sequence = hole;
	pair_inject(&pair, 0, &s);
	pair_run(&pair, pair_never, WAIT);
	s.sequence += s.length;
	assert_int_equal(pair_info(&pair, 0).receive_next, s.sequence);
	s.length = PIECE / 2;
	for (int i = 0; i < 2; i++, s.sequence += s.length) {
		sent = STAT(0, segments_sent);
		pair_inject(&pair, 0, &s);
		pair_run(&pair, pair_never, WAIT);
		assert_int_equal(STAT(0, segments_sent), sent + 1);
		assert_int_equal(STAT(0, delayed_acks), delayed);
	}
	pair_inject(&pair, 0, &s);
	pair_run(&pair, pair_never, WAIT);
	assert_int_equal(STAT(0, delayed_acks), delayed + 1);
	abort_both();
}

static void silence_ends_a_connection(void **state)
{
	struct pair_options o = {.seed = 20};

	(void)state;
	o.profile[1].keepalive_idle_ms = 10000;
	o.profile[1].keepalive_interval_ms = 2000;
	o.profile[1].keepalive_probes = 3;
	open_quiet(&o);
	pair_run(&pair, pair_never, 60 * SECONDS);
	assert_false(pair.user[1].failed);
	assert_true(STAT(1, keepalive_probes) >= 4);
	pair.link[1].loss_ppm = 1000000;
	pair_run(&pair, pair_never, 30 * SECONDS);
	assert_int_equal(pair.user[1].error, ETIMEDOUT);
	abort_both();

	o.profile[1] = (struct tcp_profile){.user_timeout_ms = 20000};
	open_quiet(&o);
	pair.link[0].loss_ppm = 1000000;
	pair.user[1].to_send = 1000;
	pair_run(&pair, pair_never, 18 * SECONDS);
	assert_false(pair.user[1].failed);
	pair_run(&pair, pair_never, 40 * SECONDS);
	assert_int_equal(pair.user[1].error, ETIMEDOUT);
	abort_both();
}

// RFC 9293 3.8.6.3: at the start at once, later every second segment.
static void acknowledgements_are_delayed(void **state)
{
	uint64_t before;

	(void)state;
	open_quiet(&(struct pair_options){.seed = 21});
	pair.user[1].to_send = 100000;
	// Not so long that what follows comes after a silence.
	pair_run(&pair, pair_never, 250000);
	pair.user[1].chunk = 100;
	pair.user[1].to_send += 100;
	before = STAT(0, segments_sent);
	pair_run(&pair, pair_never, 30000);
	assert_int_equal(STAT(0, segments_sent), before);
	pair_run(&pair, pair_never, 60000);
	assert_int_equal(STAT(0, segments_sent), before + 1);
	assert_true(STAT(0, delayed_acks) >= 1);
	finish(5 * SECONDS);
}

static void nagle_holds_short_segments(void **state)
{
	(void)state;
	for (unsigned nagle = 0; nagle < 2; nagle++) {
		struct pair_options o = {.seed = 22, .profile[1].flags = nagle ? TCP_NAGLE : 0};
		uint64_t before;

		open_quiet(&o);
		before = STAT(1, segments_sent);
		pair.user[1].chunk = 10;
		for (unsigned i = 0; i < 10; i++) {
			pair.user[1].to_send += 10;
			pair_run(&pair, pair_never, 1000);
		}
		assert_int_equal(STAT(1, segments_sent) - before, nagle ? 1 : 10);
		finish(5 * SECONDS);
	}
}

static void buffers_run_out(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		pair_open(&pair, &(struct pair_options){.seed = seed, .fail_ppm = 50000});
		pair.user[0].to_send = pair.user[1].to_send = 200000;
		pair.link[0].loss_ppm = 10000;
		pair_connect(&pair);
		assert_true(pair_run(&pair, pair_is_done, 300 * SECONDS));
		assert_int_equal(pair.user[0].received, 200000);
		assert_int_equal(pair.user[1].received, 200000);
		assert_true(STAT(0, no_buffer) > 0);
		pair_close(&pair);
	}
}

// Every single request fails once, from the SYN to the last acknowledgement, text in odd pieces
// both ways: nothing that was acknowledged is lost, and no step is left out.
static void each_request_for_a_buffer_may_fail(void **state)
{
	uint64_t requests = 0;

	(void)state;
	for (uint64_t n = 1; n == 1 || n <= requests; n++) {
		pair_open(&pair, &(struct pair_options){.seed = 29, .fail_at = n});
		pair.user[0].to_send = pair.user[1].to_send = 30000;
		pair.user[0].chunk = 700;
		pair.user[1].chunk = 2500;
		pair.link[0].loss_ppm = pair.link[1].loss_ppm = 20000;
		pair_connect(&pair);
		assert_true(pair_run(&pair, pair_is_done, 60 * SECONDS));
		assert_int_equal(pair.user[0].received, 30000);
		assert_int_equal(pair.user[1].received, 30000);
		assert_true(pair.requests >= n);
		if (n == 1)
			requests = pair.requests;
		pair_close(&pair);
		requests = u64_min(requests, pair.requests);
	}
	assert_true(requests > 100);
}

// The window follows what the user takes in a round trip, up to what memory allows, and a user who
// takes little keeps it small.
static void windows_grow_with_the_reader(void **state)
{
	(void)state;
	for (unsigned slow = 0; slow < 2; slow++) {
		struct pair_options o = {.seed = 28};
		uint32_t widest = 0;

		o.profile[0].initial_window = 8000;
		o.profile[0].receive_memory = 512 * 1024;
		pair_open(&pair, &o);
		pair.user[0].keeps_open = pair.user[1].keeps_open = true;
		pair.link[0].delay_us = pair.link[1].delay_us = 25000;
		pair_connect(&pair);
		assert_true(pair_run(&pair, pair_is_open, 5 * SECONDS));
		assert_int_equal(pair_info(&pair, 0).receive_window, 8000);
		pair.user[0].slow_bps = slow ? 400000 : 0;
		pair.user[1].to_send = UINT64_MAX / 2;
		for (unsigned i = 0; i < 600; i++) {
			struct tcp_info info;

			pair_run(&pair, pair_never, 5000);
			info = pair_info(&pair, 0);
			widest = u32_max(widest, info.receive_window);
			assert_true(info.receive_held <= o.profile[0].receive_memory);
		}
		if (slow)
			assert_in_range(widest, 8000, 32000);
		else
			assert_in_range(widest, 200000, 512 * 1024);
		pair.user[0].slow_bps = 0;
		pair.user[1].to_send = pair.user[1].sent;
		finish(30 * SECONDS);
	}
}

static void ports_segment(void **state)
{
	(void)state;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		pair_open(&pair, &(struct pair_options){.seed = 23,
					 .v6 = v6,
					 .offload = TCP_OFFLOAD_CHECKSUM | TCP_OFFLOAD_SEGMENT});
		pair.user[1].to_send = pair.user[0].to_send = 2000000;
		pair.link[0].loss_ppm = 2000;
		pair_connect(&pair);
		finish(60 * SECONDS);
		assert_true(pair.segmented > 10);
	}
}

// The flags of a packet on its way, over IPv4.
static uint8_t flags_under_way(uint32_t i)
{
	return buffer_data(pair.flight[i].frame)[14 + 20 + 13];
}

// What was queued while a connection keeps segments leaves as such, each with its PSH, also where
// it keeps them no more when it leaves; what is queued behind that does not.
static void forgotten_segments_keep_their_push(void **state)
{
	(void)state;
	open_quiet(
		&(struct pair_options){.seed = 26, .profile = {{0}, {.flags = TCP_KEEP_SEGMENTS}}});
	for (uint32_t i = 0; i < 5; i++) {
		struct buffer *b = buffer_heap_get(&buffer_heap_source, 100);

		assert_non_null(b);
		memset(buffer_data(b), 'x', 100);
		b->length = 100;
		b->total_length = 100;
		assert_int_equal(
			tcp_send(pair.engine[1], pair.user[1].connection, b, 0, pair.now), 0);
		if (i == 2)
			tcp_segments_forget(pair.engine[1], pair.user[1].connection);
	}
	tcp_flush(pair.engine[1], pair.now);
	assert_int_equal(pair.count, 4);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(
			pair.flight[i].frame->total_length, 14 + 20 + 32 + (i < 3 ? 100 : 200));
		assert_int_equal(flags_under_way(i), TCP_FLAG_ACK | TCP_FLAG_PSH);
	}
	abort_both();
}

// The sequence space wraps in the middle of the stream, on both sides.
static void sequence_numbers_wrap(void **state)
{
	struct pair_options o = {.seed = 24};
	uint32_t first;

	(void)state;
	open_quiet(&o);
	first = pair_info(&pair, 1).send_next;
	abort_both();
	o.start = (usec_t)(uint32_t)(0xffff0000u - first) * 4;
	open_quiet(&o);
	assert_true(pair_info(&pair, 1).send_next > 0xfff00000u);
	pair.link[0].loss_ppm = 5000;
	pair.user[1].to_send = 3000000;
	finish(60 * SECONDS);
}

static void closing_with_unread_data_resets(void **state)
{
	(void)state;
	open_quiet(&(struct pair_options){.seed = 25});
	pair.user[0].stops_reading = true;
	pair.user[1].to_send = 1000;
	pair_run(&pair, pair_never, SECONDS);
	tcp_close(pair.engine[0], pair.user[0].connection, pair.now);
	pair.user[0].closed = true;
	pair_run(&pair, pair_never, SECONDS);
	assert_int_equal(pair.user[1].error, ECONNRESET);
	abort_both();
}

static uint64_t waiting(unsigned side)
{
	return counter_read(&pair_stats(&pair, side)->states[TCP_TIME_WAIT]);
}

// With room for one connection, and so for one in TIME-WAIT: this is no connection's place, and the
// older gives way to a newer.
static void time_wait_holds_no_connection(void **state)
{
	struct flow_key key;
	uint32_t index;

	(void)state;
	pair_open(&pair, &(struct pair_options){.seed = 26, .connections = 1});
	pair_connect(&pair);
	for (unsigned round = 0; round < 2; round++) {
		assert_true(pair_run(&pair, pair_is_done, 10 * SECONDS));
		pair_run(&pair, pair_never, SECONDS);
		assert_int_equal(waiting(0) + waiting(1), 1);
		assert_int_equal(STAT(0, time_wait_evicted) + STAT(1, time_wait_evicted), round);
		for (unsigned i = 0; i < 2; i++)
			pair.user[i] = (struct pair_user){.connection = TCP_NONE};
		if (round == 1)
			break;
		key = pair_key(&pair, 1);
		key.source_port = be16_from_host(1234);
		assert_int_equal(
			tcp_connect(pair.engine[1], 0, &key, 8, pair.now, &pair.user[1].connection),
			0);
		assert_int_equal(waiting(0) + waiting(1), 1);
	}
	key = pair_key(&pair, 1);
	key.source_port = be16_from_host(1235);
	assert_int_equal(tcp_connect(pair.engine[1], 0, &key, 8, pair.now, &index), 0);
	key.source_port = be16_from_host(1236);
	assert_int_equal(
		tcp_connect(pair.engine[1], 0, &key, 8, pair.now, &pair.user[0].connection),
		-ENOBUFS);
	tcp_abort(pair.engine[1], index, pair.now);
	pair_close(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_close_lets_the_other_side_send),
		cmocka_unit_test(simultaneous_close_passes_closing),
		cmocka_unit_test(simultaneous_open_connects),
		cmocka_unit_test(refused_and_unanswered),
		cmocka_unit_test(zero_window_is_probed),
		cmocka_unit_test(slow_reader_bounds_memory),
		cmocka_unit_test(blind_resets_are_challenged),
		cmocka_unit_test(old_timestamps_are_refused),
		cmocka_unit_test(time_wait_is_reused),
		cmocka_unit_test(cookies_serve_under_a_flood),
		cmocka_unit_test(path_mtu_follows_believable_messages),
		cmocka_unit_test(black_holes_are_found),
		cmocka_unit_test(ecn_reduces_without_loss),
		cmocka_unit_test(spurious_timeouts_are_undone),
		cmocka_unit_test(a_lost_tail_is_probed),
		cmocka_unit_test(tiny_segments_share_buffers),
		cmocka_unit_test(refused_text_is_acknowledged_at_once),
		cmocka_unit_test(silence_ends_a_connection),
		cmocka_unit_test(acknowledgements_are_delayed),
		cmocka_unit_test(nagle_holds_short_segments),
		cmocka_unit_test(buffers_run_out),
		cmocka_unit_test(each_request_for_a_buffer_may_fail),
		cmocka_unit_test(windows_grow_with_the_reader),
		cmocka_unit_test(ports_segment),
		cmocka_unit_test(forgotten_segments_keep_their_push),
		cmocka_unit_test(sequence_numbers_wrap),
		cmocka_unit_test(closing_with_unread_data_resets),
		cmocka_unit_test(time_wait_holds_no_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
