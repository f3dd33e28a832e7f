// SPDX-License-Identifier: BSD-3-Clause
#include "io/offload/segment.h"

#include "core/chain.h"
#include "pkt/checksum.h"
#include "pkt/rewrite.h"

enum {
	IPV4_LENGTH_AT = 2,
	IPV4_ID_AT = 4,
	IPV4_CHECKSUM_AT = 10,
	IPV6_LENGTH_AT = 4,
	IPV6_BYTES = 40,
	TCP_SEQUENCE_AT = 4,
	TCP_FLAGS_AT = 13,
	UDP_LENGTH_AT = 4,
	// With accurate ECN, CWR is part of a counter and stands in every segment.
	GSO_ACCURATE_ECN = 0x10,
};

static void ip_header_fix(const struct packet *p, uint8_t *ip, uint32_t length, uint16_t number)
{
	uint32_t header = p->l4 - p->l3;

	if (p->flags & PACKET_IS_V6) {
		be16_store(ip + IPV6_LENGTH_AT, be16_from_host((uint16_t)(length - IPV6_BYTES)));
		return;
	}
	uint16_t id = be16_to_host(be16_load(ip + IPV4_ID_AT));

	be16_store(ip + IPV4_LENGTH_AT, be16_from_host((uint16_t)length));
	be16_store(ip + IPV4_ID_AT, be16_from_host((uint16_t)(id + number)));
	be16_store(ip + IPV4_CHECKSUM_AT, 0);
	be16_store(ip + IPV4_CHECKSUM_AT, checksum_finish(checksum_bytes(ip, header, 0)));
}

static void tcp_header_fix(const struct packet *p, uint8_t *tcp, uint32_t at, bool last)
{
	uint32_t sequence = be32_to_host(be32_load(tcp + TCP_SEQUENCE_AT));
	bool accurate_ecn = p->buffer->transmit >> BUFFER_GSO_SHIFT & GSO_ACCURATE_ECN;

	be32_store(tcp + TCP_SEQUENCE_AT, be32_from_host(sequence + at));
	if (!last)
		tcp[TCP_FLAGS_AT] &= (uint8_t) ~(TCP_FLAG_FIN | TCP_FLAG_PSH);
	if (at > 0 && !accurate_ecn)
		tcp[TCP_FLAGS_AT] &= (uint8_t)~TCP_FLAG_CWR;
}

// The pseudo-header sum from the header itself: a packet descriptor's key is from before NAT.
static uint64_t pseudo_sum(
	const struct packet *p, const uint8_t *ip, uint8_t protocol, uint32_t length)
{
	struct ip_address source, destination;

	if (p->flags & PACKET_IS_V6) {
		source = ip_address_from_bytes(ip + 8);
		destination = ip_address_from_bytes(ip + 24);
	} else {
		source = ip_address_from_v4(be32_load(ip + 12));
		destination = ip_address_from_v4(be32_load(ip + 16));
	}
	return checksum_pseudo(&source, &destination, protocol, length);
}

// Completes the headers of the segment whose payload begins at byte `at` of the frame's.
static void segment_finish(
	const struct packet *p, struct buffer *b, uint32_t at, uint16_t number, bool last)
{
	bool tcp = p->kind == PACKET_TCP;
	uint8_t *ip = buffer_data(b) + p->l3;
	uint8_t *l4 = buffer_data(b) + p->l4;
	uint8_t *field = l4 + (tcp ? TCP_CHECKSUM_OFFSET : UDP_CHECKSUM_OFFSET);
	uint32_t covered = b->total_length - p->l4;
	uint64_t sum;

	ip_header_fix(p, ip, b->total_length - p->l3, number);
	if (tcp)
		tcp_header_fix(p, l4, at, last);
	else
		be16_store(l4 + UDP_LENGTH_AT, be16_from_host((uint16_t)covered));
	be16_store(field, 0);
	sum = pseudo_sum(p, ip, tcp ? IPPROTO_TCP : IPPROTO_UDP, covered);
	sum = checksum_bytes(l4, covered, sum);
	be16_store(field, tcp ? checksum_finish(sum) : checksum_finish_udp(sum));
}

static struct buffer *segment_copy(
	const struct packet *p, uint32_t at, uint32_t length, struct buffer_source *source)
{
	struct buffer *b = source->get(source, p->payload + length);

	if (!b)
		return NULL;
	memcpy(buffer_data(b), p->data, p->payload);
	chain_copy(p->buffer, p->payload + at, length, buffer_data(b) + p->payload);
	b->length = (uint16_t)(p->payload + length);
	b->total_length = b->length;
	b->port = p->buffer->port;
	return b;
}

uint16_t segment_frame(const struct packet *p, uint32_t size, struct buffer_source *source,
	struct buffer **out, uint16_t room, enum drop_reason *reason)
{
	uint32_t payload = packet_payload_length(p);
	uint16_t count = 0;

	if ((payload + size - 1) / size > room) {
		*reason = DROP_TX_FULL;
		return 0;
	}
	for (uint32_t at = 0; at < payload; at += size) {
		uint32_t length = u32_min(size, payload - at);
		struct buffer *b = segment_copy(p, at, length, source);

		if (!b) {
			while (count > 0)
				source->put(source, out[--count]);
			*reason = DROP_NO_BUFFER;
			return 0;
		}
		segment_finish(p, b, at, count, at + length == payload);
		out[count++] = b;
	}
	return count;
}
