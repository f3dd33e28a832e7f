// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Four states of Keccak side by side, for four SHAKEs of one seed: of AVX2 where the CPU has it. No
// branch and no address depends on the data. Any thread.

#include "core/base.h"

struct keccak_four {
	_Alignas(32) uint64_t lanes[25][4]; // of all four
};

// SHAKE with this rate of seed and a tail of some bytes each, at most 4, first byte lowest.
void keccak_four_begin(struct keccak_four *k, uint32_t rate, const uint8_t seed[32],
	const uint32_t tails[4], uint32_t tail_bytes);
// The next block of the first `count` of them, at least.
void keccak_four_permute(struct keccak_four *k, uint32_t count);
// length bytes of the block of one; a multiple of 8, at most the rate.
void keccak_four_read(const struct keccak_four *k, uint32_t which, uint8_t *out, size_t length);

void keccak_four_permute_avx2(struct keccak_four *k);
