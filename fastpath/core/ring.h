// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A bounded ring of fixed-size slots between two threads, one that writes and one that reads. A
// slot is the writer's from ring_reserve until ring_publish, then the reader's until ring_release:
// what it holds has one owner at a time and is never copied by the ring.

#include "core/atomic.h"

struct ring {
	uint8_t *slots;
	uint32_t slot_bytes;
	uint32_t mask;                      // slots - 1; a power of two of them
	nx_aligned_line shared_word_t head; // w: writer; slots published since the beginning
	nx_aligned_line shared_word_t tail; // w: reader; slots released
};

// Over memory of count * slot_bytes bytes, count a power of two. Before either thread runs.
static inline void ring_init(struct ring *ring, void *memory, uint32_t count, uint32_t slot_bytes)
{
	nx_bug_on(count == 0 || (count & (count - 1)) != 0);
	ring->slots = memory;
	ring->slot_bytes = slot_bytes;
	ring->mask = count - 1;
	shared_word_store(&ring->head, 0);
	shared_word_store(&ring->tail, 0);
}

static inline void *ring_slot(const struct ring *ring, uint64_t position)
{
	return ring->slots + (size_t)((uint32_t)position & ring->mask) * ring->slot_bytes;
}

// The next slot to fill, NULL when all are full. Writer. Called again before ring_publish it gives
// the same slot.
static inline void *ring_reserve(const struct ring *ring)
{
	uint64_t head = shared_word_load(&ring->head);

	return head - shared_word_load(&ring->tail) > ring->mask ? NULL : ring_slot(ring, head);
}

// Gives the reserved slot to the reader. Writer.
static inline void ring_publish(struct ring *ring)
{
	shared_word_store(&ring->head, shared_word_load(&ring->head) + 1);
}

// The oldest full slot, NULL when there is none. Reader.
static inline void *ring_peek(const struct ring *ring)
{
	uint64_t tail = shared_word_load(&ring->tail);

	return tail == shared_word_load(&ring->head) ? NULL : ring_slot(ring, tail);
}

// Gives the slot that ring_peek showed back to the writer. Reader.
static inline void ring_release(struct ring *ring)
{
	shared_word_store(&ring->tail, shared_word_load(&ring->tail) + 1);
}

// Either thread; what it says may be old by then.
static inline bool ring_is_empty(const struct ring *ring)
{
	return shared_word_load(&ring->head) == shared_word_load(&ring->tail);
}
