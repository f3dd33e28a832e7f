// SPDX-License-Identifier: BSD-3-Clause
#include "config/compile/hashed.h"

static uint64_t mix(uint64_t h)
{
	h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ (h >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ (h >> 33);
}

// -log2(u) of u = (hash + 1) / 2^64, in 1/65536; the mantissa by a parabola, exact to 0.01.
static uint64_t negative_log2(uint64_t hash)
{
	uint64_t u = hash | 1;
	unsigned int zeros = (unsigned int)__builtin_clzll(u);
	uint64_t fraction = ((u << zeros) << 1) >> 48; // f in 1/65536, u = 2^(63 - zeros) (1 + f)
	uint64_t curve = (fraction * (65536 - fraction) >> 16) * 22713 >> 16;

	return ((uint64_t)(zeros + 1) << 16) - fraction - curve;
}

struct rival {
	uint64_t identity;
	uint16_t index;
	uint16_t weight;
};

// The least -log(u) / weight, u from bucket and target.
static uint16_t winner_of(uint64_t bucket, const struct rival *rivals, uint32_t n)
{
	const struct rival *best = &rivals[0];
	uint64_t best_score = negative_log2(mix(bucket ^ best->identity));

	for (uint32_t i = 1; i < n; i++) {
		uint64_t score = negative_log2(mix(bucket ^ rivals[i].identity));

		if (score * best->weight < best_score * rivals[i].weight) {
			best = &rivals[i];
			best_score = score;
		}
	}
	return best->index;
}

int rendezvous_fill(uint16_t *table, const struct hashed_entry *entries, uint32_t n)
{
	struct rival *rivals = calloc(n, sizeof(*rivals));

	if (!rivals)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		rivals[i] = (struct rival){.identity = hashed_key(entries[i].key, 0),
			.index = entries[i].index,
			.weight = entries[i].weight};
	for (uint32_t bucket = 0; bucket < HASHED_SIZE; bucket++)
		table[bucket] = winner_of(mix(bucket + 1), rivals, n);
	free(rivals);
	return 0;
}
