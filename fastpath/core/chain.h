// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Reading and trimming buffer chains by offset from the first byte of data. Worker thread.

#include "core/buffer.h"

// Copies the bytes [from, from + length) of a chain; returns how many there were.
uint32_t chain_copy(const struct buffer *chain, uint32_t from, uint32_t length, uint8_t *out);

// Whether [from, from + length) of a chain equals bytes.
bool chain_equal(const struct buffer *chain, uint32_t from, uint32_t length, const uint8_t *bytes);

// Cuts a chain to length bytes; buffers that end up empty go back to source. length at least 1.
void chain_trim(struct buffer *chain, uint32_t length, struct buffer_source *source);

// Drops the first length bytes of a chain, at most all, and every buffer that is empty then. The
// chain that is left, NULL when nothing is; buffers go back to source.
struct buffer *chain_skip(struct buffer *chain, uint32_t length, struct buffer_source *source);
