// SPDX-License-Identifier: BSD-3-Clause
#include "shape/impair.h"

#include "core/chain.h"
#include "pkt/bytes.h"
#include "pkt/checksum.h"

enum {
	ETHERNET_BYTES = 14,
	VLAN_TAG_BYTES = 4,
	TYPE_IPV4 = 0x0800,
	TYPE_IPV6 = 0x86dd,
	TYPE_VLAN = 0x8100,
	IPV4_LEAST = 20,
	IPV6_BYTES = 40,
	IPV4_CHECKSUM_AT = 10,
	ECN_EXPERIENCED = 3,
};

struct buffer *impair_copy(const struct buffer *frame, struct buffer_source *source)
{
	struct buffer *b = source->get(source, frame->total_length);

	if (!b)
		return NULL;
	chain_copy(frame, 0, frame->total_length, buffer_data(b));
	b->length = (uint16_t)frame->total_length;
	b->total_length = frame->total_length;
	b->port = frame->port;
	b->offload = frame->offload;
	b->transmit = frame->transmit;
	return b;
}

static bool is_ip(const struct buffer *frame, uint32_t at, unsigned version)
{
	uint32_t least = version == 4 ? IPV4_LEAST : IPV6_BYTES;

	return frame->length >= at + least && buffer_data(frame)[at] >> 4 == version;
}

bool impair_find_ip(const struct buffer *frame, enum shape_frame kind, uint32_t *at)
{
	uint32_t offset = 0;
	unsigned type;

	if (kind == SHAPE_FRAME_IP) {
		*at = 0;
		return is_ip(frame, 0, 4) || is_ip(frame, 0, 6);
	}
	if (frame->length < ETHERNET_BYTES + VLAN_TAG_BYTES)
		return false;
	type = be16_to_host(be16_load(buffer_data(frame) + ETHERNET_BYTES - 2));
	offset = ETHERNET_BYTES;
	if (type == TYPE_VLAN) {
		offset += VLAN_TAG_BYTES;
		type = be16_to_host(be16_load(buffer_data(frame) + offset - 2));
	}
	if (type != TYPE_IPV4 && type != TYPE_IPV6)
		return false;
	*at = offset;
	return is_ip(frame, offset, type == TYPE_IPV4 ? 4 : 6);
}

static uint8_t ecn_of(const uint8_t *ip)
{
	return ip[0] >> 4 == 4 ? ip[1] & 3 : ip[1] >> 4 & 3;
}

bool impair_can_mark(const struct buffer *frame, uint32_t at)
{
	return ecn_of(buffer_data(frame) + at) != 0;
}

void impair_mark(struct buffer *frame, uint32_t at)
{
	uint8_t *ip = buffer_data(frame) + at;
	be16 old = be16_load(ip);

	if (ip[0] >> 4 != 4) {
		ip[1] |= ECN_EXPERIENCED << 4;
		return;
	}
	ip[1] |= ECN_EXPERIENCED;
	be16_store(ip + IPV4_CHECKSUM_AT,
		checksum_update16(be16_load(ip + IPV4_CHECKSUM_AT), old, be16_load(ip)));
}

void impair_flip(struct buffer *frame, uint32_t from, struct shape_random *random)
{
	uint64_t bit = shape_random_below(random, 8 * (uint64_t)(frame->total_length - from));
	uint32_t at = from + (uint32_t)(bit / 8);
	struct buffer *b = frame;

	while (at >= b->length) {
		at -= b->length;
		b = b->next;
	}
	buffer_data(b)[at] ^= (uint8_t)(1u << bit % 8);
}
