// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// How the targets of an upstream are spoken to, where that is secured: profiles for the slow path,
// made of a configuration's credentials and their files. Control thread only.

#include <openssl/evp.h>

#include "config/config.h"
#include "slowpath/handshake.h"

// Feeds what tells the upstream's profile from others: its name and all that its credential has. A
// file that cannot be read counts as empty: reading it for the profile says what is wrong with it.
bool origin_digest(
	EVP_MD_CTX *digest, const struct config *config, const struct config_upstream *upstream);

// A negative errno with a line in error.
[[nodiscard]] int origin_profile_make(const struct config *config,
	const struct config_upstream *upstream, const struct handshake_kind **kind, void **profile,
	char *error, size_t error_size);

// The credential of an upstream that takes any server for its target; NULL: it has none.
const struct config_credential *origin_insecure(
	const struct config *config, const struct config_upstream *upstream);

// For struct config_machine: whether the files of a tls-client credential can be used.
[[nodiscard]] int origin_is_usable(const struct config *config,
	const struct config_credential *credential, char *error, size_t error_size);
