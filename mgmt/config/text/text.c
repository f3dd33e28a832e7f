// SPDX-License-Identifier: BSD-3-Clause
#include "config/text/text.h"

#include <stdarg.h>

#include "config/text/include.h"
#include "config/text/lexer.h"

enum {
	TEXT_NODES_MAX = 256 << 10,
	TEXT_SETTINGS_MAX = 128
};

// What is shared by a text and the files it includes.
struct reading {
	struct arena *arena;
	struct config_faults *faults;
	struct include_folder folder;
	bool may_include;
	uint32_t nodes;
	uint32_t depth;
	int error; // 0, -EINVAL, -ENOMEM
	char path[FAULT_PATH_BYTES];
};

struct reader {
	struct reading *reading;
	struct lexer lexer;
	struct token token; // the next one, not yet taken
	size_t taken_end;   // end of the last taken one
	bool included;
};

static void take(struct reader *r)
{
	r->taken_end = r->token.end;
	lexer_next(&r->lexer, &r->token);
	if (r->lexer.out_of_memory)
		r->reading->error = -ENOMEM;
	else if (r->token.kind == TOKEN_BAD && r->reading->error == 0)
		r->reading->error = -EINVAL;
}

__attribute__((format(printf, 3, 4))) static void refuse(
	struct reader *r, const struct text_place *place, const char *format, ...)
{
	char line[2 * FAULT_TEXT_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	fault_add(r->reading->faults, place, r->reading->path, "%s", line);
	if (r->reading->error == 0)
		r->reading->error = -EINVAL;
}

// Syntax: what stands here instead of what should. A bad token was reported by the lexer.
static bool unexpected(struct reader *r, const char *wanted)
{
	if (r->token.kind != TOKEN_BAD)
		refuse(r, &r->token.place, "%s where %s should stand" HINT "%s",
			token_kind_name(r->token.kind), wanted,
			r->token.kind == TOKEN_END ? "close what was opened"
						   : "settings read NAME = VALUE;");
	return false;
}

static struct text_node *node_make(struct reader *r)
{
	struct text_node *node = NULL;

	if (r->reading->nodes >= TEXT_NODES_MAX) {
		refuse(r, &r->token.place, "more than %d values" HINT "split the configuration",
			TEXT_NODES_MAX);
		return NULL;
	}
	r->reading->nodes++;
	node = arena_get(r->reading->arena, sizeof(*node));
	if (!node) {
		r->reading->error = -ENOMEM;
		return NULL;
	}
	node->included = r->included;
	node->place = r->token.place;
	node->start = r->token.start;
	return node;
}

static bool read_value(struct reader *r, struct text_node *node);
static bool read_settings(struct reader *r, struct text_node *group, enum token_kind close);

// Extends the path of the value being read; returns what path_leave needs.
static size_t path_enter(struct reader *r, const char *name, uint32_t index)
{
	char *path = r->reading->path;
	size_t length = strlen(path);

	if (name)
		snprintf(path + length, FAULT_PATH_BYTES - length, "%s%s", length ? "." : "", name);
	else
		snprintf(path + length, FAULT_PATH_BYTES - length, "[%u]", index);
	return length;
}

static void path_leave(struct reader *r, size_t length)
{
	r->reading->path[length] = '\0';
}

static void node_append(struct text_node *parent, struct text_node **last, struct text_node *node)
{
	if (*last)
		(*last)->next = node;
	else
		parent->first = node;
	*last = node;
	parent->count++;
}

// One element of a list or array. *wide: of the first integer, which the others must share.
static bool read_element(
	struct reader *r, struct text_node *list, struct text_node **last, bool *wide)
{
	struct text_node *node = node_make(r);
	struct text_place place = r->token.place;
	bool is_wide = r->token.wide;

	if (!node || !read_value(r, node))
		return false;
	node->tail = node->end;
	if (list->kind == TEXT_ARRAY) {
		const struct text_node *first = list->first ? list->first : node;

		if (!list->first)
			*wide = is_wide;
		if (node->kind < TEXT_STRING)
			refuse(r, &place,
				"%s inside [ ]" HINT
				"use ( ) for a list of anything but plain values",
				text_kind_name(node->kind));
		else if (node->kind != first->kind || *wide != is_wide)
			refuse(r, &place,
				"values of two types inside [ ]" HINT
				"give all the same type, or use ( )");
	}
	node_append(list, last, node);
	return true;
}

static bool read_elements(struct reader *r, struct text_node *list, enum token_kind close)
{
	struct text_node *last = NULL;
	bool wide = false;

	take(r);
	while (r->token.kind != close) {
		size_t length = path_enter(r, NULL, list->count);

		if (!read_element(r, list, &last, &wide))
			return false;
		path_leave(r, length);
		if (r->token.kind == close)
			break;
		if (r->token.kind != TOKEN_COMMA)
			return unexpected(
				r, close == TOKEN_LIST_CLOSE ? "',' or ')'" : "',' or ']'");

		struct text_place comma = r->token.place;

		take(r);
		if (r->token.kind == close)
			refuse(r, &comma,
				"a comma before %s" HINT
				"remove it: libconfig 1.5 does not read it",
				token_kind_name(close));
	}
	take(r);
	return true;
}

static bool read_group(struct reader *r, struct text_node *node)
{
	take(r);
	if (!read_settings(r, node, TOKEN_GROUP_CLOSE))
		return false;
	take(r);
	return true;
}

static bool read_string(struct reader *r, struct text_node *node)
{
	node->string = r->token.string;
	take(r);
	while (r->token.kind == TOKEN_STRING) {
		refuse(r, &r->token.place,
			"two strings side by side, which libconfig joins into one" HINT
			"put a comma or a semicolon between them");
		take(r);
	}
	return true;
}

static bool read_nested(struct reader *r, struct text_node *node)
{
	bool good;

	if (r->reading->depth >= TEXT_DEPTH_MAX) {
		refuse(r, &r->token.place, "nested deeper than %d levels" HINT "take brackets away",
			TEXT_DEPTH_MAX);
		return false;
	}
	r->reading->depth++;
	if (node->kind == TEXT_GROUP)
		good = read_group(r, node);
	else
		good = read_elements(
			r, node, node->kind == TEXT_LIST ? TOKEN_LIST_CLOSE : TOKEN_ARRAY_CLOSE);
	r->reading->depth--;
	return good;
}

static enum text_kind kind_of_token(enum token_kind kind)
{
	switch (kind) {
	case TOKEN_GROUP_OPEN:
		return TEXT_GROUP;
	case TOKEN_LIST_OPEN:
		return TEXT_LIST;
	case TOKEN_ARRAY_OPEN:
		return TEXT_ARRAY;
	case TOKEN_STRING:
		return TEXT_STRING;
	case TOKEN_INTEGER:
		return TEXT_INTEGER;
	case TOKEN_FLOAT:
		return TEXT_FLOAT;
	case TOKEN_BOOLEAN:
		return TEXT_BOOLEAN;
	default:
		return 0;
	}
}

static bool read_value(struct reader *r, struct text_node *node)
{
	bool good = true;

	node->value = r->token.start;
	node->kind = kind_of_token(r->token.kind);
	if (node->kind == 0)
		return unexpected(r, "a value");
	if (node->kind < TEXT_STRING) {
		good = read_nested(r, node);
	} else if (node->kind == TEXT_STRING) {
		good = read_string(r, node);
	} else {
		node->integer = r->token.integer;
		node->number = r->token.number;
		node->boolean = r->token.boolean;
		take(r);
	}
	node->end = r->taken_end;
	return good;
}

static void settings_append(
	struct reader *r, struct text_node *group, struct text_node **last, struct text_node *node)
{
	for (const struct text_node *other = group->first; other; other = other->next) {
		if (strcmp(other->name, node->name) != 0)
			continue;
		refuse(r, &node->place,
			"is set a second time (first in line %u)" HINT "keep one of the two",
			other->place.line);
		return;
	}
	if (group->count >= TEXT_SETTINGS_MAX)
		refuse(r, &node->place, "more than %d settings in one group" HINT "remove some",
			TEXT_SETTINGS_MAX);
	else
		node_append(group, last, node);
}

static bool read_setting(struct reader *r, struct text_node *group, struct text_node **last)
{
	struct text_node *node;
	size_t length;

	if (r->token.kind != TOKEN_NAME)
		return unexpected(r, "the name of a setting");
	node = node_make(r);
	if (!node)
		return false;
	node->name = r->token.string;
	length = path_enter(r, node->name, 0);
	take(r);
	if (r->token.kind != TOKEN_ASSIGN)
		return unexpected(r, "'='");
	take(r);
	if (!read_value(r, node))
		return false;
	if (r->token.kind == TOKEN_SEMICOLON || r->token.kind == TOKEN_COMMA)
		take(r);
	node->tail = r->taken_end;
	settings_append(r, group, last, node);
	path_leave(r, length);
	return true;
}

// After a syntax fault: goes on behind the ';' that ends the setting, or at the group's end, so
// that one text shows all its faults.
static void recover(struct reader *r, enum token_kind close)
{
	uint32_t open = 0;

	while (r->token.kind != TOKEN_END && !r->lexer.out_of_memory) {
		enum token_kind kind = r->token.kind;

		if (open == 0 && kind == close)
			return;
		if (kind == TOKEN_GROUP_OPEN)
			open++;
		else if (kind == TOKEN_GROUP_CLOSE && open > 0)
			open--;
		take(r);
		if (open == 0 && kind == TOKEN_SEMICOLON)
			return;
	}
}

static void read_file(struct reading *reading, const struct text_source *source, const char *text,
	size_t length, struct text_node *group, struct text_node **last);

static void read_include(struct reader *r, struct text_node *group, struct text_node **last)
{
	struct reading *reading = r->reading;
	char error[FAULT_TEXT_BYTES];
	struct include_file file;
	int rc;

	if (!reading->may_include) {
		refuse(r, &r->token.place,
			"@include in text that did not come from a file" HINT
			"put the content in its place");
		return;
	}
	rc = include_open(
		&reading->folder, reading->arena, r->token.string, &file, error, sizeof(error));
	if (rc == -ENOMEM)
		reading->error = rc;
	else if (rc)
		refuse(r, &r->token.place, "@include \"%.80s\": %s", r->token.string, error);
	if (rc)
		return;

	struct text_source source = {.file = file.name, .may_include = true};

	read_file(reading, &source, file.text, file.length, group, last);
	include_close(&reading->folder, &file);
}

static bool read_settings_into(
	struct reader *r, struct text_node *group, struct text_node **last, enum token_kind close)
{
	while (r->token.kind != close && r->reading->error != -ENOMEM) {
		size_t length = strlen(r->reading->path);
		uint32_t depth = r->reading->depth;

		if (r->token.kind == TOKEN_INCLUDE) {
			read_include(r, group, last);
			take(r);
			continue;
		}
		if (read_setting(r, group, last))
			continue;
		r->reading->depth = depth;
		if (r->token.kind == TOKEN_END || r->reading->nodes >= TEXT_NODES_MAX)
			return false;
		recover(r, close);
		path_leave(r, length);
	}
	return r->reading->error != -ENOMEM;
}

static bool read_settings(struct reader *r, struct text_node *group, enum token_kind close)
{
	struct text_node *last = NULL;

	return read_settings_into(r, group, &last, close);
}

static void read_file(struct reading *reading, const struct text_source *source, const char *text,
	size_t length, struct text_node *group, struct text_node **last)
{
	struct reader r = {.reading = reading, .included = reading->folder.open_files > 0};

	r.lexer = (struct lexer){
		.cursor = cursor_over((const uint8_t *)text, length),
		.base = (const uint8_t *)text,
		.place = {.file = source->file, .line = 1},
		.arena = reading->arena,
		.faults = reading->faults,
		.path = reading->path,
		.line_start = true,
	};
	if (!lexer_text_is_clean(text, length, source->file, reading->faults)) {
		reading->error = -EINVAL;
		return;
	}
	take(&r);
	read_settings_into(&r, group, last, TOKEN_END);
}

int text_read(struct arena *arena, const char *text, size_t length,
	const struct text_source *source, struct config_faults *faults, struct text_node **root)
{
	struct reading reading = {
		.arena = arena, .faults = faults, .may_include = source->may_include};
	struct text_place place = {.file = source->file};
	struct text_node *top;
	struct text_node *last = NULL;

	if (length > TEXT_BYTES_MAX) {
		fault_add(faults, &place, "",
			"%zu bytes of text, more than %d" HINT "split the configuration", length,
			TEXT_BYTES_MAX);
		return -EINVAL;
	}
	top = arena_get(arena, sizeof(*top));
	if (!top)
		return -ENOMEM;
	top->kind = TEXT_GROUP;
	top->place = (struct text_place){.file = source->file, .line = 1};
	top->end = length;
	top->tail = length;
	reading.folder = (struct include_folder){.file = source->file, .bytes = length};
	read_file(&reading, source, text, length, top, &last);
	if (reading.error)
		return reading.error;
	*root = top;
	return 0;
}

const struct text_node *text_child(const struct text_node *group, const char *name)
{
	const struct text_node *child = group ? group->first : NULL;

	while (child && strcmp(child->name, name) != 0)
		child = child->next;
	return child;
}

const char *text_kind_name(enum text_kind kind)
{
	static const char *const names[] = {"nothing", "a group { }", "a list ( )", "an array [ ]",
		"a string", "an integer", "a number with a fraction", "a boolean"};

	return names[kind];
}
