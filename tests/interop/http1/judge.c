// SPDX-License-Identifier: BSD-3-Clause
// What our codec makes of a connection's bytes, for run.py: each case is answered by a line of JSON
// with all texts in hexadecimal. It is read whole and byte by byte, which must be the same.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case.h"
#include "nexwire/http.h"

enum {
	FIELDS = 512,
	HEAD_BYTES = 65535, // the cases have larger ones than the default
	REPLY = 512,
};

struct connection {
	FILE *out;
	const uint8_t *bytes;
	size_t length;
	struct nx_http_field fields[FIELDS];
	struct nx_http_server server;
	struct nx_http_client client;
	bool is_response;
	size_t heads;
	bool open; // the last head's message
	size_t at; // where reading stopped
};

static const struct nx_http_limits limits = {.head_bytes = HEAD_BYTES};

static void put_text(FILE *out, const char *name, struct nx_http_slice text)
{
	if (name)
		fprintf(out, ",\"%s\":", name);
	fputc('"', out);
	for (size_t i = 0; i < text.length; i++)
		fprintf(out, "%02x", text.data[i]);
	fputc('"', out);
}

static void put_fields(
	FILE *out, const char *name, const struct nx_http_head *head, const uint8_t *bytes)
{
	fprintf(out, ",\"%s\":[", name);
	for (unsigned i = 0; i < head->count; i++) {
		fputs(i > 0 ? ",[" : "[", out);
		put_text(out, NULL, nx_http_span_of(bytes, head->fields[i].name));
		fputc(',', out);
		put_text(out, NULL, nx_http_span_of(bytes, head->fields[i].value));
		fputc(']', out);
	}
	fputc(']', out);
}

static void put_message_end(struct connection *c, bool whole)
{
	if (c->open)
		fprintf(c->out, "\",\"whole\":%s}", whole ? "true" : "false");
	c->open = false;
}

// The body's hexadecimal digits follow.
static void put_head(
	struct connection *c, const struct nx_http_head *head, struct nx_http_slice bytes)
{
	static const char *const framings[] = {[NX_HTTP_NO_BODY] = "none",
		[NX_HTTP_LENGTH] = "length",
		[NX_HTTP_CHUNKED] = "chunked",
		[NX_HTTP_UNTIL_CLOSE] = "until close",
		[NX_HTTP_OPAQUE] = "opaque"};

	put_message_end(c, false);
	fprintf(c->out, "%s{\"at\":%zu,\"minor\":%u,\"status\":%u,\"flags\":%u,\"framing\":\"%s\"",
		c->heads++ > 0 ? "," : "", (size_t)(bytes.data - c->bytes), head->minor,
		head->status, head->flags, framings[head->framing]);
	if (!c->is_response) {
		put_text(c->out, "method", nx_http_span_of(bytes.data, head->method_name));
		put_text(c->out, "target", nx_http_span_of(bytes.data, head->target));
		put_text(c->out, "path", nx_http_span_of(bytes.data, head->path));
		put_text(c->out, "query", nx_http_span_of(bytes.data, head->query));
		put_text(c->out, "authority", nx_http_span_of(bytes.data, head->authority));
	}
	put_fields(c->out, "fields", head, bytes.data);
	fputs(",\"body\":\"", c->out);
	c->open = true;
}

static void reply(struct connection *c)
{
	uint8_t memory[REPLY];
	struct nx_write_buffer buffer;
	struct nx_http_writer writer;

	if (nx_write_buffer_init(&buffer, memory, sizeof(memory), 0) != NX_BUFFER_OK)
		abort();
	nx_http_server_reply(&c->server, &writer, &buffer, 404, NULL);
	if (nx_http_write_end(&writer) != NX_HTTP_OK ||
		nx_http_server_replied(&c->server, &writer) != NX_HTTP_OK)
		abort();
}

// As many requests of this method as may be in flight.
static void ask(struct connection *c, const char *method)
{
	static uint8_t memory[65536];
	struct nx_http_slice name = {(const uint8_t *)method, strlen(method)};
	struct nx_http_slice target =
		strcmp(method, "CONNECT") == 0 ? NX_HTTP_TEXT("a:1") : NX_HTTP_TEXT("/");
	struct nx_write_buffer buffer;
	struct nx_http_writer writer;

	if (nx_write_buffer_init(&buffer, memory, sizeof(memory), 0) != NX_BUFFER_OK)
		abort();
	do {
		nx_http_client_request(
			&c->client, &writer, &buffer, name, NX_HTTP_TEXT(""), target);
		nx_http_write_field(&writer, NX_HTTP_TEXT("Host"), NX_HTTP_TEXT("a:1"));
	} while (nx_http_write_end(&writer) == NX_HTTP_OK &&
		 nx_http_client_requested(&c->client, &writer) == NX_HTTP_OK);
}

static enum nx_http_event next(struct connection *c, size_t at, size_t there, size_t *consumed,
	struct nx_http_slice *piece)
{
	if (c->is_response)
		return nx_http_client_read(&c->client, c->bytes + at, there - at, consumed, piece);
	return nx_http_server_read(&c->server, c->bytes + at, there - at, consumed, piece);
}

static const struct nx_http_incoming *incoming(const struct connection *c)
{
	return c->is_response ? &c->client.in : &c->server.in;
}

// What follows such a request is no HTTP if the other side agrees to it.
static bool leaves_http(const struct connection *c)
{
	const struct nx_http_head *head = &c->server.in.head;

	return !c->is_response &&
	       ((head->flags & NX_HTTP_ASKS_UPGRADE) != 0 || head->method == NX_HTTP_CONNECT);
}

static const char *name_of(enum nx_http_event event)
{
	static const char *const names[] = {[NX_HTTP_EVENT_NONE] = "more",
		[NX_HTTP_EVENT_HEAD] = "head",
		[NX_HTTP_EVENT_INTERIM] = "interim",
		[NX_HTTP_EVENT_CONTENT] = "content",
		[NX_HTTP_EVENT_END] = "end",
		[NX_HTTP_EVENT_WAIT] = "wait",
		[NX_HTTP_EVENT_SWITCHED] = "switched",
		[NX_HTTP_EVENT_CLOSED] = "closed",
		[NX_HTTP_EVENT_FAULT] = "fault"};

	return names[event];
}

static void put_state(
	struct connection *c, const char *state, const char *why, enum nx_http_event event)
{
	fprintf(c->out, ",\"%s\":\"%s\",\"%s\":\"%s\"", state, name_of(event), why,
		event == NX_HTTP_EVENT_FAULT
			? nx_http_verdict_text((enum nx_http_verdict)incoming(c)->fault)
			: "");
}

static void put_trailer(struct connection *c, struct nx_http_slice bytes)
{
	const struct nx_http_incoming *in = incoming(c);

	if (in->head.framing == NX_HTTP_CHUNKED) {
		fputc('"', c->out);
		put_fields(c->out, "trailer", &in->chunked.trailer, bytes.data);
		fputs(",\"rest\":\"", c->out);
	}
	put_message_end(c, true);
}

static void read_connection(struct connection *c, const char *method, size_t step)
{
	size_t at = 0, there = c->length < step ? c->length : step, consumed;
	enum nx_http_event event = NX_HTTP_EVENT_NONE;
	struct nx_http_slice piece;

	nx_http_server_init(&c->server, &limits, c->fields, FIELDS);
	nx_http_client_init(&c->client, &limits, c->fields, FIELDS);
	if (c->is_response)
		ask(c, method);
	c->heads = 0;
	fputs("{\"messages\":[", c->out);
	for (;; at += consumed) {
		event = next(c, at, there, &consumed, &piece);
		if (event == NX_HTTP_EVENT_HEAD || event == NX_HTTP_EVENT_INTERIM)
			put_head(c, &incoming(c)->head, piece);
		if (event == NX_HTTP_EVENT_INTERIM)
			put_message_end(c, true);
		if (event == NX_HTTP_EVENT_HEAD && leaves_http(c)) {
			put_message_end(c, false);
			event = NX_HTTP_EVENT_SWITCHED;
		}
		for (size_t i = 0; event == NX_HTTP_EVENT_CONTENT && i < piece.length; i++)
			fprintf(c->out, "%02x", piece.data[i]);
		if (event == NX_HTTP_EVENT_END)
			put_trailer(c, piece);
		if (event == NX_HTTP_EVENT_WAIT)
			reply(c);
		if (event >= NX_HTTP_EVENT_SWITCHED)
			break;
		if (event == NX_HTTP_EVENT_NONE && consumed == 0 && there == c->length)
			break;
		if (event == NX_HTTP_EVENT_NONE && there < c->length)
			there += step < c->length - there ? step : c->length - there;
	}
	put_message_end(c, false);
	c->at = at;
	fputc(']', c->out);
	put_state(c, "state", "fault", event);
	if (event != NX_HTTP_EVENT_SWITCHED)
		event = c->is_response ? nx_http_client_end_of_input(&c->client)
				       : nx_http_server_end_of_input(&c->server);
	put_state(c, "end", "end_fault", event);
}

static char *judged(const struct http1_case *one, size_t step, size_t *at)
{
	static struct connection connection;
	char *text = NULL;
	size_t size;

	connection = (struct connection){
		.bytes = one->bytes, .length = one->length, .is_response = one->method[0] != '\0'};
	connection.out = open_memstream(&text, &size);
	if (!connection.out)
		abort();
	read_connection(&connection, one->method, step);
	fclose(connection.out);
	*at = connection.at;
	return text;
}

int main(void)
{
	struct http1_case one;

	while (http1_case_read(&one)) {
		size_t at, at_in_pieces;
		char *whole = judged(&one, one.length + 1, &at);
		char *pieces = judged(&one, 1, &at_in_pieces);

		printf("%s,\"at\":%zu,\"same_in_pieces\":%s}\n", whole, at,
			strcmp(whole, pieces) == 0 ? "true" : "false");
		free(pieces);
		free(whole);
		free(one.bytes);
	}
	return 0;
}
