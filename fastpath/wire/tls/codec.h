// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the files of the codec share.

#include <openssl/ssl.h>

#include "nexwire/tls.h"

struct nx_tls_context {
	SSL_CTX *ssl;
	BIO_METHOD *bytes;   // reads and writes a connection's buffers
	unsigned char *alpn; // in the form of RFC 7301 3.1
	size_t alpn_length;
	bool alpn_required;
	bool is_server;
	bool verifies;
};

struct nx_tls {
	SSL *ssl;
	struct nx_tls_context *context;
	struct nx_read_buffer in;
	struct nx_write_buffer out;
	bool ended; // the transport
	char alpn[256];
	char why[256];
};

BIO_METHOD *nx_tls_bytes_method(void);
