// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Memory that is given back all at once: a parsed text or a configuration owns one. One thread.

#include "core/base.h"

struct arena_block;

struct arena {
	struct arena_block *blocks;
};

// Zeroed memory, aligned for any scalar; NULL when memory is out (or size is absurd).
void *arena_get(struct arena *arena, size_t size);
// A NUL-terminated copy of the bytes; NULL when memory is out.
char *arena_copy(struct arena *arena, const char *bytes, size_t length);
void arena_fini(struct arena *arena);
