// SPDX-License-Identifier: BSD-3-Clause
#include <arpa/inet.h>

#include "head.h"

static bool is_name_byte(uint8_t byte)
{
	return (http_lower(byte) >= 'a' && http_lower(byte) <= 'z') ||
	       (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_';
}

static bool is_ipv6(const uint8_t *p, size_t length)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;

	// A NUL would hide what follows it.
	if (length >= sizeof(text) || memchr(p, 0, length) != NULL)
		return false;
	memcpy(text, p, length);
	text[length] = '\0';
	return inet_pton(AF_INET6, text, &address) == 1;
}

// Length of the host at the front, brackets included; 0 if there is none.
static size_t host_length(const uint8_t *p, size_t length)
{
	size_t n = 0;

	if (length > 0 && p[0] == '[') {
		const uint8_t *close = memchr(p, ']', length);

		if (close == NULL || !is_ipv6(p + 1, (size_t)(close - p - 1)))
			return 0;
		return (size_t)(close - p) + 1;
	}
	while (n < length && is_name_byte(p[n]))
		n++;
	return n;
}

// ":" and digits, 1 to 65535, no leading zero that hides a number too long.
static bool read_port(const uint8_t *p, size_t length, uint16_t *port)
{
	unsigned number = 0;

	if (length < 2 || length > 6 || p[0] != ':')
		return false;
	for (size_t i = 1; i < length; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		number = number * 10 + p[i] - '0';
	}
	if (number == 0 || number > UINT16_MAX)
		return false;
	*port = (uint16_t)number;
	return true;
}

bool nx_http_authority_split(
	struct nx_http_head *head, const uint8_t *bytes, struct nx_http_span authority)
{
	const uint8_t *p = bytes + authority.at;
	size_t host = host_length(p, authority.length);
	uint16_t port = 0;

	if (host == 0)
		return false;
	if (host < authority.length && !read_port(p + host, authority.length - host, &port))
		return false;
	head->authority = authority;
	head->host = (struct nx_http_span){authority.at, (uint16_t)host};
	head->port = port;
	return true;
}

static void split_path(struct nx_http_head *head, const uint8_t *bytes, struct nx_http_span rest)
{
	const uint8_t *mark = rest.length > 0 ? memchr(bytes + rest.at, '?', rest.length) : NULL;
	uint16_t end = (uint16_t)(rest.at + rest.length);
	uint16_t at;

	head->path = rest;
	head->query = (struct nx_http_span){end, 0};
	if (mark == NULL)
		return;
	at = (uint16_t)(mark - bytes);
	head->path.length = (uint16_t)(at - rest.at);
	head->query = (struct nx_http_span){(uint16_t)(at + 1), (uint16_t)(end - at - 1)};
}

// scheme "://" authority path (RFC 9112 3.2.2). User information is refused (RFC 9110 4.2.4).
static enum nx_http_verdict judge_absolute(struct nx_http_head *head, const uint8_t *bytes)
{
	static const char *const schemes[] = {"http", "https", "ws", "wss"};
	struct nx_http_slice target = nx_http_span_of(bytes, head->target);
	const uint8_t *colon = memchr(target.data, ':', target.length);
	struct nx_http_span authority;
	size_t skipped;
	bool known = false;

	if (colon == NULL || target.length - (size_t)(colon - target.data) < 3 ||
		memcmp(colon, "://", 3) != 0)
		return NX_HTTP_TARGET_FORM_INVALID;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		known |= nx_http_same(
			(struct nx_http_slice){target.data, (size_t)(colon - target.data)},
			schemes[i]);
	if (!known)
		return NX_HTTP_TARGET_SCHEME_UNSUPPORTED;
	skipped = (size_t)(colon - target.data) + 3;
	authority.at = (uint16_t)(head->target.at + skipped);
	authority.length = 0;
	while (skipped + authority.length < target.length &&
		strchr("/?", target.data[skipped + authority.length]) == NULL)
		authority.length++;
	if (!nx_http_authority_split(head, bytes, authority))
		return NX_HTTP_TARGET_AUTHORITY_INVALID;
	split_path(head, bytes,
		(struct nx_http_span){(uint16_t)(authority.at + authority.length),
			(uint16_t)(target.length - skipped - authority.length)});
	head->form = NX_HTTP_ABSOLUTE_FORM;
	return NX_HTTP_OK;
}

enum nx_http_verdict nx_http_target_judge(struct nx_http_head *head, const uint8_t *bytes)
{
	const uint8_t *target = bytes + head->target.at;

	if (head->method == NX_HTTP_CONNECT) {
		head->form = NX_HTTP_AUTHORITY_FORM;
		if (!nx_http_authority_split(head, bytes, head->target) || head->port == 0)
			return NX_HTTP_TARGET_AUTHORITY_INVALID;
		return NX_HTTP_OK;
	}
	if (target[0] == '/') {
		head->form = NX_HTTP_ORIGIN_FORM;
		split_path(head, bytes, head->target);
		return NX_HTTP_OK;
	}
	if (target[0] == '*' && head->target.length == 1) {
		head->form = NX_HTTP_ASTERISK_FORM;
		return head->method == NX_HTTP_OPTIONS ? NX_HTTP_OK : NX_HTTP_TARGET_FORM_INVALID;
	}
	return judge_absolute(head, bytes);
}
