// SPDX-License-Identifier: BSD-3-Clause

// Bytes to messages (RFC 6455 5 and 6.2). The reader is between frames or in one. A frame's header
// is consumed as soon as it is whole; its payload is judged as it comes, either where it lies
// (control frames, and messages of one frame that fits the buffer) or on its way to the assembly.

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "nexwire/ws.h"

#include "wire/ws/assembly.h"
#include "wire/ws/frame.h"
#include "wire/ws/utf8.h"

#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

enum {
	DEFAULT_LIMIT = 16 << 20
};

int nx_ws_reader_init(struct nx_ws_reader *reader, struct nx_read_buffer *buffer,
	const struct nx_ws_reader_config *config)
{
	const struct nx_kernels *kernels = nx_kernels_of(config->simd);

	if (buffer->capacity < NX_WS_CONTROL_MAX)
		return -EINVAL;
	if (kernels == NULL)
		return -ENOTSUP;
	*reader = (struct nx_ws_reader){
		.buffer = buffer,
		.kernels = kernels,
		.mask_bit = config->role == NX_WS_SERVER ? FRAME_MASK : 0,
		.rsv_allowed = config->compression ? FRAME_RSV1 : 0,
		.frame_limit = config->frame_limit ? config->frame_limit : DEFAULT_LIMIT,
		.message_limit = config->message_limit ? config->message_limit : DEFAULT_LIMIT,
	};
	nx_assembly_init(reader, config);
	return 0;
}

void nx_ws_reader_fini(struct nx_ws_reader *reader)
{
	nx_assembly_fini(reader);
	*reader = (struct nx_ws_reader){.over = NX_WS_CLOSED};
}

static enum nx_ws_verdict judge_first_bytes(
	const struct nx_ws_reader *reader, uint8_t first, uint8_t second)
{
	uint8_t opcode = first & FRAME_OPCODE;
	bool is_data = opcode == NX_WS_TEXT || opcode == NX_WS_BINARY;

	if (opcode > NX_WS_PONG || (opcode > NX_WS_BINARY && opcode < NX_WS_CLOSE))
		return NX_WS_OPCODE_RESERVED;
	// Only the first frame of a message says whether it is compressed (RFC 7692 6).
	if (first & FRAME_RSV & (is_data ? (uint8_t)~reader->rsv_allowed : FRAME_RSV))
		return NX_WS_RESERVED_BIT_SET;
	if ((second & FRAME_MASK) != reader->mask_bit)
		return reader->mask_bit ? NX_WS_MASK_MISSING : NX_WS_MASK_UNEXPECTED;
	if (frame_is_control(first)) {
		if (!(first & FRAME_FIN))
			return NX_WS_CONTROL_FRAGMENTED;
		if ((second & FRAME_LENGTH) > NX_WS_CONTROL_MAX)
			return NX_WS_CONTROL_TOO_LONG;
	}
	if (opcode == NX_WS_CONTINUATION && !reader->assembling)
		return NX_WS_NOTHING_TO_CONTINUE;
	if (is_data && reader->assembling)
		return NX_WS_MESSAGE_INTERRUPTED;
	return NX_WS_MESSAGE;
}

// The length that follows the first two bytes.
static enum nx_ws_verdict read_long_length(const uint8_t *field, bool is_64, uint64_t *length)
{
	uint64_t wide;
	uint16_t narrow;

	if (!is_64) {
		memcpy(&narrow, field, sizeof(narrow));
		*length = be16toh(narrow);
		return *length < FRAME_LENGTH_16 ? NX_WS_LENGTH_NOT_MINIMAL : NX_WS_MESSAGE;
	}
	memcpy(&wide, field, sizeof(wide));
	*length = be64toh(wide);
	if (*length >> 63)
		return NX_WS_LENGTH_OUT_OF_RANGE;
	return *length <= UINT16_MAX ? NX_WS_LENGTH_NOT_MINIMAL : NX_WS_MESSAGE;
}

static enum nx_ws_verdict judge_length(const struct nx_ws_reader *reader, uint64_t length)
{
	if (length > reader->frame_limit)
		return NX_WS_FRAME_TOO_LARGE;
	// The assembly never holds more than the limit.
	if (length > reader->message_limit - reader->assembled)
		return NX_WS_MESSAGE_TOO_LARGE;
	return NX_WS_MESSAGE;
}

static void message_begin(struct nx_ws_reader *reader, uint8_t first)
{
	reader->message_first = first;
	reader->is_text = (first & (FRAME_OPCODE | FRAME_RSV1)) == NX_WS_TEXT;
	reader->utf8.left = 0;
}

// Consumes a frame's header. NX_WS_MESSAGE: the reader is in the frame.
static enum nx_ws_verdict header_take(struct nx_ws_reader *reader)
{
	const uint8_t *p = nx_read_buffer_data(reader->buffer);
	size_t have = nx_read_buffer_length(reader->buffer);
	size_t size = reader->mask_bit ? 2 + FRAME_KEY_BYTES : 2;
	enum nx_ws_verdict verdict;
	uint64_t length;

	if (have < 2)
		return NX_WS_NEED_MORE;
	verdict = judge_first_bytes(reader, p[0], p[1]);
	if (unlikely(verdict != NX_WS_MESSAGE))
		return verdict;
	length = p[1] & FRAME_LENGTH;
	if (length >= FRAME_LENGTH_16) {
		bool is_64 = length == FRAME_LENGTH_64;

		size += is_64 ? 8 : 2;
		if (have < size)
			return NX_WS_NEED_MORE;
		verdict = read_long_length(p + 2, is_64, &length);
		if (unlikely(verdict != NX_WS_MESSAGE))
			return verdict;
	}
	if (have < size)
		return NX_WS_NEED_MORE;
	if (!frame_is_control(p[0])) {
		verdict = judge_length(reader, length);
		if (unlikely(verdict != NX_WS_MESSAGE))
			return verdict;
		if ((p[0] & FRAME_OPCODE) != NX_WS_CONTINUATION)
			message_begin(reader, p[0]);
	}
	if (reader->mask_bit)
		memcpy(&reader->key, p + size - FRAME_KEY_BYTES, FRAME_KEY_BYTES);
	reader->first = p[0];
	reader->left = length;
	reader->judged = 0;
	reader->in_frame = true;
	reader->in_place = (p[0] & FRAME_FIN) && (p[0] & FRAME_OPCODE) != NX_WS_CONTINUATION &&
			   length <= reader->buffer->capacity;
	reader->buffer->head += size;
	return NX_WS_MESSAGE;
}

// Unmasks the next n bytes of payload and judges their UTF-8 where it matters.
static bool take_payload(
	struct nx_ws_reader *reader, uint8_t *to, const uint8_t *from, size_t n, bool is_text)
{
	const struct nx_kernels *kernels = reader->kernels;

	if (reader->mask_bit) {
		uint32_t key = reader->key;

		reader->key = nx_key_after(key, n);
		if (!is_text) {
			kernels->mask(to, from, n, key);
			return true;
		}
		if (kernels->mask_ascii(to, from, n, key) && reader->utf8.left == 0)
			return true;
	} else if (to != from) {
		memcpy(to, from, n);
	}
	if (!is_text)
		return true;
	// Nearly every piece begins and ends between characters.
	if (reader->utf8.left == 0 && n > 0 && to[n - 1] < 0x80)
		return kernels->utf8(to, n);
	return nx_utf8_feed(&reader->utf8, kernels, to, n);
}

static enum nx_ws_verdict close_take(struct nx_ws_reader *reader, const uint8_t *payload, size_t n,
	struct nx_ws_message *message)
{
	uint16_t code = NX_WS_CLOSE_NO_CODE;

	if (n == 1)
		return NX_WS_CLOSE_TRUNCATED;
	if (n >= 2) {
		code = (uint16_t)(payload[0] << 8 | payload[1]);
		if (!nx_ws_close_code_is_valid(code))
			return NX_WS_CLOSE_CODE_INVALID;
		payload += 2;
		n -= 2;
		if (!reader->kernels->utf8(payload, n))
			return NX_WS_CLOSE_REASON_NOT_UTF8;
	}
	*message = (struct nx_ws_message){
		.data = payload, .length = n, .opcode = NX_WS_CLOSE, .close_code = code};
	reader->over = NX_WS_CLOSED;
	return NX_WS_MESSAGE;
}

// A payload that is waited for where it lies.
static enum nx_ws_verdict payload_in_place(
	struct nx_ws_reader *reader, struct nx_ws_message *message)
{
	uint8_t *payload = nx_read_buffer_data(reader->buffer);
	size_t have = nx_read_buffer_length(reader->buffer);
	size_t length = reader->left;
	bool is_text = reader->is_text && !frame_is_control(reader->first);
	size_t judged = reader->judged;

	if (have > length)
		have = length;
	if (!take_payload(reader, payload + judged, payload + judged, have - judged, is_text))
		return NX_WS_TEXT_NOT_UTF8;
	reader->judged = have;
	if (have < length)
		return NX_WS_NEED_MORE;
	if (is_text && reader->utf8.left > 0)
		return NX_WS_TEXT_NOT_UTF8;
	reader->in_frame = false;
	reader->buffer->head += length;
	if (unlikely((reader->first & FRAME_OPCODE) == NX_WS_CLOSE))
		return close_take(reader, payload, length, message);
	*message = (struct nx_ws_message){.data = payload,
		.length = length,
		.opcode = (enum nx_ws_opcode)(reader->first & FRAME_OPCODE),
		.compressed = reader->first & FRAME_RSV1};
	return NX_WS_MESSAGE;
}

static enum nx_ws_verdict assembly_finish(
	struct nx_ws_reader *reader, struct nx_ws_message *message)
{
	if (reader->is_text && reader->utf8.left > 0)
		return NX_WS_TEXT_NOT_UTF8;
	*message = (struct nx_ws_message){.data = reader->assembly,
		.length = reader->assembled,
		.opcode = (enum nx_ws_opcode)(reader->message_first & FRAME_OPCODE),
		.compressed = reader->message_first & FRAME_RSV1};
	reader->assembled = 0;
	reader->assembling = false;
	return NX_WS_MESSAGE;
}

// A payload that goes to the assembly. NX_WS_MESSAGE: the frame is done; message->data tells
// whether the message is.
static enum nx_ws_verdict payload_to_assembly(
	struct nx_ws_reader *reader, struct nx_ws_message *message)
{
	const uint8_t *payload = nx_read_buffer_data(reader->buffer);
	size_t have = nx_read_buffer_length(reader->buffer);
	enum nx_ws_verdict verdict;

	if (have > reader->left)
		have = reader->left;
	// For what has come, not for what a header promises.
	verdict = nx_assembly_reserve(reader, have);
	if (verdict != NX_WS_MESSAGE)
		return verdict;
	reader->assembling = true;
	if (!take_payload(
		    reader, reader->assembly + reader->assembled, payload, have, reader->is_text))
		return NX_WS_TEXT_NOT_UTF8;
	reader->buffer->head += have;
	reader->assembled += have;
	reader->left -= have;
	if (reader->left > 0)
		return NX_WS_NEED_MORE;
	reader->in_frame = false;
	return reader->first & FRAME_FIN ? assembly_finish(reader, message) : NX_WS_NEED_MORE;
}

// Frames until one ends a message or bytes are missing.
static enum nx_ws_verdict read_on(struct nx_ws_reader *reader, struct nx_ws_message *message)
{
	for (;;) {
		enum nx_ws_verdict verdict;

		if (!reader->in_frame) {
			verdict = header_take(reader);
			if (verdict != NX_WS_MESSAGE)
				return verdict;
		}
		if (likely(reader->in_place))
			return payload_in_place(reader, message);
		verdict = payload_to_assembly(reader, message);
		if (verdict != NX_WS_NEED_MORE || reader->in_frame)
			return verdict;
	}
}

// The payload of a frame whose header has just been judged, all of it there.
static inline bool payload_whole(
	const struct nx_ws_reader *reader, uint8_t *payload, size_t n, bool is_text)
{
	const struct nx_kernels *kernels = reader->kernels;
	uint32_t key;

	if (!reader->mask_bit)
		return !is_text || kernels->utf8(payload, n);
	memcpy(&key, payload - FRAME_KEY_BYTES, FRAME_KEY_BYTES);
	if (is_text)
		return kernels->mask_ascii(payload, payload, n, key) || kernels->utf8(payload, n);
	kernels->mask(payload, payload, n, key);
	return true;
}

// Nearly every frame is a whole message of text or bytes, short, and all there: it is taken without
// the reader's state. Any other, and any that breaks a rule, is left alone.
static inline bool message_whole(
	struct nx_ws_reader *reader, struct nx_ws_message *message, enum nx_ws_verdict *verdict)
{
	uint8_t *p = nx_read_buffer_data(reader->buffer);
	size_t have = nx_read_buffer_length(reader->buffer);
	size_t size = reader->mask_bit ? 2 + FRAME_KEY_BYTES : 2;
	size_t length;

	if (have < size || reader->in_frame || reader->assembling)
		return false;
	length = p[1] ^ reader->mask_bit;
	if ((uint8_t)(p[0] - (FRAME_FIN | NX_WS_TEXT)) > NX_WS_BINARY - NX_WS_TEXT)
		return false;
	if (length == FRAME_LENGTH_16) {
		size += 2;
		if (have < size)
			return false;
		length = (size_t)p[2] << 8 | p[3];
		if (length < FRAME_LENGTH_16)
			return false;
	} else if (length > FRAME_LENGTH_16) {
		return false;
	}
	if (have - size < length || length > reader->frame_limit || length > reader->message_limit)
		return false;
	reader->buffer->head += size + length;
	*message = (struct nx_ws_message){.data = p + size,
		.length = length,
		.opcode = (enum nx_ws_opcode)(p[0] & FRAME_OPCODE)};
	*verdict = likely(payload_whole(reader, p + size, length, p[0] == (FRAME_FIN | NX_WS_TEXT)))
			   ? NX_WS_MESSAGE
			   : NX_WS_TEXT_NOT_UTF8;
	return true;
}

enum nx_ws_verdict nx_ws_reader_next(struct nx_ws_reader *reader, struct nx_ws_message *message)
{
	enum nx_ws_verdict verdict;

	if (unlikely(reader->over != NX_WS_MESSAGE))
		return reader->over;
	if (!message_whole(reader, message, &verdict))
		verdict = read_on(reader, message);
	if (unlikely(verdict > NX_WS_CLOSED))
		reader->over = verdict;
	return verdict;
}
