// SPDX-License-Identifier: BSD-3-Clause
#include <immintrin.h>

#include "wire/simd/words.h"

#define KERNEL __attribute__((target("avx2"))) static
#define VECTOR KERNEL inline __attribute__((always_inline))

enum {
	WIDTH = 32
};

typedef __m256i vec;

// Bytes above these begin a character that this vector does not end.
static const uint8_t vector_last_bytes[WIDTH] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	255, 0xf0 - 1, 0xe0 - 1, 0xc0 - 1};

VECTOR vec vector_load(const uint8_t *p)
{
	return _mm256_loadu_si256((const vec *)(const void *)p);
}

VECTOR void vector_store(uint8_t *p, vec v)
{
	_mm256_storeu_si256((vec *)(void *)p, v);
}

// n < WIDTH bytes, zeros after them.
VECTOR vec vector_load_some(const uint8_t *p, size_t n)
{
	uint8_t padded[WIDTH] = {0};

	memcpy(padded, p, n);
	return vector_load(padded);
}

VECTOR vec vector_splat(int byte)
{
	return _mm256_set1_epi8((char)byte);
}

VECTOR vec vector_splat_key(uint32_t key)
{
	return _mm256_set1_epi32((int)key);
}

VECTOR vec vector_table(const uint8_t *table)
{
	return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)table));
}

VECTOR vec vector_lookup(vec table, vec halves)
{
	return _mm256_shuffle_epi8(table, halves);
}

VECTOR vec vector_high_halves(vec v)
{
	return _mm256_srli_epi16(v, 4) & vector_splat(0x0f);
}

// The bytes n places earlier: alignr works within 16-byte lanes, so each lane gets its predecessor.
#define vector_back(now, before, n)                                                                \
	_mm256_alignr_epi8(now, _mm256_permute2x128_si256(before, now, 0x21), 16 - (n))

// Saturating at zero.
VECTOR vec vector_minus(vec a, vec b)
{
	return _mm256_subs_epu8(a, b);
}

VECTOR bool vector_is_ascii(vec v)
{
	return _mm256_movemask_epi8(v) == 0;
}

VECTOR bool vector_is_zero(vec v)
{
	return _mm256_testz_si256(v, v);
}

// One or two overlapping half vectors, both read before one is written.
VECTOR bool vector_mask_short(uint8_t *to, const uint8_t *from, size_t n, uint32_t key)
{
	__m128i first;
	__m128i last;

	if (n < 16)
		return (words_mask(to, from, n, key) & HIGH_BITS) == 0;
	first = _mm_loadu_si128((const __m128i *)(const void *)from);
	last = _mm_loadu_si128((const __m128i *)(const void *)(from + n - 16));
	first ^= _mm_set1_epi32((int)key);
	last ^= _mm_set1_epi32((int)nx_key_after(key, n - 16));
	_mm_storeu_si128((__m128i *)(void *)to, first);
	_mm_storeu_si128((__m128i *)(void *)(to + n - 16), last);
	return _mm_movemask_epi8(first | last) == 0;
}

#include "wire/simd/body.h"

const struct nx_kernels nx_kernels_avx2 = {mask, mask_ascii, utf8};
