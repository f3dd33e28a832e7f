// SPDX-License-Identifier: BSD-3-Clause
#include "config/edit/edit.h"

#include <stdarg.h>

#include "config/edit/edit_text.h"
#include "config/values.h"

enum {
	GROUP_BYTES_MAX = 4096
};

// A text and its tree.
struct editing {
	const char *text;
	size_t length;
	struct arena arena;
	struct text_node *root;
	char *error;
	size_t error_size;
};

__attribute__((format(printf, 3, 4))) static int refuse(
	struct editing *e, int rc, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(e->error, e->error_size, format, arguments);
	va_end(arguments);
	return rc;
}

static int read_tree(struct editing *e, const char *text, size_t length, struct text_node **root)
{
	struct config_faults *faults = malloc(sizeof(*faults));
	struct text_source source = {.file = NULL};
	char line[2 * FAULT_TEXT_BYTES];
	int rc;

	if (!faults)
		return refuse(e, -ENOMEM, "out of memory; free some");
	faults_init(faults);
	rc = text_read(&e->arena, text, length, &source, faults, root);
	if (rc == -ENOMEM)
		refuse(e, rc, "out of memory; free some");
	else if (rc) {
		fault_print(&faults->items[0], "text", line, sizeof(line));
		refuse(e, rc, "%s", line);
	}
	free(faults);
	return rc;
}

static int edit_open(struct editing *e, const char *text, char *error, size_t error_size)
{
	*e = (struct editing){
		.text = text, .length = strlen(text), .error = error, .error_size = error_size};
	return read_tree(e, text, e->length, &e->root);
}

static const struct text_node *section_list(const struct editing *e, const char *section)
{
	const struct text_node *list = text_child(e->root, section);

	return list && list->kind == TEXT_LIST ? list : NULL;
}

static const struct text_node *named_entry(const struct text_node *list, const char *name)
{
	for (const struct text_node *entry = list ? list->first : NULL; entry;
		entry = entry->next) {
		const struct text_node *value =
			entry->kind == TEXT_GROUP ? text_child(entry, "name") : NULL;

		if (value && value->kind == TEXT_STRING && strcmp(value->string, name) == 0)
			return entry;
	}
	return NULL;
}

// Whether the entries of two lists agree, `skip_old` of the old and `skip_new` of the new left out.
static bool lists_agree(const struct text_node *old, const struct text_node *new,
	const struct text_node *skip_old, const struct text_node *skip_new)
{
	const struct text_node *a = old ? old->first : NULL;
	const struct text_node *b = new ? new->first : NULL;

	for (;;) {
		if (a && a == skip_old)
			a = a->next;
		if (b && b == skip_new)
			b = b->next;
		if (!a || !b)
			return a == b;
		if (!text_equal(a, b))
			return false;
		a = a->next;
		b = b->next;
	}
}

// Everything outside of the section must be what it was.
static bool others_agree(
	const struct text_node *old, const struct text_node *new, const char *section)
{
	return lists_agree(old, new, text_child(old, section), text_child(new, section));
}

static const struct text_node *last_entry(const struct text_node *list)
{
	const struct text_node *entry = list ? list->first : NULL;

	while (entry && entry->next)
		entry = entry->next;
	return entry;
}

static int edit_close(struct editing *e, char *made, int rc, char **out)
{
	arena_fini(&e->arena);
	if (rc)
		free(made);
	else
		*out = made;
	return rc;
}

struct writing {
	char text[GROUP_BYTES_MAX];
	size_t used;
	bool full;
};

__attribute__((format(printf, 2, 3))) static void write_text(
	struct writing *w, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(w->text + w->used, sizeof(w->text) - w->used, format, arguments);
	va_end(arguments);
	if (n < 0 || (size_t)n >= sizeof(w->text) - w->used)
		w->full = true;
	else
		w->used += (size_t)n;
}

static void write_string(struct writing *w, const char *value)
{
	write_text(w, "\"");
	for (; *value; value++)
		write_text(w, "%s%c", strchr("\"\\", *value) ? "\\" : "", *value);
	write_text(w, "\"");
}

static void write_value(struct writing *w, const struct schema_key *key, const char *value)
{
	bool digits = value[0] != '\0' && strspn(value, "0123456789") == strlen(value);

	if (key->type == SCHEMA_INTEGER && digits && strlen(value) < 19)
		write_text(w, "%s%s", value, strtoll(value, NULL, 10) > INT32_MAX ? "L" : "");
	else if (key->type == SCHEMA_BOOLEAN &&
		 (strcmp(value, "true") == 0 || strcmp(value, "false") == 0))
		write_text(w, "%s", value);
	else
		write_string(w, value);
}

// The value that the settings give a key path (without "listeners[]."), NULL for none.
static const char *setting_value(
	const char *const *settings, uint32_t count, const char *path, size_t length)
{
	for (uint32_t i = 0; i < count; i++)
		if (strncmp(settings[i], path, length) == 0 && settings[i][length] == '=')
			return settings[i] + length + 1;
	return NULL;
}

static bool value_is_clean(const char *value)
{
	for (; *value; value++)
		if ((unsigned char)*value < ' ' || *value == 0x7f)
			return false;
	return true;
}

static int check_setting(
	struct editing *e, const char *const *settings, uint32_t count, uint32_t index)
{
	const char *setting = settings[index];
	size_t length = strcspn(setting, "=");
	char path[FAULT_PATH_BYTES];
	const struct schema_key *key;
	const char *near;

	if (setting[length] != '=' || length == 0 || length > 100)
		return refuse(e, -EINVAL,
			"%.100s: is not KEY=VALUE; write name=web protocol=tcp ...", setting);
	snprintf(path, sizeof(path), "listeners[].%.*s", (int)length, setting);
	key = schema_find(path);
	if (!key || key->type == SCHEMA_GROUP) {
		near = schema_nearest("listeners[]", path + strlen("listeners[]."));
		return refuse(e, -EINVAL, "%.*s: is not a key of a listener; %s%s", (int)length,
			setting, near ? "did you mean " : "`nexpath help listener add` lists them",
			near ? near : "");
	}
	if (!value_is_clean(setting + length))
		return refuse(e, -EINVAL, "%.*s: holds a control character; remove it", (int)length,
			setting);
	if (setting_value(settings, index, setting, length))
		return refuse(e, -EINVAL, "%.*s: is given twice; keep one", (int)length, setting);
	return 0;
}

// Writes the keys of `parent` that have a value, nested groups included; true if there was one.
static bool write_group(
	struct writing *w, const char *parent, const char *const *settings, uint32_t count)
{
	const struct schema_key *key;
	const char *name;
	uint32_t index = 0;
	bool any = false;

	while ((key = schema_child(parent, &index, &name))) {
		const char *path = key->path + strlen("listeners[].");
		size_t before = w->used;
		const char *value;

		if (key->type == SCHEMA_GROUP) {
			write_text(w, "%s = { ", name);
			if (!write_group(w, key->path, settings, count))
				w->used = before;
			else
				write_text(w, "}; ");
			any = any || w->used > before;
			continue;
		}
		value = setting_value(settings, count, path, strlen(path));
		if (!value)
			continue;
		write_text(w, "%s = ", name);
		write_value(w, key, value);
		write_text(w, "; ");
		any = true;
	}
	return any;
}

static int listener_write(
	struct editing *e, const char *const *settings, uint32_t count, struct writing *w)
{
	const struct schema_key *key;
	const char *name;
	uint32_t index = 0;

	for (uint32_t i = 0; i < count; i++) {
		int rc = check_setting(e, settings, count, i);

		if (rc)
			return rc;
	}
	while ((key = schema_child("listeners[]", &index, &name)))
		if ((key->flags & SCHEMA_REQUIRED) &&
			!setting_value(settings, count, name, strlen(name)))
			return refuse(e, -EINVAL, "%s: is missing; add %s=...", name, name);
	write_text(w, "{ ");
	write_group(w, "listeners[]", settings, count);
	write_text(w, "}");
	if (w->full)
		return refuse(
			e, -EINVAL, "more than %d characters; shorten the values", GROUP_BYTES_MAX);
	return 0;
}

// Columns before the last entry, so that the new one stands below it.
static int entry_column(const struct editing *e, const struct text_node *entry)
{
	size_t start = entry->start;
	size_t column = 0;

	while (start > 0 && e->text[start - 1] != '\n') {
		start--;
		column += e->text[start] == '\t' ? 8 : 1;
	}
	return column > 64 ? 8 : (int)column;
}

static char *listener_insert(struct editing *e, const char *group, size_t *at)
{
	const struct text_node *list = section_list(e, "listeners");
	const struct text_node *last = last_entry(list);
	struct writing *w = calloc(1, sizeof(*w));
	char *made = NULL;

	if (!w)
		return NULL;
	*at = e->length;
	if (last) {
		write_text(w, ",\n%*s%s", entry_column(e, last), "", group);
		*at = last->end;
	} else if (list) {
		write_text(w, " %s", group);
		*at = list->value + 1;
	} else {
		bool newline = e->length > 0 && e->text[e->length - 1] != '\n';

		write_text(w, "%slisteners = ( %s );\n", newline ? "\n" : "", group);
	}
	made = w->full ? NULL : text_splice(e->text, e->length, *at, *at, w->text);
	free(w);
	return made;
}

static int listener_add(struct editing *e, const struct writing *w, const char *name, char **made)
{
	const struct text_node *list = section_list(e, "listeners");
	const struct text_node *after;
	struct text_node *root;
	size_t at;
	int rc;

	if (named_entry(list, name))
		return refuse(e, -EEXIST,
			"listener \"%s\" is there already; remove it first, or choose another name",
			name);
	if (!list && text_child(e->root, "listeners"))
		return refuse(e, -EINVAL, "listeners is not a list; write listeners = ( );");
	*made = listener_insert(e, w->text, &at);
	if (!*made)
		return refuse(e, -ENOMEM, "out of memory; free some");
	rc = read_tree(e, *made, strlen(*made), &root);
	if (rc)
		return rc;
	after = text_child(root, "listeners");
	if (!others_agree(e->root, root, "listeners") ||
		!lists_agree(list, after, NULL, last_entry(after)))
		return refuse(e, -EINVAL, "the text could not be changed safely; edit it by hand");
	return 0;
}

int edit_listener_add(const char *text, const char *const *settings, uint32_t count, char **out,
	char *error, size_t error_size)
{
	struct editing e;
	struct writing *w = calloc(1, sizeof(*w));
	char *made = NULL;
	int rc = edit_open(&e, text, error, error_size);

	if (!rc && !w)
		rc = refuse(&e, -ENOMEM, "out of memory; free some");
	if (!rc)
		rc = listener_write(&e, settings, count, w);
	if (!rc)
		rc = listener_add(&e, w, setting_value(settings, count, "name", 4), &made);
	free(w);
	return edit_close(&e, made, rc, out);
}

// Marks an entry and one of its commas: the one behind it, or before it if it is the last.
static int entry_mark(
	struct editing *e, const struct text_node *list, const struct text_node *entry, bool *drop)
{
	const struct text_node *comma_of = entry->next ? entry : list->first;
	size_t comma = e->length;
	int rc = 0;

	while (!entry->next && comma_of != entry && comma_of->next != entry)
		comma_of = comma_of->next;
	if (list->count > 1)
		rc = text_comma_after(e->text, e->length, comma_of->end, &comma);
	if (rc)
		return refuse(e, rc, "out of memory; free some");
	memset(drop + entry->start, true, entry->end - entry->start);
	if (comma < e->length)
		drop[comma] = true;
	return 0;
}

static int listener_remove(struct editing *e, const char *name, char **made)
{
	const struct text_node *list = section_list(e, "listeners");
	const struct text_node *entry = named_entry(list, name);
	struct text_node *root;
	bool *drop;
	int rc;

	if (!entry)
		return refuse(e, -ENOENT,
			"there is no listener \"%s\"; `nexpath listener list` shows them", name);
	drop = calloc(e->length + 1, sizeof(*drop));
	rc = drop ? entry_mark(e, list, entry, drop)
		  : refuse(e, -ENOMEM, "out of memory; free some");
	if (!rc) {
		*made = text_without(e->text, e->length, drop);
		rc = *made ? read_tree(e, *made, strlen(*made), &root)
			   : refuse(e, -ENOMEM, "out of memory; free some");
	}
	free(drop);
	if (rc)
		return rc;
	if (!others_agree(e->root, root, "listeners") ||
		!lists_agree(list, text_child(root, "listeners"), entry, NULL))
		return refuse(e, -EINVAL, "the text could not be changed safely; edit it by hand");
	return 0;
}

int edit_listener_remove(
	const char *text, const char *name, char **out, char *error, size_t error_size)
{
	struct editing e;
	char *made = NULL;
	int rc = edit_open(&e, text, error, error_size);

	if (!rc)
		rc = listener_remove(&e, name, &made);
	return edit_close(&e, made, rc, out);
}

// The element of `targets` whose HOST:PORT part is `target`.
static const struct text_node *target_entry(const struct text_node *upstream, const char *target)
{
	const struct text_node *targets = text_child(upstream, "targets");
	const struct text_node *entry =
		targets && targets->kind <= TEXT_ARRAY ? targets->first : NULL;
	size_t length = strlen(target);

	for (; entry; entry = entry->next)
		if (entry->kind == TEXT_STRING && strcspn(entry->string, " ") == length &&
			strncmp(entry->string, target, length) == 0)
			return entry;
	return NULL;
}

static int upstream_drain(struct editing *e, const char *upstream, const char *target, char **made)
{
	const struct text_node *list = section_list(e, "upstreams");
	const struct text_node *group = named_entry(list, upstream);
	const struct text_node *entry = group ? target_entry(group, target) : NULL;
	const struct text_node *now;
	struct text_node *root;
	int rc;

	if (!group)
		return refuse(e, -ENOENT,
			"there is no upstream \"%s\"; `nexpath upstream list` shows them",
			upstream);
	if (!entry)
		return refuse(e, -ENOENT,
			"upstream \"%s\" has no target \"%s\"; `nexpath upstream list` shows them",
			upstream, target);
	if (strstr(entry->string, " drained"))
		return refuse(e, -EEXIST,
			"target \"%s\" of \"%s\" is drained already; nothing to do", target,
			upstream);
	*made = text_splice(e->text, e->length, entry->end - 1, entry->end - 1, " drained");
	if (!*made)
		return refuse(e, -ENOMEM, "out of memory; free some");
	rc = read_tree(e, *made, strlen(*made), &root);
	if (rc)
		return rc;
	now = named_entry(text_child(root, "upstreams"), upstream);
	if (!now || !others_agree(e->root, root, "upstreams") ||
		!lists_agree(list, text_child(root, "upstreams"), group, now) ||
		!others_agree(group, now, "targets") ||
		!lists_agree(text_child(group, "targets"), text_child(now, "targets"), entry,
			target_entry(now, target)))
		return refuse(e, -EINVAL, "the text could not be changed safely; edit it by hand");
	return 0;
}

int edit_upstream_drain(const char *text, const char *upstream, const char *target, char **out,
	char *error, size_t error_size)
{
	struct editing e;
	char *made = NULL;
	int rc = edit_open(&e, text, error, error_size);

	if (!rc)
		rc = upstream_drain(&e, upstream, target, &made);
	return edit_close(&e, made, rc, out);
}
