// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A text table: rows of cells, columns as wide as their widest cell, two blanks between. Bytes that
// a terminal would obey (control characters) are printed as '?', since cells hold what peers sent.

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum {
	TABLE_COLUMNS_MAX = 16
};

struct table {
	size_t columns;
	const char *titles[TABLE_COLUMNS_MAX];
	bool right[TABLE_COLUMNS_MAX]; // numbers
	size_t widths[TABLE_COLUMNS_MAX];
	char **cells; // rows * columns, owned
	size_t rows;
	size_t capacity;
	bool titled; // the title line was printed
	bool failed; // out of memory: the table says so when printed
};

void table_init(struct table *table);
void table_fini(struct table *table);
void table_column(struct table *table, const char *title, bool right);

// Copies one row of `columns` cells; NULL is an empty cell.
void table_row(struct table *table, const char *const *cells);

// Prints the titles (once) and the rows, then forgets the rows and keeps the widths, so that a long
// list can be printed page by page. bold puts the titles in bold.
void table_print(struct table *table, FILE *out, bool bold);

// text on one line, control characters as '?'.
void text_print(FILE *out, const char *text);
// text with its line ends, other control characters as '?'.
void text_print_lines(FILE *out, const char *text);

// Whether escape sequences for bold text may go to out: a terminal, and neither NO_COLOR nor
// TERM=dumb.
bool text_may_be_bold(FILE *out);
