// SPDX-License-Identifier: BSD-3-Clause
// HMAC and HKDF-Expand-Label against libcrypto.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "crypto/hkdf.h"

static struct crypto_manager *manager;

static const EVP_MD *md_of(enum hash hash)
{
	return hash == HASH_SHA_256 ? EVP_sha256() : EVP_sha384();
}

static void hmac_agrees_with_libcrypto(void **state)
{
	uint8_t key[128], message[HMAC_MESSAGE_MAX];

	for (uint32_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i * 7 + 3);
	for (uint32_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)(i * 5 + 1);
	for (int hash = HASH_SHA_256; hash <= HASH_SHA_384; hash++)
		for (uint32_t k = 1; k <= (hash == HASH_SHA_256 ? 64u : 128u); k += 3)
			for (uint32_t n = 0; n <= HMAC_MESSAGE_MAX; n += 11) {
				uint8_t ours[48], theirs[64];
				unsigned int length;

				hmac(manager, hash, key, k, message, n, ours);
				HMAC(md_of(hash), key, (int)k, message, n, theirs, &length);
				assert_int_equal(length, hash_bytes(hash));
				assert_memory_equal(ours, theirs, length);
			}
}

static void kdf(enum hash hash, const uint8_t *secret, const char *label, uint8_t *out, size_t n)
{
	EVP_KDF *algorithm = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(algorithm);
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	char prefix[] = "tls13 ", name[64];
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
			hash == HASH_SHA_256 ? (char[]){"SHA256"} : (char[]){"SHA384"}, 0),
		OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret, hash_bytes(hash)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, prefix, strlen(prefix)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, name,
			(size_t)snprintf(name, sizeof(name), "%s", label)),
		OSSL_PARAM_construct_end(),
	};

	assert_int_equal(EVP_KDF_derive(ctx, out, n, params), 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(algorithm);
}

static void expand_label_agrees_with_libcrypto(void **state)
{
	static const char *const labels[] = {"key", "iv", "traffic upd", "finished"};
	uint8_t secret[48], ours[48], theirs[48];

	for (uint32_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)(200 - i);
	for (int hash = HASH_SHA_256; hash <= HASH_SHA_384; hash++)
		for (size_t l = 0; l < nx_array_size(labels); l++)
			for (uint32_t n = 1; n <= hash_bytes(hash); n++) {
				hkdf_expand_label(manager, hash, secret, labels[l], ours, n);
				kdf(hash, secret, labels[l], theirs, n);
				assert_memory_equal(ours, theirs, n);
			}
	// In place, as a key update does.
	kdf(HASH_SHA_384, secret, "traffic upd", theirs, 48);
	hkdf_expand_label(manager, HASH_SHA_384, secret, "traffic upd", secret, 48);
	assert_memory_equal(secret, theirs, 48);
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
		cmocka_unit_test(hmac_agrees_with_libcrypto),
		cmocka_unit_test(expand_label_agrees_with_libcrypto),
	};

	return cmocka_run_group_tests(tests, create, destroy);
}
