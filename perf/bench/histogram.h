// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A histogram of times whose steps are within 1.6 % of the value, from 1 ns to hours, in fixed
// memory.

#include "core/base.h"

enum {
	HISTOGRAM_STEPS = 64, // a power of two
	HISTOGRAM_BUCKETS = 48 * HISTOGRAM_STEPS,
};

struct histogram {
	uint64_t counts[HISTOGRAM_BUCKETS];
	uint64_t total;
	uint64_t most;
};

static inline uint32_t histogram_bucket(uint64_t value)
{
	if (value < 2 * HISTOGRAM_STEPS)
		return (uint32_t)value;
	uint32_t shift = 57 - (uint32_t)__builtin_clzll(value);
	uint32_t bucket = shift * HISTOGRAM_STEPS + (uint32_t)(value >> shift);

	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static inline void histogram_add(struct histogram *h, uint64_t value)
{
	h->counts[histogram_bucket(value)]++;
	h->total++;
	if (value > h->most)
		h->most = value;
}

// The value below which `share` of all lie, rounded down to a step; 0 when there are none.
static inline uint64_t histogram_at(const struct histogram *h, double share)
{
	uint64_t wanted = (uint64_t)((double)h->total * share);
	uint64_t seen = 0;

	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->counts[i];
		if (seen <= wanted)
			continue;
		if (i < 2 * HISTOGRAM_STEPS)
			return i;
		uint32_t shift = i / HISTOGRAM_STEPS - 1;

		return (uint64_t)(i - shift * HISTOGRAM_STEPS) << shift;
	}
	return h->most;
}
