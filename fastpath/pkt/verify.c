// SPDX-License-Identifier: BSD-3-Clause
// Transport checksums of parsed packets, verified or written from scratch.
#include <netinet/in.h>

#include "pkt/parse.h"
#include "pkt/rewrite.h"

enum {
	ICMP_CHECKSUM_OFFSET = 2
};

// Bytes that the checksum covers, from the transport header on.
static uint32_t covered_length(const struct packet *p)
{
	if (p->kind == PACKET_UDP)
		return be16_to_host(be16_load(p->data + p->l4 + 4));
	return p->length - p->l4;
}

static uint64_t pseudo_sum(const struct packet *p, uint32_t length)
{
	if (p->kind == PACKET_ICMP4)
		return 0; // RFC 792: no pseudo-header
	return checksum_pseudo(&p->key.source, &p->key.destination, p->ip_protocol, length);
}

static uint32_t field_offset(const struct packet *p)
{
	if (p->kind == PACKET_TCP)
		return p->l4 + TCP_CHECKSUM_OFFSET;
	if (p->kind == PACKET_UDP)
		return p->l4 + UDP_CHECKSUM_OFFSET;
	return p->l4 + ICMP_CHECKSUM_OFFSET;
}

static bool has_checksum(const struct packet *p)
{
	return p->kind == PACKET_TCP || p->kind == PACKET_UDP || p->kind == PACKET_ICMP4 ||
	       p->kind == PACKET_ICMP6;
}

// Almost every packet lies in one piece.
static inline uint64_t covered_sum(
	const struct checksum_span *spans, uint32_t n, uint32_t from, uint32_t length, uint64_t sum)
{
	if (n == 1 && from + length <= spans[0].length)
		return checksum_bytes(spans[0].data + from, length, sum);
	return checksum_spans(spans, n, from, length, sum);
}

enum parse_verdict packet_checksum_verify(struct packet *p, const struct checksum_span *spans,
	uint32_t span_count, bool may_be_partial)
{
	bool port_could_know = p->kind == PACKET_TCP || p->kind == PACKET_UDP;
	uint32_t length;
	uint64_t pseudo;
	be16 field;

	if (!has_checksum(p))
		return PARSE_OK;
	if (port_could_know && (p->flags & (PACKET_CHECKSUM_GOOD | PACKET_CHECKSUM_PARTIAL)))
		return PARSE_OK;
	field = be16_load(p->data + field_offset(p));
	if (p->kind == PACKET_UDP && field == 0)
		return p->flags & PACKET_IS_V6 ? PARSE_L4_BAD_CHECKSUM : PARSE_OK;
	length = covered_length(p);
	pseudo = pseudo_sum(p, length);
	if (checksum_fold(covered_sum(spans, span_count, p->l4, length, pseudo)) == 0xffff)
		return PARSE_OK;
	if (may_be_partial && port_could_know && field == checksum_fold(pseudo)) {
		p->flags |= PACKET_CHECKSUM_PARTIAL;
		return PARSE_OK;
	}
	return PARSE_L4_BAD_CHECKSUM;
}

void packet_checksum_fill(struct packet *p, const struct checksum_span *spans, uint32_t span_count)
{
	uint8_t *field;
	uint32_t length;
	uint64_t sum;

	if (!has_checksum(p))
		return;
	field = p->data + field_offset(p);
	be16_store(field, 0);
	length = covered_length(p);
	sum = covered_sum(spans, span_count, p->l4, length, pseudo_sum(p, length));
	be16_store(field, p->kind == PACKET_UDP ? checksum_finish_udp(sum) : checksum_finish(sum));
	p->flags &= (uint16_t)~PACKET_CHECKSUM_PARTIAL;
}
