// SPDX-License-Identifier: BSD-3-Clause

// What frames look like on the way out: VLAN tags, checksums, segments, fragments, chains; and the
// answers to what cannot go on. Virtual time.

#include "bed.h"

#include <netinet/in.h>

#include "io/ring.h"
#include "pipeline/node_private.h"
#include "pkt/checksum.h"
#include "pkt/parse.h"

enum {
	ICMP_AT_V4 = 14 + 20,
	ICMP_AT_V6 = 14 + 40
};

static uint8_t bytes[FRAME_BYTES_MAX];

static const struct bed plain = {.cpus = "0,0"};

static void tags_are_read_and_written(void **state)
{
	const struct bed bed = {
		.cpus = "0,0", .lan = "vlans = ( { id = 7; address = [\"10.7.0.2/24\"]; } );"};
	struct packet seen;
	struct rig rig;

	bed_create(&rig, &bed);
	struct frame f = bed_datagram("10.7.0.1", 4000, "10.7.0.2", 53);

	f.vlan = 7;
	assert_true(rig_send(&rig, LAN, &f));
	rig_settle(&rig);
	bed_expect(&rig, WAN, &seen, NULL);
	assert_int_equal(seen.vlan & 0xfff, 0);
	assert_int_equal(seen.l3, 14);
	struct frame back = bed_answer(&seen);

	assert_true(rig_send(&rig, WAN, &back));
	rig_settle(&rig);
	bed_expect(&rig, LAN, &seen, NULL);
	assert_int_equal(seen.vlan & 0xfff, 7);
	assert_int_equal(seen.l3, 18);
	f.vlan = 8;
	assert_true(rig_send(&rig, LAN, &f));
	rig_settle(&rig);
	assert_int_equal(rig_drops(&rig, DROP_VLAN_UNKNOWN), 1);
	bed_assert_no_drops_but(&rig, DROP_VLAN_UNKNOWN);
	bed_destroy(&rig);
}

// An interface leaves the configuration under a session, and with a packet that waits for a
// neighbour on it.
static void a_vlan_that_goes_takes_nothing_with_it(void **state)
{
	const struct bed with = {.cpus = "0,0",
		.wan = "vlans = ( { id = 7; address = [\"10.7.0.2/24\"]; } );",
		.lan = "vlans = ( { id = 9; address = [\"10.9.0.2/24\"]; } );"};
	struct packet seen;
	struct rig rig;

	bed_create(&rig, &with);
	struct frame f = bed_datagram("10.9.0.1", 4000, "10.9.0.2", 53);

	f.vlan = 9;
	assert_true(rig_send(&rig, LAN, &f));
	rig_settle(&rig);
	bed_expect(&rig, WAN, &seen, NULL);
	assert_int_equal(rig_apply(&rig, bed_text(&plain)), 0);
	struct frame back = bed_answer(&seen);

	assert_true(rig_send(&rig, WAN, &back));
	rig_settle(&rig);
	// Not with the old tag: the VLAN may be somebody else's.
	assert_int_equal(rig_drops(&rig, DROP_PORT_DOWN), 1);
	bed_destroy(&rig);
}

// What a handed over packet's note names may be of a snapshot that this worker does not have.
static void an_interface_that_is_not_there_is_a_named_drop(void **state)
{
	struct rig rig;

	bed_create(&rig, &plain);
	struct worker *w = &rig.node->workers[0];

	for (uint32_t i = 0; i < 2; i++) {
		struct buffer *b = rig.buffers->get(rig.buffers, 100);
		struct packet p = {.buffer = b, .egress = i ? 999 : UINT16_MAX};

		worker_send(w, &p);
		assert_null(p.buffer);
	}
	assert_int_equal(rig_drops(&rig, DROP_PORT_DOWN), 2);
	// A configured port that did not open has no index.
	struct snapshot_netif *netif =
		&((struct snapshot *)(uintptr_t)node_snapshot(rig.node))->netifs[1];
	uint16_t port = netif->port;
	struct buffer *b = rig.buffers->get(rig.buffers, 100);
	struct packet p = {.buffer = b, .egress = 1};

	netif->port = SLOT_NONE;
	worker_send(w, &p);
	netif->port = port;
	assert_int_equal(rig_drops(&rig, DROP_PORT_DOWN), 3);
	bed_destroy(&rig);
}

static void send_partial(struct rig *rig, struct frame *f, uint16_t segment_size)
{
	bed_put_partial(rig, f, segment_size);
	rig_settle(rig);
}

static void a_partial_checksum_is_completed_for_a_port_that_cannot(void **state)
{
	static const char *const ends[][2] = {{"10.1.0.1", "10.1.0.2"}, {"fd00:1::1", "fd00:1::2"}};
	struct packet seen;
	struct rig rig;

	bed_create(&rig, &plain);
	ring_port_set_capabilities(node_port(rig.node, WAN), 0);
	for (uint32_t i = 0; i < 2; i++) {
		struct frame f = bed_datagram(ends[i][0], 4000, ends[i][1], 53);

		f.payload = 333;
		send_partial(&rig, &f, 0);
		bed_expect(&rig, WAN, &seen, NULL); // verifies it
		assert_int_equal(packet_payload_length(&seen), 333);
	}
	bed_assert_no_drops_but(&rig, DROP_NONE);
	bed_destroy(&rig);
}

static void cut(struct rig *rig, const char *client, const char *listener, uint16_t size)
{
	struct stream s;
	struct packet seen;
	uint32_t got = 0;

	stream_open(rig, &s, client, 30000, listener);
	struct frame f = {.key = s.client,
		.tcp_flags = TCP_FLAG_ACK | TCP_FLAG_PSH,
		.sequence = s.client_next,
		.acknowledgement = s.target_next,
		.window = 60000,
		.payload = 40000};

	send_partial(rig, &f, size);
	while (got < 40000) {
		uint8_t *out;
		uint32_t length = bed_expect(rig, WAN, &seen, &out);

		assert_true(length - seen.l3 <= 1500);
		assert_int_equal(be32_to_host(seen.tcp_sequence), s.client_next + got);
		assert_int_equal(out[seen.payload], got & 0xff);
		got += packet_payload_length(&seen);
		assert_int_equal(!!(seen.tcp_flags & TCP_FLAG_PSH), got == 40000);
	}
	assert_int_equal(got, 40000);
	s.client_next += got;
	stream_send(rig, &s, WAN, TCP_FLAG_ACK, 10);
}

static void a_large_segment_is_cut_for_a_port_that_cannot(void **state)
{
	struct rig rig;

	bed_create(&rig, &plain);
	ring_port_set_capabilities(node_port(rig.node, WAN), 0);
	cut(&rig, "10.1.0.1", "10.1.0.2", 1448);
	cut(&rig, "fd00:1::1", "fd00:1::2", 1428);
	// A small MSS: 187 segments of one frame.
	cut(&rig, "10.1.0.3", "10.1.0.2", 214);
	bed_assert_no_drops_but(&rig, DROP_NONE);
	bed_destroy(&rig);
}

static void a_large_segment_stays_whole_for_a_port_that_can(void **state)
{
	struct stream s;
	struct rig rig;
	struct packet p;

	bed_create(&rig, &plain);
	stream_open(&rig, &s, "10.1.0.1", 30000, "10.1.0.2");
	struct frame f = {.key = s.client,
		.tcp_flags = TCP_FLAG_ACK,
		.sequence = s.client_next,
		.acknowledgement = s.target_next,
		.window = 60000,
		.payload = 40000};

	send_partial(&rig, &f, 1448);
	uint32_t length = rig_receive(&rig, WAN, bytes);
	struct parse_context context = {.data = bytes,
		.contiguous = length,
		.frame = length,
		.offload = PARSE_L4_PARTIAL | PARSE_SEGMENTED,
		.segment_size = 1448};

	assert_int_equal(packet_parse(&p, &context), PARSE_OK);
	assert_int_equal(packet_payload_length(&p), 40000);
	bed_expect_nothing(&rig, WAN);
	bed_destroy(&rig);
}

// A datagram in two buffers, with `padding` bytes after its end in the second.
static struct buffer *in_two(struct rig *rig, uint32_t payload, uint32_t first, uint32_t padding)
{
	struct frame f = bed_datagram("10.1.0.1", 4000, "10.1.0.2", 53);

	f.payload = payload;
	f.source_mac = rig_station_mac(LAN);
	f.destination_mac = rig_port_mac(rig, LAN);
	uint32_t length = frame_write(&f, bytes);

	memset(bytes + length, 0xee, padding);
	length += padding;
	struct buffer *head = frame_buffer(rig->buffers, bytes, first);
	struct buffer *tail = frame_buffer(rig->buffers, bytes + first, length - first);

	head->next = tail;
	head->segments = 2;
	head->total_length = length;
	assert_int_equal(ring_port_far_transmit(node_port(rig->node, LAN), 0, &head, 1), 1);
	return head;
}

static struct buffer *take_out(struct rig *rig)
{
	struct buffer *b = NULL;

	for (uint16_t q = 0; q < node_port(rig->node, WAN)->transmit_queues && !b; q++) {
		while (ring_port_far_receive(node_port(rig->node, WAN), q, &b, 1) == 1) {
			if (be16_to_host(be16_load(buffer_data(b) + 12)) == 0x0800)
				break;
			rig->buffers->put(rig->buffers, b); // announcements
			b = NULL;
		}
	}
	assert_non_null(b);
	return b;
}

static void a_chain_is_joined_for_a_port_that_takes_none(void **state)
{
	struct packet seen;
	struct rig rig;

	bed_create(&rig, &plain);
	// The first resolves the target's address.
	in_two(&rig, 1000, 400, 0);
	rig_settle(&rig);
	bed_expect(&rig, WAN, &seen, NULL);
	ring_port_set_capabilities(node_port(rig.node, WAN), 0);
	in_two(&rig, 1000, 400, 0);
	for (uint32_t i = 0; i < 4; i++)
		rig_turn(&rig);
	struct buffer *out = take_out(&rig);

	assert_null(out->next);
	assert_int_equal(out->segments, 1);
	assert_int_equal(out->length, 14 + 20 + 8 + 1000);
	rig.buffers->put(rig.buffers, out);
	bed_destroy(&rig);
}

static void padding_in_a_buffer_of_its_own_is_cut_off(void **state)
{
	struct packet seen;
	struct rig rig;

	bed_create(&rig, &plain);
	in_two(&rig, 100, 142, 0 + 50);
	rig_settle(&rig);
	bed_expect(&rig, WAN, &seen, NULL);
	in_two(&rig, 100, 142, 50);
	for (uint32_t i = 0; i < 4; i++)
		rig_turn(&rig);
	struct buffer *out = take_out(&rig);

	assert_null(out->next);
	assert_int_equal(out->segments, 1);
	assert_int_equal(out->total_length, 142);
	rig.buffers->put(rig.buffers, out);
	bed_destroy(&rig);
}

// One IPv4 fragment of a UDP datagram whose bytes after the IP header are at `datagram`.
static void send_fragment(
	struct rig *rig, const uint8_t *frame, uint32_t at, uint32_t length, bool more)
{
	static uint8_t out[2048];
	uint8_t *ip = out + 14;

	memcpy(out, frame, 34);
	memcpy(out + 34, frame + 34 + at, length);
	be16_store(ip + 2, be16_from_host((uint16_t)(20 + length)));
	be16_store(ip + 6, be16_from_host((uint16_t)(at / 8 | (more ? 0x2000 : 0))));
	be16_store(ip + 10, 0);
	be16_store(ip + 10, checksum_finish(checksum_bytes(ip, 20, 0)));
	assert_true(rig_send_bytes(rig, LAN, out, 34 + length));
	rig_settle(rig);
}

static void fragments_in_are_fragments_out_no_larger(const char *cpus)
{
	const struct bed bed = {.cpus = cpus};
	uint32_t sizes[] = {600, 800, 600}; // of 2,000 bytes of payload, UDP header in front
	uint32_t at = 0;
	uint32_t covered = 0;
	struct rig rig;

	bed_create(&rig, &bed);
	struct frame f = bed_datagram("10.1.0.1", 4000, "10.1.0.2", 53);

	f.payload = 1992;
	f.source_mac = rig_station_mac(LAN);
	f.destination_mac = rig_port_mac(&rig, LAN);
	frame_write(&f, bytes);
	be16_store(bytes + 18, be16_from_host(4711));
	for (uint32_t i = 0; i < 3; i++) {
		send_fragment(&rig, bytes, at, sizes[i], i < 2);
		at += sizes[i];
	}
	static uint8_t out[FRAME_BYTES_MAX];
	uint32_t length;

	while ((length = rig_receive(&rig, WAN, out)) > 0) {
		struct parse_context c = {.data = out, .contiguous = length, .frame = length};
		struct packet p;

		assert_int_equal(packet_parse(&p, &c), PARSE_OK);
		assert_int_equal(p.kind, PACKET_FRAGMENT);
		assert_true(length - 14 <= 820);
		uint32_t offset = (be16_to_host(be16_load(out + 20)) & 0x1fff) * 8u;
		uint32_t skip = offset == 0 ? 8 : 0; // the ports differ after translation

		assert_memory_equal(
			out + 34 + skip, bytes + 34 + offset + skip, length - 34 - skip);
		covered += length - 34;
	}
	assert_int_equal(covered, 2000);
	assert_int_equal(bed_wrong_worker(&rig), 0);
	bed_assert_no_drops_but(&rig, DROP_NONE);
	bed_destroy(&rig);
}

static void fragments_with_one_worker(void **state)
{
	fragments_in_are_fragments_out_no_larger("0");
}

static void fragments_with_four_workers(void **state)
{
	fragments_in_are_fragments_out_no_larger("0,0,0,0");
}

static void expect_icmp(
	struct rig *rig, uint16_t port, bool v6, uint8_t type, uint8_t code, uint32_t word)
{
	struct packet seen;
	uint8_t *out;

	bed_expect(rig, port, &seen, &out);
	assert_int_equal(seen.kind, v6 ? PACKET_ICMP6 : PACKET_ICMP4);
	out += v6 ? ICMP_AT_V6 : ICMP_AT_V4;
	assert_int_equal(out[0], type);
	assert_int_equal(out[1], code);
	assert_int_equal(be32_to_host(be32_load(out + 4)), word);
}

static void too_big_is_told_with_the_mtu(void **state)
{
	const struct bed bed = {.cpus = "0,0", .wan = "mtu = 1300;"};
	struct packet seen;
	struct rig rig;

	bed_create(&rig, &bed);
	struct frame v4 = bed_datagram("10.1.0.1", 4000, "10.1.0.2", 53);
	struct frame v6 = bed_datagram("fd00:1::1", 4000, "fd00:1::2", 53);

	assert_true(rig_send(&rig, LAN, &v4));
	assert_true(rig_send(&rig, LAN, &v6));
	rig_settle(&rig);
	bed_expect(&rig, WAN, &seen, NULL);
	bed_expect(&rig, WAN, &seen, NULL);
	v4.payload = 1400;
	v6.payload = 1400;
	assert_true(rig_send(&rig, LAN, &v4));
	rig_settle(&rig);
	expect_icmp(&rig, LAN, false, 3, 4, 1300);
	assert_true(rig_send(&rig, LAN, &v6));
	rig_settle(&rig);
	expect_icmp(&rig, LAN, true, 2, 0, 1300);
	bed_expect_nothing(&rig, WAN);
	assert_int_equal(rig_drops(&rig, DROP_IP_TOO_BIG), 2);
	bed_destroy(&rig);
}

static void the_last_hop_is_told(void **state)
{
	struct rig rig;

	bed_create(&rig, &plain);
	struct frame v4 = bed_datagram("10.1.0.1", 4000, "10.1.0.2", 53);
	struct frame v6 = bed_datagram("fd00:1::1", 4000, "fd00:1::2", 53);

	v4.hop_limit = 1;
	v6.hop_limit = 1;
	assert_true(rig_send(&rig, LAN, &v4));
	rig_settle(&rig);
	expect_icmp(&rig, LAN, false, 11, 0, 0);
	assert_true(rig_send(&rig, LAN, &v6));
	rig_settle(&rig);
	expect_icmp(&rig, LAN, true, 3, 0, 0);
	assert_int_equal(rig_drops(&rig, DROP_IP_HOP_LIMIT), 2);
	assert_int_equal(node_sessions(rig.node), 0);
	bed_destroy(&rig);
}

static void what_is_not_ours_is_not_answered(void **state)
{
	struct rig rig;

	bed_create(&rig, &plain);
	struct frame f = bed_datagram("10.1.0.1", 4000, "192.0.2.1", 53);

	assert_true(rig_send(&rig, LAN, &f));
	rig_settle(&rig);
	bed_expect_nothing(&rig, LAN);
	bed_expect_nothing(&rig, WAN);
	assert_int_equal(rig_drops(&rig, DROP_IP_NOT_OURS), 1);
	bed_destroy(&rig);
}

// Half a second's worth at once, then a hundred resets a second for a source, a thousand
// unreachables for all.
static void refusals_are_limited(const char *client, const char *own, uint8_t protocol)
{
	const struct bed bed = {.cpus = "0"};
	uint32_t expected = protocol == IPPROTO_TCP ? 150 : 1500;
	uint32_t answers = 0;
	uint32_t sent = 0;
	struct rig rig;

	bed_create(&rig, &bed);
	struct frame f = bed_datagram(client, 4000, own, 7);

	f.key.protocol = protocol;
	f.tcp_flags = TCP_FLAG_SYN;
	for (uint32_t ms = 0; ms < 1000; ms++) {
		for (uint32_t i = 0; i < 3; i++, sent++)
			assert_true(rig_send(&rig, LAN, &f));
		rig.now += USEC_PER_MILLISECOND;
		rig_turn(&rig);
		while (rig_receive(&rig, LAN, bytes) > 0)
			answers++;
	}
	assert_in_range(answers, expected - expected / 100, expected + expected / 100);
	assert_int_equal(rig_drops(&rig, DROP_REPLY_RATE), sent - answers);
	bed_destroy(&rig);
}

static void an_own_address_without_listener_refuses(void **state)
{
	struct packet seen;
	struct rig rig;

	bed_create(&rig, &plain);
	struct frame f = bed_datagram("10.1.0.1", 4000, "10.1.0.2", 7);

	assert_true(rig_send(&rig, LAN, &f));
	rig_settle(&rig);
	expect_icmp(&rig, LAN, false, 3, 3, 0);
	f = bed_datagram("fd00:1::1", 4000, "fd00:1::2", 7);
	assert_true(rig_send(&rig, LAN, &f));
	rig_settle(&rig);
	expect_icmp(&rig, LAN, true, 1, 4, 0);
	f = bed_datagram("10.1.0.1", 4000, "10.1.0.2", 7);
	f.key.protocol = IPPROTO_TCP;
	f.tcp_flags = TCP_FLAG_SYN;
	f.sequence = 99;
	f.payload = 0;
	assert_true(rig_send(&rig, LAN, &f));
	rig_settle(&rig);
	bed_expect(&rig, LAN, &seen, NULL);
	assert_int_equal(seen.tcp_flags, TCP_FLAG_RST | TCP_FLAG_ACK);
	assert_int_equal(be32_to_host(seen.tcp_acknowledgement), 100);
	bed_destroy(&rig);
}

static void refusals_have_a_rate(void **state)
{
	refusals_are_limited("10.1.0.1", "10.1.0.2", IPPROTO_TCP);
	refusals_are_limited("10.1.0.1", "10.1.0.2", IPPROTO_UDP);
	refusals_are_limited("fd00:1::1", "fd00:1::2", IPPROTO_TCP);
	refusals_are_limited("fd00:1::1", "fd00:1::2", IPPROTO_UDP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags_are_read_and_written),
		cmocka_unit_test(a_vlan_that_goes_takes_nothing_with_it),
		cmocka_unit_test(an_interface_that_is_not_there_is_a_named_drop),
		cmocka_unit_test(a_partial_checksum_is_completed_for_a_port_that_cannot),
		cmocka_unit_test(a_large_segment_is_cut_for_a_port_that_cannot),
		cmocka_unit_test(a_large_segment_stays_whole_for_a_port_that_can),
		cmocka_unit_test(a_chain_is_joined_for_a_port_that_takes_none),
		cmocka_unit_test(padding_in_a_buffer_of_its_own_is_cut_off),
		cmocka_unit_test(fragments_with_one_worker),
		cmocka_unit_test(fragments_with_four_workers),
		cmocka_unit_test(too_big_is_told_with_the_mtu),
		cmocka_unit_test(the_last_hop_is_told),
		cmocka_unit_test(what_is_not_ours_is_not_answered),
		cmocka_unit_test(an_own_address_without_listener_refuses),
		cmocka_unit_test(refusals_have_a_rate),
	};

	if (rig_eal_init(false, 1024) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
