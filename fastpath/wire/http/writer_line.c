// SPDX-License-Identifier: BSD-3-Clause
#include "scan.h"
#include "writer.h"

static void begin(struct nx_http_writer *writer, struct nx_write_buffer *buffer)
{
	*writer =
		(struct nx_http_writer){.buffer = buffer, .start = nx_write_buffer_length(buffer)};
}

// A path is any bytes that a target may have, and has no authority.
static bool is_path(const struct nx_http_writer *writer, struct nx_http_slice target)
{
	return target.length > 0 && target.data[0] == '/' && writer->method != NX_HTTP_CONNECT &&
	       http_all_in(target, HTTP_SET_TARGET);
}

void nx_http_write_request(struct nx_http_writer *writer, struct nx_write_buffer *buffer,
	struct nx_http_slice method, struct nx_http_slice base, struct nx_http_slice target)
{
	size_t joined;

	begin(writer, buffer);
	writer->method = (uint8_t)nx_http_method_of(method);
	if (method.length == 0 || method.length > HTTP_METHOD_BYTES ||
		(writer->method == NX_HTTP_OTHER && !http_all_in(method, HTTP_SET_TOKEN)))
		http_write_fault(writer, NX_HTTP_WRITE_METHOD_INVALID);
	http_write_slice(writer, method);
	http_write_slice(writer, NX_HTTP_TEXT(" "));
	writer->target = nx_write_buffer_length(buffer);
	if (base.length == 0) {
		// Judged where it comes from: to read what was written just now takes longer.
		writer->is_judged = is_path(writer, target);
		http_write_slice(writer, target);
		return;
	}
	if (writer->fault != NX_HTTP_OK)
		return;
	if (nx_http_path_join(nx_write_buffer_space(buffer), nx_write_buffer_room(buffer), base,
		    target, &joined) == NX_HTTP_OK)
		buffer->tail += joined;
	else
		http_write_fault(writer, NX_HTTP_WRITE_NO_ROOM);
}

// As it stands in the buffer, up to now.
static struct nx_http_slice target_of(const struct nx_http_writer *writer)
{
	return (struct nx_http_slice){nx_write_buffer_data(writer->buffer) + writer->target,
		nx_write_buffer_length(writer->buffer) - writer->target};
}

static bool is_at_query(struct nx_http_writer *writer)
{
	struct nx_http_slice target;

	if (writer->phase != HTTP_WRITE_LINE)
		http_write_fault(writer, NX_HTTP_WRITE_OUT_OF_ORDER);
	if (writer->fault != NX_HTTP_OK)
		return false;
	target = target_of(writer);
	writer->has_query |= memchr(target.data, '?', target.length) != NULL;
	http_write_slice(writer, writer->has_query ? NX_HTTP_TEXT("&") : NX_HTTP_TEXT("?"));
	writer->has_query = true;
	return writer->fault == NX_HTTP_OK;
}

static void write_encoded(struct nx_http_writer *writer, struct nx_http_slice text)
{
	struct nx_write_buffer *buffer = writer->buffer;
	size_t written;

	if (writer->fault != NX_HTTP_OK)
		return;
	if (nx_http_encode(nx_write_buffer_space(buffer), nx_write_buffer_room(buffer), text,
		    NX_HTTP_PART_QUERY, &written) == NX_HTTP_OK)
		buffer->tail += written;
	else
		http_write_fault(writer, NX_HTTP_WRITE_NO_ROOM);
}

void nx_http_write_query(
	struct nx_http_writer *writer, struct nx_http_slice name, struct nx_http_slice value)
{
	if (!is_at_query(writer))
		return;
	write_encoded(writer, name);
	http_write_slice(writer, NX_HTTP_TEXT("="));
	write_encoded(writer, value);
}

void nx_http_write_query_raw(struct nx_http_writer *writer, struct nx_http_slice text)
{
	if (!http_all_in(text, HTTP_SET_TARGET))
		http_write_fault(writer, NX_HTTP_WRITE_TARGET_INVALID);
	if (is_at_query(writer))
		http_write_slice(writer, text);
}

// The reader's own judgement of what stands in the buffer.
static bool target_is_valid(struct nx_http_writer *writer)
{
	struct nx_http_slice target = target_of(writer);
	struct nx_http_head head;

	if (target.length == 0 || target.length >= HTTP_HEAD_BYTES_MOST)
		return false;
	if (writer->is_judged || is_path(writer, target))
		return true;
	if (!http_all_in(target, HTTP_SET_TARGET))
		return false;
	head = (struct nx_http_head){
		.method = writer->method, .target = {0, (uint16_t)target.length}};
	if (nx_http_target_judge(&head, target.data) != NX_HTTP_OK)
		return false;
	writer->authority = head.authority.at;
	writer->authority_length = head.authority.length;
	return true;
}

void nx_http_write_line_end(struct nx_http_writer *writer)
{
	if (writer->phase == HTTP_WRITE_LINE && writer->fault == NX_HTTP_OK) {
		if (target_is_valid(writer))
			http_write_slice(writer, NX_HTTP_TEXT(" HTTP/1.1\r\n"));
		else
			writer->fault = NX_HTTP_WRITE_TARGET_INVALID;
		writer->phase = HTTP_WRITE_FIELDS;
	}
	if (writer->phase != HTTP_WRITE_FIELDS)
		http_write_fault(writer, NX_HTTP_WRITE_OUT_OF_ORDER);
}

void nx_http_write_response(struct nx_http_writer *writer, struct nx_write_buffer *buffer,
	unsigned status, const char *reason, unsigned flags)
{
	struct nx_http_slice words = nx_http_text(reason != NULL ? reason : nx_http_reason(status));
	uint8_t *p;

	begin(writer, buffer);
	writer->phase = HTTP_WRITE_FIELDS;
	writer->flags = (uint8_t)flags;
	writer->status = (uint16_t)status;
	if (status < 100 || status > 999)
		http_write_fault(writer, NX_HTTP_WRITE_STATUS_INVALID);
	if (!http_all_in(words, HTTP_SET_VALUE))
		http_write_fault(writer, NX_HTTP_WRITE_REASON_INVALID);
	p = http_write_space(writer, 15 + words.length);
	if (p == NULL)
		return;
	p = http_append(p, NX_HTTP_TEXT("HTTP/1.1 "));
	*p++ = (uint8_t)('0' + status / 100);
	*p++ = (uint8_t)('0' + status / 10 % 10);
	*p++ = (uint8_t)('0' + status % 10);
	*p++ = ' ';
	http_append(http_append(p, words), NX_HTTP_TEXT("\r\n"));
}
