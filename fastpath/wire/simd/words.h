// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Spans shorter than a vector, by words that may overlap: no loop over bytes, no read past the end.

#include <string.h>

#include "wire/simd/kernels.h"

#define HIGH_BITS UINT64_C(0x8080808080808080)

static inline uint64_t word_load(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, 8);
	return word;
}

static inline uint64_t word_of_key(uint32_t key)
{
	return (uint64_t)key << 32 | key;
}

static inline uint32_t half_load(const uint8_t *p)
{
	uint32_t half;

	memcpy(&half, p, 4);
	return half;
}

// Masks n < 16 bytes; returns the results or-ed together. Both words are read before one is
// written: they overlap, and to may be from.
static inline uint64_t words_mask(uint8_t *to, const uint8_t *from, size_t n, uint32_t key)
{
	if (n >= 8) {
		uint64_t first = word_load(from) ^ word_of_key(key);
		uint64_t last = word_load(from + n - 8) ^ word_of_key(nx_key_after(key, n - 8));

		memcpy(to, &first, 8);
		memcpy(to + n - 8, &last, 8);
		return first | last;
	}
	if (n >= 4) {
		uint32_t first = half_load(from) ^ key;
		uint32_t last = half_load(from + n - 4) ^ nx_key_after(key, n - 4);

		memcpy(to, &first, 4);
		memcpy(to + n - 4, &last, 4);
		return first | last;
	}
	uint8_t seen = 0;

	for (size_t i = 0; i < n; i++, key >>= 8) {
		to[i] = from[i] ^ (uint8_t)key;
		seen |= to[i];
	}
	return seen;
}

// n < 16 bytes or-ed together.
static inline uint64_t words_seen(const uint8_t *p, size_t n)
{
	uint8_t seen = 0;

	if (n >= 8)
		return word_load(p) | word_load(p + n - 8);
	if (n >= 4)
		return half_load(p) | half_load(p + n - 4);
	for (size_t i = 0; i < n; i++)
		seen |= p[i];
	return seen;
}
