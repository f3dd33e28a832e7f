// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The opening handshake of WebSocket (RFC 6455 4), client and server, with subprotocols and the
// parameters of permessage-deflate (RFC 7692 7.1). Heads are read by nexwire/http_head.h: what that
// refuses is refused here.

#include "nexwire/http_head.h"
#include "nexwire/ws.h"

NX_BEGIN

enum {
	NX_WS_FIELDS = 64,    // field lines of a head; more are refused
	NX_WS_PROTOCOLS = 16, // subprotocols of a request; later ones are not looked at
	NX_WS_OFFERS = 8,     // permessage-deflate offers of a request, the same
	NX_WS_KEY = 24,       // characters of Sec-WebSocket-Key
	NX_WS_ACCEPT = 28     // characters of Sec-WebSocket-Accept
};

enum nx_ws_handshake_verdict {
	NX_WS_HANDSHAKE_DONE,
	NX_WS_HANDSHAKE_NEED_MORE,
	NX_WS_HANDSHAKE_HEAD_INVALID, // handshake->http says how
	// What a server finds
	NX_WS_HANDSHAKE_METHOD_NOT_GET,
	NX_WS_HANDSHAKE_HTTP_TOO_OLD,
	NX_WS_HANDSHAKE_BODY_PRESENT,
	NX_WS_HANDSHAKE_VERSION_MISSING,
	NX_WS_HANDSHAKE_VERSION_UNSUPPORTED, // the answer names 13
	NX_WS_HANDSHAKE_KEY_MISSING,
	NX_WS_HANDSHAKE_KEY_INVALID, // repeated, or not 16 bytes in base64
	NX_WS_HANDSHAKE_ORIGIN_REPEATED,
	// What either finds
	NX_WS_HANDSHAKE_UPGRADE_MISSING,
	NX_WS_HANDSHAKE_CONNECTION_MISSING,
	NX_WS_HANDSHAKE_PROTOCOL_INVALID,
	NX_WS_HANDSHAKE_EXTENSION_INVALID,
	// What a client finds
	NX_WS_HANDSHAKE_STATUS_NOT_101, // the response is a common one; its head is not consumed
	NX_WS_HANDSHAKE_ACCEPT_MISSING,
	NX_WS_HANDSHAKE_ACCEPT_WRONG,
	NX_WS_HANDSHAKE_PROTOCOL_NOT_OFFERED,
	NX_WS_HANDSHAKE_EXTENSION_NOT_OFFERED,
	// The caller's own doing
	NX_WS_HANDSHAKE_NO_ROOM,
	NX_WS_HANDSHAKE_ARGUMENT_INVALID, // a text that would end its line, or is no token where
					  // one must be
	NX_WS_HANDSHAKE_RANDOM_FAILED,
	NX_WS_HANDSHAKE_VERDICT_COUNT
};

NX_API const char *nx_ws_handshake_verdict_text(enum nx_ws_handshake_verdict verdict);

// permessage-deflate as offered or agreed (RFC 7692 7.1). Zero: no limits.
struct nx_ws_deflate {
	bool server_no_context_takeover;
	bool client_no_context_takeover;
	uint8_t server_max_window_bits; // 8 to 15, 0: not said
	uint8_t client_max_window_bits;
	// Of an offer: the client understands client_max_window_bits, with a value or without.
	bool client_window_may_shrink;
};

// A field that the caller adds to a head.
struct nx_ws_field {
	const char *name;
	const char *value;
};

// What a server knows of a client. Slices are borrowed from the read buffer until it is asked for
// space; a missing one has NULL data.
struct nx_ws_request {
	struct nx_http_slice target;
	struct nx_http_slice host;
	struct nx_http_slice origin; // to be checked by servers that browsers reach (RFC 6455 10.2)
	struct nx_http_slice protocols[NX_WS_PROTOCOLS]; // in the client's order
	unsigned int protocol_count;
	struct nx_ws_deflate offers[NX_WS_OFFERS]; // the ones that are well formed, in order
	unsigned int offer_count;
	char accept[NX_WS_ACCEPT + 1];
	enum nx_http_verdict http;
	const uint8_t *bytes; // of the head; with `head` for fields of the caller's interest
	struct nx_http_head head;
	struct nx_http_field fields[NX_WS_FIELDS];
};

// limits may be NULL (nexwire/http_head.h).
NX_API void nx_ws_request_init(struct nx_ws_request *request, const struct nx_http_limits *limits);

// Reads on in the buffer. NX_WS_HANDSHAKE_DONE: the head is consumed, *request is filled, and
// frames may follow in the buffer. A head that fills the buffer without an end is refused.
NX_API NX_CHECKED enum nx_ws_handshake_verdict nx_ws_request_read(
	struct nx_ws_request *request, struct nx_read_buffer *buffer);

// The first offer, with what the server wishes itself (NULL: nothing); false without an offer. A
// client that does not understand client_max_window_bits keeps its full window.
NX_API NX_CHECKED bool nx_ws_deflate_choose(const struct nx_ws_request *request,
	const struct nx_ws_deflate *wish, struct nx_ws_deflate *agreed);

// Writes the 101 response. protocol: index of one of the request's, or -1; deflate: what was
// agreed, or NULL; fields: `count` more of the caller's.
NX_API NX_CHECKED enum nx_ws_handshake_verdict nx_ws_accept(const struct nx_ws_request *request,
	struct nx_write_buffer *buffer, int protocol, const struct nx_ws_deflate *deflate,
	const struct nx_ws_field *fields, size_t count);

// Writes the response that a verdict of nx_ws_request_read calls for (400, 405, 426, 431 and so
// on), its sentence as the body; the connection closes after it.
NX_API NX_CHECKED enum nx_ws_handshake_verdict nx_ws_refuse(const struct nx_ws_request *request,
	struct nx_write_buffer *buffer, enum nx_ws_handshake_verdict verdict);

// What a client asks for. Texts are checked and copied; only `protocols` must live until the
// response is read.
struct nx_ws_client_config {
	const char *host;   // with its port unless that is the scheme's
	const char *target; // path and query
	const char *origin; // NULL: none
	const char *const *protocols;
	size_t protocol_count;
	const struct nx_ws_deflate *deflate; // an offer, NULL: none
	const struct nx_ws_field *fields;
	size_t field_count;
	const struct nx_http_limits *limits; // for the response; may be NULL
};

struct nx_ws_client {
	int protocol;                // index of the agreed one, -1: none
	bool compression;            // permessage-deflate was agreed
	struct nx_ws_deflate agreed; // how
	enum nx_http_verdict http;
	struct nx_http_head head; // of the response, over the read buffer's bytes
	struct nx_http_field fields[NX_WS_FIELDS];
	// Private.
	const char *const *protocols;
	size_t protocol_count;
	struct nx_ws_deflate offer;
	bool offered;
	char accept[NX_WS_ACCEPT + 1];
};

// Writes the request, with a key of 16 bytes from `random`.
NX_API NX_CHECKED enum nx_ws_handshake_verdict nx_ws_client_ask(struct nx_ws_client *client,
	const struct nx_ws_client_config *config, nx_random random, void *context,
	struct nx_write_buffer *buffer);

// Reads the response on. NX_WS_HANDSHAKE_DONE: its head is consumed, and frames may follow.
NX_API NX_CHECKED enum nx_ws_handshake_verdict nx_ws_client_read(
	struct nx_ws_client *client, struct nx_read_buffer *buffer);

// Sec-WebSocket-Accept for a key of NX_WS_KEY characters (RFC 6455 4.2.2); ends with a zero.
NX_API void nx_ws_accept_of(const char *key, char accept[NX_WS_ACCEPT + 1]);

NX_END
