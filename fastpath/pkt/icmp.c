// SPDX-License-Identifier: BSD-3-Clause
#include "pkt/icmp.h"

#include <netinet/in.h>

#include "pkt/checksum.h"

enum {
	IP4_BYTES = 20,
	IP6_BYTES = 40,
	QUOTED_TRANSPORT_BYTES = 8,
	EXTENSIONS_MAX = 8
};

bool icmp_type_is_error(bool v6, uint8_t type)
{
	if (v6)
		return type < 128;
	switch (type) {
	case ICMP4_UNREACHABLE:
	case ICMP4_SOURCE_QUENCH:
	case ICMP4_REDIRECT:
	case ICMP4_TIME_EXCEEDED:
	case ICMP4_PARAMETER_PROBLEM:
		return true;
	default:
		return false;
	}
}

// Redirects concern one link, source quench is dead (RFC 6633), unknown types mean nothing here.
static bool is_about_session(bool v6, uint8_t type)
{
	if (v6)
		return type >= ICMP6_UNREACHABLE && type <= ICMP6_PARAMETER_PROBLEM;
	return type == ICMP4_UNREACHABLE || type == ICMP4_TIME_EXCEEDED ||
	       type == ICMP4_PARAMETER_PROBLEM;
}

static enum icmp_error_verdict quote_ipv4(
	struct cursor *c, const uint8_t *header, struct icmp_quote *q)
{
	uint32_t header_bytes = (header[0] & 15) * 4u;

	if (header_bytes < IP4_BYTES)
		return ICMP_ERROR_QUOTE_MALFORMED;
	if (!cursor_skip(c, header_bytes - IP4_BYTES))
		return ICMP_ERROR_TRUNCATED;
	// A later fragment has no ports.
	if (be16_to_host(be16_load(header + 6)) & 0x1fff)
		return ICMP_ERROR_QUOTE_HAS_NO_PORTS;
	q->key.protocol = header[9];
	q->key.source = ip_address_from_v4(be32_load(header + 12));
	q->key.destination = ip_address_from_v4(be32_load(header + 16));
	return ICMP_ERROR_PARSED;
}

// One extension header of a quoted IPv6 packet; *next is replaced by the header after it.
static enum icmp_error_verdict quote_extension(struct cursor *c, uint8_t *next)
{
	uint8_t following, units;
	uint16_t fragment;
	uint8_t type = *next;

	if (!cursor_take_u8(c, &following) || !cursor_take_u8(c, &units))
		return ICMP_ERROR_TRUNCATED;
	*next = following;
	if (type != IPPROTO_FRAGMENT)
		return cursor_skip(c, units * 8u + 6) ? ICMP_ERROR_PARSED : ICMP_ERROR_TRUNCATED;
	if (!cursor_take_u16(c, &fragment) || !cursor_skip(c, 4))
		return ICMP_ERROR_TRUNCATED;
	return fragment & 0xfff8 ? ICMP_ERROR_QUOTE_HAS_NO_PORTS : ICMP_ERROR_PARSED;
}

static enum icmp_error_verdict quote_ipv6(
	struct cursor *c, const uint8_t *header, struct icmp_quote *q)
{
	uint8_t next = header[6];

	q->key.source = ip_address_from_bytes(header + 8);
	q->key.destination = ip_address_from_bytes(header + 24);
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
			next != IPPROTO_FRAGMENT)
			break;
		enum icmp_error_verdict verdict = quote_extension(c, &next);

		if (verdict != ICMP_ERROR_PARSED)
			return verdict;
	}
	q->key.protocol = next;
	return ICMP_ERROR_PARSED;
}

// Addresses and protocol of the quoted IP header; the cursor ends up at its transport header.
static enum icmp_error_verdict quote_ip(struct cursor *c, bool v6, struct icmp_quote *q)
{
	const uint8_t *header;

	if (!cursor_take_span(c, v6 ? IP6_BYTES : IP4_BYTES, &header))
		return ICMP_ERROR_TRUNCATED;
	if (header[0] >> 4 != (v6 ? 6 : 4))
		return ICMP_ERROR_QUOTE_MALFORMED;
	return v6 ? quote_ipv6(c, header, q) : quote_ipv4(c, header, q);
}

static void read_mtu(const struct packet *packet, bool v6, struct icmp_quote *q)
{
	uint32_t word = be32_to_host(be32_load(packet->data + packet->l4 + 4));

	q->is_too_big = v6 ? q->type == ICMP6_TOO_BIG
			   : q->type == ICMP4_UNREACHABLE && q->code == ICMP4_CODE_TOO_BIG;
	if (q->is_too_big)
		q->next_hop_mtu = v6 ? word : word & 0xffff;
}

enum icmp_error_verdict icmp_error_parse(
	const struct packet *packet, uint32_t contiguous, struct icmp_quote *out)
{
	bool v6 = packet->kind == PACKET_ICMP6;
	uint32_t end = packet->length < contiguous ? packet->length : contiguous;
	struct icmp_quote q = {0};
	const uint8_t *ports;

	if ((packet->kind != PACKET_ICMP4 && !v6) || packet->l4 == 0)
		return ICMP_ERROR_IS_NOT_ONE;
	if (end > UINT16_MAX)
		end = UINT16_MAX;
	if (end < packet->l4 + (uint32_t)ICMP_HEADER_BYTES)
		return ICMP_ERROR_TRUNCATED;
	q.type = packet->data[packet->l4];
	q.code = packet->data[packet->l4 + 1];
	if (!is_about_session(v6, q.type))
		return ICMP_ERROR_IS_NOT_ONE;

	struct cursor c = {packet->data + packet->l4 + ICMP_HEADER_BYTES, packet->data + end};
	enum icmp_error_verdict verdict = quote_ip(&c, v6, &q);

	if (verdict != ICMP_ERROR_PARSED)
		return verdict;
	if (q.key.protocol != IPPROTO_TCP && q.key.protocol != IPPROTO_UDP)
		return ICMP_ERROR_QUOTE_HAS_NO_PORTS;
	if (!cursor_take_span(&c, QUOTED_TRANSPORT_BYTES, &ports))
		return ICMP_ERROR_TRUNCATED;
	q.key.source_port = be16_load(ports);
	q.key.destination_port = be16_load(ports + 2);
	if (q.key.protocol == IPPROTO_TCP)
		q.tcp_sequence = be32_to_host(be32_load(ports + 4));
	q.l3 = (uint16_t)(packet->l4 + ICMP_HEADER_BYTES);
	q.l4 = (uint16_t)(ports - packet->data);
	q.end = (uint16_t)end;
	read_mtu(packet, v6, &q);
	*out = q;
	return ICMP_ERROR_PARSED;
}

// Replaces a 16-bit field and returns what that adds to a sum that covers it.
static uint64_t replace16(uint8_t *field, be16 value)
{
	uint64_t delta = checksum_delta16(be16_load(field), value);

	be16_store(field, value);
	return delta;
}

// Stores an address in an IP header of either family; returns its delta.
static uint64_t replace_address(uint8_t *field, bool v6, const struct ip_address *value)
{
	if (v6) {
		struct ip_address old = ip_address_from_bytes(field);

		memcpy(field, value->bytes, 16);
		return checksum_delta128(&old, value);
	}

	be32 old = be32_load(field);

	be32_store(field, value->words[3]);
	return checksum_delta32(old, value->words[3]);
}

// Both addresses of the IP header at p; a v4 header's own checksum follows. Returns the delta of
// the addresses alone; *checksum_delta gets that of the header checksum field.
static uint64_t replace_addresses(uint8_t *p, bool v6, const struct ip_address *source,
	const struct ip_address *destination, uint64_t *checksum_delta)
{
	uint64_t delta = replace_address(p + (v6 ? 8 : 12), v6, source);

	delta = checksum_add(delta, replace_address(p + (v6 ? 24 : 16), v6, destination));
	*checksum_delta = 0;
	if (!v6)
		*checksum_delta =
			replace16(p + 10, checksum_apply(be16_load(p + 10), checksum_fold(delta)));
	return delta;
}

// The quoted transport checksum, when the quote reaches it. Returns the delta of the field itself.
static uint64_t replace_transport_checksum(
	struct packet *packet, const struct icmp_quote *q, uint64_t delta)
{
	bool tcp = q->key.protocol == IPPROTO_TCP;
	uint32_t offset = q->l4 + (tcp ? 16u : 6u);
	uint8_t *field = packet->data + offset;

	if (offset + 2 > q->end)
		return 0;
	// A UDP checksum of zero says that there is none.
	if (!tcp && be16_load(field) == 0)
		return 0;

	be16 value = checksum_apply(be16_load(field), checksum_fold(delta));

	return replace16(field, !tcp && value == 0 ? (be16)0xffff : value);
}

static void apply_icmp_delta(struct packet *packet, uint64_t delta)
{
	uint8_t *field = packet->data + packet->l4 + 2;

	be16_store(field, checksum_apply(be16_load(field), checksum_fold(delta)));
}

void icmp_error_translate(struct packet *packet, const struct icmp_quote *quote,
	const struct flow_key *inner, const struct ip_address *outer_source,
	const struct ip_address *outer_destination)
{
	bool v6 = packet->kind == PACKET_ICMP6;
	uint8_t *quoted = packet->data + quote->l3;
	uint8_t *transport = packet->data + quote->l4;
	uint64_t header_delta;
	uint64_t pseudo =
		replace_addresses(quoted, v6, &inner->source, &inner->destination, &header_delta);
	uint64_t ports = checksum_add(replace16(transport, inner->source_port),
		replace16(transport + 2, inner->destination_port));
	uint64_t covered = checksum_add(pseudo, ports);
	uint64_t checksum_delta = replace_transport_checksum(packet, quote, covered);
	uint64_t ignored;
	uint64_t outer = replace_addresses(
		packet->data + packet->l3, v6, outer_source, outer_destination, &ignored);
	uint64_t icmp = checksum_add(checksum_add(covered, header_delta), checksum_delta);

	// Only ICMPv6 has a pseudo-header.
	apply_icmp_delta(packet, v6 ? checksum_add(icmp, outer) : icmp);
	packet->key.source = *outer_source;
	packet->key.destination = *outer_destination;
}

void icmp_error_set_mtu(struct packet *packet, uint32_t mtu)
{
	uint8_t *field = packet->data + packet->l4 + 4;
	be32 old = be32_load(field);
	be32 value = packet->kind == PACKET_ICMP6
			     ? be32_from_host(mtu)
			     : (old & htobe32(0xffff0000)) | be32_from_host(mtu & 0xffff);

	be32_store(field, value);
	apply_icmp_delta(packet, checksum_delta32(old, value));
}
