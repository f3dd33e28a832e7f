// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the files of the codec share.

#include <openssl/ssl.h>

#include "records.h"

struct nx_tls_context {
	SSL_CTX *ssl;
	BIO_METHOD *bytes;   // reads and writes a connection's buffers
	unsigned char *alpn; // in the form of RFC 7301 3.1
	size_t alpn_length;
	bool alpn_required;
	IMB_MGR *vectors;
	bool is_server;
	bool verifies;
};

struct nx_tls {
	SSL *ssl;
	struct nx_tls_context *context;
	struct nx_read_buffer in;
	struct nx_write_buffer out;
	struct records records;
	bool ended;               // the transport
	bool has_shaken;          // hands, and all that was asked for is so
	bool has_records;         // OpenSSL is done: records are ours
	bool has_secret[2];       // of records.in, records.out
	enum nx_tls_verdict over; // the peer's fault; NX_TLS_DONE while there is none
	char alpn[256];
	char why[256];
};

BIO_METHOD *nx_tls_bytes_method(void);
// Keeps the traffic secrets of a handshake (a callback of OpenSSL's).
void nx_tls_secret_take(const SSL *ssl, const char *line);
