// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A hierarchical timer wheel: four levels of 256 slots over a 32-bit tick. Arming and cancelling
// cost the same whatever is armed; an entry moves down at most three times in its life. Due entries
// are pulled one by one against a budget, so a loop that stood still for minutes catches up over
// several turns and no turn is long. Entries are embedded in the caller's objects (one an object)
// and named by the objects' 32-bit index. One thread at a time; time comes in as a parameter.

#include "core/base.h"

enum {
	WHEEL_NONE = UINT32_MAX,
	WHEEL_LEVELS = 4,
	WHEEL_SLOTS = 256
};

// 12 bytes in every object with a timer. wheel_entry_init before first use.
struct wheel_entry {
	uint32_t next;   // index, WHEEL_NONE = last of its slot
	uint32_t prev;   // index, or a slot (top bit set), WHEEL_NONE = not armed
	uint32_t expiry; // tick, low 32 bits
};

// Invariant: an entry sits at the level of the highest byte in which its expiry differs from tick,
// in the slot of that byte; only slots of tick itself may still hold entries that have to move
// down.
struct wheel {
	uint8_t *base;   // address of object 0's entry
	uint32_t stride; // bytes from one object's entry to the next one's
	uint32_t armed;
	uint64_t tick;  // all before it are done
	unsigned shift; // a tick is 2^shift microseconds
	uint64_t occupied[WHEEL_LEVELS][WHEEL_SLOTS / 64];
	uint32_t heads[WHEEL_LEVELS][WHEEL_SLOTS];
};

// entries: address of the entry in object 0. shift: 13 makes a tick of 8.2 ms. A timer is never
// early and at most a tick late; delays above 2^31 ticks are cut to that.
void wheel_init(struct wheel *wheel, void *entries, uint32_t stride, unsigned shift, usec_t now);

static inline struct wheel_entry *wheel_entry_at(const struct wheel *wheel, uint32_t index)
{
	return (struct wheel_entry *)(void *)(wheel->base + (size_t)index * wheel->stride);
}

static inline void wheel_entry_init(struct wheel *wheel, uint32_t index)
{
	wheel_entry_at(wheel, index)->prev = WHEEL_NONE;
}

static inline bool wheel_is_armed(const struct wheel *wheel, uint32_t index)
{
	return wheel_entry_at(wheel, index)->prev != WHEEL_NONE;
}

// Arms, or moves, object index's timer to `due`. A time that has passed is due in the next tick.
void wheel_arm(struct wheel *wheel, uint32_t index, usec_t due);

// Disarms; harmless if it is not armed.
void wheel_cancel(struct wheel *wheel, uint32_t index);

// The next due object, disarmed; WHEEL_NONE when none is due or *budget is used up. Each entry that
// moves or comes due takes one from *budget. Due entries come in order of their ticks. Any timer
// may be armed or cancelled between calls.
uint32_t wheel_take_due(struct wheel *wheel, usec_t now, uint32_t *budget);

// When wheel_take_due has work next: not after the earliest timer is due, and before it at most
// where entries have to move down. UINT64_MAX when nothing is armed. Constant cost.
usec_t wheel_next(const struct wheel *wheel);
