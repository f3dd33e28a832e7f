// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Segmentation in software (TSO and USO of those who have neither). Private to io/.

#include "core/buffer.h"
#include "core/drop.h"
#include "pkt/packet.h"

// Cuts the TCP or UDP frame p into copies of at most size payload bytes each, checksums complete.
// Returns their number; p's buffer is untouched and stays the caller's. 0 with *reason when room or
// source runs out. Worker.
[[nodiscard]] uint16_t segment_frame(const struct packet *p, uint32_t size,
	struct buffer_source *source, struct buffer **out, uint16_t room, enum drop_reason *reason);
