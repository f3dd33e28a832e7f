// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Signature schemes (RFC 8446 4.2.3) and what CertificateVerify signs (4.4.3).

#include "tls13/crypto.h"
#include "tls13/curve25519.h"

enum {
	SCHEME_ECDSA_P256 = 0x0403,
	SCHEME_ECDSA_P384 = 0x0503,
	SCHEME_ECDSA_P521 = 0x0603,
	SCHEME_PSS_SHA256 = 0x0804,
	SCHEME_PSS_SHA384 = 0x0805,
	SCHEME_PSS_SHA512 = 0x0806,
	SCHEME_ED25519 = 0x0807,
	SIGNATURE_BYTES_MAX = 1024, // RSA with 8192 bits
};

// Whether the engine can make and verify this one in CertificateVerify.
bool scheme_is_known(uint16_t scheme);
// Whether a key is of the scheme's type, curve and size.
bool scheme_fits(uint16_t scheme, EVP_PKEY *key);

// transcript: the hash up to Certificate. is_server: whose CertificateVerify it is.
[[nodiscard]] enum tls13_verdict signature_make(uint16_t scheme, EVP_PKEY *key, bool is_server,
	const uint8_t *transcript, size_t length, struct writer *w);
[[nodiscard]] enum tls13_verdict signature_verify(uint16_t scheme, EVP_PKEY *key, bool is_server,
	const uint8_t *transcript, size_t length, struct cursor signature);
// The same by SCHEME_ED25519 and the bytes of a key.
[[nodiscard]] enum tls13_verdict signature_verify_ed25519(const uint8_t key[ED25519_PUBLIC_BYTES],
	bool is_server, const uint8_t *transcript, size_t length, struct cursor signature);
// The same of any message.
[[nodiscard]] enum tls13_verdict signature_verify_message(uint16_t scheme, EVP_PKEY *key,
	const uint8_t *message, size_t length, struct cursor signature);
