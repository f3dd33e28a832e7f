// SPDX-License-Identifier: BSD-3-Clause
#include "head.h"
#include "list.h"

int nx_http_known_of(const uint8_t *name, size_t length)
{
	switch (length) {
	case 4:
		return http_is_word(name, "host", 4) ? NX_HTTP_KNOWN_HOST : -1;
	case 6:
		return http_is_word(name, "expect", 6) ? NX_HTTP_KNOWN_EXPECT : -1;
	case 7:
		return http_is_word(name, "upgrade", 7) ? NX_HTTP_KNOWN_UPGRADE : -1;
	case 10:
		return http_is_word(name, "connection", 10) ? NX_HTTP_KNOWN_CONNECTION : -1;
	case 14:
		return http_is_word(name, "content-length", 14) ? NX_HTTP_KNOWN_CONTENT_LENGTH : -1;
	case 17:
		return http_is_word(name, "transfer-encoding", 17) ? NX_HTTP_KNOWN_TRANSFER_ENCODING
								   : -1;
	default:
		return -1;
	}
}

void nx_http_known_note(struct nx_http_head *head, const uint8_t *name, size_t length)
{
	int known = nx_http_known_of(name, length);

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
#define METHOD_IF(name, literal, method)                                                           \
	(memcmp((name).data, literal, sizeof(literal) - 1) == 0 ? (method) : NX_HTTP_OTHER)

enum nx_http_method nx_http_method_of(struct nx_http_slice name)
{
	switch (name.length) {
	case 3:
		return name.data[0] == 'G' ? METHOD_IF(name, "GET", NX_HTTP_GET)
					   : METHOD_IF(name, "PUT", NX_HTTP_PUT);
	case 4:
		return name.data[0] == 'P' ? METHOD_IF(name, "POST", NX_HTTP_POST)
					   : METHOD_IF(name, "HEAD", NX_HTTP_HEAD);
	case 5:
		return name.data[0] == 'P' ? METHOD_IF(name, "PATCH", NX_HTTP_PATCH)
					   : METHOD_IF(name, "TRACE", NX_HTTP_TRACE);
	case 6:
		return METHOD_IF(name, "DELETE", NX_HTTP_DELETE);
	case 7:
		return name.data[0] == 'C' ? METHOD_IF(name, "CONNECT", NX_HTTP_CONNECT)
					   : METHOD_IF(name, "OPTIONS", NX_HTTP_OPTIONS);
	default:
		return NX_HTTP_OTHER;
	}
}

const char *nx_http_method_name(enum nx_http_method method)
{
	return (size_t)method < sizeof(method_names) / sizeof(method_names[0])
		       ? method_names[method]
		       : NULL;
}
