// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// For the vector variants of the scans. Private to http/.

#include <emmintrin.h>
#include <stdint.h>
#include <string.h>

// The 4 to 15 bytes at p, some of them twice or more, and no other.
static inline __attribute__((target("sse2"))) __m128i http_load_few(const uint8_t *p, size_t n)
{
	uint32_t first, last;
	__m128i words;

	if (n >= 8)
		return _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *)p),
			_mm_loadl_epi64((const __m128i *)(p + n - 8)));
	memcpy(&first, p, sizeof(first));
	memcpy(&last, p + n - 4, sizeof(last));
	words = _mm_unpacklo_epi32(_mm_cvtsi32_si128((int)first), _mm_cvtsi32_si128((int)last));
	return _mm_unpacklo_epi64(words, words);
}
