// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/siphash.h"

struct state {
	uint64_t v0;
	uint64_t v1;
	uint64_t v2;
	uint64_t v3;
};

static inline uint64_t rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void rounds(struct state *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		s->v0 += s->v1;
		s->v1 = rotate(s->v1, 13) ^ s->v0;
		s->v0 = rotate(s->v0, 32);
		s->v2 += s->v3;
		s->v3 = rotate(s->v3, 16) ^ s->v2;
		s->v0 += s->v3;
		s->v3 = rotate(s->v3, 21) ^ s->v0;
		s->v2 += s->v1;
		s->v1 = rotate(s->v1, 17) ^ s->v2;
		s->v2 = rotate(s->v2, 32);
	}
}

static inline void absorb(struct state *s, uint64_t word)
{
	s->v3 ^= word;
	rounds(s, 2);
	s->v0 ^= word;
}

uint64_t siphash_words(const struct siphash_key *key, const uint64_t *words, uint32_t n)
{
	struct state s = {
		.v0 = key->word[0] ^ UINT64_C(0x736f6d6570736575),
		.v1 = key->word[1] ^ UINT64_C(0x646f72616e646f6d),
		.v2 = key->word[0] ^ UINT64_C(0x6c7967656e657261),
		.v3 = key->word[1] ^ UINT64_C(0x7465646279746573),
	};

	for (uint32_t i = 0; i < n; i++)
		absorb(&s, words[i]);
	absorb(&s, (uint64_t)(n * 8) << 56);
	s.v2 ^= 0xff;
	rounds(&s, 4);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t siphash_flow(
	const struct siphash_key *key, const struct flow_key *flow, uint64_t more, uint32_t purpose)
{
	uint64_t words[7];

	memcpy(words, flow, sizeof(*flow));
	words[5] = more;
	words[6] = purpose;
	return siphash_words(key, words, 7);
}
