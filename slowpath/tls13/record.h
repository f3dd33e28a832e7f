// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Single TLS 1.3 records over libcrypto's AEADs (RFC 8446 5): what a handshake over TCP needs until
// a worker takes the keys. For drivers that choose boundaries and padding themselves; stream.h is
// the usual one.

#include "tls13/crypto.h"
#include "tls13/tls13.h"

enum {
	RECORD_CHANGE_CIPHER_SPEC = 20,
	RECORD_ALERT = 21,
	RECORD_HANDSHAKE = 22,
	RECORD_APPLICATION_DATA = 23,
};

enum {
	RECORD_HEADER_BYTES = 5,
	ALERT_BYTES = 2,
	RECORD_TAG_BYTES = 16,
	RECORD_PLAIN_MAX = 16384,
	RECORD_CIPHER_MAX = RECORD_PLAIN_MAX + 256,
};

// One direction's protection. Zeroed: none yet.
struct record_key {
	EVP_CIPHER_CTX *context;
	uint8_t iv[12];
	uint64_t sequence; // of the next record
};

// Key and vector of a traffic secret, from record 0 on. False when libcrypto fails.
[[nodiscard]] bool record_key_set(const struct tls13_library *library, bool seals,
	const struct tls13_secret *secret, struct record_key *key);
void record_key_clear(struct record_key *key);

// Appends a plain record of at most RECORD_PLAIN_MAX bytes.
void record_write_plain(
	struct writer *w, uint8_t type, uint16_t version, const uint8_t *content, size_t length);
// Appends a sealed record: content, its type and padding zeros, together at most
// RECORD_PLAIN_MAX + 1. False when libcrypto fails.
[[nodiscard]] bool record_seal(struct record_key *key, struct writer *w, uint8_t type,
	const uint8_t *content, size_t length, size_t padding);
// Opens one in place: header is its 5 bytes, body all that follows. On TLS13_OK the content is at
// body, of *length bytes, padding and type taken off.
[[nodiscard]] enum tls13_verdict record_open(struct record_key *key, const uint8_t *header,
	uint8_t *body, size_t *length, uint8_t *type);
