// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// HKDF-Expand-Label (RFC 8446 7.1) for outputs of at most one hash: keys, initialisation vectors
// and the next traffic secret. Over ipsec-mb's hashes rather than libcrypto's HMAC, which
// allocates: a key update runs on the worker. Worker thread.

#include "crypto/manager.h"

enum hash {
	HASH_SHA_256 = 0,
	HASH_SHA_384,
};

enum {
	HASH_BYTES_MAX = 48,
};

// 32 or 48.
uint32_t hash_bytes(enum hash hash);

// HMAC (RFC 2104) with a key of at most one block over at most HMAC_MESSAGE_MAX bytes; out has
// hash_bytes(hash).
enum {
	HMAC_MESSAGE_MAX = 128,
};
void hmac(struct crypto_manager *m, enum hash hash, const uint8_t *key, uint32_t key_length,
	const uint8_t *message, uint32_t length, uint8_t *out);

// secret has hash_bytes(hash); label without "tls13 ", at most 32 characters; the context is empty;
// length at most hash_bytes(hash). secret and out may be the same.
void hkdf_expand_label(struct crypto_manager *m, enum hash hash, const uint8_t *secret,
	const char *label, uint8_t *out, uint32_t length);
