// SPDX-License-Identifier: BSD-3-Clause
#include "pkt/parse.h"

#include <netinet/in.h>

#include "pkt/extensions.h"

enum {
	ETHER_HEADER = 14,
	VLAN_TAG = 4,
	ARP_BYTES = 28,
	IPV4_HEADER = 20,
	IPV4_DF = 0x4000,
	IPV4_MF = 0x2000,
	IPV4_OFFSET = 0x1fff,
	IPV6_HEADER = 40,
	IPV6_FRAGMENT_HEADER = 8,
	IP_MAX = 65535,
	TCP_HEADER = 20,
	UDP_HEADER = 8,
	ICMP_HEADER = 8,
	TYPE_IPV4 = 0x0800,
	TYPE_ARP = 0x0806,
	TYPE_VLAN = 0x8100,
	TYPE_IPV6 = 0x86dd,
};

#define unlikely(cond) __builtin_expect(!!(cond), 0)
#define always_inline  inline __attribute__((always_inline))

// The datagram's end and what of it can be read now, both counted from p->data.
struct extent {
	uint32_t contiguous;
	uint32_t end;
};

static uint16_t load_host16(const uint8_t *p)
{
	return be16_to_host(be16_load(p));
}

// Which combinations of FIN, SYN, RST and ACK a peer may send. Impossible: SYN with FIN or RST, and
// no SYN, RST or ACK at all (RFC 9293 3.10.7).
static bool tcp_flags_are_possible(uint8_t flags)
{
	bool syn = flags & TCP_FLAG_SYN;

	if (syn)
		return !(flags & (TCP_FLAG_FIN | TCP_FLAG_RST));
	return flags & (TCP_FLAG_RST | TCP_FLAG_ACK);
}

static always_inline enum parse_verdict parse_tcp(
	struct packet *p, struct extent e, uint32_t l4, const uint8_t *h)
{
	uint32_t header;

	if (unlikely(e.end < l4 + TCP_HEADER || e.contiguous < l4 + TCP_HEADER))
		return PARSE_L4_TRUNCATED;
	header = (h[12] >> 4) * 4u;
	p->key.source_port = be16_load(h);
	p->key.destination_port = be16_load(h + 2);
	p->tcp_sequence = be32_load(h + 4);
	p->tcp_acknowledgement = be32_load(h + 8);
	p->tcp_flags = h[13];
	p->tcp_window = be16_load(h + 14);
	p->tcp_header_length = (uint16_t)header;
	p->payload = (uint16_t)(l4 + header);
	if (unlikely(header < TCP_HEADER || p->key.source_port == 0 ||
		     p->key.destination_port == 0 || !tcp_flags_are_possible(h[13])))
		return PARSE_L4_BAD_HEADER;
	if (unlikely(e.end < l4 + header || e.contiguous < l4 + header))
		return PARSE_L4_TRUNCATED;
	p->kind = PACKET_TCP;
	return PARSE_OK;
}

// A length below the IP payload's is legal: what follows is no part of the datagram (RFC 768). A
// zero source port says that no reply is wanted, and is legal too.
static always_inline enum parse_verdict parse_udp(
	struct packet *p, struct extent e, uint32_t l4, const uint8_t *h)
{
	uint32_t length;

	if (unlikely(e.end < l4 + UDP_HEADER || e.contiguous < l4 + UDP_HEADER))
		return PARSE_L4_TRUNCATED;
	p->key.source_port = be16_load(h);
	p->key.destination_port = be16_load(h + 2);
	p->payload = (uint16_t)(l4 + UDP_HEADER);
	length = load_host16(h + 4);
	if (unlikely(length < UDP_HEADER || p->key.destination_port == 0))
		return PARSE_L4_BAD_HEADER;
	if (unlikely(length > e.end - l4))
		return PARSE_L4_TRUNCATED;
	p->kind = PACKET_UDP;
	return PARSE_OK;
}

static enum parse_verdict parse_icmp(
	struct packet *p, struct extent e, uint32_t l4, const uint8_t *h, bool v6)
{
	if (e.end < l4 + ICMP_HEADER || e.contiguous < l4 + ICMP_HEADER)
		return PARSE_L4_TRUNCATED;
	p->icmp_type = h[0];
	p->icmp_code = h[1];
	p->payload = (uint16_t)(l4 + ICMP_HEADER);
	p->kind = v6 ? PACKET_ICMP6 : PACKET_ICMP4;
	return PARSE_OK;
}

static always_inline enum parse_verdict parse_transport(
	struct packet *p, struct extent e, uint32_t l4, bool v6)
{
	const uint8_t *h = p->data + l4;

	p->l4 = (uint16_t)l4;
	if (p->ip_protocol == IPPROTO_TCP)
		return parse_tcp(p, e, l4, h);
	if (p->ip_protocol == IPPROTO_UDP)
		return parse_udp(p, e, l4, h);
	if (p->ip_protocol == (v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return parse_icmp(p, e, l4, h, v6);
	p->kind = PACKET_IP_OTHER;
	return PARSE_OK;
}

// Lengths that no datagram of at most 65,535 bytes can have been cut into (RFC 791, RFC 8200 4.5).
static enum parse_verdict parse_fragment(
	struct packet *p, uint32_t data, uint32_t end, uint32_t offset, bool more)
{
	uint32_t length = end - data;

	p->payload = (uint16_t)data;
	if (length == 0 || (more && length % 8 != 0) || offset + length > IP_MAX)
		return PARSE_FRAGMENT_MALFORMED;
	p->kind = PACKET_FRAGMENT;
	return PARSE_OK;
}

static bool is_transport(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

// Loopback, multicast, class E and, for transports, "this network" (RFC 1122 3.2.1.3).
static always_inline bool ipv4_source_is_martian(uint8_t first, uint8_t protocol)
{
	return first == 127 || first >= 224 || (first == 0 && is_transport(protocol));
}

// IPv4-mapped addresses on the wire would alias IPv4 flows inside, so neither end may have one. The
// all-zero prefix also holds loopback, unspecified and the retired IPv4-compatible form.
static bool ipv6_addresses_are_martian(const struct flow_key *key, uint8_t protocol)
{
	if (ip_address_is_v4(&key->source) || ip_address_is_v4(&key->destination))
		return true;
	if (key->source.halves[0] == 0 && key->source.words[2] == 0)
		return !ip_address_is_unspecified(&key->source) || is_transport(protocol);
	return key->source.bytes[0] == 0xff;
}

static always_inline enum parse_verdict parse_ipv4(struct packet *p, const struct parse_context *c)
{
	uint32_t l3 = p->l3;
	const uint8_t *ip = p->data + l3;
	struct extent e = {.contiguous = c->contiguous};
	uint32_t header;
	uint32_t total;
	uint16_t fragment;

	if (unlikely(c->contiguous < l3 + IPV4_HEADER))
		return PARSE_IP_TRUNCATED;
	header = (ip[0] & 0x0f) * 4u;
	total = load_host16(ip + 2);
	fragment = load_host16(ip + 6);
	if (unlikely(ip[0] >> 4 != 4 || header < IPV4_HEADER || total < header))
		return PARSE_IP_BAD_HEADER;
	if (unlikely(total > c->frame - l3 || header > c->contiguous - l3))
		return PARSE_IP_TRUNCATED;
	e.end = l3 + total;
	p->length = e.end;
	p->hop_limit = ip[8];
	p->ip_protocol = ip[9];
	p->key = (struct flow_key){.source = ip_address_from_v4(be32_load(ip + 12)),
		.destination = ip_address_from_v4(be32_load(ip + 16)),
		.protocol = ip[9]};
	if (fragment & IPV4_DF)
		p->flags |= PACKET_DONT_FRAGMENT;
	if (!(c->offload & PARSE_IP_GOOD)) {
		uint64_t sum = checksum_ipv4_base(ip);

		if (unlikely(header > IPV4_HEADER))
			sum = checksum_bytes(ip + IPV4_HEADER, header - IPV4_HEADER, sum);
		if (unlikely(checksum_fold(sum) != 0xffff))
			return PARSE_IP_BAD_CHECKSUM;
	}
	if (unlikely(header > IPV4_HEADER)) {
		p->flags |= PACKET_IP_OPTIONS;
		if (ipv4_options_check(cursor_over(ip + IPV4_HEADER, header - IPV4_HEADER)) !=
			PARSE_OK)
			return PARSE_IP_BAD_OPTION;
	}
	if (unlikely(ipv4_source_is_martian(ip[12], ip[9])))
		return PARSE_IP_SPOOFED;
	if (unlikely(fragment & (IPV4_MF | IPV4_OFFSET)))
		return parse_fragment(
			p, l3 + header, e.end, (fragment & IPV4_OFFSET) * 8u, fragment & IPV4_MF);
	return parse_transport(p, e, l3 + header, false);
}

// The extension headers, up to the transport or the fragment header. *l4 moves past them.
static enum parse_verdict parse_ipv6_extensions(struct packet *p, struct extent e, uint32_t *l4)
{
	uint32_t readable = e.end < e.contiguous ? e.end : e.contiguous;
	struct ipv6_upper upper;
	enum parse_verdict verdict = ipv6_extensions_walk(
		cursor_over(p->data + *l4, readable - *l4), p->ip_protocol, &upper);

	if (verdict != PARSE_OK)
		return verdict;
	*l4 += upper.skipped;
	p->ip_protocol = upper.protocol;
	if (upper.skipped != 0)
		p->flags |= PACKET_IP_OPTIONS;
	return PARSE_OK;
}

static enum parse_verdict parse_ipv6_fragment(struct packet *p, struct extent e, uint32_t at)
{
	const uint8_t *h = p->data + at;
	uint16_t word;

	if (e.end < at + IPV6_FRAGMENT_HEADER || e.contiguous < at + IPV6_FRAGMENT_HEADER)
		return PARSE_IP_TRUNCATED;
	word = load_host16(h + 2);
	p->ip_protocol = h[0];
	p->key.protocol = h[0];
	if (ipv6_addresses_are_martian(&p->key, h[0]))
		return PARSE_IP_SPOOFED;
	return parse_fragment(p, at + IPV6_FRAGMENT_HEADER, e.end, word & 0xfff8u, (word & 1) != 0);
}

static always_inline enum parse_verdict parse_ipv6(struct packet *p, const struct parse_context *c)
{
	uint32_t l3 = p->l3;
	uint32_t l4 = l3 + IPV6_HEADER;
	const uint8_t *ip = p->data + l3;
	struct extent e = {.contiguous = c->contiguous};
	uint32_t payload;

	if (unlikely(c->contiguous < l4))
		return PARSE_IP_TRUNCATED;
	payload = load_host16(ip + 4);
	// A payload length of zero announces a jumbogram (RFC 2675), refused where it has options.
	if (unlikely(ip[0] >> 4 != 6 || (payload == 0 && ip[6] != IPPROTO_NONE)))
		return PARSE_IP_BAD_HEADER;
	if (unlikely(payload > c->frame - l4))
		return PARSE_IP_TRUNCATED;
	e.end = l4 + payload;
	p->length = e.end;
	p->flags |= PACKET_IS_V6 | PACKET_DONT_FRAGMENT;
	p->ip_protocol = ip[6];
	p->hop_limit = ip[7];
	memcpy(p->key.source.bytes, ip + 8, 16);
	memcpy(p->key.destination.bytes, ip + 24, 16);
	p->key.source_port = 0;
	p->key.destination_port = 0;
	memset(p->key.zero, 0, sizeof(p->key.zero));
	if (unlikely(!is_transport(ip[6]) && ip[6] != IPPROTO_ICMPV6)) {
		enum parse_verdict verdict = parse_ipv6_extensions(p, e, &l4);

		if (verdict != PARSE_OK)
			return verdict;
		if (p->ip_protocol == IPPROTO_FRAGMENT) {
			p->flags |= PACKET_IP_OPTIONS;
			return parse_ipv6_fragment(p, e, l4);
		}
	}
	p->key.protocol = p->ip_protocol;
	if (unlikely(p->key.source.halves[0] == 0 || p->key.destination.halves[0] == 0 ||
		     p->key.source.bytes[0] == 0xff) &&
		ipv6_addresses_are_martian(&p->key, p->ip_protocol))
		return PARSE_IP_SPOOFED;
	return parse_transport(p, e, l4, true);
}

static enum parse_verdict parse_arp(struct packet *p, const struct parse_context *c)
{
	if (c->contiguous < (uint32_t)p->l3 + ARP_BYTES)
		return PARSE_ARP_MALFORMED;
	p->length = p->l3 + ARP_BYTES;
	p->kind = PACKET_ARP;
	memset(&p->key, 0, sizeof(p->key));
	return PARSE_OK;
}

static always_inline enum parse_verdict parse_network(
	struct packet *p, const struct parse_context *c, uint16_t type)
{
	if (type == TYPE_IPV4)
		return parse_ipv4(p, c);
	if (type == TYPE_IPV6)
		return parse_ipv6(p, c);
	if (type == TYPE_ARP)
		return parse_arp(p, c);
	return PARSE_L2_UNKNOWN_TYPE;
}

// Everything that only some kinds have, so that no field shows a packet parsed earlier.
static always_inline void packet_reset(struct packet *p, const struct parse_context *c)
{
	p->data = c->data;
	p->length = c->frame;
	p->hash = 0;
	p->session = PACKET_NO_SESSION;
	p->neighbour = PACKET_NO_NEIGHBOUR;
	p->l3 = ETHER_HEADER;
	p->l4 = 0;
	p->payload = 0;
	p->segment_size = parse_segment_size(c);
	p->egress = 0;
	p->vlan = 0;
	p->flags = c->offload ? parse_offload_flags(c->offload) : 0;
	p->kind = PACKET_NONE;
	p->direction = 0;
	p->hop_limit = 0;
	p->tcp_flags = 0;
	p->icmp_type = 0;
	p->icmp_code = 0;
	p->ip_protocol = 0;
	p->reason = 0;
	p->tcp_sequence = 0;
	p->tcp_acknowledgement = 0;
	p->tcp_window = 0;
	p->tcp_header_length = 0;
}

enum parse_verdict packet_parse(struct packet *p, const struct parse_context *c)
{
	const uint8_t *d = c->data;
	uint16_t type;

	packet_reset(p, c);
	if (unlikely(c->contiguous < ETHER_HEADER))
		return PARSE_L2_TRUNCATED;
	if (d[0] & 1)
		p->flags |= PACKET_L2_MULTICAST;
	type = load_host16(d + 12);
	if (type == TYPE_VLAN) {
		if (unlikely(c->contiguous < ETHER_HEADER + VLAN_TAG))
			return PARSE_L2_TRUNCATED;
		p->vlan = load_host16(d + 14) & 0x0fff;
		p->l3 = ETHER_HEADER + VLAN_TAG;
		type = load_host16(d + 16);
	}
	return parse_network(p, c, type);
}
