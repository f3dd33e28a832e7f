// SPDX-License-Identifier: BSD-3-Clause

// Messages to bytes (RFC 6455 5 and 6.1). A frame is judged first, then its header is written
// behind what the buffer holds, then its payload, masked on the way for a client.

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "nexwire/ws.h"

#include "wire/simd/kernels.h"
#include "wire/ws/frame.h"

int nx_ws_writer_init(struct nx_ws_writer *writer, enum nx_ws_role role, nx_random random,
	void *context, enum nx_simd simd)
{
	const struct nx_kernels *kernels = nx_kernels_of(simd);

	if (role == NX_WS_CLIENT && random == NULL)
		return -EINVAL;
	if (kernels == NULL)
		return -ENOTSUP;
	*writer = (struct nx_ws_writer){.kernels = kernels,
		.random = random,
		.random_context = context,
		.masks = role == NX_WS_CLIENT};
	return 0;
}

static size_t header_size(uint64_t length)
{
	return length < FRAME_LENGTH_16 ? 2 : length <= UINT16_MAX ? 4 : 10;
}

size_t nx_ws_header(uint8_t header[NX_WS_HEADER_MAX], uint8_t first, uint64_t length)
{
	header[0] = first;
	if (length < FRAME_LENGTH_16) {
		header[1] = (uint8_t)length;
		return 2;
	}
	if (length <= UINT16_MAX) {
		uint16_t narrow = htobe16((uint16_t)length);

		header[1] = FRAME_LENGTH_16;
		memcpy(header + 2, &narrow, sizeof(narrow));
		return 4;
	}
	uint64_t wide = htobe64(length);

	header[1] = FRAME_LENGTH_64;
	memcpy(header + 2, &wide, sizeof(wide));
	return 10;
}

// A key that was not used before. Used keys are wiped: they say nothing about the ones to come, but
// need not be read from memory either.
static bool key_draw(struct nx_ws_writer *writer, uint32_t *key)
{
	if (writer->keys_left == 0) {
		if (!writer->random(writer->random_context, writer->keys, sizeof(writer->keys)))
			return false;
		writer->keys_left = NX_WS_KEYS;
	}
	*key = writer->keys[--writer->keys_left];
	writer->keys[writer->keys_left] = 0;
	return true;
}

// Whether a frame may come now.
static enum nx_ws_write_verdict judge(
	const struct nx_ws_writer *writer, uint8_t first, size_t length)
{
	uint8_t opcode = first & FRAME_OPCODE;

	if (writer->closed)
		return NX_WS_WRITE_AFTER_CLOSE;
	if (frame_is_control(first)) {
		if (!(first & FRAME_FIN))
			return NX_WS_WRITE_CONTROL_FRAGMENTED;
		return length > NX_WS_CONTROL_MAX ? NX_WS_WRITE_CONTROL_TOO_LONG : NX_WS_WRITTEN;
	}
	if (opcode == NX_WS_CONTINUATION)
		return writer->open ? NX_WS_WRITTEN : NX_WS_WRITE_NOTHING_TO_CONTINUE;
	return writer->open ? NX_WS_WRITE_MESSAGE_OPEN : NX_WS_WRITTEN;
}

// Header and masked payload at `to`; the payload may be in place already.
static enum nx_ws_write_verdict frame_put(
	struct nx_ws_writer *writer, uint8_t *to, uint8_t first, const uint8_t *data, size_t length)
{
	size_t size;
	uint32_t key;

	if (!writer->masks) {
		size = nx_ws_header(to, first, length);
		if (length > 0 && data != to + size)
			memcpy(to + size, data, length);
		return NX_WS_WRITTEN;
	}
	if (!key_draw(writer, &key))
		return NX_WS_WRITE_RANDOM_FAILED;
	size = nx_ws_header(to, first, length);
	to[1] |= FRAME_MASK;
	memcpy(to + size, &key, FRAME_KEY_BYTES);
	writer->kernels->mask(to + size + FRAME_KEY_BYTES, data, length, key);
	return NX_WS_WRITTEN;
}

static void frame_written(struct nx_ws_writer *writer, uint8_t first)
{
	uint8_t opcode = first & FRAME_OPCODE;

	if (frame_is_control(first)) {
		writer->closed = opcode == NX_WS_CLOSE;
		return;
	}
	if (opcode != NX_WS_CONTINUATION)
		writer->open = opcode;
	if (first & FRAME_FIN)
		writer->open = 0;
}

static enum nx_ws_write_verdict frame_write(struct nx_ws_writer *writer,
	struct nx_write_buffer *buffer, uint8_t first, const void *data, size_t length)
{
	size_t room = nx_write_buffer_room(buffer);
	size_t size = header_size(length) + (writer->masks ? FRAME_KEY_BYTES : 0);
	enum nx_ws_write_verdict verdict = judge(writer, first, length);

	if (verdict != NX_WS_WRITTEN)
		return verdict;
	if (size > room || length > room - size)
		return NX_WS_WRITE_NO_ROOM;
	verdict = frame_put(writer, nx_write_buffer_space(buffer), first, data, length);
	if (verdict != NX_WS_WRITTEN)
		return verdict;
	buffer->tail += size + length;
	frame_written(writer, first);
	return NX_WS_WRITTEN;
}

static bool is_message_opcode(enum nx_ws_opcode opcode)
{
	return opcode == NX_WS_TEXT || opcode == NX_WS_BINARY;
}

// A few vectors cost less here than a call of memcpy.
static inline void copy_short(uint8_t *to, const uint8_t *from, size_t length)
{
	size_t at = 0;

	if (length < 16 || length > 256) {
		if (length > 0)
			memcpy(to, from, length);
		return;
	}
	for (; at + 16 <= length; at += 16)
		memcpy(to + at, from + at, 16);
	memcpy(to + length - 16, from + length - 16, 16);
}

// What a server writes nearly always: a whole short message, nothing open. It leaves the writer as
// it was.
static inline bool is_plain(
	const struct nx_ws_writer *writer, enum nx_ws_opcode opcode, size_t length, size_t room)
{
	return !writer->masks && !writer->closed && writer->open == 0 &&
	       is_message_opcode(opcode) && length <= UINT16_MAX &&
	       room >= length + NX_WS_HEADER_MAX;
}

enum nx_ws_write_verdict nx_ws_write(struct nx_ws_writer *writer, struct nx_write_buffer *buffer,
	enum nx_ws_opcode opcode, const void *data, size_t length)
{
	uint8_t *to = nx_write_buffer_space(buffer);
	size_t size;

	if (is_plain(writer, opcode, length, nx_write_buffer_room(buffer))) {
		size = nx_ws_header(to, (uint8_t)(FRAME_FIN | opcode), length);
		copy_short(to + size, data, length);
		buffer->tail += size + length;
		return NX_WS_WRITTEN;
	}
	if (!is_message_opcode(opcode) && opcode != NX_WS_PING && opcode != NX_WS_PONG)
		return NX_WS_WRITE_OPCODE_INVALID;
	return frame_write(writer, buffer, FRAME_FIN | opcode, data, length);
}

enum nx_ws_write_verdict nx_ws_write_compressed(struct nx_ws_writer *writer,
	struct nx_write_buffer *buffer, enum nx_ws_opcode opcode, const void *data, size_t length)
{
	if (!is_message_opcode(opcode))
		return NX_WS_WRITE_OPCODE_INVALID;
	return frame_write(writer, buffer, FRAME_FIN | FRAME_RSV1 | opcode, data, length);
}

enum nx_ws_write_verdict nx_ws_write_fragment(struct nx_ws_writer *writer,
	struct nx_write_buffer *buffer, enum nx_ws_opcode opcode, bool is_last, const void *data,
	size_t length)
{
	if (opcode == NX_WS_CLOSE || opcode == NX_WS_PING || opcode == NX_WS_PONG)
		return NX_WS_WRITE_CONTROL_FRAGMENTED;
	if (!is_message_opcode(opcode) && opcode != NX_WS_CONTINUATION)
		return NX_WS_WRITE_OPCODE_INVALID;
	return frame_write(
		writer, buffer, (uint8_t)((is_last ? FRAME_FIN : 0) | opcode), data, length);
}

enum nx_ws_write_verdict nx_ws_write_close(struct nx_ws_writer *writer,
	struct nx_write_buffer *buffer, uint16_t code, const char *reason, size_t length)
{
	uint8_t payload[NX_WS_CONTROL_MAX] = {(uint8_t)(code >> 8), (uint8_t)code};

	if (code == NX_WS_CLOSE_NO_CODE && length == 0)
		return frame_write(writer, buffer, FRAME_FIN | NX_WS_CLOSE, NULL, 0);
	if (!nx_ws_close_code_is_valid(code))
		return NX_WS_WRITE_CLOSE_CODE_INVALID;
	if (length > NX_WS_CONTROL_MAX - 2)
		return NX_WS_WRITE_CONTROL_TOO_LONG;
	if (length > 0)
		memcpy(payload + 2, reason, length);
	if (!writer->kernels->utf8(payload + 2, length))
		return NX_WS_WRITE_REASON_NOT_UTF8;
	return frame_write(writer, buffer, FRAME_FIN | NX_WS_CLOSE, payload, length + 2);
}

enum nx_ws_write_verdict nx_ws_write_begin(struct nx_ws_writer *writer,
	struct nx_write_buffer *buffer, size_t limit, uint8_t **payload)
{
	size_t room = nx_write_buffer_room(buffer);
	size_t size = header_size(limit) + (writer->masks ? FRAME_KEY_BYTES : 0);

	if (size > room || limit > room - size)
		return NX_WS_WRITE_NO_ROOM;
	writer->header = (uint8_t)size;
	writer->reserved = limit;
	*payload = nx_write_buffer_space(buffer) + size;
	return NX_WS_WRITTEN;
}

// Puts the header before what was written in place.
static enum nx_ws_write_verdict end(
	struct nx_ws_writer *writer, struct nx_write_buffer *buffer, uint8_t first, size_t length)
{
	size_t size = header_size(length) + (writer->masks ? FRAME_KEY_BYTES : 0);
	uint8_t *payload = nx_write_buffer_space(buffer) + writer->header;
	enum nx_ws_write_verdict verdict;
	size_t spared;

	if (writer->header == 0 || length > writer->reserved)
		return NX_WS_WRITE_NOT_RESERVED;
	verdict = judge(writer, first, length);
	if (verdict != NX_WS_WRITTEN)
		return verdict;
	spared = writer->header - size;
	// Less was written than the header had room to say. Ahead of the only frame the gap costs
	// nothing; behind others the payload moves up to its shorter header.
	if (spared > 0 && nx_write_buffer_length(buffer) > 0) {
		payload -= spared;
		memmove(payload, payload + spared, length);
		spared = 0;
	}
	verdict = frame_put(writer, payload - size, first, payload, length);
	if (verdict != NX_WS_WRITTEN)
		return verdict;
	writer->header = 0;
	buffer->head += spared;
	buffer->tail += spared + size + length;
	frame_written(writer, first);
	return NX_WS_WRITTEN;
}

enum nx_ws_write_verdict nx_ws_write_end(struct nx_ws_writer *writer,
	struct nx_write_buffer *buffer, enum nx_ws_opcode opcode, size_t length)
{
	if (!is_message_opcode(opcode) && opcode != NX_WS_PING && opcode != NX_WS_PONG)
		return NX_WS_WRITE_OPCODE_INVALID;
	return end(writer, buffer, FRAME_FIN | opcode, length);
}

enum nx_ws_write_verdict nx_ws_write_end_compressed(struct nx_ws_writer *writer,
	struct nx_write_buffer *buffer, enum nx_ws_opcode opcode, size_t length)
{
	if (!is_message_opcode(opcode))
		return NX_WS_WRITE_OPCODE_INVALID;
	return end(writer, buffer, FRAME_FIN | FRAME_RSV1 | opcode, length);
}
