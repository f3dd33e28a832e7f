// SPDX-License-Identifier: BSD-3-Clause

// A URL of anybody's: what is taken from it lies in it and can stand in a request, and says the
// same when it is put together again. Its target's query is taken apart, decoded and encoded again.
// Input: the address it begins at, then the URL.

#include <stdlib.h>
#include <string.h>

#include "nexwire/url.h"

static void must(bool condition)
{
	if (!condition)
		abort();
}

static bool is_in(struct nx_http_slice part, struct nx_http_slice whole)
{
	return part.data >= whole.data && part.length <= whole.length &&
	       part.data + part.length <= whole.data + whole.length;
}

static bool is_same(struct nx_http_slice a, struct nx_http_slice b)
{
	return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

// No byte that ends a word or a line of a head.
static void check_word(struct nx_http_slice word)
{
	for (size_t i = 0; i < word.length; i++)
		must(word.data[i] > ' ' && word.data[i] != 0x7f && word.data[i] != '#');
}

// Decoding undoes encoding, and takes no more room than it says.
static void check_coding(struct nx_http_slice text)
{
	uint8_t *plain = malloc(text.length + 1), *encoded, *again = malloc(text.length + 1);
	struct nx_http_slice decoded = {plain, 0};
	size_t n, m;

	if (nx_http_decode(plain, text.length, text, &decoded.length) == NX_HTTP_OK) {
		must(decoded.length <= text.length);
		n = nx_http_encoded_length(decoded, NX_HTTP_PART_QUERY);
		encoded = malloc(n + 1);
		must(n == 0 || nx_http_encode(encoded, n - 1, decoded, NX_HTTP_PART_QUERY, &m) ==
				       NX_HTTP_WRITE_NO_ROOM);
		must(nx_http_encode(encoded, n, decoded, NX_HTTP_PART_QUERY, &m) == NX_HTTP_OK &&
			m == n);
		check_word((struct nx_http_slice){encoded, n});
		must(nx_http_decode(again, decoded.length, (struct nx_http_slice){encoded, n},
			     &m) == NX_HTTP_OK);
		must(m == decoded.length && memcmp(again, plain, m) == 0);
		free(encoded);
	}
	free(plain);
	free(again);
}

static void check_target(struct nx_http_slice target)
{
	const uint8_t *mark = memchr(target.data, '?', target.length);
	struct nx_http_slice query = {target.data + target.length, 0}, name, value;

	must(target.length > 0 && target.data[0] == '/');
	check_word(target);
	check_coding(target);
	if (mark != NULL)
		query = (struct nx_http_slice){
			mark + 1, target.length - (size_t)(mark + 1 - target.data)};
	while (nx_http_query_next(&query, &name, &value)) {
		must(is_in(name, target) && is_in(value, target) && is_in(query, target));
		must(name.length == 0 || memchr(name.data, '=', name.length) == NULL);
		check_coding(name);
		check_coding(value);
	}
}

static void put(uint8_t **at, struct nx_http_slice text)
{
	memcpy(*at, text.data, text.length);
	*at += text.length;
}

static void check_whole(const struct nx_url *url)
{
	static const char *const schemes[] = {"http://", "https://", "ws://", "wss://"};
	uint8_t *text = malloc(8 + url->authority.length + url->target.length), *at = text;
	struct nx_url again;

	put(&at, nx_http_text(schemes[url->is_websocket * 2 + url->is_tls]));
	put(&at, url->authority);
	put(&at, url->target);
	must(nx_url_parse((struct nx_http_slice){text, (size_t)(at - text)}, &again) == NX_URL_OK);
	must(again.is_tls == url->is_tls && again.is_websocket == url->is_websocket &&
		again.port == url->port);
	must(is_same(again.authority, url->authority) && is_same(again.host, url->host) &&
		is_same(again.target, url->target));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nx_url url = {.port = 1};
	struct nx_http_slice text;
	size_t shift;
	uint8_t *memory;

	if (size < 1)
		return 0;
	shift = data[0] & 15;
	memory = malloc(shift + size - 1);
	text = (struct nx_http_slice){memory + shift, size - 1};
	if (size > 1)
		memcpy(memory + shift, data + 1, size - 1);
	if (nx_url_parse(text, &url) == NX_URL_OK) {
		must(is_in(url.authority, text) && is_in(url.host, url.authority));
		must(url.host.length > 0 && url.port != 0);
		must(is_in(url.target, text) || url.target.length == 1);
		check_word(url.authority);
		must(memchr(url.authority.data, '@', url.authority.length) == NULL);
		check_target(url.target);
		check_whole(&url);
	} else {
		must(url.port == 1 && url.authority.data == NULL &&
			url.target.data == NULL); // untouched
	}
	free(memory);
	return 0;
}
