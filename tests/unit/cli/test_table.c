// SPDX-License-Identifier: BSD-3-Clause
#include "cli/show/columns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *printed;
static size_t printed_size;

static FILE *begin(void)
{
	free(printed);
	printed = NULL;
	return open_memstream(&printed, &printed_size);
}

static void columns_are_as_wide_as_their_cells(void **state)
{
	struct table table;
	FILE *out = begin();

	table_init(&table);
	table_column(&table, "NAME", false);
	table_column(&table, "N", true);
	table_column(&table, "LAST", false);
	table_row(&table, (const char *[]){"a", "1000", "x"});
	table_row(&table, (const char *[]){"longer", "7", NULL});
	table_print(&table, out, false);
	table_row(&table, (const char *[]){"b", "2", "y"}); // a second page has no second title
	table_print(&table, out, false);
	table_fini(&table);
	fclose(out);
	assert_string_equal(printed, "NAME       N  LAST\n"
				     "a       1000  x\n"
				     "longer     7  \n"
				     "b          2  y\n");
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
	FILE *out = begin();

	text_print(out, "a\033[31mb\nc\td\x7f \xc2\x9b"
			"e \xc3\xa9");
	putc('|', out);
	text_print_lines(out, "a\n\tb\033c");
	fclose(out);
	assert_string_equal(printed, "a?[31mb?c?d? ?e \xc3\xa9|a\n\tb?c");
}

static void bold_is_for_terminals(void **state)
{
	FILE *out = begin();
	struct table table;

	table_init(&table);
	table_column(&table, "X", false);
	table_print(&table, out, true);
	fflush(out);
	assert_string_equal(printed, "\033[1mX\n\033[0m");
	table_fini(&table);
	fclose(out);
	out = fopen("/dev/null", "w");
	assert_false(text_may_be_bold(out));
	fclose(out);
}

static const char *cell(const char *json, enum format format)
{
	static char text[CELL_TEXT_MAX];
	json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);

	assert_non_null(value);
	cell_print(value, format, text);
	json_decref(value);
	return text;
}

static void cells_show_every_type(void **state)
{
	char text[CELL_TEXT_MAX];
	char longest[2000];

	assert_string_equal(cell("null", FORMAT_COUNT), "-");
	assert_string_equal(cell("{}", FORMAT_TEXT), "-");
	assert_string_equal(cell("7", FORMAT_TEXT), "7");
	assert_string_equal(cell("9223372036854775807", FORMAT_TEXT), "9223372036854775807");
	assert_string_equal(cell("7440", FORMAT_NEVER), "2h 4m");
	assert_string_equal(cell("0", FORMAT_NEVER), "never");
	assert_string_equal(cell("true", FORMAT_UP), "up");
	assert_string_equal(cell("false", FORMAT_UP), "down");
	assert_string_equal(cell("true", FORMAT_TEXT), "yes");
	assert_string_equal(cell("\"text\"", FORMAT_BYTES), "text");
	assert_string_equal(cell("1500", FORMAT_MICROSECONDS), "1.5 ms");
	assert_string_equal(cell("0", FORMAT_MICROSECONDS), "-");
	assert_string_equal(cell("[]", FORMAT_TEXT), "-");
	assert_string_equal(cell("[\"a\",2,null,[3]]", FORMAT_TEXT), "a 2 -");
	assert_string_equal(cell_print(NULL, FORMAT_TEXT, text), "-");

	strcpy(longest, "[");
	while (strlen(longest) < 1900) {
		strcat(longest, "\"0123456789012345678901234567890123456789\",");
	}
	strcat(longest, "1]");
	assert_int_equal(strlen(cell(longest, FORMAT_TEXT)), CELL_TEXT_MAX - 1);
}

static void rows_reach_into_their_parent(void **state)
{
	static const struct column columns[] = {
		{"PARENT", "^name", FORMAT_TEXT}, {"SELF", "name", FORMAT_TEXT}, {0}};
	json_t *parent = json_pack("{s:s}", "name", "web");
	json_t *row = json_pack("{s:s}", "name", "t1");
	struct table table;
	FILE *out = begin();

	columns_init(&table, columns);
	columns_row(&table, columns, row, parent);
	table_print(&table, out, false);
	fclose(out);
	assert_string_equal(printed, "PARENT  SELF\nweb     t1\n");
	table_fini(&table);
	json_decref(row);
	json_decref(parent);
}

static int forget(void **state)
{
	free(printed);
	printed = NULL;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_as_wide_as_their_cells),
		cmocka_unit_test(control_characters_do_not_reach_the_terminal),
		cmocka_unit_test(bold_is_for_terminals),
		cmocka_unit_test(cells_show_every_type),
		cmocka_unit_test(rows_reach_into_their_parent),
	};

	return cmocka_run_group_tests(tests, NULL, forget);
}
