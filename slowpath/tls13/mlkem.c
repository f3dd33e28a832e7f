// SPDX-License-Identifier: BSD-3-Clause
// FIPS 203 with k = 3, eta1 = eta2 = 2, du = 10, dv = 4. Numbers mod q are kept in [0, q).
#include "tls13/mlkem.h"

#include <openssl/crypto.h>

#include "tls13/keccak.h"

enum {
	Q = 3329,
	N = 256,
	K = 3,
	POLYNOMIAL_BYTES = 384, // 256 numbers of 12 bits
	DU = 10,
	DV = 4,
	U_BYTES = 32 * DU,
	V_BYTES = 32 * DV,
	SAMPLE_BYTES = 128, // 64 * eta
	INVERSE_128 = 3303, // of 128 mod q
};

struct polynomial {
	uint16_t c[N];
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

// a in [0, 2q) to [0, q) without a branch.
static inline uint16_t once(uint32_t a)
{
	uint32_t less = a - Q;

	return (uint16_t)(less + (Q & (uint32_t)((int32_t)less >> 31)));
}

// a below q^2 to [0, q): Barrett with 2^24 / q rounded down, which is short by one q at most.
static inline uint16_t reduce(uint32_t a)
{
	uint32_t quotient = (uint32_t)((uint64_t)a * 5039 >> 24);

	return once(a - quotient * Q);
}

static inline uint16_t add(uint16_t a, uint16_t b)
{
	return once((uint32_t)a + b);
}

static inline uint16_t subtract(uint16_t a, uint16_t b)
{
	return once((uint32_t)a + Q - b);
}

static inline uint16_t multiply(uint16_t a, uint16_t b)
{
	return reduce((uint32_t)a * b);
}

static void polynomial_add(struct polynomial *a, const struct polynomial *b)
{
	for (int i = 0; i < N; i++)
		a->c[i] = add(a->c[i], b->c[i]);
}

// Algorithm 9.
static void ntt(struct polynomial *f)
{
	int k = 1;

	for (int length = 128; length >= 2; length /= 2) {
		for (int start = 0; start < N; start += 2 * length) {
			uint16_t zeta = zetas[k++];

			for (int j = start; j < start + length; j++) {
				uint16_t t = multiply(zeta, f->c[j + length]);

				f->c[j + length] = subtract(f->c[j], t);
				f->c[j] = add(f->c[j], t);
			}
		}
	}
}

// Algorithm 10.
static void ntt_inverse(struct polynomial *f)
{
	int k = 127;

	for (int length = 2; length <= 128; length *= 2) {
		for (int start = 0; start < N; start += 2 * length) {
			uint16_t zeta = zetas[k--];

			for (int j = start; j < start + length; j++) {
				uint16_t t = f->c[j];

				f->c[j] = add(t, f->c[j + length]);
				f->c[j + length] = multiply(zeta, subtract(f->c[j + length], t));
			}
		}
	}
	for (int i = 0; i < N; i++)
		f->c[i] = multiply(f->c[i], INVERSE_128);
}

// Algorithms 11 and 12; adds a * b to sum.
static void multiply_add(
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

// Algorithm 7: the matrix's element of that row and column. rho is public, so this may branch.
static void sample_uniform(
	const uint8_t rho[32], uint8_t column, uint8_t row, struct polynomial *out)
{
	uint8_t place[2] = {column, row}, three[3];
	struct keccak k;
	int n = 0;

	keccak_init(&k, SHAKE128_RATE);
	keccak_absorb(&k, rho, 32);
	keccak_absorb(&k, place, sizeof(place));
	keccak_finish(&k, 0x1f);
	while (n < N) {
		uint16_t first, second;

		keccak_squeeze(&k, three, sizeof(three));
		first = (uint16_t)(three[0] | (three[1] & 15) << 8);
		second = (uint16_t)(three[1] >> 4 | three[2] << 4);
		if (first < Q)
			out->c[n++] = first;
		if (second < Q && n < N)
			out->c[n++] = second;
	}
}

// Algorithm 8 with eta = 2 on PRF(seed, number).
static void sample_small(const uint8_t seed[32], uint8_t number, struct polynomial *out)
{
	uint8_t bytes[SAMPLE_BYTES];

	shake256((struct keccak_input){.a = seed, .a_length = 32, .b = &number, .b_length = 1},
		bytes, sizeof(bytes));
	for (int i = 0; i < N; i++) {
		uint32_t bits = (uint32_t)bytes[i / 2] >> (4 * (i & 1));
		uint32_t x = (bits & 1) + (bits >> 1 & 1), y = (bits >> 2 & 1) + (bits >> 3 & 1);

		out->c[i] = once(x + Q - y);
	}
	OPENSSL_cleanse(bytes, sizeof(bytes));
}

// Algorithm 5: numbers of d bits each, least significant bit first.
static void encode(const struct polynomial *f, int d, uint8_t *out)
{
	uint32_t held = 0;
	int bits = 0;

	for (int i = 0; i < N; i++) {
		held |= (uint32_t)f->c[i] << bits;
		for (bits += d; bits >= 8; bits -= 8, held >>= 8)
			*out++ = (uint8_t)held;
	}
}

// Algorithm 6; numbers of 12 bits may come out at or above q.
static void decode(const uint8_t *in, int d, struct polynomial *f)
{
	uint32_t held = 0;
	int bits = 0;

	for (int i = 0; i < N; i++) {
		for (; bits < d; bits += 8)
			held |= (uint32_t)*in++ << bits;
		f->c[i] = (uint16_t)(held & ((1u << d) - 1));
		held >>= d;
		bits -= d;
	}
}

// Round(2^d / q * x) mod 2^d (4.7). The division is by a constant, as a product: a division
// instruction's time would tell x.
static void compress(struct polynomial *f, int d)
{
	for (int i = 0; i < N; i++) {
		uint64_t scaled = ((uint64_t)f->c[i] << d) + Q / 2;

		f->c[i] = (uint16_t)((scaled * 1290168 >> 32) & ((1u << d) - 1));
	}
}

// Round(q / 2^d * y) (4.8).
static void decompress(struct polynomial *f, int d)
{
	for (int i = 0; i < N; i++)
		f->c[i] = (uint16_t)(((uint32_t)f->c[i] * Q + (1u << (d - 1))) >> d);
}

// Row i of the matrix, or of its transpose, times the vector.
static void matrix_row(const uint8_t rho[32], uint8_t i, bool transposed,
	const struct polynomial vector[K], struct polynomial *out)
{
	struct polynomial element;

	memset(out, 0, sizeof(*out));
	for (uint8_t j = 0; j < K; j++) {
		sample_uniform(rho, transposed ? i : j, transposed ? j : i, &element);
		multiply_add(out, &element, &vector[j]);
	}
}

void mlkem_keygen(const uint8_t seed[MLKEM_SEED_BYTES],
	uint8_t encapsulation_key[MLKEM_ENCAPSULATION_KEY_BYTES],
	uint8_t decapsulation_key[MLKEM_DECAPSULATION_KEY_BYTES])
{
	static const uint8_t parameter = K;
	uint8_t derived[64], *rho = derived, *sigma = derived + 32;
	struct polynomial s[K], e, t;

	sha3_512((struct keccak_input){.a = seed, .a_length = 32, .b = &parameter, .b_length = 1},
		derived);
	for (uint8_t i = 0; i < K; i++) {
		sample_small(sigma, i, &s[i]);
		ntt(&s[i]);
		encode(&s[i], 12, decapsulation_key + (size_t)i * POLYNOMIAL_BYTES);
	}
	for (uint8_t i = 0; i < K; i++) {
		sample_small(sigma, K + i, &e);
		ntt(&e);
		matrix_row(rho, i, false, s, &t);
		polynomial_add(&t, &e);
		encode(&t, 12, encapsulation_key + (size_t)i * POLYNOMIAL_BYTES);
	}
	memcpy(encapsulation_key + (size_t)K * POLYNOMIAL_BYTES, rho, 32);
	decapsulation_key += (size_t)K * POLYNOMIAL_BYTES;
	memcpy(decapsulation_key, encapsulation_key, MLKEM_ENCAPSULATION_KEY_BYTES);
	decapsulation_key += MLKEM_ENCAPSULATION_KEY_BYTES;
	sha3_256((struct keccak_input){.a = encapsulation_key,
			 .a_length = MLKEM_ENCAPSULATION_KEY_BYTES},
		decapsulation_key);
	memcpy(decapsulation_key + 32, seed + 32, 32);
	OPENSSL_cleanse(derived, sizeof(derived));
	OPENSSL_cleanse(s, sizeof(s));
	OPENSSL_cleanse(&e, sizeof(e));
}

// Algorithm 14: K-PKE.Encrypt.
static void encrypt(
	const uint8_t *key, const uint8_t message[32], const uint8_t coins[32], uint8_t *ciphertext)
{
	const uint8_t *rho = key + (size_t)K * POLYNOMIAL_BYTES;
	struct polynomial y[K], t, noise, u, v = {0};

	for (uint8_t i = 0; i < K; i++) {
		sample_small(coins, i, &y[i]);
		ntt(&y[i]);
	}
	for (uint8_t i = 0; i < K; i++) {
		matrix_row(rho, i, true, y, &u);
		ntt_inverse(&u);
		sample_small(coins, K + i, &noise);
		polynomial_add(&u, &noise);
		compress(&u, DU);
		encode(&u, DU, ciphertext + (size_t)i * U_BYTES);
		decode(key + (size_t)i * POLYNOMIAL_BYTES, 12, &t);
		multiply_add(&v, &t, &y[i]);
	}
	ntt_inverse(&v);
	sample_small(coins, 2 * K, &noise);
	polynomial_add(&v, &noise);
	decode(message, 1, &t);
	decompress(&t, 1);
	polynomial_add(&v, &t);
	compress(&v, DV);
	encode(&v, DV, ciphertext + (size_t)K * U_BYTES);
	OPENSSL_cleanse(y, sizeof(y));
	OPENSSL_cleanse(&noise, sizeof(noise));
	OPENSSL_cleanse(&t, sizeof(t));
	OPENSSL_cleanse(&v, sizeof(v));
}

// Algorithm 15: K-PKE.Decrypt.
static void decrypt(const uint8_t *key, const uint8_t *ciphertext, uint8_t message[32])
{
	struct polynomial s, u, sum = {0}, v;

	for (uint8_t i = 0; i < K; i++) {
		decode(ciphertext + (size_t)i * U_BYTES, DU, &u);
		decompress(&u, DU);
		ntt(&u);
		decode(key + (size_t)i * POLYNOMIAL_BYTES, 12, &s);
		multiply_add(&sum, &s, &u);
	}
	ntt_inverse(&sum);
	decode(ciphertext + (size_t)K * U_BYTES, DV, &v);
	decompress(&v, DV);
	for (int i = 0; i < N; i++)
		v.c[i] = subtract(v.c[i], sum.c[i]);
	compress(&v, 1);
	encode(&v, 1, message);
	OPENSSL_cleanse(&s, sizeof(s));
	OPENSSL_cleanse(&sum, sizeof(sum));
	OPENSSL_cleanse(&v, sizeof(v));
}

bool mlkem_encapsulate(const uint8_t key[MLKEM_ENCAPSULATION_KEY_BYTES],
	const uint8_t message[MLKEM_MESSAGE_BYTES], uint8_t ciphertext[MLKEM_CIPHERTEXT_BYTES],
	uint8_t secret[MLKEM_SECRET_BYTES])
{
	uint8_t key_hash[32], derived[64];
	struct polynomial t;

	for (int i = 0; i < K; i++) {
		decode(key + (size_t)i * POLYNOMIAL_BYTES, 12, &t);
		for (int j = 0; j < N; j++) {
			if (t.c[j] >= Q)
				return false;
		}
	}
	sha3_256((struct keccak_input){.a = key, .a_length = MLKEM_ENCAPSULATION_KEY_BYTES},
		key_hash);
	sha3_512((struct keccak_input){.a = message, .a_length = 32, .b = key_hash, .b_length = 32},
		derived);
	encrypt(key, message, derived + 32, ciphertext);
	memcpy(secret, derived, MLKEM_SECRET_BYTES);
	OPENSSL_cleanse(derived, sizeof(derived));
	return true;
}

void mlkem_decapsulate(const uint8_t key[MLKEM_DECAPSULATION_KEY_BYTES],
	const uint8_t ciphertext[MLKEM_CIPHERTEXT_BYTES], uint8_t secret[MLKEM_SECRET_BYTES])
{
	const uint8_t *public_key = key + (size_t)K * POLYNOMIAL_BYTES;
	const uint8_t *key_hash = public_key + MLKEM_ENCAPSULATION_KEY_BYTES;
	const uint8_t *z = key_hash + 32;
	uint8_t message[32], derived[64], rejected[32], again[MLKEM_CIPHERTEXT_BYTES];
	uint32_t difference = 0;
	uint8_t keep;

	decrypt(key, ciphertext, message);
	sha3_512((struct keccak_input){.a = message, .a_length = 32, .b = key_hash, .b_length = 32},
		derived);
	shake256((struct keccak_input){.a = z,
			 .a_length = 32,
			 .b = ciphertext,
			 .b_length = MLKEM_CIPHERTEXT_BYTES},
		rejected, sizeof(rejected));
	encrypt(public_key, message, derived + 32, again);
	for (size_t i = 0; i < sizeof(again); i++)
		difference |= (uint32_t)(again[i] ^ ciphertext[i]);
	// Opaque to the compiler: it must not turn the choice below into a branch.
	__asm__ volatile("" : "+r"(difference));
	keep = (uint8_t)((difference - 1) >> 24);
	for (int i = 0; i < MLKEM_SECRET_BYTES; i++)
		secret[i] = (uint8_t)((derived[i] & keep) | (rejected[i] & (uint8_t)~keep));
	OPENSSL_cleanse(message, sizeof(message));
	OPENSSL_cleanse(derived, sizeof(derived));
	OPENSSL_cleanse(rejected, sizeof(rejected));
	OPENSSL_cleanse(again, sizeof(again));
}

bool mlkem_key_is_whole(const uint8_t key[MLKEM_DECAPSULATION_KEY_BYTES])
{
	const uint8_t *public_key = key + (size_t)K * POLYNOMIAL_BYTES;
	uint8_t hash[32];

	sha3_256((struct keccak_input){.a = public_key, .a_length = MLKEM_ENCAPSULATION_KEY_BYTES},
		hash);
	return CRYPTO_memcmp(hash, public_key + MLKEM_ENCAPSULATION_KEY_BYTES, 32) == 0;
}
