// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Where a kernel port's next frames will be written: each slot is a small buffer, and a large one
// that only the part of a frame beyond the small one's room goes to. So a small frame costs a small
// buffer, a large one is a chain of two, and nothing is copied twice. Owned by one queue.

#include <linux/virtio_net.h>
#include <sys/uio.h>

#include "core/buffer.h"
#include "core/limits.h"

struct rte_mempool;

enum {
	SLOTS = 32,
	SLOT_VECTORS = 3
};

struct slots {
	struct rte_mempool *small_pool;
	struct rte_mempool *large_pool; // NULL: frames beyond a small buffer do not fit
	struct buffer *small[SLOTS];
	struct buffer *large[SLOTS];
	struct virtio_net_hdr headers[SLOTS];
	struct iovec vectors[SLOTS][SLOT_VECTORS]; // header, small, large
};

// Control thread.
void slots_init(struct slots *slots, struct rte_mempool *small, struct rte_mempool *large);
void slots_fini(struct slots *slots);

// Completes the first n slots (at most SLOTS) as far as the pools go; returns how many are. Worker.
uint16_t slots_fill(struct slots *slots, uint16_t n);

// Takes the frame of `length` bytes (virtio-net header not counted) that was written to slot i: a
// buffer or a chain of two, described by the virtio-net header. vlan: a tag that the kernel took
// out of the frame, put back before the EtherType; 0 = none. NULL when the header makes no sense;
// the slot's buffers go back to their pools. Worker.
struct buffer *slots_take(struct slots *slots, uint16_t i, uint32_t length, uint32_t vlan);

// Describes a frame that lies in fresh buffers, lengths set, by its virtio-net header. vlan as
// above. NULL when the header makes no sense; the buffers go back to their pools. Worker.
struct buffer *slots_describe(
	struct buffer *frame, const struct virtio_net_hdr *header, uint32_t vlan);

// What a slot takes, header not counted.
uint32_t slots_room(const struct slots *slots);

// Vectors for a frame's segments after its virtio-net header, for writing; the number of vectors
// used, 0 when the chain is longer than max. Worker.
uint32_t frame_vectors(const struct buffer *frame, struct iovec *vectors, uint32_t max);
