// SPDX-License-Identifier: BSD-3-Clause

// TCP connections and datagrams through 1, 2 and 4 workers, over ports with fewer queues than there
// are workers: everything reaches the worker that owns it by the rings between them.

#include "bed.h"

#include "io/ring.h"
#include "pipeline/node_private.h"

static const struct bed shapes[] = {
	{.cpus = "0"},
	{.cpus = "0,0", .queues = 2},
	{.cpus = "0,0"},
	{.cpus = "0,0,0,0"},
	{.cpus = "0,0,0,0", .queues = 2, .options.transmit_queues = 2},
	{.cpus = "0,0,0,0", .options.transmit_queues = 1},
};

static void talk(struct rig *rig, struct stream *s)
{
	for (uint32_t i = 0; i < 3; i++) {
		stream_send(rig, s, LAN, TCP_FLAG_ACK | TCP_FLAG_PSH, 100 + i);
		stream_send(rig, s, WAN, TCP_FLAG_ACK, 1400);
	}
}

// The client says no more; the target still may.
static void half_close(struct rig *rig, struct stream *s)
{
	stream_send(rig, s, LAN, TCP_FLAG_FIN | TCP_FLAG_ACK, 0);
	stream_send(rig, s, WAN, TCP_FLAG_ACK, 500);
	stream_send(rig, s, LAN, TCP_FLAG_ACK, 0);
	stream_send(rig, s, WAN, TCP_FLAG_FIN | TCP_FLAG_ACK, 10);
	stream_send(rig, s, LAN, TCP_FLAG_ACK, 0);
}

static void streams_cross(const struct bed *bed)
{
	static const char *const clients[][2] = {
		{"10.1.0.1", "10.1.0.2"}, {"fd00:1::1", "fd00:1::2"}};
	struct stream s;
	struct rig rig;

	bed_create(&rig, bed);
	for (uint16_t i = 0; i < 40; i++) {
		stream_open(&rig, &s, clients[i & 1][0], (uint16_t)(30000 + i), clients[i & 1][1]);
		talk(&rig, &s);
		if (i % 4 < 2)
			half_close(&rig, &s);
		else
			stream_send(
				&rig, &s, i % 4 == 2 ? LAN : WAN, TCP_FLAG_RST | TCP_FLAG_ACK, 0);
	}
	assert_int_equal(bed_wrong_worker(&rig), 0);
	bed_assert_no_drops_but(&rig, DROP_NONE);
	// What is over is forgotten.
	rig_pass_time(&rig, &rig, 90 * USEC_PER_SECOND);
	assert_int_equal(node_sessions(rig.node), 0);
	bed_destroy(&rig);
}

static void streams_cross_every_shape(void **state)
{
	for (size_t i = 0; i < nx_array_size(shapes); i++)
		streams_cross(&shapes[i]);
}

static void four_workers_on_one_queue_hand_over_and_count_once(void **state)
{
	const struct bed bed = {.cpus = "0,0,0,0", .options.transmit_queues = 1};
	uint64_t sent = 0;
	char client[32];
	struct packet seen;
	struct rig rig;

	bed_create(&rig, &bed);
	// The first resolves the target: only eight may wait for that.
	struct frame first = bed_datagram("10.1.0.1", 4000, "10.1.0.2", 53);

	assert_true(rig_send(&rig, LAN, &first));
	rig_settle(&rig);
	bed_expect(&rig, WAN, &seen, NULL);
	for (uint16_t i = 0; i < 100; i++) {
		snprintf(client, sizeof(client), "10.1.0.%u", 10 + i / 8u);
		struct frame f = bed_datagram(client, (uint16_t)(5000 + i), "10.1.0.2", 53);

		assert_true(rig_send(&rig, LAN, &f));
	}
	rig_settle(&rig);
	bed_assert_no_drops_but(&rig, DROP_NONE);
	for (uint16_t i = 0; i < 100; i++)
		bed_expect(&rig, WAN, &seen, NULL);
	assert_true(bed_handed_over(&rig) > 20);
	assert_int_equal(bed_wrong_worker(&rig), 0);
	// The frames that another worker handed to the queue's owner left the port once.
	for (uint16_t i = 0; i < 4; i++)
		sent += counter_read(&node_worker_stats(rig.node, i)->ports[WAN].transmit_packets);
	assert_in_range(sent, 101, 120); // with ARP and announcements
	bed_destroy(&rig);
}

// Resets to both ends of the sessions of all workers leave by the one queue of worker 0 or 1.
static void resets_at_shutdown_leave_by_other_workers_queues(void **state)
{
	const struct bed bed = {.cpus = "0,0,0,0", .options.transmit_queues = 1};
	struct stream s;
	struct rig rig;

	bed_create(&rig, &bed);
	for (uint16_t i = 0; i < 32; i++)
		stream_open(&rig, &s, "10.1.0.1", (uint16_t)(30000 + i), "10.1.0.2");
	assert_int_equal(node_sessions(rig.node), 32);
	bed_destroy(&rig);
}

static void a_full_handover_ring_is_a_named_drop(void **state)
{
	const struct bed bed = {.cpus = "0,0,0,0"};
	uint32_t sent = 0;
	struct packet seen;
	struct rig rig;

	bed_create(&rig, &bed);
	// Worker 0 reads the lan; nobody else turns.
	for (uint32_t round = 0; round < 3; round++) {
		for (uint16_t i = 0; i < 1500; i++) {
			struct frame f =
				bed_datagram("10.1.0.1", (uint16_t)(5000 + i), "10.1.0.2", 53);

			sent += rig_send(&rig, LAN, &f);
		}
		for (uint32_t turn = 0; turn < 60; turn++)
			node_turn(rig.node, 0, rig.now);
	}
	assert_true(rig_drops(&rig, DROP_HANDOVER_FULL) > 0);
	assert_true(rig_drops(&rig, DROP_HANDOVER_FULL) < sent);
	rig_settle(&rig);
	while (rig_receive(&rig, WAN, (uint8_t[FRAME_BYTES_MAX]){0}) > 0)
		continue;
	struct frame f = bed_datagram("10.1.0.9", 4000, "10.1.0.2", 53);

	assert_true(rig_send(&rig, LAN, &f));
	rig_settle(&rig);
	bed_expect(&rig, WAN, &seen, NULL);
	bed_destroy(&rig);
}

// A worker that has not seen the first snapshot is handed a packet that waits for a neighbour.
static void a_packet_handed_over_before_the_first_snapshot_is_dropped(void **state)
{
	const struct bed bed = {.cpus = "0,0"};
	struct rig rig;

	bed_create(&rig, &bed);
	struct worker *to = &rig.node->workers[1];
	struct buffer *b = rig.buffers->get(rig.buffers, 100);

	assert_non_null(b);
	*handover_note(b) = (struct handover_note){
		.kind = HANDOVER_RESOLVE, .neighbour = PACKET_NO_NEIGHBOUR, .l3 = 14};
	to->snapshot = NULL;
	worker_hand_over(&rig.node->workers[0], 1, b);
	stage_receive(to);
	assert_int_equal(rig_drops(&rig, DROP_NEIGHBOUR_UNRESOLVED), 1);
	bed_destroy(&rig);
}

static void sixty_four_workers_can_be_made(void **state)
{
	struct node_config config = {.worker_count = MAX_WORKERS,
		.burst = 32,
		.memory_mb = 64,
		.sessions = 4096,
		.manual = true};
	struct port_request request = {.name = "p", .device = "ring", .mtu = 1500, .queues = 1};
	char error[256] = "";
	uint16_t index;
	struct node *node;

	if (node_create(&config, &node, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	request.transmit_queues = 1;
	for (uint16_t i = 0; i < 4; i++)
		assert_int_equal(node_port_add(node, &request, &index, error, sizeof(error)), 0);
	assert_int_equal(node_start(node, error, sizeof(error)), 0);
	for (uint16_t w = 0; w < MAX_WORKERS; w++)
		node_turn(node, w, 1000);
	// Worker 63 is woken by the frames that worker 0 has for it.
	struct buffer *b = node->buffers.source.get(&node->buffers.source, 64);

	*handover_note(b) = (struct handover_note){0};
	worker_hand_over(&node->workers[0], 63, b);
	assert_true(node->workers[0].wake_mask == UINT64_C(1) << 63);
	node_turn(node, 0, 1001);
	assert_true(node->workers[0].wake_mask == 0);
	assert_int_equal(node_destroy(node, error, sizeof(error)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_cross_every_shape),
		cmocka_unit_test(four_workers_on_one_queue_hand_over_and_count_once),
		cmocka_unit_test(resets_at_shutdown_leave_by_other_workers_queues),
		cmocka_unit_test(a_full_handover_ring_is_a_named_drop),
		cmocka_unit_test(a_packet_handed_over_before_the_first_snapshot_is_dropped),
		cmocka_unit_test(sixty_four_workers_can_be_made),
	};

	if (rig_eal_init(false, 1024) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
