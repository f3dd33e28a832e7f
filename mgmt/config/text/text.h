// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Reads text in libconfig's grammar into a tree that remembers where everything stands. The reader
// is our own because the library's versions differ in what they let pass (integers that wrap,
// strings that join, trailing commas), stop at the first fault, and abort when memory is out; what
// this reader accepts, every libconfig from 1.5 on reads the same (tests/unit/config compares the
// two). Bounded: TEXT_BYTES_MAX in all, TEXT_DEPTH_MAX levels, TEXT_INCLUDES_MAX files. One thread
// a text.

#include "config/text/arena.h"
#include "config/text/fault.h"

enum {
	TEXT_BYTES_MAX = 4 << 20,
	TEXT_DEPTH_MAX = 16,
	TEXT_INCLUDES_MAX = 64,
	TEXT_INCLUDE_DEPTH_MAX = 8,
};

enum text_kind {
	TEXT_GROUP = 1, // { name = value; ... }
	TEXT_LIST,      // ( value, ... )
	TEXT_ARRAY,     // [ scalar, ... ]
	TEXT_STRING,
	TEXT_INTEGER,
	TEXT_FLOAT,
	TEXT_BOOLEAN,
};

// A value, with its name inside a group. Offsets count bytes of the text that was read, and are
// meaningful only where `included` is false.
struct text_node {
	enum text_kind kind;
	bool included;           // stands in an included file
	struct text_place place; // of the name, else of the value
	const char *name;        // NULL in lists and arrays
	const char *string;      // TEXT_STRING, unescaped
	int64_t integer;         // TEXT_INTEGER
	double number;           // TEXT_FLOAT
	bool boolean;            // TEXT_BOOLEAN
	uint32_t count;          // children
	struct text_node *first;
	struct text_node *next;
	size_t start; // first byte of the setting (of the value where it has no name)
	size_t value; // first byte of the value
	size_t end;   // one past the value's last byte
	size_t tail;  // one past the terminating ';' or ',' of a setting, else end
};

struct text_source {
	const char *file; // for messages; NULL for text that came over the socket
	bool may_include; // @include of regular files under the folder of `file`
};

// Reads text into *root (a group), all memory from arena. 0; -EINVAL with errors in faults;
// -ENOMEM.
[[nodiscard]] int text_read(struct arena *arena, const char *text, size_t length,
	const struct text_source *source, struct config_faults *faults, struct text_node **root);

// The child of that name, or NULL.
const struct text_node *text_child(const struct text_node *group, const char *name);

const char *text_kind_name(enum text_kind kind); // "a string"

// Reads FILE whole (a regular file, at most TEXT_BYTES_MAX), NUL-terminated, the caller's to free.
// Negative errno with a line in error.
[[nodiscard]] int text_file_read(
	const char *file, char **text, size_t *length, char *error, size_t error_size);

// The text with every @include line replaced by what it names, as it is kept in a revision. The
// caller frees *out. 0, -EINVAL with errors in faults, -ENOMEM.
[[nodiscard]] int text_flatten(const char *text, size_t length, const struct text_source *source,
	struct config_faults *faults, char **out, size_t *out_length);
