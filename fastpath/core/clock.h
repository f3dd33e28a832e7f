// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The node's clock: microseconds by the time-stamp counter. Read once per burst by the worker loop;
// protocol code gets the value as a parameter.

#include <x86intrin.h>

#include "core/base.h"

struct clock {
	uint64_t base;   // TSC at time zero
	uint64_t factor; // microseconds per cycle, times 2^32
	uint64_t hz;     // TSC cycles a second
};

static inline uint64_t clock_cycles(void)
{
	return __rdtsc();
}

static inline void clock_init(struct clock *clock, uint64_t hz)
{
	clock->base = clock_cycles();
	clock->hz = hz;
	clock->factor = (uint64_t)(((__uint128_t)USEC_PER_SECOND << 32) / hz);
}

static inline usec_t clock_usec(const struct clock *clock, uint64_t cycles)
{
	return (usec_t)(((__uint128_t)(cycles - clock->base) * clock->factor) >> 32);
}
