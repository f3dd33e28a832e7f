// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Which 8-byte blocks of a datagram have come, and at which of them a fragment began. Pure.

#include "core/base.h"

enum {
	BLOCK_BYTES = 8,
	BLOCKS = 8192,
	BLOCK_WORDS = BLOCKS / 64
};

struct block_map {
	uint64_t present[BLOCK_WORDS];
	uint64_t begins[BLOCK_WORDS];
};

enum block_verdict {
	BLOCKS_NEW = 0,  // none of them was there; they are now
	BLOCKS_REPEATED, // exactly one fragment that was there already
	BLOCKS_OVERLAP,
};

static inline bool block_is_set(const uint64_t *words, uint32_t block)
{
	return words[block / 64] >> block % 64 & 1;
}

// Whether any block of [first, beyond) is set.
bool block_any(const uint64_t *words, uint32_t first, uint32_t beyond);

// Enters the fragment of the blocks [first, beyond), first < beyond <= BLOCKS.
enum block_verdict block_map_add(struct block_map *map, uint32_t first, uint32_t beyond);
