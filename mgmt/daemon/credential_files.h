// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the files of a credential hold, as far as others than handshakes need it. Control thread.

#include "config/config.h"

enum {
	CREDENTIAL_DIGEST_BYTES = 32,
};

// For struct config_machine: whether the files of a credential can be used.
int credential_is_usable(const struct config *config, const struct config_credential *credential,
	char *error, size_t error_size);

// The same of all of config's, or the one of that name. A negative errno with a line in error.
[[nodiscard]] int credentials_check(
	const struct config *config, const char *only, char *error, size_t error_size);

// What tells a credential from another one of its name: all that the text says, and the files. A
// file that cannot be read counts as one: whoever reads it in earnest says what is wrong with it.
// -ENOMEM.
[[nodiscard]] int credential_digest(
	const struct config_credential *credential, uint8_t out[CREDENTIAL_DIGEST_BYTES]);

// When the first certificate of the chain expires, in Unix seconds; 0: it has none, or none that
// can be read.
int64_t credential_expiry(const struct config_credential *credential);
