// SPDX-License-Identifier: BSD-3-Clause

// Keccak-f[1600] (FIPS 202 3.3): one body for one state and for several side by side. The includer
// has defined LANE, a type of 64-bit numbers that may be a vector of them, and KECCAK_TARGET, for
// which CPU this is. It gets keccak_rounds.

#include "tls13/keccak.h"

static const uint64_t round_constants[24] = {0x0000000000000001, 0x0000000000008082,
	0x800000000000808a, 0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
	0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088,
	0x0000000080008009, 0x000000008000000a, 0x000000008000808b, 0x800000000000008b,
	0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
	0x000000000000800a, 0x800000008000000a, 0x8000000080008081, 0x8000000000008080,
	0x0000000080000001, 0x8000000080008008};

#define ROTATE(value, by) ((value) << (by) | (value) >> (64 - (by)))
#define COLUMN(a, x)      ((a)[x] ^ (a)[(x) + 5] ^ (a)[(x) + 10] ^ (a)[(x) + 15] ^ (a)[(x) + 20])
// Chi of the row that begins at lane y.
#define CHI(out, y)                                                                                \
	do {                                                                                       \
		(out)[y] = b0 ^ (~b1 & b2);                                                        \
		(out)[(y) + 1] = b1 ^ (~b2 & b3);                                                  \
		(out)[(y) + 2] = b2 ^ (~b3 & b4);                                                  \
		(out)[(y) + 3] = b3 ^ (~b4 & b0);                                                  \
		(out)[(y) + 4] = b4 ^ (~b0 & b1);                                                  \
	} while (0)

// Theta, rho and pi bring a row's lanes together, chi mixes them. Every index is a constant: the
// compiler keeps lanes in registers.
KECCAK_TARGET static inline __attribute__((always_inline)) void keccak_round(
	const LANE *a, LANE *out, uint64_t constant)
{
	LANE c0 = COLUMN(a, 0), c1 = COLUMN(a, 1), c2 = COLUMN(a, 2), c3 = COLUMN(a, 3);
	LANE c4 = COLUMN(a, 4), b0, b1, b2, b3, b4;
	LANE d0 = c4 ^ ROTATE(c1, 1), d1 = c0 ^ ROTATE(c2, 1), d2 = c1 ^ ROTATE(c3, 1);
	LANE d3 = c2 ^ ROTATE(c4, 1), d4 = c3 ^ ROTATE(c0, 1);

	b0 = a[0] ^ d0;
	b1 = ROTATE(a[6] ^ d1, 44);
	b2 = ROTATE(a[12] ^ d2, 43);
	b3 = ROTATE(a[18] ^ d3, 21);
	b4 = ROTATE(a[24] ^ d4, 14);
	CHI(out, 0);
	out[0] ^= constant;
	b0 = ROTATE(a[3] ^ d3, 28);
	b1 = ROTATE(a[9] ^ d4, 20);
	b2 = ROTATE(a[10] ^ d0, 3);
	b3 = ROTATE(a[16] ^ d1, 45);
	b4 = ROTATE(a[22] ^ d2, 61);
	CHI(out, 5);
	b0 = ROTATE(a[1] ^ d1, 1);
	b1 = ROTATE(a[7] ^ d2, 6);
	b2 = ROTATE(a[13] ^ d3, 25);
	b3 = ROTATE(a[19] ^ d4, 8);
	b4 = ROTATE(a[20] ^ d0, 18);
	CHI(out, 10);
	b0 = ROTATE(a[4] ^ d4, 27);
	b1 = ROTATE(a[5] ^ d0, 36);
	b2 = ROTATE(a[11] ^ d1, 10);
	b3 = ROTATE(a[17] ^ d2, 15);
	b4 = ROTATE(a[23] ^ d3, 56);
	CHI(out, 15);
	b0 = ROTATE(a[2] ^ d2, 62);
	b1 = ROTATE(a[8] ^ d3, 55);
	b2 = ROTATE(a[14] ^ d4, 39);
	b3 = ROTATE(a[15] ^ d0, 41);
	b4 = ROTATE(a[21] ^ d1, 2);
	CHI(out, 20);
}

KECCAK_TARGET static __attribute__((noinline)) void rounds_run(LANE a[25])
{
	LANE between[25];

	for (int i = 0; i < 24; i += 2) {
		keccak_round(a, between, round_constants[i]);
		keccak_round(between, a, round_constants[i + 1]);
	}
}

// Nothing of the state is left anywhere else.
KECCAK_TARGET static void keccak_rounds(LANE a[25])
{
	rounds_run(a);
	keccak_stack_wipe();
}
