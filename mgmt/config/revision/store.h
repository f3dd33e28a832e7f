// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Files of the state directory: whole reads, atomic writes. Private to config/.

#include "core/base.h"

// Writes bytes to `name` in the folder: a new file, mode 0600, synced, renamed over the old one,
// the folder synced. keep: the file that was there is kept under that name (NULL: it is not).
// Negative errno with a line in error; the old content is then still there, unless only the last
// sync failed.
[[nodiscard]] int store_write(const char *folder, const char *name, const char *keep,
	const char *bytes, size_t length, char *error, size_t error_size);

// Reads a file whole, NUL-terminated, the caller's to free. -ENOENT (no line in error) if it is not
// there.
[[nodiscard]] int store_read(const char *folder, const char *name, size_t maximum, char **bytes,
	size_t *length, char *error, size_t error_size);

// Makes the folder and those above it (mode 0755, the last 0700).
[[nodiscard]] int store_make(const char *folder, char *error, size_t error_size);

// Takes the folder's lock: a descriptor, or -EBUSY with a line in error.
[[nodiscard]] int store_lock(const char *folder, char *error, size_t error_size);
