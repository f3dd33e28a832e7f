// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Polynomials of ML-KEM (FIPS 203 2.4): 256 numbers mod q, kept in [0, q), plain or as what the
// number-theoretic transform makes of them. By AVX2 where the CPU has it. No branch and no address
// depends on a number. Any thread.

#include "core/base.h"

enum {
	POLYNOMIAL_Q = 3329,
	POLYNOMIAL_N = 256,
};

struct polynomial {
	uint16_t c[POLYNOMIAL_N];
};

void polynomial_add(struct polynomial *a, const struct polynomial *b);
void polynomial_subtract(struct polynomial *a, const struct polynomial *b);
// Algorithms 9 and 10, in place.
void polynomial_ntt(struct polynomial *f);
void polynomial_ntt_inverse(struct polynomial *f);
// Algorithms 11 and 12 of transforms; adds a * b to sum.
void polynomial_multiply_add(
	struct polynomial *sum, const struct polynomial *a, const struct polynomial *b);
