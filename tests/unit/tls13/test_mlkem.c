// SPDX-License-Identifier: BSD-3-Clause
// ML-KEM-768 against Wycheproof's vectors (github.com/C2SP/wycheproof, testvectors_v1) from
// $NEXPATH_VECTORS/wycheproof; skipped where the variable is not set.
#include "rig.h"

#include "tls13/keccak.h"
#include "tls13/keccak_four.h"
#include "tls13/mlkem.h"
#include "vectors.h"

static uint8_t seed[256], ek[2000], dk[3000], c[2000], secret[64], made_ek[1184], made_dk[2400],
	made_c[1088], made[32];

static bool keygen(const json_t *group, const json_t *test)
{
	size_t n;

	vectors_bytes(test, "seed", seed, sizeof(seed), &n);
	vectors_bytes(test, "ek", ek, sizeof(ek), &n);
	vectors_bytes(test, "dk", dk, sizeof(dk), &n);
	mlkem_keygen(seed, made_ek, made_dk);
	assert_memory_equal(made_ek, ek, sizeof(made_ek));
	assert_memory_equal(made_dk, dk, sizeof(made_dk));
	assert_true(mlkem_key_is_whole(made_dk));
	return true;
}

static bool encapsulate(const json_t *group, const json_t *test)
{
	size_t n, ek_length;
	bool ok;

	vectors_bytes(test, "m", seed, sizeof(seed), &n);
	vectors_bytes(test, "ek", ek, sizeof(ek), &ek_length);
	vectors_bytes(test, "c", c, sizeof(c), &n);
	vectors_bytes(test, "K", secret, sizeof(secret), &n);
	ok = ek_length == sizeof(made_ek) && mlkem_encapsulate(ek, seed, made_c, made);
	assert_int_equal(ok, vectors_is_valid(test));
	if (!ok)
		return true;
	assert_memory_equal(made_c, c, sizeof(made_c));
	assert_memory_equal(made, secret, sizeof(made));
	return true;
}

static bool decapsulate_from_seed(const json_t *group, const json_t *test)
{
	size_t n, seed_length, c_length;

	vectors_bytes(test, "seed", seed, sizeof(seed), &seed_length);
	vectors_bytes(test, "ek", ek, sizeof(ek), &n);
	vectors_bytes(test, "c", c, sizeof(c), &c_length);
	vectors_bytes(test, "K", secret, sizeof(secret), &n);
	if (seed_length != 64 || c_length != sizeof(made_c)) {
		assert_false(vectors_is_valid(test));
		return true;
	}
	mlkem_keygen(seed, made_ek, made_dk);
	mlkem_decapsulate(made_dk, c, made);
	assert_int_equal(memcmp(made, secret, 32) == 0 && memcmp(made_ek, ek, 1184) == 0,
		vectors_is_valid(test));
	return true;
}

static bool decapsulate(const json_t *group, const json_t *test)
{
	size_t n, dk_length, c_length;

	vectors_bytes(test, "dk", dk, sizeof(dk), &dk_length);
	vectors_bytes(test, "c", c, sizeof(c), &c_length);
	vectors_bytes(test, "K", secret, sizeof(secret), &n);
	if (dk_length != sizeof(made_dk) || c_length != sizeof(made_c) || !mlkem_key_is_whole(dk)) {
		assert_false(vectors_is_valid(test));
		return true;
	}
	mlkem_decapsulate(dk, c, made);
	assert_int_equal(n == 32 && memcmp(made, secret, 32) == 0, vectors_is_valid(test));
	return true;
}

static void keys_are_made_as_the_vectors_say(void **state)
{
	assert_in_range(
		vectors_each("wycheproof/mlkem_768_keygen_seed_test.json", keygen), 50, UINT32_MAX);
}

static void encapsulation_is_as_the_vectors_say(void **state)
{
	assert_in_range(vectors_each("wycheproof/mlkem_768_encaps_test.json", encapsulate), 100,
		UINT32_MAX);
}

static void decapsulation_is_as_the_vectors_say(void **state)
{
	assert_in_range(vectors_each("wycheproof/mlkem_768_test.json", decapsulate_from_seed), 100,
		UINT32_MAX);
	assert_in_range(
		vectors_each("wycheproof/mlkem_768_semi_expanded_decaps_test.json", decapsulate), 5,
		UINT32_MAX);
}

static void both_ends_agree_and_a_forgery_gives_another_secret(void **state)
{
	uint8_t first[32], second[32], forged[32];

	for (uint8_t i = 0; i < 20; i++) {
		memset(seed, i, sizeof(seed));
		mlkem_keygen(seed, made_ek, made_dk);
		assert_true(mlkem_encapsulate(made_ek, seed, made_c, first));
		mlkem_decapsulate(made_dk, made_c, second);
		assert_memory_equal(first, second, 32);
		made_c[(size_t)i * 54] ^= 1;
		mlkem_decapsulate(made_dk, made_c, forged);
		assert_memory_not_equal(first, forged, 32);
	}
}

// OpenSSL 3.4 and later give it no length of its own.
static void shake256_of_libcrypto(const uint8_t *data, size_t length, uint8_t out[32])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	assert_non_null(context);
	assert_int_equal(EVP_DigestInit_ex(context, EVP_shake256(), NULL), 1);
	assert_int_equal(EVP_DigestUpdate(context, data, length), 1);
	assert_int_equal(EVP_DigestFinalXOF(context, out, 32), 1);
	EVP_MD_CTX_free(context);
}

static void hashes_are_libcryptos(void **state)
{
	uint8_t data[500], own[64], theirs[64];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	for (size_t n = 0; n < sizeof(data); n += 17) {
		struct keccak_input in = {
			.a = data, .a_length = n / 3, .b = data + n / 3, .b_length = n - n / 3};

		sha3_256(in, own);
		EVP_Digest(data, n, theirs, NULL, EVP_sha3_256(), NULL);
		assert_memory_equal(own, theirs, 32);
		sha3_512(in, own);
		EVP_Digest(data, n, theirs, NULL, EVP_sha3_512(), NULL);
		assert_memory_equal(own, theirs, 64);
		shake256(in, own, 32);
		shake256_of_libcrypto(data, n, theirs);
		assert_memory_equal(own, theirs, 32);
	}
}

static void four_side_by_side_are_as_each_alone(void **state)
{
	static const uint32_t rates[] = {SHAKE128_RATE, SHAKE256_RATE},
			      tails[] = {0, 1, 0x302, 0xffff};
	uint8_t got[SHAKE128_RATE], expected[SHAKE128_RATE], tail[2];

	for (uint8_t i = 0; i < 32; i++)
		seed[i] = (uint8_t)(i * 11);
	for (size_t r = 0; r < nx_array_size(rates); r++) {
		struct keccak_four four;
		struct keccak one[4];

		keccak_four_begin(&four, rates[r], seed, tails, 2);
		for (int s = 0; s < 4; s++) {
			tail[0] = (uint8_t)tails[s];
			tail[1] = (uint8_t)(tails[s] >> 8);
			keccak_init(&one[s], rates[r]);
			keccak_absorb(&one[s], seed, 32);
			keccak_absorb(&one[s], tail, sizeof(tail));
			keccak_finish(&one[s], 0x1f);
		}
		for (int block = 0; block < 3; block++) {
			keccak_four_permute(&four, 4);
			for (uint32_t s = 0; s < 4; s++) {
				keccak_four_read(&four, s, got, rates[r]);
				keccak_squeeze(&one[s], expected, rates[r]);
				assert_memory_equal(got, expected, rates[r]);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_agree_and_a_forgery_gives_another_secret),
		cmocka_unit_test(hashes_are_libcryptos),
		cmocka_unit_test(four_side_by_side_are_as_each_alone),
		cmocka_unit_test(keys_are_made_as_the_vectors_say),
		cmocka_unit_test(encapsulation_is_as_the_vectors_say),
		cmocka_unit_test(decapsulation_is_as_the_vectors_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
