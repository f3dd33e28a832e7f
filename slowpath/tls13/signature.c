// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/signature.h"

#include <openssl/rsa.h>

struct scheme {
	uint16_t number;
	const char *type;   // of the key
	const char *curve;  // of an EC key
	const char *digest; // NULL: the scheme's own
	bool pss;
};

static const struct scheme schemes[] = {
	{SCHEME_ECDSA_P256, "EC", "prime256v1", "SHA2-256", false},
	{SCHEME_ECDSA_P384, "EC", "secp384r1", "SHA2-384", false},
	{SCHEME_ECDSA_P521, "EC", "secp521r1", "SHA2-512", false},
	{SCHEME_PSS_SHA256, "RSA", NULL, "SHA2-256", true},
	{SCHEME_PSS_SHA384, "RSA", NULL, "SHA2-384", true},
	{SCHEME_PSS_SHA512, "RSA", NULL, "SHA2-512", true},
	{SCHEME_ED25519, "ED25519", NULL, NULL, false},
};

static const struct scheme *find(uint16_t number)
{
	for (size_t i = 0; i < nx_array_size(schemes); i++) {
		if (schemes[i].number == number)
			return &schemes[i];
	}
	return NULL;
}

bool scheme_is_known(uint16_t scheme)
{
	return find(scheme) != NULL;
}

bool scheme_fits(uint16_t scheme, EVP_PKEY *key)
{
	const struct scheme *s = find(scheme);
	char curve[32];
	size_t length;

	if (s == NULL || EVP_PKEY_is_a(key, s->type) != 1)
		return false;
	if (s->pss) {
		// Salt and digest of one hash each, and two bytes (RFC 8017 9.1.1).
		int hash = scheme == SCHEME_PSS_SHA512 ? 64 : scheme == SCHEME_PSS_SHA384 ? 48 : 32;

		return EVP_PKEY_get_size(key) >= 2 * hash + 2;
	}
	return s->curve == NULL ||
	       (EVP_PKEY_get_group_name(key, curve, sizeof(curve), &length) == 1 &&
		       strcmp(curve, s->curve) == 0);
}

enum {
	PAD_BYTES = 64,
	CONTEXT_BYTES = 33,
	CONTENT_BYTES_MAX = PAD_BYTES + CONTEXT_BYTES + 1 + SECRET_BYTES_MAX,
};

// What is signed: spaces, a context, a zero, the transcript's hash.
static size_t content(bool is_server, const uint8_t *transcript, size_t length, uint8_t *out)
{
	memset(out, ' ', PAD_BYTES);
	// The terminating zero is the separator.
	memcpy(out + PAD_BYTES,
		is_server ? "TLS 1.3, server CertificateVerify"
			  : "TLS 1.3, client CertificateVerify",
		CONTEXT_BYTES + 1);
	memcpy(out + PAD_BYTES + CONTEXT_BYTES + 1, transcript, length);
	return PAD_BYTES + CONTEXT_BYTES + 1 + length;
}

// Salts are as long as the digest (RFC 8446 4.2.3).
static bool set_padding(const struct scheme *s, EVP_PKEY_CTX *context)
{
	return !s->pss ||
	       (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1);
}

static enum tls13_verdict ed25519_make(
	EVP_PKEY *key, const uint8_t *message, size_t length, struct writer *w)
{
	uint8_t signature[ED25519_SIGNATURE_BYTES];
	struct ed25519_key raw;
	size_t seed = sizeof(raw.seed), public_key = sizeof(raw.public_key);
	enum tls13_verdict v = TLS13_LIBRARY;

	if (EVP_PKEY_get_raw_private_key(key, raw.seed, &seed) == 1 &&
		EVP_PKEY_get_raw_public_key(key, raw.public_key, &public_key) == 1) {
		ed25519_sign(&raw, message, length, signature);
		writer_u16(w, sizeof(signature));
		writer_bytes(w, signature, sizeof(signature));
		v = TLS13_OK;
	}
	crypto_wipe(&raw, sizeof(raw));
	return v;
}

static enum tls13_verdict ed25519_judge(const uint8_t key[ED25519_PUBLIC_BYTES],
	const uint8_t *message, size_t length, struct cursor signature)
{
	return cursor_left(&signature) == ED25519_SIGNATURE_BYTES &&
			       ed25519_verify(key, message, length, signature.p)
		       ? TLS13_OK
		       : TLS13_SIGNATURE_BAD;
}

enum tls13_verdict signature_make(uint16_t scheme, EVP_PKEY *key, bool is_server,
	const uint8_t *transcript, size_t length, struct writer *w)
{
	const struct scheme *s = find(scheme);
	uint8_t signed_bytes[CONTENT_BYTES_MAX], signature[SIGNATURE_BYTES_MAX];
	size_t n = content(is_server, transcript, length, signed_bytes), made = sizeof(signature);
	EVP_MD_CTX *digest;
	EVP_PKEY_CTX *context;
	enum tls13_verdict v = TLS13_LIBRARY;

	if (scheme == SCHEME_ED25519)
		return ed25519_make(key, signed_bytes, n, w);
	digest = EVP_MD_CTX_new();
	if (digest != NULL && EVP_PKEY_get_size(key) <= (int)sizeof(signature) &&
		EVP_DigestSignInit_ex(digest, &context, s->digest, NULL, NULL, key, NULL) == 1 &&
		set_padding(s, context) &&
		EVP_DigestSign(digest, signature, &made, signed_bytes, n) == 1) {
		writer_u16(w, (uint16_t)made);
		writer_bytes(w, signature, made);
		v = TLS13_OK;
	}
	EVP_MD_CTX_free(digest);
	return v;
}

enum tls13_verdict signature_verify_message(uint16_t scheme, EVP_PKEY *key, const uint8_t *message,
	size_t length, struct cursor signature)
{
	const struct scheme *s = find(scheme);
	uint8_t raw[ED25519_PUBLIC_BYTES];
	size_t n = sizeof(raw);
	EVP_MD_CTX *digest;
	EVP_PKEY_CTX *context;
	enum tls13_verdict v = TLS13_LIBRARY;

	if (scheme == SCHEME_ED25519)
		return EVP_PKEY_get_raw_public_key(key, raw, &n) == 1
			       ? ed25519_judge(raw, message, length, signature)
			       : TLS13_LIBRARY;
	digest = EVP_MD_CTX_new();
	if (digest != NULL &&
		EVP_DigestVerifyInit_ex(digest, &context, s->digest, NULL, NULL, key, NULL) == 1 &&
		set_padding(s, context))
		v = EVP_DigestVerify(
			    digest, signature.p, cursor_left(&signature), message, length) == 1
			    ? TLS13_OK
			    : TLS13_SIGNATURE_BAD;
	EVP_MD_CTX_free(digest);
	return v;
}

enum tls13_verdict signature_verify(uint16_t scheme, EVP_PKEY *key, bool is_server,
	const uint8_t *transcript, size_t length, struct cursor signature)
{
	uint8_t signed_bytes[CONTENT_BYTES_MAX];
	size_t n = content(is_server, transcript, length, signed_bytes);

	return signature_verify_message(scheme, key, signed_bytes, n, signature);
}

enum tls13_verdict signature_verify_ed25519(const uint8_t key[ED25519_PUBLIC_BYTES], bool is_server,
	const uint8_t *transcript, size_t length, struct cursor signature)
{
	uint8_t signed_bytes[CONTENT_BYTES_MAX];
	size_t n = content(is_server, transcript, length, signed_bytes);

	return ed25519_judge(key, signed_bytes, n, signature);
}
