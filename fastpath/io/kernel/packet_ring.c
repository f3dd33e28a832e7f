// SPDX-License-Identifier: BSD-3-Clause
#include "io/kernel/packet_ring.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "core/atomic.h"
#include "io/kernel/slots.h"
#include "io/pools.h"

enum {
	SLOT_BYTES = 2048, // an Ethernet frame of 1,500 bytes and the kernel's own header
	SLOT_COUNT = 4096,
	BLOCK_BYTES = 64 << 10,
	RING_BYTES = SLOT_BYTES * SLOT_COUNT,
};
static_assert(SLOT_BYTES <= POOL_SMALL_ROOM + (int)TPACKET2_HDRLEN);

int packet_ring_map(int fd, struct packet_ring *out)
{
	int version = TPACKET_V2;
	int threshold = 1; // any number: frames that a slot is too small for are queued
	struct tpacket_req request = {
		.tp_block_size = BLOCK_BYTES,
		.tp_block_nr = RING_BYTES / BLOCK_BYTES,
		.tp_frame_size = SLOT_BYTES,
		.tp_frame_nr = SLOT_COUNT,
	};
	void *slots;

	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
		setsockopt(fd, SOL_PACKET, PACKET_COPY_THRESH, &threshold, sizeof(threshold)) < 0 ||
		setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)) < 0)
		return -errno;
	slots = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (slots == MAP_FAILED) {
		int result = -errno;

		// A ring that nobody reads would swallow every frame.
		request = (struct tpacket_req){0};
		(void)setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request));
		return result;
	}
	*out = (struct packet_ring){.slots = slots};
	return 0;
}

void packet_ring_unmap(struct packet_ring *ring)
{
	if (ring->slots)
		munmap(ring->slots, RING_BYTES);
	*ring = (struct packet_ring){0};
}

static inline struct tpacket2_hdr *slot_at(const struct packet_ring *ring, uint32_t ahead)
{
	return (void *)(ring->slots + (size_t)((ring->next + ahead) % SLOT_COUNT) * SLOT_BYTES);
}

enum packet_ring_slot packet_ring_peek(const struct packet_ring *ring, uint32_t ahead)
{
	const struct tpacket2_hdr *slot = slot_at(ring, ahead);
	uint32_t status = kernel_word_load(&slot->tp_status);

	if (!(status & TP_STATUS_USER))
		return PACKET_RING_EMPTY;
	if (status & TP_STATUS_COPY)
		return PACKET_RING_QUEUED;
	return slot->tp_snaplen == slot->tp_len ? PACKET_RING_HERE : PACKET_RING_LOST;
}

struct buffer *packet_ring_take(const struct packet_ring *ring, struct buffer *frame)
{
	const struct tpacket2_hdr *slot = slot_at(ring, 0);
	const uint8_t *data = (const uint8_t *)slot + slot->tp_mac;
	struct virtio_net_hdr header;

	memcpy(&header, data - sizeof(header), sizeof(header));
	memcpy(buffer_data(frame), data, slot->tp_snaplen);
	frame->length = (uint16_t)slot->tp_snaplen;
	frame->total_length = slot->tp_snaplen;
	return slots_describe(frame, &header,
		packet_vlan(slot->tp_status, slot->tp_vlan_tpid, slot->tp_vlan_tci));
}

void packet_ring_advance(struct packet_ring *ring)
{
	kernel_word_store(&slot_at(ring, 0)->tp_status, TP_STATUS_KERNEL);
	ring->next = (ring->next + 1) % SLOT_COUNT;
}
