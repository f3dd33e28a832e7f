// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/keccak_four.h"

#include <openssl/crypto.h>

#include "tls13/cpu.h"
#include "tls13/keccak.h"

static uint64_t load(const uint8_t *p)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value |= (uint64_t)p[i] << (8 * i);
	return value;
}

void keccak_four_begin(struct keccak_four *k, uint32_t rate, const uint8_t seed[32],
	const uint32_t tails[4], uint32_t tail_bytes)
{
	memset(k, 0, sizeof(*k));
	for (int s = 0; s < 4; s++) {
		for (int i = 0; i < 4; i++)
			k->lanes[i][s] = load(seed + (size_t)8 * i);
		// Behind it SHAKE's bits, and the last bit of the rate (FIPS 202 6.2).
		k->lanes[4][s] = tails[s] | UINT64_C(0x1f) << (8 * tail_bytes);
		k->lanes[rate / 8 - 1][s] ^= UINT64_C(1) << 63;
	}
}

static void permute_each(struct keccak_four *k, uint32_t count)
{
	uint64_t lanes[25];

	for (uint32_t s = 0; s < count; s++) {
		for (int i = 0; i < 25; i++)
			lanes[i] = k->lanes[i][s];
		keccak_permute(lanes);
		for (int i = 0; i < 25; i++)
			k->lanes[i][s] = lanes[i];
	}
	OPENSSL_cleanse(lanes, sizeof(lanes));
	// What a call saves may be a lane that was just copied.
	keccak_stack_wipe();
}

void keccak_four_permute(struct keccak_four *k, uint32_t count)
{
#ifdef __x86_64__
	if (cpu_has_avx2()) {
		keccak_four_permute_avx2(k);
		return;
	}
#endif
	permute_each(k, count);
}

void keccak_four_read(const struct keccak_four *k, uint32_t which, uint8_t *out, size_t length)
{
	for (size_t i = 0; i < length / 8; i++) {
		for (int b = 0; b < 8; b++)
			*out++ = (uint8_t)(k->lanes[i][which] >> (8 * b));
	}
}
