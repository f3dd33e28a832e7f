// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// How the targets of an upstream are spoken to, where that is secured: profiles for the slow path,
// made of a configuration's credentials and their files. Control thread only.

#include "config/config.h"
#include "slowpath/handshake.h"

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
