// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Pieces of text replaced by position, and trees compared. Private to config/.

#include "config/text/text.h"

// The text with bytes [start, end) replaced; NUL-terminated, the caller frees. NULL when memory is
// out.
char *text_splice(
	const char *text, size_t length, size_t start, size_t end, const char *replacement);

// The text without the bytes that drop marks, and without the lines that are blank only because of
// it.
char *text_without(const char *text, size_t length, const bool *drop);

// Whether two values are the same, whatever the comments and blanks around them.
bool text_equal(const struct text_node *a, const struct text_node *b);

// Position of the comma that follows position `from`, comments skipped; length if there is none. 0
// or -ENOMEM.
[[nodiscard]] int text_comma_after(const char *text, size_t length, size_t from, size_t *at);
