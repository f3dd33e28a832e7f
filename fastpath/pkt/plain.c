// SPDX-License-Identifier: BSD-3-Clause
// One body, four times: the family and the protocol are constants in each, and with them every
// offset. All is read and judged before anything is written.
#include "pkt/plain.h"

#include <netinet/in.h>

enum {
	L3 = 14,
	IPV4_HEADER = 20,
	IPV6_HEADER = 40,
	TCP_HEADER = 20,
	UDP_HEADER = 8,
	SHORT_MAX = 128, // bytes up to which adding word by word beats setting up vectors
};

#define always_inline inline __attribute__((always_inline))

static always_inline uint64_t load64(const uint8_t *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

// Sums n bytes, which at least eight readable ones precede.
static always_inline uint64_t sum_bytes(const uint8_t *p, uint32_t n, uint64_t sum)
{
	if (__builtin_expect(n > SHORT_MAX, 0))
		return checksum_bytes(p, n, sum);
	for (const uint8_t *end = p + (n & ~15u); p != end; p += 16)
		sum = checksum_add(checksum_add(sum, load64(p)), load64(p + 8));
	if (n & 8) {
		sum = checksum_add(sum, load64(p));
		p += 8;
	}
	n &= 7;
	return n == 0 ? sum : checksum_add(sum, load64(p + n - 8) >> (64 - 8 * n));
}

// Whether a sum that is not zero folds to 0xffff, which is whether 65,535 divides it: an odd number
// divides another exactly when the product with its inverse modulo 2^64 is no larger than the
// quotient can be.
static always_inline bool is_right(uint64_t sum)
{
	return sum * UINT64_C(0xfffefffefffeffff) <= UINT64_C(0x0001000100010001);
}

// The bytes of transport header and data, at most 65,535; 0 if the header is not plain.
static always_inline uint32_t transport_bytes(const struct parse_context *c, bool v6)
{
	const uint8_t *ip = c->data + L3;
	uint32_t length = be16_to_host(be16_load(ip + (v6 ? 4 : 2)));

	if (v6) {
		// Odd addresses have eight zero bytes in front, or the source is multicast.
		if (ip[0] >> 4 != 6 || length > c->frame - L3 - IPV6_HEADER ||
			load64(ip + 8) == 0 || load64(ip + 24) == 0 || ip[8] == 0xff)
			return 0;
		return length;
	}
	// The source's first byte: not 0, not 224 and above, not 127.
	if (ip[0] != 0x45 || (be16_load(ip + 6) & htobe16(0x3fff)) != 0 ||
		(uint8_t)(ip[12] - 1) >= 223 || ip[12] == 127 || length > c->frame - L3 ||
		length < IPV4_HEADER)
		return 0;
	if (!(c->offload & PARSE_IP_GOOD) && !is_right(checksum_ipv4_base(ip)))
		return 0;
	return length - IPV4_HEADER;
}

// Over the addresses, which lie right before the transport header, and `covered` bytes from there.
static always_inline bool is_checksum_right(
	const struct parse_context *c, uint32_t l4, uint32_t covered, bool v6, uint8_t protocol)
{
	const uint8_t *h = c->data + l4;
	uint64_t sum = (uint64_t)htobe32(covered) + htobe16(protocol);

	if (c->offload & (PARSE_L4_GOOD | PARSE_L4_PARTIAL))
		return true;
	if (l4 + covered > c->contiguous)
		return false;
	sum = checksum_add(sum, load64(h - 8));
	if (v6) {
		sum = checksum_add(sum, load64(h - 16));
		sum = checksum_add(sum, load64(h - 24));
		sum = checksum_add(sum, load64(h - 32));
	}
	return is_right(sum_bytes(h, covered, sum));
}

// The length of the header; 0 if it is not plain. A SYN comes once a connection.
static always_inline uint32_t tcp_header(const struct parse_context *c, uint32_t l4, uint32_t bytes)
{
	const uint8_t *h = c->data + l4;
	uint32_t header = (h[12] >> 4) * 4u;

	if (header < TCP_HEADER || header > bytes || l4 + header > c->contiguous ||
		be16_load(h) == 0 || be16_load(h + 2) == 0)
		return 0;
	if ((h[13] & TCP_FLAG_SYN) || !(h[13] & (TCP_FLAG_RST | TCP_FLAG_ACK)))
		return 0;
	return header;
}

static always_inline void key_write(struct flow_key *key, const uint8_t *h, bool v6, bool tcp)
{
	if (v6) {
		memcpy(key->source.bytes, h - 32, 16);
		memcpy(key->destination.bytes, h - 16, 16);
	} else {
		key->source = ip_address_from_v4(be32_load(h - 8));
		key->destination = ip_address_from_v4(be32_load(h - 4));
	}
	memcpy(&key->source_port, h, 4); // and the destination's
	key->protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP;
	memset(key->zero, 0, sizeof(key->zero));
}

static always_inline bool parse(
	struct packet *p, const struct parse_context *c, const bool v6, const bool tcp)
{
	const uint32_t l4 = L3 + (v6 ? IPV6_HEADER : IPV4_HEADER);
	const uint8_t protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP;
	uint8_t *d = c->data;
	const uint8_t *h = d + l4;
	uint32_t header = UDP_HEADER;
	uint32_t bytes;
	uint16_t flags;

	if (c->contiguous < l4 + (tcp ? TCP_HEADER : UDP_HEADER))
		return false;
	bytes = transport_bytes(c, v6);
	if (tcp) {
		header = tcp_header(c, l4, bytes);
		if (header == 0 || !is_checksum_right(c, l4, bytes, v6, protocol))
			return false;
	} else {
		uint32_t length = be16_to_host(be16_load(h + 4));

		// Only IPv4 allows none (RFC 768, RFC 8200 8.1), and that is rare.
		if (length < UDP_HEADER || length > bytes || be16_load(h + 2) == 0 ||
			be16_load(h + 6) == 0 || !is_checksum_right(c, l4, length, v6, protocol))
			return false;
	}
	flags = v6 ? PACKET_IS_V6 | PACKET_DONT_FRAGMENT : d[L3 + 6] & 0x40u;
	static_assert(PACKET_DONT_FRAGMENT == 0x40);
	flags |= (uint16_t)((d[0] & 1u) << 1);
	static_assert(PACKET_L2_MULTICAST == 1u << 1);
	if (c->offload != 0)
		flags |= parse_offload_flags(c->offload);
	key_write(&p->key, h, v6, tcp);
	p->data = d;
	p->length = l4 + bytes;
	p->hash = 0;
	p->session = PACKET_NO_SESSION;
	p->neighbour = PACKET_NO_NEIGHBOUR;
	p->l3 = L3;
	p->l4 = (uint16_t)l4;
	p->payload = (uint16_t)(l4 + header);
	p->segment_size = c->segment_size;
	p->egress = 0;
	p->vlan = 0;
	p->flags = flags;
	p->kind = tcp ? PACKET_TCP : PACKET_UDP;
	p->direction = 0;
	p->hop_limit = d[L3 + (v6 ? 7 : 8)];
	p->tcp_flags = tcp ? h[13] : 0;
	p->icmp_type = 0;
	p->icmp_code = 0;
	p->ip_protocol = protocol;
	p->reason = 0;
	p->tcp_sequence = tcp ? be32_load(h + 4) : 0;
	p->tcp_acknowledgement = tcp ? be32_load(h + 8) : 0;
	p->tcp_window = tcp ? be16_load(h + 14) : 0;
	p->tcp_header_length = tcp ? (uint16_t)header : 0;
	return true;
}

bool packet_parse_plain(struct packet *p, const struct parse_context *c)
{
	const uint8_t *d = c->data;

	if (c->contiguous < L3 + IPV4_HEADER)
		return false;
	if (be16_load(d + 12) == htobe16(0x0800)) {
		if (d[L3 + 9] == IPPROTO_UDP)
			return parse(p, c, false, false);
		return d[L3 + 9] == IPPROTO_TCP && parse(p, c, false, true);
	}
	if (be16_load(d + 12) != htobe16(0x86dd))
		return false;
	if (d[L3 + 6] == IPPROTO_UDP)
		return parse(p, c, true, false);
	return d[L3 + 6] == IPPROTO_TCP && parse(p, c, true, true);
}
