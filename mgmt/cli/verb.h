// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The verb table: one entry a verb makes the parser, the request, the printer, help, completion and
// docs/cli.md.

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "cli/client.h"

enum {
	VERB_ARGUMENTS_MAX = 3,
	VERB_OPTIONS_MAX = 6
};

// How an argument or option becomes a parameter of the method.
enum value_kind {
	VALUE_FLAG, // options only: true when given
	VALUE_TEXT,
	VALUE_NUMBER,        // whole, 0 to 2^53
	VALUE_FILE,          // a file's text, "-" = standard input
	VALUE_PAIRS,         // KEY=VALUE..., an object of strings
	VALUE_FILTERS,       // listener= target= client= state= protocol= age>S, an object
	VALUE_ID_OR_FILTERS, // one id, or filters
	VALUE_LOCAL,         // not sent: the verb's own function reads it
};

// What completes it.
enum completion {
	COMPLETE_NOTHING,
	COMPLETE_FILE,
	COMPLETE_LISTENER,
	COMPLETE_PORT,
	COMPLETE_UPSTREAM,
	COMPLETE_CREDENTIAL,
	COMPLETE_GENERATED, // kinds that credential generate makes
	COMPLETE_PORT_OR_LISTENER,
	COMPLETE_FILTER,
	COMPLETE_SETTING, // of a listener
	COMPLETE_VERB,
	COMPLETE_SHELL
};

struct verb_argument {
	const char *name;      // as help writes it: FILE
	const char *parameter; // of the method, NULL for VALUE_LOCAL
	enum value_kind kind;
	enum completion completion;
	bool optional;
	bool repeated; // the last one only
};

struct verb_option {
	const char *name;  // without the dashes
	const char *value; // as help writes it: S; NULL for a flag
	const char *parameter;
	enum value_kind kind;
	const char *help;
};

struct invocation;

struct verb {
	const char *words;                                  // "config apply"
	struct verb_argument arguments[VERB_ARGUMENTS_MAX]; // up to the first without a name
	struct verb_option options[VERB_OPTIONS_MAX];
	const char *method; // NULL: asks the daemon nothing
	const char *help;   // one sentence
	const char *detail; // more of them, or NULL
	const char *example;
	// Prints the method's result for people; returns EXIT_DONE, or EXIT_REFUSED for an answer
	// that says no.
	enum exit_status (*print)(const struct invocation *invocation, const json_t *result);
	// Does the verb, where one call and one print are not all. NULL for most.
	enum exit_status (*run)(const struct invocation *invocation);
};

extern const struct verb verbs[];
extern const size_t verb_count;

// The verb whose words begin argv, the longest wins; *used is how many. NULL when none does.
const struct verb *verb_find(int argc, const char *const *argv, int *used);

// The verb nearest to what was typed, for a message; NULL when nothing is near.
const struct verb *verb_nearest(int argc, const char *const *argv);

// Number of arguments and options of an entry.
size_t verb_argument_count(const struct verb *verb);
size_t verb_option_count(const struct verb *verb);

// "config apply FILE [--confirm-within S] [--restart]". Returns out.
const char *verb_usage(const struct verb *verb, char *out, size_t size);
