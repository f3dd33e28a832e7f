// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// TLS records after the handshake, sans-IO: TLS 1.3 (RFC 8446 5) and the AEAD suites of TLS 1.2
// (RFC 5246, 5288, 7905). Chains of bytes as TCP gave them go in, chains of application data come
// out of the same memory, and back; long ones of ChaCha20-Poly1305 in a copy, where the source has
// buffers to spare. Worker thread; nothing allocates but buffers.
//
// In: tls_push what TCP received, then tls_next until it wants more. Out: tls_seal what is to be
// sent. A KeyUpdate, asked for by the peer or due by use, leaves before the data of the next
// tls_seal; tls_seal_due says that one should be called with no data.
//
// The bytes of every buffer's span must be nobody else's to read: records are opened and sealed in
// place. What lies before and behind a span is written only where buffer_is_exclusive.

#include "crypto/hkdf.h"
#include "crypto/key_cache.h"
#include "tls/queue.h"
#include "tls/verdict.h"

enum {
	TLS_VERSION_1_2 = 0x0303,
	TLS_VERSION_1_3 = 0x0304,
	TLS_PLAINTEXT_MAX = 16384,
};

// What one worker's connections share. Outlives them.
struct tls_context {
	struct crypto_manager *crypto;
	struct key_cache *keys;
	struct buffer_source *buffers;
	// 16-byte blocks that one key may protect before it is updated; 0: 2^34, under the 2^24.5
	// full records of RFC 8446 5.5 for AES-GCM. ChaCha20-Poly1305 has no such limit.
	uint64_t key_blocks;
};

// One direction's keys, as the handshake hands them over.
struct tls_secret {
	// TLS 1.3: the traffic secret, 32 or 48 bytes by the suite's hash. TLS 1.2: the write key.
	uint8_t secret[HASH_BYTES_MAX];
	uint8_t iv[AEAD_NONCE_BYTES]; // TLS 1.2: the first 4 (GCM) or all (ChaCha20-Poly1305)
	uint64_t sequence;            // of the next record
};

// Invariant: raw, iv and number belong to secret's current generation; sequence is the next one's.
struct tls_key {
	uint64_t sequence;
	uint64_t number; // in the key cache
	uint64_t blocks; // protected with this key
	uint8_t secret[HASH_BYTES_MAX];
	uint8_t raw[AEAD_KEY_BYTES_MAX];
	uint8_t iv[AEAD_NONCE_BYTES];
	uint8_t aead; // enum aead
	uint8_t hash; // enum hash
	bool is_tls13;
	bool explicit_nonce; // 8 bytes of it in each record: TLS 1.2 with GCM
};

struct tls_input {
	struct tls_key key;
	struct tls_queue pending; // at most one record that is not whole, after tls_next
	struct buffer *large;     // long records are copied behind each other there, NULL: none
	uint32_t opened;          // records, whatever was in them, modulo 2^32
	uint32_t message_left;    // bytes to come of the handshake message under way
	uint8_t message[4];       // its header so far
	uint8_t message_have;
	uint8_t verdict; // TLS_WANT_MORE, or what every later tls_next answers
	uint8_t alert;   // the peer's
	uint8_t without_data;
	bool gathering;    // pending.tail is ours, for small pieces
	bool update_asked; // of the peer, for this key of theirs
};

struct tls_output {
	struct tls_key key;
	uint64_t run_bytes; // sealed since the last pause: sizes records
	usec_t last;
	uint8_t closed;
	bool update_due;
	bool update_request; // the one due asks for the peer's
	// Long records may end where a buffer does, up to an eighth before their most, which spares
	// dividing it: their lengths then tell how the bytes came. The owner's to set.
	bool ends_with_buffers;
};

// Lives in secret memory (crypto/secret.h), one a connection.
struct tls_records {
	struct tls_input in;
	struct tls_output out;
	bool is_client;
};
static_assert(sizeof(struct tls_input) <= 256);
static_assert(sizeof(struct tls_output) <= 256);

// Whether the record layer has this suite for this version.
bool tls_suite_is_known(uint16_t version, uint16_t suite);

// Begins with keys for both ways. -ENOTSUP for a version or suite that it does not have; *t
// untouched. Borrows in and out: the caller wipes them.
[[nodiscard]] int tls_records_init(struct tls_context *context, bool is_client, uint16_t version,
	uint16_t suite, const struct tls_secret *in, const struct tls_secret *out,
	struct tls_records *t);
// Gives back what is held and wipes *t.
void tls_records_fini(struct tls_context *context, struct tls_records *t);

// Takes bytes that follow those before. After a fatal verdict or close_notify they are dropped.
// Small pieces are copied together, so that a record that comes byte by byte holds few buffers.
void tls_push(struct tls_context *context, struct tls_records *t, struct buffer *chain);

// Opens the next record that has something for the caller.
//   TLS_DATA     *out is application data, at least one byte, the caller's.
//   TLS_MESSAGE  *out is the content of a handshake record (session tickets, for a client).
//   TLS_WANT_MORE, TLS_NO_BUFFER  nothing now; push more, or call again later.
//   TLS_CLOSED   close_notify: this way is over, the other is not (RFC 8446 6.1).
//   fatal        the connection is over; tls_verdict_alert says what to tell the peer.
// *out is set for the first two only. TLS_CLOSED and fatal verdicts stay.
enum tls_verdict tls_next(struct tls_context *context, struct tls_records *t, struct buffer **out);

// TCP's stream ended: TLS_CLOSED after close_notify, else TLS_TRUNCATED (or the fatal verdict that
// stands). Call when tls_next wants more.
enum tls_verdict tls_input_end(struct tls_context *context, struct tls_records *t);

// The description of the alert behind TLS_PEER_ALERT.
static inline uint8_t tls_peer_alert(const struct tls_records *t)
{
	return t->in.alert;
}

// Seals *data (NULL for none), in place, into records that follow those before; the records come in
// *out, NULL when there are none, and the caller's. segment: payload bytes of one TCP segment; the
// first records after a pause fit one, later ones grow. TLS_SEALED: *data is NULL. TLS_NO_BUFFER:
// *out has what was sealed and *data the rest. TLS_WRITE_CLOSED, TLS_KEY_SPENT (TLS 1.2 only): as
// before for what is sealed, *data is the caller's.
enum tls_verdict tls_seal(struct tls_context *context, struct tls_records *t, uint32_t segment,
	usec_t now, struct buffer **data, struct buffer **out);

// Whether a KeyUpdate waits for tls_seal.
static inline bool tls_seal_due(const struct tls_records *t)
{
	return t->out.update_due && !t->out.closed;
}

// Has the next tls_seal begin with a KeyUpdate; request asks the peer for one too. TLS 1.3 only:
// false for 1.2.
bool tls_update_key(struct tls_records *t, bool request);

// close_notify: nothing is sealed after it; opening goes on. *out as of tls_seal. TLS_SEALED,
// TLS_NO_BUFFER, TLS_WRITE_CLOSED.
enum tls_verdict tls_close(struct tls_context *context, struct tls_records *t, struct buffer **out);
// A fatal alert: nothing is sealed after it.
enum tls_verdict tls_send_alert(struct tls_context *context, struct tls_records *t,
	enum tls_alert description, struct buffer **out);
