// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// HTTP/1.1 messages into a write buffer, each in one pass: first line, fields, body. What is given
// is checked as strictly as the reader would: no byte ends a line early (header injection), no
// field that frames the message comes from the caller, nothing is written that the reader refuses.
//
// Calls before the body keep the first fault and do nothing after it; the call that ends the head
// returns it, and then the buffer is as it was before the message. Until that call nothing of the
// buffer may be sent. Calls for content return their own verdict, all or nothing written:
// NX_HTTP_WRITE_NO_ROOM there means to send and call again.

#include "nexwire/buffer.h"
#include "nexwire/http_query.h"

NX_BEGIN

// How the reader at the other end, or the request, limits a response.
enum {
	NX_HTTP_WRITE_NO_CONTENT = 1 << 0, // it answers HEAD: length as if, content left out
	NX_HTTP_WRITE_OLD_PEER = 1 << 1,   // the peer speaks HTTP/1.0: no chunks
	NX_HTTP_WRITE_CLOSE = 1 << 2,      // write Connection: close
	NX_HTTP_WRITE_KEEP = 1 << 3,       // write Connection: keep-alive, for an HTTP/1.0 peer
	NX_HTTP_WRITE_TUNNEL = 1 << 4      // a 2xx to CONNECT: no length, the tunnel follows
};

struct nx_http_writer {
	struct nx_write_buffer *buffer;
	size_t start;            // length of the buffer's data before this message
	size_t mark;             // where a length to be filled in stands, from the data's start on
	size_t target;           // where the target stands, from the data's start on
	size_t authority;        // where its authority stands in the target
	size_t authority_length; // 0 when the target has none
	uint64_t left;           // content that was said and is not written yet
	uint16_t status;         // 0 in a request
	uint8_t method;          // enum nx_http_method
	uint8_t phase;
	uint8_t fault;
	uint8_t flags;
	bool has_host;
	bool has_query;
	bool is_judged;    // the target is known to be valid
	bool says_close;   // a Connection: close is in the head
	bool asks_upgrade; // a Connection: upgrade is
};

// Field lines checked once and written many times.
struct nx_http_prepared {
	struct nx_http_slice lines;
	bool has_host;
	bool says_close;
	bool asks_upgrade;
};

// Begins a request. The target is "*", an authority (CONNECT), an absolute URI, or a path, perhaps
// with a query; a base that is not empty is joined before a path. All in encoded form.
NX_API void nx_http_write_request(struct nx_http_writer *writer, struct nx_write_buffer *buffer,
	struct nx_http_slice method, struct nx_http_slice base, struct nx_http_slice target);

// Adds name=value to its query, encoding both. Before any field.
NX_API void nx_http_write_query(
	struct nx_http_writer *writer, struct nx_http_slice name, struct nx_http_slice value);

// Adds text to its query that is encoded already.
NX_API void nx_http_write_query_raw(struct nx_http_writer *writer, struct nx_http_slice text);

// Begins a response; flags are NX_HTTP_WRITE_*. A NULL reason stands for the usual one. An interim
// response (1xx) ends with nx_http_write_end, and the final one begins anew.
NX_API void nx_http_write_response(struct nx_http_writer *writer, struct nx_write_buffer *buffer,
	unsigned status, const char *reason, unsigned flags);

// Adds a field line. Content-Length and Transfer-Encoding are the writer's own, Host comes once and
// only in requests.
NX_API void nx_http_write_field(
	struct nx_http_writer *writer, struct nx_http_slice name, struct nx_http_slice value);

NX_API void nx_http_write_number(
	struct nx_http_writer *writer, struct nx_http_slice name, uint64_t value);

// Adds lines that nx_http_prepare_end gave; if a Host is among them, the target is a path or "*".
NX_API void nx_http_write_prepared(
	struct nx_http_writer *writer, const struct nx_http_prepared *prepared);

// Field lines alone, into a buffer that keeps them as long as they are used.
NX_API void nx_http_prepare(struct nx_http_writer *writer, struct nx_write_buffer *buffer);
NX_API NX_CHECKED enum nx_http_verdict nx_http_prepare_end(
	struct nx_http_writer *writer, struct nx_http_prepared *prepared);

// Ends the head, one of these. Without a body: writes Content-Length: 0 where its absence would
// mean something else.
NX_API NX_CHECKED enum nx_http_verdict nx_http_write_end(struct nx_http_writer *writer);

// With this body, whole.
NX_API NX_CHECKED enum nx_http_verdict nx_http_write_body(
	struct nx_http_writer *writer, struct nx_http_slice content);

// With a body written in place: *space has *room bytes; afterwards nx_http_write_body_close says
// how many of them are the body, and fills the length in. Nothing else may touch the buffer
// between.
NX_API NX_CHECKED enum nx_http_verdict nx_http_write_body_open(
	struct nx_http_writer *writer, uint8_t **space, size_t *room);
NX_API NX_CHECKED enum nx_http_verdict nx_http_write_body_close(
	struct nx_http_writer *writer, size_t length);

// With a body of this length, which follows by nx_http_write_content or another way.
NX_API NX_CHECKED enum nx_http_verdict nx_http_write_length(
	struct nx_http_writer *writer, uint64_t length);

// With a body of unknown length: in chunks, or, of a response to an old peer, until the connection
// closes.
NX_API NX_CHECKED enum nx_http_verdict nx_http_write_chunked(struct nx_http_writer *writer);

// A piece of the body: as a chunk in a chunked one. Empty pieces write nothing.
NX_API NX_CHECKED enum nx_http_verdict nx_http_write_content(
	struct nx_http_writer *writer, struct nx_http_slice content);

// A chunk written in place, as nx_http_write_body_open does.
NX_API NX_CHECKED enum nx_http_verdict nx_http_write_chunk_open(
	struct nx_http_writer *writer, uint8_t **space, size_t *room);
NX_API NX_CHECKED enum nx_http_verdict nx_http_write_chunk_close(
	struct nx_http_writer *writer, size_t length);

// A trailer field of a chunked body, behind all content; what RFC 9110 6.5.1 forbids is refused.
NX_API NX_CHECKED enum nx_http_verdict nx_http_write_trailer(
	struct nx_http_writer *writer, struct nx_http_slice name, struct nx_http_slice value);

// Ends the body; NX_HTTP_WRITE_LENGTH_WRONG if content is missing.
NX_API NX_CHECKED enum nx_http_verdict nx_http_write_finish(struct nx_http_writer *writer);

// Is the message whole?
NX_API bool nx_http_writer_is_done(const struct nx_http_writer *writer);

// The usual reason phrase (RFC 9110 15); "" for a status without one.
NX_API const char *nx_http_reason(unsigned status);

NX_END
