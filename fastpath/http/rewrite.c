// SPDX-License-Identifier: BSD-3-Clause
#include "http/rewrite.h"

#include "nexwire/http_writer.h"

enum {
	OPTIONS_MAX = 32,
};

// Names of the Connection fields.
struct options {
	struct nx_http_slice names[OPTIONS_MAX];
	uint32_t count;
};

static uint8_t lowered(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static uint8_t folded(uint8_t c)
{
	return c == '_' ? '-' : lowered(c);
}

// A lower-case name that does not pass, or what such names begin with.
struct staying {
	const char *text;
	uint8_t length;
	bool is_prefix;
	bool in_responses; // too
};

#define STAYS(literal, in_responses)                                                               \
	{                                                                                          \
		literal, sizeof(literal) - 1, false, in_responses                                  \
	}
#define STAYS_ALL(prefix)                                                                          \
	{                                                                                          \
		prefix, sizeof(prefix) - 1, true, false                                            \
	}

// What concerns one connection stays in both ways; who asked, and by what name, is said anew.
static const struct staying staying_c[] = {STAYS("connection", true)};
static const struct staying staying_f[] = {STAYS("forwarded", false)};
static const struct staying staying_h[] = {STAYS("host", false), STAYS("http2-settings", true)};
static const struct staying staying_k[] = {STAYS("keep-alive", true)};
static const struct staying staying_p[] = {STAYS("proxy-connection", true),
	STAYS("proxy-authenticate", true), STAYS("proxy-authorization", true), STAYS_ALL("proxy-")};
static const struct staying staying_t[] = {
	STAYS("te", true), STAYS("trailer", true), STAYS("transfer-encoding", true)};
static const struct staying staying_u[] = {STAYS("upgrade", true)};
static const struct staying staying_x[] = {STAYS("x-real-ip", false), STAYS_ALL("x-forwarded-")};

#define INITIAL(c, names) [(c) - 'a'] = {names, nx_array_size(names)}

// Most names begin otherwise.
static const struct {
	const struct staying *names;
	size_t count;
} by_initial['z' - 'a' + 1] = {INITIAL('c', staying_c), INITIAL('f', staying_f),
	INITIAL('h', staying_h), INITIAL('k', staying_k), INITIAL('p', staying_p),
	INITIAL('t', staying_t), INITIAL('u', staying_u), INITIAL('x', staying_x)};

// '_' counts as '-', since servers that make variables of names do not tell them apart.
static bool is_staying(const struct staying *s, struct nx_http_slice name)
{
	if (s->is_prefix ? name.length < s->length : name.length != s->length)
		return false;
	for (size_t i = 0; i < s->length; i++)
		if (folded(name.data[i]) != (uint8_t)s->text[i])
			return false;
	return true;
}

// Which the reader has found already: the first of its kind, not repeated or spelled otherwise.
static bool is_known_to_stay(const struct nx_http_head *head, uint32_t index, bool is_response)
{
	return head->known[NX_HTTP_KNOWN_CONNECTION] == index + 1 ||
	       (!is_response && head->known[NX_HTTP_KNOWN_HOST] == index + 1);
}

static bool stays_by_name(
	const struct nx_http_head *head, uint32_t index, struct nx_http_slice name)
{
	bool is_response = head->kind == NX_HTTP_RESPONSE;
	uint8_t initial = name.length > 0 ? folded(name.data[0]) : 0;

	if (initial < 'a' || initial > 'z' || by_initial[initial - 'a'].count == 0)
		return false;
	if (is_known_to_stay(head, index, is_response))
		return true;
	for (size_t i = 0; i < by_initial[initial - 'a'].count; i++) {
		const struct staying *s = &by_initial[initial - 'a'].names[i];

		if ((s->in_responses || !is_response) && is_staying(s, name))
			return true;
	}
	return false;
}

static struct nx_http_slice trimmed(const uint8_t *at, const uint8_t *end)
{
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return (struct nx_http_slice){at, (size_t)(end - at)};
}

static bool options_add(struct options *options, struct nx_http_slice list)
{
	const uint8_t *end = list.data + list.length;

	for (const uint8_t *at = list.data; at < end;) {
		const uint8_t *comma = memchr(at, ',', (size_t)(end - at));
		struct nx_http_slice option = trimmed(at, comma ? comma : end);

		at = comma ? comma + 1 : end;
		if (option.length == 0)
			continue;
		if (options->count == OPTIONS_MAX)
			return false;
		options->names[options->count++] = option;
	}
	return true;
}

static bool has_one_connection(const struct nx_http_head *head)
{
	return (head->repeated >> NX_HTTP_KNOWN_CONNECTION & 1) == 0;
}

static struct nx_http_slice first_connection(const struct nx_http_head *head, const uint8_t *bytes)
{
	return nx_http_span_of(
		bytes, head->fields[head->known[NX_HTTP_KNOWN_CONNECTION] - 1].value);
}

// What most say, which names a field that stays anyway.
static bool is_keep_alive(struct nx_http_slice list)
{
	static const char text[] = "keep-alive";

	if (list.length != sizeof(text) - 1)
		return false;
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		if ((list.data[i] | 0x20) != text[i]) // a field's value has no control bytes
			return false;
	return true;
}

// What the Connection fields name, read once. False: too much.
static bool options_read(
	const struct nx_http_head *head, const uint8_t *bytes, struct options *options)
{
	int found = -1;

	options->count = 0;
	if (head->known[NX_HTTP_KNOWN_CONNECTION] == 0)
		return true;
	if (has_one_connection(head)) {
		struct nx_http_slice list = first_connection(head, bytes);

		return is_keep_alive(list) || options_add(options, list);
	}
	while ((found = nx_http_field_find(head, bytes, "connection", found + 1)) >= 0)
		if (!options_add(options, nx_http_span_of(bytes, head->fields[found].value)))
			return false;
	return true;
}

bool http_options_are_few(const struct nx_http_head *head, const uint8_t *bytes)
{
	struct options options;

	if (head->known[NX_HTTP_KNOWN_CONNECTION] == 0)
		return true;
	// Each takes a byte and a comma.
	if (has_one_connection(head) && first_connection(head, bytes).length < 2 * OPTIONS_MAX)
		return true;
	return options_read(head, bytes, &options);
}

static bool is_same(struct nx_http_slice a, struct nx_http_slice b)
{
	if (a.length != b.length)
		return false;
	for (size_t i = 0; i < a.length; i++)
		if (lowered(a.data[i]) != lowered(b.data[i]))
			return false;
	return true;
}

// Whether a Connection field names this one: it is for us alone. What frames a message cannot be
// named, the reader sees to that.
static bool is_named(const struct options *options, struct nx_http_slice name)
{
	for (uint32_t i = 0; i < options->count; i++)
		if (is_same(options->names[i], name))
			return true;
	return false;
}

// Lines that pass as they stand, one behind the other, are copied at once.
struct lines {
	uint32_t from;
	uint32_t to;
};

static void lines_put(struct http_text *out, const uint8_t *bytes, struct lines *lines)
{
	text_put(out, bytes + lines->from, lines->to - lines->from);
	lines->from = lines->to = 0;
}

// Whether a line is written as it would be here: one space behind the colon, none at its end.
static bool is_plain_line(const uint8_t *bytes, const struct nx_http_field *field)
{
	uint32_t colon = field->name.at + field->name.length;
	uint32_t end = field->value.at + field->value.length;

	return field->value.at == colon + 2 && bytes[colon] == ':' && bytes[colon + 1] == ' ' &&
	       bytes[end] == '\r' && bytes[end + 1] == '\n';
}

static void line_put(struct http_text *out, const uint8_t *bytes, const struct nx_http_field *field)
{
	text_slice(out, nx_http_span_of(bytes, field->name));
	text_literal(out, ": ");
	text_slice(out, nx_http_span_of(bytes, field->value));
	text_literal(out, "\r\n");
}

// What its trailer section will have, where that goes on.
static void trailer_names_put(
	struct http_text *out, const struct nx_http_head *head, const uint8_t *bytes)
{
	int found = -1;

	while ((found = nx_http_field_find(head, bytes, "trailer", found + 1)) >= 0)
		line_put(out, bytes, &head->fields[found]);
}

static void fields_put(struct http_text *out, const struct nx_http_head *head, const uint8_t *bytes,
	bool is_bare, bool trailer)
{
	struct options options;
	struct lines lines = {0};

	// Those of heads that come here are few: http_options_are_few.
	(void)options_read(head, bytes, &options);
	for (uint32_t i = 0; i < head->count; i++) {
		const struct nx_http_field *field = &head->fields[i];
		struct nx_http_slice name = nx_http_span_of(bytes, field->name);

		if (stays_by_name(head, i, name) || is_named(&options, name))
			continue;
		if (!is_plain_line(bytes, field)) {
			lines_put(out, bytes, &lines);
			line_put(out, bytes, field);
			continue;
		}
		if (field->name.at != lines.to) {
			lines_put(out, bytes, &lines);
			lines.from = field->name.at;
		}
		lines.to = field->value.at + field->value.length + 2;
	}
	lines_put(out, bytes, &lines);
	if (trailer)
		trailer_names_put(out, head, bytes);
	if (head->framing == NX_HTTP_CHUNKED && !is_bare)
		text_literal(out, "Transfer-Encoding: chunked\r\n");
}

static void upgrade_put(struct http_text *out)
{
	text_literal(out, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
}

bool http_asks_websocket(const struct nx_http_head *head, const uint8_t *bytes)
{
	int found = head->known[NX_HTTP_KNOWN_UPGRADE] - 1;

	return (head->flags & NX_HTTP_ASKS_UPGRADE) && found >= 0 && head->method == NX_HTTP_GET &&
	       head->framing == NX_HTTP_NO_BODY &&
	       nx_http_same(nx_http_span_of(bytes, head->fields[found].value), "websocket");
}

bool http_asks_trailers(const struct nx_http_head *head, const uint8_t *bytes)
{
	int found = -1;

	while (head->minor > 0 && (found = nx_http_field_find(head, bytes, "te", found + 1)) >= 0)
		if (nx_http_list_has(nx_http_span_of(bytes, head->fields[found].value), "trailers"))
			return true;
	return false;
}

bool http_trailer_passes(const struct nx_http_head *head, const uint8_t *bytes)
{
	static const char *const heads_only[] = {"close", "keep-alive", "te", "upgrade"};
	struct options options;

	if (head->framing != NX_HTTP_CHUNKED || !options_read(head, bytes, &options))
		return false;
	for (uint32_t i = 0; i < options.count; i++) {
		bool known = false;

		for (uint32_t k = 0; k < nx_array_size(heads_only); k++)
			known = known || nx_http_same(options.names[i], heads_only[k]);
		if (!known)
			return false;
	}
	return true;
}

// What controls a message is too late behind it.
static bool is_control(struct nx_http_slice name)
{
	static const struct staying names[] = {STAYS_ALL("if-"), STAYS("www-authenticate", true),
		STAYS("pragma", true), STAYS("age", true), STAYS("date", true),
		STAYS("expires", true), STAYS("retry-after", true), STAYS("vary", true),
		STAYS("warning", true)};

	for (uint32_t i = 0; i < nx_array_size(names); i++)
		if (is_staying(&names[i], name))
			return true;
	return false;
}

void http_trailer_rewrite(
	struct http_text *out, const struct nx_http_head *trailer, const uint8_t *bytes)
{
	for (uint32_t i = 0; i < trailer->count; i++) {
		struct nx_http_slice name = nx_http_span_of(bytes, trailer->fields[i].name);

		// The reader's own list knows no other spelling.
		if (!stays_by_name(trailer, i, name) && !is_control(name) &&
			!memchr(name.data, '_', name.length))
			line_put(out, bytes, &trailer->fields[i]);
	}
	text_literal(out, "\r\n");
}

// Challenges and credentials begin with their scheme; a field may have several.
static bool names_scheme(struct nx_http_slice value, const char *scheme)
{
	size_t length = strlen(scheme);
	struct nx_http_slice first = {value.data, length};

	if (value.length >= length && nx_http_same(first, scheme) &&
		(value.length == length || value.data[length] == ' '))
		return true;
	return nx_http_list_has(value, scheme);
}

bool http_binds(const struct nx_http_head *head, const uint8_t *bytes)
{
	static const char *const fields[] = {"authorization", "www-authenticate"};
	const char *name = fields[head->kind == NX_HTTP_RESPONSE];
	int found = -1;

	while ((found = nx_http_field_find(head, bytes, name, found + 1)) >= 0) {
		struct nx_http_slice value = nx_http_span_of(bytes, head->fields[found].value);

		if (names_scheme(value, "NTLM") || names_scheme(value, "Negotiate"))
			return true;
	}
	return false;
}

// The target in origin form, its path without what is stripped. A path that remains begins with one
// '/': two would name a host to some.
static void target_put(struct http_text *out, const struct nx_http_head *head, const uint8_t *bytes,
	uint32_t strip)
{
	struct nx_http_slice path = nx_http_span_of(bytes, head->path);

	if (head->form == NX_HTTP_ASTERISK_FORM) {
		text_literal(out, "*");
		return;
	}
	if (strip > 0) {
		path.data += strip;
		path.length -= strip;
		while (path.length > 0 && path.data[0] == '/') {
			path.data++;
			path.length--;
		}
		text_literal(out, "/");
	} else if (path.length == 0) {
		text_literal(out, "/");
	}
	text_slice(out, path);
	// The query's span is empty for "?" too: the target tells them apart.
	if (head->query.length > 0) {
		text_literal(out, "?");
		text_slice(out, nx_http_span_of(bytes, head->query));
	}
}

void http_request_rewrite(struct http_text *out, const struct nx_http_head *head,
	const uint8_t *bytes, const struct http_request_change *change)
{
	struct nx_http_slice authority = nx_http_span_of(bytes, head->authority);

	text_slice(out, nx_http_span_of(bytes, head->method_name));
	text_literal(out, " ");
	target_put(out, head, bytes, change->strip);
	if (head->minor == 0)
		text_literal(out, " HTTP/1.0\r\nHost: ");
	else
		text_literal(out, " HTTP/1.1\r\nHost: ");
	text_slice(out, authority);
	text_literal(out, "\r\n");
	fields_put(out, head, bytes, false, change->trailer);
	if (change->upgrade)
		upgrade_put(out);
	else if (change->asks_trailers)
		text_literal(out, "Connection: TE\r\nTE: trailers\r\n");
	text_literal(out, "X-Forwarded-For: ");
	text_slice(out, change->client);
	if (change->is_secure)
		text_literal(out, "\r\nX-Forwarded-Proto: https\r\n");
	else
		text_literal(out, "\r\nX-Forwarded-Proto: http\r\n");
	if (authority.length > 0) {
		text_literal(out, "X-Forwarded-Host: ");
		text_slice(out, authority);
		text_literal(out, "\r\n");
	}
	text_literal(out, "\r\n");
}

static void persistence_put(struct http_text *out, enum http_persistence persistence)
{
	if (persistence == HTTP_LAST)
		text_literal(out, "Connection: close\r\n");
	else if (persistence == HTTP_SAYS_KEEP)
		text_literal(out, "Connection: keep-alive\r\n");
	else if (persistence == HTTP_SWITCHES)
		upgrade_put(out);
}

void http_response_rewrite(struct http_text *out, const struct nx_http_head *head,
	const uint8_t *bytes, const struct http_response_change *change)
{
	text_literal(out, "HTTP/1.1 ");
	text_number(out, head->status);
	text_literal(out, " ");
	text_slice(out, nx_http_span_of(bytes, head->reason));
	text_literal(out, "\r\n");
	fields_put(out, head, bytes, change->is_bare, change->trailer);
	persistence_put(out, change->persistence);
	text_literal(out, "\r\n");
}

void http_answer_write(struct http_text *out, unsigned int status, struct nx_http_slice location,
	const char *text, bool is_head, enum http_persistence persistence)
{
	const char *phrase = nx_http_reason(status);
	size_t length = 3 + 1 + strlen(phrase) + (text[0] ? 2 + strlen(text) : 0) + 1;

	text_literal(out, "HTTP/1.1 ");
	text_number(out, status);
	text_literal(out, " ");
	text_put(out, phrase, strlen(phrase));
	text_literal(out, "\r\nContent-Type: text/plain\r\nContent-Length: ");
	text_number(out, length);
	text_literal(out, "\r\n");
	if (location.length > 0) {
		text_literal(out, "Location: ");
		text_slice(out, location);
		text_literal(out, "\r\n");
	}
	persistence_put(out, persistence);
	text_literal(out, "\r\n");
	if (is_head)
		return;
	text_number(out, status);
	text_literal(out, " ");
	text_put(out, phrase, strlen(phrase));
	if (text[0]) {
		text_literal(out, ": ");
		text_put(out, text, strlen(text));
	}
	text_literal(out, "\n");
}
