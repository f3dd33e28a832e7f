// SPDX-License-Identifier: BSD-3-Clause
// X25519 and Ed25519 beside libcrypto's, which is another's code.
#include "rig.h"

#include <openssl/rand.h>

#include "tls13/curve25519.h"

enum {
	TURNS = 50,
	LENGTH_MAX = 200,
};

static void agreements_are_libcryptos(void **state)
{
	for (int i = 0; i < TURNS; i++) {
		uint8_t own[X25519_BYTES], peer[X25519_BYTES], made[X25519_BYTES];
		uint8_t public_key[X25519_BYTES], expected[X25519_BYTES];
		size_t n = sizeof(expected);
		EVP_PKEY_CTX *context;
		EVP_PKEY *key, *other;

		assert_int_equal(RAND_bytes(own, sizeof(own)), 1);
		assert_int_equal(RAND_bytes(peer, sizeof(peer)), 1);
		key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, own, sizeof(own));
		other = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, sizeof(peer));
		context = EVP_PKEY_CTX_new(key, NULL);
		assert_int_equal(EVP_PKEY_get_raw_public_key(key, expected, &n), 1);
		x25519_public(own, public_key);
		assert_memory_equal(public_key, expected, sizeof(expected));
		assert_int_equal(EVP_PKEY_derive_init(context), 1);
		assert_int_equal(EVP_PKEY_derive_set_peer(context, other), 1);
		assert_int_equal(EVP_PKEY_derive(context, expected, &n), 1);
		assert_true(x25519_agree(own, peer, made));
		assert_memory_equal(made, expected, sizeof(expected));
		EVP_PKEY_CTX_free(context);
		EVP_PKEY_free(other);
		EVP_PKEY_free(key);
	}
}

static void a_peer_of_small_order_is_refused(void **state)
{
	static const uint8_t own[X25519_BYTES] = {9}, peers[][X25519_BYTES] = {{0}, {1}};
	uint8_t made[X25519_BYTES];

	for (size_t i = 0; i < nx_array_size(peers); i++)
		assert_false(x25519_agree(own, peers[i], made));
}

static void signatures_are_libcryptos(void **state)
{
	uint8_t message[LENGTH_MAX], made[ED25519_SIGNATURE_BYTES], expected[64];

	assert_int_equal(RAND_bytes(message, sizeof(message)), 1);
	for (size_t length = 0; length <= LENGTH_MAX; length += 7) {
		EVP_MD_CTX *context = EVP_MD_CTX_new();
		size_t n = sizeof(expected), public_length = sizeof(expected);
		struct ed25519_key own;
		EVP_PKEY *key;

		assert_int_equal(RAND_bytes(own.seed, sizeof(own.seed)), 1);
		ed25519_key_complete(&own);
		key = EVP_PKEY_new_raw_private_key(
			EVP_PKEY_ED25519, NULL, own.seed, sizeof(own.seed));
		assert_int_equal(EVP_PKEY_get_raw_public_key(key, expected, &public_length), 1);
		assert_memory_equal(own.public_key, expected, sizeof(own.public_key));
		assert_int_equal(EVP_DigestSignInit(context, NULL, NULL, NULL, key), 1);
		assert_int_equal(EVP_DigestSign(context, expected, &n, message, length), 1);
		ed25519_sign(&own, message, length, made);
		assert_memory_equal(made, expected, sizeof(made));
		assert_true(ed25519_verify(own.public_key, message, length, made));
		made[length % sizeof(made)] ^= 1;
		assert_false(ed25519_verify(own.public_key, message, length, made));
		EVP_MD_CTX_free(context);
		EVP_PKEY_free(key);
	}
}

static int begin(void **state)
{
	return curve25519_begin() ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agreements_are_libcryptos),
		cmocka_unit_test(a_peer_of_small_order_is_refused),
		cmocka_unit_test(signatures_are_libcryptos),
	};

	return cmocka_run_group_tests(tests, begin, NULL);
}
