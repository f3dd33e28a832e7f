// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/curve25519.h"

#include <sodium/core.h>
#include <sodium/crypto_scalarmult_curve25519.h>
#include <sodium/crypto_sign_ed25519.h>
#include <sodium/utils.h>

static_assert(X25519_BYTES == crypto_scalarmult_curve25519_BYTES &&
		      ED25519_PUBLIC_BYTES == crypto_sign_ed25519_PUBLICKEYBYTES &&
		      ED25519_SIGNATURE_BYTES == crypto_sign_ed25519_BYTES &&
		      sizeof(struct ed25519_key) == crypto_sign_ed25519_SECRETKEYBYTES,
	"keys are of libsodium's shapes");

bool curve25519_begin(void)
{
	return sodium_init() >= 0;
}

void x25519_public(const uint8_t private_key[X25519_BYTES], uint8_t out[X25519_BYTES])
{
	(void)crypto_scalarmult_curve25519_base(out, private_key);
}

bool x25519_agree(const uint8_t private_key[X25519_BYTES], const uint8_t peer[X25519_BYTES],
	uint8_t out[X25519_BYTES])
{
	return crypto_scalarmult_curve25519(out, private_key, peer) == 0;
}

void ed25519_key_complete(struct ed25519_key *key)
{
	struct ed25519_key whole;

	(void)crypto_sign_ed25519_seed_keypair(key->public_key, (uint8_t *)&whole, key->seed);
	sodium_memzero(&whole, sizeof(whole));
}

void ed25519_sign(const struct ed25519_key *key, const uint8_t *message, size_t length,
	uint8_t out[ED25519_SIGNATURE_BYTES])
{
	(void)crypto_sign_ed25519_detached(out, NULL, message, length, (const uint8_t *)key);
}

bool ed25519_verify(const uint8_t public_key[ED25519_PUBLIC_BYTES], const uint8_t *message,
	size_t length, const uint8_t signature[ED25519_SIGNATURE_BYTES])
{
	return crypto_sign_ed25519_verify_detached(signature, message, length, public_key) == 0;
}
