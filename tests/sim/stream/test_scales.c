// SPDX-License-Identifier: BSD-3-Clause
// The scale of windows is each leg's own: what a client and a target announce, and how far, has
// nothing to do with each other.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "rig.h"

enum {
	NO_SCALE = 15,
	RELAY_SCALE = 7, // what the relay announces of its own
	BYTES = 1000000,
};

#define SECONDS(n) ((usec_t)(n)*USEC_PER_SECOND)

static struct rig rig;

// Memory for a window that the scale can say, beyond what 16 bits can if there is one.
static struct tcp_profile profile_for(uint8_t scale)
{
	if (scale == NO_SCALE)
		return (struct tcp_profile){.flags = TCP_NO_WINDOW_SCALE};
	if (scale == 0)
		return (struct tcp_profile){.receive_memory = 65535};
	return (struct tcp_profile){.window_scale = scale, .receive_memory = 1 << 20};
}

static uint64_t beyond_window(enum rig_host host)
{
	return counter_read(&tcp_engine_stats(rig.host[host])->drops[DROP_TCP_OUT_OF_WINDOW]);
}

// What was agreed with a peer of this scale, as the peer has it.
static void check_scales(enum rig_host host, uint8_t scale)
{
	struct tcp_info info;

	tcp_info_get(rig.host[host], rig.user[host][0].connection, &info);
	assert_int_equal(info.receive_scale, scale == NO_SCALE ? 0 : scale);
	assert_int_equal(info.send_scale, scale == NO_SCALE ? 0 : RELAY_SCALE);
}

// Who stops reading gets what its window says and not a byte more, but most of it; then all.
static void fill_and_empty(enum rig_host to)
{
	enum rig_host from = to == RIG_CLIENT ? RIG_TARGET : RIG_CLIENT;
	struct rig_user *user = &rig.user[to][0];
	uint64_t refused = beyond_window(to);
	struct tcp_info before;
	struct tcp_info full;

	user->stops_reading = true;
	tcp_info_get(rig.host[to], user->connection, &before);
	rig_send(&rig, from, 0, BYTES);
	rig_wait(&rig, SECONDS(20));
	tcp_info_get(rig.host[to], user->connection, &full);
	assert_true(full.receive_queued > before.receive_window / 4);
	assert_true(full.receive_queued < BYTES);
	assert_int_equal(beyond_window(to), refused);
	user->stops_reading = false;
	rig_wait(&rig, SECONDS(20));
	assert_int_equal(user->received, BYTES);
	assert_int_equal(beyond_window(to), refused);
}

static void legs(uint8_t client, uint8_t target)
{
	const struct tcp_profile profiles[] = {profile_for(client), profile_for(target)};

	print_message("client %u, target %u\n", client, target);
	rig_open(&rig, 4);
	for (unsigned int i = 0; i < 2; i++)
		tcp_profile_set(rig.host[i], 0, &profiles[i]);
	rig.world->upstreams[WORLD_TCP].target_count = 0;
	world_target(rig.world, WORLD_TCP, 0, "10.2.0.1", 80, 1);
	rig_listen(&rig, "10.2.0.1");
	rig_connect(&rig, "10.1.0.2");
	rig.user[RIG_CLIENT][0].keeps_open = rig.user[RIG_TARGET][0].keeps_open = true;
	rig_wait(&rig, SECONDS(1));
	check_scales(RIG_CLIENT, client);
	check_scales(RIG_TARGET, target);
	fill_and_empty(RIG_TARGET);
	fill_and_empty(RIG_CLIENT);
	rig.user[RIG_CLIENT][0].keeps_open = rig.user[RIG_TARGET][0].keeps_open = false;
	assert_true(rig_settle(&rig, SECONDS(20)));
	rig_close(&rig);
}

static void each_leg_has_its_scale(void **state)
{
	static const uint8_t scales[] = {NO_SCALE, 0, 7, 14};

	for (unsigned int i = 0; i < nx_array_size(scales); i++)
		for (unsigned int k = 0; k < nx_array_size(scales); k++)
			legs(scales[i], scales[k]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_leg_has_its_scale),
	};

	return cmocka_run_group_tests_name("stream/scales", tests, NULL, NULL);
}
