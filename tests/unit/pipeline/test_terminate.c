// SPDX-License-Identifier: BSD-3-Clause
// Connections that end here beside those that are forwarded, on a node as nexpathd runs it.
#include <rte_mbuf.h>

#include <netinet/in.h>
#include <stdlib.h>

#include "bed.h"
#include "pipeline/node_private.h"
#include "pipeline/stream.h"
#include "pipeline/worker.h"
#include "pkt/parse.h"
#include "slowpath/msg.h"
#include "stream/relay_impl.h"

enum {
	DIRECT = 9000,
	TERMINATE = 9001
};

static const char *const configuration =
	"workers = { cpus = \"%s\"; memory_mb = 64; sessions = 4096; };\n"
	"ports = ( { name = \"lan\"; device = \"ring\"; address = [\"10.1.0.2/24\"]; },\n"
	"          { name = \"wan\"; device = \"ring\"; address = [\"10.2.0.2/24\"]; } );\n"
	"upstreams = ( { name = \"web\"; targets = [\"10.2.0.1:80\"]; source = \"client\"; } );\n"
	"listeners = ( { name = \"direct\"; protocol = \"tcp\"; listen = \"*:9000\";\n"
	"                upstream = \"web\"; },\n"
	"              { name = \"ending\"; protocol = \"tcp\"; listen = \"*:9001\";\n"
	"                upstream = \"web\"; mode = \"terminate\"; } );\n";

// The next frame out of a port. Ring ports complete no checksums.
static void expect(struct rig *rig, uint16_t port, struct packet *out)
{
	static uint8_t bytes[FRAME_BYTES_MAX];
	uint32_t length = rig_receive(rig, port, bytes);
	struct parse_context context = {.data = bytes, .contiguous = length, .frame = length};

	assert_int_not_equal(length, 0);
	*out = (struct packet){.session = PACKET_NO_SESSION};
	assert_int_equal(packet_parse(out, &context), PARSE_OK);
}

static struct frame from_client(uint16_t port, uint16_t listener, uint8_t flags)
{
	struct frame f = bed_datagram("10.1.0.1", port, "10.1.0.2", listener);

	f.key.protocol = IPPROTO_TCP;
	f.tcp_flags = flags;
	f.sequence = 1000;
	f.window = 65535;
	f.payload = 0;
	return f;
}

static void send_syn(struct rig *rig, uint16_t port, uint16_t listener)
{
	struct frame f = from_client(port, listener, TCP_FLAG_SYN);

	assert_true(rig_send(rig, LAN, &f));
	rig_settle(rig);
}

// The client's side of a handshake with the listener that ends connections.
static void shake_hands(struct rig *rig, uint16_t port)
{
	struct frame f = from_client(port, TERMINATE, TCP_FLAG_ACK);
	struct packet seen;

	send_syn(rig, port, TERMINATE);
	expect(rig, LAN, &seen);
	assert_int_equal(seen.tcp_flags, TCP_FLAG_SYN | TCP_FLAG_ACK);
	f.sequence = 1001;
	f.acknowledgement = be32_to_host(seen.tcp_sequence) + 1;
	assert_true(rig_send(rig, LAN, &f));
	rig_settle(rig);
}

static void expect_syn(struct rig *rig, uint16_t port)
{
	struct packet seen;

	expect(rig, WAN, &seen);
	assert_int_equal(seen.tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_ACK), TCP_FLAG_SYN);
	assert_int_equal(be16_to_host(seen.key.source_port), port);
}

// One listener of each mode, one target, and the client's own address and port toward it.
static void modes_do_not_share_a_clients_port(void **state)
{
	static const char *const cpus[] = {"0", "0,0,0"};

	for (size_t i = 0; i < nx_array_size(cpus); i++) {
		char text[1024];
		struct packet seen;
		struct rig rig;

		snprintf(text, sizeof(text), configuration, cpus[i]);
		if (rig_create(&rig, text, false) != 0)
			fail_msg("%s", rig.error);
		shake_hands(&rig, 5000);
		expect_syn(&rig, 5000);
		send_syn(&rig, 5000, DIRECT);
		assert_int_equal(rig_drops(&rig, DROP_NAT_CONFLICT), 1);
		bed_expect_nothing(&rig, WAN);

		send_syn(&rig, 5001, DIRECT);
		expect_syn(&rig, 5001);
		shake_hands(&rig, 5001);
		assert_int_equal(rig_drops(&rig, DROP_NAT_CONFLICT), 2);
		bed_expect_nothing(&rig, WAN);
		expect(&rig, LAN, &seen);
		assert_true(seen.tcp_flags & TCP_FLAG_RST);
		bed_assert_no_drops_but(&rig, DROP_NAT_CONFLICT);
		bed_destroy(&rig);
	}
}

// What a connection may hold once so much of the scarcest pool is out.
static void connections_hold_less_the_scarcer_buffers_are(void **state)
{
	static const struct {
		uint32_t percent;
		uint32_t limit;
	} steps[] = {{0, 0}, {50, 0}, {51, 512 << 10}, {75, 512 << 10}, {76, 64 << 10},
		{90, 64 << 10}, {91, 16 << 10}, {100, 16 << 10}, {60, 512 << 10}, {10, 0}};
	struct worker *w;
	struct rig rig;

	bed_create(&rig, &(struct bed){.cpus = "0"});
	w = &rig.node->workers[0];
	for (size_t i = 0; i < nx_array_size(steps); i++) {
		stream_pressure(w, steps[i].percent);
		assert_int_equal(w->relay->memory_limit, steps[i].limit);
	}
	bed_destroy(&rig);
}

// So many percent of the pool's buffers are out while the worker turns.
static uint32_t limit_with_out(struct rig *rig, struct rte_mempool *pool, uint32_t percent)
{
	uint32_t n = pool->size / 100 * percent - rte_mempool_in_use_count(pool);
	struct rte_mbuf **taken = calloc(n, sizeof(struct rte_mbuf *));
	uint32_t limit;

	assert_non_null(taken);
	assert_int_equal(rte_pktmbuf_alloc_bulk(pool, taken, n), 0);
	for (unsigned i = 0; i < 2000; i++)
		rig_pass_time(rig, rig, 1000);
	limit = rig->node->workers[0].relay->memory_limit;
	rte_pktmbuf_free_bulk(taken, n);
	free(taken);
	return limit;
}

static void the_worker_sees_how_scarce_buffers_are(void **state)
{
	struct rig rig;

	bed_create(&rig, &(struct bed){.cpus = "0"});
	assert_int_equal(limit_with_out(&rig, rig.node->pools.small, 40), 0);
	assert_int_equal(limit_with_out(&rig, rig.node->pools.small, 60), 512 << 10);
	assert_int_equal(limit_with_out(&rig, rig.node->pools.small, 80), 64 << 10);
	assert_int_equal(limit_with_out(&rig, rig.node->pools.small, 95), 16 << 10);
	assert_int_equal(limit_with_out(&rig, rig.node->pools.small, 40), 0);
	bed_destroy(&rig);
}

// More would only have the peer send in smaller pieces.
static void a_turns_segments_are_acknowledged_by_one(void **state)
{
	const uint16_t port = 4000;
	const uint32_t count = 12, bytes = 1000;
	static char text[2048];
	struct packet seen;
	struct frame f;
	struct rig rig;

	snprintf(text, sizeof(text), configuration, "0");
	assert_int_equal(rig_create(&rig, text, false), 0);
	rig_settle(&rig);
	f = from_client(port, TERMINATE, TCP_FLAG_SYN);
	assert_true(rig_send(&rig, LAN, &f));
	rig_settle(&rig);
	expect(&rig, LAN, &seen);
	f = from_client(port, TERMINATE, TCP_FLAG_ACK);
	f.acknowledgement = be32_to_host(seen.tcp_sequence) + 1;
	f.payload = (uint16_t)bytes;
	for (f.sequence = 1001; f.sequence < 1001 + count * bytes; f.sequence += bytes)
		assert_true(rig_send(&rig, LAN, &f));
	rig_settle(&rig);
	expect(&rig, LAN, &seen);
	assert_int_equal(be32_to_host(seen.tcp_acknowledgement), 1001 + count * bytes);
	bed_expect_nothing(&rig, LAN);
	assert_int_equal(rig_destroy(&rig), 0);
}

// Of a session that is gone by then: nothing comes of it, but the worker was not idle.
static void an_answer_of_the_slow_path_is_work(void **state)
{
	static uint8_t slots[2][SLOW_RING * SLOW_MESSAGE_BYTES];
	struct slow_gate gate = {.wake_fd = -1};
	struct slow_link link = {.gate = &gate};
	struct slow_links links = {.threads = 1, .timeout = SLOW_TIMEOUT, .links = &link};
	struct rig_options options = {.seed = 1, .slow = &links};
	struct slow_message *answer;
	static char text[2048];
	struct rig rig;

	ring_init(&link.to_slow, slots[0], SLOW_RING, SLOW_MESSAGE_BYTES);
	ring_init(&link.to_worker, slots[1], SLOW_RING, SLOW_MESSAGE_BYTES);
	snprintf(text, sizeof(text), configuration, "0");
	assert_int_equal(rig_create_with(&rig, text, &options), 0);
	rig_settle(&rig);
	assert_int_equal(rig_turn(&rig), 0);
	answer = ring_reserve(&link.to_worker);
	assert_non_null(answer);
	*answer = (struct slow_message){.session = 4711, .kind = SLOW_FAILED};
	ring_publish(&link.to_worker);
	assert_int_equal(rig_turn(&rig), 1);
	assert_true(ring_is_empty(&link.to_worker));
	assert_int_equal(rig_turn(&rig), 0);
	assert_int_equal(rig_destroy(&rig), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes_do_not_share_a_clients_port),
		cmocka_unit_test(connections_hold_less_the_scarcer_buffers_are),
		cmocka_unit_test(the_worker_sees_how_scarce_buffers_are),
		cmocka_unit_test(a_turns_segments_are_acknowledged_by_one),
		cmocka_unit_test(an_answer_of_the_slow_path_is_work),
	};

	if (rig_eal_init(false, 1024) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
