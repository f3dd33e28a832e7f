// SPDX-License-Identifier: BSD-3-Clause
#include "writer.h"

// "ffffffff\r\n": room for the size of a chunk that is written in place.
enum {
	CHUNK_SIZE_DIGITS = 8,
	CHUNK_HEAD = CHUNK_SIZE_DIGITS + 2
};

static const struct nx_http_slice line_end = {(const uint8_t *)"\r\n", 2};

// 1xx, 204 and a tunnel say nothing of a length (RFC 9110 8.6, RFC 9112 6.1).
static bool says_no_length(const struct nx_http_writer *writer)
{
	return (writer->status != 0 && (writer->status < 200 || writer->status == 204)) ||
	       (writer->flags & NX_HTTP_WRITE_TUNNEL) != 0;
}

static bool has_no_content(const struct nx_http_writer *writer)
{
	return says_no_length(writer) || writer->status == 304 ||
	       (writer->flags & NX_HTTP_WRITE_NO_CONTENT) != 0;
}

static bool forbids_body(const struct nx_http_writer *writer)
{
	if (writer->status != 0)
		return says_no_length(writer) || writer->status == 304;
	return writer->method == NX_HTTP_CONNECT || writer->method == NX_HTTP_TRACE;
}

// Everything up to the line that says the length.
static void end_fields(struct nx_http_writer *writer)
{
	nx_http_write_line_end(writer);
	if (writer->status == 0 && !writer->has_host)
		http_write_fault(writer, NX_HTTP_WRITE_HOST_MISSING);
	if (writer->status < 200 && writer->status != 0)
		return;
	if ((writer->flags & NX_HTTP_WRITE_CLOSE) != 0 && !writer->says_close) {
		http_write_slice(writer, NX_HTTP_TEXT("Connection: close\r\n"));
		writer->says_close = true;
	} else if ((writer->flags & NX_HTTP_WRITE_KEEP) != 0 && !writer->says_close) {
		http_write_slice(writer, NX_HTTP_TEXT("Connection: keep-alive\r\n"));
	}
}

static void write_length_line(struct nx_http_writer *writer, uint64_t length)
{
	uint8_t digits[20];
	size_t n = nx_http_digits(digits, length);

	nx_http_write_line(
		writer, NX_HTTP_TEXT("Content-Length"), (struct nx_http_slice){digits + 20 - n, n});
}

// The head is over: it stands in the buffer whole, or not at all.
static enum nx_http_verdict end_head(struct nx_http_writer *writer, enum http_write_phase phase)
{
	writer->phase = (uint8_t)phase;
	if (writer->fault == NX_HTTP_OK)
		return NX_HTTP_OK;
	writer->phase = HTTP_WRITE_DONE;
	writer->buffer->tail = writer->buffer->head + writer->start;
	return (enum nx_http_verdict)writer->fault;
}

enum nx_http_verdict nx_http_write_end(struct nx_http_writer *writer)
{
	bool expects_body = writer->method == NX_HTTP_POST || writer->method == NX_HTTP_PUT ||
			    writer->method == NX_HTTP_PATCH;

	end_fields(writer);
	if (writer->status == 0 ? expects_body : !has_no_content(writer))
		http_write_slice(writer, NX_HTTP_TEXT("Content-Length: 0\r\n"));
	http_write_slice(writer, line_end);
	return end_head(writer, HTTP_WRITE_DONE);
}

enum nx_http_verdict nx_http_write_body(struct nx_http_writer *writer, struct nx_http_slice content)
{
	if (content.length == 0 && forbids_body(writer))
		return nx_http_write_end(writer);
	end_fields(writer);
	if (forbids_body(writer))
		http_write_fault(writer, NX_HTTP_WRITE_BODY_FORBIDDEN);
	write_length_line(writer, content.length);
	http_write_slice(writer, line_end);
	if (!has_no_content(writer))
		http_write_slice(writer, content);
	return end_head(writer, HTTP_WRITE_DONE);
}

enum nx_http_verdict nx_http_write_length(struct nx_http_writer *writer, uint64_t length)
{
	bool not_modified = writer->status == 304; // may say the length of what it stands for

	if (length == 0 && forbids_body(writer) && !not_modified)
		return nx_http_write_end(writer);
	end_fields(writer);
	if ((forbids_body(writer) && !not_modified) || length > INT64_MAX)
		http_write_fault(writer, NX_HTTP_WRITE_BODY_FORBIDDEN);
	write_length_line(writer, length);
	http_write_slice(writer, line_end);
	writer->left = length;
	if (length == 0)
		return end_head(writer, HTTP_WRITE_DONE);
	return end_head(writer, has_no_content(writer) ? HTTP_WRITE_DROPPED : HTTP_WRITE_CONTENT);
}

enum nx_http_verdict nx_http_write_chunked(struct nx_http_writer *writer)
{
	bool to_close = (writer->flags & NX_HTTP_WRITE_OLD_PEER) != 0;
	enum http_write_phase phase = to_close ? HTTP_WRITE_TO_CLOSE : HTTP_WRITE_CHUNKS;

	if (forbids_body(writer))
		http_write_fault(writer, NX_HTTP_WRITE_BODY_FORBIDDEN);
	if (to_close)
		writer->flags |= NX_HTTP_WRITE_CLOSE;
	end_fields(writer);
	http_write_slice(
		writer, to_close ? line_end : NX_HTTP_TEXT("Transfer-Encoding: chunked\r\n\r\n"));
	return end_head(writer, has_no_content(writer) ? HTTP_WRITE_DROPPED : phase);
}

enum nx_http_verdict nx_http_write_body_open(
	struct nx_http_writer *writer, uint8_t **space, size_t *room)
{
	struct nx_write_buffer *buffer = writer->buffer;
	enum nx_http_verdict verdict;

	end_fields(writer);
	if (forbids_body(writer))
		http_write_fault(writer, NX_HTTP_WRITE_BODY_FORBIDDEN);
	http_write_slice(writer, NX_HTTP_TEXT("Content-Length:"));
	writer->mark = nx_write_buffer_length(buffer);
	// 20 digits, right-aligned behind spaces: white space before a value means nothing.
	http_write_slice(writer, NX_HTTP_TEXT("                    \r\n\r\n"));
	verdict = end_head(writer, HTTP_WRITE_IN_PLACE);
	if (verdict != NX_HTTP_OK)
		return verdict;
	*space = nx_write_buffer_space(buffer);
	*room = nx_write_buffer_room(buffer);
	return NX_HTTP_OK;
}

enum nx_http_verdict nx_http_write_body_close(struct nx_http_writer *writer, size_t length)
{
	struct nx_write_buffer *buffer = writer->buffer;
	uint8_t digits[20];
	size_t n = nx_http_digits(digits, length);

	if (writer->phase != HTTP_WRITE_IN_PLACE)
		return NX_HTTP_WRITE_OUT_OF_ORDER;
	if (length > nx_write_buffer_room(buffer))
		return NX_HTTP_WRITE_NO_ROOM;
	memcpy(nx_write_buffer_data(buffer) + writer->mark + 20 - n, digits + 20 - n, n);
	if (!has_no_content(writer))
		buffer->tail += length;
	writer->phase = HTTP_WRITE_DONE;
	return NX_HTTP_OK;
}

static enum nx_http_verdict write_chunk(struct nx_http_writer *writer, struct nx_http_slice content)
{
	static const char hex[16] = "0123456789abcdef";
	size_t digits = (size_t)(67 - __builtin_clzll(content.length)) / 4;
	uint8_t *p = nx_write_buffer_space(writer->buffer);
	size_t room = nx_write_buffer_room(writer->buffer);

	if (room < digits + 4 || room - digits - 4 < content.length)
		return NX_HTTP_WRITE_NO_ROOM;
	for (size_t i = digits; i > 0; i--)
		*p++ = (uint8_t)hex[content.length >> (4 * (i - 1)) & 15];
	p = http_append(http_append(p, line_end), content);
	http_append(p, line_end);
	writer->buffer->tail += digits + 4 + content.length;
	return NX_HTTP_OK;
}

enum nx_http_verdict nx_http_write_content(
	struct nx_http_writer *writer, struct nx_http_slice content)
{
	enum http_write_phase phase = (enum http_write_phase)writer->phase;

	if (phase != HTTP_WRITE_CONTENT && phase != HTTP_WRITE_CHUNKS &&
		phase != HTTP_WRITE_TO_CLOSE && phase != HTTP_WRITE_DROPPED)
		return NX_HTTP_WRITE_OUT_OF_ORDER;
	if (phase == HTTP_WRITE_DROPPED || content.length == 0)
		return NX_HTTP_OK;
	if (phase == HTTP_WRITE_CHUNKS)
		return write_chunk(writer, content);
	if (phase == HTTP_WRITE_CONTENT && content.length > writer->left)
		return NX_HTTP_WRITE_LENGTH_WRONG;
	if (nx_write_buffer_append(writer->buffer, content.data, content.length) != NX_BUFFER_OK)
		return NX_HTTP_WRITE_NO_ROOM;
	if (phase == HTTP_WRITE_CONTENT)
		writer->left -= content.length;
	return NX_HTTP_OK;
}

enum nx_http_verdict nx_http_write_chunk_open(
	struct nx_http_writer *writer, uint8_t **space, size_t *room)
{
	size_t left = nx_write_buffer_room(writer->buffer);

	if (writer->phase != HTTP_WRITE_CHUNKS)
		return NX_HTTP_WRITE_OUT_OF_ORDER;
	if (left <= CHUNK_HEAD + 2)
		return NX_HTTP_WRITE_NO_ROOM;
	left -= CHUNK_HEAD + 2;
	writer->phase = HTTP_WRITE_CHUNK_IN_PLACE;
	*space = nx_write_buffer_space(writer->buffer) + CHUNK_HEAD;
	*room = left < UINT32_MAX ? left : UINT32_MAX;
	return NX_HTTP_OK;
}

enum nx_http_verdict nx_http_write_chunk_close(struct nx_http_writer *writer, size_t length)
{
	static const char hex[16] = "0123456789abcdef";
	uint8_t *p = nx_write_buffer_space(writer->buffer);

	if (writer->phase != HTTP_WRITE_CHUNK_IN_PLACE)
		return NX_HTTP_WRITE_OUT_OF_ORDER;
	if (length > UINT32_MAX || length > nx_write_buffer_room(writer->buffer) - CHUNK_HEAD - 2)
		return NX_HTTP_WRITE_NO_ROOM;
	writer->phase = HTTP_WRITE_CHUNKS;
	if (length == 0)
		return NX_HTTP_OK;
	for (int shift = 4 * (CHUNK_SIZE_DIGITS - 1); shift >= 0; shift -= 4)
		*p++ = (uint8_t)hex[length >> shift & 15];
	p = http_append(p, line_end);
	http_append(p + length, line_end);
	writer->buffer->tail += CHUNK_HEAD + length + 2;
	return NX_HTTP_OK;
}

enum nx_http_verdict nx_http_write_trailer(
	struct nx_http_writer *writer, struct nx_http_slice name, struct nx_http_slice value)
{
	struct nx_write_buffer *buffer = writer->buffer;
	enum nx_http_verdict verdict = nx_http_field_check(name, value);
	size_t room = nx_write_buffer_room(buffer);
	size_t needed = name.length + value.length + 4;

	if (writer->phase == HTTP_WRITE_DROPPED || writer->phase == HTTP_WRITE_TO_CLOSE)
		return verdict; // no place for it: trailers may always be lost (RFC 9110 6.5)
	if (writer->phase != HTTP_WRITE_CHUNKS && writer->phase != HTTP_WRITE_TRAILERS)
		return NX_HTTP_WRITE_OUT_OF_ORDER;
	if (verdict != NX_HTTP_OK)
		return verdict;
	if (nx_http_trailer_is_forbidden(name))
		return NX_HTTP_WRITE_FIELD_RESERVED;
	if (room < needed + (writer->phase == HTTP_WRITE_CHUNKS ? 3 : 0))
		return NX_HTTP_WRITE_NO_ROOM;
	if (writer->phase == HTTP_WRITE_CHUNKS)
		http_write_slice(writer, NX_HTTP_TEXT("0\r\n"));
	writer->phase = HTTP_WRITE_TRAILERS;
	nx_http_write_line(writer, name, value);
	return NX_HTTP_OK;
}

enum nx_http_verdict nx_http_write_finish(struct nx_http_writer *writer)
{
	struct nx_http_slice end = {NULL, 0};

	switch ((enum http_write_phase)writer->phase) {
	case HTTP_WRITE_CHUNKS:
		end = NX_HTTP_TEXT("0\r\n\r\n");
		break;
	case HTTP_WRITE_TRAILERS:
		end = line_end;
		break;
	case HTTP_WRITE_CONTENT:
		if (writer->left > 0)
			return NX_HTTP_WRITE_LENGTH_WRONG;
		break;
	case HTTP_WRITE_DROPPED:
	case HTTP_WRITE_TO_CLOSE:
	case HTTP_WRITE_DONE:
		break;
	default:
		return NX_HTTP_WRITE_OUT_OF_ORDER;
	}
	if (nx_write_buffer_room(writer->buffer) < end.length)
		return NX_HTTP_WRITE_NO_ROOM;
	http_write_slice(writer, end);
	writer->phase = HTTP_WRITE_DONE;
	return NX_HTTP_OK;
}

bool nx_http_writer_is_done(const struct nx_http_writer *writer)
{
	return writer->phase == HTTP_WRITE_DONE && writer->fault == NX_HTTP_OK;
}
