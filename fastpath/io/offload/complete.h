// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A frame that asks its port for checksums or segments, made into frames that ask for nothing: for
// whoever treats a port's frames as they are on the wire.

#include "core/buffer.h"
#include "core/drop.h"

// frame: prepared for a port (BUFFER_TX_* bits, header lengths in the transmit word), headers in
// its first buffer, which is writable. Takes it, and puts one frame or its segments into out;
// returns how many. 0: *reason says why, and the frame stays the caller's. Worker.
[[nodiscard]] uint16_t offload_complete(struct buffer *frame, struct buffer_source *source,
	struct buffer **out, uint16_t room, enum drop_reason *reason);
