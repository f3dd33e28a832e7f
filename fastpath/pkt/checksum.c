// SPDX-License-Identifier: BSD-3-Clause
#include "pkt/checksum.h"

#include <immintrin.h>

// Below this many bytes the set-up of the vector loop costs more than it saves.
enum {
	VECTOR_MIN = 64
};

static inline uint64_t load_u64(const uint8_t *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

// The last 1 to 7 bytes, as if zeros followed. before: bytes ahead of them
// that may be read too.
static inline uint64_t load_tail(const uint8_t *p, size_t length, size_t before)
{
	uint64_t value = 0;

	if (before >= 8)
		return load_u64(p + length - 8) >> (64 - 8 * length);
	for (size_t i = 0; i < length; i++)
		value |= (uint64_t)p[i] << (8 * i);
	return value;
}

static uint64_t sum_scalar(const uint8_t *data, size_t length, uint64_t sum)
{
	uint64_t second = 0;
	size_t whole = length;

	for (; length >= 16; length -= 16, data += 16) {
		sum = checksum_add(sum, load_u64(data));
		second = checksum_add(second, load_u64(data + 8));
	}
	sum = checksum_add(sum, second);
	if (length >= 8) {
		sum = checksum_add(sum, load_u64(data));
		data += 8;
		length -= 8;
	}
	return length == 0 ? sum : checksum_add(sum, load_tail(data, length, whole - length));
}

// Pairs of 64-bit lanes that add 32-bit halves: no carry can be lost below 2^32 blocks. 128 bits on
// purpose: 256-bit instructions among code without them cost 300 cycles a packet more than they
// saved.
static uint64_t sum_vector(const uint8_t *data, size_t length, uint64_t sum)
{
	const __m128i low = _mm_set1_epi64x(0xffffffff);
	__m128i a = _mm_setzero_si128();
	__m128i b = a, c = a, d = a;
	uint64_t lanes[2];

	for (; length >= 32; length -= 32, data += 32) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)data);
		__m128i y = _mm_loadu_si128((const __m128i *)(const void *)(data + 16));

		a = _mm_add_epi64(a, _mm_and_si128(x, low));
		b = _mm_add_epi64(b, _mm_srli_epi64(x, 32));
		c = _mm_add_epi64(c, _mm_and_si128(y, low));
		d = _mm_add_epi64(d, _mm_srli_epi64(y, 32));
	}
	a = _mm_add_epi64(_mm_add_epi64(a, b), _mm_add_epi64(c, d));
	_mm_storeu_si128((__m128i *)(void *)lanes, a);
	for (int i = 0; i < 2; i++)
		sum = checksum_add(sum, lanes[i]);
	return sum_scalar(data, length, sum);
}

uint64_t checksum_bytes(const uint8_t *data, size_t length, uint64_t sum)
{
	if (length >= VECTOR_MIN)
		return sum_vector(data, length, sum);
	return sum_scalar(data, length, sum);
}

uint64_t checksum_spans(
	const struct checksum_span *spans, uint32_t n, uint32_t from, uint32_t length, uint64_t sum)
{
	bool odd = false;

	for (uint32_t i = 0; i < n && length > 0; i++) {
		struct checksum_span s = spans[i];
		uint16_t part;

		if (from >= s.length) {
			from -= s.length;
			continue;
		}
		s.data += from;
		s.length -= from;
		from = 0;
		if (s.length > length)
			s.length = length;
		part = checksum_fold(checksum_bytes(s.data, s.length, 0));
		// A piece that starts on an odd offset has its bytes in the other halves of the
		// words.
		sum = checksum_add(sum, odd ? __builtin_bswap16(part) : part);
		odd ^= s.length & 1;
		length -= s.length;
	}
	return sum;
}
