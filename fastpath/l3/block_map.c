// SPDX-License-Identifier: BSD-3-Clause
#include "l3/block_map.h"

// The bits of word w that lie in [first, beyond).
static uint64_t mask(uint32_t w, uint32_t first, uint32_t beyond)
{
	uint64_t m = UINT64_MAX;

	if (w == first / 64)
		m &= UINT64_MAX << first % 64;
	if (w == (beyond - 1) / 64)
		m &= UINT64_MAX >> (63 - (beyond - 1) % 64);
	return m;
}

bool block_any(const uint64_t *words, uint32_t first, uint32_t beyond)
{
	if (first >= beyond)
		return false;
	for (uint32_t w = first / 64; w <= (beyond - 1) / 64; w++) {
		if (words[w] & mask(w, first, beyond))
			return true;
	}
	return false;
}

static bool all(const uint64_t *words, uint32_t first, uint32_t beyond)
{
	for (uint32_t w = first / 64; w <= (beyond - 1) / 64; w++) {
		uint64_t m = mask(w, first, beyond);

		if ((words[w] & m) != m)
			return false;
	}
	return true;
}

// The same beginning, the same end, and nothing that begins in between.
static bool is_one_fragment(const struct block_map *map, uint32_t first, uint32_t beyond)
{
	return block_is_set(map->begins, first) && all(map->present, first, beyond) &&
	       !block_any(map->begins, first + 1, beyond) &&
	       (beyond == BLOCKS || !block_is_set(map->present, beyond) ||
		       block_is_set(map->begins, beyond));
}

enum block_verdict block_map_add(struct block_map *map, uint32_t first, uint32_t beyond)
{
	if (block_any(map->present, first, beyond))
		return is_one_fragment(map, first, beyond) ? BLOCKS_REPEATED : BLOCKS_OVERLAP;
	for (uint32_t w = first / 64; w <= (beyond - 1) / 64; w++)
		map->present[w] |= mask(w, first, beyond);
	map->begins[first / 64] |= UINT64_C(1) << first % 64;
	return BLOCKS_NEW;
}
