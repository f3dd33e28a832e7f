// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Reading through a chain of buffers as if it were one piece. Private to io/. Any thread.

#include "core/buffer.h"

// Copies `length` bytes from byte `from` on; the chain holds that many.
void chain_copy(const struct buffer *chain, uint32_t from, uint32_t length, uint8_t *out);

// Completes a partial checksum (virtio 1.2, 5.1.6.2): sums `length` bytes from byte `from` on, the
// field with its pseudo-header sum included, and writes the complement to the field at byte `at`,
// which lies in the first buffer. The chain holds the bytes.
void chain_checksum_complete(struct buffer *chain, uint32_t from, uint32_t length, uint32_t at);
