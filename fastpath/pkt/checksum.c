// SPDX-License-Identifier: BSD-3-Clause
#include "pkt/checksum.h"

#include <immintrin.h>

// Below this many bytes the set-up of the vector loop costs more than it saves.
enum {
	VECTOR_MIN = 64,
	VECTOR_BLOCK = 64,
	VECTOR_BLOCKS = 1 << 14,
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

// Words of 16 bits, added in pairs to lanes of 32. The instruction for it takes them as signed:
// their top bits are turned over, which takes 2^15 from each word.
static inline __m128i pair_sums(const uint8_t *data)
{
	__m128i words = _mm_loadu_si128((const __m128i *)(const void *)data);

	words = _mm_xor_si128(words, _mm_set1_epi16(INT16_MIN));
	return _mm_madd_epi16(words, _mm_set1_epi16(1));
}

// The sum of so many blocks, at most VECTOR_BLOCKS: then no lane overflows once it has back what
// was taken from its words. 128 bits on purpose: 256-bit instructions among code without them cost
// 300 cycles a packet more than they saved.
static uint64_t sum_blocks(const uint8_t *data, size_t blocks)
{
	const __m128i low = _mm_set1_epi64x(0xffffffff);
	const __m128i taken = _mm_set1_epi32((int)(blocks << 17));
	const uint8_t *end = data + blocks * VECTOR_BLOCK;
	__m128i a = taken;
	__m128i b = taken;
	uint64_t lanes[2];

	for (; data < end; data += VECTOR_BLOCK) {
		a = _mm_add_epi32(a, _mm_add_epi32(pair_sums(data), pair_sums(data + 16)));
		b = _mm_add_epi32(b, _mm_add_epi32(pair_sums(data + 32), pair_sums(data + 48)));
	}
	a = _mm_add_epi64(_mm_add_epi64(_mm_and_si128(a, low), _mm_srli_epi64(a, 32)),
		_mm_add_epi64(_mm_and_si128(b, low), _mm_srli_epi64(b, 32)));
	_mm_storeu_si128((__m128i *)(void *)lanes, a);
	return lanes[0] + lanes[1];
}

static uint64_t sum_vector(const uint8_t *data, size_t length, uint64_t sum)
{
	while (length >= VECTOR_BLOCK) {
		size_t blocks = length / VECTOR_BLOCK;

		if (blocks > VECTOR_BLOCKS)
			blocks = VECTOR_BLOCKS;
		sum = checksum_add(sum, sum_blocks(data, blocks));
		data += blocks * VECTOR_BLOCK;
		length -= blocks * VECTOR_BLOCK;
	}
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
