// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// How a REALITY server proves itself: a temporary Ed25519 certificate whose signature is an HMAC
// under the hello's key, and optionally an ML-DSA-65 signature over the two hellos in its only
// extension.

#include <openssl/x509.h>

#include "reality/seal.h"

enum {
	REALITY_PUBLIC_BYTES = 32,
	REALITY_CERTIFICATE_BYTES = 178,
	REALITY_CERTIFICATE_MLDSA_BYTES = 3509,
	REALITY_MLDSA_SEED_BYTES = 32,
	REALITY_MLDSA_PUBLIC_BYTES = 1952,
	REALITY_MLDSA_SIGNATURE_BYTES = 3309,
	REALITY_DIGEST_BYTES = 64,
};

// What the proof of one connection is made of.
struct reality_proof {
	const struct tls13_library *library;
	const uint8_t *key; // of the hello
	struct cursor client_hello, server_hello;
};

// The certificate for an Ed25519 key, with zeros for its signatures; returns its length. out has
// room for REALITY_CERTIFICATE_MLDSA_BYTES with the extension, REALITY_CERTIFICATE_BYTES without.
size_t reality_certificate_write(
	const uint8_t public_key[REALITY_PUBLIC_BYTES], bool with_mldsa, uint8_t *out);
// Puts the signatures of one connection in place. mldsa NULL: a certificate without the extension.
// False when libcrypto fails.
[[nodiscard]] bool reality_certificate_sign(const struct reality_proof *proof,
	const uint8_t public_key[REALITY_PUBLIC_BYTES], EVP_PKEY *mldsa, uint8_t *certificate);
// Whether a server's leaf is the temporary certificate of this connection, in the bytes that are
// written here; its key then. mldsa: the key that must have signed too; NULL: none.
[[nodiscard]] bool reality_certificate_recognise(const struct reality_proof *proof,
	struct cursor der, EVP_PKEY *mldsa, uint8_t public_key[REALITY_PUBLIC_BYTES]);
// The same in whatever bytes, as X.509 reads them.
[[nodiscard]] bool reality_certificate_verify(
	const struct reality_proof *proof, X509 *leaf, EVP_PKEY *mldsa);

// ML-DSA-65 keys; NULL where libcrypto has none (before 3.5) or on a failure.
bool reality_mldsa_is_there(void);
EVP_PKEY *reality_mldsa_from_seed(const uint8_t seed[REALITY_MLDSA_SEED_BYTES]);
EVP_PKEY *reality_mldsa_from_public(const uint8_t *key, size_t length);
