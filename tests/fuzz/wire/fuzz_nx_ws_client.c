// SPDX-License-Identifier: BSD-3-Clause

// A WebSocket client and a hostile server, twice: as many bytes at a time as there is room for, and
// in pieces. The server answers the handshake as it should, then sends the input, or sends the
// input for an answer. Both times must tell the same messages and the same verdict, and what the
// client says to them is read by a server. Input: options, piece, then the server's bytes.

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "nexwire/ws_connection.h"

enum {
	LIMIT = 3000,
	ROOM = 1 << 15,
	KEPT = 1 << 16
};

static void must(bool condition)
{
	if (!condition)
		abort();
}

enum option {
	ANSWER_IS_INPUT = 1,
	OFFERS_COMPRESSION = 2,
	AGREES_TO_COMPRESSION = 4,
	ANSWERS_NOTHING = 8
};

struct server {
	const uint8_t *bytes;
	size_t left;
	size_t piece;
	uint8_t options;
	bool is_asked, has_ended;
	struct nx_read_buffer in;
	struct nx_write_buffer answer;
	struct nx_ws_request request;
	struct nx_ws_reader reader;
};

struct outcome {
	enum nx_client_verdict verdict;
	enum nx_ws_verdict fault;
	enum nx_ws_handshake_verdict refusal;
	uint8_t text[KEPT]; // opcode, close code, length and data of each message
	size_t length;
};

static void server_init(struct server *s)
{
	struct nx_ws_reader_config config = {.role = NX_WS_SERVER};

	must(nx_read_buffer_create(&s->in, ROOM, NULL) == NX_BUFFER_OK);
	must(nx_write_buffer_create(&s->answer, ROOM, 0, NULL) == NX_BUFFER_OK);
	must(nx_ws_reader_init(&s->reader, &s->in, &config) == 0);
	nx_ws_request_init(&s->request, NULL);
}

static void server_fini(struct server *s)
{
	nx_ws_reader_fini(&s->reader);
	nx_read_buffer_fini(&s->in);
	nx_write_buffer_fini(&s->answer);
}

static void answer(struct server *s)
{
	struct nx_ws_deflate wish = {.server_max_window_bits = 10}, agreed;
	bool compresses = s->options & AGREES_TO_COMPRESSION &&
			  nx_ws_deflate_choose(&s->request, &wish, &agreed);

	s->is_asked = true;
	if (s->options & ANSWER_IS_INPUT)
		return;
	must(nx_ws_accept(&s->request, &s->answer, -1, compresses ? &agreed : NULL, NULL, 0) ==
		NX_WS_HANDSHAKE_DONE);
}

// What the client says is a request, then frames without a fault.
static void hear(struct server *s, struct iovec from)
{
	enum nx_ws_handshake_verdict asked;
	struct nx_ws_message message;
	enum nx_ws_verdict verdict;

	must(nx_read_buffer_feed(&s->in, from.iov_base, from.iov_len) == from.iov_len);
	if (!s->is_asked) {
		asked = nx_ws_request_read(&s->request, &s->in);
		must(asked == NX_WS_HANDSHAKE_DONE);
		answer(s);
	}
	while ((verdict = nx_ws_reader_next(&s->reader, &message)) == NX_WS_MESSAGE)
		must(message.opcode == NX_WS_PONG || message.opcode == NX_WS_CLOSE);
	must(verdict == NX_WS_NEED_MORE || verdict == NX_WS_CLOSED);
}

static size_t bring(struct iovec to, const uint8_t *bytes, size_t n, size_t piece)
{
	n = n < piece ? n : piece;
	n = n < to.iov_len ? n : to.iov_len;
	if (n > 0)
		memcpy(to.iov_base, bytes, n);
	return n;
}

static void turn(struct nx_stream *stream, struct server *s)
{
	struct iovec from = nx_stream_send_from(stream), to;
	size_t n;

	if (from.iov_len > 0)
		hear(s, from);
	nx_stream_sent(stream, from.iov_len);
	must(!s->has_ended);
	to = nx_stream_receive_to(stream);
	must(to.iov_len > 0);
	n = nx_write_buffer_length(&s->answer);
	if (n > 0) {
		n = bring(to, nx_write_buffer_data(&s->answer), n, s->piece);
		must(nx_write_buffer_sent(&s->answer, n) == NX_BUFFER_OK);
	} else {
		n = bring(to, s->bytes, s->left, s->piece);
		s->bytes += n;
		s->left -= n;
		s->has_ended = n == 0;
	}
	nx_stream_received(stream, n);
}

static void keep(struct outcome *o, const void *data, size_t n)
{
	if (n > KEPT - o->length)
		n = KEPT - o->length;
	if (n > 0)
		memcpy(o->text + o->length, data, n);
	o->length += n;
}

static void message_take(struct outcome *o, const struct nx_ws_message *m)
{
	uint32_t head[3] = {m->opcode, m->close_code, (uint32_t)m->length};
	struct nx_ws_message *owned = nx_ws_message_own(m, NULL);

	must(m->length <= LIMIT && !m->compressed);
	must(m->opcode != NX_WS_TEXT || nx_utf8_is_valid(m->data, m->length));
	keep(o, head, sizeof(head));
	keep(o, owned->data, owned->length);
	nx_ws_message_free(owned, NULL);
}

static void talk(struct nx_ws_connection *connection, struct server *s, struct outcome *o)
{
	struct nx_ws_message message;

	o->verdict = nx_ws_adopt(connection, -1);
	while (o->verdict == NX_CLIENT_AGAIN) {
		turn(&connection->stream, s);
		o->verdict = nx_ws_connect(connection);
	}
	while (o->verdict == NX_CLIENT_DONE || o->verdict == NX_CLIENT_AGAIN) {
		o->verdict = nx_ws_receive(connection, &message);
		if (o->verdict == NX_CLIENT_DONE)
			message_take(o, &message);
		else if (o->verdict == NX_CLIENT_AGAIN)
			turn(&connection->stream, s);
	}
	o->fault = connection->fault;
	o->refusal = connection->refusal;
}

static void play(struct server s, struct outcome *o)
{
	struct nx_ws_connection_config config = {.url = "ws://h/x",
		.message_limit = LIMIT,
		.answers_nothing = s.options & ANSWERS_NOTHING,
		.stream = {.drive = NX_DRIVE_CARRIED,
			.in_bytes = ROOM,
			.connect_timeout_ms = UINT_MAX,
			.timeout_ms = UINT_MAX}};
	static struct nx_ws_connection connection;
	struct iovec rest;

	o->length = 0;
	server_init(&s);
	if (s.options & OFFERS_COMPRESSION)
		config.compression = nx_ws_compression_calls();
	must(nx_ws_connection_init(&connection, &config) == NX_CLIENT_DONE);
	talk(&connection, &s, o);
	rest = nx_stream_send_from(&connection.stream);
	if (rest.iov_len > 0)
		hear(&s, rest);
	nx_ws_connection_fini(&connection);
	server_fini(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct outcome a, b;
	struct server server;

	if (size < 2 || size > 20000)
		return 0;
	server = (struct server){
		.bytes = data + 2, .left = size - 2, .piece = ROOM, .options = data[0]};
	play(server, &a);
	server.piece = 1 + data[1] % 100;
	play(server, &b);
	must(a.verdict == b.verdict && a.fault == b.fault && a.refusal == b.refusal);
	must(a.length == b.length && memcmp(a.text, b.text, a.length) == 0);
	return 0;
}
