// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A connection of ours, in either role, and OpenSSL's at the other end, whose bytes come in any
// way.

#include <openssl/ssl.h>

#include "feed.h"
#include "wire/tls/codec.h"

struct tls_ends_config {
	bool is_server; // ours
	bool is_tls12;
	const char *suite; // by its name in OpenSSL; NULL: what is preferred
	struct feed_way way;
};

struct tls_ends {
	struct nx_tls_context *context;
	struct nx_tls *ours;
	SSL_CTX *peer_context;
	SSL *peer;
	struct feed feed;
	uint8_t *output;
};

void tls_ends_begin(struct tls_ends *ends, const struct tls_ends_config *config);
void tls_ends_end(struct tls_ends *ends);

// The verdict of ours when both are done, or when it is a fault.
enum nx_tls_verdict tls_ends_shake(struct tls_ends *ends);

// What ours has to send, to the peer.
void tls_ends_send(struct tls_ends *ends);
// The next piece from the peer; false: there is none, or no room.
bool tls_ends_receive(struct tls_ends *ends);
void tls_ends_receive_all(struct tls_ends *ends);
// nx_tls_read with pieces received for it until it says another thing than NX_TLS_MORE, or there
// are no more.
enum nx_tls_verdict tls_ends_read(struct tls_ends *ends, void *data, size_t room, size_t *n);
