// SPDX-License-Identifier: BSD-3-Clause
#include "config/text/lexer.h"

#include <math.h>

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name_start(int c)
{
	return is_letter(c) || c == '*';
}

static bool is_name_part(int c)
{
	return is_name_start(c) || is_digit(c) || c == '-' || c == '_';
}

static int hex_value(int c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

// The byte `ahead` of the cursor, -1 beyond the end.
static int peek(const struct lexer *lexer, size_t ahead)
{
	return cursor_left(&lexer->cursor) > ahead ? lexer->cursor.p[ahead] : -1;
}

static void advance(struct lexer *lexer, size_t n)
{
	while (n-- > 0) {
		uint8_t byte;

		if (!cursor_take_u8(&lexer->cursor, &byte))
			return;
		if (byte == '\n') {
			lexer->place.line++;
			lexer->line_start = true;
		} else if (byte != ' ' && byte != '\t' && byte != '\r') {
			lexer->line_start = false;
		}
	}
}

static size_t offset(const struct lexer *lexer)
{
	return (size_t)(lexer->cursor.p - lexer->base);
}

static void skip_line(struct lexer *lexer)
{
	while (peek(lexer, 0) >= 0 && peek(lexer, 0) != '\n')
		advance(lexer, 1);
}

// False when the comment never ends.
static bool skip_block_comment(struct lexer *lexer)
{
	struct text_place opened = lexer->place;

	advance(lexer, 2);
	while (peek(lexer, 0) >= 0) {
		if (peek(lexer, 0) == '*' && peek(lexer, 1) == '/') {
			advance(lexer, 2);
			return true;
		}
		advance(lexer, 1);
	}
	fault_add(lexer->faults, &opened, lexer->path,
		"the comment that begins here does not end" HINT "close it with */");
	return false;
}

static bool skip_blank(struct lexer *lexer)
{
	for (;;) {
		int c = peek(lexer, 0);

		if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f')
			advance(lexer, 1);
		else if (c == '#' || (c == '/' && peek(lexer, 1) == '/'))
			skip_line(lexer);
		else if (c == '/' && peek(lexer, 1) == '*') {
			if (!skip_block_comment(lexer))
				return false;
		} else
			return true;
	}
}

// One escape after the backslash; -1 with a fault when it is none that every libconfig knows.
static int take_escape(struct lexer *lexer)
{
	int c = peek(lexer, 1);
	int high = hex_value(peek(lexer, 2));
	int low = hex_value(peek(lexer, 3));

	if (c == '"' || c == '\\') {
		advance(lexer, 2);
		return c;
	}
	if (c == 'x' && high >= 0 && low >= 0 && high * 16 + low >= ' ' && high * 16 + low < 0x7f) {
		advance(lexer, 4);
		return high * 16 + low;
	}
	fault_add(lexer->faults, &lexer->place, lexer->path,
		"escape that is not taken in a string" HINT
		"use \\\", \\\\ or \\xNN of a printable character");
	advance(lexer, 2);
	return -1;
}

// Bytes from the opening quote at the cursor to the closing one, both left out; escapes count
// whole.
static bool string_room(const struct lexer *lexer, size_t *room)
{
	for (size_t i = 1; peek(lexer, i) >= 0 && peek(lexer, i) != '\n'; i++) {
		if (peek(lexer, i) == '"') {
			*room = i - 1;
			return true;
		}
		i += peek(lexer, i) == '\\' && peek(lexer, i + 1) != '\n';
	}
	return false;
}

// The content of a string whose opening quote is at the cursor, unescaped; NULL with a fault.
static const char *take_string(struct lexer *lexer)
{
	size_t room;
	size_t length = 0;

	if (!string_room(lexer, &room)) {
		fault_add(lexer->faults, &lexer->place, lexer->path,
			"the string does not end on its line" HINT "close it with \"");
		skip_line(lexer);
		return NULL;
	}

	char *text = arena_get(lexer->arena, room + 1);
	const uint8_t *end = lexer->cursor.p + 1 + room;
	bool good = true;

	if (!text) {
		lexer->out_of_memory = true;
		return NULL;
	}
	advance(lexer, 1);
	while (lexer->cursor.p < end) {
		int c = peek(lexer, 0);

		if (c == '\\')
			c = take_escape(lexer);
		else
			advance(lexer, 1);
		if (c < 0)
			good = false;
		else
			text[length++] = (char)c;
	}
	advance(lexer, 1);
	return good ? text : NULL;
}

static void token_keep(struct lexer *lexer, struct token *token, const uint8_t *p, size_t length)
{
	token->string = arena_copy(lexer->arena, (const char *)p, length);
	if (!token->string) {
		lexer->out_of_memory = true;
		token->kind = TOKEN_BAD;
	}
}

static bool word_is(const char *text, const char *word)
{
	size_t i = 0;

	for (; text[i] && word[i]; i++)
		if ((text[i] | 0x20) != word[i])
			return false;
	return text[i] == word[i];
}

static void lex_name(struct lexer *lexer, struct token *token)
{
	const uint8_t *start = lexer->cursor.p;

	while (is_name_part(peek(lexer, 0)))
		advance(lexer, 1);
	token->kind = TOKEN_NAME;
	token_keep(lexer, token, start, (size_t)(lexer->cursor.p - start));
	if (token->kind != TOKEN_NAME)
		return;
	token->boolean = word_is(token->string, "true");
	if (token->boolean || word_is(token->string, "false"))
		token->kind = TOKEN_BOOLEAN;
}

// Accumulates digits of the base; false when the value passes 63 bits.
static bool digits_value(const uint8_t *p, size_t n, unsigned base, uint64_t *out)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t digit = (uint64_t)hex_value(p[i]);

		if (value > ((uint64_t)INT64_MAX - digit) / base)
			return false;
		value = value * base + digit;
	}
	*out = value;
	return true;
}

static void number_refuse(
	struct lexer *lexer, struct token *token, const char *format, size_t length)
{
	token->kind = TOKEN_BAD;
	fault_add(lexer->faults, &token->place, lexer->path, format,
		(int)(length > 60 ? 60 : length), (const char *)lexer->base + token->start);
}

static void lex_float(struct lexer *lexer, struct token *token)
{
	const char *start = (const char *)lexer->base + token->start;
	size_t length = offset(lexer) - token->start;
	char copy[64];

	if (length >= sizeof(copy)) {
		number_refuse(lexer, token, "%.*s: number too long" HINT "shorten it", length);
		return;
	}
	memcpy(copy, start, length);
	copy[length] = '\0';
	token->kind = TOKEN_FLOAT;
	token->number = strtod(copy, NULL);
	if (!isfinite(token->number))
		number_refuse(lexer, token, "%.*s is beyond any number" HINT "shorten it", length);
}

static void lex_integer(struct lexer *lexer, struct token *token, const uint8_t *digits, size_t n,
	bool negative, unsigned base)
{
	size_t length = offset(lexer) - token->start;
	uint64_t value;

	if (!digits_value(digits, n, base, &value)) {
		number_refuse(lexer, token,
			"%.*s does not fit 63 bits" HINT "write a smaller number", length);
		return;
	}
	// libconfig 1.5 keeps the low 32 bits of a longer number without L, and says nothing.
	if (!token->wide && value > INT32_MAX) {
		number_refuse(lexer, token,
			"%.*s is longer than 31 bits" HINT
			"write it with an L at the end, or a smaller number",
			length);
		return;
	}
	if (base == 10 && n > 1 && digits[0] == '0') {
		number_refuse(lexer, token,
			"%.*s begins with 0, which some read as octal" HINT "leave the zero out",
			length);
		return;
	}
	token->kind = TOKEN_INTEGER;
	token->integer = negative ? -(int64_t)value : (int64_t)value;
}

static size_t take_digits(struct lexer *lexer)
{
	size_t n = 0;

	for (; is_digit(peek(lexer, 0)); n++)
		advance(lexer, 1);
	return n;
}

// After the integer part: fraction and exponent. True if there was one.
static bool take_fraction(struct lexer *lexer)
{
	bool found = false;

	if (peek(lexer, 0) == '.' && is_digit(peek(lexer, 1))) {
		advance(lexer, 1);
		take_digits(lexer);
		found = true;
	}
	if (peek(lexer, 0) == 'e' || peek(lexer, 0) == 'E') {
		size_t sign = peek(lexer, 1) == '-' || peek(lexer, 1) == '+';

		if (is_digit(peek(lexer, 1 + sign))) {
			advance(lexer, 1 + sign);
			take_digits(lexer);
			found = true;
		}
	}
	return found;
}

static void lex_number(struct lexer *lexer, struct token *token)
{
	bool negative = peek(lexer, 0) == '-';
	unsigned base = 10;
	bool fraction = false;

	if (negative || peek(lexer, 0) == '+')
		advance(lexer, 1);

	const uint8_t *digits = lexer->cursor.p;
	size_t n = 0;

	if (offset(lexer) == token->start && digits[0] == '0' && (peek(lexer, 1) | 0x20) == 'x' &&
		hex_value(peek(lexer, 2)) >= 0) {
		base = 16;
		advance(lexer, 2);
		digits = lexer->cursor.p;
		for (; hex_value(peek(lexer, 0)) >= 0; n++)
			advance(lexer, 1);
	} else {
		n = take_digits(lexer);
		fraction = take_fraction(lexer);
	}
	if (!fraction && peek(lexer, 0) == 'L') {
		token->wide = true;
		advance(lexer, peek(lexer, 1) == 'L' ? 2 : 1);
	}
	if (is_name_part(peek(lexer, 0)) || peek(lexer, 0) == '.') {
		while (is_name_part(peek(lexer, 0)) || peek(lexer, 0) == '.' ||
			peek(lexer, 0) == '/')
			advance(lexer, 1);
		number_refuse(lexer, token,
			"%.*s is not a number" HINT "put text and quantities in quotes",
			offset(lexer) - token->start);
		return;
	}
	if (fraction)
		lex_float(lexer, token);
	else
		lex_integer(lexer, token, digits, n, negative, base);
}

static void lex_include(struct lexer *lexer, struct token *token, bool line_start)
{
	static const char word[] = "@include";
	size_t length = sizeof(word) - 1;

	token->kind = TOKEN_BAD;
	if (!line_start || cursor_left(&lexer->cursor) < length ||
		memcmp(lexer->cursor.p, word, length) != 0) {
		fault_add(lexer->faults, &token->place, lexer->path,
			"'@' does not belong here" HINT
			"@include \"FILE\" stands on a line of its own");
		advance(lexer, 1);
		return;
	}
	advance(lexer, length);
	while (peek(lexer, 0) == ' ' || peek(lexer, 0) == '\t')
		advance(lexer, 1);
	if (peek(lexer, 0) != '"') {
		fault_add(lexer->faults, &token->place, lexer->path,
			"@include without a file" HINT "write @include \"FILE\"");
		return;
	}
	token->string = take_string(lexer);
	if (token->string)
		token->kind = TOKEN_INCLUDE;
}

static enum token_kind punctuation(int c)
{
	switch (c) {
	case '=':
	case ':':
		return TOKEN_ASSIGN;
	case ';':
		return TOKEN_SEMICOLON;
	case ',':
		return TOKEN_COMMA;
	case '{':
		return TOKEN_GROUP_OPEN;
	case '}':
		return TOKEN_GROUP_CLOSE;
	case '(':
		return TOKEN_LIST_OPEN;
	case ')':
		return TOKEN_LIST_CLOSE;
	case '[':
		return TOKEN_ARRAY_OPEN;
	case ']':
		return TOKEN_ARRAY_CLOSE;
	default:
		return TOKEN_BAD;
	}
}

static void lex_other(struct lexer *lexer, struct token *token, int c)
{
	token->kind = punctuation(c);
	if (token->kind == TOKEN_BAD)
		fault_add(lexer->faults, &token->place, lexer->path,
			"'%c' does not belong here" HINT "put text in quotes",
			c >= ' ' && c < 0x7f ? c : '?');
	advance(lexer, 1);
}

void lexer_next(struct lexer *lexer, struct token *out)
{
	*out = (struct token){.kind = TOKEN_BAD};
	bool clean = skip_blank(lexer);
	int c = peek(lexer, 0);
	int next = peek(lexer, 1);

	out->place = lexer->place;
	out->start = offset(lexer);
	out->end = out->start;
	if (c < 0) {
		out->kind = clean ? TOKEN_END : TOKEN_BAD;
		return;
	}
	if (is_name_start(c)) {
		lex_name(lexer, out);
	} else if (c == '"') {
		out->string = take_string(lexer);
		out->kind = out->string ? TOKEN_STRING : TOKEN_BAD;
	} else if (is_digit(c) || ((c == '-' || c == '+') && is_digit(next))) {
		lex_number(lexer, out);
	} else if (c == '@') {
		lex_include(lexer, out, lexer->line_start);
	} else {
		lex_other(lexer, out, c);
	}
	out->end = offset(lexer);
}

const char *token_kind_name(enum token_kind kind)
{
	static const char *const names[] = {"the end of the text", "that", "a name", "a string",
		"a number", "a number", "a boolean", "@include", "'='", "';'", "','", "'{'", "'}'",
		"'('", "')'", "'['", "']'"};

	return names[kind];
}

// Bytes of the UTF-8 sequence at the cursor (RFC 3629), 0 if it is none.
static size_t utf8_length(const struct cursor *c)
{
	size_t left = cursor_left(c);
	uint8_t lead = c->p[0];
	size_t n = lead < 0x80   ? 1
		   : lead < 0xc2 ? 0
		   : lead < 0xe0 ? 2
		   : lead < 0xf0 ? 3
		   : lead < 0xf5 ? 4
				 : 0;

	if (n == 0 || left < n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((c->p[i] & 0xc0) != 0x80)
			return 0;
	// Overlong forms, surrogates, beyond U+10FFFF.
	if ((lead == 0xe0 && c->p[1] < 0xa0) || (lead == 0xed && c->p[1] > 0x9f) ||
		(lead == 0xf0 && c->p[1] < 0x90) || (lead == 0xf4 && c->p[1] > 0x8f))
		return 0;
	return n;
}

bool lexer_text_is_clean(
	const char *text, size_t length, const char *file, struct config_faults *faults)
{
	struct cursor c = cursor_over((const uint8_t *)text, length);
	struct text_place place = {.file = file, .line = 1};

	while (cursor_left(&c) > 0) {
		uint8_t byte = c.p[0];
		size_t n = utf8_length(&c);
		bool control = (byte < ' ' && byte != '\t' && byte != '\n' && byte != '\r') ||
			       byte == 0x7f;

		if (n == 0 || control || !cursor_skip(&c, n)) {
			fault_add(faults, &place, "",
				"byte 0x%02x is %s" HINT "save the file as UTF-8 text", byte,
				control ? "a control character" : "not UTF-8");
			return false;
		}
		place.line += byte == '\n';
	}
	return true;
}
