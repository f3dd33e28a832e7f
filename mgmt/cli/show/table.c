// SPDX-License-Identifier: BSD-3-Clause
#include "cli/show/table.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Characters, not bytes: continuation bytes of UTF-8 take no column.
static size_t width_of(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		n += ((unsigned char)*text & 0xc0) != 0x80;
	}
	return n;
}

void table_init(struct table *table)
{
	*table = (struct table){0};
}

static void forget_rows(struct table *table)
{
	for (size_t i = 0; i < table->rows * table->columns; i++) {
		free(table->cells[i]);
	}
	table->rows = 0;
}

void table_fini(struct table *table)
{
	forget_rows(table);
	free(table->cells);
	table->cells = NULL;
}

void table_column(struct table *table, const char *title, bool right)
{
	if (table->columns < TABLE_COLUMNS_MAX) {
		table->titles[table->columns] = title;
		table->right[table->columns] = right;
		table->widths[table->columns] = width_of(title);
		table->columns++;
	}
}

void table_row(struct table *table, const char *const *cells)
{
	if (table->rows == table->capacity) {
		size_t capacity = table->capacity ? 2 * table->capacity : 64;
		char **grown = reallocarray(
			table->cells, capacity * table->columns, sizeof(*table->cells));

		if (grown == NULL) {
			table->failed = true;
			return;
		}
		table->cells = grown;
		table->capacity = capacity;
	}
	for (size_t c = 0; c < table->columns; c++) {
		char *copy = strdup(cells[c] != NULL ? cells[c] : "");
		size_t width = copy != NULL ? width_of(copy) : 0;

		table->failed = table->failed || copy == NULL;
		table->cells[table->rows * table->columns + c] = copy;
		if (width > table->widths[c]) {
			table->widths[c] = width;
		}
	}
	table->rows++;
}

static void print_as(FILE *out, const char *text, bool lines)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		bool keep = (c >= 0x20 && c != 0x7f) || (lines && (c == '\n' || c == '\t'));

		// U+0080 to U+009F are control characters too: 0xc2 and one of 0x80 to 0x9f.
		if (c == 0xc2 && ((unsigned char)text[1] & 0xe0) == 0x80) {
			text++;
			keep = false;
		}
		putc(keep ? c : '?', out);
	}
}

void text_print(FILE *out, const char *text)
{
	print_as(out, text, false);
}

void text_print_lines(FILE *out, const char *text)
{
	print_as(out, text, true);
}

bool text_may_be_bold(FILE *out)
{
	const char *none = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return (none == NULL || *none == '\0') && term != NULL && strcmp(term, "dumb") != 0 &&
	       isatty(fileno(out));
}

static void print_row(const struct table *table, const char *const *cells, FILE *out)
{
	for (size_t c = 0; c < table->columns; c++) {
		const char *text = cells[c] != NULL ? cells[c] : "";
		size_t width = width_of(text);
		size_t pad = table->widths[c] > width ? table->widths[c] - width : 0;
		bool last = c + 1 == table->columns;

		if (table->right[c]) {
			fprintf(out, "%*s", (int)pad, "");
		}
		text_print(out, text);
		if (!table->right[c] && !last) {
			fprintf(out, "%*s", (int)pad, "");
		}
		fputs(last ? "\n" : "  ", out);
	}
}

void table_print(struct table *table, FILE *out, bool bold)
{
	if (!table->titled) {
		fputs(bold ? "\033[1m" : "", out);
		print_row(table, table->titles, out);
		fputs(bold ? "\033[0m" : "", out);
		table->titled = true;
	}
	for (size_t r = 0; r < table->rows; r++) {
		print_row(table, (const char *const *)&table->cells[r * table->columns], out);
	}
	if (table->failed) {
		fputs("nexpath: out of memory: the table is not complete\n", stderr);
	}
	forget_rows(table);
}
