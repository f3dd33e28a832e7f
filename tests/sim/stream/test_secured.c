// SPDX-License-Identifier: BSD-3-Clause
// What a client behind TLS and a target without see of the relay between them, in virtual time: the
// path, the slow path and the peers each at their worst.
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

#include "one_rig.h"
#include "secured.h"

#define SECONDS(n) ((usec_t)(n)*USEC_PER_SECOND)

enum {
	SESSIONS = 256,
	LEGS = 64,
};

static const char *const own = "10.1.0.2";

static int set_up(void **state)
{
	rig_open_secured(&rig, SESSIONS, LEGS);
	rig_listen(&rig, "10.2.0.1");
	rig.world->upstreams[WORLD_TCP].target_count = 0;
	world_target(rig.world, WORLD_TCP, 0, "10.2.0.1", 80, 1);
	return 0;
}

// Client 0, whose session is open.
static void one_open(void)
{
	rig_connect(&rig, own);
	client(0)->keeps_open = true;
	rig_wait(&rig, SECONDS(1));
	assert_true(rig.secured->open[0]);
	assert_int_equal(rig.users[RIG_TARGET], 1);
	target(0)->keeps_open = true;
}

static void both_directions_arrive_whole(void **state)
{
	one_open();
	client(0)->keeps_open = target(0)->keeps_open = false;
	rig_send(&rig, RIG_CLIENT, 0, 3000000);
	rig_send(&rig, RIG_TARGET, 0, 2000000);
	assert_true(rig_settle(&rig, SECONDS(60)));
	assert_int_equal(target(0)->received, 3000000);
	assert_int_equal(client(0)->received, 2000000);
	assert_true(rig.secured->closed[0]);
	assert_int_equal(last_end(), SESSION_END_CLOSED);
	assert_int_equal(rig.world->records[0].bytes[0], 3000000);
	assert_int_equal(rig.world->records[0].bytes[1], 2000000);
}

static struct control_request show(struct session_record *record, struct session_names *names)
{
	struct control_request request = {.kind = CONTROL_LIST,
		.filter = {.listener = SLOT_NONE, .target = SLOT_NONE},
		.limit = 1,
		.records = record,
		.names = names};

	assert_true(relay_request(rig.relay, &rig.world->snapshot, &request, rig.world->now, 8));
	assert_int_equal(request.count, 1);
	return request;
}

static uint64_t legs_of(enum rig_host leg, unsigned int version)
{
	return counter_read(&rig.world->stats->tls_legs[leg][version]);
}

// What a leg's handshake agreed and named is its session's, as long as it lives.
static void operators_see_what_a_leg_agreed(void **state)
{
	struct session_names names[2] = {0};
	struct session_record record;

	one_open();
	show(&record, names);
	assert_int_equal(record.security[RIG_CLIENT].version, TLS_VERSION_1_3);
	assert_int_equal(record.security[RIG_CLIENT].suite, 0x1301);
	assert_int_equal(record.security[RIG_TARGET].version, 0);
	assert_string_equal(names[RIG_CLIENT].server_name, SECURED_NAME);
	assert_string_equal(names[RIG_CLIENT].protocol, SECURED_PROTOCOL);
	assert_string_equal(names[RIG_TARGET].server_name, "");
	assert_int_equal(legs_of(RIG_CLIENT, 1), 1);
	assert_int_equal(legs_of(RIG_CLIENT, 0) + legs_of(RIG_TARGET, 1), 0);
	show(&record, NULL);
	for (uint32_t i = 1; i < 10; i++)
		rig_connect(&rig, own);
	client(0)->keeps_open = target(0)->keeps_open = false;
	for (uint32_t i = 0; i < 10; i++)
		rig_send(&rig, RIG_CLIENT, i, 1000);
	assert_true(rig_settle(&rig, SECONDS(60)));
	assert_int_equal(legs_of(RIG_CLIENT, 1), 0);
	assert_int_equal(counter_read(&rig.world->stats->tls_handshakes_done[RIG_CLIENT][1]), 10);
}

// A turn does so much for one session and no more, whatever lies there for it.
static void small_records_do_not_hold_a_turn(void **state)
{
	uint64_t most = 0;

	one_open();
	rig.secured->padded = true;
	rig_send(&rig, RIG_CLIENT, 0, 20000);
	for (int i = 0; i < 40000 && target(0)->received < 20000; i++) {
		uint64_t before = rig_received(&rig, RIG_CLIENT);
		uint64_t moved;

		rig_wait(&rig, 1);
		moved = rig_received(&rig, RIG_CLIENT) - before;
		most = moved > most ? moved : most;
	}
	assert_int_equal(target(0)->received, 20000);
	assert_true(most > 0);
	// Twice: by an event, and by what the turn before had put off.
	assert_in_range(most, 1, 128);
}

// More work than a turn has room for, at all times: who is busy shares it with who is busy, and who
// has little to say is heard among them.
static void busy_sessions_starve_nobody(void **state)
{
	enum {
		BUSY = 20,
		FEW = 40,
	};

	for (uint32_t i = 0; i <= BUSY; i++) {
		client(rig_connect(&rig, own))->keeps_open = true;
		rig_wait(&rig, 20000);
		assert_int_equal(rig.users[RIG_TARGET], i + 1);
	}
	rig.secured->padded = true;
	for (uint32_t i = 0; i < BUSY; i++)
		rig_send(&rig, RIG_CLIENT, i, 20000);
	rig_wait(&rig, 20000);
	for (uint32_t i = 0; i < BUSY; i++)
		assert_in_range(target(i)->received, 300, 19999);
	rig_send(&rig, RIG_CLIENT, BUSY, FEW);
	rig_wait(&rig, 10000);
	assert_int_equal(target(BUSY)->received, FEW);
	for (uint32_t i = 0; i < BUSY; i++)
		assert_in_range(target(i)->received, 600, 19999);
}

// Clients that say nothing hold every leg: those who come get one all the same, and who was there
// before loses nothing.
static void silence_keeps_nobody_out(void **state)
{
	const char *sources[] = {"10.1.0.7", "10.1.0.8"};
	uint32_t late;

	one_open();
	for (uint32_t i = 0; i < 2 * LEGS; i++)
		rig.secured->speechless[rig_connect_from(&rig, sources[i % 2], own)] = true;
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(rig_sessions(&rig), LEGS);
	assert_int_equal(rig_drops(&rig, DROP_TLS_CROWDED), LEGS + 1);
	late = rig_connect_from(&rig, "10.1.0.9", own);
	rig_send(&rig, RIG_CLIENT, late, 1000);
	rig_send(&rig, RIG_CLIENT, 0, 1000);
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(target(0)->received, 1000);
	assert_int_equal(target(1)->received, 1000);
	assert_int_equal(rig_drops(&rig, DROP_TLS_LEGS_FULL), 0);
}

static void sources_are_spread_over_threads(void **state)
{
	char source[16];

	for (uint32_t i = 0; i < 40; i++) {
		snprintf(source, sizeof(source), "10.1.0.%u", 40 + i);
		client(rig_connect_from(&rig, source, own))->keeps_open = true;
	}
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(rig.secured->opens[0] + rig.secured->opens[1], 40);
	assert_in_range(rig.secured->opens[0], 10, 30);
}

// Its handshakes end in time, those of the other and the sessions that are open go on.
static void a_thread_that_stands_still_stops_nobody_else(void **state)
{
	char source[16];
	uint32_t open = 0;

	one_open();
	rig.secured->stalled[0] = true;
	for (uint32_t i = 1; i <= 50; i++) {
		snprintf(source, sizeof(source), "10.1.0.%u", 40 + i);
		client(rig_connect_from(&rig, source, own))->keeps_open = true;
	}
	rig_send(&rig, RIG_CLIENT, 0, 1000000);
	rig_wait(&rig, SECONDS(9));
	assert_int_equal(target(0)->received, 1000000);
	assert_int_equal(rig_drops(&rig, DROP_TLS_TIMEOUT), 0);
	rig_wait(&rig, SECONDS(2));
	for (uint32_t i = 1; i <= 50; i++)
		open += rig.secured->open[i];
	assert_in_range(open, 10, 40);
	assert_int_equal(rig_drops(&rig, DROP_TLS_TIMEOUT), 50 - open);
	assert_int_equal(rig_sessions(&rig), open + 1);
	rig.secured->stalled[0] = false;
	rig_wait(&rig, SECONDS(1));
	// What comes late is nobody's, and no answer is lost for it.
	rig_connect_from(&rig, "10.1.0.201", own);
	rig_connect_from(&rig, "10.1.0.202", own);
	rig_wait(&rig, SECONDS(1));
	assert_true(rig.secured->open[51] && rig.secured->open[52]);
}

// It takes all that it is told, and says what it would say. What it says comes nowhere.
static void a_thread_whose_answers_are_lost_stops_nobody_else(void **state)
{
	char source[16];
	uint32_t open = 0, before;
	uint64_t unanswered;

	one_open();
	before = rig.secured->opens[0];
	rig.secured->mute[0] = true;
	for (uint32_t i = 1; i <= 50; i++) {
		snprintf(source, sizeof(source), "10.1.0.%u", 40 + i);
		client(rig_connect_from(&rig, source, own))->keeps_open = true;
	}
	rig_send(&rig, RIG_CLIENT, 0, 1000000);
	rig_wait(&rig, SECONDS(9));
	assert_int_equal(target(0)->received, 1000000);
	assert_int_equal(rig_drops(&rig, DROP_TLS_TIMEOUT), 0);
	assert_int_equal(secured_silence(&rig, 0, &unanswered), 0);
	rig_wait(&rig, SECONDS(2));
	for (uint32_t i = 1; i <= 50; i++)
		open += rig.secured->open[i];
	assert_in_range(open, 10, 40);
	assert_int_equal(rig.secured->opens[0] - before, 50 - open);
	assert_int_equal(rig_drops(&rig, DROP_TLS_TIMEOUT), 50 - open);
	assert_int_equal(rig_sessions(&rig), open + 1);
	// Operators hear of this thread alone, and how often it happened.
	assert_in_range(
		rig.world->now - secured_silence(&rig, 0, &unanswered), SECONDS(1) / 2, SECONDS(2));
	assert_int_equal(unanswered, 50 - open);
	assert_int_equal(secured_silence(&rig, 1, &unanswered), 0);
	rig.secured->mute[0] = false;
	rig_connect_from(&rig, "10.1.0.201", own);
	rig_connect_from(&rig, "10.1.0.202", own);
	rig_wait(&rig, SECONDS(1));
	assert_true(rig.secured->open[51] && rig.secured->open[52]);
}

// The last one that is asked whether it is there says so, though there is no other handshake.
static void a_thread_is_heard_again_without_a_handshake(void **state)
{
	uint64_t unanswered;
	uint32_t thread;

	rig.secured->mute[0] = rig.secured->mute[1] = true;
	rig.secured->speechless[rig_connect(&rig, own)] = true;
	rig_say(&rig, 0, "half a", 6);
	rig_wait(&rig, SECONDS(11));
	thread = rig.secured->opens[1];
	assert_true(secured_silence(&rig, thread, &unanswered) > 0);
	assert_int_equal(unanswered, 1);
	rig.secured->mute[thread] = false;
	rig.secured->speechless[rig_connect(&rig, own)] = true;
	rig_say(&rig, 1, "half a", 6);
	rig_wait(&rig, SECONDS(11));
	assert_int_equal(rig_drops(&rig, DROP_TLS_TIMEOUT), 2);
	assert_int_equal(secured_silence(&rig, thread, &unanswered), 0);
}

// Whoever says too little to be answered does not have operators told of a thread that is well.
static void peers_that_say_too_little_are_no_silence_of_a_thread(void **state)
{
	uint64_t unanswered;

	for (uint32_t i = 0; i < 20; i++) {
		uint32_t c = rig_connect(&rig, own);

		rig.secured->speechless[c] = true;
		rig_say(&rig, c, "half a", 6);
		rig_wait(&rig, SECONDS(1) / 10);
	}
	rig_wait(&rig, SECONDS(8));
	for (uint32_t i = 0; i < 30; i++) {
		rig_wait(&rig, SECONDS(1) / 10);
		for (uint32_t t = 0; t < SECURED_THREADS; t++) {
			usec_t since = secured_silence(&rig, t, &unanswered);

			assert_true(since == 0 || rig.world->now - since < SECONDS(1) / 2);
		}
	}
	assert_int_equal(rig_drops(&rig, DROP_TLS_TIMEOUT), 20);
	assert_int_equal(secured_silence(&rig, 0, &unanswered), 0);
	assert_int_equal(secured_silence(&rig, 1, &unanswered), 0);
}

static void threads_stall(bool stall)
{
	rig.secured->stalled[0] = rig.secured->stalled[1] = stall;
}

// The answer to its SYN, the handshake's flight.
static void a_hello_is_acknowledged_with_its_answer(void **state)
{
	threads_stall(true);
	client(rig_connect(&rig, own))->keeps_open = true;
	rig_wait(&rig, 20000);
	assert_int_equal(rig_heard(&rig, RIG_CLIENT), 1);
	threads_stall(false);
	rig_wait(&rig, 10000);
	assert_true(rig.secured->open[0]);
	assert_int_equal(rig_heard(&rig, RIG_CLIENT), 2);
}

static void a_hello_is_acknowledged_in_time(void **state)
{
	threads_stall(true);
	client(rig_connect(&rig, own))->keeps_open = true;
	rig_wait(&rig, 60000);
	assert_int_equal(rig_heard(&rig, RIG_CLIENT), 2);
	threads_stall(false);
	rig_wait(&rig, 10000);
	assert_true(rig.secured->open[0]);
	assert_int_equal(rig_heard(&rig, RIG_CLIENT), 3);
}

// Nobody answers it, and the hello may wait for its acknowledgement.
static void a_header_is_acknowledged_at_once(void **state)
{
	static const char header[] = "PROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\n";

	rig.world->listeners[WORLD_TCP].proxy_protocol = true;
	rig.secured->speechless[rig_connect(&rig, own)] = true;
	rig_say(&rig, 0, header, sizeof(header) - 1);
	rig_wait(&rig, 10000);
	assert_int_equal(rig_heard(&rig, RIG_CLIENT), 2);
}

// A record that no key of ours made, and bytes behind it.
static void say_nonsense(uint32_t length)
{
	uint8_t bytes[4000] = {0x17, 3, 3, 0, 64};

	for (uint32_t said = 0; said < length; said += sizeof(bytes))
		rig_say(&rig, 0, bytes, sizeof(bytes));
}

// Its peer is told what was wrong, however much of it nobody reads, and the target of a reset.
static void a_broken_record_is_told(void **state)
{
	one_open();
	target(0)->stops_reading = true;
	rig_send(&rig, RIG_CLIENT, 0, 6000000);
	rig_wait(&rig, SECONDS(5));
	say_nonsense(400000);
	rig_wait(&rig, SECONDS(1));
	target(0)->stops_reading = false;
	rig_wait(&rig, SECONDS(5));
	assert_int_equal(rig.secured->verdict[0], TLS_PEER_ALERT);
	assert_int_equal(rig.secured->alert[0], TLS_ALERT_BAD_RECORD_MAC);
	assert_int_equal(target(0)->error, ECONNRESET);
	assert_int_equal(rig_drops(&rig, DROP_TLS_RECORD), 1);
	assert_int_equal(rig_sessions(&rig), 0);
	rig_reset(&rig, RIG_CLIENT, 0);
}

static void a_cut_stream_is_a_reset(void **state)
{
	one_open();
	rig_send(&rig, RIG_CLIENT, 0, 5000);
	rig_wait(&rig, SECONDS(1));
	rig.secured->cuts = true;
	client(0)->keeps_open = false;
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(target(0)->received, 5000);
	assert_false(target(0)->ended);
	assert_int_equal(target(0)->error, ECONNRESET);
	assert_int_equal(rig_drops(&rig, DROP_TLS_CUT), 1);
	assert_int_equal(last_end(), SESSION_END_RESET);
}

// One way ends, the other goes on.
static void ends_are_of_one_way(void **state)
{
	one_open();
	client(0)->keeps_open = false;
	rig_send(&rig, RIG_CLIENT, 0, 5000);
	rig_wait(&rig, SECONDS(1));
	assert_true(target(0)->ended);
	rig_send(&rig, RIG_TARGET, 0, 1000000);
	rig_wait(&rig, SECONDS(5));
	assert_int_equal(client(0)->received, 1000000);
	assert_false(rig.secured->closed[0]);
	target(0)->keeps_open = false;
	assert_true(rig_settle(&rig, SECONDS(10)));
	assert_true(rig.secured->closed[0]);
	assert_int_equal(last_end(), SESSION_END_CLOSED);
}

static void the_target_may_end_first(void **state)
{
	one_open();
	target(0)->keeps_open = false;
	rig_send(&rig, RIG_TARGET, 0, 5000);
	rig_wait(&rig, SECONDS(1));
	assert_true(rig.secured->closed[0]);
	rig_send(&rig, RIG_CLIENT, 0, 1000000);
	rig_wait(&rig, SECONDS(5));
	assert_int_equal(target(0)->received, 1000000);
	client(0)->keeps_open = false;
	assert_true(rig_settle(&rig, SECONDS(10)));
	assert_int_equal(last_end(), SESSION_END_CLOSED);
}

// A client whose connection has room for little says its hello, and is answered at once by so many
// messages.
static void answered_by(uint32_t messages)
{
	relay_memory_limit(rig.relay, 16 << 10);
	rig.secured->flight = messages;
	rig.secured->speechless[rig_connect(&rig, own)] = true;
	rig_say(&rig, 0, secured_hello, SECURED_HELLO);
	rig_wait(&rig, SECONDS(1));
}

static void a_flight_leaves_where_connections_have_little(void **state)
{
	answered_by(16);
	assert_int_equal(rig_sessions(&rig), 1);
	assert_int_equal(rig_drops(&rig, DROP_TLS_REFUSED), 0);
	assert_int_equal(legs_of(RIG_CLIENT, 1), 1);
}

static void a_handshake_holds_no_more_than_a_flight(void **state)
{
	answered_by(SLOW_RING - 2);
	assert_int_equal(rig_sessions(&rig), 0);
	assert_int_equal(rig_drops(&rig, DROP_TLS_REFUSED), 1);
	assert_int_equal(legs_of(RIG_CLIENT, 1), 0);
}

// A FIN with the hello behind a PROXY protocol header is no close_notify.
static void an_end_before_the_layer_is_a_cut(void **state)
{
	static const char said[] = "PROXY TCP4 10.3.0.1 10.3.0.2 1000 2000\r\n\x16\3\1\0\4\1\0\0\0";

	rig.world->listeners[WORLD_TCP].proxy_protocol = true;
	rig.secured->speechless[rig_connect(&rig, own)] = true;
	rig_say(&rig, 0, said, sizeof(said) - 1);
	tcp_shutdown(rig.host[RIG_CLIENT], client(0)->connection, rig.world->now);
	client(0)->is_shut = true;
	rig_wait(&rig, SECONDS(2));
	// The target may have been reset before it took the connection.
	assert_false(target(0)->ended);
	assert_int_equal(rig_drops(&rig, DROP_TLS_CUT), 1);
	assert_int_equal(rig_sessions(&rig), 0);
}

static void many_go_both_ways(uint32_t n, uint64_t bytes)
{
	for (uint32_t i = 0; i < n; i++) {
		client(rig_connect(&rig, own))->keeps_open = true;
		rig_wait(&rig, SECONDS(6)); // so that both sides number alike
		assert_int_equal(rig.users[RIG_TARGET], i + 1);
		rig_send(&rig, RIG_CLIENT, i, bytes);
		rig_send(&rig, RIG_TARGET, i, bytes);
		client(i)->keeps_open = false;
	}
	assert_true(rig_settle(&rig, SECONDS(600)));
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(target(i)->received, bytes);
		assert_int_equal(client(i)->received, bytes);
		assert_int_equal(client(i)->error, 0);
		assert_true(rig.secured->closed[i]);
	}
	assert_int_equal(rig_drops(&rig, DROP_TLS_RECORD) + rig_drops(&rig, DROP_TLS_CUT), 0);
}

static void a_bad_path_costs_time_and_no_byte(void **state)
{
	rig.loss_ppm = 20000;
	rig.jitter = 3000;
	many_go_both_ways(3, 300000);
}

static void small_packets_carry_long_records(void **state)
{
	rig.world->netifs[0].mtu = 600;
	rig.world->netifs[1].mtu = 1280;
	many_go_both_ways(2, 1000000);
}

// Long records in large buffers, parts of which are sent, lost and acknowledged one by one.
static void gathered_records_survive_a_bad_path(void **state)
{
	rig.secured->suite = 0x1303;
	rig.loss_ppm = 2000;
	many_go_both_ways(2, 2000000);
	assert_true(rig.spares > 20);
}

// A handshake may fail for want of a buffer, what is open may not.
static void missing_buffers_cost_time_and_no_byte(void **state)
{
	enum {
		OPEN = 4,
		LATE = 8,
	};

	many_go_both_ways(1, 1000);
	for (uint32_t i = 1; i < OPEN; i++) {
		client(rig_connect(&rig, own))->keeps_open = true;
		rig_wait(&rig, SECONDS(1));
		assert_int_equal(rig.users[RIG_TARGET], i + 1);
	}
	rig.fail_ppm = 100000;
	rig.loss_ppm = 5000;
	for (uint32_t i = 1; i < OPEN; i++) {
		rig_send(&rig, RIG_CLIENT, i, 200000);
		client(i)->keeps_open = false;
	}
	for (uint32_t i = OPEN; i < LATE; i++)
		rig_connect(&rig, own);
	rig_wait(&rig, SECONDS(60));
	rig.fail_ppm = 0;
	rig_wait(&rig, SECONDS(60));
	for (uint32_t i = 1; i < OPEN; i++)
		assert_int_equal(target(i)->received, 200000);
	assert_in_range(rig.users[RIG_TARGET], OPEN + 1, LATE);
}

static void scarce_memory_slows_and_breaks_nothing(void **state)
{
	relay_memory_limit(rig.relay, 16 << 10);
	many_go_both_ways(2, 500000);
}

// Whatever a thread says of sessions that have keys, or of none, or of handshakes under way: those
// that are open go on.
static void garbled_answers_harm_nobody_who_has_keys(void **state)
{
	uint32_t random = 1;

	one_open();
	for (uint32_t i = 1; i < 60; i++) {
		uint32_t c = rig_connect(&rig, own);

		rig.secured->speechless[c] = true;
		client(c)->keeps_open = true;
		rig_wait(&rig, 5000);
		rig_say(&rig, c, "half a", 6);
		rig_wait(&rig, 5000);
		for (uint32_t k = 0; k < 40; k++) {
			uint64_t generation;

			random = random * 1664525 + 1013904223;
			generation =
				random & 0x100 ? 1 + (random >> 9) % i : random >> 8 & 0xffffff;
			secured_garble(&rig, random >> 31,
				generation << 32 | (random >> 16) % (2 * SESSIONS + 2), random);
		}
		rig_send(&rig, RIG_CLIENT, 0, 1000);
		rig_send(&rig, RIG_TARGET, 0, 1000);
		rig_wait(&rig, 20000);
	}
	rig_wait(&rig, SECONDS(15));
	assert_int_equal(target(0)->received, 59000);
	assert_int_equal(client(0)->received, 59000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, rig_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(both_directions_arrive_whole),
		TEST(operators_see_what_a_leg_agreed),
		TEST(small_records_do_not_hold_a_turn),
		TEST(busy_sessions_starve_nobody),
		TEST(silence_keeps_nobody_out),
		TEST(sources_are_spread_over_threads),
		TEST(a_thread_that_stands_still_stops_nobody_else),
		TEST(a_thread_whose_answers_are_lost_stops_nobody_else),
		TEST(a_thread_is_heard_again_without_a_handshake),
		TEST(peers_that_say_too_little_are_no_silence_of_a_thread),
		TEST(a_hello_is_acknowledged_with_its_answer),
		TEST(a_hello_is_acknowledged_in_time),
		TEST(a_header_is_acknowledged_at_once),
		TEST(garbled_answers_harm_nobody_who_has_keys),
		TEST(a_broken_record_is_told),
		TEST(a_cut_stream_is_a_reset),
		TEST(ends_are_of_one_way),
		TEST(the_target_may_end_first),
		TEST(a_flight_leaves_where_connections_have_little),
		TEST(a_handshake_holds_no_more_than_a_flight),
		TEST(an_end_before_the_layer_is_a_cut),
		TEST(a_bad_path_costs_time_and_no_byte),
		TEST(small_packets_carry_long_records),
		TEST(gathered_records_survive_a_bad_path),
		TEST(missing_buffers_cost_time_and_no_byte),
		TEST(scarce_memory_slows_and_breaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
