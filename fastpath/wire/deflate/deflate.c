// SPDX-License-Identifier: BSD-3-Clause

// Data to compressed messages (RFC 7692 7.2.1), straight into the write buffer.

#include <limits.h>

#include "wire/deflate/compression.h"

// Compresses into `room` bytes; returns the length without the tail, or 0 when they do not suffice.
static size_t compress_into(
	struct nx_ws_compression *c, uint8_t *to, size_t room, const void *data, size_t length)
{
	z_stream *out = &c->out;

	if (room > UINT_MAX)
		room = UINT_MAX;
	// zlib flushes nothing when there is nothing: an empty stored block without its tail.
	if (length == 0) {
		to[0] = 0;
		return 1;
	}
	out->next_in = (uint8_t *)(uintptr_t)data;
	out->avail_in = (unsigned int)length;
	out->next_out = to;
	out->avail_out = (unsigned int)room;
	// Full output may mean that the flush is not complete.
	if (deflate(out, Z_SYNC_FLUSH) != Z_OK || out->avail_out == 0 || out->avail_in > 0)
		return 0;
	return room - out->avail_out - TAIL_BYTES;
}

// What a message takes at most, or less when the buffer has less.
static size_t room_for(
	struct nx_ws_compression *c, const struct nx_write_buffer *buffer, size_t length)
{
	size_t most = deflateBound(&c->out, length) + TAIL_BYTES + 8;
	size_t room = nx_write_buffer_room(buffer);

	if (room < NX_WS_HEADER_MAX + 1)
		return 0;
	room -= NX_WS_HEADER_MAX;
	return room < most ? room : most;
}

enum nx_ws_write_verdict nx_ws_write_deflated(struct nx_ws_compression *compression,
	struct nx_ws_writer *writer, struct nx_write_buffer *buffer, enum nx_ws_opcode opcode,
	const void *data, size_t length)
{
	struct nx_ws_compression *c = compression;
	enum nx_ws_write_verdict verdict;
	uint8_t *payload;
	size_t room;
	size_t size;

	if (!c->compresses || length > UINT_MAX)
		return nx_ws_write(writer, buffer, opcode, data, length);
	room = room_for(c, buffer, length);
	if (room == 0)
		return NX_WS_WRITE_NO_ROOM;
	verdict = nx_ws_write_begin(writer, buffer, room, &payload);
	if (verdict != NX_WS_WRITTEN)
		return verdict;
	size = compress_into(c, payload, room, data, length);
	verdict = size == 0 ? NX_WS_WRITE_NO_ROOM
			    : nx_ws_write_end_compressed(writer, buffer, opcode, size);
	// What the peer never sees must not be referred to: start over, which it will not notice.
	if (c->out_forgets || verdict != NX_WS_WRITTEN)
		deflateReset(&c->out);
	return verdict;
}
