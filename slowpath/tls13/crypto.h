// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the engine takes from libcrypto: algorithms fetched once for a process, hashes, HMAC and
// HKDF (RFC 5869, RFC 8446 7.1) over one reusable context, and secrets' helpers.

#include <openssl/evp.h>

#include "tls13/wire.h"

// Algorithms by number. Made once; any number of threads may read it.
struct tls13_library {
	EVP_MD *sha256;
	EVP_MD *sha384;
	EVP_MD *sha512;
	EVP_CIPHER *aes_128_gcm;
	EVP_CIPHER *aes_256_gcm;
	EVP_CIPHER *chacha20_poly1305;
};

// Readies libsodium, too. -ENOTSUP when libcrypto lacks one; *out untouched.
[[nodiscard]] int tls13_library_create(struct tls13_library **out);
void tls13_library_destroy(struct tls13_library *library);

// A suite's parts; NULL for a number that is none of the three.
struct suite {
	uint16_t number;
	uint8_t hash_bytes;
	uint8_t key_bytes;
	uint64_t records_max; // one key's limit of use (RFC 8446 5.5)
};
const struct suite *suite_find(uint16_t number);
const EVP_MD *suite_md(const struct tls13_library *library, const struct suite *suite);
const EVP_CIPHER *suite_cipher(const struct tls13_library *library, const struct suite *suite);

// One hash function and a context to run it in. The calls below return false when libcrypto fails,
// which leaves their output undefined.
struct hasher {
	const EVP_MD *md;
	EVP_MD_CTX *context;
	uint32_t bytes;
};

[[nodiscard]] bool hasher_hash(
	const struct hasher *h, const uint8_t *data, size_t length, uint8_t *out);
[[nodiscard]] bool hasher_hmac(const struct hasher *h, const uint8_t *key, size_t key_length,
	const uint8_t *data, size_t length, uint8_t *out);
// The same of some pieces in a row.
[[nodiscard]] bool hasher_hmac_pieces(const struct hasher *h, const uint8_t *key, size_t key_length,
	const struct cursor *pieces, size_t count, uint8_t *out);
[[nodiscard]] bool hkdf_extract(const struct hasher *h, const uint8_t *salt, size_t salt_length,
	const uint8_t *input, size_t length, uint8_t *out);
// The head of HkdfLabel: output length and label, at most 249 characters; returns what is behind
// it.
uint8_t *hkdf_label_write(uint8_t *p, size_t length, const char *label);
// label without "tls13 ", at most 18 characters; context at most one hash. out and secret may be
// the same when length is at most one hash.
[[nodiscard]] bool hkdf_expand(const struct hasher *h, const uint8_t *secret, const char *label,
	const uint8_t *context, size_t context_length, uint8_t *out, size_t length);

// Equality in a time that depends on length alone.
bool crypto_equal(const uint8_t *a, const uint8_t *b, size_t length);
void crypto_wipe(void *secret, size_t length);
