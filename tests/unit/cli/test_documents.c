// SPDX-License-Identifier: BSD-3-Clause
// What is committed is what the verb table says; completion scripts do what the table says. argv:
// the program, the source tree.
#include "cli/help/help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

static const char *program;
static const char *source;

static void assert_committed(void (*generate)(FILE *), const char *path, const char *command)
{
	char full[1000];
	char *generated = NULL;
	char *committed = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&generated, &size);
	FILE *in;

	generate(out);
	fclose(out);
	snprintf(full, sizeof(full), "%s/%s", source, path);
	in = fopen(full, "r");
	assert_non_null(in);
	committed = calloc(1, size + 2);
	if (fread(committed, 1, size + 1, in) != size || memcmp(committed, generated, size) != 0) {
		fail_msg("%s is not what the verb table says; make it again: %s > %s", path,
			command, path);
	}
	fclose(in);
	free(committed);
	free(generated);
}

static void documents_are_as_committed(void **state)
{
	assert_committed(document_markdown, "docs/cli.md", "nexpath help --format markdown");
	assert_committed(document_man, "docs/man/nexpath.1", "nexpath help --format man");
}

// Runs a script in a shell after loading the completion; returns what it printed. compdef, with
// which the zsh script registers itself, belongs to the completion system of an interactive shell.
static const char *complete_with(const char *shell, const char *script)
{
	static char printed[2000];
	char command[2000];
	FILE *reader;

	snprintf(command, sizeof(command),
		"%s -c 'compdef() { :; }; source <(%s completion %s); %s' 2>&1", shell, program,
		strncmp(shell, "bash", 4) == 0 ? "bash" : "zsh", script);
	reader = popen(command, "r");
	assert_non_null(reader);
	printed[fread(printed, 1, sizeof(printed) - 1, reader)] = '\0';
	assert_int_equal(pclose(reader), 0);
	return printed;
}

static void bash_completes(void **state)
{
	if (system("command -v bash >/dev/null 2>&1") != 0) {
		skip();
	}
#define AT(words, n) "COMP_WORDS=(" words "); COMP_CWORD=" #n "; _nexpath; echo ${COMPREPLY[@]}"
	assert_string_equal(complete_with("bash", AT("nexpath con", 1)), "config\n");
	assert_string_equal(complete_with("bash", AT("nexpath config ro", 2)), "rollback\n");
	assert_string_equal(complete_with("bash", AT("nexpath --socket /x config apply --re", 5)),
		"--restart\n");
	assert_string_equal(
		complete_with("bash", AT("nexpath session list listener=a st", 4)), "state=\n");
	assert_string_equal(
		complete_with("bash", AT("nexpath config check /dev/nul", 3)), "/dev/null\n");
	assert_string_equal(complete_with("bash", AT("nexpath completion z", 2)), "zsh\n");
	assert_string_equal(complete_with("bash", AT("nexpath help dr", 2)), "drops\n");
	assert_string_equal(complete_with("bash", AT("nexpath help config ro", 3)), "rollback\n");
	assert_string_equal(complete_with("bash", AT("nexpath frob x", 2)), "\n");
	// Keys of a listener and their words come from the schema; only words that are served.
	assert_string_equal(
		complete_with("bash", AT("nexpath listener add idle", 3)), "idle_timeout_s=\n");
	assert_string_equal(complete_with("bash", AT("nexpath listener add name=x mode", 4)),
		"mode=direct mode=terminate\n");
	assert_string_equal(
		complete_with("bash", AT("nexpath listener add protocol =", 4)), "tcp udp http\n");
	assert_string_equal(
		complete_with("bash", AT("nexpath listener add protocol = u", 5)), "udp\n");
	assert_string_equal(
		complete_with("bash", AT("nexpath events --severity w", 3)), "warning\n");
	assert_string_equal(complete_with("bash", AT("nexpath events --limit 1", 3)), "\n");
#undef AT
}

static void zsh_knows_the_same(void **state)
{
	if (system("command -v zsh >/dev/null 2>&1") != 0) {
		skip();
	}
#define TABLE(words) "_nexpath_table " words "; print -r -- \"$choices|$flags\""
	assert_non_null(strstr(complete_with("zsh -f", TABLE("config")), "check plan apply"));
	assert_non_null(strstr(complete_with("zsh -f", TABLE("--socket /x config apply")),
		"@file|--confirm-within --restart "));
	assert_non_null(
		strstr(complete_with("zsh -f", TABLE("session kill a=b")), "listener= target="));
#undef TABLE
}

static void other_shells_have_none(void **state)
{
	assert_false(completion_print(stdout, "fish"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_are_as_committed),
		cmocka_unit_test(bash_completes),
		cmocka_unit_test(zsh_knows_the_same),
		cmocka_unit_test(other_shells_have_none),
	};

	if (argc != 3) {
		fprintf(stderr, "usage: %s NEXPATH SOURCE\n", argv[0]);
		return 2;
	}
	program = realpath(argv[1], NULL);
	source = argv[2];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
