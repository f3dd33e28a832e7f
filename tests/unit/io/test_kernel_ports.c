// SPDX-License-Identifier: BSD-3-Clause
// af_packet, tap and link following on interfaces of a network namespace of the test's own.
#include <arpa/inet.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "eal.h"
#include "frames.h"
#include "io/link.h"
#include "io/pools.h"
#include "links.h"
#include "testing.h"

enum {
	SKIPPED = 77,
	BIG_PAYLOAD = 40000,
	SEGMENT = 1400
};

static uint8_t bytes[FRAME_BYTES_MAX];

static void run(const char *command)
{
	assert_int_equal(system(command), 0);
}

static void veth_make(void)
{
	run("ip link del nxa 2>/dev/null; ip link add nxa type veth peer name nxb && "
	    "ip link set nxa up && ip link set nxb up");
	link_wait("nxa");
	link_wait("nxb");
}

static struct port *port_make(const char *device, uint16_t queues)
{
	struct port_request request = request_for(device, queues);
	struct port *port;
	char error[256] = "";
	int result = port_open(&request, &port, error, sizeof(error));

	if (result < 0)
		print_error("%s\n", error);
	assert_int_equal(result, 0);
	return port;
}

static usec_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (usec_t)t.tv_sec * USEC_PER_SECOND + (usec_t)t.tv_nsec / 1000;
}

// The next frame of the tests' own station, NULL if none came in time.
static struct buffer *receive_within(struct port *port, usec_t wait)
{
	usec_t end = now_us() + wait;

	while (now_us() < end)
		for (uint16_t queue = 0; queue < port->receive_queues; queue++) {
			struct buffer *b;

			if (port_receive(port, queue, &b, 1) == 0)
				continue;
			if (b->length > 34 && buffer_data(b)[6] == 2 && buffer_data(b)[11] == 2)
				return b;
			mbuf_chain_put(b);
		}
	return NULL;
}

static struct buffer *receive(struct port *port)
{
	return receive_within(port, USEC_PER_SECOND);
}

static void send_marked(struct port *port, const struct frame_shape *shape, uint16_t segment)
{
	uint32_t length = frame_write(shape, bytes);
	struct buffer *b;

	frame_make_partial(shape, bytes, length);
	b = pool_frame(bytes, length);
	b->offload = (shape->tcp ? BUFFER_TX_CHECKSUM_TCP : BUFFER_TX_CHECKSUM_UDP) |
		     (shape->v6 ? BUFFER_TX_IPV6 : BUFFER_TX_IPV4);
	if (segment)
		b->offload |= shape->tcp ? BUFFER_TX_SEGMENT_TCP : BUFFER_TX_SEGMENT_UDP;
	b->transmit = buffer_transmit_word(frame_l2(shape), frame_l4(shape) - frame_l2(shape),
		frame_payload(shape) - frame_l4(shape), segment);
	assert_int_equal(port_transmit(port, 0, &b, 1), 1);
}

static void same_bytes(const struct buffer *b)
{
	uint32_t at = 0;

	for (; b; b = b->next) {
		assert_memory_equal(buffer_data(b), bytes + at, b->length);
		at += b->length;
	}
}

static void frames_arrive_as_they_were_described(void **state)
{
	struct port *a, *b;

	veth_make();
	a = port_make("af_packet:nxa", 1);
	b = port_make("af_packet:nxb", 1);
	assert_true(shared_word_load(&a->up));
	for (uint32_t i = 0; i < 8; i++) {
		struct frame_shape shape = {
			.v6 = i & 1, .tcp = i & 2, .vlan = i & 4, .payload = BIG_PAYLOAD};
		struct buffer *got;

		send_marked(a, &shape, SEGMENT);
		got = receive(b);
		assert_non_null(got);
		assert_int_equal(got->total_length, frame_payload(&shape) + BIG_PAYLOAD);
		assert_int_equal(
			got->offload & BUFFER_RX_CHECKSUM_MASK, BUFFER_RX_CHECKSUM_PARTIAL);
		assert_true(got->offload & BUFFER_RX_LRO);
		assert_int_equal(buffer_segment_size(got), SEGMENT);
		same_bytes(got);
		mbuf_chain_put(got);
		shape.payload = 100;
		send_marked(a, &shape, 0);
		got = receive(b);
		assert_non_null(got);
		assert_null(got->next);
		assert_int_equal(
			got->offload & BUFFER_RX_CHECKSUM_MASK, BUFFER_RX_CHECKSUM_PARTIAL);
		same_bytes(got);
		mbuf_chain_put(got);
	}
	port_close(a);
	port_close(b);
	run("ip link del nxa");
	assert_true(pools_are_full());
}

// The kernel cuts for an interface that cannot: a frame must not be lost because of it.
static void segments_leave_by_an_interface_that_cannot_cut(void **state)
{
	struct frame_shape shape = {.tcp = true, .payload = 10 * SEGMENT};
	struct port *a, *b;

	veth_make();
	run("ethtool -K nxa tso off gso off");
	a = port_make("af_packet:nxa", 1);
	b = port_make("af_packet:nxb", 1);
	send_marked(a, &shape, SEGMENT);
	for (uint32_t i = 0; i < 10; i++) {
		struct buffer *got = receive(b);

		assert_non_null(got);
		assert_int_equal(got->total_length, frame_payload(&shape) + SEGMENT);
		mbuf_chain_put(got);
	}
	port_close(a);
	port_close(b);
	run("ip link del nxa");
	assert_true(pools_are_full());
}

// Those beyond a slot of the ring come by another way, and must not overtake the others.
static void frames_keep_their_order_whatever_their_size(void **state)
{
	static const uint32_t PAYLOADS[] = {100, 1800, 1900, 5000, 20, 2000, 2100, 1700, 60000,
		60000, 1400, 1950, 3000, 1, 1850, 4000, 4001};
	struct port *a, *b;

	veth_make();
	run("ip link set nxa mtu 65535 && ip link set nxb mtu 65535");
	a = port_make("af_packet:nxa", 1);
	b = port_make("af_packet:nxb", 1);
	for (uint32_t round = 0; round < 200; round++) {
		for (uint32_t i = 0; i < nx_array_size(PAYLOADS); i++) {
			struct frame_shape shape = {.vlan = i & 1, .payload = PAYLOADS[i]};

			send_marked(a, &shape, 0);
		}
		for (uint32_t i = 0; i < nx_array_size(PAYLOADS); i++) {
			struct frame_shape shape = {.vlan = i & 1, .payload = PAYLOADS[i]};
			uint32_t length = frame_write(&shape, bytes);
			struct buffer *got = receive(b);

			frame_make_partial(&shape, bytes, length);
			assert_non_null(got);
			assert_int_equal(got->total_length, length);
			same_bytes(got);
			mbuf_chain_put(got);
		}
	}
	port_close(a);
	port_close(b);
	run("ip link del nxa");
	assert_true(pools_are_full());
}

// Nothing of it is forgotten: what came and what is told as missed are all that was sent.
static void a_full_ring_counts_what_it_loses(void **state)
{
	enum {
		SENT = 12000
	};
	struct frame_shape shape = {.payload = 100};
	struct port *a, *b;
	struct buffer *got;
	uint32_t came = 0;

	veth_make();
	a = port_make("af_packet:nxa", 1);
	b = port_make("af_packet:nxb", 1);
	while ((got = receive_within(b, 50000)))
		mbuf_chain_put(got);
	b->ops->counters(b);
	uint64_t missed = counter_read(&b->missed);

	for (uint32_t i = 0; i < SENT; i++)
		send_marked(a, &shape, 0);
	while ((got = receive_within(b, 50000))) {
		mbuf_chain_put(got);
		came++;
	}
	b->ops->counters(b);
	missed = counter_read(&b->missed) - missed;
	assert_true(missed > 0);
	assert_true(came + missed >= SENT && came < SENT);
	port_close(a);
	port_close(b);
	run("ip link del nxa");
	assert_true(pools_are_full());
}

static void the_largest_frame_passes(void **state)
{
	// 65,507 bytes of UDP payload make an IP datagram of 65,535.
	struct frame_shape shape = {.vlan = true, .payload = 65507};
	struct port *a, *b;
	struct buffer *got;

	veth_make();
	a = port_make("af_packet:nxa", 1);
	b = port_make("af_packet:nxb", 1);
	run("ip link set nxa mtu 65535 && ip link set nxb mtu 65535");
	send_marked(a, &shape, 0);
	got = receive(b);
	assert_non_null(got);
	assert_int_equal(got->total_length, MAX_FRAME);
	same_bytes(got);
	mbuf_chain_put(got);
	port_close(a);
	port_close(b);
	run("ip link del nxa");
	assert_true(pools_are_full());
}

static void a_port_without_large_buffers_counts_what_it_cannot_take(void **state)
{
	struct port_request request = request_for("af_packet:nxb", 1);
	struct frame_shape shape = {.tcp = true, .payload = 5000};
	struct port *a, *b;
	char error[256];

	veth_make();
	request.large = NULL;
	a = port_make("af_packet:nxa", 1);
	assert_int_equal(port_open(&request, &b, error, sizeof(error)), 0);
	send_marked(a, &shape, SEGMENT);
	assert_null(receive_within(b, 50000));
	b->ops->counters(b);
	assert_int_equal(counter_read(&b->oversized), 1);
	port_close(a);
	port_close(b);
	run("ip link del nxa");
	assert_true(pools_are_full());
}

static void a_refused_frame_is_counted_and_not_offered_again(void **state)
{
	struct frame_shape shape = {.tcp = true, .payload = 5000};
	uint32_t length = frame_write(&shape, bytes);
	struct buffer *frames[2];
	struct port *a;

	veth_make();
	a = port_make("af_packet:nxa", 1);
	frames[0] = pool_frame(bytes, length); // too large and nothing says how to cut it
	frames[1] = pool_frame(bytes, 60);
	assert_int_equal(port_transmit(a, 0, frames, 2), 2);
	a->ops->counters(a);
	assert_int_equal(counter_read(&a->refused), 1);
	port_close(a);
	run("ip link del nxa");
	assert_true(pools_are_full());
}

// Makes the kernel send frames that nobody answers.
static void ping_from(const char *interface)
{
	char command[256];

	snprintf(command, sizeof(command),
		"ip addr add 10.2.0.2/24 dev %s && "
		"ip neigh add 10.2.0.1 lladdr 02:00:00:00:00:01 dev %s && "
		"ping -q -c 9 -i 0.002 -W 0.1 10.2.0.1 > /dev/null; true",
		interface, interface);
	run(command);
}

// A tap interface that nobody reads fills its queue, and the kernel drops the rest.
static void frames_without_buffers_are_counted(void **state)
{
	static const char *const devices[] = {"af_packet:nxa", "tap:nxtap"};
	static struct buffer *held[65536];

	for (size_t i = 0; i < nx_array_size(devices); i++) {
		struct port_request request = request_for(devices[i], 1);
		struct buffer *got[1];
		struct port *port;
		uint32_t count = 0;

		veth_make();
		port = port_make(devices[i], 1);
		if (i == 1)
			run("ip link set nxtap txqueuelen 2");
		ping_from(i == 0 ? "nxb" : "nxtap");
		while (count < nx_array_size(held) &&
			(held[count] = pool_buffer_get(request.small)))
			count++;
		assert_int_equal(port_receive(port, 0, got, 1), 0);
		while (count > 0)
			mbuf_chain_put(held[--count]);
		port->ops->counters(port);
		assert_int_equal(counter_read(&port->starved), 1);
		if (i == 1)
			assert_true(counter_read(&port->missed) > 0);
		port_close(port);
		run("ip link del nxa");
	}
	assert_true(pools_are_full());
}

static void queues_share_the_flows(void **state)
{
	struct port *a, *b;
	uint32_t used = 0;

	veth_make();
	a = port_make("af_packet:nxa", 2);
	b = port_make("af_packet:nxb", 4);
	assert_true(b->capabilities & PORT_RSS);
	for (uint32_t i = 0; i < 64; i++) {
		struct frame_shape shape = {.payload = 20};
		uint32_t length = frame_write(&shape, bytes);
		struct buffer *frame, *got[1];

		bytes[35] = (uint8_t)i;
		frame = pool_frame(bytes, length);
		assert_int_equal(port_transmit(a, i & 1, &frame, 1), 1);
		for (uint32_t queue = 0, tries = 0; tries < 100000; tries++, queue = tries % 4)
			if (port_receive(b, (uint16_t)queue, got, 1) == 1) {
				mbuf_chain_put(got[0]);
				used |= 1u << queue;
				break;
			}
	}
	assert_int_equal(used, 0xf);
	port_close(a);
	port_close(b);
	run("ip link del nxa");
	assert_true(pools_are_full());
}

static int kernel_socket(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct timeval second = {.tv_sec = 1};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

// The kernel's own stack is the peer: it completes what we left partial and cuts what we sent
// whole.
static void tap_talks_to_the_kernel(void **state)
{
	struct frame_shape shape = {.payload = 5000};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	struct mac_address kernel;
	struct port *tap = port_make("tap:nxtap", 1);
	uint8_t text[2048];
	struct buffer *got = NULL;
	int fd;

	run("ip addr add 10.2.0.2/24 dev nxtap && ip route add 10.1.0.0/24 dev nxtap");
	run("ip neigh add 10.1.0.1 lladdr 02:00:00:00:00:01 dev nxtap");
	assert_int_equal(interface_mac("nxtap", &kernel), 0);
	assert_memory_not_equal(&kernel, &tap->mac, sizeof(kernel));
	fd = kernel_socket(80);
	frame_write(&shape, bytes);
	send_marked(tap, &shape, 0); // beyond the MTU and not to be cut: the kernel takes it
	// Segments of 1,400 bytes to the kernel's address.
	uint32_t length = frame_write(&shape, bytes);

	memcpy(bytes, kernel.bytes, 6);
	frame_make_partial(&shape, bytes, length);
	got = pool_frame(bytes, length);
	got->offload = BUFFER_TX_CHECKSUM_UDP | BUFFER_TX_SEGMENT_UDP | BUFFER_TX_IPV4;
	got->transmit = buffer_transmit_word(14, 20, 8, SEGMENT);
	assert_int_equal(port_transmit(tap, 0, &got, 1), 1);
	for (uint32_t at = 0; at < 5000; at += SEGMENT) {
		ssize_t n = recv(fd, text, sizeof(text), 0);

		assert_int_equal(n, u32_min(SEGMENT, 5000 - at));
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(text[i], frame_byte(at + (uint32_t)i));
	}
	to.sin_addr.s_addr = inet_addr("10.1.0.1");
	assert_int_equal(sendto(fd, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to)), 5);
	for (usec_t end = now_us() + USEC_PER_SECOND; now_us() < end;) {
		if (port_receive(tap, 0, &got, 1) == 0)
			continue;
		if (got->length == 14 + 20 + 8 + 5 && buffer_data(got)[23] == 17)
			break;
		mbuf_chain_put(got);
		got = NULL;
	}
	assert_non_null(got);
	assert_int_equal(got->offload & BUFFER_RX_CHECKSUM_MASK, BUFFER_RX_CHECKSUM_PARTIAL);
	mbuf_chain_put(got);
	close(fd);
	port_close(tap);
	assert_int_equal(interface_index("nxtap"), 0);
	assert_true(pools_are_full());
}

static void tap_on_something_else_is_refused(void **state)
{
	struct port_request request = request_for("tap:nxa", 1);
	struct port *port;
	char error[256];

	veth_make();
	assert_true(port_open(&request, &port, error, sizeof(error)) < 0);
	assert_non_null(strstr(error, "tap:nxa: "));
	run("ip link del nxa");
}

static struct changes {
	uint32_t count[4];
} changes;

static void changed(void *context, struct port *port, enum link_change change)
{
	(void)port;
	((struct changes *)context)->count[change]++;
}

static bool wait_for(struct link_follower *follower, enum link_change change, uint32_t count)
{
	usec_t end = now_us() + 3 * USEC_PER_SECOND;

	while (changes.count[change] < count && now_us() < end) {
		link_poll(follower, now_us());
		usleep(1000);
	}
	return changes.count[change] >= count;
}

static void a_returned_interface_serves_again(const char *device, uint16_t queues, uint32_t rounds)
{
	struct link_follower *follower;
	struct frame_shape shape = {.tcp = true, .payload = 100};
	struct port *a, *b;

	veth_make();
	changes = (struct changes){0};
	a = port_make(device, queues);
	assert_int_equal(link_follower_create(changed, &changes, &follower), 0);
	assert_int_equal(link_follow(follower, a), 0);
	run("ip link set nxb down");
	assert_true(wait_for(follower, LINK_DOWN, 1));
	assert_false(shared_word_load(&a->up));
	run("ip link set nxb up");
	assert_true(wait_for(follower, LINK_UP, 1));
	for (uint32_t i = 1; i <= rounds; i++) {
		struct buffer *got;

		run("ip link del nxa");
		assert_true(wait_for(follower, LINK_GONE, i));
		veth_make();
		assert_true(wait_for(follower, LINK_RETURNED, i));
		assert_true(wait_for(follower, LINK_UP, 1 + i));
		b = port_make("af_packet:nxb", 1);
		send_marked(b, &shape, 0);
		got = receive(a);
		assert_non_null(got);
		mbuf_chain_put(got);
		port_close(b);
	}
	link_forget(follower, a);
	link_follower_destroy(follower);
	port_close(a);
	run("ip link del nxa");
	assert_true(pools_are_full());
}

static void af_packet_returns(void **state)
{
	a_returned_interface_serves_again("af_packet:nxa", 1, 2);
}

static void af_packet_with_queues_returns(void **state)
{
	a_returned_interface_serves_again("af_packet:nxa", 3, 2);
}

static void dpdk_device_returns(void **state)
{
	a_returned_interface_serves_again("vdev:net_af_packet_t,iface=nxa", 1, 2);
}

static void kernel_addresses_are_seen(void **state)
{
	struct ip_address v4, v6, other;
	uint8_t length = 0;

	assert_true(ip_address_parse("10.9.9.1", &v4));
	assert_true(ip_address_parse("fd00:9::1", &v6));
	assert_true(ip_address_parse("10.9.9.2", &other));
	veth_make();
	run("ip addr add 10.9.9.1/25 dev nxa && ip addr add fd00:9::1/64 dev nxa nodad");
	assert_true(kernel_holds_address("nxa", &v4, &length));
	assert_int_equal(length, 25);
	assert_true(kernel_holds_address("nxa", &v6, &length));
	assert_int_equal(length, 64);
	assert_false(kernel_holds_address("nxa", &other, &length));
	assert_false(kernel_holds_address("nxb", &v4, &length));
	assert_false(kernel_forwards_ipv4("nxa"));
	assert_true(interface_index("nxa") > 0);
	run("ip link del nxa");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_arrive_as_they_were_described),
		cmocka_unit_test(segments_leave_by_an_interface_that_cannot_cut),
		cmocka_unit_test(frames_keep_their_order_whatever_their_size),
		cmocka_unit_test(a_full_ring_counts_what_it_loses),
		cmocka_unit_test(the_largest_frame_passes),
		cmocka_unit_test(a_port_without_large_buffers_counts_what_it_cannot_take),
		cmocka_unit_test(a_refused_frame_is_counted_and_not_offered_again),
		cmocka_unit_test(frames_without_buffers_are_counted),
		cmocka_unit_test(queues_share_the_flows),
		cmocka_unit_test(tap_talks_to_the_kernel),
		cmocka_unit_test(tap_on_something_else_is_refused),
		cmocka_unit_test(af_packet_returns),
		cmocka_unit_test(af_packet_with_queues_returns),
		cmocka_unit_test(dpdk_device_returns),
		cmocka_unit_test(kernel_addresses_are_seen),
	};

	if (geteuid() != 0) {
		puts("skipped: network namespaces and packet sockets need root");
		return SKIPPED;
	}
	if (unshare(CLONE_NEWNET) < 0) {
		perror("skipped: no network namespace of our own");
		return SKIPPED;
	}
	if (eal_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
