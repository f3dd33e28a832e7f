// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A head that is being written behind what a buffer holds. The first fault stays and stops the
// rest.

#include "nexwire/ws_handshake.h"

struct head_text {
	struct nx_write_buffer *buffer;
	size_t begin; // tail of the buffer before
	enum nx_ws_handshake_verdict fault;
};

struct head_text nx_head_text_begin(struct nx_write_buffer *buffer);

// Words of this library.
void nx_head_text_put(struct head_text *text, const char *words);

// A word of the caller's or a peer's: one or more visible ASCII characters.
void nx_head_text_word(struct head_text *text, struct nx_http_slice word);

// A field line: the name must be a token, the value must not end the line (RFC 9110 5.5).
void nx_head_text_field(struct head_text *text, const char *name, const char *value);

void nx_head_text_fields(struct head_text *text, const struct nx_ws_field *fields, size_t count);

// NX_WS_HANDSHAKE_DONE, or the fault, and the buffer is as it was.
enum nx_ws_handshake_verdict nx_head_text_end(struct head_text *text);

static inline struct nx_http_slice nx_slice_of(const char *text)
{
	return (struct nx_http_slice){(const uint8_t *)text, strlen(text)};
}
