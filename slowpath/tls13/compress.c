// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/compress.h"

#include <brotli/decode.h>
#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

bool compression_is_known(uint16_t algorithm)
{
	return algorithm >= COMPRESSION_ZLIB && algorithm <= COMPRESSION_ZSTD;
}

// Each call writes into out's length bytes and no more, whatever the packed bytes say.
bool compression_unpack(uint16_t algorithm, struct cursor packed, uint8_t *out, size_t length)
{
	size_t left = cursor_left(&packed), made = length;
	uLongf zlib_made = length;

	switch (algorithm) {
	case COMPRESSION_ZLIB:
		return uncompress(out, &zlib_made, packed.p, left) == Z_OK && zlib_made == length;
	case COMPRESSION_BROTLI:
		return BrotliDecoderDecompress(left, packed.p, &made, out) ==
			       BROTLI_DECODER_RESULT_SUCCESS &&
		       made == length;
	case COMPRESSION_ZSTD:
		return ZSTD_decompress(out, length, packed.p, left) == length;
	default:
		return false;
	}
}

static size_t pack_into(
	uint16_t algorithm, const uint8_t *bytes, size_t length, uint8_t *out, size_t room)
{
	uLongf zlib_made = room;
	size_t made = room;

	switch (algorithm) {
	case COMPRESSION_ZLIB:
		return compress(out, &zlib_made, bytes, length) == Z_OK ? zlib_made : 0;
	case COMPRESSION_BROTLI:
		return BrotliEncoderCompress(5, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_GENERIC, length,
			       bytes, &made, out)
			       ? made
			       : 0;
	default:
		made = ZSTD_compress(out, room, bytes, length, 3);
		return ZSTD_isError(made) ? 0 : made;
	}
}

bool compression_pack(uint16_t algorithm, const uint8_t *bytes, size_t length, struct writer *w)
{
	// More than any of the three needs for bytes that do not shrink.
	size_t room = length + length / 8 + 1024, made;
	uint8_t *out = malloc(room);

	if (out == NULL)
		return false;
	made = pack_into(algorithm, bytes, length, out, room);
	writer_bytes(w, out, made);
	free(out);
	return made != 0 && !w->failed;
}
