// SPDX-License-Identifier: BSD-3-Clause
#include "config/edit/hidden.h"

#include "config/edit/edit_text.h"
#include "config/revision/revisions.h"
#include "config/schema.h"

enum {
	MARK_BYTES = sizeof("\"hidden:00000000\"")
};

// The private strings of a text, last one first, so that replacing one moves none of the others.
struct private_value {
	const struct text_node *node;
	struct private_value *next;
};

struct private_text {
	const char *text;
	struct arena arena;
	struct private_value *values;
	hidden_is_private_fn *is_private;
	bool out_of_memory;
};

bool hidden_by_schema(const char *path)
{
	char list[FAULT_PATH_BYTES];
	size_t length = strlen(path);
	const struct schema_key *key = schema_find(path);

	// Strings of a list are as private as the list.
	if (!key && length > 2 && length < sizeof(list) && strcmp(path + length - 2, "[]") == 0) {
		snprintf(list, sizeof(list), "%.*s", (int)(length - 2), path);
		key = schema_find(list);
	}
	return key && (key->flags & SCHEMA_PRIVATE);
}

// Where a private value lies is none.
static bool is_file(const char *value)
{
	return strncmp(value, "file:/", 6) == 0;
}

static void collect(struct private_text *t, const struct text_node *node, const char *path)
{
	for (const struct text_node *child = node->first; child; child = child->next) {
		char below[FAULT_PATH_BYTES];
		int n = child->name ? snprintf(below, sizeof(below), "%s%s%s", path,
					      path[0] ? "." : "", child->name)
				    : snprintf(below, sizeof(below), "%s[]", path);

		if (n < 0 || n >= (int)sizeof(below))
			continue;
		if (child->kind == TEXT_STRING && !is_file(child->string) && t->is_private(below)) {
			struct private_value *value = arena_get(&t->arena, sizeof(*value));

			if (!value) {
				t->out_of_memory = true;
				return;
			}
			value->node = child;
			value->next = t->values;
			t->values = value;
		}
		collect(t, child, below);
	}
}

static int private_open(struct private_text *t, const char *text, hidden_is_private_fn *is_private)
{
	struct config_faults *faults = malloc(sizeof(*faults));
	struct text_source source = {.file = NULL};
	struct text_node *root;
	int rc;

	*t = (struct private_text){.text = text, .is_private = is_private};
	if (!faults)
		return -ENOMEM;
	faults_init(faults);
	rc = text_read(&t->arena, text, strlen(text), &source, faults, &root);
	free(faults);
	if (rc)
		return rc;
	collect(t, root, "");
	return t->out_of_memory ? -ENOMEM : 0;
}

static void mark_print(const char *value, char out[MARK_BYTES])
{
	uint8_t hash[CONFIG_HASH_BYTES];

	config_hash(value, strlen(value), hash);
	snprintf(
		out, MARK_BYTES, "\"hidden:%02x%02x%02x%02x\"", hash[0], hash[1], hash[2], hash[3]);
}

static bool is_mark(const char *value)
{
	return strncmp(value, "hidden:", 7) == 0 && strlen(value) == 15 &&
	       strspn(value + 7, "0123456789abcdef") == 8;
}

// Replaces a value in *text, which is freed for the new one.
static int replace(char **text, const struct text_node *node, const char *with)
{
	char *made = text_splice(*text, strlen(*text), node->value, node->end, with);

	if (!made)
		return -ENOMEM;
	free(*text);
	*text = made;
	return 0;
}

int hidden_show(const char *text, hidden_is_private_fn *is_private, char **out)
{
	struct private_text t;
	int rc = private_open(&t, text, is_private);
	char *made = rc ? NULL : text_splice(text, strlen(text), 0, 0, "");

	if (!rc && !made)
		rc = -ENOMEM;
	for (const struct private_value *v = t.values; v && !rc; v = v->next) {
		char mark[MARK_BYTES];

		mark_print(v->node->string, mark);
		rc = replace(&made, v->node, mark);
	}
	arena_fini(&t.arena);
	if (rc)
		free(made);
	else
		*out = made;
	return rc;
}

// The literal of the stored value that a mark stands for, quotes included, in the arena.
static const char *stored_literal(struct private_text *stored, const char *mark)
{
	for (const struct private_value *v = stored->values; v; v = v->next) {
		char known[MARK_BYTES];

		mark_print(v->node->string, known);
		if (strncmp(known + 1, mark, 15) == 0)
			return arena_copy(&stored->arena, stored->text + v->node->value,
				v->node->end - v->node->value);
	}
	return "";
}

static int resolve_all(struct private_text *t, struct private_text *stored,
	struct config_faults *faults, char **made)
{
	int rc = 0;

	for (const struct private_value *v = t->values; v && rc != -ENOMEM; v = v->next) {
		const char *literal;

		if (!is_mark(v->node->string))
			continue;
		literal = stored_literal(stored, v->node->string);
		if (!literal)
			return -ENOMEM;
		if (literal[0] != '\0') {
			rc = rc ? rc : replace(made, v->node, literal);
			continue;
		}
		fault_add(faults, &v->node->place, v->node->name ? v->node->name : "",
			"\"%s\" stands for no stored value" HINT "write the value itself",
			v->node->string);
		rc = -EINVAL;
	}
	return rc;
}

int hidden_resolve(const char *text, const char *stored, hidden_is_private_fn *is_private,
	struct config_faults *faults, char **out)
{
	struct private_text t;
	struct private_text s = {0};
	int rc = private_open(&t, text, is_private);
	char *made = NULL;

	if (!rc)
		rc = private_open(&s, stored, is_private);
	if (!rc) {
		made = text_splice(text, strlen(text), 0, 0, "");
		rc = made ? resolve_all(&t, &s, faults, &made) : -ENOMEM;
	}
	arena_fini(&t.arena);
	arena_fini(&s.arena);
	if (rc)
		free(made);
	else
		*out = made;
	return rc;
}
