// SPDX-License-Identifier: BSD-3-Clause
// ML-DSA-65 as libcrypto does it for REALITY's certificates, against Wycheproof's vectors
// (github.com/C2SP/wycheproof, testvectors_v1) from $NEXPATH_VECTORS/wycheproof; skipped where the
// variable is not set, or libcrypto has none (3.5).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/core_names.h>

#include "reality/proof.h"
#include "vectors.h"

enum {
	BYTES_MAX = 70000,
};

static uint8_t key_bytes[BYTES_MAX], message[BYTES_MAX], signature[BYTES_MAX], made[BYTES_MAX];

static void must_be_there(void)
{
	if (!reality_mldsa_is_there()) {
		print_message("libcrypto has no ML-DSA-65\n");
		skip();
	}
}

// Ours have no context: vectors that have one do not apply.
static bool has_context(const json_t *test)
{
	return json_object_get(test, "ctx") != NULL;
}

static bool verify(const json_t *group, const json_t *test)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t n, length, signature_length;
	EVP_PKEY *key;
	bool ok;

	if (has_context(test)) {
		EVP_MD_CTX_free(context);
		return false;
	}
	vectors_bytes(group, "publicKey", key_bytes, sizeof(key_bytes), &n);
	vectors_bytes(test, "msg", message, sizeof(message), &length);
	vectors_bytes(test, "sig", signature, sizeof(signature), &signature_length);
	key = reality_mldsa_from_public(key_bytes, n);
	ok = key != NULL &&
	     EVP_DigestVerifyInit_ex(context, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
	     EVP_DigestVerify(context, signature, signature_length, message, length) == 1;
	assert_int_equal(ok, vectors_is_valid(test));
	EVP_PKEY_free(key);
	EVP_MD_CTX_free(context);
	return true;
}

static bool make_key(const json_t *group, const json_t *test)
{
	size_t n, length = 0;
	EVP_PKEY *key;

	vectors_bytes(group, "privateSeed", message, sizeof(message), &n);
	vectors_bytes(group, "publicKey", key_bytes, sizeof(key_bytes), &length);
	if (n != REALITY_MLDSA_SEED_BYTES || length != REALITY_MLDSA_PUBLIC_BYTES)
		return false;
	key = reality_mldsa_from_seed(message);
	assert_non_null(key);
	assert_int_equal(EVP_PKEY_get_octet_string_param(
				 key, OSSL_PKEY_PARAM_PUB_KEY, made, sizeof(made), &length),
		1);
	assert_int_equal(length, REALITY_MLDSA_PUBLIC_BYTES);
	assert_memory_equal(made, key_bytes, length);
	EVP_PKEY_free(key);
	return true;
}

static void signatures_are_judged_as_the_vectors_say(void **state)
{
	must_be_there();
	assert_in_range(
		vectors_each("wycheproof/mldsa_65_verify_test.json", verify), 100, UINT32_MAX);
}

static void keys_are_made_as_the_vectors_say(void **state)
{
	must_be_there();
	assert_in_range(
		vectors_each("wycheproof/mldsa_65_sign_seed_test.json", make_key), 50, UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures_are_judged_as_the_vectors_say),
		cmocka_unit_test(keys_are_made_as_the_vectors_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
