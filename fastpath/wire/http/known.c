// SPDX-License-Identifier: BSD-3-Clause
#include "head.h"
#include "list.h"

// Is the name, with letters in any case, this one in small letters? Bit 0x20 makes small letters of
// capital ones; of bytes that a token may hold it makes no letter and no '-' of anything else.
static inline bool is_name(const uint8_t *name, const char *lower, size_t length)
{
	uint8_t difference = 0;

	for (size_t i = 0; i < length; i++)
		difference |= (name[i] | 0x20) ^ (uint8_t)lower[i];
	return difference == 0;
}

int http_known_of(const uint8_t *name, size_t length)
{
	switch (length) {
	case 4:
		return is_name(name, "host", 4) ? NX_HTTP_KNOWN_HOST : -1;
	case 6:
		return is_name(name, "expect", 6) ? NX_HTTP_KNOWN_EXPECT : -1;
	case 7:
		return is_name(name, "upgrade", 7) ? NX_HTTP_KNOWN_UPGRADE : -1;
	case 10:
		return is_name(name, "connection", 10) ? NX_HTTP_KNOWN_CONNECTION : -1;
	case 14:
		return is_name(name, "content-length", 14) ? NX_HTTP_KNOWN_CONTENT_LENGTH : -1;
	case 17:
		return is_name(name, "transfer-encoding", 17) ? NX_HTTP_KNOWN_TRANSFER_ENCODING
							      : -1;
	default:
		return -1;
	}
}

void http_known_note(struct nx_http_head *head, const uint8_t *name, size_t length)
{
	int known = http_known_of(name, length);

	if (known < 0)
		return;
	if ((head->seen >> known & 1) != 0) {
		head->repeated |= (uint8_t)(1 << known);
		return;
	}
	head->seen |= (uint8_t)(1 << known);
	head->known[known] = head->count;
}

bool nx_http_list_has(struct nx_http_slice list, const char *token)
{
	struct nx_http_slice element;

	while (http_list_next(&list, &element)) {
		if (nx_http_same(element, token))
			return true;
	}
	return false;
}

static const char *const method_names[] = {
	[NX_HTTP_GET] = "GET",
	[NX_HTTP_HEAD] = "HEAD",
	[NX_HTTP_POST] = "POST",
	[NX_HTTP_PUT] = "PUT",
	[NX_HTTP_DELETE] = "DELETE",
	[NX_HTTP_CONNECT] = "CONNECT",
	[NX_HTTP_OPTIONS] = "OPTIONS",
	[NX_HTTP_TRACE] = "TRACE",
	[NX_HTTP_PATCH] = "PATCH",
};

// Methods are case-sensitive (RFC 9110 9.1).
static enum nx_http_method method_if(struct nx_http_slice name, enum nx_http_method method)
{
	return memcmp(name.data, method_names[method], name.length) == 0 ? method : NX_HTTP_OTHER;
}

enum nx_http_method nx_http_method_of(struct nx_http_slice name)
{
	enum nx_http_method method = NX_HTTP_OTHER;

	switch (name.length) {
	case 3:
		method = name.data[0] == 'G' ? NX_HTTP_GET : NX_HTTP_PUT;
		break;
	case 4:
		method = name.data[0] == 'P' ? NX_HTTP_POST : NX_HTTP_HEAD;
		break;
	case 5:
		method = name.data[0] == 'P' ? NX_HTTP_PATCH : NX_HTTP_TRACE;
		break;
	case 6:
		method = NX_HTTP_DELETE;
		break;
	case 7:
		method = name.data[0] == 'C' ? NX_HTTP_CONNECT : NX_HTTP_OPTIONS;
		break;
	default:
		break;
	}
	return method == NX_HTTP_OTHER ? NX_HTTP_OTHER : method_if(name, method);
}

const char *nx_http_method_name(enum nx_http_method method)
{
	return (size_t)method < sizeof(method_names) / sizeof(method_names[0])
		       ? method_names[method]
		       : NULL;
}
