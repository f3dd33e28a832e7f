// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/polynomial.h"

#include "tls13/cpu.h"

enum {
	Q = POLYNOMIAL_Q,
	N = POLYNOMIAL_N,
	INVERSE_128 = 3303, // of 128 mod q
};

// 17^BitRev7(i), and 17^(2 BitRev7(i) + 1), mod q (FIPS 203 appendix A).
static const uint16_t zetas[128] = {1, 1729, 2580, 3289, 2642, 630, 1897, 848, 1062, 1919, 193, 797,
	2786, 3260, 569, 1746, 296, 2447, 1339, 1476, 3046, 56, 2240, 1333, 1426, 2094, 535, 2882,
	2393, 2879, 1974, 821, 289, 331, 3253, 1756, 1197, 2304, 2277, 2055, 650, 1977, 2513, 632,
	2865, 33, 1320, 1915, 2319, 1435, 807, 452, 1438, 2868, 1534, 2402, 2647, 2617, 1481, 648,
	2474, 3110, 1227, 910, 17, 2761, 583, 2649, 1637, 723, 2288, 1100, 1409, 2662, 3281, 233,
	756, 2156, 3015, 3050, 1703, 1651, 2789, 1789, 1847, 952, 1461, 2687, 939, 2308, 2437, 2388,
	733, 2337, 268, 641, 1584, 2298, 2037, 3220, 375, 2549, 2090, 1645, 1063, 319, 2773, 757,
	2099, 561, 2466, 2594, 2804, 1092, 403, 1026, 1143, 2150, 2775, 886, 1722, 1212, 1874, 1029,
	2110, 2935, 885, 2154};
static const uint16_t gammas[128] = {17, 3312, 2761, 568, 583, 2746, 2649, 680, 1637, 1692, 723,
	2606, 2288, 1041, 1100, 2229, 1409, 1920, 2662, 667, 3281, 48, 233, 3096, 756, 2573, 2156,
	1173, 3015, 314, 3050, 279, 1703, 1626, 1651, 1678, 2789, 540, 1789, 1540, 1847, 1482, 952,
	2377, 1461, 1868, 2687, 642, 939, 2390, 2308, 1021, 2437, 892, 2388, 941, 733, 2596, 2337,
	992, 268, 3061, 641, 2688, 1584, 1745, 2298, 1031, 2037, 1292, 3220, 109, 375, 2954, 2549,
	780, 2090, 1239, 1645, 1684, 1063, 2266, 319, 3010, 2773, 556, 757, 2572, 2099, 1230, 561,
	2768, 2466, 863, 2594, 735, 2804, 525, 1092, 2237, 403, 2926, 1026, 2303, 1143, 2186, 2150,
	1179, 2775, 554, 886, 2443, 1722, 1607, 1212, 2117, 1874, 1455, 1029, 2300, 2110, 1219,
	2935, 394, 885, 2444, 2154, 1175};

// Bodies are for every CPU; the compiler makes vectors of them where they are inlined for one that
// has some.
#define BODY static inline __attribute__((always_inline))

// a in [0, 2q) to [0, q) without a branch.
BODY uint16_t once(uint32_t a)
{
	uint32_t less = a - Q;

	return (uint16_t)(less + (Q & (uint32_t)((int32_t)less >> 31)));
}

// a below q^2 to [0, q): Barrett with 2^28 / q rounded up and the low ten bits left out, which is
// short by one q at most and stays within 32 bits.
BODY uint16_t reduce(uint32_t a)
{
	uint32_t quotient = (a >> 10) * 80635 >> 18;

	return once(a - quotient * Q);
}

BODY uint16_t add(uint16_t a, uint16_t b)
{
	return once((uint32_t)a + b);
}

BODY uint16_t subtract(uint16_t a, uint16_t b)
{
	return once((uint32_t)a + Q - b);
}

BODY uint16_t multiply(uint16_t a, uint16_t b)
{
	return reduce((uint32_t)a * b);
}

BODY void add_body(struct polynomial *a, const struct polynomial *b)
{
	for (int i = 0; i < N; i++)
		a->c[i] = add(a->c[i], b->c[i]);
}

BODY void subtract_body(struct polynomial *a, const struct polynomial *b)
{
	for (int i = 0; i < N; i++)
		a->c[i] = subtract(a->c[i], b->c[i]);
}

// One layer; length is a constant wherever it is inlined. Its zetas begin at number k.
BODY void layer(struct polynomial *f, int length, int k)
{
	for (uint16_t *low = f->c; low < f->c + N; low += 2 * length) {
		uint16_t zeta = zetas[k++];

		for (int j = 0; j < length; j++) {
			uint16_t t = multiply(zeta, low[j + length]);

			low[j + length] = subtract(low[j], t);
			low[j] = add(low[j], t);
		}
	}
}

BODY void ntt_body(struct polynomial *f)
{
	layer(f, 128, 1);
	layer(f, 64, 2);
	layer(f, 32, 4);
	layer(f, 16, 8);
	layer(f, 8, 16);
	layer(f, 4, 32);
	layer(f, 2, 64);
}

// Its zetas end at number k.
BODY void layer_inverse(struct polynomial *f, int length, int k)
{
	for (uint16_t *low = f->c; low < f->c + N; low += 2 * length) {
		uint16_t zeta = zetas[k--];

		for (int j = 0; j < length; j++) {
			uint16_t t = low[j];

			low[j] = add(t, low[j + length]);
			low[j + length] = multiply(zeta, subtract(low[j + length], t));
		}
	}
}

BODY void ntt_inverse_body(struct polynomial *f)
{
	layer_inverse(f, 2, 127);
	layer_inverse(f, 4, 63);
	layer_inverse(f, 8, 31);
	layer_inverse(f, 16, 15);
	layer_inverse(f, 32, 7);
	layer_inverse(f, 64, 3);
	layer_inverse(f, 128, 1);
	for (int i = 0; i < N; i++)
		f->c[i] = multiply(f->c[i], INVERSE_128);
}

BODY void multiply_add_body(
	struct polynomial *sum, const struct polynomial *a, const struct polynomial *b)
{
	for (int i = 0; i < N / 2; i++) {
		uint16_t a0 = a->c[2 * i], a1 = a->c[2 * i + 1];
		uint16_t b0 = b->c[2 * i], b1 = b->c[2 * i + 1];
		uint16_t even = add(multiply(a0, b0), multiply(multiply(a1, b1), gammas[i]));
		uint16_t odd = add(multiply(a0, b1), multiply(a1, b0));

		sum->c[2 * i] = add(sum->c[2 * i], even);
		sum->c[2 * i + 1] = add(sum->c[2 * i + 1], odd);
	}
}

// Defines polynomial_NAME with what the CPU has.
#ifdef __x86_64__
#	define VARIANTS(name, parameters, arguments)                                              \
		__attribute__((target("avx2"))) static void name##_avx2 parameters                 \
		{                                                                                  \
			name##_body arguments;                                                     \
		}                                                                                  \
		static void name##_portable parameters                                             \
		{                                                                                  \
			name##_body arguments;                                                     \
		}                                                                                  \
		void polynomial_##name parameters                                                  \
		{                                                                                  \
			if (cpu_has_avx2())                                                        \
				name##_avx2 arguments;                                             \
			else                                                                       \
				name##_portable arguments;                                         \
		}
#else
#	define VARIANTS(name, parameters, arguments)                                              \
		void polynomial_##name parameters                                                  \
		{                                                                                  \
			name##_body arguments;                                                     \
		}
#endif

VARIANTS(add, (struct polynomial *restrict a, const struct polynomial *restrict b), (a, b))
VARIANTS(subtract, (struct polynomial *restrict a, const struct polynomial *restrict b), (a, b))
VARIANTS(ntt, (struct polynomial * f), (f))
VARIANTS(ntt_inverse, (struct polynomial * f), (f))
VARIANTS(multiply_add,
	(struct polynomial *restrict sum, const struct polynomial *a, const struct polynomial *b),
	(sum, a, b))
