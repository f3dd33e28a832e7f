// SPDX-License-Identifier: BSD-3-Clause
#include "cli/verb.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// Every verb that operators were promised, with its method.
static const char *const promised[][2] = {
	{"status", "status"},
	{"config check", "config.check"},
	{"config plan", "config.plan"},
	{"config apply", "config.apply"},
	{"config confirm", "config.confirm"},
	{"config rollback", "config.rollback"},
	{"config history", "config.history"},
	{"config show", "config.show"},
	{"listener list", "listener.list"},
	{"listener add", "listener.add"},
	{"listener remove", "listener.remove"},
	{"upstream list", "upstream.list"},
	{"upstream drain", "upstream.drain"},
	{"session list", "session.list"},
	{"session show", "session.show"},
	{"session kill", "session.kill"},
	{"stats", "stats"},
	{"drops", "drops"},
	{"stages", "stages"},
	{"port list", "port.list"},
	{"worker list", "worker.list"},
	{"route list", "route.list"},
	{"neighbour list", "neighbour.list"},
	{"capture", "capture.start"},
	{"events", "events.list"},
	{"top", "status"},
	{"help", NULL},
	{"completion", NULL},
};

static const struct verb *find(const char *words)
{
	for (size_t i = 0; i < verb_count; i++) {
		if (strcmp(verbs[i].words, words) == 0) {
			return &verbs[i];
		}
	}
	return NULL;
}

static void every_promised_verb_is_there(void **state)
{
	for (size_t i = 0; i < sizeof(promised) / sizeof(promised[0]); i++) {
		const struct verb *verb = find(promised[i][0]);

		if (verb == NULL) {
			fail_msg("no verb \"%s\"", promised[i][0]);
		}
		if (promised[i][1] == NULL) {
			assert_null(verb->method);
		} else {
			assert_string_equal(verb->method, promised[i][1]);
		}
	}
}

static void every_verb_is_whole(void **state)
{
	for (size_t i = 0; i < verb_count; i++) {
		const struct verb *v = &verbs[i];
		char prefix[64];

		assert_true((v->print != NULL) != (v->run != NULL));
		assert_true(v->run != NULL || v->method != NULL);
		assert_non_null(v->help);
		assert_int_equal(v->help[strlen(v->help) - 1], '.');
		assert_true(isupper((unsigned char)v->help[0]));
		snprintf(prefix, sizeof(prefix), "nexpath %s", v->words);
		assert_memory_equal(v->example, prefix, strlen(prefix));
		for (size_t j = 0; j < i; j++) {
			assert_string_not_equal(v->words, verbs[j].words);
		}
	}
}

static void arguments_and_options_are_whole(void **state)
{
	for (size_t i = 0; i < verb_count; i++) {
		const struct verb *v = &verbs[i];

		for (size_t a = 0; a < verb_argument_count(v); a++) {
			const struct verb_argument *x = &v->arguments[a];

			assert_true((x->parameter == NULL) == (x->kind == VALUE_LOCAL));
			assert_true(!x->repeated || a + 1 == verb_argument_count(v));
			// After one that may be absent only such may come.
			assert_true(a == 0 || !v->arguments[a - 1].optional || x->optional);
		}
		for (size_t o = 0; o < verb_option_count(v); o++) {
			const struct verb_option *x = &v->options[o];

			assert_non_null(x->help);
			assert_true(x->kind != VALUE_FLAG || x->value == NULL);
			assert_true(x->kind == VALUE_LOCAL || x->parameter != NULL);
		}
	}
}

// The verbs of a group stand together: completion and help rely on it.
static void groups_stand_together(void **state)
{
	for (size_t i = 0; i + 1 < verb_count; i++) {
		size_t length = strcspn(verbs[i].words, " ");
		bool left = strncmp(verbs[i].words, verbs[i + 1].words, length + 1) != 0;

		for (size_t j = i + 2; left && verbs[i].words[length] == ' ' && j < verb_count;
			j++) {
			assert_true(strncmp(verbs[i].words, verbs[j].words, length + 1) != 0);
		}
	}
}

static void longest_words_win(void **state)
{
	int used;

	assert_ptr_equal(verb_find(3, (const char *[]){"config", "apply", "x"}, &used),
		find("config apply"));
	assert_int_equal(used, 2);
	assert_ptr_equal(verb_find(1, (const char *[]){"status"}, &used), find("status"));
	assert_null(verb_find(1, (const char *[]){"config"}, &used));
	assert_null(verb_find(2, (const char *[]){"config", "applyx"}, &used));
	assert_null(verb_find(1, (const char *[]){"stat"}, &used));
	assert_null(verb_find(1, (const char *[]){"config apply"}, &used));
	assert_null(verb_find(0, NULL, &used));
}

static void nearest_is_near(void **state)
{
	char longest[200];

	assert_ptr_equal(verb_nearest(1, (const char *[]){"stauts"}), find("status"));
	assert_ptr_equal(verb_nearest(1, (const char *[]){"statsu"}), find("status"));
	assert_ptr_equal(verb_nearest(1, (const char *[]){"drop"}), find("drops"));
	assert_ptr_equal(verb_nearest(2, (const char *[]){"config", "aply"}), find("config apply"));
	assert_ptr_equal(
		verb_nearest(2, (const char *[]){"neighbor", "list"}), find("neighbour list"));
	assert_ptr_equal(
		verb_nearest(3, (const char *[]){"listner", "add", "x=y"}), find("listener add"));
	assert_null(verb_nearest(1, (const char *[]){"frobnicate"}));
	assert_null(verb_nearest(1, (const char *[]){""}));
	assert_null(verb_nearest(0, NULL));
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_null(verb_nearest(1, (const char *[]){longest}));
}

static void usage_tells_what_may_be_left_out(void **state)
{
	char usage[512];

	assert_string_equal(verb_usage(find("config rollback"), usage, sizeof(usage)),
		"config rollback [REV] [--drain S] [--restart]");
	assert_string_equal(verb_usage(find("session list"), usage, sizeof(usage)),
		"session list [FILTER...] [--limit N]");
	assert_string_equal(verb_usage(find("session kill"), usage, sizeof(usage)),
		"session kill ID|FILTER...");
	verb_usage(find("config apply"), usage, 10);
	assert_string_equal(usage, "config ap");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_promised_verb_is_there),
		cmocka_unit_test(every_verb_is_whole),
		cmocka_unit_test(arguments_and_options_are_whole),
		cmocka_unit_test(groups_stand_together),
		cmocka_unit_test(longest_words_win),
		cmocka_unit_test(nearest_is_near),
		cmocka_unit_test(usage_tells_what_may_be_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
