// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/keccak.h"

#include <openssl/crypto.h>

static const uint64_t round_constants[24] = {0x0000000000000001, 0x0000000000008082,
	0x800000000000808a, 0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
	0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088,
	0x0000000080008009, 0x000000008000000a, 0x000000008000808b, 0x800000000000008b,
	0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
	0x000000000000800a, 0x800000008000000a, 0x8000000080008081, 0x8000000000008080,
	0x0000000080000001, 0x8000000080008008};

// rho's rotations and pi's order along the one cycle of 24 lanes that pi makes.
static const uint8_t rotations[24] = {
	1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44};
static const uint8_t cycle[24] = {
	10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1};

static inline uint64_t rotate(uint64_t value, uint32_t by)
{
	return value << by | value >> (64 - by);
}

static void theta(uint64_t a[25])
{
	uint64_t column[5];

	for (int x = 0; x < 5; x++)
		column[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
	for (int x = 0; x < 5; x++) {
		uint64_t d = column[(x + 4) % 5] ^ rotate(column[(x + 1) % 5], 1);

		for (int y = 0; y < 25; y += 5)
			a[y + x] ^= d;
	}
}

static void permute(uint64_t a[25])
{
	for (int round = 0; round < 24; round++) {
		uint64_t carried, row[5];

		theta(a);
		carried = a[1];
		for (int i = 0; i < 24; i++) {
			uint64_t here = a[cycle[i]];

			a[cycle[i]] = rotate(carried, rotations[i]);
			carried = here;
		}
		for (int y = 0; y < 25; y += 5) {
			memcpy(row, a + y, sizeof(row));
			for (int x = 0; x < 5; x++)
				a[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
		}
		a[0] ^= round_constants[round];
	}
}

void keccak_init(struct keccak *k, uint32_t rate)
{
	*k = (struct keccak){.rate = rate};
}

static inline void mix(struct keccak *k, uint32_t at, uint8_t byte)
{
	k->lanes[at / 8] ^= (uint64_t)byte << (8 * (at % 8));
}

void keccak_absorb(struct keccak *k, const uint8_t *data, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		mix(k, k->at++, data[i]);
		if (k->at == k->rate) {
			permute(k->lanes);
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
			permute(k->lanes);
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
