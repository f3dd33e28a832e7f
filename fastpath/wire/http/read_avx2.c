// SPDX-License-Identifier: BSD-3-Clause
#ifdef __x86_64__
#	include <immintrin.h>

#	include "head.h"
#	include "load_few.h"
#	include "scan.h"

// The two shuffles of read_ssse3.c over 32 bytes: one load covers most names and many values.
#	define VARIANT(name)  name##_avx2
#	define VARIANT_TARGET __attribute__((target("avx2,bmi")))
#	define WIDTH          32
#	define VECTORED(set)  true

VARIANT_TARGET static inline uint64_t stops_among(__m256i bytes, enum http_set set)
{
	__m256i bits = _mm256_set1_epi64x((long long)UINT64_C(0x8040201008040201));
	__m256i high, low;

	if (set == HTTP_SET_VALUE) {
		__m256i control =
			_mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(0x1f)), bytes);
		__m256i tab = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\t'));
		__m256i delete = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(0x7f));

		return (uint32_t)_mm256_movemask_epi8(
			_mm256_or_si256(_mm256_andnot_si256(tab, control), delete));
	}
	low = _mm256_broadcastsi128_si256(
		_mm_loadu_si128((const __m128i *)(set == HTTP_SET_TOKEN ? nx_http_token_nibbles
									: nx_http_target_nibbles)));
	high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0f));
	return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(
		_mm256_and_si256(_mm256_shuffle_epi8(low, bytes), _mm256_shuffle_epi8(bits, high)),
		_mm256_setzero_si256()));
}

VARIANT_TARGET static inline uint64_t stops(const uint8_t *p, enum http_set set)
{
	return stops_among(_mm256_loadu_si256((const __m256i *)p), set);
}

VARIANT_TARGET static inline bool few_are_in(const uint8_t *p, size_t n, enum http_set set)
{
	if (n < 16)
		return stops_among(_mm256_broadcastsi128_si256(http_load_few(p, n)), set) == 0;
	return stops_among(_mm256_loadu2_m128i((const __m128i *)(p + n - 16), (const __m128i *)p),
		       set) == 0;
}

#	include "scan_body.h"

#	include "read_body.h"
#endif
