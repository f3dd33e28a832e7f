// SPDX-License-Identifier: BSD-3-Clause
// A server's leaf of any content, as it is and under the signature that only the server can make:
// the client recognises by its bytes what our server writes and nothing else, and what it
// recognises is the same certificate with the same key to X.509.
#include "world.h"

#include <openssl/hmac.h>

#include "reality/proof.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	SIZE_MAX_HERE = 2 * REALITY_CERTIFICATE_MLDSA_BYTES,
	PUBLIC_AT = 72,
	PUBLIC_MLDSA_AT = 75,
	EXTENSION_VALUE_AT = 126,
};

// Of the known certificate of tests/unit/reality, which is in the corpus.
static const uint8_t key[REALITY_KEY_BYTES] = {0xaa, 0xf2, 0xb9, 0x79, 0x69, 0x97, 0xb5, 0x51, 0xb1,
	0xf0, 0x69, 0x08, 0x5b, 0x48, 0x69, 0x59, 0xe8, 0x60, 0x0e, 0x24, 0x1a, 0x9c, 0xb7, 0xf2,
	0x4f, 0x1c, 0x7b, 0x37, 0x50, 0xa7, 0x45, 0x96};

static bool is_with_mldsa(size_t size)
{
	return size == REALITY_CERTIFICATE_MLDSA_BYTES;
}

static const uint8_t *public_of(const uint8_t *der, size_t size)
{
	return der + (is_with_mldsa(size) ? PUBLIC_MLDSA_AT : PUBLIC_AT);
}

static void check_key(X509 *leaf, const uint8_t public_key[REALITY_PUBLIC_BYTES])
{
	uint8_t raw[REALITY_PUBLIC_BYTES];
	size_t n = sizeof(raw);
	EVP_PKEY *pkey = X509_get0_pubkey(leaf);

	MUST(pkey != NULL && EVP_PKEY_is_a(pkey, "ED25519") == 1);
	MUST(EVP_PKEY_get_raw_public_key(pkey, raw, &n) == 1 && n == sizeof(raw));
	MUST(memcmp(raw, public_key, sizeof(raw)) == 0);
}

static void check_extension(X509 *leaf, const uint8_t *der, size_t size)
{
	const ASN1_OCTET_STRING *value;

	MUST(X509_get_ext_count(leaf) == is_with_mldsa(size));
	if (!is_with_mldsa(size))
		return;
	value = X509_EXTENSION_get_data(X509_get_ext(leaf, 0));
	MUST(ASN1_STRING_length(value) == REALITY_MLDSA_SIGNATURE_BYTES);
	MUST(memcmp(ASN1_STRING_get0_data(value), der + EXTENSION_VALUE_AT,
		     REALITY_MLDSA_SIGNATURE_BYTES) == 0);
}

// X.509 reads every leaf, as in the client.
static bool is_recognised(const uint8_t *der, size_t size)
{
	struct reality_proof proof = {.library = world()->library, .key = key};
	const uint8_t *end = der;
	X509 *leaf = d2i_X509(NULL, &end, (long)size);
	bool verified = leaf != NULL && reality_certificate_verify(&proof, leaf, NULL);
	uint8_t public_key[REALITY_PUBLIC_BYTES];
	bool recognised =
		reality_certificate_recognise(&proof, cursor_over(der, size), NULL, public_key);

	if (recognised) {
		MUST(verified && end == der + size);
		check_key(leaf, public_key);
		check_extension(leaf, der, size);
	}
	X509_free(leaf);
	return recognised;
}

static void sign(uint8_t *der, size_t size)
{
	MUST(HMAC(EVP_sha512(), key, sizeof(key), public_of(der, size), REALITY_PUBLIC_BYTES,
		     der + size - REALITY_DIGEST_BYTES, NULL) != NULL);
}

// Whether it is our server's certificate for its key, with any value in the extension.
static bool is_ours(const uint8_t *der, size_t size)
{
	uint8_t ours[REALITY_CERTIFICATE_MLDSA_BYTES];
	size_t n = reality_certificate_write(public_of(der, size), is_with_mldsa(size), ours);

	if (is_with_mldsa(size))
		memcpy(ours + EXTENSION_VALUE_AT, der + EXTENSION_VALUE_AT,
			REALITY_MLDSA_SIGNATURE_BYTES);
	return n == size && memcmp(ours, der, n - REALITY_DIGEST_BYTES) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool recognised;
	uint8_t *der;

	if (size > SIZE_MAX_HERE)
		return 0;
	recognised = is_recognised(data, size);
	if (size < PUBLIC_AT + REALITY_PUBLIC_BYTES + REALITY_DIGEST_BYTES) {
		MUST(!recognised);
		return 0;
	}
	der = malloc(size);
	MUST(der != NULL);
	memcpy(der, data, size);
	sign(der, size);
	MUST(is_recognised(der, size) == is_ours(der, size));
	MUST(recognised == (is_ours(der, size) && memcmp(der, data, size) == 0));
	free(der);
	return 0;
}
