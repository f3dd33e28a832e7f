// SPDX-License-Identifier: BSD-3-Clause
// A second opinion: llhttp, which stands behind Node.js, reads the same connections. Whatever our
// server takes for a request, or our client for a response, llhttp must take for the same message
// with the same body and the same end, or refuse it: then none can hide between the two.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <llhttp.h>

#include "cases.h"

enum {
	FIELDS = 32,
	MESSAGES = 8,
	CONTENT = 256,
	STREAM = 2048
};

struct message {
	size_t target_at; // in the stream
	size_t target_length;
	unsigned status;
	size_t fields;
	size_t content_length;
	bool whole;
	char content[CONTENT];
};

struct opinion {
	const char *stream;
	struct message messages[MESSAGES];
	size_t count; // heads that were accepted
	bool refused; // what follows the messages counted, or the last of these
};

static void add_content(struct message *m, const uint8_t *data, size_t length)
{
	if (length > sizeof(m->content) - m->content_length)
		length = sizeof(m->content) - m->content_length;
	memcpy(m->content + m->content_length, data, length);
	m->content_length += length;
}

static void reply(struct nx_http_server *server)
{
	static uint8_t memory[512];
	struct nx_write_buffer out;
	struct nx_http_writer writer;

	assert_int_equal(nx_write_buffer_init(&out, memory, sizeof(memory), 0), NX_BUFFER_OK);
	nx_http_server_reply(server, &writer, &out, 404, NULL);
	assert_int_equal(nx_http_write_end(&writer), NX_HTTP_OK);
	assert_int_equal(nx_http_server_replied(server, &writer), NX_HTTP_OK);
}

static void ask_ours(struct opinion *o, const char *stream, size_t length)
{
	struct nx_http_field fields[FIELDS];
	struct nx_http_server server;
	struct nx_http_slice piece;
	enum nx_http_event event;
	size_t at = 0, consumed;

	o->stream = stream;
	o->count = 0;
	nx_http_server_init(&server, NULL, fields, FIELDS);
	do {
		struct message *m = &o->messages[o->count > 0 ? o->count - 1 : 0];

		event = nx_http_server_read(
			&server, (const uint8_t *)stream + at, length - at, &consumed, &piece);
		if (event == NX_HTTP_EVENT_HEAD) {
			if (o->count == MESSAGES)
				return;
			m = &o->messages[o->count++];
			*m = (struct message){.target_at = at + server.in.head.target.at,
				.target_length = server.in.head.target.length,
				.fields = server.in.head.count};
			// What follows these two is no HTTP if the other side agrees to it.
			if ((server.in.head.flags & NX_HTTP_ASKS_UPGRADE) != 0 ||
				server.in.head.method == NX_HTTP_CONNECT)
				return;
		}
		if (event == NX_HTTP_EVENT_CONTENT)
			add_content(m, piece.data, piece.length);
		if (event == NX_HTTP_EVENT_END)
			m->whole = true;
		if (event == NX_HTTP_EVENT_WAIT)
			reply(&server);
		at += consumed;
	} while (event != NX_HTTP_EVENT_NONE && event < NX_HTTP_EVENT_SWITCHED);
}

// A client that has asked GET as often as it may.
static void ask_our_client(struct opinion *o, const char *stream, size_t length)
{
	static uint8_t memory[1024];
	struct nx_http_field fields[FIELDS];
	struct nx_write_buffer out;
	struct nx_http_writer writer;
	struct nx_http_client client;
	struct nx_http_slice piece;
	enum nx_http_event event;
	size_t at = 0, consumed;

	o->stream = stream;
	o->count = 0;
	nx_http_client_init(&client, NULL, fields, FIELDS);
	assert_int_equal(nx_write_buffer_init(&out, memory, sizeof(memory), 0), NX_BUFFER_OK);
	for (int i = 0; i < MESSAGES; i++) {
		nx_http_client_request(&client, &writer, &out, NX_HTTP_TEXT("GET"),
			NX_HTTP_TEXT(""), NX_HTTP_TEXT("/"));
		nx_http_write_field(&writer, NX_HTTP_TEXT("Host"), NX_HTTP_TEXT("a"));
		assert_int_equal(nx_http_write_end(&writer), NX_HTTP_OK);
		assert_int_equal(nx_http_client_requested(&client, &writer), NX_HTTP_OK);
	}
	do {
		struct message *m = &o->messages[o->count > 0 ? o->count - 1 : 0];

		event = nx_http_client_read(
			&client, (const uint8_t *)stream + at, length - at, &consumed, &piece);
		if (event == NX_HTTP_EVENT_HEAD || event == NX_HTTP_EVENT_INTERIM) {
			if (o->count == MESSAGES)
				return;
			m = &o->messages[o->count++];
			*m = (struct message){.status = client.in.head.status,
				.fields = client.in.head.count,
				.whole = event == NX_HTTP_EVENT_INTERIM};
		}
		if (event == NX_HTTP_EVENT_CONTENT)
			add_content(m, piece.data, piece.length);
		if (event == NX_HTTP_EVENT_END)
			m->whole = true;
		at += consumed;
	} while (event != NX_HTTP_EVENT_NONE && event < NX_HTTP_EVENT_SWITCHED);
}

static struct message *theirs_now(llhttp_t *parser)
{
	struct opinion *o = parser->data;

	return o->count > 0 && o->count <= MESSAGES ? &o->messages[o->count - 1] : NULL;
}

static int on_begin(llhttp_t *parser)
{
	struct opinion *o = parser->data;

	if (++o->count <= MESSAGES)
		o->messages[o->count - 1] = (struct message){0};
	return 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t length)
{
	struct opinion *o = parser->data;
	struct message *m = theirs_now(parser);

	if (m != NULL && m->target_length == 0)
		m->target_at = (size_t)(at - o->stream);
	if (m != NULL)
		m->target_length += length;
	return 0;
}

static int on_field(llhttp_t *parser)
{
	struct message *m = theirs_now(parser);

	if (m != NULL)
		m->fields++;
	return 0;
}

static int on_head(llhttp_t *parser)
{
	struct message *m = theirs_now(parser);

	if (m != NULL)
		m->status = parser->status_code;
	// It leaves to its caller that a 304 has no body whatever it says (RFC 9112 6.3).
	return parser->status_code == 304;
}

static int on_body(llhttp_t *parser, const char *at, size_t length)
{
	struct message *m = theirs_now(parser);

	if (m != NULL)
		add_content(m, (const uint8_t *)at, length);
	return 0;
}

static int on_complete(llhttp_t *parser)
{
	struct message *m = theirs_now(parser);

	if (m != NULL)
		m->whole = true;
	return 0;
}

static void ask_theirs(struct opinion *o, llhttp_type_t type, const char *stream, size_t length)
{
	llhttp_settings_t settings;
	llhttp_t parser;

	llhttp_settings_init(&settings);
	settings.on_message_begin = on_begin;
	settings.on_url = on_url;
	settings.on_header_value_complete = on_field;
	settings.on_headers_complete = on_head;
	settings.on_body = on_body;
	settings.on_message_complete = on_complete;
	llhttp_init(&parser, type, &settings);
	parser.data = o;
	o->stream = stream;
	o->count = 0;
	switch (llhttp_execute(&parser, stream, length)) {
	case HPE_OK:
	case HPE_PAUSED_UPGRADE:
		o->refused = false;
		break;
	default:
		o->refused = true;
	}
}

static void show(const char *who, const struct opinion *o)
{
	for (size_t i = 0; i < o->count && i < MESSAGES; i++)
		print_message("%s %zu: status %u, target %.*s, %zu fields, %zu bytes, %s\n", who, i,
			o->messages[i].status, (int)o->messages[i].target_length,
			o->stream + o->messages[i].target_at, o->messages[i].fields,
			o->messages[i].content_length, o->messages[i].whole ? "whole" : "cut");
}

static bool agrees(const struct message *ours, const struct message *theirs)
{
	// Trailers count as fields there; an unfinished body may be cut at another place.
	return ours->target_at == theirs->target_at && ours->status == theirs->status &&
	       ours->target_length == theirs->target_length && ours->fields <= theirs->fields &&
	       (!ours->whole ||
		       (theirs->whole && ours->content_length == theirs->content_length)) &&
	       memcmp(ours->content, theirs->content, ours->content_length) == 0;
}

// Requests on which both agree.
static size_t agreed;

static void compare(llhttp_type_t type, const char *stream, size_t length)
{
	static struct opinion ours, theirs;

	if (type == HTTP_REQUEST)
		ask_ours(&ours, stream, length);
	else
		ask_our_client(&ours, stream, length);
	ask_theirs(&theirs, type, stream, length);
	for (size_t i = 0; i < ours.count; i++) {
		if (i < theirs.count && agrees(&ours.messages[i], &theirs.messages[i])) {
			agreed++;
			continue;
		}
		if (theirs.refused && i + 1 >= theirs.count)
			return;
		show("ours", &ours);
		show("llhttp", &theirs);
		print_message("of:\n%.*s\n", (int)length, stream);
		fail();
	}
}

static void llhttp_agrees_on_every_message_that_we_take(void **state)
{
	for (size_t i = 0; i < request_case_count; i++)
		compare(HTTP_REQUEST, request_cases[i].bytes, request_cases[i].length);
	assert_true(agreed > 50);
	for (size_t i = 0; i < response_case_count; i++)
		compare(HTTP_RESPONSE, response_cases[i].bytes, response_cases[i].length);
	assert_true(agreed > 80);
}

static size_t append(char *stream, size_t length, const char *bytes, size_t n)
{
	if (n > STREAM - length)
		return length;
	memcpy(stream + length, bytes, n);
	return length + n;
}

// Connections of several messages with bodies, a few bytes of each changed.
static void compare_random(llhttp_type_t type, const struct head_case *heads, size_t count)
{
	static const char spice[] = "\r\n :;,0159afAF\t\0\x0b\x80\"=";
	static char stream[STREAM];
	unsigned seed = 7;

	for (int round = 0; round < 30000; round++) {
		size_t length = 0;

		for (int i = 0; i < 3; i++) {
			const struct head_case *head = &heads[(unsigned)rand_r(&seed) % count];
			const struct chunk_case *body =
				&chunk_cases[(unsigned)rand_r(&seed) % chunk_case_count];

			if (head->verdict != NX_HTTP_OK && i < 2)
				head = &heads[0];
			length = append(stream, length, head->bytes, head->length);
			if (head->framing == NX_HTTP_CHUNKED)
				length = append(stream, length, body->bytes, body->length);
			else if (head->framing == NX_HTTP_LENGTH)
				length = append(stream, length, "hello", 5);
		}
		for (int i = rand_r(&seed) % 3; i > 0; i--)
			stream[(unsigned)rand_r(&seed) % length] =
				spice[(unsigned)rand_r(&seed) % (sizeof(spice) - 1)];
		compare(type, stream, length);
	}
}

static void llhttp_agrees_on_random_requests(void **state)
{
	agreed = 0;
	compare_random(HTTP_REQUEST, request_cases, request_case_count);
	assert_true(agreed > 30000);
}

static void llhttp_agrees_on_random_responses(void **state)
{
	agreed = 0;
	compare_random(HTTP_RESPONSE, response_cases, response_case_count);
	assert_true(agreed > 30000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(llhttp_agrees_on_every_message_that_we_take),
		cmocka_unit_test(llhttp_agrees_on_random_requests),
		cmocka_unit_test(llhttp_agrees_on_random_responses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
