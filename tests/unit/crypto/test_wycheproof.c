// SPDX-License-Identifier: BSD-3-Clause
// Wycheproof's vectors (github.com/C2SP/wycheproof, testvectors_v1) from
// $NEXPATH_VECTORS/wycheproof; skipped where the variable is not set.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/aead.h"
#include "crypto/hkdf.h"
#include "vectors.h"

static struct crypto_manager *manager;

// A hexadecimal member in memory of exactly its size.
static uint8_t *bytes_of(const json_t *test, const char *member, uint32_t *length)
{
	const char *hex = json_string_value(json_object_get(test, member));
	uint8_t *out;

	assert_non_null(hex);
	*length = (uint32_t)strlen(hex) / 2;
	out = malloc(*length + 1);
	for (uint32_t i = 0; i < *length; i++) {
		unsigned int byte;

		assert_int_equal(sscanf(hex + (size_t)2 * i, "%2x", &byte), 1);
		out[i] = (uint8_t)byte;
	}
	return out;
}

static json_int_t number_of(const json_t *object, const char *member)
{
	return json_integer_value(json_object_get(object, member));
}

static void aead_test(enum aead aead, const json_t *test)
{
	uint32_t n, length, additional_length, cipher_length;
	uint8_t *raw = bytes_of(test, "key", &n), *nonce = bytes_of(test, "iv", &n);
	uint8_t *additional = bytes_of(test, "aad", &additional_length);
	uint8_t *plain = bytes_of(test, "msg", &length);
	uint8_t *cipher = bytes_of(test, "ct", &cipher_length);
	uint8_t *tag = bytes_of(test, "tag", &n), made[16];
	struct aead_key key;
	struct aead_input in = {.key = &key,
		.nonce = nonce,
		.additional = additional,
		.additional_length = additional_length};
	uint8_t *data = malloc(length + 1);

	aead_key_expand(manager, aead, raw, &key);
	if (vectors_is_valid(test)) {
		memcpy(data, plain, length);
		aead_seal(manager, &in, data, length, made);
		assert_memory_equal(data, cipher, length);
		assert_memory_equal(made, tag, 16);
	}
	assert_int_equal(
		aead_open(manager, &in, cipher, cipher_length, tag), vectors_is_valid(test));
	if (vectors_is_valid(test))
		assert_memory_equal(cipher, plain, length);
	free(raw);
	free(nonce);
	free(additional);
	free(plain);
	free(cipher);
	free(tag);
	free(data);
}

static uint32_t aead_groups(const char *file, enum aead aead)
{
	json_t *root = vectors_load(file), *group, *test;
	uint32_t done = 0;
	size_t i, k;

	json_array_foreach(json_object_get(root, "testGroups"), i, group)
	{
		if (number_of(group, "ivSize") != 96 || number_of(group, "tagSize") != 128 ||
			number_of(group, "keySize") != 8 * aead_key_bytes(aead))
			continue;
		json_array_foreach(json_object_get(group, "tests"), k, test)
		{
			aead_test(aead, test);
			done++;
		}
	}
	json_decref(root);
	return done;
}

static void aeads_pass(void **state)
{
	assert_in_range(
		aead_groups("wycheproof/aes_gcm_test.json", AEAD_AES_128_GCM), 50, UINT32_MAX);
	assert_in_range(
		aead_groups("wycheproof/aes_gcm_test.json", AEAD_AES_256_GCM), 50, UINT32_MAX);
	assert_in_range(
		aead_groups("wycheproof/chacha20_poly1305_test.json", AEAD_CHACHA20_POLY1305), 250,
		UINT32_MAX);
}

// Those within the bounds that the key schedule needs.
static uint32_t hmac_groups(const char *file, enum hash hash, uint32_t block)
{
	json_t *root = vectors_load(file), *group, *test;
	uint32_t done = 0;
	size_t i, k;

	json_array_foreach(json_object_get(root, "testGroups"), i, group)
		json_array_foreach(json_object_get(group, "tests"), k, test)
	{
		uint32_t key_length, length, tag_length;
		uint8_t *key = bytes_of(test, "key", &key_length);
		uint8_t *message = bytes_of(test, "msg", &length);
		uint8_t *tag = bytes_of(test, "tag", &tag_length), made[HASH_BYTES_MAX];

		if (key_length <= block && length <= HMAC_MESSAGE_MAX) {
			hmac(manager, hash, key, key_length, message, length, made);
			assert_int_equal(
				memcmp(made, tag, tag_length) == 0, vectors_is_valid(test));
			done++;
		}
		free(key);
		free(message);
		free(tag);
	}
	json_decref(root);
	return done;
}

static void hmacs_pass(void **state)
{
	assert_in_range(
		hmac_groups("wycheproof/hmac_sha256_test.json", HASH_SHA_256, 64), 100, UINT32_MAX);
	assert_in_range(hmac_groups("wycheproof/hmac_sha384_test.json", HASH_SHA_384, 128), 100,
		UINT32_MAX);
}

static int create(void **state)
{
	return crypto_manager_create(&manager);
}

static int destroy(void **state)
{
	crypto_manager_destroy(manager);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aeads_pass),
		cmocka_unit_test(hmacs_pass),
	};

	return cmocka_run_group_tests(tests, create, destroy);
}
