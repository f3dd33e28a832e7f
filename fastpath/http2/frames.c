// SPDX-License-Identifier: BSD-3-Clause
// What the library calls: frames that came, streams that end, frames that leave. Nothing here calls
// into sending or receiving; streams that have something to do are woken for after.
#include "http2/connection_impl.h"

enum {
	FRAME_HEADER = 9, // RFC 9113 4.1
	// A frame that was sent lets the client answer with as many (WINDOW_UPDATE).
	FRAMES_A_FRAME = 2,
};

static struct h2_stream *stream_of(nghttp2_session *session, int32_t id)
{
	return nghttp2_session_get_stream_user_data(session, id);
}

// Frames that carry nothing of a message cost their sender a token: pings, settings, priorities,
// window updates beyond what was sent, empty data, continuations.
static bool carries(const nghttp2_frame_hd *hd)
{
	if (hd->type == NGHTTP2_HEADERS)
		return true;
	return hd->type == NGHTTP2_DATA &&
	       (hd->length > 0 || (hd->flags & NGHTTP2_FLAG_END_STREAM));
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *context)
{
	struct h2_connection *c = context;

	if (carries(hd) || rate_take(&c->frames, c->now))
		return 0;
	h2_connection_finish(c, H2_ENDING_FRAMES);
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

// What comes of this stream is no request's any more: the library says no word of it from here on,
// not that its head ended either.
static void give_up(struct h2_connection *c, nghttp2_session *session, int32_t id)
{
	struct h2_stream *s = stream_of(session, id);

	if (c->head.id == id)
		h2_head_clear(c);
	if (s)
		s->is_new = false;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	struct h2_connection *c = context;
	struct h2_engine *e = c->engine;
	struct h2_stream *s;
	uint32_t index;

	h2_head_begin(c, frame->hd.stream_id, c->now);
	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	index = pool_get(&e->streams);
	if (index == POOL_NONE) {
		h2_head_clear(c);
		counter_add(&e->stats.refused, 1);
		return nghttp2_submit_rst_stream(
			session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
	}
	s = pool_at(&e->streams, index);
	*s = (struct h2_stream){.index = index,
		.owner = H2_NONE,
		.id = frame->hd.stream_id,
		.is_new = true,
		.connection = c};
	TAILQ_INSERT_TAIL(&c->all, s, of_connection);
	c->streams++;
	c->moved = c->now;
	counter_add(&e->stats.streams, 1);
	return nghttp2_session_set_stream_user_data(session, s->id, s);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
	nghttp2_rcbuf *value, uint8_t flags, void *context)
{
	struct h2_connection *c = context;
	const struct h2_stream *s = stream_of(session, frame->hd.stream_id);
	bool is_trailer = frame->headers.cat != NGHTTP2_HCAT_REQUEST;
	int error = h2_head_count(c, name, value);

	// Nobody reads what a refused stream says. A body whose length was said has no trailers in
	// HTTP/1.1.
	if (error || !s || s->is_reset || (is_trailer && !s->is_chunked))
		return error;
	error = is_trailer ? h2_trailer_field(c, name, value) : h2_head_field(c, name, value);
	if (error)
		give_up(c, session, frame->hd.stream_id);
	return error;
}

// A message with such a field is malformed (RFC 9113 8.2.1).
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
	nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags, void *context)
{
	int error = nghttp2_submit_rst_stream(
		session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);

	give_up(context, session, frame->hd.stream_id);
	return error ? error : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_invalid_frame(
	nghttp2_session *session, const nghttp2_frame *frame, int error, void *context)
{
	give_up(context, session, frame->hd.stream_id);
	return 0;
}

// By us, with an error of the library if there is one.
static int reset_here(struct h2_stream *s, uint32_t code)
{
	s->is_reset = true;
	h2_stream_waits(s, false);
	return nghttp2_submit_rst_stream(s->connection->session, NGHTTP2_FLAG_NONE, s->id, code);
}

static int head_end(struct h2_connection *c, const nghttp2_frame *frame, struct h2_stream *s)
{
	bool is_last = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

	if (!s) {
		h2_head_clear(c);
		return 0;
	}
	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return h2_trailer_finish(c, s) ? 0 : reset_here(s, NGHTTP2_ENHANCE_YOUR_CALM);
	if (h2_head_finish(c, s, is_last)) {
		h2_stream_wake(s);
		return 0;
	}
	s->is_new = false;
	return reset_here(s, NGHTTP2_INTERNAL_ERROR);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	struct h2_connection *c = context;
	struct h2_stream *s = stream_of(session, frame->hd.stream_id);
	int error = 0;

	if (frame->hd.type == NGHTTP2_GOAWAY)
		c->client_leaves = true;
	if (frame->hd.type == NGHTTP2_HEADERS)
		error = head_end(c, frame, s);
	if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) && s &&
		!s->is_reset && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
		s->has_ended = true;
		h2_stream_wake(s);
	}
	return error;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
	size_t length, void *context)
{
	struct h2_connection *c = context;
	struct h2_stream *s = stream_of(session, id);
	int error;

	// Of an answered or refused request nobody reads on.
	if (!s || s->is_shut || s->is_reset || (!s->is_new && s->owner == H2_NONE))
		return nghttp2_session_consume(session, id, length);
	h2_stream_wake(s);
	if (h2_put(c, &s->in, bytes, length))
		return 0;
	// Of a body that lacks a part nobody reads on.
	error = nghttp2_session_consume(session, id, length);
	return error ? error : reset_here(s, NGHTTP2_INTERNAL_ERROR);
}

// Who begins requests to give them up, or to have them refused, makes work for others.
static void reset_count(struct h2_connection *c)
{
	counter_add(&c->engine->stats.resets, 1);
	if (!rate_take(&c->resets, c->now))
		h2_connection_finish(c, H2_ENDING_RESETS);
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *context)
{
	struct h2_connection *c = context;
	struct h2_stream *s = stream_of(session, id);

	if (c->head.id == id)
		h2_head_clear(c);
	// One without room was refused.
	if (!s)
		return 0;
	// Whatever the client calls it.
	if (!s->is_reset && (code != NGHTTP2_NO_ERROR || !s->is_shut))
		reset_count(c);
	s->is_over = true;
	// A reset of ours is nothing that the client took.
	h2_stream_waits(s, !s->is_reset);
	if (s->owner == H2_NONE)
		h2_stream_free(s);
	else
		h2_stream_wake(s);
	return 0;
}

// The answer is whole, and the request is not: no more of it is wanted (RFC 9113 8.1).
static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	struct h2_stream *s = stream_of(session, frame->hd.stream_id);

	if (!s || s->has_ended || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) ||
		(frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
		return 0;
	return reset_here(s, NGHTTP2_NO_ERROR);
}

ssize_t h2_body_read(nghttp2_session *session, int32_t id, uint8_t *bytes, size_t length,
	uint32_t *flags, nghttp2_data_source *source, void *context)
{
	struct h2_stream *s = source->ptr;
	uint32_t n = u32_min(s->out.bytes, (uint32_t)length);

	if (n == 0 && !s->is_shut)
		return NGHTTP2_ERR_DEFERRED;
	*flags = NGHTTP2_DATA_FLAG_NO_COPY;
	if (n < s->out.bytes || !s->is_shut)
		return (ssize_t)n;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (s->out_trailer.bytes > 0) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		if (h2_trailer_submit(s) != 0)
			return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	return (ssize_t)n;
}

// One frame of data, whose bytes are the buffers that the target sent.
static int send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *header,
	size_t length, nghttp2_data_source *source, void *context)
{
	struct h2_connection *c = context;
	struct h2_stream *s = source->ptr;
	struct tls_queue front = {0};
	uint8_t *at;

	// The library would write as much as windows let out.
	if (c->out.bytes >= c->out_most)
		return NGHTTP2_ERR_WOULDBLOCK;
	if (length > 0 && !tls_queue_cut(&s->out, (uint32_t)length, c->engine->buffers, &front)) {
		c->is_starved = true;
		return NGHTTP2_ERR_WOULDBLOCK;
	}
	// All of it or nothing: the library says it again.
	at = tls_queue_room(&c->out, FRAME_HEADER, c->engine->buffers);
	if (!at) {
		tls_queue_join(&front, &s->out);
		s->out = front;
		c->is_starved = true;
		return NGHTTP2_ERR_WOULDBLOCK;
	}
	memcpy(at, header, FRAME_HEADER);
	tls_queue_join(&c->out, &front);
	c->moved = c->now;
	h2_stream_waits(s, true);
	c->frames.tokens_us = u64_min(c->frames.tokens_us + FRAMES_A_FRAME * USEC_PER_SECOND,
		(usec_t)c->frames.burst * USEC_PER_SECOND);
	h2_stream_wake(s);
	return 0;
}

void h2_callbacks_set(nghttp2_session_callbacks *callbacks)
{
	nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks, on_invalid_header);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
	nghttp2_session_callbacks_set_send_data_callback(callbacks, send_data);
}
