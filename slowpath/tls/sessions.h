// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What targets gave one profile's handshakes to come back with: sessions of TLS 1.2 and 1.3, in
// memory that is locked and left out of dumps. Whoever resumes is not shown a certificate again, so
// a session is of the profile that verified it and of the target, and dies with the profile. Any
// thread, unless said otherwise.

#include <openssl/ssl.h>

#include "slowpath/msg.h"

enum {
	TLS_SESSIONS = 32,            // of all targets; then the oldest goes
	TLS_SESSIONS_OF_TARGET = 4,   // of TLS 1.3; of 1.2 one
	TLS_SESSION_BYTES_MAX = 3072, // as OpenSSL writes it; what is longer is not kept
	TLS_SESSION_LIFETIME_S = 12 * 3600,
};

struct tls_sessions;

// -ENOMEM, or as secret_map. Control thread.
[[nodiscard]] int tls_sessions_create(struct tls_sessions **out);
// Wipes them. NULL is allowed.
void tls_sessions_destroy(struct tls_sessions *sessions);

// The newest of the target that has not run out, for its caller to free; NULL: there is none. One
// of TLS 1.3 is given once (RFC 8446 C.4). target: "host:port"; now: Unix time in seconds.
SSL_SESSION *tls_sessions_take(struct tls_sessions *sessions, const char *target, int64_t now);
// Wipes those of the target: one of them was offered, and the handshake failed.
void tls_sessions_forget(struct tls_sessions *sessions, const char *target);
// Keeps what a handshake of TLS 1.2 agreed on, if it can be resumed.
void tls_sessions_keep(
	struct tls_sessions *sessions, const char *target, SSL_SESSION *session, int64_t now);
// Keeps what a server of TLS 1.3 sent behind a handshake: length bytes of one record, whole
// NewSessionTicket messages (RFC 8446 4.6.1). What is none, too long or not for keeping is passed
// over: the handshake that comes next is a full one.
void tls_sessions_ticket(struct tls_sessions *sessions, const struct slow_ticket *ticket,
	size_t length, int64_t now);
