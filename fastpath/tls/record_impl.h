// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the files of the record layer share.

#include <stdalign.h>

#include "tls/record.h"

// Content types (RFC 8446 5.1).
enum {
	TYPE_CHANGE_CIPHER_SPEC = 20,
	TYPE_ALERT = 21,
	TYPE_HANDSHAKE = 22,
	TYPE_APPLICATION_DATA = 23,
};

enum {
	HEADER_BYTES = 5,
	EXPLICIT_NONCE_BYTES = 8,
	CIPHERTEXT_MAX = TLS_PLAINTEXT_MAX + 256, // RFC 8446 5.2; TLS 1.2 AEADs need 24
	ADDITIONAL_BYTES_MAX = 13,                // RFC 5246 6.2.3.3
	TLS_PAIR_BYTES = 16,                      // room for a nonce or additional data
	// Records in a row that carry no application data: a peer may not keep us busy with them.
	WITHOUT_DATA_MAX = 32,
};

// ChaCha20-Poly1305 begins anew in each buffer of a record, which costs more than to copy a long
// record together. A large buffer is worth its memory when most of it is going to be used.
enum {
	GATHER_CONTENT_LEAST = 4096,
	GATHER_SPAN_MOST = 2048, // on average
	GATHER_WORTH = 32768,    // bytes at hand
};

#define KEY_BLOCKS_DEFAULT (UINT64_C(1) << 34)

// The next generation of a TLS 1.3 traffic secret (RFC 8446 7.2).
void tls_key_update(struct tls_context *context, struct tls_key *key);
// Opened records keep what lies in it; no other will be copied there.
void tls_large_put(struct tls_context *context, struct tls_records *t);
// Nonce and additional data of the record with key->sequence. length: what is encrypted of it, the
// tag apart; header: the record's, whose type and version are used.
struct tls_aead {
	alignas(TLS_PAIR_BYTES) uint8_t nonce[TLS_PAIR_BYTES];
	alignas(TLS_PAIR_BYTES) uint8_t additional[TLS_PAIR_BYTES];
	struct aead_input input;
};
void tls_aead_prepare(struct tls_context *context, const struct tls_key *key,
	const uint8_t header[HEADER_BYTES], uint32_t length,
	const uint8_t explicit_nonce[EXPLICIT_NONCE_BYTES], struct tls_aead *out);
// Counts a record of so many bytes.
void tls_key_used(struct tls_key *key, uint32_t bytes);
bool tls_key_is_worn(const struct tls_context *context, const struct tls_key *key);

// Whether so many bytes in so many buffers are better copied together.
static inline bool tls_is_gathered(const struct tls_key *key, uint32_t bytes, uint32_t buffers)
{
	return key->aead == AEAD_CHACHA20_POLY1305 && bytes >= GATHER_CONTENT_LEAST &&
	       bytes <= buffers * GATHER_SPAN_MOST;
}

// Bytes of a record around its content's ciphertext.
static inline uint32_t tls_before(const struct tls_key *key)
{
	return HEADER_BYTES + (key->explicit_nonce ? EXPLICIT_NONCE_BYTES : 0);
}

// The content of an alert or handshake record that was opened: TLS_WANT_MORE to go on with the next
// record, TLS_MESSAGE when content is for the caller, or what ends the stream.
enum tls_verdict tls_alert_take(struct tls_records *t, const struct buffer *content);
enum tls_verdict tls_handshake_take(struct tls_context *context, struct tls_records *t,
	const struct buffer *content, uint32_t length);
