// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Seeded numbers for emulated links: the same seed gives the same numbers for ever, on every
// machine. Each impairment draws from a stream of its own, so switching one on moves no other.
// Any one thread; not for secrets.

#include "core/base.h"

struct shape_random {
	uint64_t state;
};

// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014).
static inline uint64_t shape_random_next(struct shape_random *r)
{
	uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline struct shape_random shape_random_seeded(uint64_t seed, uint64_t stream)
{
	struct shape_random r = {seed};

	r.state = shape_random_next(&r) ^ stream * UINT64_C(0xd1342543de82ef95);
	return r;
}

// A number below `below`, each as likely as any other but for one part in 2^64 / below.
static inline uint64_t shape_random_below(struct shape_random *r, uint64_t below)
{
	return (uint64_t)(((__uint128_t)shape_random_next(r) * below) >> 64);
}

// A number from the normal distribution around 0 with deviation 1, in units of 2^-16: the sum of
// twelve uniform ones, so never beyond 6 deviations.
static inline int64_t shape_random_normal(struct shape_random *r)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < 3; i++) {
		uint64_t bits = shape_random_next(r);

		for (unsigned k = 0; k < 4; k++)
			sum += (int64_t)(bits >> (16 * k) & 0xffff);
	}
	return sum - 6 * INT64_C(65535);
}
