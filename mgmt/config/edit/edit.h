// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Small changes to a configuration text that leave the rest, comments included, as it stands. Pure:
// text in, new text out (NUL-terminated, the caller frees). Each returns 0, -EINVAL (-ENOENT for a
// name that is not there, -EEXIST for one that is) with one line in error, or -ENOMEM, and leaves
// *out untouched unless 0. The result is read again and refused if anything else changed; whether
// it is a valid configuration is for config_parse to say.

#include "config/config.h"

// settings: "KEY=VALUE" with keys of listeners[] of the schema, nested ones dotted
// ("transport.security=raw"). Values are written as the schema types them. Unknown, missing and
// duplicate keys are refused.
[[nodiscard]] int edit_listener_add(const char *text, const char *const *settings, uint32_t count,
	char **out, char *error, size_t error_size);
[[nodiscard]] int edit_listener_remove(
	const char *text, const char *name, char **out, char *error, size_t error_size);
// Marks the target "drained". target is HOST:PORT.
[[nodiscard]] int edit_upstream_drain(const char *text, const char *upstream, const char *target,
	char **out, char *error, size_t error_size);
