// SPDX-License-Identifier: BSD-3-Clause
// What our reader takes, the libconfig library reads the same. Alone in its program: the library
// has a config_destroy of its own.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <libconfig.h>

#include "config/text/text.h"

static struct config_faults faults;

// The same tree, read by the library.
static bool library_agrees(const config_setting_t *setting, const struct text_node *node)
{
	const struct text_node *child = node->first;

	switch (node->kind) {
	case TEXT_STRING:
		return config_setting_type(setting) == CONFIG_TYPE_STRING &&
		       strcmp(config_setting_get_string(setting), node->string) == 0;
	case TEXT_INTEGER:
		return config_setting_is_number(setting) &&
		       (config_setting_type(setting) == CONFIG_TYPE_INT64
				       ? config_setting_get_int64(setting)
				       : config_setting_get_int(setting)) == node->integer;
	case TEXT_FLOAT:
		return config_setting_type(setting) == CONFIG_TYPE_FLOAT;
	case TEXT_BOOLEAN:
		return config_setting_type(setting) == CONFIG_TYPE_BOOL &&
		       config_setting_get_bool(setting) == node->boolean;
	default:
		break;
	}
	if ((uint32_t)config_setting_length(setting) != node->count)
		return false;
	for (unsigned i = 0; child; child = child->next, i++) {
		const config_setting_t *element = config_setting_get_elem(setting, i);

		if (child->name && strcmp(child->name, config_setting_name(element)) != 0)
			return false;
		if (!library_agrees(element, child))
			return false;
	}
	return true;
}

static void what_is_read_libconfig_reads_the_same(void **state)
{
	static const char *const texts[] = {
		"",
		"# only\n// comments\n/* here */\n",
		"a=1",
		"a:1 b=2,c=3;",
		"a = -1; b = +5; c = 0x1F;",
		"a = 4294967296L; b = 0xffffffffffL; c = -7L;",
		"a = \"x\\\"y\\\\z\\x41\";",
		"s = \"\";",
		"t = true; f = FALSE; g = tRuE;",
		"f = 1.5; e = 2e3; n = -0.25;",
		"l = (); m = ( 1, \"x\", ( 2 ), { a = 1; }, [ 1, 2 ] );",
		"g = { h : { i = \"j\" } };",
		"a-b_c* = [\"1\", \"2\"]; *x = 1",
		"a = [1L, 2L]; b = [1.0, 2.0]; c = [true, false];",
		"a = 1 /* x */ ; # y\nb = (1, # one\n2 // two\n);",
	};

	for (size_t i = 0; i < nx_array_size(texts); i++) {
		struct arena arena = {0};
		struct text_source source = {.file = NULL};
		struct text_node *root;
		config_t library;

		faults_init(&faults);
		if (text_read(&arena, texts[i], strlen(texts[i]), &source, &faults, &root) != 0)
			fail_msg("refused: %s", texts[i]);
		config_init(&library);
		assert_int_equal(config_read_string(&library, texts[i]), CONFIG_TRUE);
		if (!library_agrees(config_root_setting(&library), root))
			fail_msg("libconfig reads something else: %s", texts[i]);
		config_destroy(&library);
		arena_fini(&arena);
	}
}

static char *example;
static size_t example_length;

static void the_example_reads_the_same(void **state)
{
	struct arena arena = {0};
	struct text_source source = {.file = NULL};
	struct text_node *root;
	config_t library;

	faults_init(&faults);
	assert_int_equal(text_read(&arena, example, example_length, &source, &faults, &root), 0);
	config_init(&library);
	assert_int_equal(config_read_string(&library, example), CONFIG_TRUE);
	assert_true(library_agrees(config_root_setting(&library), root));
	config_destroy(&library);
	arena_fini(&arena);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_libconfig_reads_the_same),
		cmocka_unit_test(the_example_reads_the_same),
	};
	char error[256];
	int failures;

	if (argc != 2 ||
		text_file_read(argv[1], &example, &example_length, error, sizeof(error)) != 0)
		return 1;
	failures = cmocka_run_group_tests(tests, NULL, NULL);
	free(example);
	return failures;
}
