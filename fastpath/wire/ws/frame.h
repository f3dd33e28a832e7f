// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The bits of a frame's first two bytes (RFC 6455 5.2).

#include <stdint.h>

enum {
	FRAME_FIN = 0x80,
	FRAME_RSV1 = 0x40,
	FRAME_RSV = 0x70,
	FRAME_OPCODE = 0x0f,
	FRAME_CONTROL = 0x08,
	FRAME_MASK = 0x80,
	FRAME_LENGTH = 0x7f,
	FRAME_LENGTH_16 = 126, // 16 bits of length follow
	FRAME_LENGTH_64 = 127,
	FRAME_KEY_BYTES = 4
};

static inline bool frame_is_control(uint8_t first)
{
	return first & FRAME_CONTROL;
}
