// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Certificate compression (RFC 8879): zlib, brotli and zstd, as browsers offer them.

#include "tls13/wire.h"

enum {
	COMPRESSION_ZLIB = 1,
	COMPRESSION_BROTLI = 2,
	COMPRESSION_ZSTD = 3,
};

bool compression_is_known(uint16_t algorithm);
// Unpacks to exactly length bytes. False when the bytes are not what they say.
[[nodiscard]] bool compression_unpack(
	uint16_t algorithm, struct cursor packed, uint8_t *out, size_t length);
// Packs into w. False without memory; then w has failed or has nothing of it.
[[nodiscard]] bool compression_pack(
	uint16_t algorithm, const uint8_t *bytes, size_t length, struct writer *w);
