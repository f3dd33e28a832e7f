// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// X25519 (RFC 7748) and Ed25519 (RFC 8032) by libsodium, which chooses its code by the CPU once it
// is readied. No branch and no address depends on a secret, but for whether an agreement's is zero.
// Any thread.

#include "core/base.h"

enum {
	X25519_BYTES = 32,
	ED25519_PUBLIC_BYTES = 32,
	ED25519_SIGNATURE_BYTES = 64,
};

// Once in a process, before all else; again does nothing. False when libsodium cannot run here.
[[nodiscard]] bool curve25519_begin(void);

// Any 32 bytes are a private key.
void x25519_public(const uint8_t private_key[X25519_BYTES], uint8_t out[X25519_BYTES]);
// False for a peer's key of small order, whose secret is zero (RFC 7748 6.1, RFC 8446 7.4.2); out
// is undefined then.
[[nodiscard]] bool x25519_agree(const uint8_t private_key[X25519_BYTES],
	const uint8_t peer[X25519_BYTES], uint8_t out[X25519_BYTES]);

// A private key as RFC 8032 5.1.5 has it, and its public key.
struct ed25519_key {
	uint8_t seed[32];
	uint8_t public_key[ED25519_PUBLIC_BYTES];
};

// Fills in the public key of a seed.
void ed25519_key_complete(struct ed25519_key *key);
void ed25519_sign(const struct ed25519_key *key, const uint8_t *message, size_t length,
	uint8_t out[ED25519_SIGNATURE_BYTES]);
[[nodiscard]] bool ed25519_verify(const uint8_t public_key[ED25519_PUBLIC_BYTES],
	const uint8_t *message, size_t length, const uint8_t signature[ED25519_SIGNATURE_BYTES]);
