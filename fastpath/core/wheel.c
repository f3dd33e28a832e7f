// SPDX-License-Identifier: BSD-3-Clause
#include "core/wheel.h"

enum {
	SLOT_MARK = 1u << 31,
	LEVEL_BITS = 8,
	SLOT_MASK = WHEEL_SLOTS - 1
};

static unsigned slot_of(uint64_t tick, unsigned level)
{
	return (unsigned)(tick >> (level * LEVEL_BITS)) & SLOT_MASK;
}

void wheel_init(struct wheel *wheel, void *entries, uint32_t stride, unsigned shift, usec_t now)
{
	*wheel = (struct wheel){
		.base = entries, .stride = stride, .shift = shift, .tick = now >> shift};
	memset(wheel->heads, 0xff, sizeof(wheel->heads));
}

static void unlink_entry(struct wheel *wheel, struct wheel_entry *e)
{
	if (e->next != WHEEL_NONE)
		wheel_entry_at(wheel, e->next)->prev = e->prev;
	if (e->prev & SLOT_MARK) {
		unsigned place = e->prev & ~SLOT_MARK;
		unsigned level = place / WHEEL_SLOTS;
		unsigned slot = place % WHEEL_SLOTS;

		wheel->heads[level][slot] = e->next;
		if (e->next == WHEEL_NONE)
			wheel->occupied[level][slot / 64] &= ~(UINT64_C(1) << (slot % 64));
	} else {
		wheel_entry_at(wheel, e->prev)->next = e->next;
	}
	e->prev = WHEEL_NONE;
}

// Where an entry of this expiry belongs now: level * WHEEL_SLOTS + slot.
static unsigned place_of(const struct wheel *wheel, uint32_t expiry)
{
	uint32_t differs = expiry ^ (uint32_t)wheel->tick;
	unsigned level = differs == 0 ? 0 : (31 - (unsigned)__builtin_clz(differs)) / LEVEL_BITS;

	return level * WHEEL_SLOTS + slot_of(expiry, level);
}

static void link_entry(struct wheel *wheel, uint32_t index, struct wheel_entry *e)
{
	unsigned place = place_of(wheel, e->expiry);
	unsigned level = place / WHEEL_SLOTS;
	unsigned slot = place % WHEEL_SLOTS;

	e->prev = SLOT_MARK | place;
	e->next = wheel->heads[level][slot];
	if (e->next != WHEEL_NONE)
		wheel_entry_at(wheel, e->next)->prev = index;
	wheel->heads[level][slot] = index;
	wheel->occupied[level][slot / 64] |= UINT64_C(1) << (slot % 64);
}

void wheel_arm(struct wheel *wheel, uint32_t index, usec_t due)
{
	struct wheel_entry *e = wheel_entry_at(wheel, index);
	uint64_t last = wheel->tick + INT32_MAX;
	uint64_t tick = (due >> wheel->shift) + ((due & ((UINT64_C(1) << wheel->shift) - 1)) != 0);

	if (tick <= wheel->tick)
		tick = wheel->tick + 1;
	else if (tick > last)
		tick = last;
	if (e->prev == WHEEL_NONE)
		wheel->armed++;
	else if (e->expiry == (uint32_t)tick)
		return;
	else
		unlink_entry(wheel, e);
	e->expiry = (uint32_t)tick;
	link_entry(wheel, index, e);
}

void wheel_cancel(struct wheel *wheel, uint32_t index)
{
	struct wheel_entry *e = wheel_entry_at(wheel, index);

	if (e->prev == WHEEL_NONE)
		return;
	unlink_entry(wheel, e);
	wheel->armed--;
}

// The first occupied slot at or after `from`, WHEEL_SLOTS if there is none.
static unsigned next_occupied(const uint64_t occupied[WHEEL_SLOTS / 64], unsigned from)
{
	unsigned word = from / 64;
	uint64_t bits;

	if (from >= WHEEL_SLOTS)
		return WHEEL_SLOTS;
	bits = occupied[word] & (UINT64_MAX << (from % 64));
	while (bits == 0) {
		if (++word == WHEEL_SLOTS / 64)
			return WHEEL_SLOTS;
		bits = occupied[word];
	}
	return word * 64 + (unsigned)__builtin_ctzll(bits);
}

// The next tick after wheel->tick at which some slot is entered that holds entries.
static uint64_t next_tick(const struct wheel *wheel)
{
	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		unsigned shift = level * LEVEL_BITS;
		uint64_t block = wheel->tick >> shift;
		unsigned slot = next_occupied(wheel->occupied[level], (block & SLOT_MASK) + 1);

		if (slot < WHEEL_SLOTS)
			return ((block & ~(uint64_t)SLOT_MASK) + slot) << shift;
		// Only the top level wraps: below it the higher bytes are those of tick.
		if (level == WHEEL_LEVELS - 1) {
			slot = next_occupied(wheel->occupied[level], 0);
			if (slot < WHEEL_SLOTS)
				return ((block & ~(uint64_t)SLOT_MASK) + WHEEL_SLOTS + slot)
				       << shift;
		}
	}
	return UINT64_MAX;
}

// The lowest level above 0 at which the slot of tick still holds entries, 0 if none does.
static unsigned unsettled_level(const struct wheel *wheel)
{
	for (unsigned level = 1; level < WHEEL_LEVELS; level++)
		if (wheel->heads[level][slot_of(wheel->tick, level)] != WHEEL_NONE)
			return level;
	return 0;
}

// Moves one entry down. True if there was one.
static bool settle_one(struct wheel *wheel)
{
	unsigned level = unsettled_level(wheel);
	struct wheel_entry *e;
	uint32_t index;

	if (level == 0)
		return false;
	index = wheel->heads[level][slot_of(wheel->tick, level)];
	e = wheel_entry_at(wheel, index);
	unlink_entry(wheel, e);
	link_entry(wheel, index, e);
	return true;
}

uint32_t wheel_take_due(struct wheel *wheel, usec_t now, uint32_t *budget)
{
	uint64_t now_tick = now >> wheel->shift;

	while (*budget > 0) {
		uint32_t index = wheel->heads[0][slot_of(wheel->tick, 0)];

		if (settle_one(wheel)) {
			(*budget)--;
			continue;
		}
		if (index != WHEEL_NONE) {
			wheel_cancel(wheel, index);
			(*budget)--;
			return index;
		}
		if (wheel->tick >= now_tick)
			return WHEEL_NONE;
		wheel->tick = u64_min(next_tick(wheel), now_tick);
	}
	return WHEEL_NONE;
}

usec_t wheel_next(const struct wheel *wheel)
{
	if (wheel->armed == 0)
		return UINT64_MAX;
	if (wheel->heads[0][slot_of(wheel->tick, 0)] != WHEEL_NONE || unsettled_level(wheel) != 0)
		return wheel->tick << wheel->shift;
	return next_tick(wheel) << wheel->shift;
}
