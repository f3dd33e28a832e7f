// SPDX-License-Identifier: BSD-3-Clause
#include "io/kernel/slots.h"

#include "io/kernel/vnet.h"
#include "io/mbuf.h"
#include "io/pools.h"

enum {
	VLAN_TAG_BYTES = 4,
	MAC_PAIR_BYTES = 12
};

void slots_init(struct slots *slots, struct rte_mempool *small, struct rte_mempool *large)
{
	*slots = (struct slots){.small_pool = small, .large_pool = large};
	for (uint16_t i = 0; i < SLOTS; i++)
		slots->vectors[i][0] = (struct iovec){
			.iov_base = &slots->headers[i], .iov_len = sizeof(slots->headers[i])};
}

void slots_fini(struct slots *slots)
{
	for (uint16_t i = 0; i < SLOTS; i++) {
		mbuf_chain_put(slots->small[i]);
		mbuf_chain_put(slots->large[i]);
	}
}

static struct iovec room_vector(const struct buffer *b)
{
	return (struct iovec){.iov_base = buffer_data(b), .iov_len = b->capacity - b->offset};
}

static bool slot_fill(struct slots *slots, uint16_t i)
{
	if (!slots->small[i]) {
		slots->small[i] = pool_buffer_get(slots->small_pool);
		if (!slots->small[i])
			return false;
		slots->vectors[i][1] = room_vector(slots->small[i]);
	}
	if (!slots->large[i] && slots->large_pool) {
		slots->large[i] = pool_buffer_get(slots->large_pool);
		if (!slots->large[i])
			return false;
		slots->vectors[i][2] = room_vector(slots->large[i]);
	}
	return true;
}

uint16_t slots_fill(struct slots *slots, uint16_t n)
{
	uint16_t ready = 0;

	while (ready < n && slot_fill(slots, ready))
		ready++;
	return ready;
}

// The headroom has room for the tag: the frame is fresh.
static void tag_restore(struct buffer *frame, uint32_t vlan)
{
	uint8_t *data = buffer_data(frame) - VLAN_TAG_BYTES;

	memmove(data, data + VLAN_TAG_BYTES, MAC_PAIR_BYTES);
	be32_store(data + MAC_PAIR_BYTES, be32_from_host(vlan));
	frame->offset -= VLAN_TAG_BYTES;
	frame->length += VLAN_TAG_BYTES;
	frame->total_length += VLAN_TAG_BYTES;
}

struct buffer *slots_describe(
	struct buffer *frame, const struct virtio_net_hdr *header, uint32_t vlan)
{
	uint16_t inserted = 0;

	if (vlan && frame->length >= MAC_PAIR_BYTES) {
		tag_restore(frame, vlan);
		inserted = VLAN_TAG_BYTES;
	}
	if (vnet_receive(header, inserted, frame) == VNET_OK)
		return frame;
	mbuf_chain_put(frame);
	return NULL;
}

struct buffer *slots_take(struct slots *slots, uint16_t i, uint32_t length, uint32_t vlan)
{
	struct buffer *frame = slots->small[i];
	struct buffer *rest = slots->large[i];
	uint32_t room = (uint32_t)slots->vectors[i][1].iov_len;

	frame->length = (uint16_t)u32_min(length, room);
	frame->total_length = length;
	if (length > room) {
		frame->next = rest;
		frame->segments = 2;
		rest->length = (uint16_t)(length - room);
	}
	slots->small[i] = NULL;
	if (length > room)
		slots->large[i] = NULL;
	return slots_describe(frame, &slots->headers[i], vlan);
}

uint32_t slots_room(const struct slots *slots)
{
	return POOL_SMALL_ROOM + (slots->large_pool ? POOL_LARGE_ROOM : 0);
}

uint32_t frame_vectors(const struct buffer *frame, struct iovec *vectors, uint32_t max)
{
	uint32_t n = 0;

	for (const struct buffer *b = frame; b; b = b->next) {
		if (n == max)
			return 0;
		vectors[n++] = (struct iovec){.iov_base = buffer_data(b), .iov_len = b->length};
	}
	return n;
}
