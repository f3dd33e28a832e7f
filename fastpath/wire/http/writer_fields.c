// SPDX-License-Identifier: BSD-3-Clause
#include "list.h"
#include "scan.h"
#include "writer.h"

size_t nx_http_digits(uint8_t digits[20], uint64_t number)
{
	size_t n = 0;

	do {
		digits[19 - n++] = (uint8_t)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	return n;
}

enum nx_http_verdict nx_http_field_check(struct nx_http_slice name, struct nx_http_slice value)
{
	if (name.length == 0 || !http_all_in(name, HTTP_SET_TOKEN))
		return NX_HTTP_WRITE_NAME_INVALID;
	if (!http_all_in(value, HTTP_SET_VALUE))
		return NX_HTTP_WRITE_VALUE_INVALID;
	return NX_HTTP_OK;
}

void nx_http_write_line(
	struct nx_http_writer *writer, struct nx_http_slice name, struct nx_http_slice value)
{
	uint8_t *p = http_write_space(writer, name.length + value.length + 4);

	if (p == NULL)
		return;
	p = http_append(http_append(p, name), NX_HTTP_TEXT(": "));
	http_append(http_append(p, value), NX_HTTP_TEXT("\r\n"));
}

// One Host, in requests, that names what an absolute target names.
static enum nx_http_verdict check_host(struct nx_http_writer *writer, struct nx_http_slice value)
{
	const uint8_t *target = nx_write_buffer_data(writer->buffer) + writer->target;
	struct nx_http_head head = {0};

	if (writer->has_host || writer->status != 0)
		return NX_HTTP_WRITE_FIELD_RESERVED;
	if (value.length > UINT16_MAX || !nx_http_authority_split(&head, value.data,
						 (struct nx_http_span){0, (uint16_t)value.length}))
		return NX_HTTP_WRITE_VALUE_INVALID;
	if (writer->authority_length != 0 &&
		(value.length != writer->authority_length ||
			strncasecmp((const char *)target + writer->authority,
				(const char *)value.data, value.length) != 0))
		return NX_HTTP_WRITE_VALUE_INVALID;
	writer->has_host = true;
	return NX_HTTP_OK;
}

static enum nx_http_verdict check_connection(
	struct nx_http_writer *writer, struct nx_http_slice value)
{
	struct nx_http_slice option;

	while (http_list_next(&value, &option)) {
		int known = nx_http_known_of(option.data, option.length);

		if (!http_all_in(option, HTTP_SET_TOKEN) || known == NX_HTTP_KNOWN_HOST ||
			known == NX_HTTP_KNOWN_CONTENT_LENGTH ||
			known == NX_HTTP_KNOWN_TRANSFER_ENCODING)
			return NX_HTTP_WRITE_VALUE_INVALID;
		writer->says_close |= http_is(option, "close");
		writer->asks_upgrade |= known == NX_HTTP_KNOWN_UPGRADE;
	}
	return NX_HTTP_OK;
}

static enum nx_http_verdict check_known(
	struct nx_http_writer *writer, struct nx_http_slice name, struct nx_http_slice value)
{
	switch (nx_http_known_of(name.data, name.length)) {
	case NX_HTTP_KNOWN_CONTENT_LENGTH:
	case NX_HTTP_KNOWN_TRANSFER_ENCODING:
		return NX_HTTP_WRITE_FIELD_RESERVED;
	case NX_HTTP_KNOWN_HOST:
		return check_host(writer, value);
	case NX_HTTP_KNOWN_CONNECTION:
		return check_connection(writer, value);
	case NX_HTTP_KNOWN_EXPECT:
		return http_is(value, "100-continue") ? NX_HTTP_OK : NX_HTTP_WRITE_VALUE_INVALID;
	default:
		return NX_HTTP_OK;
	}
}

void nx_http_write_field(
	struct nx_http_writer *writer, struct nx_http_slice name, struct nx_http_slice value)
{
	enum nx_http_verdict verdict = nx_http_field_check(name, value);

	nx_http_write_line_end(writer);
	if (writer->fault != NX_HTTP_OK)
		return;
	if (verdict == NX_HTTP_OK && http_length_is_known(name.length))
		verdict = check_known(writer, name, value);
	if (verdict != NX_HTTP_OK)
		http_write_fault(writer, verdict);
	nx_http_write_line(writer, name, value);
}

void nx_http_write_number(struct nx_http_writer *writer, struct nx_http_slice name, uint64_t value)
{
	uint8_t digits[20];
	size_t n = nx_http_digits(digits, value);

	nx_http_write_field(writer, name, (struct nx_http_slice){digits + 20 - n, n});
}

void nx_http_write_prepared(struct nx_http_writer *writer, const struct nx_http_prepared *prepared)
{
	nx_http_write_line_end(writer);
	if (prepared->has_host &&
		(writer->has_host || writer->status != 0 || writer->authority_length != 0))
		http_write_fault(writer, NX_HTTP_WRITE_FIELD_RESERVED);
	http_write_slice(writer, prepared->lines);
	writer->has_host |= prepared->has_host;
	writer->says_close |= prepared->says_close;
	writer->asks_upgrade |= prepared->asks_upgrade;
}

void nx_http_prepare(struct nx_http_writer *writer, struct nx_write_buffer *buffer)
{
	*writer = (struct nx_http_writer){.buffer = buffer,
		.start = nx_write_buffer_length(buffer),
		.phase = HTTP_WRITE_FIELDS};
}

enum nx_http_verdict nx_http_prepare_end(
	struct nx_http_writer *writer, struct nx_http_prepared *prepared)
{
	struct nx_write_buffer *buffer = writer->buffer;

	writer->phase = HTTP_WRITE_DONE;
	if (writer->fault != NX_HTTP_OK) {
		buffer->tail = buffer->head + writer->start;
		return (enum nx_http_verdict)writer->fault;
	}
	*prepared =
		(struct nx_http_prepared){.lines = {nx_write_buffer_data(buffer) + writer->start,
						  nx_write_buffer_length(buffer) - writer->start},
			.has_host = writer->has_host,
			.says_close = writer->says_close,
			.asks_upgrade = writer->asks_upgrade};
	return NX_HTTP_OK;
}
