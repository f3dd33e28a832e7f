// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A client of OpenSSL over memory, for the handshakes of slowpath/tls.

#include <openssl/ssl.h>

#include "slowpath/tls/handshake.h"

struct peer {
	SSL_CTX *context;
	SSL *ssl;
	BIO *in;
	BIO *out;
	SSL_SESSION *session; // the last ticket that came
};

// suites: OpenSSL's default where NULL. host: no SNI where NULL. session: what it comes back with.
void peer_open(
	struct peer *p, int version, const char *suites, const char *host, SSL_SESSION *session);
void peer_close(struct peer *p);

// Carries the handshake on, pieces of `piece` bytes at a time towards us; *sent counts what the
// client sent, some of it behind its handshake. Reads what came at the end, and so the tickets.
enum tls_handshake_state peer_shake(
	struct peer *p, struct tls_handshake *h, size_t piece, uint64_t *sent);
