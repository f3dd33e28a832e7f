// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A connection from inside. Private to http2/.

#include <nghttp2/nghttp2.h>

#include "http2/connection.h"

// connection.c
void h2_stream_wake(struct h2_stream *s);
void h2_stream_free(struct h2_stream *s);
// Puts bytes behind a queue's last. False, and nothing changed: no buffer.
bool h2_put(struct h2_connection *c, struct tls_queue *q, const void *bytes, size_t length);

// What a stream has to be let out was changed. is_progress: the client let some out.
void h2_stream_waits(struct h2_stream *s, bool is_progress);
// By us; nothing is counted against the client.
void h2_stream_reset(struct h2_stream *s, uint32_t code);

// head.c: a request's fields become the text of HTTP/1.1.
void h2_head_begin(struct h2_connection *c, int32_t id, usec_t now);
void h2_head_clear(struct h2_connection *c);
// Both: 0 or an error of the library. A field's bytes count, also where it is not taken.
int h2_head_count(struct h2_connection *c, nghttp2_rcbuf *name, nghttp2_rcbuf *value);
int h2_head_field(struct h2_connection *c, nghttp2_rcbuf *name, nghttp2_rcbuf *value);
// A trailer field likewise.
int h2_trailer_field(struct h2_connection *c, nghttp2_rcbuf *name, nghttp2_rcbuf *value);
// The trailer section is whole, and the stream's. False: it is too long, or lacks a buffer.
bool h2_trailer_finish(struct h2_connection *c, struct h2_stream *s);
// It is whole, and the stream's. False: it cannot be written, for want of buffers.
bool h2_head_finish(struct h2_connection *c, struct h2_stream *s, bool is_last);

// stream.c: the answer's trailer section is to be sent behind its body. An error of the library.
int h2_trailer_submit(struct h2_stream *s);

// frames.c: what the library says and asks.
void h2_callbacks_set(nghttp2_session_callbacks *callbacks);
// Of a stream's answer.
ssize_t h2_body_read(nghttp2_session *session, int32_t id, uint8_t *bytes, size_t length,
	uint32_t *flags, nghttp2_data_source *source, void *context);
