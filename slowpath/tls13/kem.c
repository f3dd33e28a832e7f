// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/kem.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <pthread.h>

// Names of OpenSSL 3.5, whose headers need not be there.
static const char ALGORITHM[] = "ML-KEM-768";
static const char SEED[] = "seed";
static const char ENTROPY[] = "ikme";

static bool has_library;
static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void library_look(void)
{
	EVP_KEM *kem;

	ERR_set_mark();
	kem = EVP_KEM_fetch(NULL, ALGORITHM, NULL);
	ERR_pop_to_mark();
	has_library = kem != NULL;
	EVP_KEM_free(kem);
}

bool kem_is_libcryptos(void)
{
	pthread_once(&library_once, library_look);
	return has_library;
}

// What libcrypto takes as a parameter it does not write.
static OSSL_PARAM bytes_param(const char *name, const uint8_t *bytes, size_t length)
{
	return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)bytes, length);
}

static EVP_PKEY *library_make(const uint8_t seed[MLKEM_SEED_BYTES])
{
	OSSL_PARAM params[] = {
		bytes_param(SEED, seed, MLKEM_SEED_BYTES), OSSL_PARAM_construct_end()};
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, ALGORITHM, NULL);
	EVP_PKEY *key = NULL;

	if (context != NULL && EVP_PKEY_keygen_init(context) == 1 &&
		EVP_PKEY_CTX_set_params(context, params) == 1)
		(void)EVP_PKEY_generate(context, &key);
	EVP_PKEY_CTX_free(context);
	return key;
}

static bool key_fill(struct kem_key *key, const uint8_t seed[MLKEM_SEED_BYTES])
{
	size_t length = 0;

	if (kem_is_libcryptos()) {
		key->library = library_make(seed);
		return key->library != NULL &&
		       EVP_PKEY_get_octet_string_param(key->library, OSSL_PKEY_PARAM_PUB_KEY,
			       key->public_key, sizeof(key->public_key), &length) == 1 &&
		       length == sizeof(key->public_key);
	}
	key->own = OPENSSL_malloc(MLKEM_DECAPSULATION_KEY_BYTES);
	if (key->own == NULL)
		return false;
	mlkem_keygen(seed, key->public_key, key->own);
	return true;
}

struct kem_key *kem_key_make(const uint8_t seed[MLKEM_SEED_BYTES])
{
	struct kem_key *key = OPENSSL_zalloc(sizeof(*key));

	if (key != NULL && key_fill(key, seed))
		return key;
	kem_key_free(key);
	return NULL;
}

void kem_key_free(struct kem_key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->library);
	OPENSSL_clear_free(key->own, MLKEM_DECAPSULATION_KEY_BYTES);
	OPENSSL_free(key);
}

static enum tls13_verdict library_encapsulate(
	const uint8_t *key, const uint8_t *message, uint8_t *ciphertext, uint8_t *secret)
{
	OSSL_PARAM params[] = {
		bytes_param(ENTROPY, message, MLKEM_MESSAGE_BYTES), OSSL_PARAM_construct_end()};
	EVP_PKEY *peer = EVP_PKEY_new_raw_public_key_ex(
		NULL, ALGORITHM, NULL, key, MLKEM_ENCAPSULATION_KEY_BYTES);
	EVP_PKEY_CTX *context = peer != NULL ? EVP_PKEY_CTX_new_from_pkey(NULL, peer, NULL) : NULL;
	size_t ciphertext_length = MLKEM_CIPHERTEXT_BYTES, secret_length = MLKEM_SECRET_BYTES;
	enum tls13_verdict v = TLS13_LIBRARY;

	if (peer == NULL)
		v = TLS13_SHARE_BAD;
	else if (context != NULL && EVP_PKEY_encapsulate_init(context, params) == 1 &&
		 EVP_PKEY_encapsulate(
			 context, ciphertext, &ciphertext_length, secret, &secret_length) == 1 &&
		 ciphertext_length == MLKEM_CIPHERTEXT_BYTES && secret_length == MLKEM_SECRET_BYTES)
		v = TLS13_OK;
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(peer);
	return v;
}

enum tls13_verdict kem_encapsulate(const uint8_t key[MLKEM_ENCAPSULATION_KEY_BYTES],
	const uint8_t message[MLKEM_MESSAGE_BYTES], uint8_t ciphertext[MLKEM_CIPHERTEXT_BYTES],
	uint8_t secret[MLKEM_SECRET_BYTES])
{
	if (kem_is_libcryptos())
		return library_encapsulate(key, message, ciphertext, secret);
	return mlkem_encapsulate(key, message, ciphertext, secret) ? TLS13_OK : TLS13_SHARE_BAD;
}

enum tls13_verdict kem_decapsulate(const struct kem_key *key,
	const uint8_t ciphertext[MLKEM_CIPHERTEXT_BYTES], uint8_t secret[MLKEM_SECRET_BYTES])
{
	size_t length = MLKEM_SECRET_BYTES;
	EVP_PKEY_CTX *context;
	bool done;

	if (key->own != NULL) {
		mlkem_decapsulate(key->own, ciphertext, secret);
		return TLS13_OK;
	}
	context = EVP_PKEY_CTX_new_from_pkey(NULL, key->library, NULL);
	done = context != NULL && EVP_PKEY_decapsulate_init(context, NULL) == 1 &&
	       EVP_PKEY_decapsulate(context, secret, &length, ciphertext, MLKEM_CIPHERTEXT_BYTES) ==
		       1 &&
	       length == MLKEM_SECRET_BYTES;
	EVP_PKEY_CTX_free(context);
	return done ? TLS13_OK : TLS13_LIBRARY;
}
