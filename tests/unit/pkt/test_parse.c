// SPDX-License-Identifier: BSD-3-Clause
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "frame.h"

// Applies one change to a fresh frame and says what the parser makes of it.
static enum parse_verdict verdict_after(
	const struct frame_spec *spec, int l3_or_l4, unsigned at, uint8_t value)
{
	struct frame f = frame_make(spec);
	enum parse_verdict verdict;
	struct packet p;

	f.bytes[(l3_or_l4 == 3 ? f.l3 : f.l4) + at] = value;
	if (!spec->v6 && l3_or_l4 == 3)
		frame_mend_ipv4(&f);
	verdict = frame_parse(&f, 0, &p);
	if (verdict != PARSE_OK)
		assert_int_equal(p.kind, PACKET_NONE);
	frame_free(&f);
	return verdict;
}

static const struct frame_spec tcp4 = {.protocol = IPPROTO_TCP, .payload = 100};
static const struct frame_spec tcp6 = {.protocol = IPPROTO_TCP, .payload = 100, .v6 = true};
static const struct frame_spec udp4 = {.protocol = IPPROTO_UDP, .payload = 33};
static const struct frame_spec udp6 = {.protocol = IPPROTO_UDP, .payload = 33, .v6 = true};

static void ipv4_tcp_fills_the_descriptor(void **state)
{
	struct frame_spec spec = {.protocol = IPPROTO_TCP, .payload = 3, .padding = 3};
	struct frame f = frame_make(&spec);
	struct packet p;

	memset(&p, 0xa5, sizeof(p));
	assert_int_equal(frame_parse(&f, PARSE_L4_GOOD, &p), PARSE_OK);
	assert_int_equal(p.kind, PACKET_TCP);
	assert_int_equal(p.length, 57); // padding is cut
	assert_int_equal(p.l3, 14);
	assert_int_equal(p.l4, 34);
	assert_int_equal(p.payload, 54);
	assert_int_equal(packet_payload_length(&p), 3);
	assert_int_equal(p.flags, PACKET_CHECKSUM_GOOD | PACKET_DONT_FRAGMENT);
	assert_int_equal(p.vlan, 0);
	assert_int_equal(p.hop_limit, 64);
	assert_int_equal(p.ip_protocol, IPPROTO_TCP);
	assert_int_equal(p.key.protocol, IPPROTO_TCP);
	assert_int_equal(p.key.source.words[3], be32_load(f.bytes + 26));
	assert_true(ip_address_is_v4(&p.key.source) && ip_address_is_v4(&p.key.destination));
	assert_int_equal(be16_to_host(p.key.source_port), 40000);
	assert_int_equal(be16_to_host(p.key.destination_port), 9000);
	assert_int_equal(p.key.zero[0] | p.key.zero[1] | p.key.zero[2], 0);
	assert_int_equal(be32_to_host(p.tcp_sequence), 0x11223344);
	assert_int_equal(be32_to_host(p.tcp_acknowledgement), 0x55667788);
	assert_int_equal(be16_to_host(p.tcp_window), 512);
	assert_int_equal(p.tcp_flags, TCP_FLAG_ACK);
	assert_int_equal(p.tcp_header_length, 20);
	assert_int_equal(p.session, PACKET_NO_SESSION);
	assert_int_equal(p.neighbour, PACKET_NO_NEIGHBOUR);
	frame_free(&f);
}

static void ipv6_udp_with_a_vlan_tag(void **state)
{
	struct frame_spec spec = {.protocol = IPPROTO_UDP, .v6 = true, .vlan = true, .payload = 5};
	struct frame f = frame_make(&spec);
	struct packet p;

	memset(&p, 0xa5, sizeof(p));
	assert_int_equal(frame_parse(&f, PARSE_L4_PARTIAL | PARSE_SEGMENTED, &p), PARSE_OK);
	assert_int_equal(p.kind, PACKET_UDP);
	assert_int_equal(p.vlan, 100);
	assert_int_equal(p.l3, 18);
	assert_int_equal(p.l4, 58);
	assert_int_equal(p.payload, 66);
	assert_int_equal(p.flags,
		PACKET_IS_V6 | PACKET_DONT_FRAGMENT | PACKET_CHECKSUM_PARTIAL | PACKET_SEGMENTED);
	assert_memory_equal(p.key.source.bytes, f.bytes + 26, 16);
	assert_int_equal(p.key.zero[0] | p.key.zero[1] | p.key.zero[2], 0);
	frame_free(&f);
}

static void priority_tag_is_vlan_zero_and_a_second_tag_unknown(void **state)
{
	struct frame_spec spec = {.protocol = IPPROTO_UDP, .vlan = true};
	struct frame f = frame_make(&spec);
	struct packet p;

	f.bytes[14] = 0xe0;
	f.bytes[15] = 0;
	assert_int_equal(frame_parse(&f, 0, &p), PARSE_OK);
	assert_int_equal(p.vlan, 0);
	f.bytes[16] = 0x81;
	f.bytes[17] = 0;
	assert_int_equal(frame_parse(&f, 0, &p), PARSE_L2_UNKNOWN_TYPE);
	frame_free(&f);
}

// Every prefix of every kind of frame: a verdict, and no byte read beyond it.
static void every_truncation_is_refused(void **state)
{
	struct frame_spec specs[] = {tcp4, tcp6, udp4, udp6,
		{.protocol = IPPROTO_ICMP, .payload = 9},
		{.protocol = IPPROTO_ICMPV6, .v6 = true, .payload = 9},
		{.protocol = IPPROTO_TCP, .ip_options_length = 12, .vlan = true, .payload = 7}};

	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		struct frame f = frame_make(&specs[i]);

		for (uint32_t length = 0; length < f.length; length++) {
			struct frame cut = f;
			struct packet p;

			cut.bytes = malloc(length ? length : 1);
			cut.length = length;
			memcpy(cut.bytes, f.bytes, length);
			assert_int_not_equal(frame_parse(&cut, 0, &p), PARSE_OK);
			assert_int_equal(p.kind, PACKET_NONE);
			frame_free(&cut);
		}
		frame_free(&f);
	}
}

// A chain: the frame goes on beyond the first buffer, headers must not.
static void headers_have_to_be_contiguous(void **state)
{
	struct frame f = frame_make(&tcp4);

	for (uint32_t contiguous = 0; contiguous <= 54; contiguous++) {
		uint8_t *block = malloc(contiguous ? contiguous : 1);
		struct parse_context c = {
			.data = block, .contiguous = contiguous, .frame = f.length};
		struct packet p;

		memcpy(block, f.bytes, contiguous);
		assert_int_equal(packet_parse(&p, &c) == PARSE_OK, contiguous == 54);
		free(block);
	}
	frame_free(&f);
}

// A frame in two buffers, whose first one ends behind each of its bytes in turn, and each buffer in
// a block of its own size: headers must lie in the first, payload and its sum need not.
static void check_each_cut(const struct frame_spec *spec)
{
	struct frame f = frame_make(spec);
	struct packet whole;

	assert_int_equal(frame_parse(&f, 0, &whole), PARSE_OK);
	for (uint32_t cut = 1; cut < f.length; cut++) {
		uint8_t *first = malloc(cut);
		uint8_t *second = malloc(f.length - cut);
		struct parse_context c = {.data = first, .contiguous = cut, .frame = f.length};
		struct checksum_span spans[] = {
			{.data = first, .length = cut}, {.data = second, .length = f.length - cut}};
		struct packet p;

		memcpy(first, f.bytes, cut);
		memcpy(second, f.bytes + cut, f.length - cut);
		if (packet_parse(&p, &c) != PARSE_OK) {
			assert_true(cut < whole.payload);
			assert_int_equal(p.kind, PACKET_NONE);
		} else {
			assert_true(cut >= whole.payload);
			assert_int_equal(p.payload, whole.payload);
			assert_true(flow_key_equal(&p.key, &whole.key));
			assert_int_equal(packet_checksum_verify(&p, spans, 2, false), PARSE_OK);
			second[0] ^= 1;
			assert_int_equal(
				packet_checksum_verify(&p, spans, 2, false), PARSE_L4_BAD_CHECKSUM);
		}
		free(first);
		free(second);
	}
	frame_free(&f);
}

static void a_chain_may_be_cut_at_each_byte(void **state)
{
	const struct frame_spec specs[] = {tcp4, tcp6, udp4, udp6,
		{.protocol = IPPROTO_TCP,
			.payload = 9,
			.vlan = true,
			.ip_options_length = 40,
			.tcp_options = {2, 4, 5, 180, 4, 2, 8, 10, [16] = 1, 3, 3, 7},
			.tcp_options_length = 20},
		{.protocol = IPPROTO_TCP,
			.payload = 9,
			.v6 = true,
			.vlan = true,
			.tcp_options = {1, 1, 8, 10, [12] = 1, 1, 5, 10},
			.tcp_options_length = 24},
		{.protocol = IPPROTO_ICMP, .payload = 40},
		{.protocol = IPPROTO_ICMPV6, .payload = 40, .v6 = true}};

	for (unsigned int i = 0; i < sizeof(specs) / sizeof(specs[0]); i++)
		check_each_cut(&specs[i]);
}

static void ipv4_headers_that_lie_are_refused(void **state)
{
	struct frame f = frame_make(&tcp4);
	struct packet p;

	assert_int_equal(verdict_after(&tcp4, 3, 0, 0x55), PARSE_IP_BAD_HEADER);
	assert_int_equal(verdict_after(&tcp4, 3, 0, 0x44), PARSE_IP_BAD_HEADER);
	assert_int_equal(verdict_after(&tcp4, 3, 3, 19), PARSE_IP_BAD_HEADER);
	assert_int_equal(verdict_after(&tcp4, 3, 2, 0xff), PARSE_IP_TRUNCATED);
	assert_int_equal(verdict_after(&tcp4, 3, 12, 127), PARSE_IP_SPOOFED);
	assert_int_equal(verdict_after(&tcp4, 3, 12, 224), PARSE_IP_SPOOFED);
	assert_int_equal(verdict_after(&tcp4, 3, 12, 255), PARSE_IP_SPOOFED);
	assert_int_equal(verdict_after(&tcp4, 3, 12, 0), PARSE_IP_SPOOFED);
	f.bytes[f.l3 + 8] ^= 1;
	assert_int_equal(frame_parse(&f, 0, &p), PARSE_IP_BAD_CHECKSUM);
	assert_int_equal(frame_parse(&f, PARSE_IP_GOOD, &p), PARSE_OK);
	frame_free(&f);
}

static void ipv4_options_are_walked(void **state)
{
	struct frame_spec spec = {.protocol = IPPROTO_UDP, .ip_options_length = 8};
	struct frame f = frame_make(&spec);
	struct packet p;

	assert_int_equal(frame_parse(&f, 0, &p), PARSE_OK);
	assert_true(p.flags & PACKET_IP_OPTIONS);
	assert_int_equal(p.l4, 42);
	frame_free(&f);
	assert_int_equal(verdict_after(&spec, 3, 20, 131), PARSE_IP_BAD_OPTION);
	assert_int_equal(verdict_after(&spec, 3, 20, 137), PARSE_IP_BAD_OPTION);
	assert_int_equal(verdict_after(&spec, 3, 20, 7), PARSE_IP_BAD_OPTION); // length 1
	assert_int_equal(verdict_after(&spec, 3, 27, 7), PARSE_IP_BAD_OPTION); // no length
	assert_int_equal(verdict_after(&spec, 3, 20, 0), PARSE_OK);            // end of list
}

static void fragments_have_addresses_only(void **state)
{
	struct frame_spec spec = {.protocol = IPPROTO_UDP, .payload = 24};
	struct frame f = frame_make(&spec);
	struct packet p;

	f.bytes[f.l3 + 6] = 0x20; // more fragments, offset 0, 32 bytes
	frame_mend_ipv4(&f);
	assert_int_equal(frame_parse(&f, 0, &p), PARSE_OK);
	assert_int_equal(p.kind, PACKET_FRAGMENT);
	assert_int_equal(p.key.source_port, 0);
	assert_int_equal(p.payload, f.l4);
	assert_int_equal(p.ip_protocol, IPPROTO_UDP);
	frame_free(&f);
	spec.payload = 25; // 33 bytes, more to come
	assert_int_equal(verdict_after(&spec, 3, 6, 0x20), PARSE_FRAGMENT_MALFORMED);
	spec.payload = 24;
	f = frame_make(&spec);
	f.bytes[f.l3 + 6] = 0x1f; // ends at 65,528 + 32
	f.bytes[f.l3 + 7] = 0xff;
	frame_mend_ipv4(&f);
	assert_int_equal(frame_parse(&f, 0, &p), PARSE_FRAGMENT_MALFORMED);
	frame_free(&f);
}

static void ipv6_headers_that_lie_are_refused(void **state)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct frame f = frame_make(&tcp6);
	struct packet p;

	assert_int_equal(verdict_after(&tcp6, 3, 0, 0x40), PARSE_IP_BAD_HEADER);
	assert_int_equal(verdict_after(&tcp6, 3, 4, 0xff), PARSE_IP_TRUNCATED);
	assert_int_equal(verdict_after(&tcp6, 3, 5, 0), PARSE_IP_BAD_HEADER); // jumbo
	assert_int_equal(verdict_after(&tcp6, 3, 8, 0xff), PARSE_IP_SPOOFED);
	memcpy(f.bytes + f.l3 + 8, mapped, 12); // would alias an IPv4 flow
	assert_int_equal(frame_parse(&f, 0, &p), PARSE_IP_SPOOFED);
	frame_free(&f);
	f = frame_make(&tcp6);
	memcpy(f.bytes + f.l3 + 24, mapped, 12);
	assert_int_equal(frame_parse(&f, 0, &p), PARSE_IP_SPOOFED);
	frame_free(&f);
	f = frame_make(&tcp6);
	memset(f.bytes + f.l3 + 8, 0, 16);
	assert_int_equal(frame_parse(&f, 0, &p), PARSE_IP_SPOOFED);
	f.bytes[f.l3 + 8 + 15] = 1;
	assert_int_equal(frame_parse(&f, 0, &p), PARSE_IP_SPOOFED);
	frame_free(&f);
}

static void unspecified_source_is_for_neighbour_discovery(void **state)
{
	struct frame_spec spec = {.protocol = IPPROTO_ICMPV6, .v6 = true, .payload = 16};
	struct frame f = frame_make(&spec);
	struct packet p;

	memset(f.bytes + f.l3 + 8, 0, 16);
	assert_int_equal(frame_parse(&f, 0, &p), PARSE_OK);
	assert_int_equal(p.kind, PACKET_ICMP6);
	assert_int_equal(p.icmp_type, 128);
	frame_free(&f);
}

// Puts extension headers, each 8 bytes, before the transport of an IPv6 UDP frame.
static enum parse_verdict parse_extended(
	const uint8_t *types, unsigned n, const uint8_t body[6], struct packet *p)
{
	struct frame f = frame_make(&udp6);
	struct frame g = f;
	enum parse_verdict verdict;
	uint16_t payload = (uint16_t)(f.length - f.l4 + 8 * n);

	g.length = f.length + 8 * n;
	g.bytes = malloc(g.length);
	memcpy(g.bytes, f.bytes, f.l4);
	memcpy(g.bytes + f.l4 + 8 * n, f.bytes + f.l4, f.length - f.l4);
	be16_store(g.bytes + f.l3 + 4, be16_from_host(payload));
	g.bytes[f.l3 + 6] = types[0];
	for (unsigned i = 0; i < n; i++) {
		uint8_t *h = g.bytes + f.l4 + 8 * i;

		h[0] = i + 1 < n ? types[i + 1] : IPPROTO_UDP;
		h[1] = 0;
		memcpy(h + 2, body, 6);
	}
	verdict = frame_parse(&g, 0, p);
	frame_free(&f);
	frame_free(&g);
	return verdict;
}

static void ipv6_extension_headers_are_bounded(void **state)
{
	static const uint8_t pad[6] = {1, 4};
	static const uint8_t unknown_discard[6] = {0x80, 4};
	static const uint8_t unknown_skip[6] = {0x3e, 4};
	static const uint8_t overlong[6] = {1, 5};
	static const uint8_t routing_done[6] = {3, 0};
	static const uint8_t routing_type0[6] = {0, 0};
	static const uint8_t routing_left[6] = {4, 1};
	static const uint8_t jumbo[6] = {0xc2, 4, 0, 1, 0, 0};
	uint8_t dst[9];
	struct packet p;

	memset(dst, IPPROTO_DSTOPTS, sizeof(dst));
	assert_int_equal(parse_extended((uint8_t[]){0, 60}, 2, pad, &p), PARSE_OK);
	assert_int_equal(p.kind, PACKET_UDP);
	assert_true(p.flags & PACKET_IP_OPTIONS);
	assert_int_equal(p.l4, 14 + 40 + 16);
	assert_int_equal(p.ip_protocol, IPPROTO_UDP);
	assert_int_equal(p.key.protocol, IPPROTO_UDP);
	assert_int_equal(parse_extended((uint8_t[]){60, 0}, 2, pad, &p), PARSE_IP_BAD_OPTION);
	assert_int_equal(parse_extended(dst, 8, pad, &p), PARSE_OK);
	assert_int_equal(parse_extended(dst, 9, pad, &p), PARSE_IP_BAD_OPTION);
	assert_int_equal(parse_extended(dst, 1, unknown_skip, &p), PARSE_OK);
	assert_int_equal(parse_extended(dst, 1, unknown_discard, &p), PARSE_IP_BAD_OPTION);
	assert_int_equal(parse_extended(dst, 1, overlong, &p), PARSE_IP_BAD_OPTION);
	assert_int_equal(parse_extended((uint8_t[]){0}, 1, jumbo, &p), PARSE_IP_BAD_OPTION);
	assert_int_equal(parse_extended((uint8_t[]){43}, 1, routing_done, &p), PARSE_OK);
	assert_int_equal(
		parse_extended((uint8_t[]){43}, 1, routing_type0, &p), PARSE_IP_BAD_OPTION);
	assert_int_equal(parse_extended((uint8_t[]){43}, 1, routing_left, &p), PARSE_IP_BAD_OPTION);
}

static void ipv6_fragment_header_stops_the_walk(void **state)
{
	static const uint8_t last[6] = {0, 8};
	static const uint8_t more[6] = {0, 9};
	struct packet p;

	assert_int_equal(parse_extended((uint8_t[]){44}, 1, last, &p), PARSE_OK);
	assert_int_equal(p.kind, PACKET_FRAGMENT);
	assert_int_equal(p.payload, 14 + 40 + 8);
	assert_int_equal(p.ip_protocol, IPPROTO_UDP);
	// 41 bytes are no multiple of 8
	assert_int_equal(parse_extended((uint8_t[]){44}, 1, more, &p), PARSE_FRAGMENT_MALFORMED);
}

static void impossible_tcp_headers_are_refused(void **state)
{
	static const uint8_t impossible[] = {0, TCP_FLAG_FIN, TCP_FLAG_PSH | TCP_FLAG_URG,
		TCP_FLAG_SYN | TCP_FLAG_FIN, TCP_FLAG_SYN | TCP_FLAG_RST,
		TCP_FLAG_SYN | TCP_FLAG_RST | TCP_FLAG_ACK};
	static const uint8_t possible[] = {TCP_FLAG_SYN, TCP_FLAG_SYN | TCP_FLAG_ACK, TCP_FLAG_RST,
		TCP_FLAG_RST | TCP_FLAG_ACK, TCP_FLAG_FIN | TCP_FLAG_ACK,
		TCP_FLAG_SYN | TCP_FLAG_ECE | TCP_FLAG_CWR};

	for (size_t i = 0; i < sizeof(impossible); i++)
		assert_int_equal(verdict_after(&tcp4, 4, 13, impossible[i]), PARSE_L4_BAD_HEADER);
	for (size_t i = 0; i < sizeof(possible); i++)
		assert_int_equal(verdict_after(&tcp6, 4, 13, possible[i]), PARSE_OK);
	assert_int_equal(verdict_after(&tcp4, 4, 12, 0x40), PARSE_L4_BAD_HEADER);
	assert_int_equal(verdict_after(&(struct frame_spec){.protocol = IPPROTO_TCP}, 4, 12, 0x60),
		PARSE_L4_TRUNCATED);
}

static void zero_ports_are_refused(void **state)
{
	struct frame f = frame_make(&tcp4);
	struct packet p;

	be16_store(f.bytes + f.l4, 0);
	assert_int_equal(frame_parse(&f, 0, &p), PARSE_L4_BAD_HEADER);
	frame_free(&f);
	f = frame_make(&tcp4);
	be16_store(f.bytes + f.l4 + 2, 0);
	assert_int_equal(frame_parse(&f, 0, &p), PARSE_L4_BAD_HEADER);
	frame_free(&f);
	f = frame_make(&udp4);
	be16_store(f.bytes + f.l4, 0); // RFC 768: no reply wanted
	assert_int_equal(frame_parse(&f, 0, &p), PARSE_OK);
	be16_store(f.bytes + f.l4 + 2, 0);
	assert_int_equal(frame_parse(&f, 0, &p), PARSE_L4_BAD_HEADER);
	frame_free(&f);
}

static void udp_length_is_checked(void **state)
{
	assert_int_equal(verdict_after(&udp4, 4, 5, 7), PARSE_L4_BAD_HEADER);
	assert_int_equal(verdict_after(&udp4, 4, 5, 42), PARSE_L4_TRUNCATED);
	assert_int_equal(verdict_after(&udp4, 4, 5, 40), PARSE_OK);
	assert_int_equal(verdict_after(&udp6, 4, 4, 0xff), PARSE_L4_TRUNCATED);
}

static void transport_checksums_are_verified_unless_vouched_for(void **state)
{
	struct frame_spec specs[] = {tcp4, tcp6, udp4, udp6,
		{.protocol = IPPROTO_ICMP, .payload = 9},
		{.protocol = IPPROTO_ICMPV6, .v6 = true, .payload = 9}};

	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		struct frame f = frame_make(&specs[i]);
		struct checksum_span spans[2] = {{f.bytes, 61}, {f.bytes + 61, f.length - 61}};
		struct packet p;

		assert_int_equal(frame_parse(&f, 0, &p), PARSE_OK);
		assert_int_equal(packet_checksum_verify(&p, spans, 2, false), PARSE_OK);
		f.bytes[f.length - 1] ^= 4;
		assert_int_equal(
			packet_checksum_verify(&p, spans, 2, false), PARSE_L4_BAD_CHECKSUM);
		p.flags |= PACKET_CHECKSUM_GOOD;
		// A port vouches for TCP and UDP only.
		assert_int_equal(packet_checksum_verify(&p, spans, 2, false),
			i < 4 ? PARSE_OK : PARSE_L4_BAD_CHECKSUM);
		frame_free(&f);
	}
}

static void missing_udp_checksum_is_an_ipv4_matter(void **state)
{
	struct frame four = frame_make(&udp4);
	struct frame six = frame_make(&udp6);
	struct packet p;

	be16_store(four.bytes + four.l4 + 6, 0);
	be16_store(six.bytes + six.l4 + 6, 0);
	assert_int_equal(frame_parse(&four, 0, &p), PARSE_OK);
	assert_true(frame_checksum_is_right(&p));
	assert_int_equal(frame_parse(&six, 0, &p), PARSE_OK);
	assert_false(frame_checksum_is_right(&p));
	frame_free(&four);
	frame_free(&six);
}

static void unmarked_partial_checksum_is_recognised(void **state)
{
	struct frame f = frame_make(&tcp4);
	struct checksum_span span = {f.bytes, f.length};
	struct packet p;

	assert_int_equal(frame_parse(&f, 0, &p), PARSE_OK);
	be16_store(f.bytes + f.l4 + 16, checksum_fold(checksum_pseudo(&p.key.source,
						&p.key.destination, IPPROTO_TCP, f.length - f.l4)));
	assert_int_equal(packet_checksum_verify(&p, &span, 1, false), PARSE_L4_BAD_CHECKSUM);
	assert_int_equal(packet_checksum_verify(&p, &span, 1, true), PARSE_OK);
	assert_true(p.flags & PACKET_CHECKSUM_PARTIAL);
	packet_checksum_fill(&p, &span, 1);
	assert_false(p.flags & PACKET_CHECKSUM_PARTIAL);
	assert_true(frame_checksum_is_right(&p));
	frame_free(&f);
}

static void arp_and_unknown_types(void **state)
{
	struct frame_spec spec = {.protocol = IPPROTO_UDP, .payload = 18};
	struct frame f = frame_make(&spec);
	struct packet p;

	f.bytes[13] = 0x06;
	f.bytes[0] = 0xff;
	assert_int_equal(frame_parse(&f, 0, &p), PARSE_OK);
	assert_int_equal(p.kind, PACKET_ARP);
	assert_true(p.flags & PACKET_L2_MULTICAST);
	assert_int_equal(p.length, 42);
	f.length = 41;
	assert_int_equal(frame_parse(&f, 0, &p), PARSE_ARP_MALFORMED);
	f.bytes[13] = 0x07;
	assert_int_equal(frame_parse(&f, 0, &p), PARSE_L2_UNKNOWN_TYPE);
	frame_free(&f);
}

static void random_bytes_never_break_the_parser(void **state)
{
	for (int round = 0; round < 20000; round++) {
		struct frame f = frame_make(round & 1 ? &tcp4 : &udp6);
		struct packet p;

		for (int i = 0; i < 4; i++)
			f.bytes[12 + random() % (f.length - 12)] = (uint8_t)random();
		if (frame_parse(&f, PARSE_IP_GOOD, &p) == PARSE_OK) {
			assert_true(p.length <= f.length);
			assert_true(p.payload <= p.length);
			(void)frame_checksum_is_right(&p);
		}
		frame_free(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_tcp_fills_the_descriptor),
		cmocka_unit_test(ipv6_udp_with_a_vlan_tag),
		cmocka_unit_test(priority_tag_is_vlan_zero_and_a_second_tag_unknown),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(headers_have_to_be_contiguous),
		cmocka_unit_test(a_chain_may_be_cut_at_each_byte),
		cmocka_unit_test(ipv4_headers_that_lie_are_refused),
		cmocka_unit_test(ipv4_options_are_walked),
		cmocka_unit_test(fragments_have_addresses_only),
		cmocka_unit_test(ipv6_headers_that_lie_are_refused),
		cmocka_unit_test(unspecified_source_is_for_neighbour_discovery),
		cmocka_unit_test(ipv6_extension_headers_are_bounded),
		cmocka_unit_test(ipv6_fragment_header_stops_the_walk),
		cmocka_unit_test(impossible_tcp_headers_are_refused),
		cmocka_unit_test(zero_ports_are_refused),
		cmocka_unit_test(udp_length_is_checked),
		cmocka_unit_test(transport_checksums_are_verified_unless_vouched_for),
		cmocka_unit_test(missing_udp_checksum_is_an_ipv4_matter),
		cmocka_unit_test(unmarked_partial_checksum_is_recognised),
		cmocka_unit_test(arp_and_unknown_types),
		cmocka_unit_test(random_bytes_never_break_the_parser),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
