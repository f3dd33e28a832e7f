// SPDX-License-Identifier: BSD-3-Clause

// A REST client and the bytes of a hostile server, twice: as many at a time as there is room for,
// and in pieces. Both must give the same response or the same verdict. What it is asked next must
// do no harm. Over TLS the bytes are in records that are as long as the pieces of the other time.
// Input: kind of request, piece, TLS and its end, then the server's bytes.

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "nexwire/rest.h"
#include "tls_keys.h"

enum {
	BODY_LIMIT = 2000,
	HEAD_LIMIT = 500,
	KEPT = 1 << 16
};

static void must(bool condition)
{
	if (!condition)
		abort();
}

struct server {
	const uint8_t *bytes;
	size_t left;
	size_t piece;
	size_t record; // 0: there is no TLS
	bool closes;   // by a close_notify
	bool has_ended;
	struct nx_tls *tls;
};

struct outcome {
	enum nx_client_verdict verdict;
	enum nx_http_verdict fault;
	unsigned int status;
	uint8_t text[KEPT]; // the response's head and body
	size_t length;
};

static void keep(struct outcome *o, struct nx_http_slice text)
{
	must(text.length <= KEPT - o->length);
	if (text.length > 0)
		memcpy(o->text + o->length, text.data, text.length);
	o->length += text.length;
}

static bool take(void *context, const struct nx_response *response, struct nx_http_slice piece)
{
	struct outcome *o = context;

	must(response->status >= 200 || response->status == 101);
	keep(o, piece);
	return o->length < KEPT / 2;
}

static size_t piece_copy(struct iovec to, const uint8_t *bytes, size_t n, size_t piece)
{
	n = n < piece ? n : piece;
	n = n < to.iov_len ? n : to.iov_len;
	if (n > 0)
		memcpy(to.iov_base, bytes, n);
	return n;
}

// What a client says must open.
static void tls_hear(struct server *server, struct iovec from)
{
	char text[1000];
	size_t n;

	must(nx_read_buffer_feed(nx_tls_input(server->tls), from.iov_base, from.iov_len) ==
		from.iov_len);
	while (nx_tls_read(server->tls, text, sizeof(text), &n) == NX_TLS_DONE)
		continue;
	must(nx_tls_read(server->tls, text, sizeof(text), &n) == NX_TLS_MORE);
}

static size_t tls_bring(struct server *server, struct iovec to)
{
	struct nx_write_buffer *out = nx_tls_output(server->tls);
	size_t n = server->left < server->record ? server->left : server->record;

	if (nx_write_buffer_length(out) == 0 && n > 0) {
		must(nx_tls_write(server->tls, server->bytes, n, &n) == NX_TLS_DONE);
		server->bytes += n;
		server->left -= n;
	} else if (nx_write_buffer_length(out) == 0 && server->closes) {
		must(nx_tls_close(server->tls) == NX_TLS_DONE);
		server->closes = false;
	}
	n = piece_copy(to, nx_write_buffer_data(out), nx_write_buffer_length(out), server->piece);
	must(nx_write_buffer_sent(out, n) == NX_BUFFER_OK);
	return n;
}

static size_t bring(struct server *server, struct iovec to)
{
	size_t n = piece_copy(to, server->bytes, server->left, server->piece);

	server->bytes += n;
	server->left -= n;
	return n;
}

// Carries the client's bytes away, and brings some of the server's, or its end.
static void turn(struct nx_stream *stream, struct server *server)
{
	struct iovec from = nx_stream_send_from(stream), to;
	size_t n;

	if (server->tls != NULL && from.iov_len > 0)
		tls_hear(server, from);
	nx_stream_sent(stream, from.iov_len);
	must(!server->has_ended);
	to = nx_stream_receive_to(stream);
	must(to.iov_len > 0);
	n = server->tls != NULL ? tls_bring(server, to) : bring(server, to);
	nx_stream_received(stream, n);
	server->has_ended = n == 0;
}

// A new connection, which has shaken hands.
static void connect_to(struct nx_rest *rest, struct server *server)
{
	enum nx_client_verdict verdict = nx_rest_adopt(rest, -1);

	if (server->record == 0) {
		must(verdict == NX_CLIENT_DONE);
		return;
	}
	must(verdict == NX_CLIENT_AGAIN);
	nx_write_buffer_clear(nx_tls_output(rest->stream.tls));
	tls_keys_set(rest->stream.tls, true);
	nx_tls_destroy(server->tls);
	server->tls = tls_keys_connection(true, true, 0);
	must(nx_rest_connect(rest) == NX_CLIENT_DONE);
}

// A copy says the same.
static void check_owned(const struct nx_response *response)
{
	struct nx_response_owned *owned = nx_response_own(response, NULL);
	struct nx_http_slice a = nx_response_field(response, "Content-Type"),
			     b = nx_response_field(&owned->response, "Content-Type");

	must(owned->response.body.length == response->body.length &&
		memcmp(owned->response.body.data, response->body.data, response->body.length) == 0);
	must(a.length == b.length && (a.data == NULL) == (b.data == NULL));
	must(a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
	nx_response_free(owned);
}

static void ask(struct nx_rest *rest, struct server *server, uint8_t options, struct outcome *o)
{
	static const char *const methods[] = {"GET", "HEAD", "POST", "DELETE"};
	static const char body[] = "a body";
	bool has_body = options & 8;
	struct nx_response response;

	o->length = 0;
	nx_rest_begin(rest, methods[options & 3], "/x");
	o->verdict = nx_rest_send(rest, has_body ? body : NULL, has_body ? sizeof(body) : 0);
	while (o->verdict == NX_CLIENT_DONE || o->verdict == NX_CLIENT_AGAIN) {
		o->verdict = options & 4 ? nx_rest_receive_to(rest, &response, take, o)
					 : nx_rest_receive(rest, &response);
		if (o->verdict != NX_CLIENT_AGAIN)
			break;
		turn(&rest->stream, server);
	}
	o->fault = nx_rest_fault(rest);
	if (o->verdict != NX_CLIENT_DONE)
		return;
	o->status = response.status;
	must(response.body.length <= BODY_LIMIT && response.head.length <= HEAD_LIMIT);
	keep(o, response.head);
	keep(o, response.body);
	check_owned(&response);
}

static void play(struct server server, uint8_t options, struct outcome *first)
{
	struct nx_rest_config config = {
		.url = server.record > 0 ? "https://localhost/base" : "http://h/base",
		.body_limit = BODY_LIMIT,
		.head_limit = HEAD_LIMIT,
		.stream = {.drive = NX_DRIVE_CARRIED,
			.tls = tls_keys_context(false),
			.connect_timeout_ms = UINT_MAX,
			.timeout_ms = UINT_MAX}};
	static struct outcome next;
	static struct nx_rest rest;

	must(nx_rest_init(&rest, &config) == NX_CLIENT_DONE);
	connect_to(&rest, &server);
	ask(&rest, &server, options, first);
	for (int i = 0; i < 2 && !server.has_ended; i++) {
		if (!nx_rest_is_alive(&rest))
			connect_to(&rest, &server);
		ask(&rest, &server, options >> 4, &next);
	}
	nx_rest_fini(&rest);
	nx_tls_destroy(server.tls);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct outcome a, b;
	struct server server;

	if (size < 3)
		return 0;
	server = (struct server){.bytes = data + 3,
		.left = size - 3,
		.piece = size + 100,
		.record = data[2] & 1 ? 1 + data[1] % 100u : 0,
		.closes = data[2] & 2};
	play(server, data[0], &a);
	server.piece = 1 + data[1] % 100u;
	server.record = data[2] & 1 ? 1 + data[2] : 0;
	play(server, data[0], &b);
	must(a.verdict == b.verdict && a.fault == b.fault);
	if (a.verdict == NX_CLIENT_DONE)
		must(a.status == b.status && a.length == b.length &&
			memcmp(a.text, b.text, a.length) == 0);
	return 0;
}
