// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The index of the state directory: what revisions there are, in memory and as text. Private to
// config/.

#include "config/revision/revisions.h"

struct start_mark {
	uint64_t number;
	int64_t time;
};

struct revision_index {
	uint32_t count;
	struct revision items[REVISIONS_KEPT + 1]; // newest first; one more while one is added
	bool file_known;
	uint8_t file_hash[CONFIG_HASH_BYTES]; // of FILE's text when it was last loaded
	uint32_t start_count;
	struct start_mark starts[START_DEATHS_MAX]; // since the last orderly end, oldest first
};

// The index as text with a checksum in its first line; the caller frees. NULL when memory is out.
char *index_print(const struct revision_index *index);

// 0, or -EBADMSG when the text is not one that index_print made, whole. *out untouched then.
[[nodiscard]] int index_parse(const char *text, size_t length, struct revision_index *out);
