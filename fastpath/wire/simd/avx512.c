// SPDX-License-Identifier: BSD-3-Clause
#include <immintrin.h>

#include "wire/simd/words.h"

#define KERNEL __attribute__((target("avx512bw,avx512vl"))) static
#define VECTOR KERNEL inline __attribute__((always_inline))

enum {
	WIDTH = 64
};

typedef __m512i vec;

// Bytes above these begin a character that this vector does not end.
static const uint8_t vector_last_bytes[WIDTH] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0xf0 - 1,
	0xe0 - 1, 0xc0 - 1};

VECTOR vec vector_load(const uint8_t *p)
{
	return _mm512_loadu_si512(p);
}

VECTOR void vector_store(uint8_t *p, vec v)
{
	_mm512_storeu_si512(p, v);
}

// The lanes of the first n < WIDTH bytes.
VECTOR __mmask64 lanes(size_t n)
{
	return (UINT64_C(1) << n) - 1;
}

// n < WIDTH bytes, zeros after them.
VECTOR vec vector_load_some(const uint8_t *p, size_t n)
{
	return _mm512_maskz_loadu_epi8(lanes(n), p);
}

VECTOR vec vector_splat(int byte)
{
	return _mm512_set1_epi8((char)byte);
}

VECTOR vec vector_splat_key(uint32_t key)
{
	return _mm512_set1_epi32((int)key);
}

VECTOR vec vector_table(const uint8_t *table)
{
	return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)table));
}

VECTOR vec vector_lookup(vec table, vec halves)
{
	return _mm512_shuffle_epi8(table, halves);
}

VECTOR vec vector_high_halves(vec v)
{
	return _mm512_srli_epi16(v, 4) & vector_splat(0x0f);
}

// The bytes n places earlier: alignr works within 16-byte lanes, so each lane gets its predecessor.
#define vector_back(now, before, n)                                                                \
	_mm512_alignr_epi8(now, _mm512_alignr_epi64(now, before, 6), 16 - (n))

// Saturating at zero.
VECTOR vec vector_minus(vec a, vec b)
{
	return _mm512_subs_epu8(a, b);
}

VECTOR bool vector_is_ascii(vec v)
{
	return _mm512_movepi8_mask(v) == 0;
}

VECTOR bool vector_is_zero(vec v)
{
	return _mm512_test_epi8_mask(v, v) == 0;
}

VECTOR bool vector_mask_short(uint8_t *to, const uint8_t *from, size_t n, uint32_t key)
{
	vec masked = vector_load_some(from, n) ^ vector_splat_key(key);

	_mm512_mask_storeu_epi8(to, lanes(n), masked);
	return (_mm512_movepi8_mask(masked) & lanes(n)) == 0;
}

#include "wire/simd/body.h"

const struct nx_kernels nx_kernels_avx512 = {mask, mask_ascii, utf8};
