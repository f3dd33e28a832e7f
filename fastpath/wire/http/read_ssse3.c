// SPDX-License-Identifier: BSD-3-Clause
#ifdef __x86_64__
#	include <tmmintrin.h>

#	include "head.h"
#	include "load_few.h"
#	include "scan.h"

// Membership in a set of ASCII bytes by two shuffles: what the low nibble allows and what the high
// nibble is must share a bit. A byte above 0x7f shuffles to zero and is in no such set.
#	define VARIANT(name)  name##_ssse3
#	define VARIANT_TARGET __attribute__((target("ssse3")))
#	define WIDTH          16
#	define VECTORED(set)  true

VARIANT_TARGET static inline uint64_t stops_among(__m128i bytes, enum http_set set)
{
	__m128i bits = _mm_set_epi64x(0, (long long)UINT64_C(0x8040201008040201));
	__m128i high, low;

	if (set == HTTP_SET_VALUE) {
		__m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
		__m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
		__m128i delete = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));

		return (uint32_t)_mm_movemask_epi8(
			_mm_or_si128(_mm_andnot_si128(tab, control), delete));
	}
	low = _mm_loadu_si128((const __m128i *)(set == HTTP_SET_TOKEN ? nx_http_token_nibbles
								      : nx_http_target_nibbles));
	high = _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(0x0f));
	return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(
		_mm_and_si128(_mm_shuffle_epi8(low, bytes), _mm_shuffle_epi8(bits, high)),
		_mm_setzero_si128()));
}

VARIANT_TARGET static inline uint64_t stops(const uint8_t *p, enum http_set set)
{
	return stops_among(_mm_loadu_si128((const __m128i *)p), set);
}

VARIANT_TARGET static inline bool few_are_in(const uint8_t *p, size_t n, enum http_set set)
{
	return stops_among(http_load_few(p, n), set) == 0;
}

#	include "scan_body.h"

#	include "read_body.h"
#endif
