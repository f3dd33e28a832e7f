// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <zlib.h>

#include "nexwire/ws_deflate.h"

enum {
	WINDOW_BITS_MAX = 15,
	WINDOW_BITS_MIN = 9, // of zlib's compressor
	TAIL_BYTES = 4       // 00 00 FF FF, which messages go without (RFC 7692 7.2.1)
};

struct nx_ws_compression {
	z_stream in;
	z_stream out;
	bool compresses;  // out is there
	bool in_forgets;  // the peer uses no_context_takeover
	bool out_forgets; // this end does
	size_t message_limit;
	uint8_t *output;
	size_t output_bytes;
	bool output_is_ours;
	const struct nx_allocator *allocator;
};
