// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Authenticated encryption (RFC 5116), in place but for aead_seal_chain_to: AES-GCM (NIST SP
// 800-38D) and ChaCha20-Poly1305 (RFC 8439), 12-byte nonces and 16-byte tags. Additional data of
// any length, payload of any length from 0 up. Worker thread, the manager's own.

#include "core/buffer.h"
#include "crypto/manager.h"

enum aead {
	AEAD_AES_128_GCM = 0,
	AEAD_AES_256_GCM,
	AEAD_CHACHA20_POLY1305,
	AEAD_COUNT,
};

enum {
	AEAD_NONCE_BYTES = 12,
	AEAD_TAG_BYTES = 16,
	AEAD_KEY_BYTES_MAX = 32,
	AEAD_EXPANDED_BYTES = 1280, // what ipsec-mb 2.0 asks for; 1.3 needs 1,024
	AEAD_EXPANDED_USED = 1024,  // round keys and powers of the hash key
};

// An expanded key. Opaque; keep it in secret memory (crypto/secret.h, crypto/key_cache.h).
struct aead_key {
	uint8_t opaque[AEAD_EXPANDED_BYTES];
} nx_aligned_line;

// Bytes of a raw key: 16 or 32.
uint32_t aead_key_bytes(enum aead aead);
const char *aead_name(enum aead aead);

// Expands aead_key_bytes(aead) of raw key.
void aead_key_expand(
	struct crypto_manager *m, enum aead aead, const uint8_t *raw, struct aead_key *out);

// What both ways of every call have in common. The bytes are borrowed for the call.
struct aead_input {
	const struct aead_key *key;
	const uint8_t *nonce; // AEAD_NONCE_BYTES, never twice with one key
	const uint8_t *additional;
	uint32_t additional_length;
	// Whose headers are fetched meanwhile: the chain that comes next, for those that walk one.
	// NULL where none is known.
	const struct buffer *ahead;
};

// One contiguous buffer. Encrypts length bytes of data where they are and writes the tag.
void aead_seal(struct crypto_manager *m, const struct aead_input *in, uint8_t *data,
	uint32_t length, uint8_t tag[AEAD_TAG_BYTES]);
// Decrypts them where they are when the tag is theirs. Else false, and data is all zero.
[[nodiscard]] bool aead_open(struct crypto_manager *m, const struct aead_input *in, uint8_t *data,
	uint32_t length, const uint8_t tag[AEAD_TAG_BYTES]);

// The same over [from, from + length) of a chain, which must have as many bytes; cut anywhere,
// empty buffers included. tag lies outside of that span and may lie in the chain.
void aead_seal_chain(struct crypto_manager *m, const struct aead_input *in, struct buffer *chain,
	uint32_t from, uint32_t length, uint8_t tag[AEAD_TAG_BYTES]);
[[nodiscard]] bool aead_open_chain(struct crypto_manager *m, const struct aead_input *in,
	struct buffer *chain, uint32_t from, uint32_t length, const uint8_t tag[AEAD_TAG_BYTES]);
// Seals the first length bytes of a chain into out, and behind them the last ones that lie in out
// already. The chain keeps its bytes.
void aead_seal_chain_to(struct crypto_manager *m, const struct aead_input *in, struct buffer *chain,
	uint32_t length, uint8_t *out, uint32_t last, uint8_t tag[AEAD_TAG_BYTES]);

// Many contiguous buffers, each with its own key and nonce.
struct aead_job {
	struct aead_input in;
	uint8_t *data;
	uint8_t *tag; // written by sealing, read by opening
	uint32_t length;
	bool verified; // out, of opening
};
void aead_seal_batch(struct crypto_manager *m, struct aead_job *jobs, uint32_t count);
// Returns how many were verified; the others' data is zero.
uint32_t aead_open_batch(struct crypto_manager *m, struct aead_job *jobs, uint32_t count);
