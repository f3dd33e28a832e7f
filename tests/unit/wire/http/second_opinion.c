// SPDX-License-Identifier: BSD-3-Clause
#include "second_opinion.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <llhttp.h>

#include "nexwire/http.h"

enum {
	FIELDS = 32,
	ALL_FIELDS = FIELDS + NX_HTTP_OWN_TRAILERS,
};

// Bytes of the stream.
struct piece {
	size_t at;
	size_t length;
};

struct message {
	struct piece method;
	struct piece target;
	unsigned status;
	unsigned minor;
	size_t fields; // trailers included
	struct piece names[ALL_FIELDS];
	struct piece values[ALL_FIELDS];
	size_t content_length;
	char content[OPINION_BYTES];
	bool has_head;
	bool whole;
	bool leaves; // what follows its head is no HTTP if the other side agrees to it
};

struct opinion {
	const char *stream;
	const char *asked; // for the final responses from here on
	struct message messages[OPINION_MESSAGES];
	size_t count;
	const char *end;
	llhttp_errno_t error; // of llhttp, and where it stopped
	const char *stop;
};

static struct opinion ours, theirs;

static void add_content(struct message *m, const void *data, size_t length)
{
	if (length > sizeof(m->content) - m->content_length)
		abort();
	memcpy(m->content + m->content_length, data, length);
	m->content_length += length;
}

static struct piece piece_of(
	const struct opinion *o, const uint8_t *bytes, struct nx_http_span span)
{
	return (struct piece){(size_t)((const char *)bytes - o->stream) + span.at, span.length};
}

static void add_fields(struct message *m, const struct nx_http_head *head, const uint8_t *bytes)
{
	for (unsigned i = 0; i < head->count; i++, m->fields++) {
		m->names[m->fields] = piece_of(&ours, bytes, head->fields[i].name);
		m->values[m->fields] = piece_of(&ours, bytes, head->fields[i].value);
	}
}

static struct message *add_head(const struct nx_http_head *head, const uint8_t *bytes)
{
	struct message *m = &ours.messages[ours.count++];

	m->method = m->target = (struct piece){0};
	if (head->kind == NX_HTTP_REQUEST) {
		m->method = piece_of(&ours, bytes, head->method_name);
		m->target = piece_of(&ours, bytes, head->target);
	}
	m->status = head->status;
	m->minor = head->minor;
	m->fields = m->content_length = 0;
	m->has_head = true;
	m->whole = m->leaves = false;
	add_fields(m, head, bytes);
	return m;
}

static void reply(struct nx_http_server *server)
{
	static uint8_t memory[512];
	struct nx_write_buffer out;
	struct nx_http_writer writer;

	if (nx_write_buffer_init(&out, memory, sizeof(memory), 0) != NX_BUFFER_OK)
		abort();
	nx_http_server_reply(server, &writer, &out, 404, NULL);
	if (nx_http_write_end(&writer) != NX_HTTP_OK ||
		nx_http_server_replied(server, &writer) != NX_HTTP_OK)
		abort();
}

static void ask(struct nx_http_client *client, char letter)
{
	static uint8_t memory[512];
	struct nx_write_buffer out;
	struct nx_http_writer writer;
	struct nx_http_slice method = letter == 'H'   ? NX_HTTP_TEXT("HEAD")
				      : letter == 'C' ? NX_HTTP_TEXT("CONNECT")
						      : NX_HTTP_TEXT("GET");

	if (nx_write_buffer_init(&out, memory, sizeof(memory), 0) != NX_BUFFER_OK)
		abort();
	nx_http_client_request(client, &writer, &out, method, NX_HTTP_TEXT(""),
		letter == 'C' ? NX_HTTP_TEXT("a:1") : NX_HTTP_TEXT("/"));
	nx_http_write_field(&writer, NX_HTTP_TEXT("Host"), NX_HTTP_TEXT("a:1"));
	if (letter == 'U') {
		nx_http_write_field(&writer, NX_HTTP_TEXT("Connection"), NX_HTTP_TEXT("upgrade"));
		nx_http_write_field(&writer, NX_HTTP_TEXT("Upgrade"), NX_HTTP_TEXT("x"));
	}
	if (nx_http_write_end(&writer) != NX_HTTP_OK ||
		nx_http_client_requested(client, &writer) != NX_HTTP_OK)
		abort();
}

// Our side of the connection: a server, or a client that has asked.
struct reader {
	struct nx_http_field fields[FIELDS];
	struct nx_http_server server;
	struct nx_http_client client;
	bool is_client;
};

static void open_reader(struct reader *r, const char *asked)
{
	r->is_client = asked != NULL;
	nx_http_server_init(&r->server, NULL, r->fields, FIELDS);
	nx_http_client_init(&r->client, NULL, r->fields, FIELDS);
	while (asked != NULL && *asked != '\0')
		ask(&r->client, *asked++);
}

static bool leaves_http(const struct reader *r, const struct nx_http_head *head)
{
	return r->is_client ? head->framing == NX_HTTP_OPAQUE
			    : (head->flags & NX_HTTP_ASKS_UPGRADE) != 0 ||
				      head->method == NX_HTTP_CONNECT;
}

// An event, as far as it tells of a message. Returns false where reading is over.
static bool take(struct reader *r, enum nx_http_event event, struct nx_http_slice piece)
{
	const struct nx_http_incoming *in = r->is_client ? &r->client.in : &r->server.in;
	struct message *m = ours.count > 0 ? &ours.messages[ours.count - 1] : NULL;

	switch (event) {
	case NX_HTTP_EVENT_HEAD:
	case NX_HTTP_EVENT_INTERIM:
		if (ours.count == OPINION_MESSAGES)
			return false;
		m = add_head(&in->head, piece.data);
		m->whole = event == NX_HTTP_EVENT_INTERIM;
		m->leaves = event == NX_HTTP_EVENT_HEAD && leaves_http(r, &in->head);
		return !m->leaves;
	case NX_HTTP_EVENT_CONTENT:
		add_content(m, piece.data, piece.length);
		return true;
	case NX_HTTP_EVENT_END:
		if (in->head.framing == NX_HTTP_CHUNKED)
			add_fields(m, &in->chunked.trailer, piece.data);
		m->whole = true;
		return true;
	case NX_HTTP_EVENT_WAIT:
		reply(&r->server);
		return true;
	default:
		return event == NX_HTTP_EVENT_NONE;
	}
}

static void ask_ours(const char *asked, const char *stream, size_t length, size_t step)
{
	static struct reader r;
	size_t at = 0, there = 0, consumed;
	struct nx_http_slice piece;
	enum nx_http_event event;
	bool goes_on = true;

	ours.stream = stream;
	ours.count = 0;
	open_reader(&r, asked);
	while (goes_on && there < length) {
		there += step < length - there ? step : length - there;
		do {
			const uint8_t *bytes = (const uint8_t *)stream + at;

			event = r.is_client ? nx_http_client_read(&r.client, bytes, there - at,
						      &consumed, &piece)
					    : nx_http_server_read(&r.server, bytes, there - at,
						      &consumed, &piece);
			at += consumed;
			goes_on = take(&r, event, piece);
		} while (goes_on && event != NX_HTTP_EVENT_NONE);
	}
	// What the connection's end is the end of.
	if (goes_on && r.is_client && nx_http_client_end_of_input(&r.client) == NX_HTTP_EVENT_END)
		ours.messages[ours.count - 1].whole = true;
}

static struct message *theirs_now(void)
{
	static struct message beyond;

	return theirs.count <= OPINION_MESSAGES ? &theirs.messages[theirs.count - 1] : &beyond;
}

static struct piece theirs_piece(const char *at, size_t length)
{
	return (struct piece){(size_t)(at - theirs.stream), length};
}

static int on_begin(llhttp_t *parser)
{
	struct message *m;

	theirs.count++;
	m = theirs_now();
	m->method = m->target = (struct piece){0};
	m->status = m->minor = 0;
	m->fields = m->content_length = 0;
	m->has_head = m->whole = m->leaves = false;
	return 0;
}

static int on_method(llhttp_t *parser, const char *at, size_t length)
{
	theirs_now()->method = theirs_piece(at, length);
	return 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t length)
{
	theirs_now()->target = theirs_piece(at, length);
	return 0;
}

static int on_field(llhttp_t *parser, const char *at, size_t length)
{
	struct message *m = theirs_now();

	if (m->fields == ALL_FIELDS)
		return -1;
	m->names[m->fields] = theirs_piece(at, length);
	m->values[m->fields++] = (struct piece){0};
	return 0;
}

// Its values end where the line does.
static int on_value(llhttp_t *parser, const char *at, size_t length)
{
	struct message *m = theirs_now();

	while (length > 0 && (at[length - 1] == ' ' || at[length - 1] == '\t'))
		length--;
	m->values[m->fields - 1] = theirs_piece(at, length);
	return 0;
}

// What llhttp leaves to its caller: which request a response answers (RFC 9112 6.3), and that
// HTTP/1.0 has no upgrade (RFC 9110 7.8).
static int on_head(llhttp_t *parser)
{
	struct message *m = theirs_now();
	char asked = 'G';

	m->has_head = true;
	m->status = parser->status_code;
	m->minor = parser->http_minor;
	if (parser->http_minor == 0 && parser->method != HTTP_CONNECT)
		parser->upgrade = 0;
	if (theirs.asked == NULL)
		return 0;
	if (parser->status_code < 200 && parser->status_code != 101) {
		parser->http_minor = 1;
		parser->flags &= (uint16_t)~F_CONNECTION_CLOSE;
		return 0;
	}
	if (*theirs.asked != '\0')
		asked = *theirs.asked++;
	if (asked == 'C' && parser->status_code / 100 == 2)
		return 2;
	return asked == 'H' || parser->status_code == 304;
}

static int on_body(llhttp_t *parser, const char *at, size_t length)
{
	add_content(theirs_now(), at, length);
	return 0;
}

static int on_complete(llhttp_t *parser)
{
	theirs_now()->whole = true;
	return 0;
}

static void ask_theirs(const char *asked, const char *stream, size_t length)
{
	llhttp_settings_t settings;
	llhttp_t parser;

	llhttp_settings_init(&settings);
	settings.on_message_begin = on_begin;
	settings.on_method = on_method;
	settings.on_url = on_url;
	settings.on_header_field = on_field;
	settings.on_header_value = on_value;
	settings.on_headers_complete = on_head;
	settings.on_body = on_body;
	settings.on_message_complete = on_complete;
	llhttp_init(&parser, asked != NULL ? HTTP_RESPONSE : HTTP_REQUEST, &settings);
	theirs.stream = stream;
	theirs.asked = asked;
	theirs.count = 0;
	theirs.error = llhttp_execute(&parser, stream, length);
	theirs.end = theirs.stop = stream + length;
	if (theirs.error == HPE_OK)
		theirs.error = llhttp_finish(&parser);
	else
		theirs.stop = llhttp_get_error_pos(&parser);
}

static bool same_piece(struct piece a, struct piece b)
{
	return a.length == b.length && (a.at == b.at || a.length == 0);
}

static bool same_fields(const struct message *mine, const struct message *other)
{
	// One that is not whole has its trailers in one of both only.
	if (mine->whole ? mine->fields != other->fields : mine->fields > other->fields)
		return false;
	for (size_t i = 0; i < mine->fields; i++) {
		if (!same_piece(mine->names[i], other->names[i]) ||
			!same_piece(mine->values[i], other->values[i]))
			return false;
	}
	return true;
}

static const char *message_differs(const struct message *mine, const struct message *other)
{
	size_t common = mine->content_length < other->content_length ? mine->content_length
								     : other->content_length;

	if (!same_piece(mine->method, other->method))
		return "the method";
	if (!same_piece(mine->target, other->target))
		return "the target";
	if (mine->status != other->status)
		return "the status";
	if (mine->minor != other->minor)
		return "the version";
	if (!same_fields(mine, other))
		return "the fields";
	if (mine->leaves)
		return NULL;
	if (memcmp(mine->content, other->content, common) != 0)
		return "the content";
	if (mine->whole && (!other->whole || mine->content_length != other->content_length))
		return "the end";
	return NULL;
}

static bool is_named(const struct message *m, size_t i, const char *name)
{
	return m->names[i].length == strlen(name) &&
	       strncasecmp(ours.stream + m->names[i].at, name, strlen(name)) == 0;
}

// Does a tab stand behind the value of this field?
static bool has_tab_behind(const struct message *m, const char *name)
{
	for (size_t i = 0; i < m->fields; i++) {
		const char *behind = ours.stream + m->values[i].at + m->values[i].length;

		if (is_named(m, i, name))
			return behind[strspn(behind, " ")] == '\t';
	}
	return false;
}

// Does a tab stand among the options of a Connection field, or behind them?
static bool has_tab_among_options(const struct message *m)
{
	for (size_t i = 0; i < m->fields; i++) {
		const char *value = ours.stream + m->values[i].at;

		if (is_named(m, i, "connection") && value[strcspn(value, "\t\r\n")] == '\t')
			return true;
	}
	return false;
}

// Did llhttp stop behind a chunk's size, in its extensions?
static bool stopped_in_extensions(void)
{
	const char *line = theirs.stop;

	while (line > theirs.stream && line[-1] != '\n')
		line--;
	while (line < theirs.stop && isxdigit((unsigned char)*line))
		line++;
	return line < theirs.stop && *line == ';';
}

// Did llhttp stop in the request line, whose method is a word that it has for another protocol, or
// does not have?
static bool stopped_at_method(const struct message *m)
{
	struct nx_http_slice name = {(const uint8_t *)ours.stream + m->method.at, m->method.length};
	size_t line = m->target.at + m->target.length + sizeof(" HTTP/1.1\r\n") - 1;

	return name.length > 0 && nx_http_method_of(name) == NX_HTTP_OTHER &&
	       (size_t)(theirs.stop - theirs.stream) <= line;
}

// Where llhttp 8 does not do what the RFC says, and later ones do. Its list of methods is the
// exception: they have it still, where any token is a method (RFC 9110 9.1).
static bool is_only_theirs(const struct message *m, const struct message *before, bool is_last)
{
	// It takes the tab for a part of the coding's name, and reads a response to the end.
	if (has_tab_behind(m, "transfer-encoding"))
		return true;
	if (!is_last)
		return false;
	// And for a part of keep-alive, so that it expects no more of an HTTP/1.0 peer.
	if (before != NULL && before->minor == 0 && has_tab_among_options(before))
		return true;
	switch (theirs.error) {
	case HPE_INVALID_METHOD:
	case HPE_INVALID_CONSTANT:
	case HPE_INVALID_VERSION:
		return stopped_at_method(m);
	case HPE_INVALID_CONTENT_LENGTH:
		return has_tab_behind(m, "content-length");
	// No quoted values, and no name behind a value (RFC 9112 7.1.1).
	case HPE_INVALID_CHUNK_SIZE:
	case HPE_STRICT:
		return stopped_in_extensions();
	default:
		return false;
	}
}

const char *opinions_differ(
	const char *asked, const char *stream, size_t length, size_t step, size_t *agreed)
{
	if (length > OPINION_BYTES)
		abort();
	*agreed = 0;
	ask_ours(asked, stream, length, step);
	ask_theirs(asked, stream, length);
	for (size_t i = 0; i < ours.count; i++) {
		const struct message *mine = &ours.messages[i], *other = &theirs.messages[i];
		bool is_last = i + 1 >= theirs.count;
		const char *what = i >= theirs.count || !other->has_head
					   ? "whether there is a message"
					   : message_differs(mine, other);

		if (what != NULL)
			return is_only_theirs(mine, i > 0 ? mine - 1 : NULL, is_last) ? NULL : what;
		++*agreed;
	}
	return NULL;
}

static void show(FILE *out, const char *who, const struct opinion *o)
{
	for (size_t i = 0; i < o->count && i < OPINION_MESSAGES; i++) {
		const struct message *m = &o->messages[i];

		fprintf(out, "%s %zu: %.*s %.*s, status %u, HTTP/1.%u, %zu fields, %zu bytes, %s\n",
			who, i, (int)m->method.length, o->stream + m->method.at,
			(int)m->target.length, o->stream + m->target.at, m->status, m->minor,
			m->fields, m->content_length, m->whole ? "whole" : "cut");
	}
}

void opinions_show(FILE *out)
{
	show(out, "ours", &ours);
	show(out, "llhttp", &theirs);
	fprintf(out, "llhttp ended with %s at byte %zu\n", llhttp_errno_name(theirs.error),
		(size_t)(theirs.stop - theirs.stream));
}
