// SPDX-License-Identifier: BSD-3-Clause
// Looks at a target over connections of the relay's own, in virtual time: what the slow path gets
// to hear of the target's stream and silence, and what becomes of targets that are not there.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "one_rig.h"
#include "secured.h"

#define SECONDS(n) ((usec_t)(n)*USEC_PER_SECOND)

enum {
	WORKER = 3,
	SESSIONS = 64,
	LEGS = 64,
	PROFILE = 7,
	PLACE = 5,
	PROBES = 4,
};

// What the slow path was told last, of the kinds in `kinds`, oldest first.
static struct {
	uint8_t kinds[64];
	uint32_t count;
	uint64_t session, offset;
	struct slow_open open;
	struct slow_link *link;
	uint32_t bytes;
} told;

static int set_up(void **state)
{
	struct snapshot_listener *listener;

	memset(&told, 0, sizeof(told));
	rig_open_secured(&rig, SESSIONS, LEGS);
	rig_listen(&rig, "10.2.0.9");
	rig.world->upstreams[WORLD_UDP].target_count = 0;
	world_target(rig.world, WORLD_UDP, 2, "10.2.0.9", 80, 1);
	listener = &rig.world->listeners[WORLD_TCP];
	listener->is_mirrored = listener->transparent = true;
	listener->mirror = WORLD_UDP;
	target(0)->keeps_open = true;
	// The rings are read here.
	rig.secured->stalled[0] = rig.secured->stalled[1] = true;
	return 0;
}

static void message_note(struct slow_link *link, const struct slow_message *m)
{
	assert_true(told.count < sizeof(told.kinds));
	told.kinds[told.count++] = m->kind;
	told.session = m->session;
	told.link = link;
	assert_int_equal(m->stream, SLOW_TARGET);
	if (m->kind == SLOW_OPEN)
		told.open = m->open;
	if (m->kind == SLOW_BYTES) {
		assert_int_equal(m->offset, told.bytes);
		told.bytes += m->length;
	}
}

// What was said since the last time; pieces of the stream that follow each other are one.
static void listen_to(void)
{
	told.count = 0;
	for (uint32_t t = 0; t < SECURED_THREADS; t++) {
		struct slow_link *link = &rig.secured->link[WORKER * SECURED_THREADS + t];
		struct slow_message *m;

		while ((m = ring_peek(&link->to_slow)) != NULL) {
			message_note(link, m);
			if (told.count > 1 && m->kind == SLOW_BYTES &&
				told.kinds[told.count - 2] == SLOW_BYTES)
				told.count--;
			ring_release(&link->to_slow);
		}
	}
}

static void expect(usec_t time, uint32_t count, const uint8_t *kinds)
{
	rig_wait(&rig, time);
	listen_to();
	assert_int_equal(told.count, count);
	assert_memory_equal(told.kinds, kinds, count);
}
#define EXPECT(time, ...) expect(time, sizeof((uint8_t[]){__VA_ARGS__}), (uint8_t[]){__VA_ARGS__})

static void answer(enum slow_kind kind, uint16_t length)
{
	struct slow_message *m = ring_reserve(&told.link->to_worker);

	assert_non_null(m);
	memset(m, 0, sizeof(*m));
	m->session = told.session;
	m->kind = (uint8_t)kind;
	m->stream = SLOW_TARGET;
	m->length = length;
	memset(m->data, 'x', length);
	ring_publish(&told.link->to_worker);
}

static bool begin(void)
{
	const struct control_request request = {.kind = CONTROL_PROBE,
		.probe = {.upstream = WORLD_UDP, .profile = PROFILE, .place = PLACE}};

	return relay_probe_begin(rig.relay, &rig.world->snapshot, &request, rig.world->now);
}

static void expect_nothing_left(void)
{
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(counter_read(&rig.world->stats->nat_ports_in_use), 0);
	assert_int_equal(rig_sessions(&rig), 0);
	assert_int_equal(relay_next_timer(rig.relay) - rig.world->now > SECONDS(1), 1);
}

static void a_target_is_heard_and_its_silence(void **state)
{
	assert_true(begin());
	EXPECT(SECONDS(1) / 2, SLOW_OPEN);
	assert_int_equal(told.open.profile, PROFILE);
	assert_int_equal(told.open.place, PLACE);
	answer(SLOW_SEND, 1000);
	rig_wait(&rig, SECONDS(1) / 2);
	assert_int_equal(target(0)->received, 1000);
	rig_send(&rig, RIG_TARGET, 0, 6000);
	EXPECT(SECONDS(1) / 2, SLOW_BYTES);
	assert_int_equal(told.bytes, 6000);
	// Once, however long the answer takes.
	EXPECT(SECONDS(3), SLOW_SILENCE);
	answer(SLOW_SEND, 80);
	rig_send(&rig, RIG_TARGET, 0, 500);
	EXPECT(SECONDS(3), SLOW_BYTES, SLOW_SILENCE);
	assert_int_equal(told.bytes, 6500);
	assert_int_equal(target(0)->received, 1080);
	answer(SLOW_FAILED, 0);
	rig_wait(&rig, SECONDS(1));
	assert_true(target(0)->ended);
	target(0)->keeps_open = false;
	EXPECT(SECONDS(1));
	assert_true(rig_settle(&rig, SECONDS(10)));
	expect_nothing_left();
}

// A silence that was of no use is answered with nothing, and comes again.
static void silence_may_come_too_early(void **state)
{
	assert_true(begin());
	EXPECT(SECONDS(1) / 2, SLOW_OPEN);
	rig_send(&rig, RIG_TARGET, 0, 100);
	EXPECT(SECONDS(2), SLOW_BYTES, SLOW_SILENCE);
	answer(SLOW_SEND, 0);
	EXPECT(SECONDS(1) / 2);
	EXPECT(SECONDS(1), SLOW_SILENCE);
	assert_int_equal(target(0)->received, 0);
	rig_reset(&rig, RIG_TARGET, 0);
	EXPECT(SECONDS(1), SLOW_END);
	expect_nothing_left();
}

// What was said and did not arrive is not what the target is silent about.
static void no_silence_is_told_before_the_target_has_heard(void **state)
{
	assert_true(begin());
	EXPECT(SECONDS(1) / 2, SLOW_OPEN);
	rig_send(&rig, RIG_TARGET, 0, 100);
	EXPECT(SECONDS(2), SLOW_BYTES, SLOW_SILENCE);
	rig.target_deaf = true;
	answer(SLOW_SEND, 80);
	EXPECT(SECONDS(3));
	rig.target_deaf = false;
	EXPECT(SECONDS(5), SLOW_SILENCE);
	assert_int_equal(target(0)->received, 80);
	answer(SLOW_FAILED, 0);
	rig_wait(&rig, SECONDS(1));
	target(0)->keeps_open = false;
	assert_true(rig_settle(&rig, SECONDS(10)));
	expect_nothing_left();
}

// What comes behind a silence is told once that is answered, its end as well: else it would be
// taken for what came before.
static void what_follows_a_silence_waits_for_its_answer(void **state)
{
	assert_true(begin());
	EXPECT(SECONDS(1) / 2, SLOW_OPEN);
	rig_send(&rig, RIG_TARGET, 0, 100);
	EXPECT(SECONDS(2), SLOW_BYTES, SLOW_SILENCE);
	rig_send(&rig, RIG_TARGET, 0, 500);
	EXPECT(SECONDS(1));
	answer(SLOW_SEND, 80);
	EXPECT(SECONDS(1) / 2, SLOW_BYTES);
	assert_int_equal(told.bytes, 600);
	EXPECT(SECONDS(1), SLOW_SILENCE);
	target(0)->keeps_open = false;
	rig_send(&rig, RIG_TARGET, 0, 700);
	EXPECT(SECONDS(1));
	answer(SLOW_SEND, 0);
	EXPECT(SECONDS(1) / 2, SLOW_BYTES, SLOW_END);
	assert_int_equal(told.bytes, 1300);
	assert_true(rig_settle(&rig, SECONDS(10)));
	expect_nothing_left();
}

static void targets_that_are_not_there_are_told_of(void **state)
{
	rig.target_deaf = true;
	assert_true(begin());
	EXPECT(SECONDS(13));
	EXPECT(SECONDS(2), SLOW_OPEN, SLOW_END);
	rig.target_deaf = false;
	rig.world->targets[2].port = be16_from_host(81);
	assert_true(begin());
	EXPECT(SECONDS(1), SLOW_OPEN, SLOW_END);
	rig.world->upstreams[WORLD_UDP].closing = true;
	assert_false(begin());
	expect_nothing_left();
}

// A handshake's, and that of the silences in it.
static void a_silent_target_has_its_time(void **state)
{
	assert_true(begin());
	EXPECT(SECONDS(13), SLOW_OPEN);
	EXPECT(SECONDS(2), SLOW_END);
	assert_true(rig_settle(&rig, SECONDS(10)));
	expect_nothing_left();
}

static void a_target_is_heard_up_to_a_bound(void **state)
{
	assert_true(begin());
	EXPECT(SECONDS(1) / 2, SLOW_OPEN);
	rig_send(&rig, RIG_TARGET, 0, 100000);
	EXPECT(SECONDS(1), SLOW_BYTES, SLOW_END);
	assert_int_equal(told.bytes, SLOW_STREAM_BYTES);
	assert_true(rig_settle(&rig, SECONDS(10)));
	expect_nothing_left();
}

static void a_target_may_end(void **state)
{
	target(0)->keeps_open = false;
	assert_true(begin());
	rig_send(&rig, RIG_TARGET, 0, 100);
	EXPECT(SECONDS(1), SLOW_OPEN, SLOW_BYTES, SLOW_END);
	assert_true(rig_settle(&rig, SECONDS(10)));
	expect_nothing_left();
}

static void probes_are_few(void **state)
{
	for (uint32_t i = 0; i < PROBES; i++) {
		target(i)->keeps_open = true;
		assert_true(begin());
	}
	assert_false(begin());
	rig_wait(&rig, SECONDS(1));
	listen_to();
	assert_int_equal(told.count, PROBES);
	// One goes, and one may come.
	answer(SLOW_FAILED, 0);
	rig_wait(&rig, SECONDS(1));
	assert_true(begin());
	relay_drain(rig.relay);
	answer(SLOW_FAILED, 0);
	rig_wait(&rig, SECONDS(1));
	relay_end_all(rig.relay, &rig.world->snapshot, rig.world->now);
	assert_false(begin());
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(counter_read(&rig.world->stats->nat_ports_in_use), 0);
	listen_to();
}

// As who sees whether a server lives, for no client.
static void a_target_gets_its_header(void **state)
{
	static const uint8_t v2[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0";

	for (uint32_t version = 1; version <= 2; version++) {
		struct rig_user *t = target(version - 1);

		t->keeps_open = true;
		rig.world->upstreams[WORLD_UDP].proxy_protocol = (uint8_t)version;
		assert_true(begin());
		rig_wait(&rig, SECONDS(1));
		if (version == 1)
			assert_memory_equal(t->first, "PROXY UNKNOWN\r\n", 15);
		else
			assert_memory_equal(t->first, v2, sizeof(v2));
		assert_int_equal(t->received, version == 1 ? 15 : 16);
		listen_to();
		answer(SLOW_FAILED, 0);
		rig_wait(&rig, SECONDS(1));
		t->keeps_open = false;
	}
	assert_true(rig_settle(&rig, SECONDS(10)));
	expect_nothing_left();
}

// Rings that nobody reads lose nothing, and hold no more than they can.
static void a_thread_that_does_not_read_is_waited_for(void **state)
{
	struct slow_link *links = &rig.secured->link[WORKER * SECURED_THREADS];

	for (uint32_t t = 0; t < SECURED_THREADS; t++)
		for (struct slow_message *m; (m = ring_reserve(&links[t].to_slow)) != NULL;) {
			memset(m, 0, sizeof(*m));
			m->stream = SLOW_TARGET;
			ring_publish(&links[t].to_slow);
		}
	assert_true(begin());
	rig_send(&rig, RIG_TARGET, 0, 6000);
	rig_wait(&rig, SECONDS(1));
	for (uint32_t t = 0; t < SECURED_THREADS; t++)
		while (ring_peek(&links[t].to_slow))
			ring_release(&links[t].to_slow);
	EXPECT(SECONDS(1) / 10, SLOW_OPEN, SLOW_BYTES);
	assert_int_equal(told.bytes, 6000);
	rig_reset(&rig, RIG_TARGET, 0);
	EXPECT(SECONDS(1), SLOW_END);
	expect_nothing_left();
}

// Whatever fails, it is told of or given up, and nothing is lost.
static void memory_may_be_out(void **state)
{
	for (uint32_t i = 0; i < 40; i++) {
		target(i)->keeps_open = false;
		rig_send(&rig, RIG_TARGET, i, 6000);
		rig.fail_ppm = 100000 + i * 10000;
		told.bytes = 0;
		if (!begin())
			continue;
		rig_wait(&rig, SECONDS(1));
		listen_to();
		for (int k = 0; told.count > 0 && k < 3; k++) {
			answer(SLOW_SEND, 1000);
			rig_wait(&rig, SECONDS(1));
			listen_to();
		}
		rig.fail_ppm = 0;
		rig_wait(&rig, SECONDS(30));
		listen_to();
		assert_int_equal(counter_read(&rig.world->stats->nat_ports_in_use), 0);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, rig_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_target_is_heard_and_its_silence),
		TEST(silence_may_come_too_early),
		TEST(no_silence_is_told_before_the_target_has_heard),
		TEST(what_follows_a_silence_waits_for_its_answer),
		TEST(targets_that_are_not_there_are_told_of),
		TEST(a_silent_target_has_its_time),
		TEST(a_target_is_heard_up_to_a_bound),
		TEST(a_target_may_end),
		TEST(probes_are_few),
		TEST(a_target_gets_its_header),
		TEST(a_thread_that_does_not_read_is_waited_for),
		TEST(memory_may_be_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
