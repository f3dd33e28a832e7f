// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The loops over payload bytes, once for each width of vector. Pure functions, any thread.

#include <assert.h>

#include "nexwire/base.h"

// Masking keys are handled as the 32 bits that lie in memory; moving along a payload rotates them.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "key_after rotates to the right");

struct nx_kernels {
	// to[i] = from[i] ^ byte i % 4 of key (RFC 6455 5.3). to == from, or they do not overlap.
	void (*mask)(uint8_t *to, const uint8_t *from, size_t n, uint32_t key);
	// The same; says whether every byte of the result is below 0x80.
	bool (*mask_ascii)(uint8_t *to, const uint8_t *from, size_t n, uint32_t key);
	// Whether n bytes are a whole UTF-8 string (RFC 3629).
	bool (*utf8)(const uint8_t *text, size_t n);
};

extern const struct nx_kernels nx_kernels_portable;
#ifdef __x86_64__
extern const struct nx_kernels nx_kernels_sse;
extern const struct nx_kernels nx_kernels_avx2;
extern const struct nx_kernels nx_kernels_avx512;
#endif

// The kernels of a width; NULL when this CPU does not have it.
const struct nx_kernels *nx_kernels_of(enum nx_simd simd);

// The key for what follows n bytes.
static inline uint32_t nx_key_after(uint32_t key, size_t n)
{
	unsigned int bits = 8 * (n & 3);

	return bits == 0 ? key : key >> bits | key << (32 - bits);
}
