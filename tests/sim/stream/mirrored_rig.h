// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Sessions in a target's likeness, for the programs that have them: strangers, who are left to the
// target, and clients who prove themselves. Behind cmocka.h.

#include "one_rig.h"
#include "secured.h"

#define SECONDS(n) ((usec_t)(n)*USEC_PER_SECOND)

enum {
	SESSIONS = 512,
	LEGS = 256,
	MOST = 16384 + 9, // bytes of a hello
	SOON = 20000,     // some round trips
	STRANGERS = SESSIONS / 4,
	OF_SOURCE = 16, // of these
	FEW = 64,       // sessions
};

static const char *const own = "10.1.0.2";

static inline void open_for(uint32_t sessions)
{
	struct snapshot_listener *listener;

	rig_open_secured(&rig, sessions, LEGS);
	rig_listen(&rig, "10.2.0.1");
	rig_listen(&rig, "10.2.0.9");
	rig.world->upstreams[WORLD_TCP].target_count = 0;
	world_target(rig.world, WORLD_TCP, 0, "10.2.0.1", 80, 1);
	rig.world->upstreams[WORLD_UDP].target_count = 0;
	world_target(rig.world, WORLD_UDP, 2, "10.2.0.9", 80, 1);
	listener = &rig.world->listeners[WORLD_TCP];
	listener->is_mirrored = listener->transparent = true;
	listener->mirror = WORLD_UDP;
	rig.secured->mirrored = true;
}

static inline int set_up(void **state)
{
	open_for(SESSIONS);
	return 0;
}

// A hello of any length: a record whose only message is one.
static inline const uint8_t *hello_of(uint32_t length)
{
	static uint8_t hello[MOST];

	memset(hello, 0x5a, sizeof(hello));
	memcpy(hello, secured_hello, SECURED_HELLO);
	be16_store(hello + 3, be16_from_host((uint16_t)(length - 5)));
	be16_store(hello + 7, be16_from_host((uint16_t)(length - 9)));
	return hello;
}

static inline uint32_t stranger_from(const char *source)
{
	uint32_t n = rig_connect_from(&rig, source, own);

	rig.secured->raw = true;
	client(n)->keeps_open = target(n)->keeps_open = true;
	return n;
}

static inline uint32_t stranger(void)
{
	return stranger_from("10.1.0.1");
}

// Says a part of a hello.
static inline void stranger_says(uint32_t n, const uint8_t *hello, uint32_t from, uint32_t length)
{
	client(n)->said += length;
	rig_say(&rig, n, hello + from, length);
}

static inline uint64_t timeouts(void)
{
	return counter_read(&rig.world->stats->reality_timeouts);
}

static inline uint64_t foreign(void)
{
	return counter_read(&rig.world->stats->reality_foreign);
}

static inline uint64_t strangers(void)
{
	return rig_pool(&rig, "reality_strangers");
}

static inline void threads_stall(bool stall)
{
	rig.secured->stalled[0] = rig.secured->stalled[1] = stall;
}

// Client 0, whose hello the target has.
static inline void stranger_heard(void)
{
	stranger_says(stranger(), hello_of(1000), 0, 1000);
	rig_wait(&rig, SECONDS(1));
	assert_true(client(0)->is_open);
	assert_int_equal(target(0)->received, 1000);
	assert_false(rig.secured->spliced);
	assert_int_equal(rig.secured->opens[0] + rig.secured->opens[1], 1);
}

// The target's number 0 is whose likeness it takes, 1 its own: so the client is to be 1, too.
static inline void a_client(void)
{
	client(0)->connection = TCP_NONE;
	rig.users[RIG_CLIENT] = 1;
	rig_connect(&rig, own);
	client(1)->keeps_open = target(0)->keeps_open = target(1)->keeps_open = true;
}

static inline void a_client_answered(void)
{
	rig.secured->unfinished = true;
	a_client();
	rig_wait(&rig, SOON);
	rig_send(&rig, RIG_TARGET, 0, SECURED_HELLO);
	rig_wait(&rig, SOON);
	assert_true(rig.secured->open[1]);
}

// The listener is of protocol http, and one upstream serves everything.
static inline void route_requests(void)
{
	static union {
		struct snapshot_http http;
		uint8_t room[sizeof(struct snapshot_http) + sizeof(struct snapshot_http_route)];
	} routed;
	struct snapshot_http *http = &routed.http;

	memset(&routed, 0, sizeof(routed));
	rig_route_all(http);
	rig.world->listeners[WORLD_TCP].http = http;
}

// Of one way, from now on. Two of its ticks are 16 ms.
static inline void limit(enum rig_host from, uint32_t after, uint32_t rate, uint32_t burst)
{
	rig.world->listeners[WORLD_TCP].limits[from] = (struct snapshot_limit){
		.after_bytes = after, .bytes_per_s = rate, .burst_bytes = burst};
}

static inline uint64_t held_back(enum rig_host from)
{
	return counter_read(&rig.world->stats->reality_limited[from]);
}
