// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// UTF-8 that arrives in pieces (RFC 3629, RFC 6455 8.1).

#include "nexwire/ws.h"

#include "wire/simd/kernels.h"

// One byte further. False: no string can go on like this. The bounds of a second byte keep out what
// is longer than it must be (E0, F0), surrogates (ED) and what lies beyond U+10FFFF (F4).
static inline bool nx_utf8_step(struct nx_utf8 *state, uint8_t byte)
{
	if (state->left > 0) {
		if (byte < state->low || byte > state->high)
			return false;
		state->low = 0x80;
		state->high = 0xbf;
		state->left--;
		return true;
	}
	if (byte < 0x80)
		return true;
	if (byte < 0xc2 || byte > 0xf4)
		return false;
	state->left = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
	state->low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
	state->high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
	return true;
}

// The next n bytes of a string. False as soon as no string can go on like this; the state is void
// then. The string is whole when state->left is 0.
bool nx_utf8_feed(
	struct nx_utf8 *state, const struct nx_kernels *kernels, const uint8_t *text, size_t n);
