// SPDX-License-Identifier: BSD-3-Clause
// A whole connection, as server (first bit of the first byte clear) or client of 16 requests, given
// its bytes in two ways: the same events with the same content. The server answers; what it writes
// is read by a client.
#include <stdlib.h>

#include "core/base.h"
#include "nexwire/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	FIELDS = 16,
	TRACE = 1 << 16
};

struct run {
	struct nx_http_field fields[FIELDS];
	struct nx_http_server server;
	struct nx_http_client client;
	struct nx_write_buffer out;
	uint8_t memory[TRACE];
	uint8_t trace[TRACE];
	size_t length;
	size_t done;
	bool is_client;
};

static const struct nx_http_limits limits = {
	.head_bytes = 512, .trailer_bytes = 64, .extension_bytes = 16, .body_bytes = 2000};

static void note(struct run *r, uint8_t mark, struct nx_http_slice bytes)
{
	if (r->length + 1 + bytes.length > sizeof(r->trace))
		return;
	r->trace[r->length++] = mark;
	memcpy(r->trace + r->length, bytes.data, bytes.length);
	r->length += bytes.length;
}

static void answer(struct run *r)
{
	static const unsigned statuses[] = {200, 204, 404, 304, 101, 500};
	const struct nx_http_head *head = &r->server.in.head;
	unsigned status = statuses[head->target.length % 6];
	struct nx_http_writer writer;

	if (status == 101 && (head->flags & NX_HTTP_ASKS_UPGRADE) == 0)
		status = 200;
	nx_http_server_reply(&r->server, &writer, &r->out, status, NULL);
	if (head->count % 2 == 0 && status / 100 == 2 && status != 204 &&
		head->method != NX_HTTP_CONNECT) {
		nx_bug_on(nx_http_write_chunked(&writer) != NX_HTTP_OK);
		nx_bug_on(nx_http_write_content(&writer, NX_HTTP_TEXT("chunk")) != NX_HTTP_OK);
		nx_bug_on(nx_http_write_finish(&writer) != NX_HTTP_OK);
	} else {
		nx_bug_on(nx_http_write_end(&writer) != NX_HTTP_OK);
	}
	nx_bug_on(nx_http_server_replied(&r->server, &writer) != NX_HTTP_OK);
}

static enum nx_http_event turn(struct run *r, const uint8_t *bytes, size_t length, size_t *consumed)
{
	struct nx_http_slice piece;
	enum nx_http_event event;
	const struct nx_http_incoming *in = r->is_client ? &r->client.in : &r->server.in;

	event = r->is_client ? nx_http_client_read(&r->client, bytes, length, consumed, &piece)
			     : nx_http_server_read(&r->server, bytes, length, consumed, &piece);
	nx_bug_on(*consumed > length);
	nx_bug_on(piece.length > *consumed);
	if (event == NX_HTTP_EVENT_HEAD || event == NX_HTTP_EVENT_INTERIM)
		note(r, '[', piece);
	else if (event == NX_HTTP_EVENT_CONTENT && piece.length > 0)
		for (size_t i = 0; i < piece.length; i++)
			note(r, '-', (struct nx_http_slice){piece.data + i, 1});
	else if (event == NX_HTTP_EVENT_END)
		note(r, ']', piece);
	else if (event == NX_HTTP_EVENT_FAULT)
		note(r, '!', (struct nx_http_slice){&in->fault, 1});
	else if (event == NX_HTTP_EVENT_WAIT)
		answer(r);
	return event;
}

static void open_run(struct run *r, bool is_client)
{
	static const struct nx_http_slice methods[] = {
		NX_HTTP_TEXT("GET"), NX_HTTP_TEXT("HEAD"), NX_HTTP_TEXT("POST")};
	struct nx_http_writer writer;

	r->length = 0;
	r->done = 0;
	r->is_client = is_client;
	nx_bug_on(nx_write_buffer_init(&r->out, r->memory, sizeof(r->memory), 0) != NX_BUFFER_OK);
	nx_http_server_init(&r->server, &limits, r->fields, FIELDS);
	if (!is_client)
		return;
	nx_http_client_init(&r->client, &limits, r->fields, FIELDS);
	for (size_t i = 0; i < NX_HTTP_IN_FLIGHT; i++) {
		nx_http_client_request(&r->client, &writer, &r->out, methods[i % 3],
			NX_HTTP_TEXT(""), NX_HTTP_TEXT("/"));
		nx_http_write_field(&writer, NX_HTTP_TEXT("Host"), NX_HTTP_TEXT("a"));
		if (i == NX_HTTP_IN_FLIGHT - 1)
			nx_http_write_field(
				&writer, NX_HTTP_TEXT("Connection"), NX_HTTP_TEXT("upgrade"));
		nx_bug_on(nx_http_write_end(&writer) != NX_HTTP_OK);
		nx_bug_on(nx_http_client_requested(&r->client, &writer) != NX_HTTP_OK);
	}
}

static void play(struct run *r, const uint8_t *data, size_t size, size_t step)
{
	enum nx_http_event event = NX_HTTP_EVENT_NONE;
	size_t given = 0;

	// Some look ahead first, which changes nothing.
	if (r->is_client && step > 1)
		(void)!nx_http_client_is_cut_short(&r->client, data, size);
	while (given < size && event < NX_HTTP_EVENT_SWITCHED) {
		uint8_t *bytes;
		size_t at = 0, consumed, turns = 0;

		given = step < size - given ? given + step : size;
		bytes = malloc(given - r->done + 1);
		memcpy(bytes, data + r->done, given - r->done);
		do {
			event = turn(r, bytes + at, given - r->done - at, &consumed);
			at += consumed;
			// Every turn consumes, or is one of at most four between heads.
			turns = consumed > 0 ? 0 : turns + 1;
			nx_bug_on(turns > 4);
		} while (event != NX_HTTP_EVENT_NONE && event < NX_HTTP_EVENT_SWITCHED);
		r->done += at;
		free(bytes);
	}
	if (event == NX_HTTP_EVENT_SWITCHED)
		note(r, '~', (struct nx_http_slice){data + r->done, size - r->done});
	else if (event == NX_HTTP_EVENT_CLOSED)
		note(r, '.', (struct nx_http_slice){data, 0});
	else if (event == NX_HTTP_EVENT_NONE)
		note(r,
			(uint8_t)(r->is_client ? nx_http_client_end_of_input(&r->client)
					       : nx_http_server_end_of_input(&r->server)),
			(struct nx_http_slice){data, 0});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run whole, pieces;
	bool is_client;

	if (size == 0 || size > 4096)
		return 0;
	is_client = (data[0] & 1) != 0;
	open_run(&whole, is_client);
	play(&whole, data + 1, size - 1, SIZE_MAX);
	open_run(&pieces, is_client);
	play(&pieces, data + 1, size - 1, 1 + data[0] / 2);
	nx_bug_on(whole.length != pieces.length);
	nx_bug_on(memcmp(whole.trace, pieces.trace, whole.length) != 0);
	return 0;
}
