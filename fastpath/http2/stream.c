// SPDX-License-Identifier: BSD-3-Clause
// A stream as one connection of HTTP/1.1: its request to be read, its answer to be written.
#include "core/chain.h"
#include "http2/connection_impl.h"
#include "nexwire/http_chunked.h"

enum {
	FIELDS_MAX = 192,        // of an answer
	STREAM_QUEUE = 64 << 10, // bytes of an answer that wait for the client's window
	CONNECTION_QUEUE = 512 << 10,
	// Of each stream, whatever the others have: one is woken when bytes of its own leave, so it
	// may have none only if some wait.
	STREAM_SHARE = 4 << 10,
	TRAILERS_MAX = NX_HTTP_OWN_TRAILERS,
	CHUNK_LINE = 10, // eight digits and an end of line
};

// What was taken of the body is the client's to send again.
static void consumed(struct h2_stream *s, uint32_t n)
{
	if (n > 0 && nghttp2_session_consume(s->connection->session, s->id, n) != 0)
		h2_connection_finish(s->connection, H2_ENDING_MEMORY);
}

static bool chunk_begin(struct h2_stream *s, struct tls_queue *out, uint32_t n)
{
	char line[CHUNK_LINE + 1];
	int length = snprintf(line, sizeof(line), "%x\r\n", n);

	return h2_put(s->connection, out, line, (size_t)length);
}

// The next n bytes of the body as they go on, behind nothing. False, and nothing changed: no
// buffer.
static bool body_take(struct h2_stream *s, uint32_t n, struct tls_queue *out)
{
	struct h2_connection *c = s->connection;
	struct buffer_source *buffers = c->engine->buffers;
	struct tls_queue body = {0};

	if (s->is_chunked && !chunk_begin(s, out, n))
		return false;
	if (!tls_queue_cut(&s->in, n, buffers, &body))
		goto no_body;
	if (s->is_chunked && !h2_put(c, &body, "\r\n", 2))
		goto no_end;
	tls_queue_join(out, &body);
	consumed(s, n);
	return true;

no_end:
	tls_queue_join(&body, &s->in);
	s->in = body;
no_body:
	tls_queue_clear(out, buffers);
	return false;
}

// All of the body is taken: its end. False: no buffer.
static bool body_end(struct h2_stream *s, struct tls_queue *out)
{
	const char *end = s->in_trailer.bytes > 0 ? "0\r\n" : "0\r\n\r\n";

	if (s->is_chunked && !h2_put(s->connection, out, end, strlen(end)))
		return false;
	tls_queue_join(out, &s->in_trailer);
	s->is_closed = true;
	return true;
}

struct buffer *h2_stream_receive(struct h2_stream *s, uint32_t max)
{
	struct tls_queue out = {0};
	uint32_t n = u32_min(s->in.bytes, max);

	if (s->head.bytes > 0)
		return tls_queue_chain(&s->head);
	if (s->is_shut || s->is_closed || s->is_reset)
		return NULL;
	if ((n > 0 && !body_take(s, n, &out)) ||
		(s->in.bytes == 0 && s->has_ended && !body_end(s, &out)))
		s->lacks = s->connection->lacks = true;
	return tls_queue_chain(&out);
}

bool h2_stream_has_ended(const struct h2_stream *s)
{
	return s->is_shut || (s->head.bytes == 0 && s->is_closed);
}

uint32_t h2_stream_room(const struct h2_stream *s)
{
	uint32_t stream = s->queued < STREAM_QUEUE ? STREAM_QUEUE - s->queued : 0;
	uint32_t all = s->connection->queued < CONNECTION_QUEUE
			       ? CONNECTION_QUEUE - s->connection->queued
			       : 0;

	if (s->queued < STREAM_SHARE)
		all = u32_max(all, STREAM_SHARE - s->queued);
	return s->is_over ? 0 : u32_min(stream, all);
}

// What is of one connection of HTTP/1.1 alone (RFC 9113 8.2.2).
static bool is_for_connection(struct nx_http_slice name)
{
	return nx_http_same(name, "connection") || nx_http_same(name, "transfer-encoding") ||
	       nx_http_same(name, "keep-alive") || nx_http_same(name, "proxy-connection") ||
	       nx_http_same(name, "upgrade");
}

static uint8_t *lowered(uint8_t *name, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (name[i] >= 'A' && name[i] <= 'Z')
			name[i] |= 0x20;
	return name;
}

// Names are in lower case (RFC 9113 8.2).
static nghttp2_nv field_of(const struct nx_http_field *field, uint8_t *text)
{
	return (nghttp2_nv){lowered(text + field->name.at, field->name.length),
		text + field->value.at, field->name.length, field->value.length, 0};
}

static size_t fields_fill(
	const struct nx_http_head *head, uint8_t *text, nghttp2_nv *out, char status[4])
{
	size_t n = 0;
	static uint8_t pseudo[] = ":status";

	snprintf(status, 4, "%03u", head->status % 1000u);
	out[n++] = (nghttp2_nv){pseudo, (uint8_t *)status, sizeof(pseudo) - 1, 3, 0};
	for (uint32_t i = 0; i < head->count; i++) {
		if (!is_for_connection(nx_http_span_of(text, head->fields[i].name)))
			out[n++] = field_of(&head->fields[i], text);
	}
	return n;
}

static int head_submit(struct h2_stream *s, const struct nx_http_head *head,
	const nghttp2_nv *fields, size_t count, bool is_last)
{
	nghttp2_data_provider body = {.source = {.ptr = s}, .read_callback = h2_body_read};

	if (head->status < 200)
		return nghttp2_submit_headers(s->connection->session, NGHTTP2_FLAG_NONE, s->id,
			NULL, fields, count, NULL);
	s->is_answered = true;
	s->is_shut = is_last;
	return nghttp2_submit_response(
		s->connection->session, s->id, fields, count, is_last ? NULL : &body);
}

bool h2_stream_head(struct h2_stream *s, uint8_t *text, uint32_t length, bool is_last, usec_t now)
{
	struct h2_connection *c = s->connection;
	struct nx_http_limits limits = {.head_bytes = UINT16_MAX};
	struct nx_http_field room[FIELDS_MAX];
	nghttp2_nv fields[FIELDS_MAX + 1];
	struct nx_http_head head;
	char status[4];
	uint32_t rest;
	size_t count;

	nx_http_head_init(&head, NX_HTTP_RESPONSE, &limits, room, FIELDS_MAX);
	c->now = now;
	// Where its body ends is known already.
	nx_http_head_reset(&head, NX_HTTP_HEAD);
	if (s->is_over || s->is_answered || nx_http_head_read(&head, text, length) != NX_HTTP_OK)
		return false;
	rest = length - head.length;
	count = fields_fill(&head, text, fields, status);
	if (rest > 0 && !h2_put(c, &s->out, text + head.length, rest))
		return false;
	if (head_submit(s, &head, fields, count, is_last && rest == 0) != 0) {
		h2_connection_finish(c, H2_ENDING_MEMORY);
		return false;
	}
	s->is_shut = is_last;
	h2_stream_waits(s, false);
	return true;
}

static void body_resume(struct h2_stream *s)
{
	int error = nghttp2_session_resume_data(s->connection->session, s->id);

	// It was not waiting.
	if (error != 0 && error != NGHTTP2_ERR_INVALID_ARGUMENT)
		h2_connection_finish(s->connection, H2_ENDING_MEMORY);
}

void h2_stream_send(struct h2_stream *s, struct buffer *chain, usec_t now)
{
	struct h2_connection *c = s->connection;

	if (s->is_over || !s->is_answered || s->is_shut) {
		c->engine->buffers->put(c->engine->buffers, chain);
		return;
	}
	c->now = now;
	tls_queue_append(&s->out, chain);
	h2_stream_waits(s, false);
	body_resume(s);
}

bool h2_stream_trailer(struct h2_stream *s, const uint8_t *text, uint32_t length)
{
	if (s->is_over || !s->is_answered || s->is_shut)
		return true;
	return length <= H2_TRAILER_MAX && h2_put(s->connection, &s->out_trailer, text, length);
}

int h2_trailer_submit(struct h2_stream *s)
{
	struct h2_engine *e = s->connection->engine;
	struct nx_http_limits limits = {.trailer_bytes = H2_TRAILER_MAX};
	struct nx_http_field room[TRAILERS_MAX];
	nghttp2_nv fields[TRAILERS_MAX];
	struct nx_http_head head;
	uint32_t length = chain_copy(s->out_trailer.head, 0, H2_TRAILER_MAX, e->trailer);

	tls_queue_clear(&s->out_trailer, e->buffers);
	nx_http_head_init(&head, NX_HTTP_TRAILER, &limits, room, TRAILERS_MAX);
	if (nx_http_head_read(&head, e->trailer, length) != NX_HTTP_OK)
		return NGHTTP2_ERR_INVALID_ARGUMENT;
	for (uint32_t i = 0; i < head.count; i++)
		fields[i] = field_of(&head.fields[i], e->trailer);
	return nghttp2_submit_trailer(s->connection->session, s->id, fields, head.count);
}

void h2_stream_shut(struct h2_stream *s)
{
	if (s->is_shut || s->is_over)
		return;
	s->is_shut = true;
	h2_stream_waits(s, false);
	body_resume(s);
}

void h2_stream_reset(struct h2_stream *s, uint32_t code)
{
	s->is_reset = true;
	h2_stream_waits(s, false);
	if (nghttp2_submit_rst_stream(s->connection->session, NGHTTP2_FLAG_NONE, s->id, code) != 0)
		h2_connection_finish(s->connection, H2_ENDING_MEMORY);
}

void h2_stream_let_go(struct h2_stream *s)
{
	s->owner = H2_NONE;
	s->is_new = false;
	if (s->is_over) {
		h2_stream_free(s);
		return;
	}
	consumed(s, s->in.bytes);
	tls_queue_clear(&s->head, s->connection->engine->buffers);
	tls_queue_clear(&s->in, s->connection->engine->buffers);
	tls_queue_clear(&s->in_trailer, s->connection->engine->buffers);
	if (!s->is_shut && !s->is_reset)
		h2_stream_reset(s, NGHTTP2_INTERNAL_ERROR);
}

void h2_stream_refuse(struct h2_stream *s)
{
	counter_add(&s->connection->engine->stats.refused, 1);
	h2_stream_reset(s, NGHTTP2_REFUSED_STREAM);
	h2_stream_let_go(s);
}
