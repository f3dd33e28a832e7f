// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// TLS 1.2 and 1.3 by OpenSSL, without input and output of its own (pkg-config nexwire-tls).
// Encrypted bytes are received into nx_tls_input and sent from nx_tls_output; nx_tls_handshake,
// nx_tls_read and nx_tls_write turn them into plain ones. A context may be shared by threads, a
// connection is one thread's at a time. Records of TLS 1.3 with AES-GCM, which is what is
// preferred, are sealed and opened here with nothing allocated; those of other suites and of
// TLS 1.2 by OpenSSL, which allocates for each. Sessions are not resumed.

#include "nexwire/buffer.h"

NX_BEGIN

enum nx_tls_verdict {
	NX_TLS_DONE,
	NX_TLS_MORE,         // receive more encrypted bytes first
	NX_TLS_NO_ROOM,      // send what nx_tls_output holds first
	NX_TLS_CLOSED,       // the peer's close_notify: no more comes
	NX_TLS_TRUNCATED,    // the transport ended without one: what came may be cut off
	NX_TLS_UNVERIFIED,   // the certificate is not the host's, or no root vouches for it
	NX_TLS_ALPN_REFUSED, // the server chose none of the protocols that were offered
	NX_TLS_FAILED,       // anything else, see nx_tls_why
	NX_TLS_VERDICTS
};

// One sentence for a log; static storage.
NX_API const char *nx_tls_verdict_text(enum nx_tls_verdict verdict);

enum nx_tls_role {
	NX_TLS_CLIENT,
	NX_TLS_SERVER
};

// Zero: a client of TLS 1.2 or 1.3 that trusts the system's roots and checks names.
struct nx_tls_config {
	enum nx_tls_role role;
	bool tls13_only;
	// Takes any certificate from anybody: whoever is on the path reads and writes everything.
	bool danger_no_verify;
	// Roots to trust instead of the system's: files of PEM, and certificates in DER.
	const char *const *root_files;
	size_t root_file_count;
	const struct iovec *roots;
	size_t root_count;
	// Protocols for ALPN (RFC 7301) in order of preference, at most 255 bytes in all. A client
	// that offers some and gets none goes on without (nx_tls_alpn is NULL).
	const char *const *alpn;
	size_t alpn_count;
	bool alpn_required; // a client ends the handshake instead
	// PEM files: a server's own, or a client's where servers ask for one.
	const char *certificate_file;
	const char *key_file;
};

struct nx_tls_context;
struct nx_tls;

// NULL: `why`, of `room` bytes, says in one sentence what is wrong and where; may be NULL.
NX_API struct nx_tls_context *nx_tls_context_create(
	const struct nx_tls_config *config, char *why, size_t room);

// After its connections. NULL is allowed.
NX_API void nx_tls_context_destroy(struct nx_tls_context *context);

enum {
	// Records are at most 16 KiB of content (RFC 8446 5.1): room for one, and a header.
	NX_TLS_BUFFER_MIN = 17 * 1024
};

// A connection; `host` is the name or address that a client's server must prove to be (also sent as
// SNI when it is a name), ignored for a server. Each of the two buffers holds buffer_bytes, 0: 64
// KiB. NULL without memory, or for a host that is none.
NX_API struct nx_tls *nx_tls_create(
	struct nx_tls_context *context, const char *host, size_t buffer_bytes);
NX_API void nx_tls_destroy(struct nx_tls *tls); // NULL is allowed

// Where encrypted bytes are received to (nx_read_buffer_space, nx_read_buffer_filled), and what is
// to be sent (nx_write_buffer_data, nx_write_buffer_sent). After every call below there may be
// bytes to send.
NX_API struct nx_read_buffer *nx_tls_input(struct nx_tls *tls);
NX_API struct nx_write_buffer *nx_tls_output(struct nx_tls *tls);

// The transport ended. What was received before can still be read.
NX_API void nx_tls_end_of_input(struct nx_tls *tls);

// NX_TLS_DONE: names are verified, data may flow. A client calls it once before anything came.
// Reading and writing go on with it first, and say what it does until it is done.
NX_API NX_CHECKED enum nx_tls_verdict nx_tls_handshake(struct nx_tls *tls);

// Decrypts to `data`, at most `room` bytes of as many records as are there. NX_TLS_DONE: *n is
// above 0.
NX_API NX_CHECKED enum nx_tls_verdict nx_tls_read(
	struct nx_tls *tls, void *data, size_t room, size_t *n);

// Encrypts up to `length` bytes, at least one record's worth of them; *taken says how many.
// NX_TLS_NO_ROOM: none.
NX_API NX_CHECKED enum nx_tls_verdict nx_tls_write(
	struct nx_tls *tls, const void *data, size_t length, size_t *taken);

// Puts close_notify into the output; nothing is written after it.
NX_API NX_CHECKED enum nx_tls_verdict nx_tls_close(struct nx_tls *tls);

// After the handshake: "TLSv1.3", and the protocol agreed by ALPN or NULL (until the next call for
// this connection).
NX_API const char *nx_tls_version(const struct nx_tls *tls);
NX_API const char *nx_tls_alpn(struct nx_tls *tls);

// What OpenSSL says about the last verdict that is a fault; "" when it says nothing.
NX_API const char *nx_tls_why(const struct nx_tls *tls);

NX_END
