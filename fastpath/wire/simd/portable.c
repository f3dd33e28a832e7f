// SPDX-License-Identifier: BSD-3-Clause

// For CPUs without vectors that we know, and the judge of all other kernels in the tests.

#include "wire/simd/words.h"
#include "wire/ws/utf8.h"

static uint64_t mask_seen(uint8_t *to, const uint8_t *from, size_t n, uint32_t key)
{
	uint64_t wide = word_of_key(key);
	uint64_t seen = 0;

	for (; n >= 16; n -= 8, to += 8, from += 8) {
		uint64_t word = word_load(from) ^ wide;

		memcpy(to, &word, 8);
		seen |= word;
	}
	return seen | words_mask(to, from, n, key);
}

static void mask(uint8_t *to, const uint8_t *from, size_t n, uint32_t key)
{
	mask_seen(to, from, n, key);
}

static bool mask_ascii(uint8_t *to, const uint8_t *from, size_t n, uint32_t key)
{
	return (mask_seen(to, from, n, key) & HIGH_BITS) == 0;
}

static bool utf8(const uint8_t *text, size_t n)
{
	struct nx_utf8 state = {0};
	size_t i = 0;

	while (i < n) {
		if (state.left == 0 && n - i >= 8 && (word_load(text + i) & HIGH_BITS) == 0)
			i += 8;
		else if (!nx_utf8_step(&state, text[i++]))
			return false;
	}
	return state.left == 0;
}

const struct nx_kernels nx_kernels_portable = {mask, mask_ascii, utf8};
