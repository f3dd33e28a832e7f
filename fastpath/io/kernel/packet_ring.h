// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The receive ring of a packet socket (PACKET_RX_RING, version 2): the kernel writes small frames
// into memory that we read without a system call. A frame that is larger than a slot leaves its
// beginning there and waits whole in the socket's queue, in the same order (PACKET_COPY_THRESH).
// One thread at a time, but for packet_ring_unmap.

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "core/buffer.h"

struct rte_mempool;

struct packet_ring {
	uint8_t *slots; // NULL: the socket has no ring
	uint32_t next;  // slot that the kernel fills next, as far as we have read
};

// The tag that the kernel took out of a frame, as slots_take and slots_describe want it, from the
// words of a ring's slot or of auxiliary data; 0 = none.
static inline uint32_t packet_vlan(uint32_t status, uint16_t tpid, uint16_t tci)
{
	if (!(status & TP_STATUS_VLAN_VALID))
		return 0;
	return (uint32_t)(status & TP_STATUS_VLAN_TPID_VALID ? tpid : ETH_P_8021Q) << 16 | tci;
}

// What the next slot holds.
enum packet_ring_slot {
	PACKET_RING_EMPTY = 0,
	PACKET_RING_HERE,   // a frame: packet_ring_take
	PACKET_RING_QUEUED, // a frame that waits in the socket's queue
	PACKET_RING_LOST,   // a beginning whose rest found no room in the queue
};

// Gives the socket a ring; it has its virtio-net header switched on, and is not bound yet. Without
// one (a negative errno) it works as well. Control thread.
[[nodiscard]] int packet_ring_map(int fd, struct packet_ring *out);
// Control thread, when no worker looks.
void packet_ring_unmap(struct packet_ring *ring);

// What slot `ahead` of the next one holds.
enum packet_ring_slot packet_ring_peek(const struct packet_ring *ring, uint32_t ahead);

// Copies the frame of the next slot into frame, an empty small buffer, and describes it. NULL when
// its header makes no sense: the buffer is back in its pool. Takes frame, not the slot.
struct buffer *packet_ring_take(const struct packet_ring *ring, struct buffer *frame);

// Gives the next slot back to the kernel.
void packet_ring_advance(struct packet_ring *ring);
