// SPDX-License-Identifier: BSD-3-Clause
#include "reality/proof.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

// The certificate in pieces (RFC 5280 4.1): version 3, serial 0, no names, both times in year 1.
static const uint8_t head[] = {0x30, 0x81, 0xaf, 0x30, 0x63};
static const uint8_t head_mldsa[] = {0x30, 0x82, 0x0d, 0xb1, 0x30, 0x82, 0x0d, 0x63};
static const uint8_t body[] = {0xa0, 0x03, 0x02, 0x01, 0x02, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
	0x03, 0x2b, 0x65, 0x70, 0x30, 0x00, 0x30, 0x22, 0x18, 0x0f, '0', '0', '0', '1', '0', '1',
	'0', '1', '0', '0', '0', '0', '0', '0', 'Z', 0x18, 0x0f, '0', '0', '0', '1', '0', '1', '0',
	'1', '0', '0', '0', '0', '0', '0', 'Z', 0x30, 0x00, 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
	0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
// Extension 0.0, not critical.
static const uint8_t extension[] = {0xa3, 0x82, 0x0c, 0xfc, 0x30, 0x82, 0x0c, 0xf8, 0x30, 0x82,
	0x0c, 0xf4, 0x06, 0x01, 0x00, 0x04, 0x82, 0x0c, 0xed};
static const uint8_t tail[] = {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x41, 0x00};

static_assert(
	sizeof(head) + sizeof(body) + REALITY_PUBLIC_BYTES + sizeof(tail) + REALITY_DIGEST_BYTES ==
		REALITY_CERTIFICATE_BYTES,
	"the pieces are a whole");
static_assert(sizeof(head_mldsa) + sizeof(body) + REALITY_PUBLIC_BYTES + sizeof(extension) +
			      REALITY_MLDSA_SIGNATURE_BYTES + sizeof(tail) + REALITY_DIGEST_BYTES ==
		      REALITY_CERTIFICATE_MLDSA_BYTES,
	"the pieces are a whole");

enum {
	MLDSA_AT = sizeof(head_mldsa) + sizeof(body) + REALITY_PUBLIC_BYTES + sizeof(extension),
};

static uint8_t *append(uint8_t *p, const void *bytes, size_t length)
{
	memcpy(p, bytes, length);
	return p + length;
}

size_t reality_certificate_write(
	const uint8_t public_key[REALITY_PUBLIC_BYTES], bool with_mldsa, uint8_t *out)
{
	uint8_t *p = with_mldsa ? append(out, head_mldsa, sizeof(head_mldsa))
				: append(out, head, sizeof(head));

	p = append(p, body, sizeof(body));
	p = append(p, public_key, REALITY_PUBLIC_BYTES);
	if (with_mldsa) {
		p = append(p, extension, sizeof(extension));
		memset(p, 0, REALITY_MLDSA_SIGNATURE_BYTES);
		p += REALITY_MLDSA_SIGNATURE_BYTES;
	}
	p = append(p, tail, sizeof(tail));
	memset(p, 0, REALITY_DIGEST_BYTES);
	return (size_t)(p - out) + REALITY_DIGEST_BYTES;
}

// HMAC-SHA512 over some pieces in a row.
static bool mac(const struct reality_proof *proof, const struct cursor *pieces, size_t count,
	uint8_t out[REALITY_DIGEST_BYTES])
{
	struct hasher hash = {.md = proof->library->sha512,
		.context = EVP_MD_CTX_new(),
		.bytes = REALITY_DIGEST_BYTES};
	bool ok = hash.context != NULL &&
		  hasher_hmac_pieces(&hash, proof->key, REALITY_KEY_BYTES, pieces, count, out);

	EVP_MD_CTX_free(hash.context);
	return ok;
}

static bool mac_certificate(const struct reality_proof *proof, const uint8_t *public_key,
	uint8_t out[REALITY_DIGEST_BYTES])
{
	struct cursor piece = cursor_over(public_key, REALITY_PUBLIC_BYTES);

	return mac(proof, &piece, 1, out);
}

// What ML-DSA-65 signs.
static bool mac_hellos(const struct reality_proof *proof, const uint8_t *public_key,
	uint8_t out[REALITY_DIGEST_BYTES])
{
	struct cursor pieces[] = {cursor_over(public_key, REALITY_PUBLIC_BYTES),
		proof->client_hello, proof->server_hello};

	return mac(proof, pieces, nx_array_size(pieces), out);
}

bool reality_mldsa_is_there(void)
{
	EVP_SIGNATURE *signature = EVP_SIGNATURE_fetch(NULL, "ML-DSA-65", NULL);

	EVP_SIGNATURE_free(signature);
	return signature != NULL;
}

static EVP_PKEY *mldsa_key(
	const char *parameter, const uint8_t *bytes, size_t length, int selection)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "ML-DSA-65", NULL);
	EVP_PKEY *key = NULL;
	uint8_t copy[REALITY_MLDSA_PUBLIC_BYTES];
	OSSL_PARAM parameters[] = {OSSL_PARAM_construct_octet_string(parameter, copy, length),
		OSSL_PARAM_construct_end()};

	memcpy(copy, bytes, length);
	if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
		EVP_PKEY_fromdata(context, &key, selection, parameters) != 1)
		key = NULL;
	crypto_wipe(copy, sizeof(copy));
	EVP_PKEY_CTX_free(context);
	return key;
}

EVP_PKEY *reality_mldsa_from_seed(const uint8_t seed[REALITY_MLDSA_SEED_BYTES])
{
	return mldsa_key("seed", seed, REALITY_MLDSA_SEED_BYTES, EVP_PKEY_KEYPAIR);
}

EVP_PKEY *reality_mldsa_from_public(const uint8_t *key, size_t length)
{
	return length == REALITY_MLDSA_PUBLIC_BYTES
		       ? mldsa_key(OSSL_PKEY_PARAM_PUB_KEY, key, length, EVP_PKEY_PUBLIC_KEY)
		       : NULL;
}

static bool mldsa_sign(EVP_PKEY *key, const uint8_t digest[REALITY_DIGEST_BYTES], uint8_t *out)
{
	int one = 1;
	OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_int("deterministic", &one), OSSL_PARAM_construct_end()};
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t length = REALITY_MLDSA_SIGNATURE_BYTES;
	bool ok = context != NULL &&
		  EVP_DigestSignInit_ex(context, NULL, NULL, NULL, NULL, key, parameters) == 1 &&
		  EVP_DigestSign(context, out, &length, digest, REALITY_DIGEST_BYTES) == 1 &&
		  length == REALITY_MLDSA_SIGNATURE_BYTES;

	EVP_MD_CTX_free(context);
	return ok;
}

static bool mldsa_verify(
	EVP_PKEY *key, const uint8_t digest[REALITY_DIGEST_BYTES], struct cursor signature)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool ok = context != NULL &&
		  EVP_DigestVerifyInit_ex(context, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
		  EVP_DigestVerify(context, signature.p, cursor_left(&signature), digest,
			  REALITY_DIGEST_BYTES) == 1;

	EVP_MD_CTX_free(context);
	return ok;
}

bool reality_certificate_sign(const struct reality_proof *proof,
	const uint8_t public_key[REALITY_PUBLIC_BYTES], EVP_PKEY *mldsa, uint8_t *certificate)
{
	size_t length = mldsa != NULL ? REALITY_CERTIFICATE_MLDSA_BYTES : REALITY_CERTIFICATE_BYTES;
	uint8_t digest[REALITY_DIGEST_BYTES];

	if (!mac_certificate(proof, public_key, certificate + length - REALITY_DIGEST_BYTES))
		return false;
	return mldsa == NULL || (mac_hellos(proof, public_key, digest) &&
					mldsa_sign(mldsa, digest, certificate + MLDSA_AT));
}

// Whether ML-DSA-65 signed this connection's hellos.
static bool is_signed_by(const struct reality_proof *proof, const uint8_t *public_key,
	struct cursor signature, EVP_PKEY *mldsa)
{
	uint8_t digest[REALITY_DIGEST_BYTES];

	return mac_hellos(proof, public_key, digest) && mldsa_verify(mldsa, digest, signature);
}

static bool is_mac_right(const struct reality_proof *proof, const uint8_t *public_key,
	const uint8_t signature[REALITY_DIGEST_BYTES])
{
	uint8_t expected[REALITY_DIGEST_BYTES];

	return mac_certificate(proof, public_key, expected) &&
	       crypto_equal(signature, expected, REALITY_DIGEST_BYTES);
}

static bool skip_piece(struct cursor *c, const uint8_t *piece, size_t length)
{
	const uint8_t *p;

	return cursor_take_span(c, length, &p) && memcmp(p, piece, length) == 0;
}

// What a certificate in our bytes has of its own. mldsa is empty without the extension.
struct own_parts {
	const uint8_t *public_key, *signature;
	struct cursor mldsa;
};

static bool read_parts(struct cursor der, struct own_parts *out)
{
	bool with_mldsa = cursor_left(&der) == REALITY_CERTIFICATE_MLDSA_BYTES;
	const uint8_t *mldsa = NULL;

	if (!(with_mldsa ? skip_piece(&der, head_mldsa, sizeof(head_mldsa))
			 : skip_piece(&der, head, sizeof(head))) ||
		!skip_piece(&der, body, sizeof(body)) ||
		!cursor_take_span(&der, REALITY_PUBLIC_BYTES, &out->public_key) ||
		(with_mldsa &&
			(!skip_piece(&der, extension, sizeof(extension)) ||
				!cursor_take_span(&der, REALITY_MLDSA_SIGNATURE_BYTES, &mldsa))) ||
		!skip_piece(&der, tail, sizeof(tail)) ||
		!cursor_take_span(&der, REALITY_DIGEST_BYTES, &out->signature))
		return false;
	out->mldsa =
		with_mldsa ? cursor_over(mldsa, REALITY_MLDSA_SIGNATURE_BYTES) : (struct cursor){0};
	return cursor_left(&der) == 0;
}

bool reality_certificate_recognise(const struct reality_proof *proof, struct cursor der,
	EVP_PKEY *mldsa, uint8_t public_key[REALITY_PUBLIC_BYTES])
{
	struct own_parts own;

	if (!read_parts(der, &own) || !is_mac_right(proof, own.public_key, own.signature) ||
		(mldsa != NULL && !is_signed_by(proof, own.public_key, own.mldsa, mldsa)))
		return false;
	memcpy(public_key, own.public_key, REALITY_PUBLIC_BYTES);
	return true;
}

// What the first extension holds.
static struct cursor first_value(X509 *leaf)
{
	X509_EXTENSION *first = X509_get_ext(leaf, 0);
	ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(first);

	return value == NULL ? (struct cursor){0}
			     : cursor_over(ASN1_STRING_get0_data(value),
				       (size_t)ASN1_STRING_length(value));
}

bool reality_certificate_verify(const struct reality_proof *proof, X509 *leaf, EVP_PKEY *mldsa)
{
	EVP_PKEY *key = X509_get0_pubkey(leaf);
	uint8_t public_key[REALITY_PUBLIC_BYTES];
	size_t length = sizeof(public_key);
	const ASN1_BIT_STRING *signature;

	if (key == NULL || EVP_PKEY_is_a(key, "ED25519") != 1 ||
		EVP_PKEY_get_raw_public_key(key, public_key, &length) != 1)
		return false;
	X509_get0_signature(&signature, NULL, leaf);
	return ASN1_STRING_length(signature) == REALITY_DIGEST_BYTES &&
	       is_mac_right(proof, public_key, ASN1_STRING_get0_data(signature)) &&
	       (mldsa == NULL || is_signed_by(proof, public_key, first_value(leaf), mldsa));
}
