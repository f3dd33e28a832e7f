// SPDX-License-Identifier: BSD-3-Clause
// Engine against engine over emulated paths: streams arrive whole whatever the path does, fill it
// where it is clean, and share it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net.h"

enum {
	PERCENT = SHAPE_WHOLE / 100,
	SEEDS = 60,
	SHARING_S = 240, // CUBIC's periods are long
};

#define MBIT UINT64_C(1000000)

static void check_whole(const struct net_transfer *t, uint64_t seed)
{
	if (t->error != 0)
		fail_msg("seed %llu: the connection failed: %s, %llu of %llu bytes there",
			(unsigned long long)seed, strerror(t->error),
			(unsigned long long)t->received, (unsigned long long)t->bytes);
	if (t->is_wrong)
		fail_msg("seed %llu: a byte arrived that was not sent", (unsigned long long)seed);
	if (t->ended == 0 || t->received != t->bytes)
		fail_msg("seed %llu: stuck with %llu of %llu bytes", (unsigned long long)seed,
			(unsigned long long)t->received, (unsigned long long)t->bytes);
}

static void end(struct net *net)
{
	assert_int_equal(net_destroy(net), 0);
	assert_int_equal(buffer_heap_alive(), 0);
}

// One path between two hosts, the same both ways.
static struct net *path(const struct shape_config *config, const struct tcp_profile *profile,
	uint32_t buffer_failures, enum net_too_big too_big)
{
	struct net *net = net_create(buffer_failures, too_big);
	struct shape_config back = *config;
	uint16_t a = net_host_add(net, profile);
	uint16_t b = net_host_add(net, profile);

	back.seed += 1000;
	net_join(net, a, b, config, &back);
	return net;
}

// Bits a second that reached the user between two times.
static double goodput(struct net *net, const struct net_transfer *t, usec_t from, usec_t time)
{
	uint64_t before;

	net_run(net, from);
	before = t->received;
	net_run(net, time);
	return (double)(t->received - before) * 8 * USEC_PER_SECOND / (double)time;
}

static const struct shape_config wide = {
	.rate_bps = 100 * MBIT,
	.delay_us = 10000,
	.queue_bytes = 250000, // what is under way in a round trip
};

static void a_clean_path_is_filled(void **state)
{
	static const uint8_t congestion[] = {TCP_CONGESTION_CUBIC, TCP_CONGESTION_RATE};

	for (size_t i = 0; i < nx_array_size(congestion); i++) {
		struct tcp_profile profile = {.congestion = congestion[i]};
		struct net *net = path(&wide, &profile, 0, NET_TELLS);
		const struct net_transfer *t = net_transfer_add(
			net, &(struct net_transfer){
				     .from = 0, .to = 1, .bytes = UINT64_MAX, .begins = 1});
		double rate = goodput(net, t, 3 * USEC_PER_SECOND, 5 * USEC_PER_SECOND);

		if (t->is_wrong || rate < 0.9 * 100e6)
			fail_msg("congestion control %u: %.1f of 100 Mbit/s", congestion[i],
				rate / 1e6);
		tcp_abort_all(net_engine(net, 0), net_now(net));
		tcp_abort_all(net_engine(net, 1), net_now(net));
		end(net);
	}
}

// Two senders, a router, two receivers: 20 Mbit/s for both.
static void share_bottleneck(uint8_t congestion)
{
	const struct shape_config access = {.rate_bps = 1000 * MBIT, .delay_us = 1000};
	const struct shape_config bottleneck = {
		.rate_bps = 20 * MBIT, .delay_us = 9000, .queue_bytes = 50000};
	const struct tcp_profile profile = {.congestion = congestion};
	struct net *net = net_create(0, NET_TELLS);
	struct net_transfer *flows[2];
	uint64_t before[2];
	double rate[2];

	for (unsigned int i = 0; i < 4; i++)
		net_host_add(net, &profile);
	uint16_t near = net_router_add(net);
	uint16_t far = net_router_add(net);

	for (uint16_t i = 0; i < 2; i++) {
		net_join(net, i, near, &access, &access);
		net_join(net, (uint16_t)(2 + i), far, &access, &access);
	}
	net_join(net, near, far, &bottleneck, &bottleneck);
	for (uint16_t i = 0; i < 2; i++)
		flows[i] = net_transfer_add(net, &(struct net_transfer){.from = i,
							 .to = (uint16_t)(2 + i),
							 .bytes = UINT64_MAX,
							 .begins = 1 + i * USEC_PER_SECOND});
	net_run(net, 10 * USEC_PER_SECOND);
	before[0] = flows[0]->received;
	before[1] = flows[1]->received;
	net_run(net, SHARING_S * USEC_PER_SECOND);
	for (unsigned int i = 0; i < 2; i++)
		rate[i] = (double)(flows[i]->received - before[i]) * 8 / SHARING_S;
	if (rate[0] + rate[1] < 0.9 * 20e6 || rate[0] > 1.2 * rate[1] || rate[1] > 1.2 * rate[0])
		fail_msg("congestion control %u: %.2f and %.2f of 20 Mbit/s", congestion,
			rate[0] / 1e6, rate[1] / 1e6);
	for (uint16_t i = 0; i < 4; i++)
		tcp_abort_all(net_engine(net, i), net_now(net));
	end(net);
}

static void two_flows_share_a_bottleneck(void **state)
{
	share_bottleneck(TCP_CONGESTION_CUBIC);
	share_bottleneck(TCP_CONGESTION_RATE);
}

// A path that does everything to packets, drawn from the seed.
static struct shape_config hostile_path(struct shape_config base, uint64_t seed)
{
	base.seed = seed;
	base.rate_bps = (1 + seed % 50) * MBIT;
	base.queue_bytes = 20000 + (uint32_t)(seed % 7) * 20000;
	base.delay_us = 1000 + seed * 7919 % 60000;
	base.jitter_us = base.delay_us * (seed % 3) / 4;
	base.loss = (uint32_t)(seed % 4) * PERCENT;
	// Bursts are counted in packets: long ones outlast any number of timeouts.
	base.loss_burst = 1 + seed % 5 / 3;
	base.reorder = (uint32_t)(seed % 5) * PERCENT;
	base.duplicate = (uint32_t)(seed % 3) * 2 * PERCENT;
	base.corrupt = (uint32_t)(seed % 2) * PERCENT;
	return base;
}

static void run_hostile(uint64_t seed, const struct tcp_profile *profile, uint32_t buffer_failures)
{
	struct shape_config config = hostile_path((struct shape_config){0}, seed);
	struct net *net = path(&config, profile, buffer_failures, NET_TELLS);
	struct net_transfer *there, *back;

	there = net_transfer_add(net, &(struct net_transfer){.from = 0,
					      .to = 1,
					      .v6 = seed % 2,
					      .bytes = 300000 + seed * 1777,
					      .begins = 1});
	back = net_transfer_add(net, &(struct net_transfer){.from = 1,
					     .to = 0,
					     .v6 = seed % 3 == 0,
					     .bytes = seed % 10 == 0 ? 0 : 200000,
					     .begins = 1 + seed * 1000});
	net_run(net, 600 * USEC_PER_SECOND);
	check_whole(there, seed);
	check_whole(back, seed);
	end(net);
}

static void streams_arrive_whole_over_hostile_paths(void **state)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct tcp_profile profile = {
			.congestion = seed % 2 ? TCP_CONGESTION_CUBIC : TCP_CONGESTION_RATE,
			.flags = (seed % 8 == 3 ? TCP_NO_SACK : 0) |
				 (seed % 8 == 5 ? TCP_NO_TIMESTAMPS : 0) |
				 (seed % 8 == 7 ? TCP_NO_WINDOW_SCALE : 0) |
				 (seed % 4 == 2 ? TCP_ECN : 0),
		};

		run_hostile(seed, &profile, 0);
	}
}

static void streams_arrive_whole_when_buffers_run_out(void **state)
{
	const struct tcp_profile profile = {0};

	for (uint64_t seed = 1; seed <= 10; seed++)
		run_hostile(seed, &profile, 5 + (uint32_t)seed);
}

static void marks_slow_a_sender_down_without_loss(void **state)
{
	struct shape_config config = wide;
	struct tcp_profile profile = {.flags = TCP_ECN};
	struct net_transfer *t;
	struct net *net;

	config.mark_bytes = 60000;
	config.queue_bytes = 1000000;
	net = path(&config, &profile, 0, NET_TELLS);
	t = net_transfer_add(
		net, &(struct net_transfer){.from = 0, .to = 1, .bytes = 30000000, .begins = 1});
	assert_true(net_run(net, 60 * USEC_PER_SECOND));
	check_whole(t, 0);
	assert_true(counter_read(&shape_link_counters(net_link(net, 0, 1))->marked) > 0);
	assert_int_equal(counter_read(&shape_link_counters(net_link(net, 0, 1))->queue_full), 0);
	assert_true(counter_read(&tcp_engine_stats(net_engine(net, 0))->ecn_reductions) > 0);
	end(net);
}

static void a_reader_that_pauses_for_minutes_loses_nothing(void **state)
{
	const struct tcp_profile profile = {.receive_memory = 100000};
	struct net *net = path(&wide, &profile, 0, NET_TELLS);
	struct net_transfer *t =
		net_transfer_add(net, &(struct net_transfer){.from = 0,
					      .to = 1,
					      .bytes = 5000000,
					      .begins = 1,
					      .pause_begins = 100000,
					      .pause_ends = 300 * USEC_PER_SECOND});

	net_run(net, 400 * USEC_PER_SECOND);
	check_whole(t, 0);
	assert_true(counter_read(&tcp_engine_stats(net_engine(net, 0))->zero_window_probes) > 3);
	end(net);
}

// Two hosts behind a router whose far link takes less: the hosts do not know.
static void cross_narrow_link(enum net_too_big too_big, usec_t time)
{
	const struct shape_config access = {.rate_bps = 100 * MBIT, .delay_us = 1000};
	const struct shape_config narrow = {
		.rate_bps = 10 * MBIT, .delay_us = 1000, .queue_bytes = 60000, .mtu = 1300};
	const struct tcp_profile profile = {0};
	struct net *net = net_create(0, too_big);
	uint16_t a = net_host_add(net, &profile);
	uint16_t b = net_host_add(net, &profile);
	uint16_t router = net_router_add(net);
	struct net_transfer *t[2];

	net_join(net, a, router, &access, &access);
	net_join(net, router, b, &narrow, &narrow);
	for (unsigned int i = 0; i < 2; i++)
		t[i] = net_transfer_add(net,
			&(struct net_transfer){
				.from = a, .to = b, .v6 = i == 1, .bytes = 1000000, .begins = 1});
	net_run(net, time);
	check_whole(t[0], 4);
	check_whole(t[1], 6);
	end(net);
}

static void a_smaller_mtu_on_the_way_is_learnt_when_told(void **state)
{
	cross_narrow_link(NET_TELLS, 10 * USEC_PER_SECOND);
}

static void a_black_hole_is_found(void **state)
{
	cross_narrow_link(NET_IS_SILENT, 120 * USEC_PER_SECOND);
}

static uint64_t history(uint64_t seed)
{
	struct shape_config config = hostile_path((struct shape_config){0}, seed);
	struct tcp_profile profile = {0};
	struct net *net = path(&config, &profile, 0, NET_TELLS);
	struct net_transfer *t = net_transfer_add(
		net, &(struct net_transfer){.from = 0, .to = 1, .bytes = 400000, .begins = 1});
	const struct tcp_stats *stats;
	uint64_t hash;

	net_run(net, 600 * USEC_PER_SECOND);
	stats = tcp_engine_stats(net_engine(net, 0));
	hash = t->ended * 31 + counter_read(&stats->segments_sent) * 17 +
	       counter_read(&stats->retransmitted_bytes);
	end(net);
	return hash;
}

static void a_seed_repeats_a_run(void **state)
{
	assert_int_equal(history(11), history(11));
	assert_int_not_equal(history(11), history(12));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clean_path_is_filled),
		cmocka_unit_test(two_flows_share_a_bottleneck),
		cmocka_unit_test(streams_arrive_whole_over_hostile_paths),
		cmocka_unit_test(streams_arrive_whole_when_buffers_run_out),
		cmocka_unit_test(marks_slow_a_sender_down_without_loss),
		cmocka_unit_test(a_reader_that_pauses_for_minutes_loses_nothing),
		cmocka_unit_test(a_smaller_mtu_on_the_way_is_learnt_when_told),
		cmocka_unit_test(a_black_hole_is_found),
		cmocka_unit_test(a_seed_repeats_a_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
