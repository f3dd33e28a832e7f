// SPDX-License-Identifier: BSD-3-Clause
#include "config/schema.h"

#include "config/schema/rows.h"

// In the order of the documents.
static const struct schema_rows *const TABLE[] = {
	&schema_threads_rows,
	&schema_management_rows,
	&schema_credentials_rows,
	&schema_network_rows,
	&schema_upstreams_rows,
	&schema_listeners_rows,
	&schema_http_rows,
};

const struct schema_key *schema_key_at(uint32_t index)
{
	for (size_t i = 0; i < nx_array_size(TABLE); i++) {
		if (index < TABLE[i]->count)
			return &TABLE[i]->keys[index];
		index -= TABLE[i]->count;
	}
	return NULL;
}

const struct schema_key *schema_find(const char *path)
{
	const struct schema_key *key;

	for (uint32_t i = 0; (key = schema_key_at(i)); i++)
		if (strcmp(key->path, path) == 0)
			return key;
	return NULL;
}

const struct schema_key *schema_child(const char *parent, uint32_t *index, const char **name)
{
	const struct schema_key *key;
	size_t length = strlen(parent);

	while ((key = schema_key_at(*index))) {
		(*index)++;
		if (strncmp(key->path, parent, length) != 0)
			continue;
		if (length > 0 && key->path[length] != '.')
			continue;
		*name = key->path + length + (length > 0);
		if (!strchr(*name, '.') && !strchr(*name, '['))
			return key;
	}
	return NULL;
}

const struct schema_key *schema_child_named(const char *parent, const char *name)
{
	const struct schema_key *key;
	const char *last;
	uint32_t index = 0;

	while ((key = schema_child(parent, &index, &last)))
		if (strcmp(last, name) == 0)
			return key;
	return NULL;
}

// Levenshtein distance of two short names, 99 where one is too long to be a key.
static unsigned name_distance(const char *a, const char *b)
{
	enum {
		LONGEST = 40
	};
	unsigned row[LONGEST + 1];
	size_t n = strlen(b);

	if (strlen(a) > LONGEST || n > LONGEST)
		return 99;
	for (size_t j = 0; j <= n; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= n; j++) {
			unsigned replace = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = u32_min(replace, u32_min(row[j], row[j - 1]) + 1);
		}
	}
	return row[n];
}

const char *schema_nearest(const char *parent, const char *name)
{
	const char *best = NULL;
	const char *last;
	unsigned nearest = (unsigned)strlen(name) / 3 + 2;
	uint32_t index = 0;

	while (schema_child(parent, &index, &last)) {
		unsigned distance = name_distance(name, last);

		// "idle_timeout" for "idle_timeout_s": the unit is what people leave out.
		if (strlen(name) > 2 && strncmp(last, name, strlen(name)) == 0)
			distance = 1;
		if (distance < nearest) {
			nearest = distance;
			best = last;
		}
	}
	return best;
}

const char *schema_type_name(enum schema_type type)
{
	static const char *const names[SCHEMA_TYPE_COUNT] = {"group { }", "list of groups ( { } )",
		"integer", "rate", "share", "word", "true or false", "string", "name",
		"absolute path", "list of CPUs in a string", "ADDR:PORT", "ADDR:PORT",
		"list of ADDR/LENGTH", "list of addresses", "ADDR/LENGTH", "address",
		"list of HOST:PORT", "list of addresses, or \"client\"",
		"list of servers, or \"system\"", "list of strings", "HOST:PORT"};

	return names[type];
}

const char *schema_unit_name(enum schema_unit unit)
{
	static const char *const names[] = {"", "s", "MiB", "bytes", "us", "bit/s", ""};

	return names[unit];
}

const char *schema_effect_name(enum schema_effect effect)
{
	static const char *const names[] = {"none", "new-sessions", "live", "drain", "restart"};

	return names[effect];
}
