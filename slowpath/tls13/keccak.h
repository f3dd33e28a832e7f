// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Keccak's sponge (FIPS 202): SHA3-256, SHA3-512, SHAKE128 and SHAKE256. No branch and no address
// depends on the data. Any thread.

#include "core/base.h"

enum {
	SHAKE128_RATE = 168,
	SHAKE256_RATE = 136,
	SHA3_256_RATE = 136,
	SHA3_512_RATE = 72,
};

struct keccak {
	uint64_t lanes[25];
	uint32_t rate;
	uint32_t at; // byte of the rate that is next
};

// Overwrites what calls before have left below the caller's frame: the states between two rounds,
// and what the compiler had no register for.
void keccak_stack_wipe(void);

// Keccak-f[1600] of one state.
void keccak_permute(uint64_t lanes[25]);

void keccak_init(struct keccak *k, uint32_t rate);
void keccak_absorb(struct keccak *k, const uint8_t *data, size_t length);
// Ends absorbing with a domain's bits: 0x06 for SHA-3, 0x1f for SHAKE.
void keccak_finish(struct keccak *k, uint8_t domain);
// May be called again for more.
void keccak_squeeze(struct keccak *k, uint8_t *out, size_t length);

// Of one or two inputs; b may be NULL with no length.
struct keccak_input {
	const uint8_t *a, *b;
	size_t a_length, b_length;
};
void sha3_256(struct keccak_input in, uint8_t out[32]);
void sha3_512(struct keccak_input in, uint8_t out[64]);
void shake256(struct keccak_input in, uint8_t *out, size_t length);
