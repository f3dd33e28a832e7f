// SPDX-License-Identifier: BSD-3-Clause
// The source ports that relayed and forwarded sessions share, and what each leaves of them for the
// other.
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "one_rig.h"
#include "pkt/parse.h"
#include "pkt/tcp_options.h"

#define SECONDS(n) ((usec_t)(n)*USEC_PER_SECOND)

enum {
	DIRECT_PORT = WORLD_TCP_PORT + 1,
	PORTS = 64512, // of an address toward one target
};

static struct flow_key taken[PORTS];
static uint32_t taken_count;
static const char *const own4 = "10.1.0.2";

static int set_up(void **state)
{
	rig_open(&rig, 64);
	rig.world->upstreams[WORLD_TCP].target_count = 0;
	world_target(rig.world, WORLD_TCP, 0, "10.2.0.1", 80, 1);
	rig_listen(&rig, "10.2.0.1");
	rig.world->listen_head[0][DIRECT_PORT] = rig.world->listen_head[0][WORLD_TCP_PORT];
	rig.world->listeners[WORLD_TCP].port_last = DIRECT_PORT;
	return 0;
}

static int tear_down(void **state)
{
	while (taken_count > 0)
		flow_lease_give(rig.world->engine, &taken[--taken_count], &(struct flow_past){0},
			rig.world->now);
	rig_close(&rig);
	return 0;
}

// Takes every port toward the target but one: the one that was used longest ago, if one was.
static void leave_one_port(void)
{
	struct flow_key client_key = world_key(IPPROTO_TCP, "10.1.0.1", 1, own4, WORLD_TCP_PORT);
	struct flow_lease lease;

	while (taken_count < PORTS - 1) {
		assert_int_equal(flow_lease_take(rig.world->engine, &rig.world->snapshot,
					 &rig.world->upstreams[WORLD_TCP], &client_key, &client_key,
					 SLOT_NONE, rig.world->now, &lease),
			DROP_NONE);
		taken[taken_count++] = lease.key;
	}
}

// A client's SYN to the same listener, which forwards for as long as this lasts.
static struct world_outcome direct_syn(uint16_t client_port, uint32_t sequence, bool timestamps)
{
	struct world_outcome out;

	rig.world->listeners[WORLD_TCP].mode = MODE_DIRECT;
	out = world_send(rig.world,
		&(struct world_packet){
			.key = world_key(IPPROTO_TCP, "10.1.0.1", client_port, own4, DIRECT_PORT),
			.flags = TCP_FLAG_SYN,
			.sequence = sequence,
			.timestamp = sequence,
			.has_timestamp = timestamps,
			.window = 65535,
		});
	rig.world->listeners[WORLD_TCP].mode = MODE_TERMINATE;
	return out;
}

// A client's own address and port toward a target is one connection's, whichever came first: one
// that ends here, or one that is forwarded.
static void a_clients_own_port_is_used_once(void **state)
{
	rig.world->upstreams[WORLD_TCP].source_client = true;
	rig_connect(&rig, own4);
	client(0)->keeps_open = target(0)->keeps_open = true;
	rig_wait(&rig, SECONDS(1));
	assert_true(target(0)->is_open);
	assert_int_equal(direct_syn(40000, 1000, false).reason, DROP_NAT_CONFLICT);
	rig_say(&rig, 0, "still there", 11);
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(target(0)->received, 11);

	assert_int_equal(direct_syn(40001, 1000, false).verdict, FLOW_FORWARD);
	rig_connect(&rig, own4);
	client(1)->keeps_open = true;
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(client(1)->error, ECONNRESET);
	assert_int_equal(rig_drops(&rig, DROP_NAT_CONFLICT), 1);
	assert_int_equal(rig.users[RIG_TARGET], 1);

	// What is over gives way.
	rig_reset(&rig, RIG_CLIENT, 0);
	rig_wait(&rig, SECONDS(1));
	assert_int_equal(direct_syn(40000, 1000, false).verdict, FLOW_FORWARD);
}

// A port is given back while its connection is in TIME-WAIT here: it is nobody else's yet.
static void a_port_in_time_wait_is_passed_over(void **state)
{
	rig_connect(&rig, own4);
	rig_send(&rig, RIG_CLIENT, 0, 10);
	assert_true(rig_settle(&rig, SECONDS(5)));
	assert_int_equal(counter_read(&rig.world->stats->nat_ports_in_use), 0);
	leave_one_port();
	assert_int_equal(direct_syn(50000, 1000, false).reason, DROP_NAT_PORTS_EXHAUSTED);
	// RFC 6191: with timestamps, after a second.
	rig_wait(&rig, SECONDS(2));
	assert_int_equal(direct_syn(50000, 1000, false).verdict, FLOW_FORWARD);
}

// The next SYN toward a target, as it is under way; the delay is a millisecond.
static struct tcp_options syn_under_way(uint32_t *sequence)
{
	struct tcp_options options = {0};

	for (usec_t end = rig.world->now + SECONDS(1); rig.world->now < end; rig_wait(&rig, 250)) {
		for (uint32_t i = 0; i < rig.count; i++) {
			struct buffer *frame = rig.flight[i].frame;
			struct packet p = {.buffer = frame, .session = PACKET_NO_SESSION};
			struct parse_context context = {.data = buffer_data(frame),
				.contiguous = frame->length,
				.frame = frame->total_length};

			assert_int_equal(packet_parse(&p, &context), PARSE_OK);
			if (rig.flight[i].to != RIG_TARGET || !(p.tcp_flags & TCP_FLAG_SYN))
				continue;
			assert_int_equal(tcp_options_parse(&p, &options), TCP_OPTIONS_OK);
			*sequence = be32_to_host(p.tcp_sequence);
			return options;
		}
	}
	fail_msg("no SYN");
	return options;
}

static enum flow_verdict direct_segment(
	const struct flow_key *key, uint8_t flags, const uint32_t numbers[3])
{
	return world_send(rig.world,
		&(struct world_packet){
			.key = *key,
			.flags = flags,
			.sequence = numbers[0],
			.acknowledgement = numbers[1],
			.timestamp = numbers[2],
			.has_timestamp = true,
			.window = 65535,
			.netif = key->source.bytes[13] == 2,
		})
		.verdict;
}

// A forwarded session from sequence number and timestamp `from` on, whose target closes first and
// is in TIME-WAIT after.
static void direct_session(uint32_t from)
{
	struct world_outcome out = direct_syn(50000, from, true);
	struct flow_key client_key = world_key(IPPROTO_TCP, "10.1.0.1", 50000, own4, DIRECT_PORT);
	struct flow_key answer = world_reverse(&out.key);

	assert_int_equal(out.verdict, FLOW_FORWARD);
	const struct {
		const struct flow_key *key;
		uint8_t flags;
		uint32_t numbers[3];
	} segments[] = {
		{&answer, TCP_FLAG_SYN | TCP_FLAG_ACK, {5000, from + 1, 1}},
		{&client_key, TCP_FLAG_ACK, {from + 1, 5001, from + 1}},
		{&answer, TCP_FLAG_FIN | TCP_FLAG_ACK, {5001, from + 1, 2}},
		{&client_key, TCP_FLAG_FIN | TCP_FLAG_ACK, {from + 1, 5002, from + 2}},
		{&answer, TCP_FLAG_ACK, {5002, from + 2, 3}},
	};

	for (size_t i = 0; i < nx_array_size(segments); i++)
		assert_int_equal(
			direct_segment(segments[i].key, segments[i].flags, segments[i].numbers),
			FLOW_FORWARD);
}

// RFC 6191, RFC 9293 3.6.1: a target in TIME-WAIT takes a SYN with a later number and timestamp
// than the last connection's. The relay chooses both, whatever a client before it chose.
static void a_target_in_time_wait_gets_later_numbers(void **state)
{
	static const uint32_t froms[] = {1, 0x40000000, 0x80000000, 0xc0000000};

	for (size_t i = 0; i < nx_array_size(froms); i++) {
		struct tcp_options options;
		uint32_t sequence = 0;

		if (i > 0) {
			tear_down(NULL);
			set_up(NULL);
		}
		direct_session(froms[i]);
		assert_int_equal(counter_read(&rig.world->stats->nat_ports_in_use), 0);
		leave_one_port();
		rig_connect(&rig, own4);
		options = syn_under_way(&sequence);
		assert_true((int32_t)(sequence - (froms[i] + 2)) > 0);
		assert_true(options.has_timestamps);
		assert_true((int32_t)(options.timestamp - (froms[i] + 2)) > 0);
	}
}

// The same the other way round: a client's SYN is not sent from a port that a relayed session left
// a target in TIME-WAIT for, unless the target must take it.
static void a_port_whose_target_waits_goes_to_no_earlier_syn(void **state)
{
	struct tcp_info info;

	rig_connect(&rig, own4);
	client(0)->keeps_open = true;
	rig_send(&rig, RIG_TARGET, 0, 10);
	rig_wait(&rig, SECONDS(1));
	assert_true(client(0)->ended);
	tcp_info_get(rig.host[RIG_TARGET], target(0)->connection, &info);
	client(0)->keeps_open = false;
	rig_send(&rig, RIG_CLIENT, 0, 1);
	assert_true(rig_settle(&rig, SECONDS(5)));
	leave_one_port();
	assert_int_equal(direct_syn(50000, info.receive_next - 1000, false).reason,
		DROP_NAT_PORTS_EXHAUSTED);
	assert_int_equal(direct_syn(50000, info.receive_next + 1000, false).verdict, FLOW_FORWARD);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_clients_own_port_is_used_once),
		T(a_port_in_time_wait_is_passed_over),
		T(a_target_in_time_wait_gets_later_numbers),
		T(a_port_whose_target_waits_goes_to_no_earlier_syn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
