// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Full NAT of a parsed TCP or UDP packet in place: addresses, ports, hop limit, checksums. What a
// session changes is the same for every packet, so the checksum part is computed once: a packet
// costs a few additions. Worker or any other thread that owns the packet.

#include <netinet/in.h>

#include "pkt/checksum.h"
#include "pkt/packet.h"

// Folded one's complement differences, as checksum_delta* give them.
struct rewrite {
	uint16_t l3_delta; // an IPv4 header's: addresses, and one hop less
	uint16_t l4_delta; // a transport header's: addresses and ports
};

// One less in the TTL byte, the first of its word, is a difference of -1 in memory order.
enum {
	REWRITE_HOP = 0xfffe
};

// The differences between a flow as it comes in and as it goes out; same family and protocol.
static inline struct rewrite rewrite_between(const struct flow_key *in, const struct flow_key *out)
{
	uint64_t addresses = checksum_add(checksum_delta128(&in->source, &out->source),
		checksum_delta128(&in->destination, &out->destination));
	uint64_t ports = checksum_delta16(in->source_port, out->source_port) +
			 checksum_delta16(in->destination_port, out->destination_port);

	return (struct rewrite){.l3_delta = checksum_fold(checksum_add(addresses, REWRITE_HOP)),
		.l4_delta = checksum_fold(checksum_add(addresses, ports))};
}

// Where the checksum field lies in a TCP or UDP header.
enum {
	TCP_CHECKSUM_OFFSET = 16,
	UDP_CHECKSUM_OFFSET = 6
};

static inline void rewrite_checksum(uint8_t *at, struct rewrite delta, bool partial, bool tcp)
{
	be16 field = be16_load(at);

	if (__builtin_expect(partial, 0)) {
		// Not complemented, and neither hops nor ports are part of the pseudo-header.
		be16_store(at,
			checksum_fold((uint64_t)field + delta.l3_delta + (uint16_t)~REWRITE_HOP));
		return;
	}
	if (!tcp && field == 0)
		return; // RFC 768: the sender made none. In IPv6 a wrong one, and stays it.
	field = checksum_apply_folded(field, delta.l4_delta);
	if (!tcp && field == 0)
		field = 0xffff;
	be16_store(at, field);
}

static inline __attribute__((always_inline)) void rewrite_body(
	struct packet *p, const struct flow_key *answer, struct rewrite delta, bool tcp, bool v6)
{
	uint8_t *ip = p->data + p->l3;
	uint8_t *l4 = p->data + p->l4;
	uint32_t ports;

	if (v6) {
		ip[7]--;
		memcpy(ip + 8, answer->destination.bytes, 16);
		memcpy(ip + 24, answer->source.bytes, 16);
	} else {
		be16_store(ip + 10, checksum_apply_folded(be16_load(ip + 10), delta.l3_delta));
		ip[8]--;
		be32_store(ip + 12, answer->destination.words[3]);
		be32_store(ip + 16, answer->source.words[3]);
	}
	// Both ports, the other way round.
	memcpy(&ports, &answer->source_port, sizeof(ports));
	be32_store(l4, ports << 16 | ports >> 16);
	rewrite_checksum(l4 + (tcp ? TCP_CHECKSUM_OFFSET : UDP_CHECKSUM_OFFSET), delta,
		p->flags & PACKET_CHECKSUM_PARTIAL, tcp);
}

// Makes the packet leave so that what answers it comes as `answer` says, hop limit one less. delta
// is rewrite_between() of p->key and the reverse of answer.
// The caller made sure that the kind is PACKET_TCP or PACKET_UDP, the hop limit above 1 and the
// headers writable. p->key and p->hop_limit keep what was received. A checksum that was right stays
// right, a wrong one stays wrong, a missing UDP one stays missing.
static inline __attribute__((always_inline)) void packet_rewrite(
	struct packet *p, const struct flow_key *answer, struct rewrite delta)
{
	bool tcp = p->kind == PACKET_TCP;

	if (p->flags & PACKET_IS_V6) {
		if (tcp)
			rewrite_body(p, answer, delta, true, true);
		else
			rewrite_body(p, answer, delta, false, true);
	} else if (tcp) {
		rewrite_body(p, answer, delta, true, false);
	} else {
		rewrite_body(p, answer, delta, false, false);
	}
}

// One less hop for a packet that is forwarded without NAT. IP kinds only.
static inline void packet_hop_decrement(struct packet *p)
{
	uint8_t *ip = p->data + p->l3;

	if (p->flags & PACKET_IS_V6) {
		ip[7]--;
		return;
	}
	be16_store(ip + 10, checksum_apply(be16_load(ip + 10), REWRITE_HOP));
	ip[8]--;
}
