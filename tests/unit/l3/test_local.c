// SPDX-License-Identifier: BSD-3-Clause

// What own addresses answer: echo, resets, unreachables, and errors about what goes no further.

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "core/chain.h"
#include "pkt/checksum.h"
#include "pkt/parse.h"
#include "rig.h"

static uint8_t bytes[65600];

// The frame kept at i, parsed, its checksums verified.
static struct packet sent(struct rig *rig, uint32_t i)
{
	struct checksum_span spans[64];
	uint32_t n = 0;
	struct packet p = {0};

	assert_true(i < rig->frames.count);
	rig_parse(&p, rig->frames.items[i].buffer, rig->frames.items[i].port);
	for (const struct buffer *b = p.buffer; b && n < 64; b = b->next)
		spans[n++] = (struct checksum_span){buffer_data(b), b->length};
	assert_int_equal(packet_checksum_verify(&p, spans, n, false), PARSE_OK);
	return p;
}

static size_t echo_request(
	uint8_t *icmp, bool v6, const char *source, const char *destination, size_t data)
{
	struct ip_address from = rig_address(source);
	struct ip_address to = rig_address(destination);
	size_t n = 8 + data;

	memset(icmp, 0, 8);
	icmp[0] = v6 ? 128 : 8;
	icmp[5] = 77;
	for (size_t i = 0; i < data; i++)
		icmp[8 + i] = (uint8_t)i;
	be16_store(icmp + 2,
		checksum_finish(checksum_bytes(icmp, n,
			v6 ? checksum_pseudo(&from, &to, IPPROTO_ICMPV6, (uint32_t)n) : 0)));
	return n;
}

static void ping(struct rig *rig, bool v6, const char *source, const char *destination, size_t data)
{
	static uint8_t icmp[65536];
	size_t n = echo_request(icmp, v6, source, destination, data);

	n = rig_ip_frame(bytes, source, destination, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, icmp, n);
	rig_receive(rig, 0, bytes, n);
}

static void echo_is_answered_in_both_families(void **state)
{
	struct rig *rig = rig_create();

	for (int v6 = 0; v6 < 2; v6++) {
		const char *us = v6 ? "fd00:1::2" : "10.1.0.2";
		const char *peer = v6 ? "fd00:1::9" : "10.1.0.9";
		struct ip_address source = rig_address(us);
		struct ip_address destination = rig_address(peer);

		ping(rig, v6, peer, us, 56);
		struct packet p = sent(rig, (uint32_t)v6);

		assert_int_equal(p.icmp_type, v6 ? 129 : 0);
		assert_int_equal(p.data[p.l4 + 5], 77);
		assert_true(ip_address_equal(&p.key.source, &source));
		assert_true(ip_address_equal(&p.key.destination, &destination));
		assert_memory_equal(p.data, "\2\0\0\0\0\x99\2\0\0\0\0\1", 12);
		assert_int_equal(p.hop_limit, 64);
		assert_int_equal(p.length, (v6 ? 54u : 34u) + 64);
	}
	rig_destroy(rig);
}

static void echo_reply_leaves_options_behind(void **state)
{
	struct rig *rig = rig_create();
	uint8_t icmp[16];
	uint8_t frame[64] = {0};
	size_t n = echo_request(icmp, false, "10.1.0.9", "10.1.0.2", 8);

	n = rig_ip_frame(bytes, "10.1.0.9", "10.1.0.2", IPPROTO_ICMP, icmp, n);
	memcpy(frame, bytes, 34);
	memcpy(frame + 34, "\1\1\1\0", 4);
	memcpy(frame + 38, bytes + 34, n - 34);
	frame[14] = 0x46;
	be16_store(frame + 16, be16_from_host(40));
	be16_store(frame + 24, 0);
	be16_store(frame + 24, checksum_finish(checksum_bytes(frame + 14, 24, 0)));
	rig_receive(rig, 0, frame, n + 4);
	struct packet p = sent(rig, 0);

	assert_int_equal(p.length, n);
	assert_int_equal(p.data[14], 0x45);
	assert_memory_equal(p.data + p.l4 + 8, icmp + 8, 8);
	rig_destroy(rig);
}

static void echo_reply_leaves_a_priority_tag_behind(void **state)
{
	struct rig *rig = rig_create();
	uint8_t icmp[16];
	uint8_t frame[64];
	size_t n = echo_request(icmp, false, "10.1.0.9", "10.1.0.2", 8);

	n = rig_ip_frame(bytes, "10.1.0.9", "10.1.0.2", IPPROTO_ICMP, icmp, n);
	memcpy(frame, bytes, 12);
	memcpy(frame + 12, "\x81\0\xe0\0", 4); // VLAN 0, priority 7
	memcpy(frame + 16, bytes + 12, n - 12);
	rig_receive(rig, 0, frame, n + 4);
	struct packet p = sent(rig, 0);

	assert_int_equal(p.l3, 14);
	assert_int_equal(p.length, n);
	assert_int_equal(p.icmp_type, 0);
	assert_memory_equal(p.data, "\2\0\0\0\0\x99\2\0\0\0\0\1", 12);
	assert_memory_equal(p.data + p.l4 + 8, icmp + 8, 8);
	rig_destroy(rig);
}

static void echo_of_sixty_kilobytes_leaves_in_fragments(void **state)
{
	struct rig *rig = rig_create();
	uint32_t total = 0;

	ping(rig, false, "10.1.0.9", "10.1.0.2", 60000);
	assert_int_equal(rig->frames.count, 41);
	for (uint32_t i = 0; i < 41; i++) {
		struct buffer *b = rig->frames.items[i].buffer;

		assert_true(b->length <= 1514);
		total += b->length - 34u;
	}
	assert_int_equal(total, 60008);
	rig_destroy(rig);
}

static void nobody_else_is_answered(void **state)
{
	struct rig *rig = rig_create();

	ping(rig, false, "10.1.0.9", "10.1.0.3", 8);
	assert_int_equal(rig_drops(rig, DROP_IP_NOT_OURS), 1);
	ping(rig, false, "10.1.0.9", "224.0.0.1", 8);
	ping(rig, false, "10.1.0.9", "255.255.255.255", 8);
	ping(rig, true, "fd00:1::9", "ff02::1", 8);
	assert_int_equal(rig_drops(rig, DROP_MULTICAST_IGNORED), 3);
	// Sources that cannot be.
	ping(rig, false, "0.0.0.0", "10.1.0.2", 8);
	ping(rig, false, "10.1.0.2", "10.1.0.2", 8);
	assert_int_equal(rig->frames.count, 0);
	rig_destroy(rig);
}

static void echo_above_the_rate_is_dropped(void **state)
{
	struct rig *rig = rig_create();

	for (uint32_t i = 0; i < 6000; i++) {
		ping(rig, false, "10.1.0.9", "10.1.0.2", 8);
		if (i % 1000 == 999)
			rig_forget(rig);
	}
	assert_int_equal(rig_drops(rig, DROP_ICMP_RATE), 1000);
	rig_advance(rig, 100 * USEC_PER_MILLISECOND);
	for (uint32_t i = 0; i < 1500; i++)
		ping(rig, false, "10.1.0.9", "10.1.0.2", 8);
	assert_int_equal(rig->frames.count, 1000);
	rig_destroy(rig);
}

struct segment {
	uint32_t sequence;
	uint32_t acknowledgement;
	uint8_t flags;
	uint32_t data;
};

static void receive_segment_from(
	struct rig *rig, const char *source, bool v6, const struct segment *s)
{
	uint8_t tcp[20 + 1000] = {0};
	size_t n = 20 + s->data;

	be16_store(tcp, be16_from_host(40000));
	be16_store(tcp + 2, be16_from_host(81));
	be32_store(tcp + 4, be32_from_host(s->sequence));
	be32_store(tcp + 8, be32_from_host(s->acknowledgement));
	tcp[12] = 0x50;
	tcp[13] = s->flags;
	n = rig_ip_frame(bytes, source, v6 ? "fd00:1::2" : "10.1.0.2", IPPROTO_TCP, tcp, n);
	rig_receive(rig, 0, bytes, n);
}

static void receive_segment(struct rig *rig, bool v6, const struct segment *s)
{
	receive_segment_from(rig, v6 ? "fd00:1::9" : "10.1.0.9", v6, s);
}

static void unknown_segments_are_reset(void **state)
{
	// RFC 9293 section 3.10.7.1: sequence and acknowledgement of the reset, with or without
	// ACK.
	static const struct {
		struct segment in;
		struct segment out;
	} cases[] = {
		{{1000, 0, TCP_FLAG_SYN, 0}, {0, 1001, TCP_FLAG_RST | TCP_FLAG_ACK, 0}},
		{{1000, 0, TCP_FLAG_SYN, 10}, {0, 1011, TCP_FLAG_RST | TCP_FLAG_ACK, 0}},
		{{1000, 5000, TCP_FLAG_ACK, 100}, {5000, 0, TCP_FLAG_RST, 0}},
		{{1000, 5000, TCP_FLAG_ACK | TCP_FLAG_FIN, 0}, {5000, 0, TCP_FLAG_RST, 0}},
		{{0xffffffff, 0, TCP_FLAG_SYN, 0}, {0, 0, TCP_FLAG_RST | TCP_FLAG_ACK, 0}},
	};
	struct rig *rig = rig_create();

	for (uint32_t i = 0; i < 2 * nx_array_size(cases); i++) {
		const struct segment *out = &cases[i / 2].out;

		receive_segment(rig, i & 1, &cases[i / 2].in);
		struct packet p = sent(rig, i);

		assert_int_equal(p.kind, PACKET_TCP);
		assert_int_equal(p.tcp_flags, out->flags);
		assert_int_equal(be32_to_host(p.tcp_sequence), out->sequence);
		assert_int_equal(be32_to_host(p.tcp_acknowledgement), out->acknowledgement);
		assert_int_equal(be16_to_host(p.key.source_port), 81);
		assert_int_equal(be16_to_host(p.key.destination_port), 40000);
		assert_int_equal(p.length - p.l4, 20);
	}
	assert_int_equal(rig_drops(rig, DROP_TCP_NO_LISTENER), 6);
	assert_int_equal(rig_drops(rig, DROP_TCP_NO_SESSION), 4);
	assert_int_equal(counter_read(&rig->stats.resets_sent), 10);
	rig_destroy(rig);
}

static void resets_are_never_reset(void **state)
{
	struct segment s = {1, 2, TCP_FLAG_RST | TCP_FLAG_ACK, 0};
	struct rig *rig = rig_create();

	receive_segment(rig, false, &s);
	s.flags = TCP_FLAG_RST;
	receive_segment(rig, true, &s);
	assert_int_equal(rig->frames.count, 0);
	assert_int_equal(rig_drops(rig, DROP_TCP_NO_SESSION), 2);
	rig_destroy(rig);
}

static void resets_are_bounded_per_second(void **state)
{
	struct segment s = {1, 2, TCP_FLAG_ACK, 0};
	struct rig *rig = rig_create();

	for (uint32_t ms = 0; ms < 1000; ms++) {
		for (uint32_t i = 0; i < 4; i++)
			receive_segment(rig, false, &s);
		rig->now += USEC_PER_MILLISECOND;
	}
	// A second's worth and the burst.
	assert_in_range(rig->frames.count, 140, 150);
	assert_int_equal(rig_drops(rig, DROP_REPLY_RATE), 4000 - rig->frames.count);
	rig_destroy(rig);
}

// One that floods leaves the others theirs, of either family; of few, which share with it, not.
static void resets_of_others_are_their_own(void **state)
{
	struct segment s = {1, 2, TCP_FLAG_ACK, 0};
	struct rig *rig = rig_create();
	uint64_t flooded;

	for (uint32_t i = 0; i < 1000; i++)
		receive_segment(rig, false, &s);
	flooded = rig_drops(rig, DROP_REPLY_RATE);
	assert_true(flooded > 900);
	for (uint32_t i = 0; i < 100; i++) {
		char source[20];

		snprintf(source, sizeof(source), "10.1.0.%u", 20 + i);
		receive_segment_from(rig, source, false, &s);
	}
	receive_segment(rig, true, &s);
	assert_true(rig_drops(rig, DROP_REPLY_RATE) - flooded < 10);
	rig_destroy(rig);
}

static void reset_of_the_flow_engine_is_sent(void **state)
{
	struct rig *rig = rig_create();
	struct ip_address peer = rig_address("10.2.0.9");
	struct flow_reset r = {.key = {.source = rig_address("10.2.0.2"),
				       .destination = peer,
				       .source_port = be16_from_host(5),
				       .destination_port = be16_from_host(6),
				       .protocol = IPPROTO_TCP},
		.sequence = 0x01020304,
		.acknowledgement = 0x05060708,
		.ack = true,
		.netif = 1,
		.neighbour = neighbour_get(&rig->table, 1, &peer)};

	l3_reset(rig->l3, &rig->snapshot, &r, rig->now);
	assert_int_equal(rig->frames.count, 0);
	assert_int_equal(rig_drops(rig, DROP_NEIGHBOUR_UNRESOLVED), 1);
	rig_receive_hex(rig, 1,
		"ffffffffffff 020000000099 8100 0007 0806 0001 0800 06 04 0001 020000000099 0a020009"
		"000000000000 0a020009");
	l3_reset(rig->l3, &rig->snapshot, &r, rig->now);
	struct packet p = sent(rig, 0);

	assert_int_equal(rig->frames.items[0].port, 1);
	assert_int_equal(p.vlan, 7);
	assert_memory_equal(p.data, "\2\0\0\0\0\x99\2\0\0\0\0\2", 12);
	assert_memory_equal(&p.key, &r.key, sizeof(r.key));
	assert_int_equal(be32_to_host(p.tcp_sequence), 0x01020304);
	assert_int_equal(be32_to_host(p.tcp_acknowledgement), 0x05060708);
	assert_int_equal(p.tcp_flags, TCP_FLAG_RST | TCP_FLAG_ACK);
	rig_destroy(rig);
}

static size_t udp_frame(bool v6, size_t data)
{
	static uint8_t udp[65536];
	size_t n = 8 + data;

	be16_store(udp, be16_from_host(5353));
	be16_store(udp + 2, be16_from_host(99));
	be16_store(udp + 4, be16_from_host((uint16_t)n));
	for (size_t i = 0; i < data; i++)
		udp[8 + i] = (uint8_t)i;
	return v6 ? rig_ip_frame(bytes, "fd00:1::9", "fd00:1::2", IPPROTO_UDP, udp, n)
		  : rig_ip_frame(bytes, "10.1.0.9", "10.1.0.2", IPPROTO_UDP, udp, n);
}

static void udp_without_listener_gets_port_unreachable(void **state)
{
	static const size_t sizes[] = {0, 1, 100, 519, 520, 521, 1200, 1471, 40000};
	struct rig *rig = rig_create();

	for (uint32_t i = 0; i < 2 * nx_array_size(sizes); i++) {
		bool v6 = i & 1;
		size_t n = udp_frame(v6, sizes[i / 2]);
		size_t most = v6 ? 1280 - 48 : 576 - 28;
		size_t quoted = n - 14 < most ? n - 14 : most;

		rig_receive(rig, 0, bytes, n);
		struct packet p = sent(rig, i);

		assert_int_equal(p.icmp_type, v6 ? 1 : 3);
		assert_int_equal(p.icmp_code, v6 ? 4 : 3);
		assert_int_equal(p.length, p.payload + quoted);
		assert_memory_equal(p.data + p.payload, bytes + 14, quoted);
	}
	assert_int_equal(rig_drops(rig, DROP_UDP_NO_LISTENER), 18);
	assert_int_equal(counter_read(&rig->stats.unreachables_sent), 18);
	rig_destroy(rig);
}

static void unreachables_are_bounded(void **state)
{
	struct rig *rig = rig_create();
	size_t n = udp_frame(false, 8);

	for (uint32_t i = 0; i < 1000; i++)
		rig_receive(rig, 0, bytes, n);
	assert_int_equal(rig->frames.count, 500);
	assert_int_equal(rig_drops(rig, DROP_REPLY_RATE), 500);
	assert_int_equal(counter_read(&rig->stats.unreachables_sent), 500);
	// What is not sent is not counted: without a buffer, and to a group.
	rig_advance(rig, USEC_PER_SECOND);
	rig->fail_from = 1;
	rig_receive(rig, 0, bytes, n);
	bytes[6] |= 1;
	rig_receive(rig, 0, bytes, n);
	assert_int_equal(counter_read(&rig->stats.unreachables_sent), 500);
	rig_destroy(rig);
}

static void unknown_protocol_is_told(void **state)
{
	struct rig *rig = rig_create();
	uint8_t payload[8] = {0};
	size_t n = rig_ip_frame(bytes, "10.1.0.9", "10.1.0.2", 132, payload, 8);

	rig_receive(rig, 0, bytes, n);
	struct packet p = sent(rig, 0);

	assert_int_equal(p.icmp_type, 3);
	assert_int_equal(p.icmp_code, 2);
	n = rig_ip_frame(bytes, "fd00:1::9", "fd00:1::2", 132, payload, 8);
	rig_receive(rig, 0, bytes, n);
	p = sent(rig, 1);
	assert_int_equal(p.icmp_type, 4);
	assert_int_equal(p.icmp_code, 1);
	assert_int_equal(be32_to_host(be32_load(p.data + p.l4 + 4)), 6);
	rig_destroy(rig);
}

// l3_refuse of the frame in bytes.
static void refuse(struct rig *rig, size_t n, enum l3_refusal refusal, uint32_t mtu)
{
	struct packet p = {0};

	rig_parse(&p, rig_buffer(bytes, n), 0);
	l3_refuse(rig->l3, &rig->snapshot, &p, refusal, mtu, rig->now);
}

static void too_big_and_hop_limit_tell_the_sender(void **state)
{
	static const uint8_t expected[][2][2] = {
		[L3_REFUSE_TOO_BIG] = {{3, 4}, {2, 0}},
		[L3_REFUSE_HOP_LIMIT] = {{11, 0}, {3, 0}},
		[L3_REFUSE_NO_ROUTE] = {{3, 0}, {1, 0}},
		[L3_REFUSE_ADMIN] = {{3, 13}, {1, 1}},
	};
	struct rig *rig = rig_create();

	for (uint32_t i = 0; i < 8; i++) {
		refuse(rig, udp_frame(i & 1, 1400), (enum l3_refusal)(i / 2), 1280);
		struct packet p = sent(rig, i);

		assert_int_equal(p.icmp_type, expected[i / 2][i & 1][0]);
		assert_int_equal(p.icmp_code, expected[i / 2][i & 1][1]);
		assert_int_equal(be32_to_host(be32_load(p.data + p.l4 + 4)), i / 2 == 0 ? 1280 : 0);
	}
	assert_int_equal(rig_drops(rig, DROP_IP_TOO_BIG), 2);
	assert_int_equal(rig_drops(rig, DROP_IP_HOP_LIMIT), 2);
	rig_destroy(rig);
}

static void no_error_about_errors_groups_and_nobody(void **state)
{
	struct rig *rig = rig_create();
	uint8_t icmp[64] = {3, 1};
	size_t n;

	be16_store(icmp + 2, checksum_finish(checksum_bytes(icmp, 64, 0)));
	n = rig_ip_frame(bytes, "10.1.0.9", "10.1.0.2", IPPROTO_ICMP, icmp, 64);
	refuse(rig, n, L3_REFUSE_HOP_LIMIT, 0);
	n = udp_frame(false, 8);
	bytes[0] = 0xff; // to a group of stations
	refuse(rig, n, L3_REFUSE_HOP_LIMIT, 0);
	n = udp_frame(false, 8);
	bytes[6] = 0x03; // from a group of stations
	refuse(rig, n, L3_REFUSE_HOP_LIMIT, 0);
	n = rig_ip_frame(bytes, "10.1.0.9", "224.0.0.9", 132, icmp, 64);
	refuse(rig, n, L3_REFUSE_HOP_LIMIT, 0);
	n = rig_ip_frame(bytes, "0.0.0.0", "10.1.0.2", 132, icmp, 64);
	refuse(rig, n, L3_REFUSE_HOP_LIMIT, 0);
	n = rig_ip_frame(bytes, "::", "fd00:1::2", 132, icmp, 64);
	refuse(rig, n, L3_REFUSE_HOP_LIMIT, 0);
	assert_int_equal(rig->frames.count, 0);
	assert_int_equal(rig_drops(rig, DROP_IP_HOP_LIMIT), 6);
	rig_destroy(rig);
}

static void errors_are_bounded(void **state)
{
	struct rig *rig = rig_create();
	size_t n = udp_frame(false, 8);

	for (uint32_t i = 0; i < 800; i++)
		refuse(rig, n, L3_REFUSE_HOP_LIMIT, 0);
	assert_int_equal(rig->frames.count, 500);
	assert_int_equal(rig_drops(rig, DROP_ICMP_RATE), 300);
	rig_destroy(rig);
}

static void errors_about_unknown_sessions_are_counted(void **state)
{
	struct rig *rig = rig_create();
	uint8_t icmp[64] = {3, 1};
	size_t n;

	be16_store(icmp + 2, checksum_finish(checksum_bytes(icmp, 64, 0)));
	n = rig_ip_frame(bytes, "10.1.0.9", "10.1.0.2", IPPROTO_ICMP, icmp, 64);
	rig_receive(rig, 0, bytes, n);
	assert_int_equal(rig_drops(rig, DROP_ICMP_NO_SESSION), 1);
	rig_destroy(rig);
}

static void fragments_come_back_whole_or_time_out(void **state)
{
	struct rig *rig = rig_create();

	for (uint32_t i = 0; i < 2; i++) {
		static uint8_t icmp[2000];
		size_t n = echo_request(icmp, false, "10.1.0.9", "10.1.0.2", 1992);

		n = rig_ip_frame(
			bytes, "10.1.0.9", "10.1.0.2", IPPROTO_ICMP, icmp + i * 1000, 1000);
		be16_store(bytes + 20, be16_from_host(i ? 125 : 0x2000));
		be16_store(bytes + 24, 0);
		be16_store(bytes + 24, checksum_finish(checksum_bytes(bytes + 14, 20, 0)));
		rig_receive(rig, 0, bytes, n);
	}
	assert_int_equal(rig->again.count, 1);
	assert_int_equal(rig->again.items[0].largest, 1020);
	// As the worker loop does: through the stages again.
	struct packet p = {0};

	rig_parse(&p, rig->again.items[0].buffer, 0);
	rig->again.count = 0;
	l3_input(rig->l3, &rig->snapshot, &p, rig->now);
	assert_int_equal(rig->frames.count, 2);
	rig_forget(rig);
	be16_store(bytes + 20, be16_from_host(0x2000));
	be16_store(bytes + 24, 0);
	be16_store(bytes + 24, checksum_finish(checksum_bytes(bytes + 14, 20, 0)));
	rig_receive(rig, 0, bytes, 34 + 1000);
	rig_advance(rig, 30 * USEC_PER_SECOND);
	struct packet error = sent(rig, 0);

	assert_int_equal(error.icmp_type, 11);
	assert_int_equal(error.icmp_code, 1);
	assert_memory_equal(error.data + error.payload, bytes + 14, 548);
	rig_destroy(rig);
}

static void without_buffers_nothing_is_answered_or_lost(void **state)
{
	struct segment s = {1, 2, TCP_FLAG_ACK, 0};
	struct rig *rig = rig_create();
	size_t n = udp_frame(false, 8);

	rig->fail_from = 1;
	receive_segment(rig, false, &s);
	n = udp_frame(false, 8);
	rig_receive(rig, 0, bytes, n);
	refuse(rig, n, L3_REFUSE_TOO_BIG, 1280);
	assert_int_equal(rig->frames.count, 0);
	assert_int_equal(rig_drops(rig, DROP_NO_BUFFER), 3);
	rig_destroy(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(echo_is_answered_in_both_families),
		cmocka_unit_test(echo_reply_leaves_options_behind),
		cmocka_unit_test(echo_reply_leaves_a_priority_tag_behind),
		cmocka_unit_test(echo_of_sixty_kilobytes_leaves_in_fragments),
		cmocka_unit_test(nobody_else_is_answered),
		cmocka_unit_test(echo_above_the_rate_is_dropped),
		cmocka_unit_test(unknown_segments_are_reset),
		cmocka_unit_test(resets_are_never_reset),
		cmocka_unit_test(resets_are_bounded_per_second),
		cmocka_unit_test(resets_of_others_are_their_own),
		cmocka_unit_test(reset_of_the_flow_engine_is_sent),
		cmocka_unit_test(udp_without_listener_gets_port_unreachable),
		cmocka_unit_test(unreachables_are_bounded),
		cmocka_unit_test(unknown_protocol_is_told),
		cmocka_unit_test(too_big_and_hop_limit_tell_the_sender),
		cmocka_unit_test(no_error_about_errors_groups_and_nobody),
		cmocka_unit_test(errors_are_bounded),
		cmocka_unit_test(errors_about_unknown_sessions_are_counted),
		cmocka_unit_test(fragments_come_back_whole_or_time_out),
		cmocka_unit_test(without_buffers_nothing_is_answered_or_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
