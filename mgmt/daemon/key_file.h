// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Files with private values: where they may lie, who may read them, and REALITY's keys in them. An
// error is one line that names the file. Any thread.

#include "config/config.h"

// The file itself, links followed, lies under management.key_dir, is a regular one, and nobody but
// its owner may use it.
[[nodiscard]] int key_file_check(
	const struct config *config, const char *path, char *error, size_t error_size);

// The length bytes of a key that a credential has as a text, in place or in a file (config/
// key_text.h). The caller wipes out. -EINVAL for a text that is no such key, -EPERM, -EACCES or
// what the system says of the file; out may then hold a part.
[[nodiscard]] int key_value_read(const struct config *config, const char *value, uint8_t *out,
	size_t length, char *error, size_t error_size);
