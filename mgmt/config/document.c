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
	for (uint32_t i = 0; i < schema_key_count; i++) {
		const struct schema_key *key = &schema_keys[i];
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
