// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Records of TLS 1.3 with AES-GCM after the handshake (RFC 8446 5): OpenSSL has shaken hands and
// given the traffic secrets, and sees no record any more, since it would allocate for each.

#include <intel-ipsec-mb.h>
#include <stdalign.h>

#include "nexwire/tls.h"

enum {
	SECRET_MOST = 48,
	NONCE = 12
};

struct record_half {
	alignas(64) struct gcm_key_data key;
	uint64_t sequence;
	uint8_t iv[NONCE];
	uint8_t secret[SECRET_MOST];
};

// Aligned as the key schedules want it.
struct records {
	struct record_half in;
	struct record_half out;
	IMB_MGR *vectors;     // the context's
	size_t secret_length; // 32: AES-128 with SHA-256, 48: AES-256 with SHA-384
	size_t plain_at; // from the input's first byte: what is decrypted there and not read yet
	size_t plain_length;
	size_t plain_record; // bytes of the input that go with it
	size_t message_left; // of a handshake message, behind its header
	uint8_t message[4];  // that header so far
	uint8_t message_have;
	uint8_t over; // enum nx_tls_verdict; 0 while it lives
	bool update_due;
	bool closed; // close_notify is written
	const char *why;
};

// Derives keys from the secrets that are in both halves.
bool nx_records_begin(struct records *records, IMB_MGR *vectors);

// As nx_tls_read, nx_tls_write and nx_tls_close say.
enum nx_tls_verdict nx_records_read(struct records *records, struct nx_read_buffer *in,
	struct nx_write_buffer *out, bool ended, void *data, size_t room, size_t *n);
enum nx_tls_verdict nx_records_write(struct records *records, struct nx_write_buffer *out,
	const void *data, size_t length, size_t *taken);
enum nx_tls_verdict nx_records_close(struct records *records, struct nx_write_buffer *out);

// The next generation of a half's keys (RFC 8446 7.2).
bool nx_record_half_update(struct records *records, struct record_half *half);
// One record of `type`; false without room for it.
bool nx_record_seal(struct records *records, struct nx_write_buffer *out, uint8_t type,
	const void *data, size_t length);
bool nx_record_update_send(struct records *records, struct nx_write_buffer *out);
void nx_record_nonce(const struct record_half *half, uint8_t nonce[NONCE]);

// Content types (RFC 8446 5.1), and what surrounds a record's content.
enum {
	RECORD_ALERT = 21,
	RECORD_HANDSHAKE = 22,
	RECORD_DATA = 23,
	RECORD_HEADER = 5,
	RECORD_TAG = 16,
	RECORD_CONTENT = 16384,
	RECORD_MOST = RECORD_CONTENT + 256
};
