// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Sec-WebSocket-Extensions (RFC 6455 9.1) and the parameters of permessage-deflate (RFC 7692 7.1).

#include "nexwire/ws_handshake.h"

// What is left to read of a field's value.
struct words {
	const uint8_t *at;
	const uint8_t *end;
};

static inline struct words words_of(struct nx_http_slice value)
{
	return (struct words){value.data, value.data + value.length};
}

void nx_words_skip_space(struct words *words);

// A token (RFC 9110 5.6.2). False: there is none here.
bool nx_words_token(struct words *words, struct nx_http_slice *token);

// One byte, after and before white space.
bool nx_words_byte(struct words *words, char byte);

bool nx_is_token(struct nx_http_slice text);

enum extension {
	EXTENSION_NONE,      // the list is at its end
	EXTENSION_DEFLATE,   // permessage-deflate, *deflate is filled
	EXTENSION_UNUSABLE,  // permessage-deflate with parameters that it cannot have
	EXTENSION_OTHER,     // well formed, and nothing that is known here
	EXTENSION_MALFORMED, // not the grammar of the field
};

// The next one of a list. is_offer: values may be missing where only an offer may leave them out.
enum extension nx_extension_next(struct words *words, bool is_offer, struct nx_ws_deflate *deflate);

// The extension as it is written, longest form 130 bytes with its final zero; returns its length.
size_t nx_extension_text(const struct nx_ws_deflate *deflate, bool is_offer, char text[192]);
