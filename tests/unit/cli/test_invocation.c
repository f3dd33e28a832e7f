// SPDX-License-Identifier: BSD-3-Clause
#include "cli/invocation.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	WORDS_MAX = 16
};

// Splits a line at blanks and reads it as a command line.
static enum exit_status read_line(struct invocation *v, const char *line)
{
	static char copy[1024];
	const char *argv[WORDS_MAX] = {"nexpath"};
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
		argv[argc++] = word;
	}
	return invocation_parse(v, argc, argv);
}

// The parameters that a line becomes, as JSON with sorted keys; "" where it is refused.
static const char *params_of(const char *line)
{
	static char text[1024];
	struct invocation v;
	json_t *params = NULL;
	char *dumped;

	text[0] = '\0';
	if (read_line(&v, line) == EXIT_DONE && invocation_params(&v, &params) == EXIT_DONE) {
		dumped = json_dumps(params, JSON_COMPACT | JSON_SORT_KEYS);
		snprintf(text, sizeof(text), "%s", dumped);
		free(dumped);
	}
	json_decref(params);
	invocation_fini(&v);
	return text;
}

static void lines_become_parameters(void **state)
{
	assert_string_equal(params_of("status"), "{}");
	assert_string_equal(params_of("config rollback"), "{}");
	assert_string_equal(params_of("config rollback 7 --drain 0 --restart"),
		"{\"drain_s\":0,\"restart\":true,\"revision\":7}");
	assert_string_equal(
		params_of("listener add name=web listen=[fd00::1]:80 transport.security=tls"),
		"{\"values\":{\"listen\":\"[fd00::1]:80\",\"name\":\"web\",\"transport.security\":\"tls\"}}");
	assert_string_equal(
		params_of("listener add a=b=c d="), "{\"values\":{\"a\":\"b=c\",\"d\":\"\"}}");
	assert_string_equal(params_of("listener remove web --comment=x"),
		"{\"comment\":\"x\",\"name\":\"web\"}");
	assert_string_equal(params_of("session list"), "{}");
	assert_string_equal(
		params_of("session list listener=web client=10.0.0.0/8 age>60 protocol=udp"),
		"{\"filter\":{\"age_s\":60,\"client\":\"10.0.0.0/8\",\"listener\":\"web\",\"protocol\":\"udp\"}}");
	assert_string_equal(
		params_of("session kill 0000000500000012"), "{\"id\":\"0000000500000012\"}");
	assert_string_equal(
		params_of("session kill state=new"), "{\"filter\":{\"state\":\"new\"}}");
	assert_string_equal(params_of("stats listener.*"), "{\"glob\":\"listener.*\"}");
	assert_string_equal(params_of("upstream drain web 10.2.0.1:80"),
		"{\"target\":\"10.2.0.1:80\",\"upstream\":\"web\"}");
	assert_string_equal(params_of("events --follow --since 3"), "{\"since\":3}");
}

static void options_may_stand_anywhere(void **state)
{
	struct invocation v;

	assert_int_equal(
		read_line(&v, "session --json list --socket /s --limit=5 state=new"), EXIT_DONE);
	assert_string_equal(v.verb->words, "session list");
	assert_true(v.json);
	assert_string_equal(v.socket, "/s");
	assert_int_equal(invocation_number(&v, "limit", 1), 5);
	assert_int_equal(invocation_number(&v, "absent", 9), 9);
	assert_int_equal(v.argument_count, 1);
	invocation_fini(&v);
	assert_string_equal(
		params_of("listener remove --drain 5 web"), "{\"drain_s\":5,\"name\":\"web\"}");
	assert_string_equal(params_of("stats -- --json"), "{\"glob\":\"--json\"}");
}

static void socket_has_three_sources(void **state)
{
	struct invocation v;

	unsetenv("NEXPATH_SOCKET");
	assert_int_equal(read_line(&v, "status"), EXIT_DONE);
	assert_string_equal(v.socket, "/run/nexpath/nexpath.sock");
	invocation_fini(&v);
	setenv("NEXPATH_SOCKET", "/from/environment", 1);
	assert_int_equal(read_line(&v, "status"), EXIT_DONE);
	assert_string_equal(v.socket, "/from/environment");
	invocation_fini(&v);
	assert_int_equal(read_line(&v, "--socket=/named status"), EXIT_DONE);
	assert_string_equal(v.socket, "/named");
	invocation_fini(&v);
	setenv("NEXPATH_SOCKET", "", 1);
	assert_int_equal(read_line(&v, "status"), EXIT_DONE);
	assert_string_equal(v.socket, "/run/nexpath/nexpath.sock");
	invocation_fini(&v);
	unsetenv("NEXPATH_SOCKET");
}

static void wrong_lines_are_usage(void **state)
{
	static const char *const wrong[] = {"", "frobnicate", "config", "config frobnicate",
		"status x", "status --restart", "--restart status", "status -x", "config apply",
		"config apply f g", "config apply f --confirm-within",
		"config apply f --confirm-within x", "config apply f --confirm-within -1",
		"config apply f --restart --restart", "config apply f --restart=1",
		"config rollback x", "listener add", "upstream drain web", "session show",
		"session kill", "capture lan", "--socket", "--socket= status",
		"config confirm 99999999999999999999"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct invocation v;

		if (read_line(&v, wrong[i]) != EXIT_USAGE) {
			fail_msg("\"%s\" was not refused", wrong[i]);
		}
		invocation_fini(&v);
	}
}

static void wrong_words_are_refused(void **state)
{
	static const char *const wrong[] = {"listener add name", "listener add =x",
		"listener add a=1 a=2", "session list colour=red", "session list web",
		"session list age>x", "session list age>", "session list age>1 age>2",
		"session list state=new state=new", "session kill 1 2",
		"session list age>99999999999", "config check /nonexistent/file", "config check /"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (params_of(wrong[i])[0] != '\0') {
			fail_msg("\"%s\" was not refused", wrong[i]);
		}
	}
}

static void text_that_is_not_utf8_is_refused(void **state)
{
	assert_string_equal(params_of("session show \xff"), "");
	assert_string_equal(params_of("session kill \xff"), "");
	assert_string_equal(params_of("listener add name=\xff"), "");
	assert_string_equal(params_of("listener add n\xff=x"), "");
	assert_string_equal(params_of("listener remove x --comment \xff"), "");
}

static void files_are_sent_as_text(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
		const char *params;
	} files[] = {
		{"a = 1;\n", 7, "{\"text\":\"a = 1;\\n\"}"},
		{"", 0, "{\"text\":\"\"}"},
		{"a\0b", 3, ""},
		{"\xff", 1, ""},
	};
	char path[] = "/tmp/nexpath-test-XXXXXX";
	int fd = mkstemp(path);
	char line[100];

	assert_true(fd >= 0);
	snprintf(line, sizeof(line), "config plan %s", path);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(
			pwrite(fd, files[i].bytes, files[i].length, 0), (ssize_t)files[i].length);
		assert_string_equal(params_of(line), files[i].params);
	}
	assert_int_equal(ftruncate(fd, CLIENT_LINE_MAX + 1), 0);
	assert_string_equal(params_of(line), "");
	close(fd);
	unlink(path);
}

static void help_needs_no_arguments(void **state)
{
	struct invocation v;

	assert_int_equal(read_line(&v, "config apply --help"), EXIT_DONE);
	assert_true(v.help);
	assert_string_equal(v.verb->words, "config apply");
	invocation_fini(&v);
	assert_int_equal(read_line(&v, "-h"), EXIT_DONE);
	assert_true(v.help);
	assert_null(v.verb);
	invocation_fini(&v);
	assert_int_equal(read_line(&v, "--version"), EXIT_DONE);
	assert_true(v.version);
	invocation_fini(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_become_parameters),
		cmocka_unit_test(options_may_stand_anywhere),
		cmocka_unit_test(socket_has_three_sources),
		cmocka_unit_test(wrong_lines_are_usage),
		cmocka_unit_test(wrong_words_are_refused),
		cmocka_unit_test(text_that_is_not_utf8_is_refused),
		cmocka_unit_test(files_are_sent_as_text),
		cmocka_unit_test(help_needs_no_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
