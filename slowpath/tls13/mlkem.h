// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// ML-KEM-768 (FIPS 203) for a libcrypto that has none, in a time that depends on no secret: no
// branch, address or division on one. Any thread; nothing allocates.

#include "core/base.h"

enum {
	MLKEM_SEED_BYTES = 64, // d and z
	MLKEM_ENCAPSULATION_KEY_BYTES = 1184,
	MLKEM_DECAPSULATION_KEY_BYTES = 2400,
	MLKEM_CIPHERTEXT_BYTES = 1088,
	MLKEM_SECRET_BYTES = 32,
	MLKEM_MESSAGE_BYTES = 32,
};

// ML-KEM.KeyGen_internal: a key pair from its seed.
void mlkem_keygen(const uint8_t seed[MLKEM_SEED_BYTES],
	uint8_t encapsulation_key[MLKEM_ENCAPSULATION_KEY_BYTES],
	uint8_t decapsulation_key[MLKEM_DECAPSULATION_KEY_BYTES]);
// ML-KEM.Encaps_internal: message is 32 random bytes. False, and nothing written, for a key whose
// numbers are not all below q (FIPS 203 7.2).
[[nodiscard]] bool mlkem_encapsulate(const uint8_t key[MLKEM_ENCAPSULATION_KEY_BYTES],
	const uint8_t message[MLKEM_MESSAGE_BYTES], uint8_t ciphertext[MLKEM_CIPHERTEXT_BYTES],
	uint8_t secret[MLKEM_SECRET_BYTES]);
// ML-KEM.Decaps_internal: a forged ciphertext gives a secret that nobody knows, not an error.
void mlkem_decapsulate(const uint8_t key[MLKEM_DECAPSULATION_KEY_BYTES],
	const uint8_t ciphertext[MLKEM_CIPHERTEXT_BYTES], uint8_t secret[MLKEM_SECRET_BYTES]);
// Whether a decapsulation key's hash is that of the encapsulation key inside (FIPS 203 7.3).
bool mlkem_key_is_whole(const uint8_t key[MLKEM_DECAPSULATION_KEY_BYTES]);
