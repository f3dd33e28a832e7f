// SPDX-License-Identifier: BSD-3-Clause

// A REST client: its life, and requests.

#include "rest.h"

#include <poll.h>
#include <string.h>

enum {
	BODY_LIMIT = 48 * 1024,
	HEAD_LIMIT = 8 * 1024,
	// Beyond head and body: the interim response before, and what chunks add to a piece.
	IN_SLACK = 4 * 1024
};

// Host and the config's own fields, checked once.
static enum nx_client_verdict fields_prepare(
	struct nx_rest *rest, const struct nx_rest_config *config)
{
	struct nx_http_writer writer;
	size_t bytes = rest->url.authority.length + 16;

	for (size_t i = 0; i < config->field_count; i++)
		bytes += strlen(config->fields[i].name) + strlen(config->fields[i].value) + 4;
	if (nx_write_buffer_create(&rest->prepared_lines, bytes, 0, rest->allocator) !=
		NX_BUFFER_OK)
		return NX_CLIENT_NO_MEMORY;
	nx_http_prepare(&writer, &rest->prepared_lines);
	nx_http_write_field(&writer, NX_HTTP_TEXT("Host"), rest->url.authority);
	for (size_t i = 0; i < config->field_count; i++)
		nx_http_write_field(&writer, nx_http_text(config->fields[i].name),
			nx_http_text(config->fields[i].value));
	rest->fault = nx_http_prepare_end(&writer, &rest->prepared);
	return rest->fault == NX_HTTP_OK ? NX_CLIENT_DONE : NX_CLIENT_REQUEST_INVALID;
}

// A copy, since the URL's slices live as long as the client.
static enum nx_client_verdict url_take(struct nx_rest *rest, const struct nx_rest_config *config)
{
	size_t bytes = strlen(config->url) + 1;

	rest->url_text = rest->allocator->allocate(rest->allocator->context, bytes);
	if (rest->url_text == NULL)
		return NX_CLIENT_NO_MEMORY;
	memcpy(rest->url_text, config->url, bytes);
	if (nx_url_parse(nx_http_text(rest->url_text), &rest->url) != NX_URL_OK)
		return NX_CLIENT_URL_INVALID;
	if (rest->url.is_tls && config->stream.tls == NULL)
		return NX_CLIENT_TLS_CONTEXT_MISSING;
	return NX_CLIENT_DONE;
}

static enum nx_client_verdict stream_make(struct nx_rest *rest, const struct nx_rest_config *config)
{
	struct nx_stream_config stream = config->stream;
	size_t head = config->head_limit ? config->head_limit : HEAD_LIMIT;
	size_t body = config->body_limit ? config->body_limit : BODY_LIMIT;

	if (stream.in_bytes < head + body + IN_SLACK)
		stream.in_bytes = head + body + IN_SLACK;
	rest->limits = (struct nx_http_limits){
		.head_bytes = (uint32_t)(head < UINT16_MAX ? head : UINT16_MAX),
		.body_bytes = body};
	return nx_stream_init(&rest->stream, &stream);
}

enum nx_client_verdict nx_rest_init(struct nx_rest *rest, const struct nx_rest_config *config)
{
	enum nx_client_verdict verdict;

	memset(rest, 0, sizeof(*rest));
	rest->stream.fd = -1;
	rest->stream.over = NX_CLIENT_POISONED;
	rest->allocator =
		config->stream.allocator ? config->stream.allocator : &nx_allocator_default;
	verdict = url_take(rest, config);
	if (verdict == NX_CLIENT_DONE)
		verdict = fields_prepare(rest, config);
	if (verdict == NX_CLIENT_DONE)
		verdict = stream_make(rest, config);
	if (verdict != NX_CLIENT_DONE)
		nx_rest_fini(rest);
	return verdict;
}

void nx_rest_fini(struct nx_rest *rest)
{
	enum nx_http_verdict fault = rest->fault;

	if (rest->stream.in.slab != NULL)
		nx_stream_fini(&rest->stream);
	if (rest->prepared_lines.slab != NULL)
		nx_write_buffer_fini(&rest->prepared_lines);
	if (rest->url_text != NULL)
		rest->allocator->release(
			rest->allocator->context, rest->url_text, strlen(rest->url_text) + 1);
	memset(rest, 0, sizeof(*rest));
	rest->stream.fd = -1;
	rest->stream.over = NX_CLIENT_POISONED;
	rest->fault = fault;
}

static void start(struct nx_rest *rest)
{
	nx_http_client_init(&rest->http, &rest->limits, rest->fields, NX_REST_FIELDS);
	rest->phase = REST_IDLE;
	rest->parsed = rest->head_at = rest->body_at = rest->body_length = 0;
	rest->ended = rest->has_head = rest->heard = false;
	rest->give = NULL;
}

static enum nx_client_verdict connected(struct nx_rest *rest, enum nx_client_verdict verdict)
{
	if (verdict == NX_CLIENT_DONE)
		rest->phase = REST_IDLE;
	return verdict;
}

enum nx_client_verdict nx_rest_connect(struct nx_rest *rest)
{
	if (rest->stream.over == NX_CLIENT_DONE && rest->phase == REST_CONNECTING)
		return connected(rest, nx_stream_ready(&rest->stream));
	if (nx_rest_is_alive(rest))
		return NX_CLIENT_DONE;
	start(rest);
	rest->phase = REST_CONNECTING;
	return connected(rest, nx_stream_connect(&rest->stream, &rest->url));
}

enum nx_client_verdict nx_rest_adopt(struct nx_rest *rest, int fd)
{
	start(rest);
	rest->phase = REST_CONNECTING;
	return connected(rest, nx_stream_adopt(&rest->stream, &rest->url, fd));
}

bool nx_rest_is_alive(struct nx_rest *rest)
{
	if (rest->stream.over != NX_CLIENT_DONE || rest->phase == REST_CONNECTING)
		return false;
	nx_rest_drop_response(rest);
	return rest->phase == REST_IDLE && nx_http_client_is_reusable(&rest->http) &&
	       !nx_stream_is_stale(&rest->stream);
}

void nx_rest_begin_slice(
	struct nx_rest *rest, struct nx_http_slice method, struct nx_http_slice target)
{
	struct nx_http_slice base = rest->url.target;

	nx_rest_drop_response(rest);
	rest->fault = NX_HTTP_OK;
	// An URL without a path has "/" for one, which joins nothing.
	if (base.length == 1)
		base.length = 0;
	nx_http_client_request(&rest->http, &rest->writer, &rest->stream.out, method, base, target);
	if (rest->phase != REST_IDLE)
		rest->writer.fault = NX_HTTP_WRITE_OUT_OF_ORDER;
	rest->phase = rest->phase == REST_IDLE ? REST_QUERY : rest->phase;
}

void nx_rest_query_slice(
	struct nx_rest *rest, struct nx_http_slice name, struct nx_http_slice value)
{
	nx_http_write_query(&rest->writer, name, value);
}

// The prepared fields stand before the request's own.
static void fields_begin(struct nx_rest *rest)
{
	if (rest->phase != REST_QUERY)
		return;
	nx_http_write_prepared(&rest->writer, &rest->prepared);
	rest->phase = REST_FIELDS;
}

void nx_rest_field_slice(
	struct nx_rest *rest, struct nx_http_slice name, struct nx_http_slice value)
{
	fields_begin(rest);
	nx_http_write_field(&rest->writer, name, value);
}

// A request that could not be written leaves everything as it was.
static enum nx_client_verdict refuse(struct nx_rest *rest, enum nx_http_verdict fault)
{
	rest->fault = fault;
	if (rest->phase == REST_QUERY || rest->phase == REST_FIELDS)
		rest->phase = REST_IDLE;
	return NX_CLIENT_REQUEST_INVALID;
}

static enum nx_client_verdict over(struct nx_rest *rest, enum nx_client_verdict verdict)
{
	rest->stream.over = verdict;
	return verdict;
}

// The next piece, of a body whose length was said.
static enum nx_client_verdict counted_give(struct nx_rest *rest)
{
	struct nx_write_buffer *out = &rest->stream.out;
	size_t room = nx_write_buffer_room(out), length = 0;
	enum nx_rest_body body;

	if (room > rest->give_left)
		room = (size_t)rest->give_left;
	body = rest->give(rest->give_context, nx_write_buffer_space(out), room, &length);
	if (body == NX_REST_BODY_FAILED || length > room ||
		(body == NX_REST_BODY_MORE && length == 0) ||
		(body == NX_REST_BODY_END && length != rest->give_left))
		return over(rest, NX_CLIENT_BODY_FAILED);
	out->tail += length;
	rest->give_left -= length;
	if (rest->give_left == 0)
		rest->give = NULL;
	return NX_CLIENT_DONE;
}

static enum nx_client_verdict chunk_give(struct nx_rest *rest)
{
	enum nx_http_verdict written;
	enum nx_rest_body body;
	size_t room, length = 0;
	uint8_t *space;

	if (nx_http_write_chunk_open(&rest->writer, &space, &room) != NX_HTTP_OK)
		return over(rest, NX_CLIENT_BODY_FAILED);
	body = rest->give(rest->give_context, space, room, &length);
	if (body == NX_REST_BODY_FAILED || length > room ||
		(body == NX_REST_BODY_MORE && length == 0))
		return over(rest, NX_CLIENT_BODY_FAILED);
	written = nx_http_write_chunk_close(&rest->writer, length);
	if (written == NX_HTTP_OK && body == NX_REST_BODY_END) {
		written = nx_http_write_finish(&rest->writer);
		rest->give = NULL;
	}
	return written == NX_HTTP_OK ? NX_CLIENT_DONE : over(rest, NX_CLIENT_BODY_FAILED);
}

// What the server says while the request is being sent. NX_CLIENT_DONE: nothing that speaks against
// the rest of it. NX_CLIENT_CLOSED: it wants no more, or has ended.
static enum nx_client_verdict hear(struct nx_rest *rest)
{
	const struct nx_read_buffer *in = &rest->stream.in;
	enum nx_client_verdict verdict;

	rest->heard = nx_read_buffer_length(in) == in->capacity;
	if (rest->heard)
		return NX_CLIENT_DONE;
	verdict = nx_stream_hear(&rest->stream);
	if (verdict == NX_CLIENT_AGAIN)
		return NX_CLIENT_DONE;
	rest->ended = verdict == NX_CLIENT_CLOSED;
	// Carried streams may be fresh from what the last exchange has read already.
	if (verdict == NX_CLIENT_DONE && nx_read_buffer_length(in) > 0 &&
		nx_http_client_is_cut_short(
			&rest->http, nx_read_buffer_data(in), nx_read_buffer_length(in)))
		return NX_CLIENT_CLOSED;
	return verdict;
}

// Sends what is written, and hears meanwhile.
static enum nx_client_verdict out_send(struct nx_rest *rest)
{
	struct nx_stream *stream = &rest->stream;

	for (;;) {
		enum nx_client_verdict sent = nx_stream_flush(stream), heard;
		short events;

		if (sent != NX_CLIENT_AGAIN)
			return sent;
		heard = hear(rest);
		if (heard != NX_CLIENT_DONE)
			return heard;
		events = rest->heard ? POLLOUT : POLLIN | POLLOUT;
		if (stream->config.drive != NX_DRIVE_BLOCKING) {
			stream->wants = events;
			return NX_CLIENT_AGAIN;
		}
		nx_socket_wait(stream, events);
	}
}

static void cut_short(struct nx_rest *rest)
{
	rest->give = NULL;
	nx_stream_mute(&rest->stream);
	nx_http_client_cut_short(&rest->http);
}

enum nx_client_verdict nx_rest_send_rest(struct nx_rest *rest)
{
	enum nx_client_verdict verdict;

	rest->stream.hears = true;
	verdict = out_send(rest);
	while (verdict == NX_CLIENT_DONE && rest->give != NULL) {
		nx_stream_begin(&rest->stream);
		verdict = hear(rest);
		if (verdict == NX_CLIENT_DONE)
			verdict = rest->give_left == UINT64_MAX ? chunk_give(rest)
								: counted_give(rest);
		if (verdict == NX_CLIENT_DONE)
			verdict = out_send(rest);
	}
	rest->stream.hears = false;
	if (verdict == NX_CLIENT_CLOSED) {
		// What it has answered, if anything, is for nx_rest_receive to say.
		cut_short(rest);
		verdict = NX_CLIENT_DONE;
	}
	if (verdict == NX_CLIENT_DONE)
		rest->phase = REST_RECEIVING;
	return verdict;
}

static enum nx_client_verdict request_written(struct nx_rest *rest, enum nx_http_verdict written)
{
	if (rest->stream.over != NX_CLIENT_DONE) {
		nx_write_buffer_clear(&rest->stream.out);
		return NX_CLIENT_POISONED;
	}
	if (written == NX_HTTP_OK && rest->phase != REST_FIELDS)
		written = NX_HTTP_WRITE_OUT_OF_ORDER;
	if (written == NX_HTTP_OK)
		written = nx_http_client_requested(&rest->http, &rest->writer);
	if (written != NX_HTTP_OK)
		return refuse(rest, written);
	rest->phase = REST_SENDING;
	nx_stream_begin(&rest->stream);
	return nx_rest_send_rest(rest);
}

enum nx_client_verdict nx_rest_send(struct nx_rest *rest, const void *body, size_t length)
{
	fields_begin(rest);
	return request_written(rest, body == NULL ? nx_http_write_end(&rest->writer)
						  : nx_http_write_body(&rest->writer,
							    (struct nx_http_slice){body, length}));
}

enum nx_client_verdict nx_rest_send_from(
	struct nx_rest *rest, int64_t length, nx_rest_give give, void *context)
{
	bool in_chunks = length == NX_REST_IN_CHUNKS;
	enum nx_client_verdict verdict;

	fields_begin(rest);
	rest->give = in_chunks || length > 0 ? give : NULL;
	rest->give_context = context;
	rest->give_left = in_chunks ? UINT64_MAX : (uint64_t)length;
	verdict = request_written(
		rest, in_chunks ? nx_http_write_chunked(&rest->writer)
				: nx_http_write_length(&rest->writer, (uint64_t)length));
	if (verdict == NX_CLIENT_REQUEST_INVALID)
		rest->give = NULL;
	return verdict;
}

enum nx_client_verdict nx_rest_body_open(struct nx_rest *rest, uint8_t **space, size_t *room)
{
	enum nx_http_verdict verdict;

	fields_begin(rest);
	verdict = nx_http_write_body_open(&rest->writer, space, room);
	return verdict == NX_HTTP_OK ? NX_CLIENT_DONE : refuse(rest, verdict);
}

enum nx_client_verdict nx_rest_body_close(struct nx_rest *rest, size_t length)
{
	return request_written(rest, nx_http_write_body_close(&rest->writer, length));
}

enum nx_http_verdict nx_rest_fault(const struct nx_rest *rest)
{
	return rest->fault;
}
