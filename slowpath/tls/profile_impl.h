// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A profile from inside: for profile.c and handshake.c.

#include <openssl/ssl.h>

#include "slowpath/tls/profile.h"

struct tls_profile_entry {
	SSL_CTX *context;
	char **names; // lower case
	uint32_t name_count;
	uint8_t *alpn; // RFC 7301 3.1: each protocol behind its length
	uint32_t alpn_bytes;
};

struct tls_profile {
	uint32_t count;
	struct tls_profile_entry entries[];
};

// Where a handshake is found from its SSL object, for the key log.
int tls_handshake_index(void);
// The key-log callback (SSL_CTX_set_keylog_callback).
void tls_handshake_keylog(const SSL *ssl, const char *line);
