// SPDX-License-Identifier: BSD-3-Clause
// What a client and a target see of the relay between them, in virtual time.
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

#include "one_rig.h"

#define SECONDS(n) ((usec_t)(n)*USEC_PER_SECOND)

static const char *const own4 = "10.1.0.2";
static const char *const own6 = "fd00:1::2";

static int set_up(void **state)
{
	rig_open(&rig, 64);
	return 0;
}

static void one_target(const char *address)
{
	rig.world->upstreams[WORLD_TCP].target_count = 0;
	world_target(rig.world, WORLD_TCP, 0, address, 80, 1);
}

static void both_directions_arrive_whole(void **state)
{
	rig_listen(&rig, "10.2.0.1");
	one_target("10.2.0.1");
	rig_connect(&rig, own4);
	rig_send(&rig, RIG_CLIENT, 0, 3000000);
	rig_send(&rig, RIG_TARGET, 0, 2000000);
	assert_true(rig_settle(&rig, SECONDS(60)));
	assert_int_equal(target(0)->received, 3000000);
	assert_int_equal(client(0)->received, 2000000);
	assert_int_equal(last_end(), SESSION_END_CLOSED);
	assert_int_equal(rig.world->records[0].bytes[0], 3000000);
	assert_int_equal(rig.world->records[0].bytes[1], 2000000);
}

static void loss_costs_time_and_no_byte(void **state)
{
	rig_listen(&rig, "10.2.0.1");
	one_target("10.2.0.1");
	rig.loss_ppm = 30000;
	for (uint32_t i = 0; i < 4; i++) {
		rig_connect(&rig, own4);
		rig_send(&rig, RIG_CLIENT, i, 300000);
		rig_wait(&rig, SECONDS(5)); // so that both sides number alike
		target(i)->keeps_open = false;
	}
	assert_true(rig_settle(&rig, SECONDS(300)));
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(target(i)->received, 300000);
}

static void families_may_differ(void **state)
{
	rig_listen(&rig, "fd00:2::1");
	one_target("fd00:2::1");
	rig_connect(&rig, own4);
	rig_send(&rig, RIG_CLIENT, 0, 100000);
	assert_true(rig_settle(&rig, SECONDS(20)));
	assert_int_equal(target(0)->received, 100000);

	one_target("10.2.0.1");
	rig_listen(&rig, "10.2.0.1");
	rig_connect(&rig, own6);
	rig_send(&rig, RIG_CLIENT, 1, 100000);
	assert_true(rig_settle(&rig, SECONDS(20)));
	assert_int_equal(target(1)->received, 100000);
}

static void half_close_leaves_the_other_way_open(void **state)
{
	rig_listen(&rig, "10.2.0.1");
	one_target("10.2.0.1");
	rig_connect(&rig, own4);
	rig_send(&rig, RIG_CLIENT, 0, 1000);
	target(0)->keeps_open = true;
	rig_wait(&rig, SECONDS(30));
	assert_true(target(0)->ended);
	assert_false(client(0)->ended);
	rig_send(&rig, RIG_TARGET, 0, 500000);
	target(0)->keeps_open = false;
	assert_true(rig_settle(&rig, SECONDS(30)));
	assert_int_equal(client(0)->received, 500000);
}

// At the same byte of the stream; in the second session the mark is there before the target is.
static void urgent_marks_are_carried(void **state)
{
	rig_listen(&rig, "10.2.0.1");
	one_target("10.2.0.1");
	for (uint32_t i = 0; i < 2; i++) {
		rig_connect(&rig, own4);
		client(i)->keeps_open = target(i)->keeps_open = true;
		client(i)->stops_reading = target(i)->stops_reading = true;
		if (i == 0)
			rig_wait(&rig, SECONDS(1));
		tcp_urgent_mark(rig.host[RIG_CLIENT], client(i)->connection, 700);
		rig_send(&rig, RIG_CLIENT, i, 3000);
		rig_wait(&rig, SECONDS(1));
		assert_int_equal(tcp_urgent_left(rig.host[RIG_TARGET], target(i)->connection), 700);
		assert_int_equal(tcp_urgent_left(rig.host[RIG_CLIENT], client(i)->connection), 0);
	}
	tcp_urgent_mark(rig.host[RIG_TARGET], target(0)->connection, 5);
	rig_send(&rig, RIG_TARGET, 0, 10);
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(tcp_urgent_left(rig.host[RIG_CLIENT], client(0)->connection), 5);
	for (uint32_t i = 0; i < 2; i++)
		rig_reset(&rig, RIG_CLIENT, i);
	assert_true(rig_settle(&rig, SECONDS(1)));
}

static void a_reset_is_carried_as_a_reset(void **state)
{
	rig_listen(&rig, "10.2.0.1");
	one_target("10.2.0.1");
	for (uint32_t i = 0; i < 2; i++) {
		rig_connect(&rig, own4);
		client(i)->keeps_open = target(i)->keeps_open = true;
		rig_wait(&rig, SECONDS(1));
		assert_true(target(i)->is_open);
	}
	rig_reset(&rig, RIG_CLIENT, 0);
	rig_reset(&rig, RIG_TARGET, 1);
	assert_true(rig_settle(&rig, SECONDS(1)));
	assert_int_equal(target(0)->error, ECONNRESET);
	assert_int_equal(client(1)->error, ECONNRESET);
	assert_int_equal(last_end(), SESSION_END_RESET);
}

static void the_next_target_stands_in_for_one_that_refuses(void **state)
{
	// Nothing listens at the first of three; the rule begins anywhere.
	one_target("10.2.0.7");
	world_target(rig.world, WORLD_TCP, 4, "10.2.0.1", 80, 1);
	rig_listen(&rig, "10.2.0.1");
	for (uint32_t i = 0; i < 4; i++) {
		rig_connect(&rig, own4);
		rig_send(&rig, RIG_CLIENT, i, 10);
		assert_true(rig_settle(&rig, SECONDS(5)));
		assert_int_equal(target(i)->received, 10);
	}
	assert_true(counter_read(&rig.world->stats->targets[0].connect_failed) > 0);
	assert_true(rig.world->event_count > 0);
}

// A router says so of the first: the relay need not wait for its time to run out.
static void the_next_target_stands_in_for_one_out_of_reach(void **state)
{
	struct icmp_quote quote = {.type = ICMP4_UNREACHABLE, .code = ICMP4_CODE_HOST};

	one_target("10.2.0.7");
	world_target(rig.world, WORLD_TCP, 4, "10.2.0.1", 80, 1);
	rig.target_deaf = true;
	rig_connect(&rig, own4);
	client(0)->keeps_open = true;
	rig_wait(&rig, SECONDS(1) / 10);
	quote.key = rig.to_target;
	quote.tcp_sequence = rig.to_target_sequence;
	rig_listen(&rig, rig.to_target.destination.bytes[15] == 7 ? "10.2.0.1" : "10.2.0.7");
	rig.target_deaf = false;
	assert_true(relay_icmp_error(rig.relay, &quote, rig.world->now));
	rig_send(&rig, RIG_CLIENT, 0, 10);
	rig_wait(&rig, SECONDS(1) / 10);
	assert_int_equal(target(0)->received, 10);
	// Once it is open the same is only trouble.
	quote.key = rig.to_target;
	quote.tcp_sequence = rig.to_target_sequence;
	rig_send(&rig, RIG_CLIENT, 0, 10);
	(void)relay_icmp_error(rig.relay, &quote, rig.world->now);
	client(0)->keeps_open = false;
	assert_true(rig_settle(&rig, SECONDS(5)));
	assert_int_equal(target(0)->received, 20);
}

static void a_client_is_reset_when_all_targets_refuse(void **state)
{
	rig_connect(&rig, own4);
	client(0)->keeps_open = true;
	assert_true(rig_settle(&rig, SECONDS(10)));
	assert_int_equal(client(0)->error, ECONNRESET);
	assert_int_equal(last_end(), SESSION_END_REFUSED);
}

static void a_silent_target_times_out(void **state)
{
	one_target("10.2.0.1");
	rig.target_deaf = true;
	rig_connect(&rig, own4);
	client(0)->keeps_open = true;
	rig_wait(&rig, SECONDS(4));
	assert_int_equal(rig_sessions(&rig), 1);
	assert_true(rig_settle(&rig, SECONDS(3)));
	assert_int_equal(client(0)->error, ECONNRESET);
	assert_int_equal(last_end(), SESSION_END_UNANSWERED);
}

static void silence_ends_a_session_in_time(void **state)
{
	rig_listen(&rig, "10.2.0.1");
	one_target("10.2.0.1");
	rig.world->listeners[WORLD_TCP].idle_timeout = SECONDS(10);
	rig_connect(&rig, own4);
	client(0)->keeps_open = target(0)->keeps_open = true;
	rig_wait(&rig, SECONDS(8));
	rig_say(&rig, 0, "still here", 10);
	rig_wait(&rig, SECONDS(8));
	assert_int_equal(rig_sessions(&rig), 1);
	assert_true(rig_settle(&rig, SECONDS(3)));
	assert_int_equal(last_end(), SESSION_END_IDLE);
	assert_int_equal(client(0)->error, ECONNRESET);
}

// A session whose target has gone without a word.
static void open_and_lose_the_target(void)
{
	rig_listen(&rig, "10.2.0.1");
	one_target("10.2.0.1");
	rig_connect(&rig, own4);
	client(0)->keeps_open = target(0)->keeps_open = true;
	rig_wait(&rig, SECONDS(1));
	assert_true(target(0)->is_open);
	rig.target_deaf = true;
}

static void a_silent_target_is_probed_and_given_up(void **state)
{
	rig.world->upstreams[WORLD_TCP].keepalive_s = 10;
	open_and_lose_the_target();
	rig_wait(&rig, SECONDS(95));
	assert_int_equal(rig_sessions(&rig), 1);
	rig_wait(&rig, SECONDS(10));
	assert_int_equal(rig_sessions(&rig), 0);
	assert_int_equal(client(0)->error, ECONNRESET);
	assert_int_equal(last_end(), SESSION_END_IDLE);
}

static void a_target_is_not_probed_unless_that_is_wanted(void **state)
{
	rig.world->listeners[WORLD_TCP].keepalive_s = 10;
	open_and_lose_the_target();
	rig_wait(&rig, SECONDS(200));
	assert_int_equal(rig_sessions(&rig), 1);
	assert_true(counter_read(&relay_tcp_stats(rig.relay)->keepalive_probes) > 0);
}

static void what_is_not_acknowledged_ends_a_session_in_time(void **state)
{
	rig.world->upstreams[WORLD_TCP].user_timeout_s = 5;
	open_and_lose_the_target();
	rig_say(&rig, 0, "hello", 5);
	rig_wait(&rig, SECONDS(4));
	assert_int_equal(rig_sessions(&rig), 1);
	rig_wait(&rig, SECONDS(8));
	assert_int_equal(rig_sessions(&rig), 0);
	assert_int_equal(client(0)->error, ECONNRESET);
	assert_int_equal(last_end(), SESSION_END_IDLE);
}

// Both have closed, and the target is gone before it could acknowledge the client's end.
static void an_orderly_close_has_its_time(void **state)
{
	rig.world->listeners[WORLD_TCP].close_timeout = SECONDS(4);
	rig_listen(&rig, "10.2.0.1");
	one_target("10.2.0.1");
	rig_connect(&rig, own4);
	client(0)->keeps_open = true;
	rig_send(&rig, RIG_TARGET, 0, 10);
	rig_wait(&rig, SECONDS(1));
	assert_true(client(0)->ended);
	rig.target_deaf = true;
	client(0)->keeps_open = false;
	rig_send(&rig, RIG_CLIENT, 0, 1);
	rig_wait(&rig, 3800 * USEC_PER_MILLISECOND);
	assert_int_equal(rig_sessions(&rig), 1);
	rig_wait(&rig, 500 * USEC_PER_MILLISECOND);
	assert_int_equal(rig_sessions(&rig), 0);
	assert_int_equal(last_end(), SESSION_END_IDLE);
}

// The same while more waits for one of them than its connection holds, of which it takes nothing.
static void an_orderly_close_waits_for_no_reader(void **state)
{
	rig.world->listeners[WORLD_TCP].close_timeout = SECONDS(4);
	rig_listen(&rig, "10.2.0.1");
	one_target("10.2.0.1");
	relay_memory_limit(rig.relay, 64 << 10);
	rig_connect(&rig, own4);
	client(0)->stops_reading = true;
	rig_send(&rig, RIG_CLIENT, 0, 1);
	// Its end is in the relay's window, behind what the client's connection has no room for.
	rig_send(&rig, RIG_TARGET, 0, 150000);
	rig_wait(&rig, SECONDS(3));
	assert_int_equal(rig_sessions(&rig), 1);
	assert_true(target(0)->is_shut);
	rig_wait(&rig, SECONDS(3));
	assert_int_equal(rig_sessions(&rig), 0);
	assert_int_equal(last_end(), SESSION_END_IDLE);
}

static void who_does_not_read_stops_who_sends(void **state)
{
	rig_listen(&rig, "10.2.0.1");
	one_target("10.2.0.1");
	relay_memory_limit(rig.relay, 128 << 10);
	rig_connect(&rig, own4);
	target(0)->stops_reading = true;
	rig_send(&rig, RIG_CLIENT, 0, 40000000);
	rig_wait(&rig, SECONDS(60));
	size_t held = buffer_heap_alive();

	rig_wait(&rig, SECONDS(60));
	assert_true(buffer_heap_alive() <= held + 8);
	// What is on its way: the client's queue, the relay's two bounds, the target's window.
	assert_true(client(0)->sent < 16000000);
	target(0)->stops_reading = false;
	assert_true(rig_settle(&rig, SECONDS(120)));
	assert_int_equal(target(0)->received, 40000000);
}

static void a_bound_lowered_on_the_way_stalls_nobody(void **state)
{
	rig_listen(&rig, "10.2.0.1");
	one_target("10.2.0.1");
	rig_connect(&rig, own4);
	target(0)->stops_reading = true;
	rig_send(&rig, RIG_CLIENT, 0, 3000000);
	rig_wait(&rig, SECONDS(20));
	relay_memory_limit(rig.relay, 64 << 10);
	target(0)->stops_reading = false;
	assert_true(rig_settle(&rig, SECONDS(60)));
	assert_int_equal(target(0)->received, 3000000);
}

static void a_draining_relay_takes_nobody_new(void **state)
{
	rig_listen(&rig, "10.2.0.1");
	one_target("10.2.0.1");
	rig_connect(&rig, own4);
	rig_wait(&rig, 1500);
	relay_drain(rig.relay);
	client(0)->keeps_open = true;
	rig_settle(&rig, SECONDS(3));
	assert_int_equal(client(0)->error, ECONNRESET);
	assert_int_equal(rig_sessions(&rig), 0);
}

static void want_of_buffers_loses_nothing(void **state)
{
	rig_listen(&rig, "10.2.0.1");
	one_target("10.2.0.1");
	rig.fail_ppm = 100000;
	rig_connect(&rig, own4);
	target(0)->echoes = true;
	rig_send(&rig, RIG_CLIENT, 0, 400000);
	assert_true(rig_settle(&rig, SECONDS(300)));
	assert_int_equal(client(0)->received, 400000);
}

static void a_proxy_header_goes_out(void **state)
{
	static const char line[] = "PROXY TCP4 10.1.0.1 10.1.0.2 40000 9000\r\n";

	rig_listen(&rig, "10.2.0.1");
	one_target("10.2.0.1");
	rig.world->upstreams[WORLD_TCP].proxy_protocol = 1;
	rig_connect(&rig, own4);
	client(0)->keeps_open = target(0)->keeps_open = true;
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(target(0)->received, strlen(line));
	rig_say(&rig, 0, "hello", 5);
	rig_wait(&rig, SECONDS(1));
	assert_memory_equal(target(0)->first, line, strlen(line));
	assert_memory_equal(target(0)->first + strlen(line), "hello", 5);
}

static void a_proxy_header_is_taken_off(void **state)
{
	static const char line[] = "PROXY TCP4 192.0.2.7 192.0.2.8 1111 2222\r\nhello";

	rig_listen(&rig, "10.2.0.1");
	one_target("10.2.0.1");
	rig.world->listeners[WORLD_TCP].proxy_protocol = true;
	rig_connect(&rig, own4);
	client(0)->keeps_open = target(0)->keeps_open = true;
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(rig.users[RIG_TARGET], 0);
	for (uint32_t i = 0; i < strlen(line); i++) {
		rig_say(&rig, 0, line + i, 1);
		rig_wait(&rig, 3000);
	}
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(target(0)->received, 5);
	assert_memory_equal(target(0)->first, "hello", 5);

	// Passed on, it is the first proxy's word that counts.
	rig.world->upstreams[WORLD_TCP].proxy_protocol = 1;
	rig_connect(&rig, own4);
	client(1)->keeps_open = target(1)->keeps_open = true;
	rig_wait(&rig, SECONDS(1));
	rig_say(&rig, 1, line, (uint32_t)strlen(line));
	rig_wait(&rig, SECONDS(1));
	assert_memory_equal(target(1)->first, line, strlen(line));
}

// What comes behind the header is counted like all else, and neither header is.
static void payload_behind_a_proxy_header_is_counted(void **state)
{
	static const char line[] = "PROXY TCP4 192.0.2.7 192.0.2.8 1111 2222\r\nhello";
	const struct worker_stats *stats = rig.world->stats;

	rig_listen(&rig, "10.2.0.1");
	one_target("10.2.0.1");
	rig.world->listeners[WORLD_TCP].proxy_protocol = true;
	rig.world->upstreams[WORLD_TCP].proxy_protocol = 1;
	rig_connect(&rig, own4);
	client(0)->keeps_open = target(0)->keeps_open = true;
	rig_wait(&rig, SECONDS(1));
	rig_say(&rig, 0, line, (uint32_t)strlen(line));
	rig_wait(&rig, SECONDS(1));
	rig_say(&rig, 0, " again", 6);
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(target(0)->received, strlen(line) + 6);
	assert_int_equal(counter_read(&stats->listeners[WORLD_TCP].bytes[0]), 11);
	assert_int_equal(counter_read(&stats->targets[0].bytes[0]), 11);
	rig_reset(&rig, RIG_CLIENT, 0);
	assert_true(rig_settle(&rig, SECONDS(1)));
	assert_int_equal(rig.world->records[0].bytes[0], 11);
	assert_int_equal(rig.world->records[0].packets[0], 2);
}

static void a_client_without_its_header_is_reset(void **state)
{
	rig_listen(&rig, "10.2.0.1");
	one_target("10.2.0.1");
	rig.world->listeners[WORLD_TCP].proxy_protocol = true;
	for (uint32_t i = 0; i < 3; i++) {
		rig_connect(&rig, own4);
		client(i)->keeps_open = true;
	}
	rig_wait(&rig, SECONDS(1));
	rig_say(&rig, 0, "GET / HTTP/1.1\r\n", 16); // not a header
	rig_say(&rig, 1, "PROXY TCP4 1", 12);       // the begin of one, and then silence
	client(2)->keeps_open = false;              // the end instead
	client(2)->ended = true;
	assert_true(rig_settle(&rig, SECONDS(8)));
	assert_int_equal(client(0)->error, ECONNRESET);
	assert_int_equal(client(1)->error, ECONNRESET);
	assert_int_equal(rig.users[RIG_TARGET], 0);
	assert_int_equal(rig_drops(&rig, DROP_PROXY_HEADER), 3);
}

static void a_full_table_refuses_and_says_so(void **state)
{
	rig_close(&rig);
	rig_open(&rig, 4);
	rig_listen(&rig, "10.2.0.1");
	one_target("10.2.0.1");
	for (uint32_t i = 0; i < 6; i++) {
		rig_connect(&rig, own4);
		client(i)->keeps_open = target(i)->keeps_open = true;
	}
	rig_wait(&rig, SECONDS(5));
	assert_int_equal(rig_sessions(&rig), 4);
	assert_true(rig_drops(&rig, DROP_SESSION_TABLE_FULL) +
			    rig_drops(&rig, DROP_TCP_CONNECTIONS_FULL) >
		    0);
}

static void a_listener_that_closes_takes_nobody_new(void **state)
{
	rig_listen(&rig, "10.2.0.1");
	one_target("10.2.0.1");
	rig_connect(&rig, own4);
	rig_wait(&rig, 1500); // the SYN has come, its answer is under way
	rig.world->listeners[WORLD_TCP].closing = true;
	client(0)->keeps_open = true;
	rig_settle(&rig, SECONDS(3));
	assert_int_equal(client(0)->error, ECONNRESET);
	assert_int_equal(rig_sessions(&rig), 0);
	assert_int_equal(rig_drops(&rig, DROP_LISTENER_CLOSING), 1);
}

static struct control_request ask(enum control_kind kind, struct session_record *records)
{
	struct control_request request = {.kind = kind,
		.filter = {.listener = SLOT_NONE, .target = SLOT_NONE},
		.why = SESSION_END_KILLED,
		.limit = 2,
		.records = records};

	while (!relay_request(rig.relay, &rig.world->snapshot, &request, rig.world->now, 1))
		;
	return request;
}

static void operators_list_and_kill(void **state)
{
	struct session_record records[2];
	struct control_request request;

	rig_listen(&rig, "10.2.0.1");
	one_target("10.2.0.1");
	for (uint32_t i = 0; i < 3; i++) {
		rig_connect(&rig, own4);
		client(i)->keeps_open = target(i)->keeps_open = true;
	}
	rig_wait(&rig, SECONDS(1));
	request = ask(CONTROL_COUNT, NULL);
	assert_int_equal(request.count, 3);
	request = ask(CONTROL_LIST, records);
	assert_int_equal(request.count, 2);
	assert_true(request.more);
	assert_int_equal(records[0].state, SESSION_ESTABLISHED);
	assert_int_equal(records[0].client_port, 40000);
	assert_int_equal(records[0].target_port, 80);
	assert_true(records[0].round_trip_us >= 4000);

	request = (struct control_request){.kind = CONTROL_KILL,
		.why = SESSION_END_KILLED,
		.filter = {.listener = SLOT_NONE, .target = SLOT_NONE, .id = records[1].id}};
	assert_true(relay_request(rig.relay, &rig.world->snapshot, &request, rig.world->now, 8));
	assert_int_equal(request.count, 1);
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(rig_sessions(&rig), 2);
	assert_int_equal(client(1)->error, ECONNRESET);
	assert_int_equal(target(1)->error, ECONNRESET);
	assert_int_equal(last_end(), SESSION_END_KILLED);
}

// The client that a PROXY header names is the session's, for lists, filters and the log; a header
// that names none leaves the peer.
static void operators_see_the_client_behind_a_proxy(void **state)
{
	static const char *const lines[] = {"PROXY TCP4 192.0.2.7 192.0.2.8 1111 2222\r\n",
		"PROXY TCP6 2001:db8::7 2001:db8::8 3333 443\r\n", "PROXY UNKNOWN\r\n"};
	struct session_record records[2];
	struct control_request request = {.kind = CONTROL_LIST,
		.filter = {.listener = SLOT_NONE, .target = SLOT_NONE, .by_client = true},
		.limit = 2,
		.records = records};
	struct ip_prefix proxy;

	rig_listen(&rig, "10.2.0.1");
	one_target("10.2.0.1");
	rig.world->listeners[WORLD_TCP].proxy_protocol = true;
	for (uint32_t i = 0; i < 3; i++) {
		rig_connect(&rig, own4);
		client(i)->keeps_open = target(i)->keeps_open = true;
		rig_wait(&rig, SECONDS(1));
		rig_say(&rig, i, lines[i], (uint32_t)strlen(lines[i]));
		rig_wait(&rig, SECONDS(1));
	}
	assert_true(ip_prefix_parse("192.0.2.0/24", &request.filter.client));
	assert_true(relay_request(rig.relay, &rig.world->snapshot, &request, rig.world->now, 8));
	assert_int_equal(request.count, 1);
	assert_int_equal(records[0].client_port, 1111);
	assert_int_equal(records[0].local_port, WORLD_TCP_PORT);

	assert_true(ip_prefix_parse("10.1.0.1/32", &proxy));
	request.filter.client = proxy;
	request.cursor = request.count = 0;
	assert_true(relay_request(rig.relay, &rig.world->snapshot, &request, rig.world->now, 8));
	assert_int_equal(request.count, 1);
	assert_int_equal(records[0].client_port, 40002);

	assert_true(ip_prefix_parse("2001:db8::/64", &request.filter.client));
	request.kind = CONTROL_KILL;
	request.why = SESSION_END_KILLED;
	request.cursor = request.count = 0;
	assert_true(relay_request(rig.relay, &rig.world->snapshot, &request, rig.world->now, 8));
	assert_int_equal(request.count, 1);
	assert_int_equal(rig.world->records[0].client_port, 3333);

	// Its place in the table goes to another, who is not called that.
	rig.world->listeners[WORLD_TCP].proxy_protocol = false;
	rig_connect(&rig, own4);
	client(3)->keeps_open = target(3)->keeps_open = true;
	rig_wait(&rig, SECONDS(1));
	request.cursor = request.count = 0;
	assert_true(relay_request(rig.relay, &rig.world->snapshot, &request, rig.world->now, 8));
	assert_int_equal(request.count, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, rig_tear_down)
	const struct CMUnitTest tests[] = {
		T(both_directions_arrive_whole),
		T(loss_costs_time_and_no_byte),
		T(families_may_differ),
		T(half_close_leaves_the_other_way_open),
		T(urgent_marks_are_carried),
		T(a_reset_is_carried_as_a_reset),
		T(the_next_target_stands_in_for_one_that_refuses),
		T(the_next_target_stands_in_for_one_out_of_reach),
		T(a_client_is_reset_when_all_targets_refuse),
		T(a_silent_target_times_out),
		T(silence_ends_a_session_in_time),
		T(a_silent_target_is_probed_and_given_up),
		T(a_target_is_not_probed_unless_that_is_wanted),
		T(what_is_not_acknowledged_ends_a_session_in_time),
		T(an_orderly_close_has_its_time),
		T(an_orderly_close_waits_for_no_reader),
		T(who_does_not_read_stops_who_sends),
		T(a_bound_lowered_on_the_way_stalls_nobody),
		T(a_draining_relay_takes_nobody_new),
		T(want_of_buffers_loses_nothing),
		T(a_proxy_header_goes_out),
		T(a_proxy_header_is_taken_off),
		T(payload_behind_a_proxy_header_is_counted),
		T(a_client_without_its_header_is_reset),
		T(a_full_table_refuses_and_says_so),
		T(a_listener_that_closes_takes_nobody_new),
		T(operators_list_and_kill),
		T(operators_see_the_client_behind_a_proxy),
	};

	return cmocka_run_group_tests_name("stream/relay", tests, NULL, NULL);
}
