// SPDX-License-Identifier: BSD-3-Clause
#include "nexwire/url.h"

#include "wire/http/head.h"
#include "wire/http/scan.h"

static const struct scheme {
	struct nx_http_slice name;
	bool is_tls;
	bool is_websocket;
} schemes[] = {
	{{(const uint8_t *)"http", 4}, false, false},
	{{(const uint8_t *)"https", 5}, true, false},
	{{(const uint8_t *)"ws", 2}, false, true},
	{{(const uint8_t *)"wss", 3}, true, true},
};

static const struct scheme *scheme_of(struct nx_http_slice name)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (nx_http_same(name, (const char *)schemes[i].name.data))
			return &schemes[i];
	return NULL;
}

static struct nx_http_slice slice_from(struct nx_http_slice text, size_t at)
{
	return (struct nx_http_slice){text.data + at, text.length - at};
}

// Bytes before the first of `ends`, or all.
static size_t span_until(struct nx_http_slice text, const char *ends)
{
	size_t n = 0;

	while (n < text.length && (text.data[n] == 0 || strchr(ends, text.data[n]) == NULL))
		n++;
	return n;
}

static enum nx_url_verdict authority_take(struct nx_http_slice authority, struct nx_url *url)
{
	struct nx_http_head head = {0};

	if (memchr(authority.data, '@', authority.length) != NULL)
		return NX_URL_USER_REFUSED;
	if (authority.length == 0 || authority.length > UINT16_MAX ||
		!nx_http_authority_split(&head, authority.data,
			(struct nx_http_span){0, (uint16_t)authority.length}) ||
		head.host.length == 0)
		return NX_URL_AUTHORITY_INVALID;
	url->authority = authority;
	url->host = nx_http_span_of(authority.data, head.host);
	if (url->host.data[0] == '[')
		url->host = (struct nx_http_slice){url->host.data + 1, url->host.length - 2};
	url->port = head.port != 0 ? head.port : url->is_tls ? 443 : 80;
	return NX_URL_OK;
}

enum nx_url_verdict nx_url_parse(struct nx_http_slice text, struct nx_url *url)
{
	size_t n = span_until(text, ":/");
	const struct scheme *scheme = scheme_of((struct nx_http_slice){text.data, n});
	struct nx_http_slice rest = slice_from(text, n);
	enum nx_url_verdict verdict;
	struct nx_url found = {0};

	if (scheme == NULL || rest.length < 3 || memcmp(rest.data, "://", 3) != 0)
		return NX_URL_SCHEME_UNKNOWN;
	found.is_tls = scheme->is_tls;
	found.is_websocket = scheme->is_websocket;
	rest = slice_from(rest, 3);
	n = span_until(rest, "/?#");
	verdict = authority_take((struct nx_http_slice){rest.data, n}, &found);
	if (verdict != NX_URL_OK)
		return verdict;
	rest = slice_from(rest, n);
	rest.length = span_until(rest, "#");
	found.target = rest.length > 0 ? rest : NX_HTTP_TEXT("/");
	if (found.target.data[0] != '/' || !http_all_in(found.target, HTTP_SET_TARGET))
		return NX_URL_TARGET_INVALID;
	*url = found;
	return NX_URL_OK;
}

const char *nx_url_verdict_text(enum nx_url_verdict verdict)
{
	static const char *const texts[NX_URL_VERDICTS] = {
		[NX_URL_OK] = "a URL",
		[NX_URL_SCHEME_UNKNOWN] =
			"the URL does not begin with http://, https://, ws:// or wss://",
		[NX_URL_USER_REFUSED] = "the URL names a user; send an Authorization field instead",
		[NX_URL_AUTHORITY_INVALID] = "the URL's host or port is not one",
		[NX_URL_TARGET_INVALID] =
			"the URL's path or query has a byte that must be percent-encoded",
	};

	return verdict < NX_URL_VERDICTS ? texts[verdict] : "no such verdict";
}
