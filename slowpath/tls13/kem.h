// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// ML-KEM-768 by libcrypto where it has it (OpenSSL 3.5), by our own (tls13/mlkem.h) where not. Both
// make the same of the same random bytes, which are the caller's. Any thread.

#include "tls13/crypto.h"
#include "tls13/mlkem.h"

// Whether it is libcrypto's here.
bool kem_is_libcryptos(void);

// A key pair; one of library and own is there.
struct kem_key {
	EVP_PKEY *library;
	uint8_t *own;
	uint8_t public_key[MLKEM_ENCAPSULATION_KEY_BYTES];
};

// From its seed. NULL: out of memory.
struct kem_key *kem_key_make(const uint8_t seed[MLKEM_SEED_BYTES]);
void kem_key_free(struct kem_key *key); // wipes; NULL is allowed

// TLS13_SHARE_BAD for a key that is none; message is 32 random bytes.
[[nodiscard]] enum tls13_verdict kem_encapsulate(const uint8_t key[MLKEM_ENCAPSULATION_KEY_BYTES],
	const uint8_t message[MLKEM_MESSAGE_BYTES], uint8_t ciphertext[MLKEM_CIPHERTEXT_BYTES],
	uint8_t secret[MLKEM_SECRET_BYTES]);
// A forged ciphertext gives a secret that nobody knows.
[[nodiscard]] enum tls13_verdict kem_decapsulate(const struct kem_key *key,
	const uint8_t ciphertext[MLKEM_CIPHERTEXT_BYTES], uint8_t secret[MLKEM_SECRET_BYTES]);
