// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Scalar types, attributes and the three assertion tiers (docs/working-on-the-code.md):
// nx_bug_on always, nx_debug_on in debug builds, a counter (core/drop.h) for what a peer can cause.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "pkt/address.h"

// Microseconds since the node's clock began; time enters protocol code as a parameter only.
typedef uint64_t usec_t;

enum {
	CACHE_LINE = 64
};
#define USEC_PER_SECOND      UINT64_C(1000000)
#define USEC_PER_MILLISECOND UINT64_C(1000)

#define nx_likely(cond)   __builtin_expect(!!(cond), 1)
#define nx_unlikely(cond) __builtin_expect(!!(cond), 0)
// Out of the way of what runs for every packet.
#define nx_cold                                __attribute__((cold, noinline))
#define nx_noinline                            __attribute__((noinline))
#define nx_aligned_line                        __attribute__((aligned(CACHE_LINE)))
#define nx_array_size(a)                       (sizeof(a) / sizeof((a)[0]))
#define nx_container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

#define nx_bug_on(cond)                                                                            \
	do {                                                                                       \
		if (nx_unlikely(cond)) {                                                           \
			fprintf(stderr, "nexpath: bug at %s:%d: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#ifdef NEXPATH_DEBUG
#	define nx_debug_on(cond) nx_bug_on(cond)
#else
#	define nx_debug_on(cond) ((void)sizeof(cond))
#endif

static inline uint32_t u32_max(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static inline uint32_t u32_min(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline uint64_t u64_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}
