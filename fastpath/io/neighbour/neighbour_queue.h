// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Packets that wait for a neighbour: one list an entry, and all of them in order of arrival. The
// oldest packet of all is always the first of its entry's list. Worker thread only.

#include "core/buffer.h"
#include "io/neighbour/neighbour.h"

struct neighbour_waiter {
	struct buffer *buffer;
	uint16_t netif;
	uint16_t l3;
	uint16_t slot;
	uint16_t next;  // in the entry's list, or in the free list
	uint16_t older; // in order of arrival
	uint16_t newer;
};

// Links are indices into waiters; NEIGHBOUR_QUEUE_END ends a list.
enum {
	NEIGHBOUR_QUEUE_END = UINT16_MAX
};

struct neighbour_queue {
	uint32_t count;
	uint32_t most; // that count ever was
	uint16_t free;
	uint16_t oldest;
	uint16_t newest;
	struct neighbour_waiter waiters[NEIGHBOUR_WAITING_TOTAL];
	// By slot, valid while the entry's count is not zero.
	uint16_t first[NEIGHBOUR_MAX];
	uint16_t last[NEIGHBOUR_MAX];
	uint8_t counts[NEIGHBOUR_MAX];
};

void neighbour_queue_init(struct neighbour_queue *queue);

// Appends; count must be below NEIGHBOUR_WAITING_TOTAL.
void neighbour_queue_push(struct neighbour_queue *queue, uint32_t slot, struct buffer *buffer,
	uint16_t netif, uint16_t l3);

// Removes the first packet that waits for slot, which has one; the caller owns the buffer.
struct neighbour_waiter neighbour_queue_pop(struct neighbour_queue *queue, uint32_t slot);
