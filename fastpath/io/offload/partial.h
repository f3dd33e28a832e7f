// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Partial checksums in a chain of buffers. Private to io/. Any thread.

#include "core/buffer.h"

// Completes a partial checksum (virtio 1.2, 5.1.6.2): sums `length` bytes from byte `from` on, the
// field with its pseudo-header sum included, and writes the complement to the field at byte `at`,
// which lies in the first buffer. The chain holds the bytes.
void partial_checksum_complete(struct buffer *chain, uint32_t from, uint32_t length, uint32_t at);
