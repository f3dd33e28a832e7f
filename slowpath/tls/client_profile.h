// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// How targets are spoken TLS to: whom to trust, what name to ask for, who we are. Made by the
// control thread from files, read by handshakes on any thread, never changed.

#include "core/base.h"

struct tls_client_profile;

// Strings are borrowed for the call.
struct tls_client_settings {
	const char *name;        // of the credential, for messages
	const char *roots;       // path: whom to trust in PEM, and nobody else; NULL: the system's
	const char *server_name; // asked for and verified; NULL: the target's own host
	const char *certificate; // path: ours, its chain behind it, in PEM; NULL: we have none
	const char *key;         // path: its private key
	const char *const *alpn; // protocols we offer, the one we like best first
	uint32_t alpn_count;     // 0: none is offered
	uint16_t min_version;    // as on the wire; 0: TLS 1.2
	bool insecure;           // whoever answers is taken for the target
};

// -EINVAL with a line in error that says which file and what is wrong with it; -EACCES for a key
// that others than its owner can read; -ENOMEM; an error of mlock.
[[nodiscard]] int tls_client_profile_create(const struct tls_client_settings *settings,
	struct tls_client_profile **out, char *error, size_t error_size);
// NULL is allowed. Handshakes that use it must be over.
void tls_client_profile_destroy(struct tls_client_profile *profile);
