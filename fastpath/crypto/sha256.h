// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// SHA-256's compression (FIPS 180-4 6.2.2) by the CPU's own instructions. ipsec-mb has them for
// many messages at a time only: its single blocks take six times as long in release 1.3, and none
// can go on from a state that is there.

#include "core/base.h"

enum {
	SHA256_BLOCK_BYTES = 64,
	SHA256_STATE_WORDS = 8,
};

// The state before the first block (FIPS 180-4 5.3.3).
void sha256_begin(uint32_t state[SHA256_STATE_WORDS]);
// Only where the CPU has SHA-NI.
void sha256_compress(uint32_t state[SHA256_STATE_WORDS], const uint8_t block[SHA256_BLOCK_BYTES]);
