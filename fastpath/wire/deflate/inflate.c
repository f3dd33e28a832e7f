// SPDX-License-Identifier: BSD-3-Clause

// Compressed messages to data (RFC 7692 7.2.2).

#include <limits.h>
#include <string.h>

#include "wire/deflate/compression.h"

enum {
	FIRST_SIZE = 16384,
	WINDOW = 1 << WINDOW_BITS_MAX
};

// A larger output with the `filled` bytes of the old one.
static enum nx_ws_verdict output_grow(struct nx_ws_compression *c, size_t filled)
{
	size_t bytes = c->output_bytes ? c->output_bytes : FIRST_SIZE / 2;
	uint8_t *larger;

	if (c->output_bytes >= c->message_limit || !c->output_is_ours)
		return NX_WS_INFLATED_TOO_LARGE;
	bytes = bytes <= c->message_limit / 2 ? bytes * 2 : c->message_limit;
	larger = c->allocator->allocate(c->allocator->context, bytes);
	if (larger == NULL)
		return NX_WS_NO_MEMORY;
	if (filled > 0)
		memcpy(larger, c->output, filled);
	if (c->output != NULL)
		c->allocator->release(c->allocator->context, c->output, c->output_bytes);
	c->output = larger;
	c->output_bytes = bytes;
	return NX_WS_MESSAGE;
}

// A block that says it is the last one ends zlib's stream, not the message (RFC 7692 7.2.3.5): the
// next block goes on with the same window.
static bool stream_restart(z_stream *in)
{
	uint8_t window[WINDOW];
	unsigned int length = 0;

	if (inflateGetDictionary(in, window, &length) != Z_OK || inflateReset(in) != Z_OK)
		return false;
	return length == 0 || inflateSetDictionary(in, window, length) == Z_OK;
}

static size_t output_room(const struct nx_ws_compression *c, size_t filled)
{
	size_t end = c->output_bytes < c->message_limit ? c->output_bytes : c->message_limit;

	return end - filled < UINT_MAX ? end - filled : UINT_MAX;
}

// Inflates `length` bytes behind the *filled bytes of output.
static enum nx_ws_verdict inflate_piece(
	struct nx_ws_compression *c, const uint8_t *data, unsigned int length, size_t *filled)
{
	z_stream *in = &c->in;
	enum nx_ws_verdict verdict;
	int zlib;

	in->next_in = (uint8_t *)(uintptr_t)data;
	in->avail_in = length;
	for (;;) {
		size_t room = output_room(c, *filled);
		uint8_t none;

		// Without room one byte more shows whether the message has ended.
		in->next_out = room > 0 ? c->output + *filled : &none;
		in->avail_out = room > 0 ? (unsigned int)room : 1;
		zlib = inflate(in, Z_SYNC_FLUSH);
		if (room == 0 && in->avail_out == 0) {
			// That byte belongs into a larger output.
			verdict = output_grow(c, *filled);
			if (verdict != NX_WS_MESSAGE)
				return verdict;
			c->output[(*filled)++] = none;
		} else if (room > 0) {
			*filled += room - in->avail_out;
		}
		if (zlib == Z_MEM_ERROR)
			return NX_WS_NO_MEMORY;
		if (zlib == Z_STREAM_END && !stream_restart(in))
			return NX_WS_DEFLATE_MALFORMED;
		if (zlib != Z_OK && zlib != Z_STREAM_END && zlib != Z_BUF_ERROR)
			return NX_WS_DEFLATE_MALFORMED;
		if (in->avail_in == 0 && in->avail_out > 0)
			return NX_WS_MESSAGE;
	}
}

static enum nx_ws_verdict inflate_message(
	struct nx_ws_compression *c, const struct nx_ws_message *message, size_t *filled)
{
	static const uint8_t tail[TAIL_BYTES] = {0x00, 0x00, 0xff, 0xff};
	const uint8_t *data = message->data;
	size_t left = message->length;
	enum nx_ws_verdict verdict;

	while (left > 0) {
		unsigned int piece = left < UINT_MAX ? (unsigned int)left : UINT_MAX;

		verdict = inflate_piece(c, data, piece, filled);
		if (verdict != NX_WS_MESSAGE)
			return verdict;
		data += piece;
		left -= piece;
	}
	verdict = inflate_piece(c, tail, TAIL_BYTES, filled);
	// zlib's sign that it stands between blocks: a message may not end within one.
	if (verdict == NX_WS_MESSAGE && !(c->in.data_type & 128))
		return NX_WS_DEFLATE_MALFORMED;
	return verdict;
}

enum nx_ws_verdict nx_ws_inflate(
	struct nx_ws_compression *compression, struct nx_ws_message *message)
{
	struct nx_ws_compression *c = compression;
	enum nx_ws_verdict verdict;
	size_t filled = 0;

	if (!message->compressed)
		return NX_WS_MESSAGE;
	// An empty message has an address too.
	if (c->output == NULL) {
		verdict = output_grow(c, 0);
		if (verdict != NX_WS_MESSAGE)
			return verdict;
	}
	verdict = inflate_message(c, message, &filled);
	if (verdict != NX_WS_MESSAGE)
		return verdict;
	if (c->in_forgets && inflateReset(&c->in) != Z_OK)
		return NX_WS_DEFLATE_MALFORMED;
	if (message->opcode == NX_WS_TEXT && !nx_utf8_is_valid(c->output, filled))
		return NX_WS_TEXT_NOT_UTF8;
	message->data = c->output;
	message->length = filled;
	message->compressed = false;
	return NX_WS_MESSAGE;
}
