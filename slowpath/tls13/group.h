// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Key exchange (RFC 8446 4.2.8): X25519, P-256, P-384, P-521, and X25519MLKEM768, in which the
// ML-KEM part comes first in every share and in the secret.

#include "tls13/crypto.h"
#include "tls13/curve25519.h"

enum {
	GROUP_P256 = 0x0017,
	GROUP_P384 = 0x0018,
	GROUP_P521 = 0x0019,
	GROUP_X25519 = 0x001d,
	GROUP_X25519MLKEM768 = 0x11ec,
	GROUP_SECRET_BYTES_MAX = 66,
};

// Where random bytes come from; fill NULL: libcrypto. Tests give traces their bytes with it.
struct randomness {
	bool (*fill)(void *user, uint8_t *out, size_t length);
	void *user;
};
[[nodiscard]] bool randomness_fill(const struct randomness *r, uint8_t *out, size_t length);

bool group_is_known(uint16_t group);

// One own key of a hello.
struct group_key {
	uint16_t group;
	// Of X25519, alone and in the hybrid.
	uint8_t x25519[X25519_BYTES];
	uint8_t x25519_public[X25519_BYTES];
	EVP_PKEY *ecdh;      // of the other curves
	struct kem_key *kem; // of the hybrid
};

struct group_secret {
	uint8_t bytes[GROUP_SECRET_BYTES_MAX];
	size_t length;
};

// A fresh key, or with `same` set its X25519 key again (Firefox uses one in both of its shares).
[[nodiscard]] enum tls13_verdict group_key_make(const struct randomness *r, uint16_t group,
	const struct group_key *same, struct group_key *out);
void group_key_clear(struct group_key *key); // wipes
// Writes a client's share.
void group_key_write(const struct group_key *key, struct writer *w);
// The client's end: the server's share to the secret.
[[nodiscard]] enum tls13_verdict group_finish(
	const struct group_key *key, struct cursor share, struct group_secret *out);
// The server's end: a client's share to the server's, which it writes, and the secret.
[[nodiscard]] enum tls13_verdict group_answer(const struct randomness *r, uint16_t group,
	struct cursor share, struct writer *w, struct group_secret *out);
