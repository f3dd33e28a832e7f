// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Files that a configuration includes: regular files under the folder of the file that is loaded,
// after links are resolved. Private to config/text*.c.

#include "config/text/text.h"

struct include_folder {
	const char *file;    // the configuration; its folder bounds what may be included
	size_t bytes;        // read so far, all files together
	uint32_t files;      // included so far
	uint32_t open_files; // included files that are being read: how deep
};

struct include_file {
	const char *name; // in the arena, for messages
	char *text;
	size_t length;
};

// Reads the file that path names, relative to the folder. -EINVAL with "what" HINT "hint" in error,
// or -ENOMEM. Close in reverse order.
[[nodiscard]] int include_open(struct include_folder *folder, struct arena *arena, const char *path,
	struct include_file *out, char *error, size_t error_size);
void include_close(struct include_folder *folder, struct include_file *file);
