// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The seal in a hello's session id: the key that both ends derive from the server's static X25519
// key and the client's ephemeral one, and the 16 bytes under it that say who the client is.

#include "tls13/crypto.h"
#include "tls13/curve25519.h"

enum {
	REALITY_KEY_BYTES = 32,
	REALITY_SHORT_ID_BYTES = 8,
	// Of a hello with its 4 bytes of header and a session id of 32 bytes.
	REALITY_RANDOM_AT = 6,
	REALITY_SESSION_ID_AT = 39,
	REALITY_SESSION_ID_BYTES = 32,
	REALITY_HELLO_BYTES_MIN = REALITY_SESSION_ID_AT + REALITY_SESSION_ID_BYTES,
};

// What is sealed.
struct reality_tag {
	uint32_t version; // x.y.z as 0xxyyzz
	uint32_t time_s;  // Unix time
	uint8_t short_id[REALITY_SHORT_ID_BYTES];
};

// The key of one hello, the same at both ends. own: an X25519 private key; random: the hello's.
// False for a peer that is no key or when libcrypto fails. The caller wipes out.
[[nodiscard]] bool reality_key_derive(const struct tls13_library *library,
	const uint8_t own[X25519_BYTES], const uint8_t peer[X25519_BYTES],
	const uint8_t random[RANDOM_BYTES], uint8_t out[REALITY_KEY_BYTES]);

// Writes the sealed tag into the session id of a hello that is otherwise finished, of at least
// REALITY_HELLO_BYTES_MIN bytes. False when libcrypto fails.
[[nodiscard]] bool reality_seal(const struct tls13_library *library,
	const uint8_t key[REALITY_KEY_BYTES], const struct reality_tag *tag, uint8_t *hello,
	size_t length);
// Opens it. False for a seal that is none under this key; *out untouched.
[[nodiscard]] bool reality_open(const struct tls13_library *library,
	const uint8_t key[REALITY_KEY_BYTES], const uint8_t *hello, size_t length,
	struct reality_tag *out);
