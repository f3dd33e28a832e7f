// SPDX-License-Identifier: BSD-3-Clause
// ML-KEM-768 as key exchange has it, libcrypto's or ours, against ours: both make the same of the
// same random bytes, so that either end may be either.
#include "rig.h"

#include <openssl/rand.h>

#include "tls13/kem.h"

enum {
	TURNS = 20
};

static void both_make_the_same(void **state)
{
	for (int i = 0; i < TURNS; i++) {
		uint8_t seed[MLKEM_SEED_BYTES], message[MLKEM_MESSAGE_BYTES];
		uint8_t ek[MLKEM_ENCAPSULATION_KEY_BYTES], dk[MLKEM_DECAPSULATION_KEY_BYTES];
		uint8_t c[MLKEM_CIPHERTEXT_BYTES], other_c[MLKEM_CIPHERTEXT_BYTES];
		uint8_t secret[MLKEM_SECRET_BYTES], other[MLKEM_SECRET_BYTES];
		struct kem_key *key;

		assert_int_equal(RAND_bytes(seed, sizeof(seed)), 1);
		assert_int_equal(RAND_bytes(message, sizeof(message)), 1);
		key = kem_key_make(seed);
		assert_non_null(key);
		assert_int_equal(key->library != NULL, kem_is_libcryptos());
		mlkem_keygen(seed, ek, dk);
		assert_memory_equal(key->public_key, ek, sizeof(ek));
		assert_int_equal(kem_encapsulate(ek, message, c, secret), TLS13_OK);
		assert_true(mlkem_encapsulate(ek, message, other_c, other));
		assert_memory_equal(c, other_c, sizeof(c));
		assert_memory_equal(secret, other, sizeof(secret));
		assert_int_equal(kem_decapsulate(key, c, other), TLS13_OK);
		assert_memory_equal(secret, other, sizeof(secret));
		// A forged one: a secret of its own, the same by both.
		c[i]++;
		assert_int_equal(kem_decapsulate(key, c, secret), TLS13_OK);
		mlkem_decapsulate(dk, c, other);
		assert_memory_equal(secret, other, sizeof(secret));
		kem_key_free(key);
	}
}

static void a_key_with_numbers_too_great_is_refused(void **state)
{
	uint8_t seed[MLKEM_SEED_BYTES] = {1}, message[MLKEM_MESSAGE_BYTES] = {2};
	uint8_t c[MLKEM_CIPHERTEXT_BYTES], secret[MLKEM_SECRET_BYTES];
	struct kem_key *key = kem_key_make(seed);

	assert_non_null(key);
	memset(key->public_key, 0xff, 3);
	assert_int_equal(kem_encapsulate(key->public_key, message, c, secret), TLS13_SHARE_BAD);
	kem_key_free(key);
}

// Debian 13 has OpenSSL 3.5, whose ML-KEM is to be used.
static void a_library_that_has_it_is_asked(void **state)
{
	assert_int_equal(kem_is_libcryptos(), OpenSSL_version_num() >= 0x30500000UL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_make_the_same),
		cmocka_unit_test(a_key_with_numbers_too_great_is_refused),
		cmocka_unit_test(a_library_that_has_it_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
