// SPDX-License-Identifier: BSD-3-Clause
#ifdef __x86_64__
#	include <emmintrin.h>

#	include "head.h"
#	include "load_few.h"
#	include "scan.h"

// What every x86-64 has: values 16 at a time; without a byte shuffle, names and targets by table.
#	define VARIANT(name)  name##_sse2
#	define VARIANT_TARGET __attribute__((target("sse2")))
#	define WIDTH          16
#	define VECTORED(set)  ((set) == HTTP_SET_VALUE)

VARIANT_TARGET static inline uint64_t stops_among(__m128i bytes)
{
	__m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
	__m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
	__m128i delete = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));

	return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, control), delete));
}

VARIANT_TARGET static inline uint64_t stops(const uint8_t *p, enum http_set set)
{
	return stops_among(_mm_loadu_si128((const __m128i *)p));
}

VARIANT_TARGET static inline bool few_are_in(const uint8_t *p, size_t n, enum http_set set)
{
	return stops_among(http_load_few(p, n)) == 0;
}

#	include "scan_body.h"

#	include "read_body.h"
#endif
