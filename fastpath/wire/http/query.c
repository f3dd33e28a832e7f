// SPDX-License-Identifier: BSD-3-Clause
#include "nexwire/http_query.h"

static bool is_kept(uint8_t byte, enum nx_http_part part)
{
	uint8_t lower = byte | 0x20;

	return (lower >= 'a' && lower <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' ||
	       byte == '.' || byte == '_' || byte == '~' ||
	       (byte == '/' && part == NX_HTTP_PART_PATH);
}

size_t nx_http_encoded_length(struct nx_http_slice text, enum nx_http_part part)
{
	size_t length = text.length;

	for (size_t i = 0; i < text.length; i++)
		length += is_kept(text.data[i], part) ? 0 : 2;
	return length;
}

enum nx_http_verdict nx_http_encode(uint8_t *out, size_t room, struct nx_http_slice text,
	enum nx_http_part part, size_t *written)
{
	static const char digits[16] = "0123456789ABCDEF";
	uint8_t *start = out;

	if (nx_http_encoded_length(text, part) > room)
		return NX_HTTP_WRITE_NO_ROOM;
	for (size_t i = 0; i < text.length; i++) {
		if (is_kept(text.data[i], part)) {
			*out++ = text.data[i];
			continue;
		}
		*out++ = '%';
		*out++ = (uint8_t)digits[text.data[i] >> 4];
		*out++ = (uint8_t)digits[text.data[i] & 15];
	}
	*written = (size_t)(out - start);
	return NX_HTTP_OK;
}

static int hex_value(uint8_t byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	byte |= 0x20;
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

enum nx_http_verdict nx_http_decode(
	uint8_t *out, size_t room, struct nx_http_slice text, size_t *written)
{
	size_t n = 0;

	for (size_t i = 0; i < text.length; i++) {
		uint8_t byte = text.data[i];

		if (byte == '%') {
			int high = text.length - i > 2 ? hex_value(text.data[i + 1]) : -1;
			int low = text.length - i > 2 ? hex_value(text.data[i + 2]) : -1;

			if (high < 0 || low < 0)
				return NX_HTTP_TARGET_BYTE_INVALID;
			byte = (uint8_t)(high << 4 | low);
			i += 2;
		}
		if (n == room)
			return NX_HTTP_WRITE_NO_ROOM;
		out[n++] = byte;
	}
	*written = n;
	return NX_HTTP_OK;
}

bool nx_http_query_next(
	struct nx_http_slice *query, struct nx_http_slice *name, struct nx_http_slice *value)
{
	const uint8_t *p = query->data;
	const uint8_t *end = p + query->length;
	const uint8_t *stop, *equals;

	while (p < end && *p == '&')
		p++;
	if (p == end)
		return false;
	stop = memchr(p, '&', (size_t)(end - p));
	if (stop == NULL)
		stop = end;
	equals = memchr(p, '=', (size_t)(stop - p));
	*name = (struct nx_http_slice){p, (size_t)((equals != NULL ? equals : stop) - p)};
	*value = equals != NULL ? (struct nx_http_slice){equals + 1, (size_t)(stop - equals - 1)}
				: (struct nx_http_slice){stop, 0};
	*query = (struct nx_http_slice){stop, (size_t)(end - stop)};
	return true;
}

enum nx_http_verdict nx_http_path_join(uint8_t *out, size_t room, struct nx_http_slice base,
	struct nx_http_slice path, size_t *written)
{
	while (base.length > 0 && base.data[base.length - 1] == '/')
		base.length--;
	while (path.length > 0 && path.data[0] == '/') {
		path.data++;
		path.length--;
	}
	if (room == 0 || base.length >= room || path.length > room - base.length - 1)
		return NX_HTTP_WRITE_NO_ROOM;
	if (base.length > 0)
		memcpy(out, base.data, base.length);
	out[base.length] = '/';
	if (path.length > 0)
		memcpy(out + base.length + 1, path.data, path.length);
	*written = base.length + 1 + path.length;
	return NX_HTTP_OK;
}
