// SPDX-License-Identifier: BSD-3-Clause
// Sessions that are a target's until their client has proved itself, in virtual time: strangers who
// are left to it, clients who go on to their own, and what a slow path that is slow costs.
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "mirrored_rig.h"
#include "stream/proxy_protocol.h"

// As the target's own stack would, whatever answers come.
static void a_hello_is_acknowledged_at_once(void **state)
{
	uint32_t n = stranger();

	threads_stall(true);
	rig_wait(&rig, SOON);
	assert_int_equal(rig_heard(&rig, RIG_CLIENT), 1);
	stranger_says(n, hello_of(1000), 0, 1000);
	rig_wait(&rig, SOON);
	assert_int_equal(target(0)->received, 1000);
	assert_int_equal(rig_heard(&rig, RIG_CLIENT), 2);
}

static void a_stranger_is_the_targets(void **state)
{
	stranger_heard();
	rig_send(&rig, RIG_TARGET, 0, 1000000);
	rig_wait(&rig, SECONDS(1));
	assert_true(rig.secured->spliced);
	rig_send(&rig, RIG_CLIENT, 0, 1000000);
	rig_wait(&rig, SECONDS(5));
	assert_int_equal(target(0)->received, 1001000);
	assert_int_equal(client(0)->received, 1000000);
	assert_int_equal(rig_sessions(&rig), 1);
	rig_reset(&rig, RIG_TARGET, 0);
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(client(0)->error, ECONNRESET);
	assert_int_equal(rig_sessions(&rig), 0);
}

// It takes what it is told, and what it says is lost: the client has the target in a second, and
// operators hear of it.
static void a_stranger_whose_answers_are_lost_is_the_targets(void **state)
{
	uint64_t unanswered, all = 0;

	rig.secured->mute[0] = rig.secured->mute[1] = true;
	stranger_heard();
	rig_send(&rig, RIG_TARGET, 0, 1000);
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(client(0)->received, 1000);
	assert_int_equal(timeouts(), 1);
	for (uint32_t t = 0; t < SECURED_THREADS; t++)
		if (secured_silence(&rig, t, &unanswered))
			all += unanswered;
	assert_int_equal(all, 1);
}

// As the target's own stack has it, which is Linux's: once text was answered, with the FIN that
// answers.
static void an_end_is_acknowledged_with_the_targets(void **state)
{
	uint64_t heard;

	stranger_heard();
	rig_send(&rig, RIG_TARGET, 0, 1000);
	rig_wait(&rig, 10000);
	heard = rig_heard(&rig, RIG_CLIENT);
	client(0)->keeps_open = false;
	rig_send(&rig, RIG_CLIENT, 0, 100);
	rig_wait(&rig, 20000);
	assert_true(target(0)->ended);
	assert_int_equal(rig_heard(&rig, RIG_CLIENT), heard);
	target(0)->keeps_open = false;
	rig_wait(&rig, 10000);
	assert_true(client(0)->ended);
	assert_int_equal(rig_heard(&rig, RIG_CLIENT), heard + 1);
}

static uint64_t segments_had(void)
{
	return counter_read(&tcp_engine_stats(rig.host[RIG_CLIENT])->segments_received);
}

// However many messages a record of ours takes.
static void a_long_record_leaves_as_one(void **state)
{
	uint64_t before;

	a_client_answered();
	client(1)->stops_reading = true;
	before = segments_had();
	secured_say_more(&rig, 2000, true);
	secured_say_more(&rig, 2000, true);
	secured_say_more(&rig, 2000, false);
	rig_wait(&rig, SOON);
	assert_int_equal(segments_had() - before, 5); // of 1,448 bytes
	// What is one by itself waits for nothing.
	secured_say_more(&rig, 2000, false);
	secured_say_more(&rig, 100, false);
	rig_wait(&rig, SOON);
	assert_int_equal(segments_had() - before, 5 + 2 + 1);
}

static void a_client_goes_on_to_its_own(void **state)
{
	a_client();
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(target(0)->received, SECURED_HELLO);
	assert_memory_equal(target(0)->first, secured_hello, SECURED_HELLO);
	assert_false(rig.secured->open[1]);
	assert_int_equal(strangers(), 1);
	rig_send(&rig, RIG_TARGET, 0, SECURED_HELLO);
	rig_wait(&rig, SECONDS(1));
	assert_true(rig.secured->open[1]);
	assert_int_equal(strangers(), 0);
	assert_true(target(0)->ended);
	target(0)->keeps_open = false;
	assert_int_equal(rig.users[RIG_TARGET], 2);
	rig_send(&rig, RIG_CLIENT, 1, 1000000);
	rig_send(&rig, RIG_TARGET, 1, 1000000);
	rig_wait(&rig, SECONDS(5));
	assert_int_equal(target(0)->received, SECURED_HELLO);
	assert_int_equal(target(1)->received, 1000000);
	assert_int_equal(client(1)->received, 1000000);
	client(1)->keeps_open = target(1)->keeps_open = false;
	assert_true(rig_settle(&rig, SECONDS(10)));
	assert_true(rig.secured->closed[1]);
	assert_int_equal(rig.world->records[0].end, SESSION_END_CLOSED);
}

// Clients of ours say no more before they have an answer.
static void no_stranger_waits_for_a_thread(void **state)
{
	stranger_heard();
	threads_stall(true);
	rig_send(&rig, RIG_CLIENT, 0, 1000);
	rig_wait(&rig, SOON);
	assert_int_equal(target(0)->received, 2000);
	assert_int_equal(foreign(), 1);
}

// It is the target's whoever said it: what a thread has to say of it may come later, as long as the
// target's answer is held.
static void no_hello_waits_for_a_thread(void **state)
{
	const uint8_t *hello = hello_of(5000);

	threads_stall(true);
	stranger();
	for (uint32_t at = 0; at < 5000; at += 1250) {
		stranger_says(0, hello, at, 1250);
		rig_wait(&rig, SOON);
		assert_int_equal(target(0)->received, at + 1250);
	}
	assert_memory_equal(target(0)->first, hello, sizeof(target(0)->first));
	rig_send(&rig, RIG_TARGET, 0, 1000);
	rig_wait(&rig, SOON);
	assert_int_equal(target(0)->received, 5000);
	assert_int_equal(client(0)->received, 0);
	threads_stall(false);
	rig_wait(&rig, SOON);
	assert_true(rig.secured->spliced);
	rig_send(&rig, RIG_CLIENT, 0, 100);
	rig_wait(&rig, SOON);
	assert_int_equal(target(0)->received, 5100);
	assert_int_equal(client(0)->received, 1000);
	assert_int_equal(timeouts(), 0);
}

// In one segment, as the client sent it.
static void a_hello_goes_with_what_is_behind_it(void **state)
{
	const counter_t *packets = rig.world->stats->listeners[WORLD_TCP].packets;
	uint64_t before;

	threads_stall(true);
	stranger();
	rig_wait(&rig, SOON);
	before = counter_read(&packets[RIG_CLIENT]);
	stranger_says(0, hello_of(700), 0, 1000);
	rig_wait(&rig, SOON);
	assert_int_equal(target(0)->received, 1000);
	assert_int_equal(counter_read(&packets[RIG_CLIENT]), before + 1);
	assert_int_equal(foreign(), 1);
}

// More of them than the ring to a thread has messages.
static void no_hello_waits_for_a_ring(void **state)
{
	const uint8_t *hello = hello_of(4000);
	char source[16];

	threads_stall(true);
	// Few at a time, as many SYNs are held, and few of a source.
	for (uint32_t i = 0; i < 100; i++) {
		snprintf(source, sizeof(source), "10.1.0.%u", 20 + i / 10);
		stranger_says(stranger_from(source), hello, 0, 4000);
		if (i % 10 == 9)
			rig_wait(&rig, SOON);
	}
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(target(i)->received, 4000);
	threads_stall(false);
	for (uint32_t i = 0; i < 100; i++)
		rig_send(&rig, RIG_TARGET, i, 3000);
	rig_wait(&rig, SECONDS(1) / 2);
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(target(i)->received, 4000);
		assert_int_equal(client(i)->received, 3000);
	}
	assert_int_equal(rig.secured->opens[0] + rig.secured->opens[1], 100);
	assert_int_equal(timeouts(), 0);
}

// Nor is any byte of it lost or said twice where buffers are scarce.
static void a_hello_waits_for_buffers(void **state)
{
	const uint8_t *hello = hello_of(MOST);

	rig.fail_ppm = 300000;
	threads_stall(true);
	stranger();
	rig_wait(&rig, SECONDS(2));
	stranger_says(0, hello, 0, MOST);
	rig_wait(&rig, SECONDS(1) / 2);
	rig.fail_ppm = 0;
	rig_wait(&rig, SOON);
	assert_int_equal(target(0)->received, MOST);
	threads_stall(false);
	rig_wait(&rig, SOON);
	rig_send(&rig, RIG_TARGET, 0, 1000);
	rig_send(&rig, RIG_CLIENT, 0, 1000);
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(target(0)->received, MOST + 1000);
	assert_int_equal(client(0)->received, 1000);
}

// Where there are none the target does not end it, so we do not.
static void without_buffers_a_stranger_is_the_targets(void **state)
{
	stranger();
	rig_wait(&rig, SOON);
	rig.fail_ppm = 1000000;
	stranger_says(0, hello_of(5000), 0, 5000);
	rig_wait(&rig, SOON);
	rig.fail_ppm = 0;
	rig_wait(&rig, SECONDS(2));
	assert_true(rig_drops(&rig, DROP_NO_BUFFER) > 0);
	rig_send(&rig, RIG_TARGET, 0, 1000);
	rig_wait(&rig, SOON);
	assert_int_equal(client(0)->error, 0);
	assert_int_equal(target(0)->received, 5000);
	assert_int_equal(client(0)->received, 1000);
	assert_int_equal(timeouts(), 0);
}

// No thread is asked about what no client of ours would say.
static void what_is_no_hello_is_the_targets_at_once(void **state)
{
	threads_stall(true);
	rig_send(&rig, RIG_CLIENT, stranger(), 1000);
	rig_send(&rig, RIG_TARGET, 0, 1000);
	rig_wait(&rig, SOON);
	assert_int_equal(target(0)->received, 1000);
	assert_int_equal(client(0)->received, 1000);
	threads_stall(false);
	rig_wait(&rig, SOON);
	assert_int_equal(rig.secured->opens[0] + rig.secured->opens[1], 0);
	assert_int_equal(foreign(), 1);
}

static void what_begins_as_a_hello_and_is_none_is_the_targets(void **state)
{
	uint8_t bytes[200];

	memcpy(bytes, hello_of(sizeof(bytes)), sizeof(bytes));
	bytes[5] = 2; // a server's
	threads_stall(true);
	stranger_says(stranger(), bytes, 0, 5);
	rig_wait(&rig, SOON);
	assert_int_equal(target(0)->received, 5);
	stranger_says(0, bytes, 5, 195);
	rig_send(&rig, RIG_TARGET, 0, 1000);
	rig_wait(&rig, SOON);
	assert_int_equal(target(0)->received, 200);
	assert_int_equal(client(0)->received, 1000);
	threads_stall(false);
	rig_wait(&rig, SOON);
	assert_int_equal(rig.secured->closes, 1);
	assert_int_equal(foreign(), 1);
}

// Some hosts take an urgent byte out of the stream: who marks one has the target for it.
static void an_urgent_mark_goes_on(void **state)
{
	const uint8_t *hello = hello_of(1000);

	threads_stall(true);
	stranger_says(stranger(), hello, 0, 100);
	rig_wait(&rig, SOON);
	assert_int_equal(target(0)->received, 100);
	target(0)->stops_reading = true;
	tcp_urgent_mark(rig.host[RIG_CLIENT], client(0)->connection, 1);
	stranger_says(0, hello, 100, 1);
	rig_wait(&rig, SOON);
	assert_int_equal(tcp_urgent_left(rig.host[RIG_TARGET], target(0)->connection), 1);
	stranger_says(0, hello, 101, 899);
	target(0)->stops_reading = false;
	rig_send(&rig, RIG_TARGET, 0, 1000);
	rig_wait(&rig, SOON);
	assert_int_equal(target(0)->received, 1000);
	assert_int_equal(client(0)->received, 1000);
	assert_int_equal(foreign(), 1);
}

// From a client's first word to ours about it, a second. To say nothing takes no time.
static void a_word_is_answered_in_a_second(void **state)
{
	threads_stall(true);
	stranger();
	rig_wait(&rig, SECONDS(4));
	assert_int_equal(timeouts(), 0);
	stranger_says(0, hello_of(1000), 0, 1000);
	rig_send(&rig, RIG_TARGET, 0, 500);
	rig_wait(&rig, SECONDS(1) - SOON);
	assert_int_equal(client(0)->received, 0);
	assert_int_equal(timeouts(), 0);
	rig_wait(&rig, 3 * SOON);
	assert_int_equal(client(0)->received, 500);
	assert_int_equal(target(0)->received, 1000);
	assert_int_equal(timeouts(), 1);
	// Nor is the thread of use once it moves again.
	threads_stall(false);
	rig_wait(&rig, SOON);
	assert_int_equal(rig_sessions(&rig), 1);
	assert_int_equal(rig.secured->closes, 1);
}

// From its first word to keys, ten.
static void a_handshake_ends_in_ten_seconds(void **state)
{
	stranger_heard();
	threads_stall(true);
	rig_wait(&rig, SECONDS(9) - 2 * SOON);
	assert_int_equal(timeouts(), 0);
	rig_wait(&rig, 4 * SOON);
	assert_int_equal(timeouts(), 1);
	rig_send(&rig, RIG_TARGET, 0, 1000);
	rig_send(&rig, RIG_CLIENT, 0, 1000);
	rig_wait(&rig, SOON);
	assert_int_equal(client(0)->received, 1000);
	assert_int_equal(target(0)->received, 2000);
}

// However often it says a part of its hello: by the time of the rest, a thread may have forgotten
// it.
static void a_hello_in_pieces_has_no_longer(void **state)
{
	const uint8_t *hello = hello_of(1000);

	stranger();
	for (uint32_t i = 0; i < 5; i++) {
		stranger_says(0, hello, 100 * i, 100);
		rig_wait(&rig, SECONDS(2) - SOON);
		assert_int_equal(target(0)->received, 100 * i + 100);
	}
	rig_wait(&rig, 6 * SOON);
	assert_int_equal(timeouts(), 1);
	threads_stall(true);
	stranger_says(0, hello, 500, 500);
	rig_send(&rig, RIG_TARGET, 0, 1000);
	rig_wait(&rig, SOON);
	assert_int_equal(target(0)->received, 1000);
	assert_int_equal(client(0)->received, 1000);
}

// One who has had our answer and does not finish has the target for it.
static void a_client_that_does_not_finish_is_the_targets(void **state)
{
	a_client_answered();
	threads_stall(true);
	rig_send(&rig, RIG_CLIENT, 1, 100);
	rig_wait(&rig, SECONDS(10) - 2 * SOON);
	assert_int_equal(target(0)->received, SECURED_HELLO);
	assert_int_equal(timeouts(), 0);
	rig_wait(&rig, 4 * SOON);
	assert_in_range(target(0)->received, SECURED_HELLO + 100, SECURED_HELLO + 200);
	assert_int_equal(timeouts(), 1);
	assert_int_equal(rig.users[RIG_TARGET], 1);
}

// It has given up. The target's answer to that is nobody's, however late it comes; its end or reset
// is the client's.
static void a_client_that_leaves_gets_the_targets_end(void **state)
{
	for (int resets = 0; resets < 2; resets++) {
		if (resets) {
			rig_close(&rig);
			set_up(state);
		}
		rig.secured->leaves = true;
		a_client_answered();
		rig_send(&rig, RIG_CLIENT, 1, 100);
		rig_wait(&rig, SOON);
		assert_in_range(target(0)->received, SECURED_HELLO + 100, SECURED_HELLO + 200);
		// A reset is there before a thread has judged what came before it.
		threads_stall(resets);
		rig_send(&rig, RIG_TARGET, 0, 1000);
		rig_wait(&rig, SOON);
		if (resets)
			rig_reset(&rig, RIG_TARGET, 0);
		else
			rig_send(&rig, RIG_TARGET, 0, 5000);
		rig_wait(&rig, SOON);
		target(0)->keeps_open = false;
		rig_wait(&rig, SECONDS(1));
		assert_int_equal(rig.secured->verdict[1], 0);
		assert_int_equal(rig_received(&rig, RIG_TARGET), SECURED_HELLO);
		assert_int_equal(client(1)->error, resets ? ECONNRESET : 0);
		assert_int_equal(client(1)->ended, !resets);
	}
}

// So is its own end the target's, at once, whatever a thread has yet to say of the target's answer:
// that is how the target hears of the end of a visitor of its own.
static void the_end_of_a_client_that_leaves_goes_on(void **state)
{
	rig.secured->leaves = true;
	a_client_answered();
	rig_send(&rig, RIG_CLIENT, 1, 100);
	client(1)->keeps_open = false;
	rig_wait(&rig, SOON);
	assert_in_range(target(0)->received, SECURED_HELLO + 100, SECURED_HELLO + 200);
	assert_true(target(0)->ended);
	assert_false(rig.secured->spliced);
	assert_int_equal(timeouts(), 0);
	rig_send(&rig, RIG_TARGET, 0, 1000);
	rig_wait(&rig, SOON);
	assert_true(rig.secured->spliced);
	assert_false(client(1)->ended);
	target(0)->keeps_open = false;
	rig_wait(&rig, SECONDS(1));
	assert_true(client(1)->ended);
	assert_int_equal(rig.secured->verdict[1], 0);
	assert_int_equal(last_end(), SESSION_END_CLOSED);
	assert_int_equal(rig_sessions(&rig), 0);
}

// It is not before what a target takes late.
static void the_end_of_a_client_that_leaves_is_behind_what_it_said(void **state)
{
	rig.secured->leaves = true;
	a_client_answered();
	target(0)->stops_reading = true;
	rig_send(&rig, RIG_CLIENT, 1, 3000000);
	client(1)->keeps_open = false;
	rig_wait(&rig, SECONDS(4));
	assert_false(target(0)->ended);
	target(0)->stops_reading = false;
	rig_wait(&rig, SECONDS(4));
	assert_true(target(0)->received > 3000000);
	assert_true(target(0)->ended);
	assert_false(rig.secured->spliced);
	assert_int_equal(timeouts(), 0);
}

// What a target does not take waits with the client, however much of it may go on.
static void no_more_is_held_than_a_target_takes(void **state)
{
	a_client_answered();
	target(0)->stops_reading = true;
	rig_send(&rig, RIG_CLIENT, 1, 8000000);
	rig_wait(&rig, SECONDS(4));
	assert_in_range(rig_received(&rig, RIG_CLIENT), 50000, 3000000);
	target(0)->stops_reading = false;
	rig_wait(&rig, SECONDS(4));
	assert_true(target(0)->received > 8000000);
	assert_int_equal(timeouts(), 0);
}

// What the target gets is a PROXY protocol header about the client, at once, and then its hello.
static void told(const char *listener, const char *server, unsigned int version)
{
	struct proxy_protocol_header header;
	struct flow_key client_key;
	struct tcp_info info;

	if (strcmp(server, "10.2.0.9") != 0)
		rig_listen(&rig, server);
	world_target(rig.world, WORLD_UDP, 2, server, 80, 1);
	rig.world->upstreams[WORLD_UDP].proxy_protocol = (uint8_t)version;
	rig.secured->raw = true;
	rig_connect(&rig, listener);
	client(0)->keeps_open = target(0)->keeps_open = true;
	rig_wait(&rig, SOON);
	tcp_info_get(rig.host[RIG_CLIENT], client(0)->connection, &info);
	client_key = info.key;
	assert_int_equal(proxy_protocol_read(target(0)->first, target(0)->received, &header),
		PROXY_PROTOCOL_DONE);
	assert_int_equal(header.version, version);
	assert_int_equal(header.length, target(0)->received);
	assert_true(header.proxied);
	assert_true(ip_address_equal(&header.key.source, &client_key.source));
	assert_true(ip_address_equal(&header.key.destination, &client_key.destination));
	assert_true(header.key.source_port == client_key.source_port);
	assert_true(header.key.destination_port == client_key.destination_port);
	client(0)->said = header.length;
	stranger_says(0, hello_of(1000), 0, 1000);
	rig_send(&rig, RIG_TARGET, 0, 5000);
	rig_wait(&rig, SOON);
	assert_true(rig.secured->spliced);
	rig_send(&rig, RIG_CLIENT, 0, 5000);
	rig_wait(&rig, SECONDS(1));
	assert_memory_equal(target(0)->first + header.length, hello_of(1000), 100);
	assert_int_equal(target(0)->received, header.length + 6000u);
	assert_int_equal(client(0)->received, 5000);
	// It is no payload.
	assert_int_equal(rig_received(&rig, RIG_CLIENT), 6000);
}

static void a_target_is_told_who_comes(void **state)
{
	told(own, "10.2.0.9", 1);
}

static void a_target_is_told_in_binary(void **state)
{
	told(own, "10.2.0.9", 2);
}

static void a_target_is_told_of_ipv6(void **state)
{
	told("fd00:1::2", "fd00:2::9", 1);
}

static void a_target_is_told_of_ipv6_in_binary(void **state)
{
	told("fd00:1::2", "fd00:2::9", 2);
}

static void a_target_of_ipv4_is_told_of_ipv6(void **state)
{
	told("fd00:1::2", "10.2.0.9", 2);
}

// The client's own target is told as its own upstream says.
static void a_clients_own_is_told_nothing(void **state)
{
	rig.world->upstreams[WORLD_UDP].proxy_protocol = 2;
	a_client();
	rig_wait(&rig, SOON);
	assert_int_equal(target(0)->received, 28 + SECURED_HELLO);
	rig_send(&rig, RIG_TARGET, 0, SECURED_HELLO);
	rig_send(&rig, RIG_CLIENT, 1, 1000);
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(target(0)->received, 28 + SECURED_HELLO);
	assert_int_equal(rig.users[RIG_TARGET], 2);
	assert_int_equal(target(1)->received, 1000);
}

static void a_target_that_ends_at_once_is_heard(void **state)
{
	rig.secured->raw = true;
	rig_send(&rig, RIG_TARGET, 0, 100);
	rig_connect(&rig, own);
	client(0)->keeps_open = true;
	rig_wait(&rig, SECONDS(2));
	assert_int_equal(client(0)->received, 100);
	assert_true(client(0)->ended);
	client(0)->keeps_open = false;
	assert_true(rig_settle(&rig, SECONDS(10)));
}

// Not for the balancer before it.
static void a_targets_handshake_is_for_the_client_that_is_named(void **state)
{
	static const char said[] = "PROXY TCP4 10.3.0.1 10.3.0.2 1000 2000\r\n";
	struct snapshot_listener *listener = &rig.world->listeners[WORLD_TCP];
	struct ip_address named;

	listener->is_mirrored = listener->transparent = false;
	listener->security = 0;
	listener->proxy_protocol = true;
	rig.world->upstreams[WORLD_TCP].security = 1;
	rig.secured->raw = true;
	rig_connect(&rig, own);
	client(0)->keeps_open = target(0)->keeps_open = true;
	rig_say(&rig, 0, said, sizeof(said) - 1);
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(rig.secured->opens[0] + rig.secured->opens[1], 1);
	assert_true(ip_address_parse("10.3.0.1", &named));
	assert_true(ip_address_equal(&rig.secured->source, &named));
}

// A client who proves itself is no stranger.
static void a_clients_own_is_not_bounded(void **state)
{
	limit(RIG_CLIENT, 0, 1000, 1000);
	limit(RIG_TARGET, 0, 1000, 1000);
	a_client_goes_on_to_its_own(state);
	assert_int_equal(held_back(RIG_CLIENT) + held_back(RIG_TARGET), 0);
}

// Where requests are routed, too (test_mirrored_requests.c), clients that do not finish, or leave,
// are the target's.
static void late_strangers_to_routes_are_the_targets(void **state)
{
	route_requests();
	a_client_that_does_not_finish_is_the_targets(state);
	rig_close(&rig);
	set_up(state);
	route_requests();
	the_end_of_a_client_that_leaves_goes_on(state);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, rig_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_hello_is_acknowledged_at_once),
		TEST(a_stranger_is_the_targets),
		TEST(a_stranger_whose_answers_are_lost_is_the_targets),
		TEST(an_end_is_acknowledged_with_the_targets),
		TEST(a_client_goes_on_to_its_own),
		TEST(a_long_record_leaves_as_one),
		TEST(no_stranger_waits_for_a_thread),
		TEST(no_hello_waits_for_a_thread),
		TEST(a_hello_goes_with_what_is_behind_it),
		TEST(no_hello_waits_for_a_ring),
		TEST(a_hello_waits_for_buffers),
		TEST(without_buffers_a_stranger_is_the_targets),
		TEST(what_is_no_hello_is_the_targets_at_once),
		TEST(what_begins_as_a_hello_and_is_none_is_the_targets),
		TEST(an_urgent_mark_goes_on),
		TEST(a_word_is_answered_in_a_second),
		TEST(a_handshake_ends_in_ten_seconds),
		TEST(a_hello_in_pieces_has_no_longer),
		TEST(a_client_that_does_not_finish_is_the_targets),
		TEST(a_client_that_leaves_gets_the_targets_end),
		TEST(the_end_of_a_client_that_leaves_goes_on),
		TEST(the_end_of_a_client_that_leaves_is_behind_what_it_said),
		TEST(no_more_is_held_than_a_target_takes),
		TEST(a_target_is_told_who_comes),
		TEST(a_target_is_told_in_binary),
		TEST(a_target_is_told_of_ipv6),
		TEST(a_target_is_told_of_ipv6_in_binary),
		TEST(a_target_of_ipv4_is_told_of_ipv6),
		TEST(a_clients_own_is_told_nothing),
		TEST(a_target_that_ends_at_once_is_heard),
		TEST(a_targets_handshake_is_for_the_client_that_is_named),
		TEST(a_clients_own_is_not_bounded),
		TEST(late_strangers_to_routes_are_the_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
