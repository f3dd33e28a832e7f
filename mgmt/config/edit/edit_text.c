// SPDX-License-Identifier: BSD-3-Clause
#include "config/edit/edit_text.h"

#include "config/text/lexer.h"

char *text_splice(
	const char *text, size_t length, size_t start, size_t end, const char *replacement)
{
	size_t added = strlen(replacement);
	char *out = malloc(length - (end - start) + added + 1);

	if (!out)
		return NULL;
	memcpy(out, text, start);
	memcpy(out + start, replacement, added);
	memcpy(out + start + added, text + end, length - end);
	out[length - (end - start) + added] = '\0';
	return out;
}

// Copies one line, newline included, without what drop marks. Nothing if only blanks are left of
// it.
static size_t line_copy(const char *text, size_t length, const bool *drop, char *out)
{
	size_t kept = 0;
	bool dropped = false;
	bool blank = true;

	for (size_t i = 0; i < length; i++) {
		dropped = dropped || drop[i];
		if (drop[i])
			continue;
		blank = blank && strchr(" \t\r\n", text[i]);
		out[kept++] = text[i];
	}
	return dropped && blank ? 0 : kept;
}

char *text_without(const char *text, size_t length, const bool *drop)
{
	char *out = malloc(length + 1);
	size_t used = 0;
	size_t line;

	if (!out)
		return NULL;
	for (size_t at = 0; at < length; at += line) {
		const char *newline = memchr(text + at, '\n', length - at);

		line = newline ? (size_t)(newline - text) + 1 - at : length - at;
		used += line_copy(text + at, line, drop + at, out + used);
	}
	out[used] = '\0';
	return out;
}

static bool names_equal(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

// Trees are at most TEXT_DEPTH_MAX deep, which bounds the recursion.
bool text_equal(const struct text_node *a, const struct text_node *b)
{
	const struct text_node *left = a->first;
	const struct text_node *right = b->first;

	if (a->kind != b->kind || a->count != b->count || !names_equal(a->name, b->name) ||
		!names_equal(a->string, b->string) || a->integer != b->integer ||
		a->number != b->number || a->boolean != b->boolean)
		return false;
	for (; left && right; left = left->next, right = right->next)
		if (!text_equal(left, right))
			return false;
	return left == right;
}

int text_comma_after(const char *text, size_t length, size_t from, size_t *at)
{
	struct arena arena = {0};
	struct config_faults *faults = malloc(sizeof(*faults));
	struct lexer lexer = {.cursor = cursor_over((const uint8_t *)text + from, length - from),
		.base = (const uint8_t *)text,
		.place = {.line = 1},
		.arena = &arena,
		.faults = faults,
		.path = ""};
	struct token token;

	if (!faults)
		return -ENOMEM;
	faults_init(faults);
	lexer_next(&lexer, &token);
	arena_fini(&arena);
	free(faults);
	if (lexer.out_of_memory)
		return -ENOMEM;
	*at = token.kind == TOKEN_COMMA ? token.start : length;
	return 0;
}
