// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Memory for a library that allocates as it goes, where nothing may be allocated: blocks of powers
// of two out of one bounded region (buddies: two free halves become a whole again). Who uses it has
// an account with a bound of its own. Worker thread, but for _create and _destroy.

#include "core/memory.h"

enum {
	H2_BLOCK_BITS = 6, // the smallest: 64 bytes
	H2_ORDERS = 12,    // the largest: 128 KiB
};

// Invariant: of two free buddies of one order none is in a list, their whole is. A free block has
// its neighbours in the list in its first eight bytes.
struct h2_memory {
	struct memory region;
	struct memory orders_memory;
	uint8_t *orders;  // by smallest block: of one that begins there, with H2_IS_FREE
	uint32_t blocks;  // of the largest order
	uint32_t touched; // of those, handed out or divided at least once
	uint32_t used;    // bytes
	uint32_t high_water;
	uint32_t free[H2_ORDERS];
};

struct h2_account {
	struct h2_memory *memory;
	uint32_t used; // bytes of blocks
	uint32_t limit;
	bool ran_out; // something was not to be had
};

// A region of at least bytes. -ENOMEM with nothing kept on failure. Control thread.
[[nodiscard]] int h2_memory_create(struct h2_memory *memory, uint32_t bytes);
// Returns how many bytes never came back.
uint32_t h2_memory_destroy(struct h2_memory *memory);

// As malloc, free and realloc; NULL where the region or the account has no more.
void *h2_memory_get(struct h2_account *account, size_t bytes);
void h2_memory_put(struct h2_account *account, void *block);
void *h2_memory_resize(struct h2_account *account, void *block, size_t bytes);
