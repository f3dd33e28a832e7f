// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A connection as its server or its client sees it: head, body, next. The owner of the transport
// gives the bytes that came, does what the event says, drops what was consumed, and asks again.

#include "nexwire/http_chunked.h"
#include "nexwire/http_writer.h"

NX_BEGIN

enum nx_http_event {
	NX_HTTP_EVENT_NONE,    // give more bytes, behind those not consumed
	NX_HTTP_EVENT_HEAD,    // a head: in.head; *piece is its bytes, on which its spans count
	NX_HTTP_EVENT_INTERIM, // client: the head of a 1xx response; the final one follows
	NX_HTTP_EVENT_CONTENT, // *piece is the next piece of the body
	NX_HTTP_EVENT_END, // the message is over; *piece is its trailer section, in.chunked.trailer
	NX_HTTP_EVENT_WAIT,     // server: reply to the request first, then ask again
	NX_HTTP_EVENT_SWITCHED, // bytes from here on are no longer HTTP's; none are consumed
	NX_HTTP_EVENT_CLOSED,   // no message follows: close when all is sent; bytes are dropped
	NX_HTTP_EVENT_FAULT     // in.fault says what; every later call says it again
};

// The reading half, which server and client share.
struct nx_http_incoming {
	struct nx_http_head head;
	struct nx_http_chunked chunked;
	uint64_t left; // content still to come, or still allowed when framed by closing
	uint64_t body_bytes;
	uint8_t phase;
	uint8_t fault; // enum nx_http_verdict
};

struct nx_http_server {
	struct nx_http_incoming in;
	uint8_t reply;  // whether the request read last is due a reply
	bool closing;   // no request is read any more
	bool switching; // the reply accepted an upgrade or a tunnel
	bool continued; // a 100 went out, or content came, so the client sends its content
};

enum {
	NX_HTTP_IN_FLIGHT = 16,
	NX_HTTP_INTERIMS = 32
};

struct nx_http_client {
	struct nx_http_incoming in;
	uint8_t asked[NX_HTTP_IN_FLIGHT]; // method, and whether it asks for an upgrade
	uint8_t first;
	uint8_t in_flight; // requests whose final response has not ended
	uint8_t interims;
	bool last_sent; // the request written last is the connection's last
	bool closing;   // no response follows
	bool switched;
};

// `fields`, of `capacity`, stay the caller's as long as the server or client lives, which must not
// move. limits may be NULL.
NX_API void nx_http_server_init(struct nx_http_server *server, const struct nx_http_limits *limits,
	struct nx_http_field *fields, uint16_t capacity);
NX_API void nx_http_client_init(struct nx_http_client *client, const struct nx_http_limits *limits,
	struct nx_http_field *fields, uint16_t capacity);

// The next event in the bytes not consumed yet. *consumed bytes are done with once the caller is
// done with *piece, which is borrowed from them.
NX_API NX_CHECKED enum nx_http_event nx_http_server_read(struct nx_http_server *server,
	const uint8_t *bytes, size_t length, size_t *consumed, struct nx_http_slice *piece);
NX_API NX_CHECKED enum nx_http_event nx_http_client_read(struct nx_http_client *client,
	const uint8_t *bytes, size_t length, size_t *consumed, struct nx_http_slice *piece);

// The peer will send no more, and all it sent was given to read: NX_HTTP_EVENT_CLOSED, _SWITCHED,
// NX_HTTP_EVENT_WAIT (server: a reply is still due), NX_HTTP_EVENT_END (client: the end of this
// body) or NX_HTTP_EVENT_FAULT (inside a message: NX_HTTP_TRUNCATED; client, before a response that
// is due: NX_HTTP_UNANSWERED, as a pooled connection that went stale ends).
NX_API NX_CHECKED enum nx_http_event nx_http_server_end_of_input(struct nx_http_server *server);
NX_API NX_CHECKED enum nx_http_event nx_http_client_end_of_input(struct nx_http_client *client);

// Begins a reply to the request read last, which may still have content to come: the writer is told
// what the request and its connection make of it (HEAD, HTTP/1.0, last message). 101 is refused
// unless asked for, 1xx to HTTP/1.0. A CONNECT that is not answered with 2xx is the last message.
NX_API void nx_http_server_reply(struct nx_http_server *server, struct nx_http_writer *writer,
	struct nx_write_buffer *buffer, unsigned status, const char *reason);

// The reply is written whole. After an interim one the final one is still due.
NX_API NX_CHECKED enum nx_http_verdict nx_http_server_replied(
	struct nx_http_server *server, const struct nx_http_writer *writer);

// After NX_HTTP_EVENT_FAULT: writes the answer that fits (nx_http_verdict_status), the connection's
// last. NX_HTTP_WRITE_OUT_OF_ORDER when there is no fault to answer, or a reply has begun: close.
NX_API NX_CHECKED enum nx_http_verdict nx_http_server_refuse(
	struct nx_http_server *server, struct nx_write_buffer *buffer);

// Begins a request (nx_http_write_request), pipelined if others are in flight. Refused behind one
// that says close, CONNECT or asks for an upgrade, and with NX_HTTP_IN_FLIGHT in flight.
NX_API void nx_http_client_request(struct nx_http_client *client, struct nx_http_writer *writer,
	struct nx_write_buffer *buffer, struct nx_http_slice method, struct nx_http_slice base,
	struct nx_http_slice target);

// Its head is written; call before any of it is sent, so that its response finds it.
NX_API NX_CHECKED enum nx_http_verdict nx_http_client_requested(
	struct nx_http_client *client, const struct nx_http_writer *writer);

// While the content of the only request in flight is being sent: do these bytes, none of which was
// given to nx_http_client_read, begin an answer after which the rest of it is for nobody (RFC 9112,
// 9.5): an error, a redirection, the connection's last, or no HTTP at all? Nothing is consumed.
NX_API bool nx_http_client_is_cut_short(
	const struct nx_http_client *client, const uint8_t *bytes, size_t length);

// The request sent last ends where it is: its response is the connection's last.
NX_API void nx_http_client_cut_short(struct nx_http_client *client);

// May another request be sent on this connection? Whether the last one was sent to its end is the
// caller's to know.
NX_API bool nx_http_client_is_reusable(const struct nx_http_client *client);

NX_END
