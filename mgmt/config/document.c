// SPDX-License-Identifier: BSD-3-Clause
#include "config/schema.h"

static void print_range(FILE *out, const struct schema_key *key)
{
	switch (key->type) {
	case SCHEMA_INTEGER:
		fprintf(out, "%u to %u", key->minimum, key->maximum);
		break;
	case SCHEMA_RATE:
		fprintf(out, "0 to %u Gbit/s", key->maximum / 1000);
		break;
	case SCHEMA_SHARE:
		fputs("0 to 1, or `\"0%\"` to `\"100%\"`", out);
		break;
	case SCHEMA_GROUPS:
	case SCHEMA_PREFIXES:
	case SCHEMA_ADDRESSES:
	case SCHEMA_TARGETS:
	case SCHEMA_SOURCES:
	case SCHEMA_RESOLVERS:
		fprintf(out, "%u to %u entries", key->minimum, key->maximum);
		break;
	case SCHEMA_STRING:
	case SCHEMA_NAME:
	case SCHEMA_PATH:
		fprintf(out, "%u to %u characters", key->minimum, key->maximum);
		break;
	default:
		break;
	}
}

// Words of a key; those that this version refuses stand in brackets.
static void print_words(FILE *out, const char *words)
{
	while (*words) {
		size_t length = strcspn(words, "|");
		bool refused = words[0] == '!';

		fprintf(out, refused ? "(`%.*s`)" : "`%.*s`", (int)(length - refused),
			words + refused);
		words += length;
		if (*words == '|') {
			words++;
			fputs(", ", out);
		}
	}
}

static void print_default(FILE *out, const struct schema_key *key)
{
	if (key->flags & SCHEMA_REQUIRED)
		fputs("required", out);
	else if (key->fallback && (key->flags & SCHEMA_DERIVED))
		fputs(key->fallback, out);
	else if (key->fallback)
		fprintf(out, "`%s`", key->fallback);
	else
		fputs("none", out);
}

static void print_key(FILE *out, const struct schema_key *key, const char *name)
{
	fprintf(out, "| `%s` | %s%s%s | ", name, schema_type_name(key->type),
		schema_unit_name(key->unit)[0] ? ", " : "", schema_unit_name(key->unit));
	if (key->words)
		print_words(out, key->words);
	else
		print_range(out, key);
	fputs(" | ", out);
	print_default(out, key);
	fprintf(out, " | %s | %s |\n", schema_effect_name(key->effect), key->sentence);
}

static void print_keys(FILE *out, const char *parent)
{
	const struct schema_key *key;
	const char *name;
	uint32_t index = 0;

	fputs("\n| key | type | values | default | a change | meaning |\n|---|---|---|---|---|---|\n",
		out);
	while ((key = schema_child(parent, &index, &name)))
		print_key(out, key, name);
}

static void print_sections(FILE *out)
{
	const struct schema_key *key;

	for (uint32_t i = 0; (key = schema_key_at(i)); i++) {
		char parent[FAULT_PATH_BYTES];

		if (key->type != SCHEMA_GROUP && key->type != SCHEMA_GROUPS)
			continue;
		snprintf(parent, sizeof(parent), "%s%s", key->path,
			key->type == SCHEMA_GROUPS ? "[]" : "");
		fprintf(out, "\n## %s\n\n%s\n", parent, key->sentence);
		print_keys(out, parent);
	}
}

int schema_document(FILE *out)
{
	fputs("# Configuration\n\n"
	      "Made by `config-doc` from the schema table (mgmt/config/schema.c); a test compares the two.\n\n"
	      "The format is libconfig's, read strictly: integers beyond 31 bits end in `L`, strings stand alone and end on\n"
	      "their line, lists have no comma at their end, no key is set twice, and `@include \"FILE\"` stands on a line of\n"
	      "its own, in files only, naming regular files under the folder of the file that is loaded.\n"
	      "Every fault is one line, `FILE:LINE: PATH: what; hint`; `nexpathd --check` shows them all.\n"
	      "A quantity is an integer in the unit that its key has, or a string with a unit: `\"512MiB\"`, `\"2min\"`.\n\n"
	      "*A change* says what applying a new value does: `none` disturbs nobody, `new-sessions` is for sessions that\n"
	      "start afterwards, `live` holds for live sessions at once, `drain` lets live sessions run on for the drain time,\n"
	      "`restart` starts the process anew. Of the lists it is what removing an entry does; adding a port, a listener or\n"
	      "an upstream disturbs nobody. Words in brackets are known and not served by this version.\n\n"
	      "## The top\n",
		out);
	print_keys(out, "");
	print_sections(out);
	return ferror(out) || fflush(out) != 0 ? -EIO : 0;
}

// Text as roff takes it: the markup of the markdown page left out, what roff reads as its own
// escaped.
static void print_roff(FILE *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", out);
	for (; *text; text++) {
		if (*text == '`')
			continue;
		fputs(*text == '-'      ? "\\-"
			: *text == '\\' ? "\\e"
					: (const char[]){*text, '\0'},
			out);
	}
}

// What print writes of a key, as roff. -ENOMEM.
static int print_piece(FILE *out, const char *before,
	void (*print)(FILE *out, const struct schema_key *key), const struct schema_key *key)
{
	char *text = NULL;
	size_t size = 0;
	FILE *piece = open_memstream(&text, &size);

	if (!piece)
		return -ENOMEM;
	print(piece, key);

	int rc = fclose(piece) != 0 ? -ENOMEM : 0;

	if (rc == 0 && size > 0) {
		fputs(before, out);
		print_roff(out, text);
	}
	free(text);
	return rc;
}

static void print_values(FILE *out, const struct schema_key *key)
{
	if (key->words)
		print_words(out, key->words);
	else
		print_range(out, key);
}

static int print_man_key(FILE *out, const struct schema_key *key, const char *name)
{
	int rc;

	fputs(".TP\n.B ", out);
	print_roff(out, name);
	fputs("\n", out);
	print_roff(out, key->sentence);
	fputs("\n.br\n", out);
	print_roff(out, schema_type_name(key->type));
	if (schema_unit_name(key->unit)[0])
		fprintf(out, ", %s", schema_unit_name(key->unit));
	rc = print_piece(out, ": ", print_values, key);
	if (rc == 0)
		rc = print_piece(out, "; default ", print_default, key);
	fputs("; a change: ", out);
	print_roff(out, schema_effect_name(key->effect));
	fputs(".\n", out);
	return rc;
}

static int print_man_keys(FILE *out, const char *parent)
{
	const struct schema_key *key;
	const char *name;
	uint32_t index = 0;
	int rc = 0;

	while (rc == 0 && (key = schema_child(parent, &index, &name)))
		rc = print_man_key(out, key, name);
	return rc;
}

int schema_manual(FILE *out)
{
	const struct schema_key *key;
	int rc;

	fputs(".\\\" SPDX-License-Identifier: BSD-3-Clause\n"
	      ".\\\" Made by `config-doc man` from the schema table (mgmt/config/schema.c); a test compares the two.\n"
	      ".TH NEXPATH.CONF 5 \"\" \"nexpath " NEXPATH_VERSION "\" \"nexpath\"\n"
	      ".SH NAME\nnexpath.conf \\- configuration of nexpathd\n"
	      ".SH DESCRIPTION\n"
	      "The format is libconfig's, read strictly. A quantity is an integer in the unit that its key has, or a string\n"
	      "with a unit. Every fault is one line that says where, what and what to do;\n.B nexpathd \\-\\-check\nshows them all.\n.PP\n"
	      "A change of a key disturbs nobody (none), is for sessions that start afterwards (new\\-sessions), holds for live\n"
	      "sessions at once (live), lets live sessions run on for the drain time (drain), or starts the process anew\n"
	      "(restart). Of lists it is what removing an entry does. Words in brackets are not served by this version.\n"
	      ".SH THE TOP\n",
		out);
	rc = print_man_keys(out, "");
	for (uint32_t i = 0; rc == 0 && (key = schema_key_at(i)); i++) {
		char parent[FAULT_PATH_BYTES];

		if (key->type != SCHEMA_GROUP && key->type != SCHEMA_GROUPS)
			continue;
		snprintf(parent, sizeof(parent), "%s%s", key->path,
			key->type == SCHEMA_GROUPS ? "[]" : "");
		fprintf(out, ".SH %s\n", parent);
		print_roff(out, key->sentence);
		fputs("\n", out);
		rc = print_man_keys(out, parent);
	}
	fputs(".SH SEE ALSO\n.BR nexpathd (8),\n.BR nexpath (1)\n", out);
	return rc != 0 || ferror(out) || fflush(out) != 0 ? -EIO : 0;
}

// Keys under parent, nested ones dotted; of words those that are served.
static void print_settings(FILE *out, const char *parent, const char *before)
{
	const struct schema_key *key;
	const char *name;
	uint32_t index = 0;

	while ((key = schema_child(parent, &index, &name))) {
		char dotted[FAULT_PATH_BYTES];

		snprintf(dotted, sizeof(dotted), "%s%s%s", before, before[0] ? "." : "", name);
		if (key->type == SCHEMA_GROUP) {
			print_settings(out, key->path, dotted);
			continue;
		}
		if (!key->words)
			fprintf(out, "%s= ", dotted);
		for (const char *word = key->words; word && *word;) {
			size_t length = strcspn(word, "|");

			if (*word != '!')
				fprintf(out, "%s=%.*s ", dotted, (int)length, word);
			word += length + (word[length] == '|');
		}
	}
}

int schema_listener_settings(FILE *out)
{
	fputs("// Made by `config-doc settings`.\n#define LISTENER_SETTINGS \"", out);
	print_settings(out, "listeners[]", "");
	fputs("\"\n", out);
	return ferror(out) || fflush(out) != 0 ? -EIO : 0;
}
