// SPDX-License-Identifier: BSD-3-Clause
#include "cli/help/help.h"

#include <string.h>

static void print_options(const struct verb *verb)
{
	if (verb_option_count(verb) > 0) {
		puts("\nOptions");
	}
	for (size_t i = 0; i < verb_option_count(verb); i++) {
		const struct verb_option *o = &verb->options[i];
		char name[64];

		snprintf(name, sizeof(name), "--%s%s%s", o->name, o->value != NULL ? " " : "",
			o->value != NULL ? o->value : "");
		printf("  %-22s %s\n", name, o->help);
	}
}

static void print_verb(const struct verb *verb)
{
	char usage[512];

	printf("nexpath %s\n\n%s\n", verb_usage(verb, usage, sizeof(usage)), verb->help);
	if (verb->detail != NULL) {
		puts(verb->detail);
	}
	print_options(verb);
	printf("\nExample\n  %s\n", verb->example);
	if (verb->method != NULL) {
		printf("\nMethod %s of the management socket\n", verb->method);
	}
}

static void print_all(void)
{
	puts("nexpath [--socket PATH] [--json] VERB ...\n");
	for (size_t i = 0; i < verb_count; i++) {
		printf("  %-16s %s\n", verbs[i].words, verbs[i].help);
	}
	printf("\nGlobal options\n"
	       "  --socket PATH    of the daemon (NEXPATH_SOCKET, else " NEXPATH_DEFAULT_SOCKET
	       ")\n"
	       "  --json           print the method's result unchanged, in base units\n"
	       "  --help, --version\n"
	       "\nExit status: 0 done, 1 refused (the reason is on standard error), 2 wrong usage, 3 cannot reach the daemon\n"
	       "nexpath help VERB shows options and an example.\n"
	       "\nExamples\n"
	       "  nexpath status\n"
	       "  nexpath config check new.conf && nexpath config plan new.conf\n"
	       "  nexpath config apply new.conf --confirm-within 60\n"
	       "  nexpath listener add name=web2 protocol=tcp listen=10.1.0.2:9001 upstream=web\n"
	       "  nexpath session list listener=web-in 'age>60'\n"
	       "  nexpath --json drops\n");
}

enum exit_status help_print(const struct verb *verb)
{
	if (verb != NULL) {
		print_verb(verb);
	} else {
		print_all();
	}
	return EXIT_DONE;
}

// "help config": every verb that begins with the word.
static bool print_group(const char *word)
{
	size_t length = strlen(word);
	bool any = false;

	for (size_t i = 0; i < verb_count; i++) {
		if (strncmp(verbs[i].words, word, length) == 0 && verbs[i].words[length] == ' ') {
			printf("  %-16s %s\n", verbs[i].words, verbs[i].help);
			any = true;
		}
	}
	return any;
}

enum exit_status run_help(const struct invocation *v)
{
	const char *form = invocation_option(v, "format");
	const struct verb *verb;
	int used;

	if (form != NULL && strcmp(form, "markdown") == 0) {
		document_markdown(stdout);
		return EXIT_DONE;
	}
	if (form != NULL && strcmp(form, "man") == 0) {
		document_man(stdout);
		return EXIT_DONE;
	}
	if (form != NULL && strcmp(form, "text") != 0) {
		return usage_fault(
			v->verb, "--format: \"%s\" is none of text, markdown, man", form);
	}
	if (v->argument_count == 0) {
		return help_print(NULL);
	}
	verb = verb_find(v->argument_count, v->arguments, &used);
	if (verb != NULL && used == v->argument_count) {
		return help_print(verb);
	}
	if (v->argument_count == 1 && print_group(v->arguments[0])) {
		return EXIT_DONE;
	}
	verb = verb_nearest(v->argument_count, v->arguments);
	return verb != NULL ? usage_fault(NULL, "unknown verb \"%s\"; the nearest is \"%s\"",
				      v->arguments[0], verb->words)
			    : usage_fault(NULL, "unknown verb \"%s\"", v->arguments[0]);
}

enum exit_status run_completion(const struct invocation *v)
{
	if (!completion_print(stdout, v->arguments[0])) {
		return usage_fault(v->verb, "\"%s\" is neither bash nor zsh", v->arguments[0]);
	}
	return EXIT_DONE;
}
