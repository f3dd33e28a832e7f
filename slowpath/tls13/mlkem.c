// SPDX-License-Identifier: BSD-3-Clause
// FIPS 203 with k = 3, eta1 = eta2 = 2, du = 10, dv = 4.
#include "tls13/mlkem.h"

#include <openssl/crypto.h>

#include "tls13/keccak.h"
#include "tls13/keccak_four.h"
#include "tls13/polynomial.h"

enum {
	Q = POLYNOMIAL_Q,
	N = POLYNOMIAL_N,
	K = 3,
	POLYNOMIAL_BYTES = 384, // 256 numbers of 12 bits
	DU = 10,
	DV = 4,
	U_BYTES = 32 * DU,
	V_BYTES = 32 * DV,
	SAMPLE_BYTES = 128, // 64 * eta
};

// Takes numbers below q of a block of SHAKE128, as Algorithm 7 does. They are public: it may
// branch.
static int take_uniform(const uint8_t block[SHAKE128_RATE], int n, struct polynomial *out)
{
	for (int i = 0; i < SHAKE128_RATE && n < N; i += 3) {
		uint16_t first = (uint16_t)(block[i] | (block[i + 1] & 15) << 8);
		uint16_t second = (uint16_t)(block[i + 1] >> 4 | block[i + 2] << 4);

		if (first < Q)
			out->c[n++] = first;
		if (second < Q && n < N)
			out->c[n++] = second;
	}
	return n;
}

// At most four of the matrix's elements, from number `from` on: element i is of row i / K.
static void sample_elements(const uint8_t rho[32], bool transposed, uint32_t from, uint32_t count,
	struct polynomial *out)
{
	uint8_t block[SHAKE128_RATE];
	struct keccak_four k;
	uint32_t tails[4] = {0};
	int got[4] = {0}, least;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t row = (from + i) / K, column = (from + i) % K;

		tails[i] = transposed ? row | column << 8 : column | row << 8;
	}
	keccak_four_begin(&k, SHAKE128_RATE, rho, tails, 2);
	do {
		least = N;
		keccak_four_permute(&k, count);
		for (uint32_t i = 0; i < count; i++) {
			keccak_four_read(&k, i, block, sizeof(block));
			got[i] = take_uniform(block, got[i], &out[i]);
			least = got[i] < least ? got[i] : least;
		}
	} while (least < N);
}

// The matrix, or its transpose, row by row.
static void sample_matrix(const uint8_t rho[32], bool transposed, struct polynomial out[K * K])
{
	for (uint32_t i = 0; i < K * K; i += 4)
		sample_elements(rho, transposed, i, K * K - i < 4 ? K * K - i : 4, out + i);
}

// Algorithm 8 with eta = 2 on what PRF gave.
static void take_small(const uint8_t bytes[SAMPLE_BYTES], struct polynomial *out)
{
	for (int i = 0; i < N; i++) {
		uint32_t bits = (uint32_t)bytes[i / 2] >> (4 * (i & 1));
		int32_t x = (int32_t)((bits & 1) + (bits >> 1 & 1));
		int32_t difference = x - (int32_t)((bits >> 2 & 1) + (bits >> 3 & 1));

		out->c[i] = (uint16_t)(difference + (Q & difference >> 31));
	}
}

// `count` polynomials of PRF(seed, 0), PRF(seed, 1) and so on.
static void sample_small(const uint8_t seed[32], uint32_t count, struct polynomial *out)
{
	uint8_t bytes[SAMPLE_BYTES];
	struct keccak_four k;

	for (uint32_t i = 0; i < count; i += 4) {
		uint32_t tails[4] = {i, i + 1, i + 2, i + 3}, n = count - i < 4 ? count - i : 4;

		keccak_four_begin(&k, SHAKE256_RATE, seed, tails, 1);
		keccak_four_permute(&k, n);
		for (uint32_t s = 0; s < n; s++) {
			keccak_four_read(&k, s, bytes, sizeof(bytes));
			take_small(bytes, &out[i + s]);
		}
	}
	OPENSSL_cleanse(&k, sizeof(k));
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

// A row of a matrix times the vector.
static void row_times(
	const struct polynomial row[K], const struct polynomial vector[K], struct polynomial *out)
{
	memset(out, 0, sizeof(*out));
	for (uint8_t j = 0; j < K; j++)
		polynomial_multiply_add(out, &row[j], &vector[j]);
}

void mlkem_keygen(const uint8_t seed[MLKEM_SEED_BYTES],
	uint8_t encapsulation_key[MLKEM_ENCAPSULATION_KEY_BYTES],
	uint8_t decapsulation_key[MLKEM_DECAPSULATION_KEY_BYTES])
{
	static const uint8_t parameter = K;
	uint8_t derived[64], *rho = derived, *sigma = derived + 32;
	struct polynomial matrix[K * K], small[2 * K], *s = small, *e = small + K, t;

	sha3_512((struct keccak_input){.a = seed, .a_length = 32, .b = &parameter, .b_length = 1},
		derived);
	sample_matrix(rho, false, matrix);
	sample_small(sigma, 2 * K, small);
	for (uint8_t i = 0; i < K; i++) {
		polynomial_ntt(&s[i]);
		encode(&s[i], 12, decapsulation_key + (size_t)i * POLYNOMIAL_BYTES);
	}
	for (uint8_t i = 0; i < K; i++) {
		polynomial_ntt(&e[i]);
		row_times(matrix + (size_t)i * K, s, &t);
		polynomial_add(&t, &e[i]);
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
	OPENSSL_cleanse(small, sizeof(small));
}

// Algorithm 14: K-PKE.Encrypt.
static void encrypt(
	const uint8_t *key, const uint8_t message[32], const uint8_t coins[32], uint8_t *ciphertext)
{
	const uint8_t *rho = key + (size_t)K * POLYNOMIAL_BYTES;
	struct polynomial matrix[K * K], small[2 * K + 1], *y = small, *noise = small + K, t, u;
	struct polynomial v = {0};

	sample_matrix(rho, true, matrix);
	sample_small(coins, 2 * K + 1, small);
	for (uint8_t i = 0; i < K; i++)
		polynomial_ntt(&y[i]);
	for (uint8_t i = 0; i < K; i++) {
		row_times(matrix + (size_t)i * K, y, &u);
		polynomial_ntt_inverse(&u);
		polynomial_add(&u, &noise[i]);
		compress(&u, DU);
		encode(&u, DU, ciphertext + (size_t)i * U_BYTES);
		decode(key + (size_t)i * POLYNOMIAL_BYTES, 12, &t);
		polynomial_multiply_add(&v, &t, &y[i]);
	}
	polynomial_ntt_inverse(&v);
	polynomial_add(&v, &noise[K]);
	decode(message, 1, &t);
	decompress(&t, 1);
	polynomial_add(&v, &t);
	compress(&v, DV);
	encode(&v, DV, ciphertext + (size_t)K * U_BYTES);
	OPENSSL_cleanse(small, sizeof(small));
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
		polynomial_ntt(&u);
		decode(key + (size_t)i * POLYNOMIAL_BYTES, 12, &s);
		polynomial_multiply_add(&sum, &s, &u);
	}
	polynomial_ntt_inverse(&sum);
	decode(ciphertext + (size_t)K * U_BYTES, DV, &v);
	decompress(&v, DV);
	polynomial_subtract(&v, &sum);
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
