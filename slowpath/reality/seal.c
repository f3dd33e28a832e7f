// SPDX-License-Identifier: BSD-3-Clause
#include "reality/seal.h"

enum {
	SALT_BYTES = 20, // of the random; what is left of it is the nonce
	NONCE_BYTES = 12,
	PLAIN_BYTES = 16,
	TAG_BYTES = 16,
};
static_assert(SALT_BYTES + NONCE_BYTES == RANDOM_BYTES, "the random is salt and nonce");
static_assert(PLAIN_BYTES + TAG_BYTES == REALITY_SESSION_ID_BYTES, "the session id is the seal");

bool reality_key_derive(const struct tls13_library *library, const uint8_t own[X25519_BYTES],
	const uint8_t peer[X25519_BYTES], const uint8_t random[RANDOM_BYTES],
	uint8_t out[REALITY_KEY_BYTES])
{
	// HKDF-Expand's first and only block (RFC 5869 2.3).
	static const uint8_t info[] = {'R', 'E', 'A', 'L', 'I', 'T', 'Y', 1};
	struct hasher hash = {
		.md = library->sha256, .context = EVP_MD_CTX_new(), .bytes = REALITY_KEY_BYTES};
	uint8_t shared[X25519_BYTES], extracted[SECRET_BYTES_MAX];
	bool ok = hash.context != NULL && x25519_agree(own, peer, shared) &&
		  hkdf_extract(&hash, random, SALT_BYTES, shared, sizeof(shared), extracted) &&
		  hasher_hmac(&hash, extracted, REALITY_KEY_BYTES, info, sizeof(info), out);

	EVP_MD_CTX_free(hash.context);
	crypto_wipe(shared, sizeof(shared));
	crypto_wipe(extracted, sizeof(extracted));
	return ok;
}

// AES-256-GCM with the hello as associated data, its session id taken for zeros.
static bool begin(EVP_CIPHER_CTX *context, const struct tls13_library *library, const uint8_t *key,
	const uint8_t *hello, size_t length, bool seals)
{
	static const uint8_t zeros[REALITY_SESSION_ID_BYTES];
	const uint8_t *nonce = hello + REALITY_RANDOM_AT + SALT_BYTES;
	int n;

	return length >= REALITY_HELLO_BYTES_MIN && length <= INT32_MAX &&
	       EVP_CipherInit_ex2(context, library->aes_256_gcm, key, nonce, seals, NULL) == 1 &&
	       EVP_CipherUpdate(context, NULL, &n, hello, REALITY_SESSION_ID_AT) == 1 &&
	       EVP_CipherUpdate(context, NULL, &n, zeros, sizeof(zeros)) == 1 &&
	       EVP_CipherUpdate(context, NULL, &n, hello + REALITY_HELLO_BYTES_MIN,
		       (int)(length - REALITY_HELLO_BYTES_MIN)) == 1;
}

bool reality_seal(const struct tls13_library *library, const uint8_t key[REALITY_KEY_BYTES],
	const struct reality_tag *tag, uint8_t *hello, size_t length)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	uint8_t plain[PLAIN_BYTES], sealed[PLAIN_BYTES + TAG_BYTES];
	bool ok;
	int n;

	be32_store(plain, be32_from_host(tag->version << 8)); // its last byte is reserved
	be32_store(plain + 4, be32_from_host(tag->time_s));
	memcpy(plain + 8, tag->short_id, REALITY_SHORT_ID_BYTES);
	ok = context != NULL && begin(context, library, key, hello, length, true) &&
	     EVP_CipherUpdate(context, sealed, &n, plain, PLAIN_BYTES) == 1 &&
	     EVP_CipherFinal_ex(context, sealed + PLAIN_BYTES, &n) == 1 &&
	     EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, sealed + PLAIN_BYTES) ==
		     1;
	if (ok)
		memcpy(hello + REALITY_SESSION_ID_AT, sealed, sizeof(sealed));
	EVP_CIPHER_CTX_free(context);
	crypto_wipe(plain, sizeof(plain));
	return ok;
}

bool reality_open(const struct tls13_library *library, const uint8_t key[REALITY_KEY_BYTES],
	const uint8_t *hello, size_t length, struct reality_tag *out)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	uint8_t plain[PLAIN_BYTES], end[PLAIN_BYTES], tag[TAG_BYTES];
	bool ok = context != NULL && begin(context, library, key, hello, length, false);
	int n;

	if (ok) {
		memcpy(tag, hello + REALITY_SESSION_ID_AT + PLAIN_BYTES, TAG_BYTES);
		ok = EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1 &&
		     EVP_CipherUpdate(
			     context, plain, &n, hello + REALITY_SESSION_ID_AT, PLAIN_BYTES) == 1 &&
		     EVP_CipherFinal_ex(context, end, &n) == 1;
	}
	EVP_CIPHER_CTX_free(context);
	if (ok) {
		out->version = be32_to_host(be32_load(plain)) >> 8;
		out->time_s = be32_to_host(be32_load(plain + 4));
		memcpy(out->short_id, plain + 8, REALITY_SHORT_ID_BYTES);
	}
	// What did not check out is written there, too.
	crypto_wipe(plain, sizeof(plain));
	return ok;
}
