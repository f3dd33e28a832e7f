// SPDX-License-Identifier: BSD-3-Clause
// The reader: every trap with its line, bounds, includes.
#include "config_test.h"

#include <sys/stat.h>
#include <unistd.h>

static void refused(const char *text, uint32_t line, const char *part)
{
	struct arena arena = {0};
	struct text_source source = {.file = NULL};
	struct text_node *root = NULL;
	int rc;

	faults_init(&test_faults);
	rc = text_read(&arena, text, strlen(text), &source, &test_faults, &root);
	arena_fini(&arena);
	if (rc != -EINVAL)
		fail_msg("taken: %s", text);
	assert_true(test_has_fault(line, part));
}

static void traps_are_refused_with_their_line(void **state)
{
	refused("a = 1;\nb = 2147483648;\n", 2,
		"b: 2147483648 is longer than 31 bits; write it with an L");
	refused("a = -2147483648;", 1, "31 bits");
	refused("a = 0xffffffff;", 1, "31 bits");
	refused("a = 9223372036854775808L;", 1, "63 bits");
	refused("a = 010;", 1, "octal");
	refused("a = 10Gbit;", 1, "10Gbit is not a number; put text and quantities in quotes");
	refused("a = (\n\"x\"\n\"y\");", 3, "a[0]: two strings side by side");
	refused("a = \"x\" \"y\";", 1, "a: two strings side by side");
	refused("a = (1,\n2,\n);", 2, "a: a comma before ')'");
	refused("a = [1,];", 1, "a comma before ']'");
	refused("\n@include \"x\"\n", 2, "@include in text that did not come from a file");
	refused("a = 1;\nb = 2;\na = 3;", 3, "a: is set a second time (first in line 1)");
	refused("g = { x = 1;\n x = 2; };", 2, "g.x: is set a second time");
	refused("a = [1, \"x\"];", 1, "two types inside [ ]");
	refused("a = [1, 2L];", 1, "two types inside [ ]");
	refused("a = [ {} ];", 1, "a group { } inside [ ]");
	refused("a = \"open\nb = 1;", 1, "the string does not end on its line");
	refused("a = \"\\q\";", 1, "escape");
	refused("a = \"\\x01\";", 1, "escape");
	refused("a = 1;\n/* never\n closed", 2, "does not end");
	refused("a = \x01;", 1, "control character");
	refused("a = \"\xff\";", 1, "not UTF-8");
	refused("a 1;", 1, "a number where '=' should stand");
	refused("a = ;", 1, "';' where a value should stand");
	refused("a = { b = 1;", 1, "the end of the text where the name of a setting should stand");
	refused("a = $;", 1, "'$' does not belong here");
	refused("a = 1; @include \"x\"", 1, "'@' does not belong here");
	refused("= 1;", 1, "where the name of a setting should stand");
}

static void all_faults_of_a_text_are_shown(void **state)
{
	refused("a = 1 1;\nb = ;\nc = { d = 4294967296; e == 1; };\n", 1, "a number where");
	assert_true(test_has_fault(2, "';' where a value"));
	assert_true(test_has_fault(3, "c.d: 4294967296"));
	assert_true(test_has_fault(3, "c.e: '=' where a value"));
}

static void bounds_hold(void **state)
{
	struct arena arena = {0};
	struct text_source source = {.file = NULL};
	struct text_node *root;
	char deep[256] = "a = ";
	char *many = test_malloc(TEXT_BYTES_MAX + 2);

	memset(deep + 4, '(', 40);
	refused(deep, 1, "nested deeper than 16 levels");
	memset(many, ' ', TEXT_BYTES_MAX + 1);
	faults_init(&test_faults);
	assert_int_equal(
		text_read(&arena, many, TEXT_BYTES_MAX + 1, &source, &test_faults, &root), -EINVAL);
	assert_true(test_has_fault(0, "bytes of text"));
	memset(many, ',', TEXT_BYTES_MAX);
	memcpy(many, "a = (", 5);
	for (size_t i = 5; i + 1 < TEXT_BYTES_MAX; i += 2)
		many[i] = '1';
	faults_init(&test_faults);
	assert_int_equal(
		text_read(&arena, many, TEXT_BYTES_MAX, &source, &test_faults, &root), -EINVAL);
	assert_true(test_has_fault(0, "values"));
	arena_fini(&arena);
	test_free(many);
}

static void faults_stop_at_fifty(void **state)
{
	char text[4096] = "";
	struct config *config = NULL;

	for (int i = 0; i < 80; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "k%d = 1;\n", i);
	assert_int_equal(test_parse(text, &config), -EINVAL);
	assert_int_equal(test_faults.count, FAULTS_MAX);
	assert_int_equal(test_faults.errors, 80);
	assert_int_equal(test_faults.dropped, 30);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int parse_file(const char *path, struct config **out)
{
	struct text_source source = {.file = path, .may_include = true};
	char error[256];
	char *text;
	size_t length;
	int rc = text_file_read(path, &text, &length, error, sizeof(error));

	assert_int_equal(rc, 0);
	faults_init(&test_faults);
	rc = config_parse(text, length, &source, NULL, &test_faults, out);
	free(text);
	return rc;
}

static void files_include_regular_files_under_their_folder_only(void **state)
{
	struct text_source source;
	char folder[] = "/tmp/nexpath-test-XXXXXX";
	struct config *config = NULL;
	char path[128];
	char other[128];
	char *flat;
	size_t length;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/main.conf", folder);
	snprintf(other, sizeof(other), "%s/log.conf", folder);
	write_file(other, "log = { level = \"debug\"; } # no newline");
	write_file(path,
		"workers = { burst = 32; };\n  @include \"log.conf\"\nslowpath = { threads = 2; };\n");
	assert_int_equal(parse_file(path, &config), 0);
	assert_int_equal(config->log.level, LOG_LEVEL_DEBUG);
	assert_int_equal(config->slowpath.threads, 2);
	config_destroy(config);

	static const char text[] =
		"workers = { burst = 32; };\n  @include \"log.conf\"\nslowpath = { threads = 2; };\n";

	source = (struct text_source){.file = path, .may_include = true};
	assert_int_equal(
		text_flatten(text, strlen(text), &source, &test_faults, &flat, &length), 0);
	assert_null(strstr(flat, "@include"));
	config = test_config(flat);
	assert_int_equal(config->log.level, LOG_LEVEL_DEBUG);
	config_destroy(config);
	free(flat);

	write_file(other, "\nlog = { level = \"loud\"; };");
	assert_int_equal(parse_file(path, &config), -EINVAL);
	assert_string_equal(test_faults.items[0].file, other);
	assert_int_equal(test_faults.items[0].line, 2);
	write_file(path, "@include \"/etc/passwd\"\n");
	assert_int_equal(parse_file(path, &config), -EINVAL);
	assert_true(test_has_fault(1, "lies outside of"));
	write_file(path, "\n@include \"../../etc/passwd\"\n");
	assert_int_equal(parse_file(path, &config), -EINVAL);
	assert_true(test_has_fault(2, "lies outside of"));
	unlink(other);
	assert_int_equal(symlink("/etc/passwd", other), 0);
	write_file(path, "@include \"log.conf\"\n");
	assert_int_equal(parse_file(path, &config), -EINVAL);
	assert_true(test_has_fault(1, "lies outside of"));
	unlink(other);
	assert_int_equal(mkfifo(other, 0600), 0);
	assert_int_equal(parse_file(path, &config), -EINVAL);
	assert_true(test_has_fault(1, "not a regular file"));
	unlink(other);
	assert_int_equal(parse_file(path, &config), -EINVAL);
	assert_true(test_has_fault(1, "No such file"));
	write_file(path, "@include \"main.conf\"\n");
	assert_int_equal(parse_file(path, &config), -EINVAL);
	assert_true(test_has_fault(1, "does a file include itself?"));
	unlink(path);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(traps_are_refused_with_their_line),
		cmocka_unit_test(all_faults_of_a_text_are_shown),
		cmocka_unit_test(bounds_hold),
		cmocka_unit_test(faults_stop_at_fifty),
		cmocka_unit_test(files_include_regular_files_under_their_folder_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
