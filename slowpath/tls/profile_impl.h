// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Profiles from inside: for profile.c, choice.c, client_profile.c and handshake.c.

#include <openssl/ssl.h>

#include "slowpath/tls/client_profile.h"
#include "slowpath/tls/library.h"
#include "slowpath/tls/profile.h"
#include "slowpath/tls/sessions.h"
#include "slowpath/tls/staple.h"

struct tls_profile_entry {
	SSL_CTX *context;
	char **names; // lower case
	uint32_t name_count;
	uint8_t *alpn; // RFC 7301 3.1: each protocol behind its length
	uint32_t alpn_bytes;
	uint16_t min_version; // as on the wire
	struct staple *staple;
	char note[400];
};

struct tls_profile {
	uint32_t count;
	struct tls_profile_entry entries[];
};

// handshake.c: has the context's handshakes write the key log where that is on.
void tls_key_log_use(SSL_CTX *context);
// profile.c: the suites of both versions that the record layer has. False: out of memory.
bool tls_suites_set(SSL_CTX *context);

// client_profile.c
SSL_CTX *tls_client_profile_context(const struct tls_client_profile *profile);
struct tls_sessions *tls_client_profile_sessions(const struct tls_client_profile *profile);
// What a handshake asks its server for, and verifies. -EINVAL: there is no name, -ENOMEM.
[[nodiscard]] int tls_client_profile_name(
	const struct tls_client_profile *profile, const char *host, SSL *ssl);

// choice.c: the context's callbacks that choose for each client: the profile's entry by the name it
// asks for, and the protocol, of those of the context's own entry.
void tls_choice_set(SSL_CTX *context, struct tls_profile *profile, struct tls_profile_entry *entry);
