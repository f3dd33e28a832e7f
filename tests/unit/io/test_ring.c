// SPDX-License-Identifier: BSD-3-Clause
// Ring ports, and the texts that name devices.
#include "io/ring.h"

#include <poll.h>

#include "eal.h"
#include "frames.h"
#include "testing.h"

static struct port *port_make(const char *device, uint16_t queues)
{
	struct port_request request = request_for(device, queues);
	struct port *port;
	char error[256];

	assert_int_equal(port_open(&request, &port, error, sizeof(error)), 0);
	return port;
}

static struct buffer *flow_frame(uint8_t client, uint8_t client_port)
{
	const struct frame_shape shape = {.tcp = true, .payload = 10};
	uint8_t bytes[256];
	uint32_t length = frame_write(&shape, bytes);

	bytes[14 + 15] = client;
	bytes[34 + 1] = client_port;
	return pool_frame(bytes, length);
}

static void a_pair_is_joined_both_ways(void **state)
{
	struct port *a = port_make("ring:t", 1), *b;
	struct buffer *frame = flow_frame(1, 1), *got[4];

	assert_false(shared_word_load(&a->up));
	b = port_make("ring:t", 1);
	assert_true(shared_word_load(&a->up));
	assert_true(shared_word_load(&b->up));
	assert_memory_not_equal(&a->mac, &b->mac, sizeof(a->mac));
	assert_int_equal(port_transmit(a, 0, &frame, 1), 1);
	assert_int_equal(port_receive(a, 0, got, 4), 0);
	assert_int_equal(port_receive(b, 0, got, 4), 1);
	assert_ptr_equal(got[0], frame);
	assert_int_equal(port_transmit(b, 0, got, 1), 1);
	assert_int_equal(port_receive(a, 0, got, 4), 1);
	mbuf_chain_put(frame);
	port_close(a);
	assert_false(shared_word_load(&b->up));
	port_close(b);
	assert_true(pools_are_full());
}

static void a_side_alone_loses_its_frames_and_may_be_joined_again(void **state)
{
	struct port *a = port_make("ring:t", 1), *b;
	struct buffer *frame = flow_frame(1, 1), *got[4];

	assert_int_equal(port_transmit(a, 0, &frame, 1), 1);
	for (uint32_t i = 0; i < 3; i++) {
		b = port_make("ring:t", 1);
		frame = flow_frame(1, 1);
		assert_int_equal(port_transmit(a, 0, &frame, 1), 1);
		assert_int_equal(port_receive(b, 0, got, 4), 1);
		mbuf_chain_put(got[0]);
		frame = flow_frame(1, 2);
		assert_int_equal(port_transmit(a, 0, &frame, 1), 1);
		port_close(b);
		frame = flow_frame(1, 3);
		assert_int_equal(port_transmit(a, 0, &frame, 1), 1);
	}
	port_close(a);
	assert_true(pools_are_full());
}

static void a_third_side_and_another_shape_are_refused(void **state)
{
	struct port *a = port_make("ring:t", 2), *b = port_make("ring:t", 1), *c;
	struct port_request request = request_for("ring:t", 1);
	char error[256];

	assert_int_equal(port_open(&request, &c, error, sizeof(error)), -EBUSY);
	assert_non_null(strstr(error, "ring:t: "));
	port_close(b);
	request = request_for("ring:t", 3);
	assert_int_equal(port_open(&request, &c, error, sizeof(error)), -EBUSY);
	port_close(a);
}

static void flows_keep_to_one_queue_and_use_all(void **state)
{
	struct port *a = port_make("ring:t", 2), *b = port_make("ring:t", 4);
	uint32_t used = 0;

	assert_true(b->capabilities & PORT_RSS);
	for (uint32_t i = 0; i < 512; i++) {
		struct buffer *frame = flow_frame((uint8_t)(i % 64), (uint8_t)(i % 64)), *got[1];
		uint32_t queue = 0;
		static uint32_t queue_of[64];

		assert_int_equal(port_transmit(a, i & 1, &frame, 1), 1);
		while (port_receive(b, (uint16_t)queue, got, 1) == 0)
			assert_true(++queue < 4);
		mbuf_chain_put(got[0]);
		if (i >= 64)
			assert_int_equal(queue_of[i % 64], queue);
		queue_of[i % 64] = queue;
		used |= 1u << queue;
	}
	assert_int_equal(used, 0xf);
	port_close(a);
	port_close(b);
	assert_true(pools_are_full());
}

static void marks_become_what_a_receiver_is_told(void **state)
{
	struct port *a = port_make("ring", 1);
	struct buffer *frame = flow_frame(1, 1), *got[1];
	uint8_t *ip = buffer_data(frame) + 14;
	be16 right = be16_load(ip + 10);

	frame->offload = BUFFER_TX_CHECKSUM_TCP | BUFFER_TX_SEGMENT_TCP | BUFFER_TX_IPV4 |
			 BUFFER_TX_IP_CHECKSUM;
	frame->transmit = buffer_transmit_word(14, 20, 20, 5);
	be16_store(ip + 10, 0);
	assert_int_equal(port_transmit(a, 0, &frame, 1), 1);
	assert_int_equal(ring_port_far_receive(a, 0, got, 1), 1);
	assert_int_equal(
		got[0]->offload, BUFFER_RX_CHECKSUM_PARTIAL | BUFFER_RX_LRO | BUFFER_RX_IP_GOOD);
	assert_int_equal(buffer_segment_size(got[0]), 5);
	assert_int_equal(be16_load(ip + 10), right);
	assert_int_equal(ring_port_far_transmit(a, 0, got, 1), 1);
	assert_int_equal(port_receive(a, 0, got, 1), 1);
	mbuf_chain_put(got[0]);
	ring_port_set_capabilities(a, 0);
	assert_int_equal(a->capabilities & (PORT_TX_SEGMENT | PORT_TX_L4_CHECKSUM), 0);
	assert_int_equal(a->max_frame, 1518);
	port_close(a);
	assert_true(pools_are_full());
}

static uint64_t refused_by(struct port *port)
{
	port->ops->counters(port);
	return counter_read(&port->refused);
}

static void frames_that_a_ring_loses_are_counted(void **state)
{
	struct port *a = port_make("ring:t", 2), *b;
	struct buffer *frame = flow_frame(1, 1);

	// Nobody there yet; then one flow alone overruns its queue.
	assert_int_equal(port_transmit(a, 1, &frame, 1), 1);
	assert_int_equal(refused_by(a), 1);
	b = port_make("ring:t", 2);
	for (uint32_t i = 0; i < 2100; i++) {
		frame = flow_frame(1, 1);
		assert_int_equal(port_transmit(a, 0, &frame, 1), 1);
	}
	assert_int_equal(refused_by(a), 1 + 2100 - 2047);
	assert_int_equal(refused_by(b), 0);
	port_close(a);
	port_close(b);
	assert_true(pools_are_full());
}

static void a_full_ring_leaves_frames_to_the_caller(void **state)
{
	struct port *a = port_make("ring", 1);
	uint32_t sent = 0;

	for (uint32_t i = 0; i < 3000; i++) {
		struct buffer *frame = flow_frame(1, 1);

		frame->offload = BUFFER_TX_CHECKSUM_TCP;
		if (port_transmit(a, 0, &frame, 1) == 1) {
			sent++;
			continue;
		}
		// Not touched: it will be offered again.
		assert_int_equal(frame->offload, BUFFER_TX_CHECKSUM_TCP);
		mbuf_chain_put(frame);
	}
	assert_int_equal(sent, 2047);
	port_close(a);
	assert_true(pools_are_full());
}

static bool is_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static void an_armed_queue_is_woken_once(void **state)
{
	struct port *a = port_make("ring:t", 1), *b = port_make("ring:t", 1);
	int fd = b->ops->wakeup_fd(b, 0);
	struct buffer *frame = flow_frame(1, 1), *got[4];

	assert_true(fd >= 0);
	assert_int_equal(port_transmit(a, 0, &frame, 1), 1);
	assert_false(is_readable(fd));  // not armed
	assert_true(b->ops->arm(b, 0)); // a frame waits already
	assert_int_equal(port_receive(b, 0, got, 4), 1);
	mbuf_chain_put(got[0]);
	assert_false(b->ops->arm(b, 0));
	frame = flow_frame(1, 1);
	assert_int_equal(port_transmit(a, 0, &frame, 1), 1);
	assert_true(is_readable(fd));
	assert_int_equal(port_receive(b, 0, got, 4), 1);
	mbuf_chain_put(got[0]);
	assert_false(is_readable(fd));
	port_close(a);
	port_close(b);
	assert_true(pools_are_full());
}

static void device_texts_are_judged(void **state)
{
	const char *good[] = {"af_packet:eth0", "tap:nx0", "af_xdp:eth0.100", "memif:/run/m.sock",
		"memif:/run/m.sock,id=2", "pcap:in.pcap", "pcap:in.pcap,out.pcap", "null", "ring",
		"ring:a", "vdev:net_tap0,iface=x", "0000:03:00.0", "03:00.1"};
	const char *bad[] = {"", "eth0", "af_packet", "af_packet:", "af_packet:a/b",
		"af_packet:0123456789abcdef", "tap:a b", "tap:x,y", "null:1",
		"ring:", "ring:0123456789abcdef0123456789abcdef", "vdev:", "memif:,id=1",
		"0000:03:00", "0000:03:00.8", "000g:03:00.0", "03:00.1x", "AF_PACKET:eth0",
		"pcap:,x"};
	char error[256];

	for (uint32_t i = 0; i < nx_array_size(good); i++)
		assert_int_equal(port_device_check(good[i], error, sizeof(error)), 0);
	for (uint32_t i = 0; i < nx_array_size(bad); i++) {
		error[0] = '\0';
		assert_int_equal(port_device_check(bad[i], error, sizeof(error)), -EINVAL);
		assert_non_null(strstr(error, "write "));
	}
	assert_int_equal(port_device_exists("af_packet:nxnone", error, sizeof(error)), -ENODEV);
	assert_string_equal(error, "af_packet:nxnone: no such interface; `ip link` lists them");
	assert_int_equal(port_device_exists("ring:x", error, sizeof(error)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pair_is_joined_both_ways),
		cmocka_unit_test(a_side_alone_loses_its_frames_and_may_be_joined_again),
		cmocka_unit_test(a_third_side_and_another_shape_are_refused),
		cmocka_unit_test(flows_keep_to_one_queue_and_use_all),
		cmocka_unit_test(marks_become_what_a_receiver_is_told),
		cmocka_unit_test(frames_that_a_ring_loses_are_counted),
		cmocka_unit_test(a_full_ring_leaves_frames_to_the_caller),
		cmocka_unit_test(an_armed_queue_is_woken_once),
		cmocka_unit_test(device_texts_are_judged),
	};

	if (eal_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
