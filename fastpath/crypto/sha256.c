// SPDX-License-Identifier: BSD-3-Clause
#include "crypto/sha256.h"

#include <immintrin.h>

#define WITH_SHA __attribute__((target("sha,sse4.1")))

enum {
	ROUNDS = 64,
	ROUNDS_TOGETHER = 16, // words of a block
};

// FIPS 180-4 4.2.2.
static const uint32_t constants[ROUNDS] __attribute__((aligned(16))) = {0x428a2f98, 0x71374491,
	0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
	0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc,
	0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354,
	0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
	0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c,
	0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f,
	0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

void sha256_begin(uint32_t state[SHA256_STATE_WORDS])
{
	static const uint32_t initial[SHA256_STATE_WORDS] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372,
		0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

	memcpy(state, initial, sizeof(initial));
}

// The state as the instructions want it, first word highest: {a, b, e, f} and {c, d, g, h}.
struct halves {
	__m128i abef;
	__m128i cdgh;
};

WITH_SHA static inline __m128i words_load(const uint8_t *bytes)
{
	const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);

	return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)bytes), big_endian);
}

// Four rounds with four words of the message schedule.
WITH_SHA static inline void rounds(struct halves *s, __m128i words, const uint32_t *k)
{
	__m128i sum = _mm_add_epi32(words, _mm_load_si128((const __m128i *)(const void *)k));

	s->cdgh = _mm_sha256rnds2_epu32(s->cdgh, s->abef, sum);
	s->abef = _mm_sha256rnds2_epu32(s->abef, s->cdgh, _mm_shuffle_epi32(sum, 0x0e));
}

// The next four words of the schedule, from the last sixteen.
WITH_SHA static inline __m128i schedule(__m128i w0, __m128i w4, __m128i w8, __m128i w12)
{
	__m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w4), _mm_alignr_epi8(w12, w8, 4));

	return _mm_sha256msg2_epu32(sum, w12);
}

WITH_SHA static inline struct halves halves_of(const uint32_t state[SHA256_STATE_WORDS])
{
	__m128i abcd = _mm_loadu_si128((const __m128i *)(const void *)state);
	__m128i efgh = _mm_loadu_si128((const __m128i *)(const void *)(state + 4));
	__m128i badc = _mm_shuffle_epi32(abcd, 0xb1);
	__m128i hgfe = _mm_shuffle_epi32(efgh, 0x1b);

	return (struct halves){
		.abef = _mm_alignr_epi8(badc, hgfe, 8), .cdgh = _mm_blend_epi16(hgfe, badc, 0xf0)};
}

WITH_SHA static inline void halves_store(struct halves s, uint32_t state[SHA256_STATE_WORDS])
{
	__m128i feba = _mm_shuffle_epi32(s.abef, 0x1b);
	__m128i dchg = _mm_shuffle_epi32(s.cdgh, 0xb1);

	_mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(feba, dchg, 0xf0));
	_mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

WITH_SHA void sha256_compress(
	uint32_t state[SHA256_STATE_WORDS], const uint8_t block[SHA256_BLOCK_BYTES])
{
	struct halves before = halves_of(state), s = before;
	__m128i w0 = words_load(block);
	__m128i w4 = words_load(block + 16);
	__m128i w8 = words_load(block + 32);
	__m128i w12 = words_load(block + 48);

	for (uint32_t i = 0; i < ROUNDS; i += ROUNDS_TOGETHER) {
		if (i > 0) {
			w0 = schedule(w0, w4, w8, w12);
			w4 = schedule(w4, w8, w12, w0);
			w8 = schedule(w8, w12, w0, w4);
			w12 = schedule(w12, w0, w4, w8);
		}
		rounds(&s, w0, constants + i);
		rounds(&s, w4, constants + i + 4);
		rounds(&s, w8, constants + i + 8);
		rounds(&s, w12, constants + i + 12);
	}
	s.abef = _mm_add_epi32(s.abef, before.abef);
	s.cdgh = _mm_add_epi32(s.cdgh, before.cdgh);
	halves_store(s, state);
}
