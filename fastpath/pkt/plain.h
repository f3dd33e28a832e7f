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
	PLAIN_SHORT = 128, // bytes below which adding word by word beats setting up vectors
};

#define plain_inline static inline __attribute__((always_inline))

plain_inline uint64_t plain_load64(const uint8_t *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

// Sums 8 * words bytes.
plain_inline uint64_t plain_sum_words(const uint8_t *p, unsigned int words, uint64_t sum)
{
	for (unsigned int i = 0; i < words; i++)
		sum = checksum_add(sum, plain_load64(p + 8 * i));
	return sum;
}

// Sums n bytes, which at least eight readable ones precede: by the bits of n, without a loop.
plain_inline uint64_t plain_sum(const uint8_t *p, uint32_t n, uint64_t sum)
{
	if (__builtin_expect(n >= PLAIN_SHORT, 0))
		return checksum_bytes(p, n, sum);
	for (uint32_t bit = PLAIN_SHORT / 2; bit >= 8; bit /= 2) {
		if (n & bit) {
			sum = plain_sum_words(p, bit / 8, sum);
			p += bit;
		}
	}
	if (n & 7)
		sum = checksum_add(sum, plain_load64(p + (n & 7) - 8) >> (-8 * n & 63));
	return sum;
}

// Whether a sum that is not zero folds to 0xffff, which is whether 65,535 divides it: an odd number
// divides another exactly when the product with its inverse modulo 2^64 is no larger than the
// quotient can be.
plain_inline bool plain_is_right(uint64_t sum)
{
	return sum * UINT64_C(0xfffefffefffeffff) <= UINT64_C(0x0001000100010001);
}

// The bytes of transport header and data, at most 65,535; 0 if the header is not plain.
plain_inline uint32_t plain_transport_bytes(const struct parse_context *c, bool v6)
{
	const uint8_t *ip = c->data + PLAIN_L3;
	uint32_t length = be16_to_host(be16_load(ip + (v6 ? 4 : 2)));

	if (v6) {
		// Odd addresses have eight zero bytes in front, or the source is multicast.
		if (ip[0] >> 4 != 6 || length > c->frame - PLAIN_L3 - PLAIN_IPV6_HEADER ||
			plain_load64(ip + 8) == 0 || plain_load64(ip + 24) == 0 || ip[8] == 0xff)
			return 0;
		return length;
	}
	// The source's first byte: not 0, not 224 and above, not 127.
	if (ip[0] != 0x45 || (be16_load(ip + 6) & htobe16(0x3fff)) != 0 ||
		(uint8_t)(ip[12] - 1) >= 223 || ip[12] == 127 || length > c->frame - PLAIN_L3 ||
		length < PLAIN_IPV4_HEADER)
		return 0;
	if (!(c->offload & PARSE_IP_GOOD) && !plain_is_right(checksum_ipv4_base(ip)))
		return 0;
	return length - PLAIN_IPV4_HEADER;
}

// Over the addresses, which lie right before the transport header, and `covered` bytes from there;
// wire: the same number as the pseudo-header has it.
plain_inline bool plain_checksum_is_right(const struct parse_context *c, const uint8_t *h,
	uint32_t covered, be16 wire, bool v6, uint8_t protocol)
{
	uint64_t sum = (uint64_t)wire + htobe16(protocol);

	if (c->offload & (PARSE_L4_GOOD | PARSE_L4_PARTIAL))
		return true;
	if ((uint32_t)(h - c->data) + covered > c->contiguous)
		return false;
	sum = checksum_add(sum, plain_load64(h - 8));
	if (v6) {
		sum = checksum_add(sum, plain_load64(h - 16));
		sum = checksum_add(sum, plain_load64(h - 24));
		sum = checksum_add(sum, plain_load64(h - 32));
	}
	return plain_is_right(plain_sum(h, covered, sum));
}

// The length of the header; 0 if it is not plain. A SYN comes once a connection.
plain_inline uint32_t plain_tcp_header(const struct parse_context *c, uint32_t l4, uint32_t bytes)
{
	const uint8_t *h = c->data + l4;
	uint32_t header = (h[12] >> 4) * 4u;

	if (header < PLAIN_TCP_HEADER || header > bytes || l4 + header > c->contiguous ||
		be16_load(h) == 0 || be16_load(h + 2) == 0)
		return 0;
	if ((h[13] & TCP_FLAG_SYN) || !(h[13] & (TCP_FLAG_RST | TCP_FLAG_ACK)))
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
	uint32_t header;
	uint32_t bytes;
	uint32_t flags;

	if (c->contiguous < l4 + (tcp ? PLAIN_TCP_HEADER : PLAIN_UDP_HEADER) || (d[0] & 1))
		return false;
	bytes = plain_transport_bytes(c, v6);
	if (tcp) {
		header = plain_tcp_header(c, l4, bytes);
		if (header == 0 || !plain_checksum_is_right(
					   c, h, bytes, htobe16((uint16_t)bytes), v6, protocol))
			return false;
	} else {
		be16 wire = be16_load(h + 4);
		uint32_t length = be16_to_host(wire);

		// Only IPv4 allows no checksum (RFC 768, RFC 8200 8.1), and that is rare.
		if (length < PLAIN_UDP_HEADER || length > bytes || be16_load(h + 2) == 0 ||
			be16_load(h + 6) == 0 ||
			!plain_checksum_is_right(c, h, length, wire, v6, protocol))
			return false;
	}
	flags = v6 ? PACKET_IS_V6 | PACKET_DONT_FRAGMENT : d[PLAIN_L3 + 6] & 0x40u;
	static_assert(PACKET_DONT_FRAGMENT == 0x40);
	plain_key_write(&p->key, h, v6, tcp);
	p->data = c->data;
	p->length = l4 + bytes;
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
// alone in any case. Pure function, any thread.
plain_inline bool packet_parse_plain(struct packet *p, const struct parse_context *c)
{
	const uint8_t *d = c->data;

	if (c->contiguous < PLAIN_L3 + PLAIN_IPV4_HEADER)
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
