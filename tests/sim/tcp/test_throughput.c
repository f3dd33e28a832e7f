// SPDX-License-Identifier: BSD-3-Clause
// How much of a link a connection gets, in virtual time: long paths, shallow and deep queues,
// random loss. The bounds are far below what is reached, to catch collapse, not tuning.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "pair.h"

static struct pair pair;

struct path {
	const char *name;
	uint64_t rate_bps;
	uint32_t delay_us; // one way
	uint32_t queue_us;
	uint32_t loss_ppm;
	uint8_t congestion;
	uint32_t seconds;
	uint32_t percent; // of the link at least, from the first second on
};

static void measure(const struct path *path)
{
	struct pair_options o = {.seed = 11};
	uint64_t before;
	uint64_t got;

	for (unsigned i = 0; i < 2; i++) {
		o.profile[i].congestion = path->congestion;
		o.profile[i].flags = TCP_PACING;
		o.profile[i].receive_memory = 64u << 20;
		o.profile[i].send_memory = 64u << 20;
	}
	pair_open(&pair, &o);
	for (unsigned i = 0; i < 2; i++)
		pair.link[i].delay_us = path->delay_us;
	pair.link[0].rate_bps = path->rate_bps;
	pair.link[0].queue_us = path->queue_us;
	pair.link[0].loss_ppm = path->loss_ppm;
	pair.user[1].to_send = UINT64_MAX / 2;
	pair.user[1].chunk = 16000;
	pair_connect(&pair);
	pair_run(&pair, pair_never, USEC_PER_SECOND);
	before = pair.user[0].received;
	pair_run(&pair, pair_never, path->seconds * USEC_PER_SECOND);
	got = (pair.user[0].received - before) * 8 / path->seconds;
	print_message("%s: %lu kbit/s of %lu, retransmitted %lu, timeouts %lu, cwnd %u, srtt %u\n",
		path->name, got / 1000, path->rate_bps / 1000,
		counter_read(&pair_stats(&pair, 1)->retransmitted_segments),
		counter_read(&pair_stats(&pair, 1)->retransmission_timeouts),
		pair_info(&pair, 1).congestion_window, pair_info(&pair, 1).round_trip_us);
	assert_true(got * 100 >= path->rate_bps * path->percent);
	for (unsigned i = 0; i < 2; i++)
		tcp_abort(pair.engine[i], pair.user[i].connection, pair.now);
	pair_close(&pair);
}

static void fills_links(void **state)
{
	static const struct path paths[] = {
		{"cubic, 100 Mbit/s, 50 ms, one bdp", 100000000, 25000, 50000, 0,
			TCP_CONGESTION_CUBIC, 10, 80},
		{"cubic, 100 Mbit/s, 50 ms, a tenth", 100000000, 25000, 5000, 0,
			TCP_CONGESTION_CUBIC, 10, 50},
		{"cubic, 20 Mbit/s, 10 ms, 0.1 % loss", 20000000, 5000, 20000, 1000,
			TCP_CONGESTION_CUBIC, 10, 60},
		{"cubic, 20 Mbit/s, 10 ms, 1 % loss", 20000000, 5000, 20000, 10000,
			TCP_CONGESTION_CUBIC, 10, 30},
		{"rate, 100 Mbit/s, 50 ms, one bdp", 100000000, 25000, 50000, 0,
			TCP_CONGESTION_RATE, 10, 80},
		{"rate, 100 Mbit/s, 50 ms, 1 % loss", 100000000, 25000, 50000, 10000,
			TCP_CONGESTION_RATE, 10, 70},
	};

	(void)state;
	for (unsigned i = 0; i < nx_array_size(paths); i++)
		measure(&paths[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
