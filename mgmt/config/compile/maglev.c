// SPDX-License-Identifier: BSD-3-Clause
#include "config/compile/hashed.h"

enum {
	MAGLEV_EMPTY = UINT16_MAX
};

struct permutation {
	uint32_t position; // where the next try begins
	uint32_t skip;
	uint32_t credit; // turns saved up, in units of 1 / the greatest weight
};

uint64_t hashed_key(const char *key, uint64_t seed)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ seed;

	for (; *key; key++)
		hash = (hash ^ (uint8_t)*key) * UINT64_C(0x100000001b3);
	hash ^= hash >> 33;
	hash *= UINT64_C(0xff51afd7ed558ccd);
	return hash ^ (hash >> 33);
}

// The entry takes the next free place of its permutation; HASHED_SIZE is prime, so it visits all.
static void permutation_take(struct permutation *p, uint16_t *table, uint16_t index)
{
	while (table[p->position] != MAGLEV_EMPTY)
		p->position = (p->position + p->skip) % HASHED_SIZE;
	table[p->position] = index;
}

int maglev_fill(uint16_t *table, const struct hashed_entry *entries, uint32_t n)
{
	struct permutation *permutations = calloc(n, sizeof(*permutations));
	uint32_t greatest = 1;
	uint32_t filled = 0;

	if (!permutations)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		permutations[i].position = (uint32_t)(hashed_key(entries[i].key, 0) % HASHED_SIZE);
		permutations[i].skip =
			(uint32_t)(hashed_key(entries[i].key, UINT64_C(0x9e3779b97f4a7c15)) %
				   (HASHED_SIZE - 1)) +
			1;
		greatest = entries[i].weight > greatest ? entries[i].weight : greatest;
	}
	for (uint32_t i = 0; i < HASHED_SIZE; i++)
		table[i] = MAGLEV_EMPTY;
	for (uint32_t i = 0; filled < HASHED_SIZE; i = (i + 1) % n) {
		permutations[i].credit += entries[i].weight;
		if (permutations[i].credit < greatest)
			continue;
		permutations[i].credit -= greatest;
		permutation_take(&permutations[i], table, entries[i].index);
		filled++;
	}
	free(permutations);
	return 0;
}
