// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Heads as they leave: a request to a target, a response to a client, an answer of our own. What
// comes in was judged by the reader of libnexwire, so no byte of it ends a line early. Fields that
// concern one connection alone stay here (RFC 9110 7.6.1), and what a client says about proxies
// before us (Forwarded, X-Forwarded-*, X-Real-IP, also spelled with '_') is taken off. Worker
// thread.

#include "http/text.h"
#include "nexwire/http_head.h"

struct http_request_change {
	struct nx_http_slice client; // its address as text
	uint32_t strip;              // bytes of the path that are taken off
	bool is_secure;              // the client came over TLS
	bool upgrade;                // the request is for a WebSocket
	bool trailer;                // its trailer section goes on
	bool asks_trailers;          // of the answer
};

// Whether the Connection fields of a head name so little that it can be written; one that names
// more is to be refused.
bool http_options_are_few(const struct nx_http_head *head, const uint8_t *bytes);

// Writes the request's head for its target.
void http_request_rewrite(struct http_text *out, const struct nx_http_head *head,
	const uint8_t *bytes, const struct http_request_change *change);

enum http_persistence {
	HTTP_LAST,      // Connection: close
	HTTP_PERSISTS,  // as HTTP/1.1 has it by itself
	HTTP_SAYS_KEEP, // Connection: keep-alive, for a client of HTTP/1.0
	HTTP_SWITCHES,  // Connection: upgrade
};

struct http_response_change {
	enum http_persistence persistence;
	bool is_bare; // chunks follow as their content alone
	bool trailer; // its trailer section goes on
};

// Writes a response's head for its client.
void http_response_rewrite(struct http_text *out, const struct nx_http_head *head,
	const uint8_t *bytes, const struct http_response_change *change);

// Writes an answer of our own. location: empty for none; text: the body, left out (not its length)
// for HEAD.
void http_answer_write(struct http_text *out, unsigned int status, struct nx_http_slice location,
	const char *text, bool is_head, enum http_persistence persistence);

// Whether the client says that it takes trailer fields of an answer (RFC 9110 10.1.4).
bool http_asks_trailers(const struct nx_http_head *head, const uint8_t *bytes);

// Whether a message has a trailer section that may go on: its Connection fields name none that
// could be in it.
bool http_trailer_passes(const struct nx_http_head *head, const uint8_t *bytes);

// Writes a trailer section, with its empty line, for whoever is next: without fields that frame,
// route, authenticate, or control (RFC 9110 6.5.1), that say something about proxies, or whose name
// some would take for such a one. Many of them the reader has refused.
void http_trailer_rewrite(
	struct http_text *out, const struct nx_http_head *trailer, const uint8_t *bytes);

// Whether a message is of a scheme that authenticates a connection, not its requests: who came on
// it later would be taken for its client.
bool http_binds(const struct nx_http_head *head, const uint8_t *bytes);

// Whether a request asks for a WebSocket in a way that may pass: other protocols would lead past
// the routes.
bool http_asks_websocket(const struct nx_http_head *head, const uint8_t *bytes);
