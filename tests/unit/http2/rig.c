// SPDX-License-Identifier: BSD-3-Clause
#include "unit/http2/rig.h"

#include "core/chain.h"

const struct h2_limits h2_rig_limits = {
	.head_bytes = 4096, .streams = H2_RIG_AT_ONCE, .idle_frames = 500, .resets = 50};

enum {
	CAPACITY = 200,
	BUFFER_BYTES = 2048,
};

static struct h2_rig_stream *client_stream(struct h2_rig *rig, int32_t id)
{
	for (uint32_t i = 0; i < rig->count; i++)
		if (rig->streams[i].id == id)
			return &rig->streams[i];
	return NULL;
}

static void append(char *text, const void *bytes, size_t length)
{
	size_t have = strlen(text);

	if (length > H2_RIG_TEXT - 1 - have)
		length = H2_RIG_TEXT - 1 - have;
	memcpy(text + have, bytes, length);
	text[have + length] = 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags, void *context)
{
	struct h2_rig_stream *s = client_stream(context, frame->hd.stream_id);

	nx_bug_on(!s);
	append(s->fields, name, name_length);
	append(s->fields, ": ", 2);
	append(s->fields, value, value_length);
	append(s->fields, "\n", 1);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
	size_t length, void *context)
{
	struct h2_rig_stream *s = client_stream(context, id);

	nx_bug_on(!s);
	append(s->body, bytes, length);
	s->got += length;
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	struct h2_rig *rig = context;

	if (frame->hd.type != NGHTTP2_GOAWAY)
		return 0;
	rig->has_goaway = true;
	rig->goaway = frame->goaway.error_code;
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *context)
{
	struct h2_rig_stream *s = client_stream(context, id);

	nx_bug_on(!s);
	s->is_closed = true;
	s->code = code;
	return 0;
}

static void client_make(struct h2_rig *rig)
{
	nghttp2_session_callbacks *callbacks;

	nx_bug_on(nghttp2_session_callbacks_new(&callbacks) != 0);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	nx_bug_on(nghttp2_session_client_new(&rig->client, callbacks, rig) != 0);
	nghttp2_session_callbacks_del(callbacks);
	nx_bug_on(nghttp2_submit_settings(rig->client, NGHTTP2_FLAG_NONE, NULL, 0) != 0);
}

void h2_rig_begin(struct h2_rig *rig, bool is_raw)
{
	memset(rig, 0, sizeof(*rig));
	rig->now = USEC_PER_SECOND;
	rig->room = UINT32_MAX;
	nx_bug_on(h2_engine_create(2, CAPACITY, &buffer_heap_source, &rig->engine) != 0);
	rig->connection = h2_connection_begin(rig->engine, &h2_rig_limits, rig->now);
	nx_bug_on(!rig->connection);
	if (!is_raw)
		client_make(rig);
}

void h2_rig_end(struct h2_rig *rig)
{
	struct h2_stream *next;

	for (struct h2_stream *s = TAILQ_FIRST(&rig->connection->all); s; s = next) {
		next = TAILQ_NEXT(s, of_connection);
		if (s->owner != H2_NONE)
			h2_stream_let_go(s);
	}
	h2_connection_end(rig->connection);
	h2_engine_destroy(rig->engine);
	nghttp2_session_del(rig->client);
	nx_bug_on(buffer_heap_alive() != 0);
}

static void let_go(struct h2_rig *rig, struct h2_stream *s)
{
	rig->streams[s->owner].stream = NULL;
	h2_stream_let_go(s);
}

static void take_up(struct h2_rig *rig, struct h2_stream *s)
{
	struct h2_rig_stream *r = client_stream(rig, s->id);

	if (!r && rig->count < H2_RIG_STREAMS) {
		r = &rig->streams[rig->count++];
		r->id = s->id;
	}
	if (!r) {
		h2_stream_refuse(s);
		return;
	}
	s->owner = (uint32_t)(r - rig->streams);
	s->is_new = false;
	r->stream = s;
	r->reads = UINT32_MAX;
}

static void stream_step(struct h2_rig *rig, struct h2_stream *s)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
	struct h2_rig_stream *r;
	struct buffer *chain;

	if (s->is_new && !s->is_over)
		take_up(rig, s);
	if (s->owner == H2_NONE)
		return;
	if (s->is_over) {
		let_go(rig, s);
		return;
	}
	r = &rig->streams[s->owner];
	while (r->reads > 0 && (chain = h2_stream_receive(s, r->reads)) != NULL) {
		char text[H2_RIG_TEXT];
		uint32_t n = chain_copy(chain, 0, sizeof(text) - 1, (uint8_t *)text);

		append(r->asked, text, n);
		r->read += chain->total_length;
		r->reads -= r->reads == UINT32_MAX ? 0 : u32_min(r->reads, chain->total_length);
		buffer_heap_source.put(&buffer_heap_source, chain);
	}
	r->ended = h2_stream_has_ended(s);
	if (rig->answers && r->ended) {
		char text[sizeof(answer)];

		memcpy(text, answer, sizeof(answer));
		if (!h2_stream_head(s, (uint8_t *)text, sizeof(answer) - 1, true, rig->now))
			rig->gone = true;
		let_go(rig, s);
	}
}

static bool our_output(struct h2_rig *rig)
{
	struct buffer *chain;

	if (rig->room == 0 || rig->gone)
		return false;
	chain = h2_output(rig->connection, rig->room, rig->now);
	rig->gone = rig->connection->is_last_said;
	if (!chain)
		return false;
	rig->sent += chain->total_length;
	for (const struct buffer *b = chain; b && rig->client; b = b->next)
		if (nghttp2_session_mem_recv(rig->client, buffer_data(b), b->length) < 0)
			nx_bug_on(!rig->gone);
	rig->room -= rig->room == UINT32_MAX ? 0 : u32_min(rig->room, chain->total_length);
	buffer_heap_source.put(&buffer_heap_source, chain);
	return true;
}

static bool our_streams(struct h2_rig *rig)
{
	struct h2_stream *s = h2_woken_take(rig->connection);

	if (s)
		stream_step(rig, s);
	return s != NULL;
}

void h2_rig_bytes(struct h2_rig *rig, const void *bytes, size_t length)
{
	const uint8_t *from = bytes;
	size_t most = rig->piece > 0 ? rig->piece : BUFFER_BYTES;

	while (length > 0) {
		size_t n = length < most ? length : most;
		struct buffer *b = buffer_heap_get(&buffer_heap_source, (uint32_t)n);

		nx_bug_on(!b);
		memcpy(buffer_data(b), from, n);
		b->length = (uint16_t)n;
		b->total_length = (uint32_t)n;
		h2_input(rig->connection, b, rig->now);
		from += n;
		length -= n;
	}
}

static bool client_output(struct h2_rig *rig)
{
	const uint8_t *bytes;
	ssize_t n = rig->client ? nghttp2_session_mem_send(rig->client, &bytes) : 0;

	if (n > 0)
		h2_rig_bytes(rig, bytes, (size_t)n);
	return n > 0;
}

void h2_rig_run(struct h2_rig *rig)
{
	bool moved;

	do {
		moved = client_output(rig);
		while (our_streams(rig))
			moved = true;
		moved |= our_output(rig);
	} while (moved);
}

static ssize_t body_read(nghttp2_session *session, int32_t id, uint8_t *out, size_t length,
	uint32_t *flags, nghttp2_data_source *source, void *context)
{
	const char *rest = source->ptr;
	size_t n = 0;

	for (; n < length && rest[n] != 0; n++)
		out[n] = (uint8_t)rest[n];
	source->ptr = (void *)(uintptr_t)(rest + n);
	if (rest[n] == 0)
		*flags = NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

uint32_t h2_rig_ask(struct h2_rig *rig, const nghttp2_nv *fields, size_t count, const char *body)
{
	nghttp2_data_provider from = {
		.source = {.ptr = (void *)(uintptr_t)body}, .read_callback = body_read};
	struct h2_rig_stream *s = &rig->streams[rig->count];

	nx_bug_on(rig->count == H2_RIG_STREAMS);
	s->id = nghttp2_submit_request(rig->client, NULL, fields, count, body ? &from : NULL, NULL);
	nx_bug_on(s->id < 0);
	return rig->count++;
}

uint32_t h2_rig_get(struct h2_rig *rig, const char *path)
{
#define FIELD(name, value, length)                                                                 \
	{                                                                                          \
		(uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), sizeof(name) - 1,     \
			length, NGHTTP2_NV_FLAG_NONE                                               \
	}
	const nghttp2_nv fields[] = {
		FIELD(":method", "GET", 3),
		FIELD(":scheme", "https", 5),
		FIELD(":authority", "www.example", 11),
		FIELD(":path", path, strlen(path)),
	};
#undef FIELD
	return h2_rig_ask(rig, fields, nx_array_size(fields), NULL);
}

void h2_rig_answer(struct h2_rig *rig, uint32_t stream, const char *text, bool is_last)
{
	char own[H2_RIG_TEXT];
	size_t length = strlen(text);

	nx_bug_on(length >= sizeof(own));
	memcpy(own, text, length + 1);
	nx_bug_on(!h2_stream_head(
		rig->streams[stream].stream, (uint8_t *)own, (uint32_t)length, is_last, rig->now));
}

void h2_rig_body(struct h2_rig *rig, uint32_t stream, uint32_t bytes)
{
	struct h2_stream *s = rig->streams[stream].stream;

	while (bytes > 0) {
		uint32_t n = u32_min(bytes, BUFFER_BYTES);
		struct buffer *b = buffer_heap_get(&buffer_heap_source, n);

		nx_bug_on(!b);
		memset(buffer_data(b), 'x', n);
		b->length = (uint16_t)n;
		b->total_length = n;
		b->segments = 1;
		h2_stream_send(s, b, rig->now);
		bytes -= n;
	}
}
