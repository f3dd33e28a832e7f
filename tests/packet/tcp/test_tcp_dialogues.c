// SPDX-License-Identifier: BSD-3-Clause
// Runs the dialogues whose files are given: test_tcp_dialogues FILE...
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dialogue.h"

static void run(void **state)
{
	dialogue_run(*state);
}

int main(int argc, char **argv)
{
	struct CMUnitTest *tests = calloc((size_t)argc, sizeof(*tests));
	int failed;

	if (tests == NULL || argc < 2)
		return 2;
	for (int i = 1; i < argc; i++)
		tests[i - 1] = (struct CMUnitTest){
			.name = argv[i], .test_func = run, .initial_state = argv[i]};
	failed = _cmocka_run_group_tests("dialogues", tests, (size_t)argc - 1, NULL, NULL);
	free(tests);
	return failed;
}
