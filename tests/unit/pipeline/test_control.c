// SPDX-License-Identifier: BSD-3-Clause

// What the control thread asks of workers, what it gives them to read, and what they do when memory
// is out. Virtual time.

#include "bed.h"

#include <fcntl.h>
#include <netinet/in.h>

#include "core/memory.h"
#include "io/ring.h"
#include "pipeline/capture.h"
#include "pipeline/node_private.h"

static uint8_t bytes[FRAME_BYTES_MAX];

static const struct bed one = {.cpus = "0"};
static const struct bed two = {.cpus = "0,0"};

static void empty_port(struct rig *rig, uint16_t port)
{
	while (rig_receive(rig, port, bytes) > 0)
		continue;
}

// Sessions of clients with ports 5000 and up; one address has 100, below what it may have
// unanswered.
static void open_sessions(struct rig *rig, uint32_t count)
{
	char client[32];

	for (uint32_t i = 0; i < count; i++) {
		snprintf(client, sizeof(client), "10.1.0.%u", 10 + i / 100);
		struct frame f = bed_datagram(client, (uint16_t)(5000 + i), "10.1.0.2", 53);

		assert_true(rig_send(rig, LAN, &f));
		if (i % 256 == 255)
			rig_settle(rig);
	}
	rig_settle(rig);
	empty_port(rig, WAN);
}

// Sends and turns until the worker lets go; returns the turns that took.
static uint32_t ask(struct rig *rig, uint16_t worker, struct control_request *request)
{
	uint32_t turns = 0;

	assert_true(node_control_send(rig->node, worker, request));
	while (!shared_word_load(&request->done)) {
		rig_turn(rig);
		assert_true(++turns < 1000);
	}
	return turns;
}

static void sessions_are_listed_by_pages_counted_and_killed(void **state)
{
	static struct session_record records[100];
	static bool seen[65536];
	struct control_request list = {.kind = CONTROL_LIST, .limit = 100, .records = records};
	struct control_request count = {.kind = CONTROL_COUNT};
	struct control_request kill = {.kind = CONTROL_KILL, .why = SESSION_END_KILLED};
	uint32_t found = 0;
	uint32_t pages = 0;
	struct rig rig;

	bed_create(&rig, &one);
	open_sessions(&rig, 1000);
	assert_int_equal(node_sessions(rig.node), 1000);
	list.filter.listener = list.filter.target = SLOT_NONE;
	count.filter = kill.filter = list.filter;
	do {
		list.count = 0;
		ask(&rig, 0, &list);
		for (uint32_t i = 0; i < list.count; i++) {
			assert_false(seen[records[i].client_port]);
			seen[records[i].client_port] = true;
		}
		found += list.count;
		pages++;
	} while (list.more);
	assert_int_equal(found, 1000);
	assert_true(pages >= 10);
	assert_true(ask(&rig, 0, &count) >= 2); // 512 sessions a turn
	assert_int_equal(count.count, 1000);
	kill.filter.by_client = true;
	kill.filter.client = (struct ip_prefix){bed_address("10.1.0.0"), 120};
	while (ask(&rig, 0, &kill), kill.more)
		continue;
	assert_int_equal(node_sessions(rig.node), 0);
	bed_destroy(&rig);
}

static void a_request_is_let_go_at_shutdown(void **state)
{
	static struct session_record records[10];
	struct control_request working = {.kind = CONTROL_COUNT};
	struct control_request waiting = {.kind = CONTROL_LIST, .limit = 10, .records = records};
	struct rig rig;

	bed_create(&rig, &one);
	open_sessions(&rig, 1000);
	working.filter.listener = working.filter.target = SLOT_NONE;
	waiting.filter = working.filter;
	assert_true(node_control_send(rig.node, 0, &working));
	rig_turn(&rig);
	assert_true(node_control_send(rig.node, 0, &waiting));
	bed_destroy(&rig);
	assert_int_equal(shared_word_load(&working.done), 1);
	assert_true(working.more);
	assert_int_equal(shared_word_load(&waiting.done), 1);
	assert_true(waiting.more);
	assert_int_equal(waiting.count, 0);
}

static void more_requests_than_the_ring_holds_are_refused(void **state)
{
	static struct control_request requests[CONTROL_RING + 1];
	uint32_t taken = 0;
	struct rig rig;

	bed_create(&rig, &one);
	for (uint32_t i = 0; i <= CONTROL_RING; i++) {
		requests[i] = (struct control_request){.kind = CONTROL_COUNT};
		taken += node_control_send(rig.node, 0, &requests[i]);
	}
	assert_int_equal(taken, CONTROL_RING - 1);
	rig_settle(&rig);
	for (uint32_t i = 0; i < taken; i++)
		assert_int_equal(shared_word_load(&requests[i].done), 1);
	bed_destroy(&rig);
}

static void a_capture_sees_what_its_filter_says(void **state)
{
	static uint8_t data[64];
	struct capture_record record;
	struct capture *capture;
	struct packet seen;
	char error[256];
	uint32_t received = 0;
	uint32_t sent = 0;
	struct rig rig;

	bed_create(&rig, &two);
	assert_int_equal(capture_create("udp and port 53 and nonsense", UINT16_MAX, 64, 2, &capture,
				 error, sizeof(error)),
		-EINVAL);
	assert_int_equal(capture_create("udp dst port 53", UINT16_MAX, 64, 2, &capture, error,
				 sizeof(error)),
		0);
	struct control_request start = {.kind = CONTROL_CAPTURE, .capture = capture};
	struct control_request stop = {.kind = CONTROL_CAPTURE_STOP, .capture = capture};

	for (uint16_t w = 0; w < 2; w++) {
		ask(&rig, w, &start);
		assert_int_equal(start.count, 1);
	}
	for (uint16_t i = 0; i < 10; i++) {
		struct frame f = bed_datagram("10.1.0.1", (uint16_t)(4000 + i), "10.1.0.2", 53);
		struct frame other = bed_datagram("10.1.0.1", 4000, "10.1.0.2", 54);

		assert_true(rig_send(&rig, LAN, &f));
		assert_true(rig_send(&rig, LAN, &other));
		rig_settle(&rig);
		bed_expect(&rig, WAN, &seen, NULL);
		struct frame back = bed_answer(&seen); // to the NAT port, not captured

		assert_true(rig_send(&rig, WAN, &back));
		rig_settle(&rig);
	}
	while (capture_take(capture, &record, data)) {
		assert_int_equal(record.length, 14 + 20 + 8 + 64);
		assert_int_equal(record.captured, 64);
		assert_int_equal(record.time, rig.now);
		assert_int_equal(record.port, record.point == CAPTURE_RECEIVED ? LAN : WAN);
		assert_int_equal(be16_to_host(be16_load(data + 36)), 53);
		received += record.point == CAPTURE_RECEIVED;
		sent += record.point == CAPTURE_SENT;
	}
	assert_int_equal(received, 10);
	assert_int_equal(sent, 10);
	assert_int_equal(capture_missed(capture), 0);
	for (uint16_t w = 0; w < 2; w++)
		ask(&rig, w, &stop);
	open_sessions(&rig, 10);
	assert_false(capture_take(capture, &record, data));
	capture_destroy(capture);
	bed_destroy(&rig);
}

static void a_full_capture_counts_what_it_missed(void **state)
{
	static uint8_t data[16];
	struct capture_record record;
	struct capture *captures[MAX_CAPTURES + 1];
	struct control_request start = {.kind = CONTROL_CAPTURE};
	char error[256];
	uint32_t taken = 0;
	struct rig rig;

	bed_create(&rig, &one);
	for (uint32_t i = 0; i <= MAX_CAPTURES; i++) {
		assert_int_equal(
			capture_create("", LAN, 16, 1, &captures[i], error, sizeof(error)), 0);
		start.capture = captures[i];
		start.count = 7;
		ask(&rig, 0, &start);
		assert_int_equal(start.count, i < MAX_CAPTURES);
	}
	open_sessions(&rig, CAPTURE_SLOTS + 100);
	assert_int_equal(capture_missed(captures[0]), 100);
	while (capture_take(captures[0], &record, data))
		taken++;
	assert_int_equal(taken, CAPTURE_SLOTS);
	// The node goes while its captures run.
	bed_destroy(&rig);
	for (uint32_t i = 0; i <= MAX_CAPTURES; i++)
		capture_destroy(captures[i]);
}

static void events_that_find_the_ring_full_are_counted(void **state)
{
	static struct worker_event events[EVENT_RING + 200];
	struct worker_event event = {0};
	uint64_t lost;
	struct rig rig;

	bed_create(&rig, &one);
	node_events(rig.node, events, (uint32_t)nx_array_size(events), &lost);
	for (uint32_t i = 0; i < EVENT_RING + 100; i++)
		worker_event(&rig.node->workers[0], &event);
	assert_int_equal(node_events(rig.node, events, (uint32_t)nx_array_size(events), &lost),
		EVENT_RING - 1);
	assert_int_equal(lost, 101);
	assert_int_equal(node_events(rig.node, events, (uint32_t)nx_array_size(events), &lost), 0);
	bed_destroy(&rig);
}

static void a_drained_node_keeps_its_sessions_and_refuses_new_ones(void **state)
{
	struct stream s;
	struct rig rig;

	bed_create(&rig, &two);
	stream_open(&rig, &s, "10.1.0.1", 30000, "10.1.0.2");
	node_drain(rig.node);
	for (uint32_t i = 0; i < HOUSEKEEPING_TURNS; i++)
		rig_turn(&rig);
	stream_send(&rig, &s, LAN, TCP_FLAG_ACK, 100);
	stream_send(&rig, &s, WAN, TCP_FLAG_ACK, 100);
	struct frame f = bed_datagram("10.1.0.1", 4000, "10.1.0.2", 53);

	assert_true(rig_send(&rig, LAN, &f));
	rig_settle(&rig);
	bed_expect_nothing(&rig, WAN);
	assert_int_equal(rig_drops(&rig, DROP_UDP_NO_LISTENER), 1);
	assert_int_equal(node_sessions(rig.node), 1);
	bed_destroy(&rig);
}

// Listeners come and go under a connection and a flow of datagrams that have nothing to do with
// them.
static void a_thousand_snapshots_disturb_no_session(void **state)
{
	static char more[1024];
	struct bed bed = {.cpus = "0,0"};
	struct stream s[4];
	struct rig rig;

	bed_create(&rig, &bed);
	for (uint16_t i = 0; i < 4; i++)
		stream_open(&rig, &s[i], "10.1.0.1", (uint16_t)(30000 + i), "10.1.0.2");
	bed.listeners = more;
	for (uint32_t round = 0; round < 1000; round++) {
		struct stream *stream = &s[round % 4];

		snprintf(more, sizeof(more),
			", { name = \"extra-%u\"; protocol = \"udp\"; listen = \"*:%u\"; "
			"upstream = \"dns\"; }",
			round % 7, 6000 + round % 7);
		assert_int_equal(rig_apply(&rig, bed_text(&bed)), 0);
		stream_send(&rig, stream, LAN, TCP_FLAG_ACK, 50);
		stream_send(&rig, stream, WAN, TCP_FLAG_ACK, 50);
		struct packet seen;
		struct frame f =
			bed_datagram("10.1.0.1", 4000, "10.1.0.2", (uint16_t)(6000 + round % 7));

		assert_true(rig_send(&rig, LAN, &f));
		rig_settle(&rig);
		bed_expect(&rig, WAN, &seen, NULL);
	}
	bed_assert_no_drops_but(&rig, DROP_NONE);
	assert_true(node_is_settled(rig.node));
	bed_destroy(&rig);
}

// Takes every small buffer, lets one event happen, gives them back.
static uint32_t take_all(struct rig *rig, struct buffer **list, uint32_t room)
{
	uint32_t n = 0;

	while (n < room && (list[n] = rig->buffers->get(rig->buffers, 100)))
		n++;
	return n;
}

static void a_drained_pool_is_named_drops_and_recovers(void **state)
{
	static struct buffer *held[65536];
	struct stream s;
	struct rig rig;

	bed_create(&rig, &two);
	ring_port_set_capabilities(node_port(rig.node, WAN), 0);
	stream_open(&rig, &s, "10.1.0.1", 30000, "10.1.0.2");
	// A frame that has to be cut needs buffers, and so does the answer to a closed port.
	struct frame large = {.key = s.client,
		.tcp_flags = TCP_FLAG_ACK,
		.sequence = s.client_next,
		.acknowledgement = s.target_next,
		.window = 60000,
		.payload = 20000};
	struct frame refused = bed_datagram("10.1.0.1", 4000, "10.1.0.2", 7);

	bed_put_partial(&rig, &large, 1448);
	assert_true(rig_send(&rig, LAN, &refused));
	uint32_t n = take_all(&rig, held, nx_array_size(held));

	assert_true(n > 1000 && n < nx_array_size(held));
	for (uint32_t i = 0; i < 10; i++)
		rig_turn(&rig);
	assert_true(rig_drops(&rig, DROP_NO_BUFFER) >= 2);
	for (uint32_t i = 0; i < 300; i++) // housekeeping comes every 256 turns
		rig_turn(&rig);
	for (uint32_t i = 0; i < n; i++)
		rig.buffers->put(rig.buffers, held[i]);

	struct pool_status small;

	assert_true(node_pool_status(rig.node, 0, &small));
	assert_true(small.high_water >= n && small.high_water <= small.capacity);
	assert_true(small.used + 1000 < small.high_water);
	stream_send(&rig, &s, LAN, TCP_FLAG_ACK, 1000);
	stream_send(&rig, &s, WAN, TCP_FLAG_ACK, 1000);
	bed_destroy(&rig);
}

static uint32_t descriptors(void)
{
	uint32_t n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void a_node_that_cannot_be_made_leaves_nothing(void **state)
{
	struct node_config config = {
		.worker_count = 3, .burst = 32, .memory_mb = 64, .sessions = 4096, .manual = true};
	uint64_t mapped = memory_mapped();
	uint32_t open = descriptors();
	struct node *node = NULL;
	char error[256];
	uint32_t nth = 1;

	for (;; nth++) {
		error[0] = '\0';
		memory_fail_at(nth);
		int status = node_create(&config, &node, error, sizeof(error));

		memory_fail_at(0);
		if (status == 0)
			break;
		assert_int_equal(status, -ENOMEM);
		assert_true(strlen(error) > 0);
		assert_int_equal(memory_mapped(), mapped);
		assert_int_equal(descriptors(), open);
		assert_true(nth < 200);
	}
	assert_true(nth > 10);
	assert_int_equal(node_destroy(node, error, sizeof(error)), 0);
	assert_int_equal(memory_mapped(), mapped);
	assert_int_equal(descriptors(), open);
}

static void a_node_of_impossible_size_is_refused(void **state)
{
	static const struct node_config configs[] = {
		{.worker_count = 0, .burst = 32, .memory_mb = 64, .manual = true},
		{.worker_count = MAX_WORKERS + 1, .burst = 32, .memory_mb = 64, .manual = true},
		{.worker_count = 1, .burst = 0, .memory_mb = 64, .manual = true},
		{.worker_count = 1, .burst = MAX_BURST + 1, .memory_mb = 64, .manual = true},
	};
	struct node *node;
	char error[256];

	for (size_t i = 0; i < nx_array_size(configs); i++)
		assert_int_equal(node_create(&configs[i], &node, error, sizeof(error)), -EINVAL);
}

// Ports added while workers have sessions; a map made where one lay that is gone is still noticed.
static void ports_are_added_while_traffic_flows(void **state)
{
	struct port_request request = {.device = "ring", .mtu = 1500, .queues = 1};
	struct stream s;
	uint16_t index;
	struct rig rig;

	bed_create(&rig, &two);
	stream_open(&rig, &s, "10.1.0.1", 30000, "10.1.0.2");
	for (uint16_t i = 2; i < MAX_PORTS; i++) {
		snprintf(request.name, sizeof(request.name), "p%u", i);
		assert_int_equal(
			node_port_add(rig.node, &request, &index, rig.error, sizeof(rig.error)), 0);
		assert_int_equal(index, i);
		stream_send(&rig, &s, LAN, TCP_FLAG_ACK, 10);
		assert_int_equal(rig.node->workers[0].port_count, i + 1);
		assert_int_equal(rig.node->workers[1].port_count, i + 1);
		node_poll(rig.node, rig.now);
	}
	assert_int_equal(
		node_port_add(rig.node, &request, &index, rig.error, sizeof(rig.error)), -ENOSPC);
	bed_destroy(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_are_listed_by_pages_counted_and_killed),
		cmocka_unit_test(a_request_is_let_go_at_shutdown),
		cmocka_unit_test(more_requests_than_the_ring_holds_are_refused),
		cmocka_unit_test(a_capture_sees_what_its_filter_says),
		cmocka_unit_test(a_full_capture_counts_what_it_missed),
		cmocka_unit_test(events_that_find_the_ring_full_are_counted),
		cmocka_unit_test(a_drained_node_keeps_its_sessions_and_refuses_new_ones),
		cmocka_unit_test(a_thousand_snapshots_disturb_no_session),
		cmocka_unit_test(a_drained_pool_is_named_drops_and_recovers),
		cmocka_unit_test(a_node_that_cannot_be_made_leaves_nothing),
		cmocka_unit_test(a_node_of_impossible_size_is_refused),
		cmocka_unit_test(ports_are_added_while_traffic_flows),
	};

	if (rig_eal_init(false, 1024) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
