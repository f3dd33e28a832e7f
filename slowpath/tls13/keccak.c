// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/keccak.h"

#include <openssl/crypto.h>

#define LANE uint64_t
#define KECCAK_TARGET
#include "tls13/keccak_permute.h"

__attribute__((noinline)) void keccak_stack_wipe(void)
{
	// An odd number of words: with the return address the frame is aligned, and a compiler has
	// less reason to leave a gap at its top.
	uint8_t left[2048 + 8];

	explicit_bzero(left, sizeof(left));
}

void keccak_permute(uint64_t lanes[25])
{
	keccak_rounds(lanes);
}

void keccak_init(struct keccak *k, uint32_t rate)
{
	*k = (struct keccak){.rate = rate};
}

static inline void mix(struct keccak *k, uint32_t at, uint8_t byte)
{
	k->lanes[at / 8] ^= (uint64_t)byte << (8 * (at % 8));
}

// A whole lane of the data.
static inline uint64_t load(const uint8_t *p)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value |= (uint64_t)p[i] << (8 * i);
	return value;
}

void keccak_absorb(struct keccak *k, const uint8_t *data, size_t length)
{
	while (length != 0) {
		size_t n = k->at % 8 == 0 && length >= 8 ? 8 : 1;

		if (n == 8)
			k->lanes[k->at / 8] ^= load(data);
		else
			mix(k, k->at, *data);
		k->at += (uint32_t)n;
		data += n;
		length -= n;
		if (k->at == k->rate) {
			keccak_permute(k->lanes);
			k->at = 0;
		}
	}
}

void keccak_finish(struct keccak *k, uint8_t domain)
{
	mix(k, k->at, domain);
	mix(k, k->rate - 1, 0x80);
	k->at = k->rate;
}

void keccak_squeeze(struct keccak *k, uint8_t *out, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (k->at == k->rate) {
			keccak_permute(k->lanes);
			k->at = 0;
		}
		out[i] = (uint8_t)(k->lanes[k->at / 8] >> (8 * (k->at % 8)));
		k->at++;
	}
}

static void sponge(
	uint32_t rate, uint8_t domain, struct keccak_input in, uint8_t *out, size_t length)
{
	struct keccak k;

	keccak_init(&k, rate);
	keccak_absorb(&k, in.a, in.a_length);
	keccak_absorb(&k, in.b, in.b_length);
	keccak_finish(&k, domain);
	keccak_squeeze(&k, out, length);
	OPENSSL_cleanse(&k, sizeof(k));
}

void sha3_256(struct keccak_input in, uint8_t out[32])
{
	sponge(SHA3_256_RATE, 0x06, in, out, 32);
}

void sha3_512(struct keccak_input in, uint8_t out[64])
{
	sponge(SHA3_512_RATE, 0x06, in, out, 64);
}

void shake256(struct keccak_input in, uint8_t *out, size_t length)
{
	sponge(SHAKE256_RATE, 0x1f, in, out, length);
}
