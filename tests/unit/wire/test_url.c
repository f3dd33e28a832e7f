// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nexwire/url.h"

struct url_case {
	struct nx_http_slice text;
	enum nx_url_verdict verdict;
	bool is_tls, is_websocket;
	uint16_t port;
	const char *authority, *host, *target;
};

#define TAKEN(text, tls, websocket, port, authority, host, target)                                 \
	{                                                                                          \
		NX_HTTP_TEXT(text), NX_URL_OK, tls, websocket, port, authority, host, target       \
	}
#define REFUSED(text, why)                                                                         \
	{                                                                                          \
		NX_HTTP_TEXT(text), NX_URL_##why, false, false, 0, NULL, NULL, NULL                \
	}

static const struct url_case cases[] = {
	TAKEN("http://a", false, false, 80, "a", "a", "/"),
	TAKEN("https://a.example/", true, false, 443, "a.example", "a.example", "/"),
	TAKEN("ws://a:81/x?y=z#part", false, true, 81, "a:81", "a", "/x?y=z"),
	TAKEN("WSS://10.0.0.1:65535/?", true, true, 65535, "10.0.0.1:65535", "10.0.0.1", "/?"),
	TAKEN("http://[::1]", false, false, 80, "[::1]", "::1", "/"),
	TAKEN("https://[2001:db8::1]:8443/a", true, false, 8443, "[2001:db8::1]:8443",
		"2001:db8::1", "/a"),
	TAKEN("http://a#b", false, false, 80, "a", "a", "/"),
	TAKEN("http://a/b:c@d", false, false, 80, "a", "a", "/b:c@d"),
	REFUSED("", SCHEME_UNKNOWN),
	REFUSED("http", SCHEME_UNKNOWN),
	REFUSED("http:/a", SCHEME_UNKNOWN),
	REFUSED("ftp://a/", SCHEME_UNKNOWN),
	REFUSED("httpss://a/", SCHEME_UNKNOWN),
	REFUSED("//a/", SCHEME_UNKNOWN),
	REFUSED("http\0://a/", SCHEME_UNKNOWN),
	REFUSED("http://user@a/", USER_REFUSED),
	REFUSED("http://user:word@a/", USER_REFUSED),
	REFUSED("http://", AUTHORITY_INVALID),
	REFUSED("http:///a", AUTHORITY_INVALID),
	REFUSED("http://:80/", AUTHORITY_INVALID),
	REFUSED("http://a:/", AUTHORITY_INVALID),
	REFUSED("http://a:0/", AUTHORITY_INVALID),
	REFUSED("http://a:65536/", AUTHORITY_INVALID),
	REFUSED("http://a:8 0/", AUTHORITY_INVALID),
	REFUSED("http://a b/", AUTHORITY_INVALID),
	REFUSED("http://a\0/", AUTHORITY_INVALID),
	REFUSED("http://[::1/", AUTHORITY_INVALID),
	REFUSED("http://[::g]/", AUTHORITY_INVALID),
	REFUSED("http://[::1\0]/", AUTHORITY_INVALID),
	REFUSED("http://[::1\0\0\0\0]:9/", AUTHORITY_INVALID),
	REFUSED("http://a/b c", TARGET_INVALID),
	REFUSED("http://a/b\r\nX: y", TARGET_INVALID),
	REFUSED("http://a/\0", TARGET_INVALID),
	REFUSED("http://a?b", TARGET_INVALID),
};

static void assert_slice(struct nx_http_slice slice, const char *text)
{
	assert_int_equal(slice.length, strlen(text));
	assert_memory_equal(slice.data, text, slice.length);
}

static void judge(const struct url_case *c, struct nx_http_slice text)
{
	struct nx_url url = {.port = 4711};
	enum nx_url_verdict verdict = nx_url_parse(text, &url);

	if (verdict != c->verdict)
		fail_msg("%s: %s", (const char *)c->text.data, nx_url_verdict_text(verdict));
	if (verdict != NX_URL_OK) {
		assert_int_equal(url.port, 4711);
		assert_null(url.authority.data);
		return;
	}
	assert_int_equal(url.is_tls, c->is_tls);
	assert_int_equal(url.is_websocket, c->is_websocket);
	assert_int_equal(url.port, c->port);
	assert_slice(url.authority, c->authority);
	assert_slice(url.host, c->host);
	assert_slice(url.target, c->target);
}

// At any address, and in memory that ends with it.
static void urls_are_taken_apart_or_refused_with_a_reason(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t shift = 0; shift < 16; shift++) {
			struct nx_http_slice text = cases[i].text;
			uint8_t *memory = malloc(shift + text.length + 1);

			memcpy(memory + shift + 1, text.data, text.length);
			judge(&cases[i], (struct nx_http_slice){memory + shift + 1, text.length});
			free(memory);
		}
}

static void every_verdict_has_a_sentence(void **state)
{
	for (int i = 0; i < NX_URL_VERDICTS; i++)
		assert_non_null(nx_url_verdict_text((enum nx_url_verdict)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_taken_apart_or_refused_with_a_reason),
		cmocka_unit_test(every_verdict_has_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
