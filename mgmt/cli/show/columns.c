// SPDX-License-Identifier: BSD-3-Clause
#include "cli/show/columns.h"

#include <string.h>

static const char *number_print(double value, enum format format, char out[CELL_TEXT_MAX])
{
	switch (format) {
	case FORMAT_COUNT:
		return units_count(value, out);
	case FORMAT_BYTES:
		return units_bytes(value, out);
	case FORMAT_BIT_RATE:
		return units_bit_rate(value, out);
	case FORMAT_RATE:
		return units_rate(value, out);
	case FORMAT_SHARE:
		return units_share(value, out);
	case FORMAT_SECONDS:
		return units_seconds(value, out);
	case FORMAT_MICROSECONDS:
		return value > 0 ? units_seconds(value / 1e6, out) : strcpy(out, "-");
	case FORMAT_TIME:
		return units_time(value, out);
	case FORMAT_NEVER:
		return value > 0 ? units_seconds(value, out) : strcpy(out, "never");
	case FORMAT_TEXT:
	case FORMAT_UP:
		break;
	}
	return units_plain(value, out);
}

static const char *list_print(const json_t *list, enum format format, char out[CELL_TEXT_MAX])
{
	size_t used = 0;
	const json_t *item;
	size_t i;

	snprintf(out, CELL_TEXT_MAX, "%s", json_array_size(list) == 0 ? "-" : "");
	json_array_foreach(list, i, item)
	{
		char text[CELL_TEXT_MAX];

		if (json_is_array(item) || used >= CELL_TEXT_MAX) {
			break;
		}
		used += (size_t)snprintf(out + used, CELL_TEXT_MAX - used, "%s%s", i > 0 ? " " : "",
			cell_print(item, format, text));
	}
	return out;
}

const char *cell_print(const json_t *value, enum format format, char out[CELL_TEXT_MAX])
{
	if (json_is_integer(value) && format == FORMAT_TEXT) {
		snprintf(out, CELL_TEXT_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		return out;
	}
	if (json_is_number(value)) {
		return number_print(json_number_value(value), format, out);
	}
	if (json_is_string(value)) {
		snprintf(out, CELL_TEXT_MAX, "%s", json_string_value(value));
		return out;
	}
	if (json_is_boolean(value)) {
		bool up = json_is_true(value);

		return strcpy(out, format == FORMAT_UP ? up ? "up" : "down" : up ? "yes" : "no");
	}
	if (json_is_array(value)) {
		return list_print(value, format, out);
	}
	return strcpy(out, "-");
}

const char *member_print(
	const json_t *object, const char *key, enum format format, char out[CELL_TEXT_MAX])
{
	return cell_print(json_object_get(object, key), format, out);
}

void columns_init(struct table *table, const struct column *columns)
{
	table_init(table);
	for (; columns->title != NULL; columns++) {
		bool right = columns->format != FORMAT_TEXT && columns->format != FORMAT_TIME &&
			     columns->format != FORMAT_UP;

		table_column(table, columns->title, right);
	}
}

void columns_row(
	struct table *table, const struct column *columns, const json_t *row, const json_t *parent)
{
	char text[TABLE_COLUMNS_MAX][CELL_TEXT_MAX];
	const char *cells[TABLE_COLUMNS_MAX];

	for (size_t c = 0; c < table->columns; c++) {
		const char *key = columns[c].key;

		cells[c] = *key == '^' ? member_print(parent, key + 1, columns[c].format, text[c])
				       : member_print(row, key, columns[c].format, text[c]);
	}
	table_row(table, cells);
}

void columns_print(const struct column *columns, const json_t *rows, const char *empty)
{
	struct table table;
	const json_t *row;
	size_t i;

	if (json_array_size(rows) == 0) {
		puts(empty);
		return;
	}
	columns_init(&table, columns);
	json_array_foreach(rows, i, row)
	{
		columns_row(&table, columns, row, NULL);
	}
	table_print(&table, stdout, text_may_be_bold(stdout));
	table_fini(&table);
}

void members_print(const struct column *lines, const json_t *object)
{
	char text[CELL_TEXT_MAX];

	for (; lines->title != NULL; lines++) {
		printf("%-17s", lines->title);
		text_print(stdout, member_print(object, lines->key, lines->format, text));
		putchar('\n');
	}
}
