// SPDX-License-Identifier: BSD-3-Clause
#include "pkt/checksum.h"

#include <immintrin.h>

// Below this many bytes the set-up of the vector loop costs more than it saves.
enum {
	VECTOR_MIN = 192
};

static bool has_avx2;

// Before main and before any thread, so that later reads need no synchronisation.
__attribute__((constructor)) static void checksum_detect(void)
{
	__builtin_cpu_init();
	has_avx2 = __builtin_cpu_supports("avx2");
}

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

// Four 64-bit lanes that add 32-bit halves: no carry can be lost below 2^32 blocks.
__attribute__((target("avx2"))) static uint64_t sum_avx2(
	const uint8_t *data, size_t length, uint64_t sum)
{
	const __m256i low = _mm256_set1_epi64x(0xffffffff);
	__m256i a = _mm256_setzero_si256();
	__m256i b = _mm256_setzero_si256();
	uint64_t lanes[4];

	for (; length >= 64; length -= 64, data += 64) {
		__m256i x = _mm256_loadu_si256((const __m256i *)(const void *)data);
		__m256i y = _mm256_loadu_si256((const __m256i *)(const void *)(data + 32));

		a = _mm256_add_epi64(a, _mm256_and_si256(x, low));
		b = _mm256_add_epi64(b, _mm256_srli_epi64(x, 32));
		a = _mm256_add_epi64(a, _mm256_and_si256(y, low));
		b = _mm256_add_epi64(b, _mm256_srli_epi64(y, 32));
	}
	_mm256_storeu_si256((__m256i *)(void *)lanes, _mm256_add_epi64(a, b));
	for (int i = 0; i < 4; i++)
		sum = checksum_add(sum, lanes[i]);
	return sum_scalar(data, length, sum);
}

uint64_t checksum_bytes(const uint8_t *data, size_t length, uint64_t sum)
{
	if (length >= VECTOR_MIN && has_avx2)
		return sum_avx2(data, length, sum);
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
