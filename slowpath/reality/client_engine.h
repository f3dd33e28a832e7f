// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A REALITY client as a kind of handshake that threads of the slow path drive, and what the
// handshakes of one upstream share.

#include "reality/client.h"
#include "slowpath/handshake.h"

struct reality_client_profile;

// Strings and keys are borrowed for the call.
struct reality_client_settings {
	const char *credential; // its name, for messages
	const char *server_name;
	const char *browser; // as tls13_browser_find
	const char
		*roots; // path: authorities in PEM that tell a real certificate; NULL: the system's
	uint8_t public_key[32];
	uint8_t short_id[REALITY_SHORT_ID_BYTES];
	const uint8_t *mldsa65_verify; // REALITY_MLDSA_PUBLIC_BYTES; NULL: need not have signed
};

// -EINVAL or -ENOTSUP with a line in error that says what is wrong with the settings; -ENOMEM.
[[nodiscard]] int reality_client_profile_create(const struct reality_client_settings *settings,
	struct reality_client_profile **out, char *error, size_t error_size);
// NULL is allowed. Handshakes that use it must be over.
void reality_client_profile_destroy(struct reality_client_profile *profile);

// Its profiles are struct reality_client_profile.
extern const struct handshake_kind reality_client_kind;
