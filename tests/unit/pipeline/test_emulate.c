// SPDX-License-Identifier: BSD-3-Clause

// `emulate` of a port in the whole pipeline, in virtual time, with 1, 2 and 4 workers.

#include <arpa/inet.h>
#include <stdio.h>

#include "bed.h"

#include "shape/link.h"

enum {
	ROUND = 64, // datagrams, each of a session of its own
};

static const char *const workers[] = {"0", "0,0", "0,0,0,0"};

static void create(struct rig *rig, const char *cpus, const char *emulate)
{
	static char keys[256];

	snprintf(keys, sizeof(keys), "emulate = { %s };", emulate);
	bed_create(rig, &(struct bed){.cpus = cpus, .wan = keys});
}

static void apply(struct rig *rig, const char *cpus, const char *emulate)
{
	static char keys[256];

	snprintf(keys, sizeof(keys), "emulate = { %s };", emulate);
	if (rig_apply(rig, bed_text(&(struct bed){.cpus = cpus, .wan = keys})) != 0)
		fail_msg("%s", rig->error);
}

// Each from a client of its own: nobody may have many sessions that were not answered.
static void send_round(struct rig *rig, uint16_t first_port)
{
	char client[INET_ADDRSTRLEN];

	snprintf(client, sizeof(client), "10.1.0.%u", 10 + first_port / 1000);
	for (uint16_t i = 0; i < ROUND; i++) {
		struct frame f =
			bed_datagram(client, (uint16_t)(first_port + i), "10.1.0.2", LISTENER_UDP);

		assert_true(rig_send(rig, LAN, &f));
	}
	rig_settle(rig);
}

static uint32_t arrived(struct rig *rig)
{
	uint8_t bytes[FRAME_BYTES_MAX];
	uint32_t count = 0;

	while (rig_receive(rig, WAN, bytes) > 0)
		count++;
	return count;
}

// The first packet to a target waits for its MAC address: that passes the link too.
static void warm_up(struct rig *rig)
{
	struct frame f = bed_datagram("10.1.0.9", 999, "10.1.0.2", LISTENER_UDP);

	assert_true(rig_send(rig, LAN, &f));
	rig_settle(rig);
	rig_pass_time(rig, rig, 100 * USEC_PER_MILLISECOND);
	assert_int_equal(arrived(rig), 1);
}

static void frames_leave_after_the_delay_whichever_worker_sent_them(void **state)
{
	for (size_t i = 0; i < nx_array_size(workers); i++) {
		struct rig rig;

		create(&rig, workers[i], "delay_us = 20000;");
		warm_up(&rig);
		send_round(&rig, 1000);
		rig.now += 19999;
		rig_settle(&rig);
		assert_int_equal(arrived(&rig), 0);
		rig.now += 1;
		rig_settle(&rig);
		assert_int_equal(arrived(&rig), ROUND);
		bed_assert_no_drops_but(&rig, DROP_NONE);
		bed_destroy(&rig);
	}
}

static void the_rate_is_that_of_the_port_and_not_of_each_worker(void **state)
{
	for (size_t i = 0; i < nx_array_size(workers); i++) {
		struct rig rig;

		// A datagram's frame of 64 payload bytes has 106 bytes: 1 ms each.
		create(&rig, workers[i], "rate_bps = 848000;");
		warm_up(&rig);
		send_round(&rig, 1000);
		rig.now += (ROUND / 2) * USEC_PER_MILLISECOND;
		rig_settle(&rig);
		assert_int_equal(arrived(&rig), ROUND / 2);
		bed_destroy(&rig);
	}
}

static void losses_are_counted_by_reason(void **state)
{
	for (size_t i = 0; i < nx_array_size(workers); i++) {
		struct rig rig;

		create(&rig, workers[i], "delay_us = 1;");
		warm_up(&rig);
		apply(&rig, workers[i], "loss = \"50%\"; seed = 7;");
		send_round(&rig, 1000);
		uint64_t lost = rig_drops(&rig, DROP_EMULATED_LOSS);

		assert_in_range(lost, 20, 44);
		assert_int_equal(arrived(&rig), ROUND - lost);
		assert_int_equal(counter_read(&node_emulation_counters(rig.node, WAN)->lost), lost);
		bed_assert_no_drops_but(&rig, DROP_EMULATED_LOSS);
		bed_destroy(&rig);
	}
}

static void a_full_queue_drops_and_says_so(void **state)
{
	struct rig rig;

	create(&rig, "0", "delay_us = 1;");
	warm_up(&rig);
	apply(&rig, "0", "rate_bps = 8000; queue_bytes = 1060;");
	send_round(&rig, 1000);
	assert_int_equal(rig_drops(&rig, DROP_EMULATED_QUEUE), ROUND - 10);
	bed_assert_no_drops_but(&rig, DROP_EMULATED_QUEUE);
	bed_destroy(&rig);
}

static void a_change_holds_at_once_and_the_end_of_it_too(void **state)
{
	for (size_t i = 0; i < nx_array_size(workers); i++) {
		struct rig rig;

		bed_create(&rig, &(struct bed){.cpus = workers[i]});
		warm_up(&rig);
		assert_null(node_emulation_counters(rig.node, WAN));
		apply(&rig, workers[i], "delay_us = 5000;");
		send_round(&rig, 1000);
		assert_int_equal(arrived(&rig), 0);
		apply(&rig, workers[i], "");
		send_round(&rig, 2000);
		// Nothing goes ahead of what is under way.
		assert_int_equal(arrived(&rig), 0);
		rig.now += 5000;
		rig_settle(&rig);
		assert_int_equal(arrived(&rig), 2 * ROUND);
		send_round(&rig, 3000);
		assert_int_equal(arrived(&rig), ROUND);
		bed_assert_no_drops_but(&rig, DROP_NONE);
		bed_destroy(&rig);
	}
}

// A frame that stands for many and whose checksum the port was to complete: on the link they are
// segments, each with its own fate and a whole checksum.
static void a_frame_of_many_segments_is_cut_before_the_link(void **state)
{
	struct rig rig;
	struct stream s;

	bed_create(&rig, &(struct bed){.cpus = "0"});
	stream_open(&rig, &s, "10.1.0.9", 4000, "10.1.0.2");
	struct frame f = {
		.key = s.client,
		.tcp_flags = TCP_FLAG_ACK,
		.sequence = s.client_next,
		.acknowledgement = s.target_next,
		.window = 60000,
		.payload = 5000,
	};

	apply(&rig, "0", "rate_bps = \"1Gbit/s\";");
	bed_put_partial(&rig, &f, 1000);
	rig_settle(&rig);
	rig_pass_time(&rig, &rig, USEC_PER_MILLISECOND);
	assert_int_equal(counter_read(&node_emulation_counters(rig.node, WAN)->sent), 5);
	for (uint32_t i = 0; i < 5; i++) {
		struct packet p;
		uint8_t *bytes;

		bed_expect(&rig, WAN, &p, &bytes);
		assert_int_equal(packet_payload_length(&p), 1000);
	}
	bed_destroy(&rig);
}

static void what_is_under_way_at_the_end_is_given_back(void **state)
{
	struct rig rig;

	create(&rig, "0,0", "delay_us = 1000;");
	warm_up(&rig);
	apply(&rig, "0,0", "delay_us = 60000000; duplicate = 1.0;");
	send_round(&rig, 1000);
	assert_int_equal(
		counter_read(&node_emulation_counters(rig.node, WAN)->under_way), 2 * ROUND);
	bed_destroy(&rig);
}

static void more_than_may_be_under_way_is_dropped_and_memory_stays_bounded(void **state)
{
	struct rig rig;

	create(&rig, "0", "delay_us = 1000;");
	warm_up(&rig);
	apply(&rig, "0", "delay_us = 60000000;");
	for (uint16_t i = 0; i < 400; i++)
		send_round(&rig, 1000);
	uint64_t under_way = counter_read(&node_emulation_counters(rig.node, WAN)->under_way);

	assert_int_equal(rig_drops(&rig, DROP_EMULATED_LIMIT), 400 * ROUND - under_way);
	assert_true(rig_drops(&rig, DROP_EMULATED_LIMIT) > 0);
	bed_assert_no_drops_but(&rig, DROP_EMULATED_LIMIT);
	bed_destroy(&rig);
}

static void a_link_that_finds_no_memory_is_refused(void **state)
{
#ifdef NEXPATH_FAULT_INJECTION
	struct rig rig;
	static char keys[] = "emulate = { delay_us = 5; };";

	bed_create(&rig, &(struct bed){.cpus = "0"});
	warm_up(&rig);
	memory_fail_at(1);
	assert_int_equal(
		rig_apply(&rig, bed_text(&(struct bed){.cpus = "0", .wan = keys})), -ENOMEM);
	memory_fail_at(0);
	send_round(&rig, 1000);
	assert_int_equal(arrived(&rig), ROUND);
	bed_destroy(&rig);
#else
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_leave_after_the_delay_whichever_worker_sent_them),
		cmocka_unit_test(the_rate_is_that_of_the_port_and_not_of_each_worker),
		cmocka_unit_test(losses_are_counted_by_reason),
		cmocka_unit_test(a_full_queue_drops_and_says_so),
		cmocka_unit_test(a_change_holds_at_once_and_the_end_of_it_too),
		cmocka_unit_test(a_frame_of_many_segments_is_cut_before_the_link),
		cmocka_unit_test(what_is_under_way_at_the_end_is_given_back),
		cmocka_unit_test(more_than_may_be_under_way_is_dropped_and_memory_stays_bounded),
		cmocka_unit_test(a_link_that_finds_no_memory_is_refused),
	};

	if (rig_eal_init(false, 256) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
