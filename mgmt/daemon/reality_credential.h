// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A REALITY credential as configured, made into what handshakes use.

#include "config/config.h"
#include "reality/engine.h"

// Reads the credential's keys. *out is the caller's. Negative errno with a line in error.
[[nodiscard]] int reality_profile_of(const struct config *config,
	const struct config_credential *credential, struct reality_profile **out, char *error,
	size_t error_size);
