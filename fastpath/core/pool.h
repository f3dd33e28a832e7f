// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Objects of one size, named by a 32-bit index, in one mapping. The free list is built as objects
// come back, so a pool touches only what was ever used at once. One thread at a time.

#include "core/memory.h"

enum {
	POOL_NONE = UINT32_MAX
};

// Invariant: indices below touched were handed out at least once; those not in use form the free
// list, linked through their first four bytes.
struct pool {
	uint8_t *objects;
	uint32_t stride; // bytes an object
	uint32_t capacity;
	uint32_t used;
	uint32_t high_water; // most ever used at once
	uint32_t touched;
	uint32_t free_head; // POOL_NONE: empty
	uint32_t fail_at;   // fault injection: countdown, 0 = never
	struct memory memory;
	uint8_t *live; // debug builds: one byte an object, set while it is out
	struct memory live_memory;
};

// A pool of capacity objects (1 to 2^31) of object_bytes (at least 4), kept aligned to 64 bytes if
// that is a multiple of 64, else to 8. -ENOMEM with nothing kept on failure. Control thread.
[[nodiscard]] int pool_init(struct pool *pool, uint32_t capacity, uint32_t object_bytes, bool huge);

// Frees the memory; returns how many objects never came back.
uint32_t pool_fini(struct pool *pool);

static inline void *pool_at(const struct pool *pool, uint32_t index)
{
	nx_debug_on(index >= pool->touched);
	return pool->objects + (size_t)index * pool->stride;
}

// An object's index, or POOL_NONE when all are out. Its first four bytes are indeterminate; the
// rest is as the last owner left it, zero the first time.
static inline uint32_t pool_get(struct pool *pool)
{
	uint32_t index = pool->free_head;

#ifdef NEXPATH_FAULT_INJECTION
	if (nx_unlikely(pool->fail_at != 0) && --pool->fail_at == 0)
		return POOL_NONE;
#endif
	if (index != POOL_NONE) {
		memcpy(&pool->free_head, pool->objects + (size_t)index * pool->stride, 4);
	} else {
		if (pool->touched == pool->capacity)
			return POOL_NONE;
		index = pool->touched++;
	}
	if (++pool->used > pool->high_water)
		pool->high_water = pool->used;
#ifdef NEXPATH_DEBUG
	nx_bug_on(pool->live[index]);
	pool->live[index] = 1;
#endif
	return index;
}

// Gives an object back. Putting one twice aborts in debug builds.
static inline void pool_put(struct pool *pool, uint32_t index)
{
	nx_debug_on(index >= pool->touched);
#ifdef NEXPATH_DEBUG
	nx_bug_on(!pool->live[index]);
	pool->live[index] = 0;
#endif
	memcpy(pool->objects + (size_t)index * pool->stride, &pool->free_head, 4);
	pool->free_head = index;
	pool->used--;
}
