// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// OpenSSL as this directory uses it: a library context of its own, in which the key derivations of
// TLS are ours (derivation.c). OpenSSL's own take a sixth of a handshake's instructions, and tell
// of secrets only as text. Everything else in it is OpenSSL's default provider's: of OpenSSL's
// configuration file its section for TLS (system_default) counts, providers and properties do not.

#include <openssl/ssl.h>

#include "core/base.h"

enum {
	TLS_TRAFFIC_SECRET_BYTES = 48,
	TLS_KEY_BLOCK_BYTES = 2 * (32 + 12), // of TLS 1.2's largest suite
};

// What a handshake's derivations give, of which a worker makes its keys. Zeros at first.
struct tls_secrets {
	uint8_t client[TLS_TRAFFIC_SECRET_BYTES]; // TLS 1.3: client_application_traffic_secret_0
	uint8_t server[TLS_TRAFFIC_SECRET_BYTES]; // server_application_traffic_secret_0
	uint8_t resumption[TLS_TRAFFIC_SECRET_BYTES]; // resumption_master_secret
	uint8_t block[TLS_KEY_BLOCK_BYTES];           // TLS 1.2: the key block's head
	uint8_t resumption_length;                    // 0: there is none
	bool has_client;
	bool has_server;
	bool has_block;
};

// The library context, and the property query that prefers ours in it. NULL: out of memory. Any
// thread.
OSSL_LIB_CTX *tls_library(void);
#define TLS_LIBRARY_PROPERTIES "?provider=nexpath"
// A context for connections of a side. NULL: out of memory. Any thread.
SSL_CTX *tls_context_create(const SSL_METHOD *method);

// SSL_do_handshake, with what the derivations give written to *secrets.
int tls_handshake_step(SSL *ssl, struct tls_secrets *secrets);
