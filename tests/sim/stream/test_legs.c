// SPDX-License-Identifier: BSD-3-Clause
// What listeners and upstreams say of their connections, each leg by itself, in virtual time.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "one_rig.h"
#include "stream/relay_impl.h"

#define SECONDS(n) ((usec_t)(n)*USEC_PER_SECOND)

static int set_up(void **state)
{
	rig_open(&rig, 64);
	return 0;
}

static struct rig_user *user(enum rig_host host)
{
	return &rig.user[host][0];
}

static struct tcp_info info_of(enum rig_host host)
{
	struct tcp_info info;

	tcp_info_get(rig.host[host], user(host)->connection, &info);
	return info;
}

// The relay's own connection to it.
static struct tcp_info leg_info(enum rig_host host)
{
	struct tcp_info info;

	tcp_info_get(rig.relay->tcp, session_at(rig.relay, 0)->connection[host], &info);
	return info;
}

static void open_one(void)
{
	rig_listen(&rig, "10.2.0.1");
	rig.world->upstreams[WORLD_TCP].target_count = 0;
	world_target(rig.world, WORLD_TCP, 0, "10.2.0.1", 80, 1);
	rig_connect(&rig, "10.1.0.2");
	user(RIG_CLIENT)->keeps_open = user(RIG_TARGET)->keeps_open = true;
	rig_wait(&rig, SECONDS(1));
	assert_true(user(RIG_CLIENT)->is_open && user(RIG_TARGET)->is_open);
}

static void each_leg_has_its_own_congestion_control(void **state)
{
	rig.world->listeners[WORLD_TCP].congestion = TCP_CONGESTION_RATE;
	open_one();
	assert_int_equal(leg_info(RIG_CLIENT).congestion, TCP_CONGESTION_RATE);
	assert_int_equal(leg_info(RIG_TARGET).congestion, TCP_CONGESTION_CUBIC);

	rig_close(&rig);
	rig_open(&rig, 64);
	rig.world->upstreams[WORLD_TCP].congestion = TCP_CONGESTION_RATE;
	open_one();
	assert_int_equal(leg_info(RIG_CLIENT).congestion, TCP_CONGESTION_CUBIC);
	assert_int_equal(leg_info(RIG_TARGET).congestion, TCP_CONGESTION_RATE);
}

static void hosts_know_ecn(void)
{
	for (unsigned host = 0; host < 2; host++)
		tcp_profile_set(rig.host[host], 0, &(struct tcp_profile){.flags = TCP_ECN});
}

static void ecn_is_not_agreed_to_unasked(void **state)
{
	hosts_know_ecn();
	open_one();
	for (unsigned host = 0; host < 2; host++)
		assert_false(info_of(host).ecn);
}

// On both legs, and marks of the way slow their senders down.
static void ecn_works_on_both_legs(void **state)
{
	const struct tcp_stats *stats = relay_tcp_stats(rig.relay);

	hosts_know_ecn();
	rig.world->listeners[WORLD_TCP].ecn = true;
	rig.world->upstreams[WORLD_TCP].ecn = true;
	open_one();
	for (unsigned host = 0; host < 2; host++)
		assert_true(info_of(host).ecn && leg_info(host).ecn);
	rig.ce_ppm = 5000;
	rig_send(&rig, RIG_CLIENT, 0, 1000000);
	rig_wait(&rig, SECONDS(20));
	assert_int_equal(user(RIG_TARGET)->received, 1000000);
	// The relay told the client, and heard the target.
	assert_true(counter_read(&tcp_engine_stats(rig.host[RIG_CLIENT])->ecn_reductions) > 0);
	assert_true(counter_read(&stats->ecn_reductions) > 0);
}

// Legs of 1 Gbit/s and 50 ms with room for 50 ms to wait.
static void open_far(uint32_t memory)
{
	rig.delay = 25000;
	rig.rate_bps = 1000000000;
	rig.queue = 50000;
	rig.world->listeners[WORLD_TCP].memory = memory;
	rig.world->upstreams[WORLD_TCP].memory = memory;
	for (unsigned host = 0; host < 2; host++)
		tcp_profile_set(rig.host[host], 0,
			&(struct tcp_profile){
				.receive_memory = 48u << 20, .send_memory = 48u << 20});
	open_one();
	rig_send(&rig, RIG_TARGET, 0, 2000000000);
	rig_wait(&rig, SECONDS(3));
}

// Payload from the target a second, from 3 s after the begin to 5 s.
static uint64_t far_rate_mbps(uint32_t memory)
{
	uint64_t before;

	open_far(memory);
	before = user(RIG_CLIENT)->received;
	rig_wait(&rig, SECONDS(2));
	return (user(RIG_CLIENT)->received - before) * 8 / SECONDS(2);
}

static void memory_lets_a_far_client_have_its_link(void **state)
{
	uint64_t rate = far_rate_mbps(48u << 20);

	if (rate < 900)
		fail_msg("%llu Mbit/s", (unsigned long long)rate);
}

// 4 MiB in 50 ms, at most.
static void memory_unsaid_is_bounded(void **state)
{
	uint64_t rate = far_rate_mbps(0);

	if (rate < 200 || rate > (UINT64_C(4) << 20) * 8 * 20 / 1000000)
		fail_msg("%llu Mbit/s", (unsigned long long)rate);
}

static void a_syn_says_a_window_as_large_as_memory(void **state)
{
	rig.world->listeners[WORLD_TCP].memory = 64u << 20;
	rig.world->upstreams[WORLD_TCP].memory = 64u << 10;
	// The bound of the moment is not what it speaks of.
	relay_memory_limit(rig.relay, 512 << 10);
	open_one();
	assert_int_equal(info_of(RIG_CLIENT).send_scale, 11);
	assert_int_equal(info_of(RIG_TARGET).send_scale, 1);
}

// A bound that is lowered on the way: what is held drains to it, and the stream goes on.
static void memory_gives_way_to_pressure(void **state)
{
	uint64_t before;

	open_far(48u << 20);
	relay_memory_limit(rig.relay, 512 << 10);
	rig_wait(&rig, SECONDS(5));
	assert_true(leg_info(RIG_TARGET).receive_held <= 512 << 10);
	assert_true(leg_info(RIG_CLIENT).send_held <= 2 * (512 << 10));
	before = user(RIG_CLIENT)->received;
	rig_wait(&rig, SECONDS(1));
	assert_true(user(RIG_CLIENT)->received > before + 1000000);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, rig_tear_down)
	const struct CMUnitTest tests[] = {
		T(each_leg_has_its_own_congestion_control),
		T(ecn_is_not_agreed_to_unasked),
		T(ecn_works_on_both_legs),
		T(memory_lets_a_far_client_have_its_link),
		T(memory_unsaid_is_bounded),
		T(a_syn_says_a_window_as_large_as_memory),
		T(memory_gives_way_to_pressure),
	};

	return cmocka_run_group_tests_name("stream/legs", tests, NULL, NULL);
}
