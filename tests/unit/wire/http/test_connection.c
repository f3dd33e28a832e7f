// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "nexwire/http.h"

#define T NX_HTTP_TEXT

enum {
	FIELDS = 16
};

// A transcript of events: one letter each, content and what else tells them apart behind it.
struct transcript {
	char text[512];
	size_t length;
	size_t content; // 1 while content of the same body goes on
};

static void note(struct transcript *t, const char *text, size_t length)
{
	assert_true(length < sizeof(t->text) - t->length);
	memcpy(t->text + t->length, text, length);
	t->length += length;
	t->text[t->length] = '\0';
}

static void note_event(struct transcript *t, const struct nx_http_incoming *in,
	enum nx_http_event event, struct nx_http_slice piece)
{
	struct nx_http_slice name = nx_http_span_of(piece.data, in->head.target);
	char status[8];

	if (event == NX_HTTP_EVENT_CONTENT && t->content == 0)
		note(t, " ", 1);
	if (event == NX_HTTP_EVENT_CONTENT || event == NX_HTTP_EVENT_HEAD)
		t->content = event == NX_HTTP_EVENT_CONTENT;
	switch (event) {
	case NX_HTTP_EVENT_HEAD:
	case NX_HTTP_EVENT_INTERIM:
		note(t, event == NX_HTTP_EVENT_HEAD ? "[" : "[i",
			event == NX_HTTP_EVENT_HEAD ? 1 : 2);
		if (in->head.kind == NX_HTTP_RESPONSE)
			note(t, status, (size_t)sprintf(status, "%u", in->head.status));
		else
			note(t, (const char *)name.data, name.length);
		break;
	case NX_HTTP_EVENT_CONTENT:
		note(t, (const char *)piece.data, piece.length);
		break;
	case NX_HTTP_EVENT_END:
		note(t, "]", 1);
		break;
	case NX_HTTP_EVENT_SWITCHED:
		note(t, "~", 1);
		break;
	case NX_HTTP_EVENT_CLOSED:
		note(t, ".", 1);
		break;
	case NX_HTTP_EVENT_FAULT:
		note(t, "!", 1);
		break;
	default:
		break;
	}
}

static void answer(struct nx_http_server *server, struct nx_write_buffer *out, unsigned status,
	const char *name, const char *value, const char *body)
{
	struct nx_http_writer writer;

	nx_http_server_reply(server, &writer, out, status, NULL);
	if (name != NULL)
		nx_http_write_field(&writer, nx_http_text(name), nx_http_text(value));
	assert_int_equal(nx_http_write_body(&writer, nx_http_text(body)), NX_HTTP_OK);
	assert_int_equal(nx_http_server_replied(server, &writer), NX_HTTP_OK);
}

// Answers as the target asks: /up switches, /bye closes, CONNECT gets its tunnel, but not to b:1.
static void answer_as_asked(
	struct nx_http_server *server, struct nx_write_buffer *out, const char *target)
{
	if (strcmp(target, "/up") == 0)
		answer(server, out, 101, "Connection", "upgrade", "");
	else if (strcmp(target, "/bye") == 0)
		answer(server, out, 200, "Connection", "close", "bye");
	else if (strcmp(target, "b:1") == 0)
		answer(server, out, 403, NULL, NULL, "no");
	else
		answer(server, out, 200, NULL, NULL,
			server->in.head.method == NX_HTTP_CONNECT ? "" : "ok");
}

// Runs a server over the bytes, `step` more of them at a time, and writes down what happens; what
// was not consumed moves at each step.
static void serve(struct transcript *t, const char *text, size_t step, struct nx_write_buffer *out)
{
	struct nx_http_field fields[FIELDS];
	struct nx_http_server server;
	struct nx_http_slice piece;
	enum nx_http_event event = NX_HTTP_EVENT_NONE;
	size_t length = strlen(text), given = 0, done = 0;
	char target[64] = "";

	*t = (struct transcript){0};
	nx_http_server_init(&server, NULL, fields, FIELDS);
	while (given < length && event < NX_HTTP_EVENT_SWITCHED) {
		uint8_t *bytes;
		size_t at = 0, consumed;

		given = step < length - given ? given + step : length;
		bytes = malloc(given - done + 1);
		memcpy(bytes, text + done, given - done);
		do {
			event = nx_http_server_read(
				&server, bytes + at, given - done - at, &consumed, &piece);
			note_event(t, &server.in, event, piece);
			at += consumed;
			if (event == NX_HTTP_EVENT_HEAD)
				snprintf(target, sizeof(target), "%.*s",
					(int)server.in.head.target.length,
					(const char *)piece.data + server.in.head.target.at);
			if (event == NX_HTTP_EVENT_WAIT)
				answer_as_asked(&server, out, target);
		} while (event != NX_HTTP_EVENT_NONE && event < NX_HTTP_EVENT_SWITCHED);
		done += at;
		free(bytes);
	}
	if (event == NX_HTTP_EVENT_SWITCHED)
		note(t, text + done, length - done);
	if (event == NX_HTTP_EVENT_NONE) {
		event = nx_http_server_end_of_input(&server);
		note_event(t, &server.in, event, (struct nx_http_slice){0});
	}
}

static void assert_served(const char *text, const char *expected)
{
	struct nx_write_buffer out;
	struct transcript t;

	for (size_t step = 1; step < 400; step += step) {
		assert_int_equal(nx_write_buffer_create(&out, 4096, 0, NULL), NX_BUFFER_OK);
		serve(&t, text, step, &out);
		if (strcmp(t.text, expected) != 0)
			print_message("step %zu: %s\nexpected: %s\n", step, t.text, expected);
		assert_string_equal(t.text, expected);
		nx_write_buffer_fini(&out);
	}
}

#define HOST "Host: a\r\n"

static void pipelined_requests_come_one_after_the_other(void **state)
{
	assert_served("GET /a HTTP/1.1\r\n" HOST "\r\n"
		      "POST /b HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"
		      "PUT /c HTTP/1.1\r\n" HOST
		      "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nA: b\r\n\r\n"
		      "GET /d HTTP/1.1\r\n" HOST "\r\n",
		"[/a][/b hello][/c abcde][/d].");
}

static void nothing_is_read_behind_the_last_message(void **state)
{
	assert_served("GET /a HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
		      "GET /b HTTP/1.1\r\n" HOST "\r\n",
		"[/a].");
	assert_served("GET /a HTTP/1.0\r\n\r\nGET /b HTTP/1.0\r\n\r\n", "[/a].");
	assert_served("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\n\r\nX",
		"[/a][/b].");
	assert_served(
		"GET /bye HTTP/1.1\r\n" HOST "\r\nGET /b HTTP/1.1\r\n" HOST "\r\n", "[/bye].");
}

// A client that does not wait for the answer sends its tunnel's first bytes behind.
static void nothing_is_read_behind_a_refused_connect(void **state)
{
	assert_served("CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n\r\nGET /b HTTP/1.1\r\n" HOST "\r\n",
		"[b:1].");
}

static void an_upgrade_or_tunnel_leaves_the_rest_untouched(void **state)
{
	assert_served("GET /up HTTP/1.1\r\n" HOST
		      "Connection: upgrade\r\nUpgrade: x\r\n\r\n\x81\x05hello",
		"[/up]~\x81\x05hello");
	assert_served("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nGET / tunnelled",
		"[a:1]~GET / tunnelled");
	assert_served("POST /up HTTP/1.1\r\n" HOST
		      "Content-Length: 2\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhiRAW",
		"[/up hi]~RAW");
	assert_served("GET /no HTTP/1.1\r\n" HOST "Connection: upgrade\r\nUpgrade: x\r\n\r\n"
		      "GET /b HTTP/1.1\r\n" HOST "\r\n",
		"[/no][/b].");
}

static void a_fault_ends_the_reading(void **state)
{
	assert_served("GET /a HTTP/1.1\r\n" HOST "\r\nGET /b HTTP/1.1\r\n\r\nGET /c", "[/a]!");
	assert_served("POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
		"[/a a!");
	assert_served("POST /a HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhel", "[/a hel!");
	assert_served("GET /a HT", "!");
}

// What a smuggler hides behind a body must be a request of its own or nothing, never both.
static void smuggled_requests_end_in_a_fault(void **state)
{
	assert_served("POST /a HTTP/1.1\r\n" HOST
		      "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /admin",
		"!");
	assert_served("POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
		      "0\r\nContent-Length: 9\r\n\r\nGET /admin HTTP/1.1\r\n" HOST "\r\n",
		"[/a!");
	assert_served("POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
		      "2;\nxx\r\n5\r\n0\r\n\r\nGET /admin HTTP/1.1\r\n" HOST "\r\n\r\n0\r\n\r\n",
		"[/a!");
}

struct session {
	struct nx_http_server server;
	struct nx_http_field fields[FIELDS];
	struct nx_write_buffer out;
	struct nx_http_writer writer;
	size_t consumed;
	struct nx_http_slice piece;
};

static void open_session(struct session *s, const struct nx_http_limits *limits)
{
	nx_http_server_init(&s->server, limits, s->fields, FIELDS);
	assert_int_equal(nx_write_buffer_create(&s->out, 2048, 0, NULL), NX_BUFFER_OK);
}

static enum nx_http_event give(struct session *s, const char *text)
{
	return nx_http_server_read(
		&s->server, (const uint8_t *)text, strlen(text), &s->consumed, &s->piece);
}

static void assert_sent(struct session *s, const char *text)
{
	assert_int_equal(nx_write_buffer_length(&s->out), strlen(text));
	assert_memory_equal(nx_write_buffer_data(&s->out), text, strlen(text));
	nx_write_buffer_clear(&s->out);
}

static void a_client_that_waits_for_100_and_gets_its_answer_is_closed(void **state)
{
	struct session s;
	static const char head[] =
		"PUT / HTTP/1.1\r\n" HOST "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n";

	open_session(&s, NULL);
	assert_int_equal(give(&s, head), NX_HTTP_EVENT_HEAD);
	answer(&s.server, &s.out, 403, NULL, NULL, "");
	assert_sent(&s, "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(give(&s, "hi"), NX_HTTP_EVENT_CLOSED);
	assert_int_equal(s.consumed, 2);
	nx_write_buffer_fini(&s.out);

	open_session(&s, NULL);
	assert_int_equal(give(&s, head), NX_HTTP_EVENT_HEAD);
	answer(&s.server, &s.out, 100, NULL, NULL, "");
	assert_int_equal(give(&s, "hi"), NX_HTTP_EVENT_CONTENT);
	assert_int_equal(give(&s, ""), NX_HTTP_EVENT_END);
	assert_int_equal(give(&s, ""), NX_HTTP_EVENT_WAIT);
	answer(&s.server, &s.out, 200, NULL, NULL, "");
	assert_sent(
		&s, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(give(&s, "GET / HTTP/1.1\r\n" HOST "\r\n"), NX_HTTP_EVENT_HEAD);
	nx_write_buffer_fini(&s.out);
}

static void replies_fit_their_requests(void **state)
{
	struct session s;

	open_session(&s, NULL);
	assert_int_equal(
		give(&s, "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), NX_HTTP_EVENT_HEAD);
	assert_int_equal(give(&s, ""), NX_HTTP_EVENT_END);
	nx_http_server_reply(&s.server, &s.writer, &s.out, 101, NULL);
	assert_int_equal(nx_http_write_end(&s.writer), NX_HTTP_WRITE_STATUS_INVALID);
	nx_http_server_reply(&s.server, &s.writer, &s.out, 100, NULL);
	assert_int_equal(nx_http_write_end(&s.writer), NX_HTTP_WRITE_STATUS_INVALID);
	answer(&s.server, &s.out, 200, NULL, NULL, "hello");
	assert_sent(&s, "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n");
	nx_http_server_reply(&s.server, &s.writer, &s.out, 200, NULL);
	assert_int_equal(nx_http_write_end(&s.writer), NX_HTTP_WRITE_OUT_OF_ORDER);
	assert_int_equal(nx_http_server_refuse(&s.server, &s.out), NX_HTTP_WRITE_OUT_OF_ORDER);
	assert_int_equal(nx_write_buffer_length(&s.out), 0);
	nx_write_buffer_fini(&s.out);
}

static void a_fault_is_answered_with_its_status(void **state)
{
	struct nx_http_limits limits = {.body_bytes = 4};
	struct session s;

	open_session(&s, &limits);
	assert_int_equal(give(&s, "PUT / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n"),
		NX_HTTP_EVENT_FAULT);
	assert_int_equal(nx_http_server_refuse(&s.server, &s.out), NX_HTTP_OK);
	assert_sent(&s,
		"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(give(&s, "hello"), NX_HTTP_EVENT_CLOSED);
	assert_int_equal(nx_http_server_refuse(&s.server, &s.out), NX_HTTP_WRITE_OUT_OF_ORDER);
	nx_write_buffer_fini(&s.out);
}

// Runs a client that has asked `methods` (C: CONNECT, H: HEAD, U: an upgrade, X: the last) over the
// bytes of a server.
static void ask(struct nx_http_client *client, struct nx_http_field *fields, const char *methods)
{
	struct nx_write_buffer out;
	struct nx_http_writer writer;

	nx_http_client_init(client, NULL, fields, FIELDS);
	assert_int_equal(nx_write_buffer_create(&out, 8192, 0, NULL), NX_BUFFER_OK);
	for (const char *m = methods; *m != '\0'; m++) {
		nx_http_client_request(client, &writer, &out,
			*m == 'C'   ? T("CONNECT")
			: *m == 'H' ? T("HEAD")
				    : T("GET"),
			T(""), *m == 'C' ? T("a:1") : T("/"));
		nx_http_write_field(&writer, T("Host"), *m == 'C' ? T("a:1") : T("a"));
		if (*m == 'U')
			nx_http_write_field(&writer, T("Connection"), T("upgrade"));
		if (*m == 'X')
			nx_http_write_field(&writer, T("Connection"), T("close"));
		assert_int_equal(nx_http_write_end(&writer), NX_HTTP_OK);
		assert_int_equal(nx_http_client_requested(client, &writer), NX_HTTP_OK);
	}
	nx_write_buffer_fini(&out);
}

static void fetch(struct transcript *t, const char *methods, const char *text, size_t step)
{
	struct nx_http_field fields[FIELDS];
	struct nx_http_client client;
	struct nx_http_slice piece;
	enum nx_http_event event = NX_HTTP_EVENT_NONE;
	size_t length = strlen(text), given = 0, done = 0;

	*t = (struct transcript){0};
	ask(&client, fields, methods);
	while (given < length && event < NX_HTTP_EVENT_SWITCHED) {
		uint8_t *bytes;
		size_t at = 0, consumed;

		given = step < length - given ? given + step : length;
		bytes = malloc(given - done + 1);
		memcpy(bytes, text + done, given - done);
		do {
			event = nx_http_client_read(
				&client, bytes + at, given - done - at, &consumed, &piece);
			note_event(t, &client.in, event, piece);
			at += consumed;
		} while (event != NX_HTTP_EVENT_NONE && event < NX_HTTP_EVENT_SWITCHED);
		done += at;
		free(bytes);
	}
	if (event == NX_HTTP_EVENT_SWITCHED)
		note(t, text + done, length - done);
	if (event == NX_HTTP_EVENT_NONE) {
		event = nx_http_client_end_of_input(&client);
		note_event(t, &client.in, event, (struct nx_http_slice){0});
	}
	if (event == NX_HTTP_EVENT_FAULT)
		note(t, nx_http_verdict_text(client.in.fault), 8);
}

static void assert_fetched(const char *methods, const char *text, const char *expected)
{
	struct transcript t;

	for (size_t step = 1; step < 400; step += step) {
		fetch(&t, methods, text, step);
		if (strcmp(t.text, expected) != 0)
			print_message("step %zu: %s\nexpected: %s\n", step, t.text, expected);
		assert_string_equal(t.text, expected);
	}
}

#define OK5 "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"

static void responses_find_their_requests(void **state)
{
	assert_fetched("GHG", OK5 "hello" OK5 "HTTP/1.1 204 x\r\n\r\n", "[200 hello][200][204].");
	assert_fetched("GG",
		"HTTP/1.1 103 x\r\nLink: y\r\n\r\nHTTP/1.1 100 y\r\n\r\n" OK5 "hello"
		"HTTP/1.1 404 x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nz\r\n0\r\n\r\n",
		"[i103[i100[200 hello][404 z].");
	assert_fetched("G", "HTTP/1.1 200 OK\r\n\r\nall of it", "[200 all of it]");
	assert_fetched("G",
		"HTTP/1.1 304 x\r\n"
		"Content-Length: 5\r\n\r\n",
		"[304].");
}

static void what_switches_leaves_the_rest_untouched(void **state)
{
	assert_fetched(
		"C", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nraw bytes", "[200]~raw bytes");
	assert_fetched("C", "HTTP/1.1 407 x\r\nContent-Length: 5\r\n\r\nhello", "[407 hello].");
	assert_fetched("U", "HTTP/1.1 101 x\r\nUpgrade: y\r\nConnection: upgrade\r\n\r\n\x81",
		"[101]~\x81");
	assert_fetched("U", OK5 "hello", "[200 hello].");
	assert_fetched("G", "HTTP/1.1 101 x\r\n\r\n", "!a respon");
}

static void an_early_answer_may_cut_a_request_short(void **state)
{
	static const struct {
		const char *text;
		bool is_cut_short;
	} cases[] = {
		{"", false},
		{"HTTP/1.1 413 x\r\nContent-Le", false},
		{"HTTP/1.1 100 x\r\n\r\nHTTP/1.1 413 x\r\n", false},
		{"HTTP/1.1 100 x\r\n\r\n", false},
		{OK5, false},
		{OK5 "hello", false},
		{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n", true},
		{"HTTP/1.1 200 OK\r\n\r\n", true},
		{"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", true},
		{"HTTP/1.1 307 x\r\nContent-Length: 0\r\n\r\n", true},
		{"HTTP/1.1 413 x\r\nContent-Length: 5\r\n\r\nhello", true},
		{"HTTP/1.1 100 x\r\n\r\nHTTP/1.1 103 x\r\n\r\nHTTP/1.1 401 x\r\n\r\n", true},
		{"SSH-2.0-OpenSSH\r\n\r\n", true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint8_t *bytes = (const uint8_t *)cases[i].text;
		struct nx_http_field fields[FIELDS];
		struct nx_http_client client;
		struct nx_http_slice piece;
		size_t consumed;

		ask(&client, fields, "G");
		assert_int_equal(nx_http_client_is_cut_short(&client, bytes, strlen(cases[i].text)),
			cases[i].is_cut_short);
		// Nothing was consumed.
		ask(&client, fields, "G");
		assert_false(nx_http_client_is_cut_short(&client, (const uint8_t *)OK5, 20));
		nx_http_client_cut_short(&client);
		assert_false(nx_http_client_is_reusable(&client));
		assert_int_equal(nx_http_client_read(&client, (const uint8_t *)OK5 "hello",
					 strlen(OK5) + 5, &consumed, &piece),
			NX_HTTP_EVENT_HEAD);
		assert_int_equal(consumed, strlen(OK5));
		assert_int_equal(nx_http_client_read(
					 &client, (const uint8_t *)"hello", 5, &consumed, &piece),
			NX_HTTP_EVENT_CONTENT);
		assert_int_equal(
			nx_http_client_read(&client, (const uint8_t *)"", 0, &consumed, &piece),
			NX_HTTP_EVENT_END);
		assert_false(nx_http_client_is_reusable(&client));
	}
}

static void endings_have_their_names(void **state)
{
	assert_fetched("", "H", "!a respon");
	assert_fetched("G", OK5 "hello" OK5, "[200 hello]!a respon");
	assert_fetched("G", OK5 "hell", "[200 hell!the conn");
	assert_fetched("G", "HTTP/1.1 2", "!the conn");
	assert_fetched("GG", OK5 "hello", "[200 hello]!the conn");
	assert_fetched("X", OK5 "hello" OK5, "[200 hello].");
	assert_fetched("GG",
		"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx" OK5,
		"[200 x].");
}

static void a_connection_that_closed_before_it_answered_is_told_apart(void **state)
{
	struct nx_http_field fields[FIELDS];
	struct nx_http_client client;

	ask(&client, fields, "G");
	assert_int_equal(nx_http_client_end_of_input(&client), NX_HTTP_EVENT_FAULT);
	assert_int_equal(client.in.fault, NX_HTTP_UNANSWERED);
	ask(&client, fields, "");
	assert_int_equal(nx_http_client_end_of_input(&client), NX_HTTP_EVENT_CLOSED);
	assert_false(nx_http_client_is_reusable(&client));
}

static void requests_are_refused_where_their_bytes_would_be_anothers(void **state)
{
	static const char *const before[] = {"C", "U", "X", "GGGGGGGGGGGGGGGG"};
	struct nx_http_field fields[FIELDS];
	struct nx_http_client client;
	struct nx_http_writer writer;
	struct nx_write_buffer out;
	uint8_t memory[256];

	assert_int_equal(nx_write_buffer_init(&out, memory, sizeof(memory), 0), NX_BUFFER_OK);
	for (size_t i = 0; i < 4; i++) {
		ask(&client, fields, before[i]);
		assert_false(nx_http_client_is_reusable(&client));
		nx_http_client_request(&client, &writer, &out, T("GET"), T(""), T("/"));
		nx_http_write_field(&writer, T("Host"), T("a"));
		assert_int_equal(nx_http_write_end(&writer),
			i == 3 ? NX_HTTP_WRITE_TOO_MANY_IN_FLIGHT : NX_HTTP_WRITE_CONNECTION_OVER);
		assert_int_equal(nx_write_buffer_length(&out), 0);
	}
	ask(&client, fields, "GG");
	assert_true(nx_http_client_is_reusable(&client));
}

// What is allowed is given, however the bytes came; the fault comes with the first one too many.
static void a_body_until_close_is_given_up_to_its_limit(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\n\r\n12345";
	const uint8_t *bytes = (const uint8_t *)text;
	struct nx_http_field fields[FIELDS];
	struct nx_http_client client;
	struct nx_http_slice piece;
	size_t at, consumed;

	ask(&client, fields, "G");
	client.in.body_bytes = 4;
	assert_int_equal(nx_http_client_read(&client, bytes, sizeof(text) - 1, &at, &piece),
		NX_HTTP_EVENT_HEAD);
	assert_int_equal(
		nx_http_client_read(&client, bytes + at, sizeof(text) - 1 - at, &consumed, &piece),
		NX_HTTP_EVENT_CONTENT);
	assert_int_equal(piece.length, 4);
	assert_int_equal(nx_http_client_read(&client, bytes + at + 4, 1, &consumed, &piece),
		NX_HTTP_EVENT_FAULT);
	assert_int_equal(client.in.fault, NX_HTTP_BODY_TOO_LARGE);
}

static void interim_responses_without_end_are_cut(void **state)
{
	static const char interim[] = "HTTP/1.1 103 x\r\n\r\n";
	struct nx_http_field fields[FIELDS];
	struct nx_http_client client;
	struct nx_http_slice piece;
	size_t consumed;

	ask(&client, fields, "G");
	for (int i = 0; i < NX_HTTP_INTERIMS; i++)
		assert_int_equal(nx_http_client_read(&client, (const uint8_t *)interim,
					 sizeof(interim) - 1, &consumed, &piece),
			NX_HTTP_EVENT_INTERIM);
	assert_int_equal(nx_http_client_read(&client, (const uint8_t *)interim, sizeof(interim) - 1,
				 &consumed, &piece),
		NX_HTTP_EVENT_FAULT);
	assert_int_equal(client.in.fault, NX_HTTP_INTERIMS_TOO_MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pipelined_requests_come_one_after_the_other),
		cmocka_unit_test(nothing_is_read_behind_the_last_message),
		cmocka_unit_test(nothing_is_read_behind_a_refused_connect),
		cmocka_unit_test(an_upgrade_or_tunnel_leaves_the_rest_untouched),
		cmocka_unit_test(a_fault_ends_the_reading),
		cmocka_unit_test(smuggled_requests_end_in_a_fault),
		cmocka_unit_test(a_client_that_waits_for_100_and_gets_its_answer_is_closed),
		cmocka_unit_test(replies_fit_their_requests),
		cmocka_unit_test(a_fault_is_answered_with_its_status),
		cmocka_unit_test(responses_find_their_requests),
		cmocka_unit_test(what_switches_leaves_the_rest_untouched),
		cmocka_unit_test(an_early_answer_may_cut_a_request_short),
		cmocka_unit_test(endings_have_their_names),
		cmocka_unit_test(a_connection_that_closed_before_it_answered_is_told_apart),
		cmocka_unit_test(requests_are_refused_where_their_bytes_would_be_anothers),
		cmocka_unit_test(a_body_until_close_is_given_up_to_its_limit),
		cmocka_unit_test(interim_responses_without_end_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
