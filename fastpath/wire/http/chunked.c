// SPDX-License-Identifier: BSD-3-Clause
#include "nexwire/http_chunked.h"

#include "scan.h"

enum {
	SIZE_DIGITS = 16,
	EXTENSION_BYTES = 1024
};

enum phase {
	AT_SIZE,
	AT_EXTENSION_NAME,
	AT_EXTENSION_VALUE,
	AT_EXTENSION_TOKEN,
	AT_EXTENSION_QUOTED,
	AT_EXTENSION_ESCAPED,
	AT_EXTENSION_CLOSED,
	AT_SIZE_LF,
	AT_CONTENT,
	AT_CONTENT_CR,
	AT_CONTENT_LF,
	AT_TRAILER,
	AT_END,
	AT_FAULT
};

void nx_http_chunked_init(struct nx_http_chunked *chunked, const struct nx_http_limits *limits,
	struct nx_http_field *fields, uint16_t capacity)
{
	*chunked = (struct nx_http_chunked){.body_bytes = limits != NULL && limits->body_bytes != 0
								  ? limits->body_bytes
								  : INT64_MAX,
		.extension_bytes = limits != NULL && limits->extension_bytes != 0
					   ? limits->extension_bytes
					   : EXTENSION_BYTES};
	if (fields == NULL) {
		fields = chunked->own;
		capacity = NX_HTTP_OWN_TRAILERS;
	}
	nx_http_head_init(&chunked->trailer, NX_HTTP_TRAILER, limits, fields, capacity);
}

void nx_http_chunked_reset(struct nx_http_chunked *chunked)
{
	chunked->left = 0;
	chunked->total = 0;
	chunked->extensions = 0;
	chunked->phase = AT_SIZE;
	chunked->digits = 0;
	nx_http_head_reset(&chunked->trailer, NX_HTTP_OTHER);
}

static int hex_value(uint8_t byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	byte |= 0x20;
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

// The size line is over but for its LF: is the chunk acceptable?
static enum nx_http_verdict end_size(struct nx_http_chunked *chunked)
{
	if (chunked->left > chunked->body_bytes - chunked->total)
		return NX_HTTP_BODY_TOO_LARGE;
	chunked->total += chunked->left;
	chunked->phase = AT_SIZE_LF;
	return NX_HTTP_OK;
}

static enum nx_http_verdict read_size(struct nx_http_chunked *chunked, uint8_t byte)
{
	int value = hex_value(byte);

	if (value >= 0) {
		if (chunked->digits == SIZE_DIGITS || chunked->left >> 59 != 0)
			return NX_HTTP_CHUNK_SIZE_TOO_LARGE;
		chunked->digits++;
		chunked->left = chunked->left << 4 | (unsigned)value;
		return NX_HTTP_OK;
	}
	if (byte == '\n')
		return NX_HTTP_LINE_FEED_BARE;
	if (chunked->digits == 0)
		return NX_HTTP_CHUNK_SIZE_INVALID;
	chunked->digits = 0;
	if (byte == '\r')
		return end_size(chunked);
	if (byte != ';')
		return NX_HTTP_CHUNK_SIZE_INVALID;
	chunked->phase = AT_EXTENSION_NAME;
	return NX_HTTP_OK;
}

// Behind a name without value, a token or a closed quotation: the next extension, or the line's
// end.
static enum nx_http_verdict end_extension(struct nx_http_chunked *chunked, uint8_t byte)
{
	chunked->digits = 0;
	if (byte == '\r')
		return end_size(chunked);
	if (byte != ';')
		return NX_HTTP_CHUNK_EXTENSION_INVALID;
	chunked->phase = AT_EXTENSION_NAME;
	return NX_HTTP_OK;
}

// A byte of a token; digits says whether there was one before it.
static enum nx_http_verdict read_token(struct nx_http_chunked *chunked, uint8_t byte)
{
	if (http_byte_is(byte, HTTP_SET_TOKEN)) {
		chunked->digits = 1;
		return NX_HTTP_OK;
	}
	if (chunked->digits == 0)
		return NX_HTTP_CHUNK_EXTENSION_INVALID;
	if (byte != '=' || chunked->phase != AT_EXTENSION_NAME)
		return end_extension(chunked, byte);
	chunked->digits = 0;
	chunked->phase = AT_EXTENSION_VALUE;
	return NX_HTTP_OK;
}

// chunk-ext (RFC 9112 7.1.1) without its "bad" white space.
static enum nx_http_verdict read_extension(struct nx_http_chunked *chunked, uint8_t byte)
{
	if (byte == '\n')
		return NX_HTTP_LINE_FEED_BARE;
	if (++chunked->extensions > chunked->extension_bytes)
		return NX_HTTP_CHUNK_EXTENSIONS_TOO_LARGE;
	switch ((enum phase)chunked->phase) {
	case AT_EXTENSION_VALUE:
		if (byte == '"') {
			chunked->phase = AT_EXTENSION_QUOTED;
			return NX_HTTP_OK;
		}
		chunked->phase = AT_EXTENSION_TOKEN;
		return read_token(chunked, byte);
	case AT_EXTENSION_QUOTED:
		if (byte == '"')
			chunked->phase = AT_EXTENSION_CLOSED;
		else if (byte == '\\')
			chunked->phase = AT_EXTENSION_ESCAPED;
		else if (!http_byte_is(byte, HTTP_SET_VALUE))
			return NX_HTTP_CHUNK_EXTENSION_INVALID;
		return NX_HTTP_OK;
	case AT_EXTENSION_ESCAPED:
		chunked->phase = AT_EXTENSION_QUOTED;
		return http_byte_is(byte, HTTP_SET_VALUE) ? NX_HTTP_OK
							  : NX_HTTP_CHUNK_EXTENSION_INVALID;
	case AT_EXTENSION_CLOSED:
		return end_extension(chunked, byte);
	default:
		return read_token(chunked, byte);
	}
}

static enum nx_http_verdict read_line_end(struct nx_http_chunked *chunked, uint8_t byte)
{
	switch ((enum phase)chunked->phase) {
	case AT_SIZE_LF:
		if (byte != '\n')
			return NX_HTTP_CARRIAGE_RETURN_BARE;
		chunked->phase = chunked->left > 0 ? AT_CONTENT : AT_TRAILER;
		return NX_HTTP_OK;
	case AT_CONTENT_CR:
		chunked->phase = AT_CONTENT_LF;
		return byte == '\r' ? NX_HTTP_OK : NX_HTTP_CHUNK_END_INVALID;
	default:
		chunked->phase = AT_SIZE;
		return byte == '\n' ? NX_HTTP_OK : NX_HTTP_CHUNK_END_INVALID;
	}
}

static enum nx_http_verdict read_framing(struct nx_http_chunked *chunked, uint8_t byte)
{
	if (chunked->phase == AT_SIZE)
		return read_size(chunked, byte);
	if (chunked->phase < AT_SIZE_LF)
		return read_extension(chunked, byte);
	return read_line_end(chunked, byte);
}

static enum nx_http_verdict read_trailer(
	struct nx_http_chunked *chunked, const uint8_t *bytes, size_t length, size_t *consumed)
{
	enum nx_http_verdict verdict = nx_http_head_read(&chunked->trailer, bytes, length);

	if (verdict == NX_HTTP_OK) {
		*consumed += chunked->trailer.length;
		chunked->phase = AT_END;
	} else if (verdict != NX_HTTP_MORE) {
		*consumed += chunked->trailer.position;
	}
	return verdict;
}

// Up to the next piece of content, of at most `most` bytes, or the end.
static enum nx_http_verdict step(struct nx_http_chunked *chunked, const uint8_t *bytes,
	size_t length, size_t most, size_t *consumed, struct nx_http_slice *content)
{
	enum nx_http_verdict verdict;

	while (*consumed < length && chunked->phase != AT_CONTENT) {
		if (chunked->phase == AT_TRAILER)
			return read_trailer(
				chunked, bytes + *consumed, length - *consumed, consumed);
		verdict = read_framing(chunked, bytes[*consumed]);
		if (verdict != NX_HTTP_OK)
			return verdict;
		++*consumed;
	}
	if (chunked->phase != AT_CONTENT)
		return NX_HTTP_MORE;
	if (most > length - *consumed)
		most = length - *consumed;
	if (most > chunked->left)
		most = (size_t)chunked->left;
	*content = (struct nx_http_slice){bytes + *consumed, most};
	*consumed += most;
	chunked->left -= most;
	if (chunked->left == 0)
		chunked->phase = AT_CONTENT_CR;
	return NX_HTTP_MORE;
}

static enum nx_http_verdict read_piece(struct nx_http_chunked *chunked, const uint8_t *bytes,
	size_t length, size_t most, size_t *consumed, struct nx_http_slice *content)
{
	enum nx_http_verdict verdict;

	*consumed = 0;
	*content = (struct nx_http_slice){bytes, 0};
	if (chunked->phase == AT_END)
		return NX_HTTP_OK;
	if (chunked->phase == AT_FAULT)
		return (enum nx_http_verdict)chunked->fault;
	verdict = step(chunked, bytes, length, most, consumed, content);
	if (verdict > NX_HTTP_MORE) {
		chunked->fault = (uint8_t)verdict;
		chunked->phase = AT_FAULT;
	}
	return verdict;
}

enum nx_http_verdict nx_http_chunked_read(struct nx_http_chunked *chunked, const uint8_t *bytes,
	size_t length, size_t *consumed, struct nx_http_slice *content)
{
	return read_piece(chunked, bytes, length, SIZE_MAX, consumed, content);
}

enum nx_http_verdict nx_http_chunked_decode(struct nx_http_chunked *chunked, const uint8_t *bytes,
	size_t length, size_t *consumed, uint8_t *out, size_t room, size_t *produced)
{
	enum nx_http_verdict verdict;
	struct nx_http_slice content;
	size_t taken;

	*consumed = 0;
	*produced = 0;
	do {
		verdict = read_piece(chunked, bytes + *consumed, length - *consumed,
			room - *produced, &taken, &content);
		if (content.length > 0)
			memmove(out + *produced, content.data, content.length);
		*produced += content.length;
		*consumed += taken;
	} while (verdict == NX_HTTP_MORE && taken > 0);
	return verdict;
}

enum nx_http_verdict nx_http_chunked_each(struct nx_http_chunked *chunked, const uint8_t *bytes,
	size_t length, size_t *consumed, bool (*take)(void *context, struct nx_http_slice content),
	void *context)
{
	enum nx_http_verdict verdict;
	struct nx_http_slice content;
	size_t taken;

	*consumed = 0;
	do {
		verdict = nx_http_chunked_read(
			chunked, bytes + *consumed, length - *consumed, &taken, &content);
		*consumed += taken;
		if (content.length > 0 && !take(context, content))
			return NX_HTTP_MORE;
	} while (verdict == NX_HTTP_MORE && taken > 0);
	return verdict;
}
