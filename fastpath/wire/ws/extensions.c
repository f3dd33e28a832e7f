// SPDX-License-Identifier: BSD-3-Clause
#include "wire/ws/extensions.h"

#include <stdio.h>
#include <string.h>

void nx_words_skip_space(struct words *words)
{
	while (words->at < words->end && (*words->at == ' ' || *words->at == '\t'))
		words->at++;
}

static bool is_token_byte(uint8_t byte)
{
	if ((byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z'))
		return true;
	return byte != 0 && strchr("!#$%&'*+-.^_`|~", byte) != NULL;
}

bool nx_words_token(struct words *words, struct nx_http_slice *token)
{
	const uint8_t *begin = words->at;

	while (words->at < words->end && is_token_byte(*words->at))
		words->at++;
	*token = (struct nx_http_slice){begin, (size_t)(words->at - begin)};
	return token->length > 0;
}

bool nx_words_byte(struct words *words, char byte)
{
	nx_words_skip_space(words);
	if (words->at == words->end || *words->at != (uint8_t)byte)
		return false;
	words->at++;
	nx_words_skip_space(words);
	return true;
}

bool nx_is_token(struct nx_http_slice text)
{
	struct words words = words_of(text);
	struct nx_http_slice token;

	return nx_words_token(&words, &token) && token.length == text.length;
}

// A token, bare or in quotes: RFC 6455 9.1 wants what is quoted to be a token too.
static bool value_take(struct words *words, struct nx_http_slice *value)
{
	bool quoted = words->at < words->end && *words->at == '"';

	words->at += quoted;
	if (!nx_words_token(words, value))
		return false;
	if (!quoted)
		return true;
	return words->at < words->end && *words->at++ == '"';
}

// 8 to 15, without leading zeros (RFC 7692 7.1.2.1); 0: not that.
static uint8_t window_bits(struct nx_http_slice value)
{
	if (value.length == 1 && (value.data[0] == '8' || value.data[0] == '9'))
		return value.data[0] - '0';
	if (value.length == 2 && value.data[0] == '1' && value.data[1] >= '0' &&
		value.data[1] <= '5')
		return 10 + (value.data[1] - '0');
	return 0;
}

static bool take_flag(bool *flag, struct nx_http_slice value)
{
	bool usable = !*flag && value.data == NULL;

	*flag = true;
	return usable;
}

// One parameter of permessage-deflate; false when it is unknown, repeated or has a value that it
// cannot have (RFC 7692 7.1).
static bool parameter_take(struct nx_ws_deflate *deflate, struct nx_http_slice name,
	struct nx_http_slice value, bool is_offer)
{
	if (nx_http_same(name, "server_no_context_takeover"))
		return take_flag(&deflate->server_no_context_takeover, value);
	if (nx_http_same(name, "client_no_context_takeover"))
		return take_flag(&deflate->client_no_context_takeover, value);
	if (nx_http_same(name, "server_max_window_bits")) {
		if (deflate->server_max_window_bits != 0)
			return false;
		deflate->server_max_window_bits = window_bits(value);
		return deflate->server_max_window_bits != 0;
	}
	if (!nx_http_same(name, "client_max_window_bits") || deflate->client_window_may_shrink)
		return false;
	deflate->client_window_may_shrink = true;
	if (value.data == NULL)
		return is_offer;
	deflate->client_max_window_bits = window_bits(value);
	return deflate->client_max_window_bits != 0;
}

enum extension nx_extension_next(struct words *words, bool is_offer, struct nx_ws_deflate *deflate)
{
	struct nx_ws_deflate found = {0};
	struct nx_http_slice name;
	bool is_deflate;
	bool usable = true;

	nx_words_skip_space(words);
	while (nx_words_byte(words, ',')) // a recipient takes empty elements (RFC 9110 5.6.1)
		;
	if (words->at == words->end)
		return EXTENSION_NONE;
	if (!nx_words_token(words, &name))
		return EXTENSION_MALFORMED;
	is_deflate = nx_http_same(name, "permessage-deflate");
	while (nx_words_byte(words, ';')) {
		struct nx_http_slice value = {0};

		if (!nx_words_token(words, &name))
			return EXTENSION_MALFORMED;
		if (nx_words_byte(words, '=') && !value_take(words, &value))
			return EXTENSION_MALFORMED;
		usable = usable && parameter_take(&found, name, value, is_offer);
	}
	if (words->at < words->end && *words->at != ',')
		return EXTENSION_MALFORMED;
	if (!is_deflate)
		return EXTENSION_OTHER;
	if (!usable)
		return EXTENSION_UNUSABLE;
	*deflate = found;
	return EXTENSION_DEFLATE;
}

size_t nx_extension_text(const struct nx_ws_deflate *deflate, bool is_offer, char text[192])
{
	char *p = stpcpy(text, "permessage-deflate");

	if (deflate->server_no_context_takeover)
		p = stpcpy(p, "; server_no_context_takeover");
	if (deflate->client_no_context_takeover)
		p = stpcpy(p, "; client_no_context_takeover");
	if (deflate->server_max_window_bits)
		p += sprintf(p, "; server_max_window_bits=%u", deflate->server_max_window_bits);
	if (deflate->client_max_window_bits)
		p += sprintf(p, "; client_max_window_bits=%u", deflate->client_max_window_bits);
	else if (is_offer && deflate->client_window_may_shrink)
		p = stpcpy(p, "; client_max_window_bits");
	return (size_t)(p - text);
}

// The smaller of two limits, of which 0 is none.
static uint8_t smaller(uint8_t a, uint8_t b)
{
	if (a == 0 || b == 0)
		return a | b;
	return a < b ? a : b;
}

bool nx_ws_deflate_choose(const struct nx_ws_request *request, const struct nx_ws_deflate *wish,
	struct nx_ws_deflate *agreed)
{
	static const struct nx_ws_deflate nothing;
	const struct nx_ws_deflate *offer = &request->offers[0];

	if (request->offer_count == 0)
		return false;
	if (wish == NULL)
		wish = &nothing;
	*agreed = (struct nx_ws_deflate){
		.server_no_context_takeover =
			offer->server_no_context_takeover || wish->server_no_context_takeover,
		.client_no_context_takeover =
			offer->client_no_context_takeover || wish->client_no_context_takeover,
		.server_max_window_bits =
			smaller(offer->server_max_window_bits, wish->server_max_window_bits),
	};
	if (offer->client_window_may_shrink)
		agreed->client_max_window_bits =
			smaller(offer->client_max_window_bits, wish->client_max_window_bits);
	return true;
}
