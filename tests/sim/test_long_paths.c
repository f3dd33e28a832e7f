// SPDX-License-Identifier: BSD-3-Clause
// What a connection gets of 1 Gbit/s at 50 ms: deep and shallow queues, random loss, company. Rates
// are of payload, against the payload that the link's frames can carry. With the argument "long"
// longer runs over more seeds; with "compare" the first ten seconds of each path, for
// perf/tcp-emulated.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net.h"

enum {
	PART_OF_WHOLE = SHAPE_WHOLE / 1000000, // one in a million
	BDP = 6250000,
	MIB = 1 << 20,
};

#define LINK_BPS       UINT64_C(1000000000)
#define PAYLOAD_BPS    (LINK_BPS * 1448 / 1514)
#define PATH_MTU_BYTES 1500

struct path {
	const char *name;
	uint8_t congestion;
	uint32_t queue_bytes;
	uint32_t loss_ppm;
	uint32_t memory;   // of each side
	uint32_t begin_ms; // what arrives from here
	uint32_t end_ms;   // to here
	uint32_t least_mbit;
	bool is_long; // only in long runs
};

// least_mbit: the goals. Where Linux is the measure, what Linux 6.18's CUBIC had over the same
// emulated link (perf/tcp-emulated).
static const struct path paths[] = {
	{"cubic, one bdp", TCP_CONGESTION_CUBIC, BDP, 0, 32 * MIB, 3000, 4000, 908},
	{"cubic, a tenth of a bdp", TCP_CONGESTION_CUBIC, BDP / 10, 0, 32 * MIB, 0, 10000, 330},
	{"cubic, 0.001 % loss", TCP_CONGESTION_CUBIC, BDP, 10, 32 * MIB, 3000, 8000, 150},
	{"cubic, 0.1 % loss", TCP_CONGESTION_CUBIC, BDP, 1000, 32 * MIB, 3000, 33000, 8},
	{"cubic, 1 % loss", TCP_CONGESTION_CUBIC, BDP, 10000, 32 * MIB, 3000, 33000, 2},
	{"rate, one bdp", TCP_CONGESTION_RATE, BDP, 0, 32 * MIB, 3000, 5000, 908, true},
	{"rate, a tenth of a bdp", TCP_CONGESTION_RATE, BDP / 10, 0, 32 * MIB, 3000, 5000, 800,
		true},
	{"rate, 0.1 % loss", TCP_CONGESTION_RATE, BDP, 1000, 48 * MIB, 3000, 5000, 850, true},
	{"rate, 1 % loss", TCP_CONGESTION_RATE, BDP, 10000, 48 * MIB, 3000, 5000, 800},
};

static bool is_long;

static struct shape_config link_of(const struct path *p, uint64_t seed)
{
	return (struct shape_config){
		.rate_bps = LINK_BPS,
		.delay_us = 25000,
		.queue_bytes = p->queue_bytes,
		.loss = p->loss_ppm * PART_OF_WHOLE,
		.mtu = PATH_MTU_BYTES,
		.seed = seed,
	};
}

static struct tcp_profile profile_for(const struct path *p)
{
	return (struct tcp_profile){
		.congestion = p->congestion,
		.receive_memory = p->memory,
		.send_memory = p->memory,
	};
}

static void finish(struct net *net, uint16_t hosts)
{
	for (uint16_t i = 0; i < hosts; i++)
		tcp_abort_all(net_engine(net, i), net_now(net));
	assert_int_equal(net_destroy(net), 0);
	assert_int_equal(buffer_heap_alive(), 0);
}

static double mbit(uint64_t bytes, usec_t time)
{
	return (double)bytes * 8 / (double)time;
}

// What both ends count that must not happen on such a path.
static void check_counters(struct net *net)
{
	for (uint16_t i = 0; i < 2; i++) {
		const struct tcp_stats *s = tcp_engine_stats(net_engine(net, i));

		assert_int_equal(counter_read(&s->sack_walks_limited), 0);
		assert_int_equal(counter_read(&s->out_of_order_refused), 0);
	}
}

static double measure(const struct path *p, uint64_t seed)
{
	struct tcp_profile profile = profile_for(p);
	struct shape_config there = link_of(p, seed);
	struct shape_config back = {.rate_bps = LINK_BPS, .delay_us = 25000, .seed = seed + 1000};
	struct net *net = net_create(0, NET_TELLS);
	const struct net_transfer *t;
	struct tcp_info sender;
	uint64_t before;
	uint32_t held = 0;
	double rate;

	net_host_add(net, &profile);
	net_host_add(net, &profile);
	net_join(net, 0, 1, &there, &back);
	t = net_transfer_add(
		net, &(struct net_transfer){.from = 0, .to = 1, .bytes = UINT64_MAX, .begins = 1});
	net_run(net, p->begin_ms * USEC_PER_MILLISECOND);
	before = t->received;
	for (uint32_t ms = p->begin_ms; ms < p->end_ms; ms += 50) {
		struct tcp_info receiver = {0};

		net_run(net, 50 * USEC_PER_MILLISECOND);
		if (t->receiver != TCP_NONE)
			tcp_info_get(net_engine(net, 1), t->receiver, &receiver);
		if (receiver.receive_held > held)
			held = receiver.receive_held;
	}
	tcp_info_get(net_engine(net, 0), t->sender, &sender);
	rate = mbit(t->received - before, (p->end_ms - p->begin_ms) * USEC_PER_MILLISECOND);
	print_message("%s, seed %llu, %u to %u ms: %.1f Mbit/s, retransmitted %u, timeouts %llu, "
		      "received and held %.1f MiB at most\n",
		p->name, (unsigned long long)seed, p->begin_ms, p->end_ms, rate,
		sender.retransmitted,
		(unsigned long long)counter_read(
			&tcp_engine_stats(net_engine(net, 0))->retransmission_timeouts),
		held / (double)MIB);
	assert_false(t->is_wrong);
	check_counters(net);
	finish(net, 2);
	return rate;
}

static void a_long_path_is_filled(void **state)
{
	for (size_t i = 0; i < nx_array_size(paths); i++) {
		for (uint64_t seed = 1; seed <= (is_long ? 5 : 1); seed++) {
			struct path p = paths[i];

			if (p.is_long && !is_long)
				continue;
			p.end_ms += is_long ? 20000 : 0;
			if (measure(&p, seed) < p.least_mbit)
				fail_msg("%s, seed %llu: below %u Mbit/s", p.name,
					(unsigned long long)seed, p.least_mbit);
		}
	}
}

// Two flows of one kind share a bottleneck of 100 Mbit/s at 50 ms; the second comes 2 s later.
// CUBIC needs a dozen of its slow periods for the shares to meet.
static void share(uint8_t congestion, usec_t time, uint64_t seed)
{
	const struct shape_config access = {.rate_bps = LINK_BPS, .delay_us = 1000};
	const struct shape_config bottleneck = {.rate_bps = LINK_BPS / 10,
		.delay_us = 23000,
		.queue_bytes = BDP / 10,
		.seed = seed};
	const struct shape_config back = {.rate_bps = LINK_BPS / 10, .delay_us = 23000};
	const struct tcp_profile profile = {
		.congestion = congestion, .receive_memory = 8 * MIB, .send_memory = 8 * MIB};
	usec_t begin = 20 * USEC_PER_SECOND;
	struct net *net = net_create(0, NET_TELLS);
	const struct net_transfer *flows[2];
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
	net_join(net, near, far, &bottleneck, &back);
	for (uint16_t i = 0; i < 2; i++)
		flows[i] = net_transfer_add(
			net, &(struct net_transfer){.from = i,
				     .to = (uint16_t)(2 + i),
				     .bytes = UINT64_MAX,
				     .begins = 1 + i * (2 * USEC_PER_SECOND + seed * 1000)});
	net_run(net, begin);
	for (unsigned int i = 0; i < 2; i++)
		before[i] = flows[i]->received;
	net_run(net, time);
	for (unsigned int i = 0; i < 2; i++)
		rate[i] = mbit(flows[i]->received - before[i], time);
	print_message("two flows, congestion control %u, seed %llu: %.1f and %.1f Mbit/s\n",
		congestion, (unsigned long long)seed, rate[0], rate[1]);
	finish(net, 4);
	assert_true(rate[0] + rate[1] > 85);
	assert_true(rate[0] < 1.2 * rate[1] && rate[1] < 1.2 * rate[0]);
}

static void compare(void)
{
	for (size_t i = 0; i < nx_array_size(paths); i++) {
		for (uint64_t seed = 1; seed <= 3; seed++) {
			struct path p = paths[i];

			p.begin_ms = 0;
			p.end_ms = 10000;
			measure(&p, seed);
		}
	}
}

static void two_flows_share_a_long_path(void **state)
{
	share(TCP_CONGESTION_RATE, 60 * USEC_PER_SECOND, 1);
	for (uint64_t seed = 1; is_long && seed <= 5; seed++) {
		share(TCP_CONGESTION_CUBIC, 400 * USEC_PER_SECOND, seed);
		share(TCP_CONGESTION_RATE, 120 * USEC_PER_SECOND, seed);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_long_path_is_filled),
		cmocka_unit_test(two_flows_share_a_long_path),
	};

	if (argc > 1 && strcmp(argv[1], "compare") == 0) {
		compare();
		return 0;
	}
	is_long = argc > 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
