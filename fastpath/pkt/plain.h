// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The way of nearly all packets through the parser: TCP or UDP right behind an IPv4 header without
// options or an IPv6 header, in an untagged frame to one station, whole, in one piece, nothing
// about it odd, its checksums right. What is not plain is no fault: the parser proper (pkt/parse.h)
// judges it.
//
// One body, four times: the family and the protocol are constants in each, and with them every
// offset. All is read and judged before anything is written. In a header, so that what the caller
// knows of a frame never leaves the registers on its way here.

#include <netinet/in.h>

#include "pkt/parse.h"

enum {
	PLAIN_L3 = 14,
	PLAIN_IPV4_HEADER = 20,
	PLAIN_IPV6_HEADER = 40,
	PLAIN_TCP_HEADER = 20,
	PLAIN_UDP_HEADER = 8,
	PLAIN_LEAST = PLAIN_L3 + PLAIN_IPV4_HEADER + PLAIN_UDP_HEADER,
	PLAIN_SHORT = 128, // bytes below which adding word by word beats setting up vectors
};

#define plain_inline       static inline __attribute__((always_inline))
#define plain_seldom(cond) __builtin_expect(!!(cond), 0)

plain_inline uint64_t plain_load64(const uint8_t *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

plain_inline uint64_t plain_sum_word(const uint8_t *p, uint64_t sum)
{
	return checksum_add(sum, plain_load64(p));
}

// Sums n bytes, which at least eight readable ones precede: one jump into a row of additions.
plain_inline uint64_t plain_sum(const uint8_t *p, uint32_t n, uint64_t sum)
{
	if (plain_seldom(n >= PLAIN_SHORT))
		return checksum_bytes(p, n, sum);
	if (n & 64) {
		for (int i = 0; i < 8; i++)
			sum = plain_sum_word(p + 8 * i, sum);
		p += 64;
		n -= 64;
	}
	switch (n / 8) {
	case 7:
		sum = plain_sum_word(p + 48, sum);
		[[fallthrough]];
	case 6:
		sum = plain_sum_word(p + 40, sum);
		[[fallthrough]];
	case 5:
		sum = plain_sum_word(p + 32, sum);
		[[fallthrough]];
	case 4:
		sum = plain_sum_word(p + 24, sum);
		[[fallthrough]];
	case 3:
		sum = plain_sum_word(p + 16, sum);
		[[fallthrough]];
	case 2:
		sum = plain_sum_word(p + 8, sum);
		[[fallthrough]];
	case 1:
		sum = plain_sum_word(p, sum);
	}
	if (n & 7)
		sum = checksum_add(sum, plain_load64(p + n - 8) >> (-8 * n & 63));
	return sum;
}

// Whether a sum that is not zero folds to 0xffff, which is whether 65,535 divides it: an odd number
// divides another exactly when the product with its inverse modulo 2^64 is no larger than the
// quotient can be.
plain_inline bool plain_is_right(uint64_t sum)
{
	return sum * UINT64_C(0xfffefffefffeffff) <= UINT64_C(0x0001000100010001);
}

// Whether the network header is plain, but for a length that may be below the header's own; *end is
// where the packet ends in the frame.
plain_inline bool plain_network(const struct parse_context *c, bool v6, uint32_t *end)
{
	const uint8_t *ip = c->data + PLAIN_L3;
	uint32_t length = be16_to_host(be16_load(ip + (v6 ? 4 : 2)));

	*end = PLAIN_L3 + (v6 ? PLAIN_IPV6_HEADER : 0) + length;
	if (plain_seldom(*end > c->frame))
		return false;
	// Odd addresses have eight zero bytes in front, or the source is multicast.
	if (v6)
		return ip[0] >> 4 == 6 && plain_load64(ip + 8) != 0 && plain_load64(ip + 24) != 0 &&
		       ip[8] != 0xff;
	// The source's first byte: not 0, not 224 and above, not 127.
	if (plain_seldom(ip[0] != 0x45 || (be16_load(ip + 6) & htobe16(0x3fff)) != 0 ||
			 (uint8_t)(ip[12] - 1) >= 223 || ip[12] == 127))
		return false;
	return (c->offload & PARSE_IP_GOOD) || plain_is_right(checksum_ipv4_base(ip));
}

// Over the addresses, which lie right before the transport header, and `covered` bytes from there;
// wire: the same number as the pseudo-header has it.
plain_inline bool plain_checksum_is_right(
	const uint8_t *h, uint32_t covered, be16 wire, bool v6, uint8_t protocol)
{
	uint64_t sum = (uint64_t)wire + htobe16(protocol);

	sum = checksum_add(sum, plain_load64(h - 8));
	if (v6) {
		sum = checksum_add(sum, plain_load64(h - 16));
		sum = checksum_add(sum, plain_load64(h - 24));
		sum = checksum_add(sum, plain_load64(h - 32));
	}
	return plain_is_right(plain_sum(h, covered, sum));
}

// The length of the header; 0 if it is not plain. A SYN comes once a connection.
plain_inline uint32_t plain_tcp_header(const uint8_t *h)
{
	uint32_t header = (h[12] >> 4) * 4u;

	if (plain_seldom(header < PLAIN_TCP_HEADER || be16_load(h) == 0 || be16_load(h + 2) == 0))
		return 0;
	if (plain_seldom((h[13] & TCP_FLAG_SYN) || !(h[13] & (TCP_FLAG_RST | TCP_FLAG_ACK))))
		return 0;
	return header;
}

// h: the transport header, with the addresses right before it.
plain_inline void plain_key_write(struct flow_key *key, const uint8_t *h, bool v6, bool tcp)
{
	uint64_t rest = (uint64_t)(tcp ? IPPROTO_TCP : IPPROTO_UDP) << 32 | be32_load(h);

	if (v6) {
		memcpy(key->source.bytes, h - 32, 16);
		memcpy(key->destination.bytes, h - 16, 16);
	} else {
		key->source = ip_address_from_v4(be32_load(h - 8));
		key->destination = ip_address_from_v4(be32_load(h - 4));
	}
	// Both ports, the protocol and the zeros in one store.
	static_assert(offsetof(struct flow_key, protocol) ==
		      offsetof(struct flow_key, source_port) + sizeof(uint32_t));
	static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
	memcpy(&key->source_port, &rest, sizeof(rest));
}

// What all packets of a kind have in common, by family and protocol: the fields from hash on,
// zero where they differ.
#define PLAIN_COMMON(header, transport, number)                                                    \
	{                                                                                          \
		.session = PACKET_NO_SESSION, .neighbour = PACKET_NO_NEIGHBOUR, .l3 = PLAIN_L3,    \
		.l4 = PLAIN_L3 + (header), .kind = (transport), .ip_protocol = (number),           \
		.payload = PLAIN_L3 + (header) + PLAIN_UDP_HEADER,                                 \
	}
static const struct packet plain_common[2][2] = {
	{PLAIN_COMMON(PLAIN_IPV4_HEADER, PACKET_UDP, IPPROTO_UDP),
		PLAIN_COMMON(PLAIN_IPV4_HEADER, PACKET_TCP, IPPROTO_TCP)},
	{PLAIN_COMMON(PLAIN_IPV6_HEADER, PACKET_UDP, IPPROTO_UDP),
		PLAIN_COMMON(PLAIN_IPV6_HEADER, PACKET_TCP, IPPROTO_TCP)},
};
#undef PLAIN_COMMON
enum {
	PLAIN_COMMON_BYTES = offsetof(struct packet, tcp_header_length) + sizeof(uint16_t) -
			     offsetof(struct packet, hash),
};

plain_inline bool plain_parse(
	struct packet *p, const struct parse_context *c, const bool v6, const bool tcp)
{
	const uint32_t l4 = PLAIN_L3 + (v6 ? PLAIN_IPV6_HEADER : PLAIN_IPV4_HEADER);
	const uint8_t protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP;
	const uint8_t *d = c->data;
	const uint8_t *h = d + l4;
	uint32_t least = l4 + (tcp ? PLAIN_TCP_HEADER : PLAIN_UDP_HEADER);
	uint32_t header = PLAIN_UDP_HEADER;
	uint32_t end;
	uint32_t covered;
	uint32_t flags;
	be16 wire;

	if (plain_seldom(
		    (least > PLAIN_LEAST && c->contiguous < least) || !plain_network(c, v6, &end)))
		return false;
	if (tcp) {
		header = plain_tcp_header(h);
		if (plain_seldom(header == 0 || l4 + header > end))
			return false;
		covered = end - l4;
		wire = htobe16((uint16_t)covered);
	} else {
		wire = be16_load(h + 4);
		covered = be16_to_host(wire);
		// Only IPv4 allows no checksum (RFC 768, RFC 8200 8.1), and that is rare.
		if (plain_seldom(covered < PLAIN_UDP_HEADER || l4 + covered > end ||
				 be16_load(h + 2) == 0 || be16_load(h + 6) == 0))
			return false;
	}
	if (c->offload & (PARSE_L4_GOOD | PARSE_L4_PARTIAL)) {
		if (plain_seldom(l4 + header > c->contiguous))
			return false;
	} else if (plain_seldom(end > c->contiguous ||
				!plain_checksum_is_right(h, covered, wire, v6, protocol))) {
		return false;
	}
	flags = v6 ? PACKET_IS_V6 | PACKET_DONT_FRAGMENT : d[PLAIN_L3 + 6] & 0x40u;
	static_assert(PACKET_DONT_FRAGMENT == 0x40);
	plain_key_write(&p->key, h, v6, tcp);
	p->data = c->data;
	p->length = end;
	memcpy(&p->hash, &plain_common[v6][tcp].hash, PLAIN_COMMON_BYTES);
	p->hop_limit = d[PLAIN_L3 + (v6 ? 7 : 8)];
	if (c->offload != 0) {
		flags |= parse_offload_flags(c->offload);
		p->segment_size = parse_segment_size(c);
	}
	p->flags = (uint16_t)flags;
	if (tcp) {
		p->payload = (uint16_t)(l4 + header);
		p->tcp_flags = h[13];
		p->tcp_sequence = be32_load(h + 4);
		p->tcp_acknowledgement = be32_load(h + 8);
		p->tcp_window = be16_load(h + 14);
		p->tcp_header_length = (uint16_t)header;
	}
	return true;
}

// True: the packet is plain, *p is as packet_parse would fill it, and its checksums are right, or
// said to be by the port. False: nothing is known, and *p is untouched. buffer and netif are left
// alone in any case. The caller knows that the frame is to one station. Pure function, any thread.
plain_inline bool packet_parse_plain(struct packet *p, const struct parse_context *c)
{
	const uint8_t *d = c->data;

	if (plain_seldom(c->contiguous < PLAIN_LEAST))
		return false;
	if (be16_load(d + 12) == htobe16(0x0800)) {
		if (d[PLAIN_L3 + 9] == IPPROTO_UDP)
			return plain_parse(p, c, false, false);
		return d[PLAIN_L3 + 9] == IPPROTO_TCP && plain_parse(p, c, false, true);
	}
	if (be16_load(d + 12) != htobe16(0x86dd))
		return false;
	if (d[PLAIN_L3 + 6] == IPPROTO_UDP)
		return plain_parse(p, c, true, false);
	return d[PLAIN_L3 + 6] == IPPROTO_TCP && plain_parse(p, c, true, true);
}

#undef plain_inline
#undef plain_seldom
