// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Messages under construction: a heap buffer that grows up to a limit. A write that does not fit
// sets `failed` and writes nothing from then on, so that a message is checked once, at its end.

#include "core/base.h"
#include "pkt/bytes.h"

struct writer {
	uint8_t *base;
	size_t used;
	size_t size;
	size_t limit;
	bool failed;
};

// An empty one; holds no memory until the first write.
static inline struct writer writer_with(size_t limit)
{
	return (struct writer){.limit = limit};
}
// Gives back its memory and keeps its limit.
void writer_clear(struct writer *w);

// What is written so far; borrowed until the next write.
static inline struct cursor writer_cursor(const struct writer *w)
{
	return w->used != 0 ? cursor_over(w->base, w->used) : (struct cursor){0};
}

// n > 0 bytes more, not yet written; NULL (and failed) past the limit or without memory.
uint8_t *writer_room(struct writer *w, size_t n);
// bytes are not of this writer, whose memory may move.
void writer_bytes(struct writer *w, const void *bytes, size_t n);
void writer_zeros(struct writer *w, size_t n);
void writer_u8(struct writer *w, uint8_t value);
void writer_u16(struct writer *w, uint16_t value);
void writer_u32(struct writer *w, uint32_t value);

// A length field of 1 to 3 bytes in front of what is written until writer_close, which takes what
// writer_open gave. A content that the field cannot count fails.
size_t writer_open(struct writer *w, uint32_t bytes);
void writer_close(struct writer *w, size_t mark, uint32_t bytes);
