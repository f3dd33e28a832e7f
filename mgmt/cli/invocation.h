// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A command line, read: which verb, with which arguments and options.

#include "cli/verb.h"

#define NEXPATH_DEFAULT_SOCKET "/run/nexpath/nexpath.sock"

struct invocation {
	const struct verb *verb;
	const char *socket;
	bool json;
	bool help; // --help: of the verb, or of the program
	bool version;
	int argument_count;
	const char **arguments; // owned array of borrowed words
	const char
		*options[VERB_OPTIONS_MAX]; // value by entry of the verb's table, NULL = not given
};

// Reads a command line (argv[0] is the program). On failure prints what is wrong and returns
// EXIT_USAGE. Words are borrowed from argv. invocation_fini in either case.
[[nodiscard]] enum exit_status invocation_parse(
	struct invocation *invocation, int argc, const char *const *argv);
void invocation_fini(struct invocation *invocation);

// The value of an option by name, NULL when it was not given; a flag's value is its name.
const char *invocation_option(const struct invocation *invocation, const char *name);

// A number option, or otherwise when it was not given. Its text was checked by invocation_parse.
unsigned long long invocation_number(
	const struct invocation *invocation, const char *name, unsigned long long otherwise);

// The method's parameters. On failure (a file that cannot be read, a pair that is none) prints the
// reason and returns EXIT_USAGE or EXIT_REFUSED.
[[nodiscard]] enum exit_status invocation_params(
	const struct invocation *invocation, json_t **params);

// The file whose text is sent, as messages name it: NULL when there is none.
const char *invocation_file(const struct invocation *invocation);

// Prints "nexpath: <message>; nexpath help <verb> shows how" and returns EXIT_USAGE.
[[gnu::format(printf, 2, 3)]] enum exit_status usage_fault(
	const struct verb *verb, const char *format, ...);

// Does what the invocation says and returns the program's exit status.
[[nodiscard]] enum exit_status invocation_run(const struct invocation *invocation);

// Prints one value as a line of JSON, members in the order in which they came.
void json_line_print(const json_t *value);
