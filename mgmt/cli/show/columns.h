// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// From JSON objects to table rows, by a list of columns.

#include <jansson.h>

#include "cli/show/table.h"
#include "cli/show/units.h"

enum format {
	FORMAT_TEXT, // strings as they are, numbers plain, lists joined by blanks
	FORMAT_COUNT,
	FORMAT_BYTES,
	FORMAT_BIT_RATE,
	FORMAT_RATE,
	FORMAT_SHARE,
	FORMAT_SECONDS,
	FORMAT_MICROSECONDS,
	FORMAT_TIME,
	FORMAT_UP,    // true "up", false "down"
	FORMAT_NEVER, // seconds, 0 = "never"
};

struct column {
	const char *title;
	const char *key; // member of the row; of its parent when it begins with '^'
	enum format format;
};

enum {
	CELL_TEXT_MAX = 512
};

// Writes a member as text; "-" for null and for what is not there. Returns out.
const char *cell_print(const json_t *value, enum format format, char out[CELL_TEXT_MAX]);
// The same of a member of an object.
const char *member_print(
	const json_t *object, const char *key, enum format format, char out[CELL_TEXT_MAX]);

// Sets up a table's columns; the list ends with a NULL title.
void columns_init(struct table *table, const struct column *columns);
// Adds one row. parent may be NULL.
void columns_row(
	struct table *table, const struct column *columns, const json_t *row, const json_t *parent);
// A line for each of an object's members, title and value; the list ends with a NULL title.
void members_print(const struct column *lines, const json_t *object);
// A whole table of an array; empty is the sentence printed when there is no row.
void columns_print(const struct column *columns, const json_t *rows, const char *empty);
