// SPDX-License-Identifier: BSD-3-Clause
#include "cli/invocation.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/show/units.h"

#define NUMBER_MAX (UINT64_C(1) << 53)

static const char HELP_HINT[] = "nexpath help lists the verbs";

enum exit_status usage_fault(const struct verb *verb, const char *format, ...)
{
	va_list arguments;

	fputs("nexpath: ", stderr);
	if (verb != NULL) {
		fprintf(stderr, "%s: ", verb->words);
	}
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	if (verb != NULL) {
		fprintf(stderr, "; nexpath help %s shows how\n", verb->words);
	} else {
		fprintf(stderr, "; %s\n", HELP_HINT);
	}
	return EXIT_USAGE;
}

// The value of an option "--name=value" or "--name value"; NULL when it is missing.
static const char *option_value(const char *equals, int argc, const char *const *argv, int *at)
{
	if (equals != NULL) {
		return equals + 1;
	}
	return *at + 1 < argc ? argv[++*at] : NULL;
}

static bool is_option(const char *word, size_t length, const char *name)
{
	return strlen(name) == length && memcmp(word, name, length) == 0;
}

// An option that stands anywhere. 1: taken, 0: not one of these, -1: printed what is wrong.
static int take_global(struct invocation *v, int argc, const char *const *argv, int *at)
{
	const char *word = argv[*at];
	const char *equals = strchr(word, '=');
	size_t length = equals != NULL ? (size_t)(equals - word) : strlen(word);

	if (is_option(word, length, "--socket")) {
		v->socket = option_value(equals, argc, argv, at);
		if (v->socket == NULL || v->socket[0] == '\0') {
			usage_fault(NULL, "--socket needs a PATH");
			return -1;
		}
		return 1;
	}
	if (strcmp(word, "--json") == 0) {
		v->json = true;
	} else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		v->help = true;
	} else if (strcmp(word, "--version") == 0) {
		v->version = true;
	} else {
		return 0;
	}
	return 1;
}

static enum exit_status take_option(
	struct invocation *v, int argc, const char *const *argv, int *at)
{
	const char *word = argv[*at] + 2;
	const char *equals = strchr(word, '=');
	size_t length = equals != NULL ? (size_t)(equals - word) : strlen(word);

	for (size_t i = 0; i < verb_option_count(v->verb); i++) {
		const struct verb_option *o = &v->verb->options[i];
		uint64_t number;

		if (!is_option(word, length, o->name)) {
			continue;
		}
		if (v->options[i] != NULL) {
			return usage_fault(v->verb, "--%s is given twice", o->name);
		}
		if (o->value == NULL && equals != NULL) {
			return usage_fault(v->verb, "--%s takes no value", o->name);
		}
		v->options[i] = o->value == NULL ? o->name : option_value(equals, argc, argv, at);
		if (v->options[i] == NULL) {
			return usage_fault(v->verb, "--%s needs %s", o->name, o->value);
		}
		if (o->kind == VALUE_NUMBER &&
			!units_number_parse(v->options[i], NUMBER_MAX, &number)) {
			return usage_fault(
				v->verb, "--%s: \"%s\" is no whole number", o->name, v->options[i]);
		}
		return EXIT_DONE;
	}
	return usage_fault(v->verb, "unknown option --%.*s", (int)length, word);
}

// "list, add, remove" of "listener"; "" for what begins no verb of two words.
static void second_words(const char *first, char *out, size_t size)
{
	size_t length = strlen(first);
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < verb_count && used < size; i++) {
		const char *words = verbs[i].words;

		if (strncmp(words, first, length) == 0 && words[length] == ' ') {
			used += (size_t)snprintf(out + used, size - used, "%s%s",
				used > 0 ? ", " : "", words + length + 1);
		}
	}
}

static enum exit_status unknown_verb(int count, const char *const *words)
{
	const struct verb *nearest = verb_nearest(count, words);
	char seconds[256];

	if (count == 0) {
		return usage_fault(NULL, "no verb");
	}
	if (nearest != NULL) {
		return usage_fault(NULL, "unknown verb \"%s%s%s\"; the nearest is \"%s\"", words[0],
			count > 1 && strchr(nearest->words, ' ') != NULL ? " " : "",
			count > 1 && strchr(nearest->words, ' ') != NULL ? words[1] : "",
			nearest->words);
	}
	second_words(words[0], seconds, sizeof(seconds));
	if (seconds[0] == '\0') {
		return usage_fault(NULL, "unknown verb \"%s\"", words[0]);
	}
	return count > 1 ? usage_fault(NULL, "%s has no verb \"%s\", but %s", words[0], words[1],
				   seconds)
			 : usage_fault(NULL, "%s needs a second word: %s", words[0], seconds);
}

static enum exit_status check_count(const struct invocation *v)
{
	size_t most = verb_argument_count(v->verb);
	size_t least = 0;

	while (least < most && !v->verb->arguments[least].optional) {
		least++;
	}
	if ((size_t)v->argument_count < least) {
		return usage_fault(
			v->verb, "%s is missing", v->verb->arguments[v->argument_count].name);
	}
	if ((size_t)v->argument_count > most &&
		!(most > 0 && v->verb->arguments[most - 1].repeated)) {
		return usage_fault(v->verb, "\"%s\" is one argument too many", v->arguments[most]);
	}
	for (size_t i = 0; i < most && i < (size_t)v->argument_count; i++) {
		uint64_t number;

		if (v->verb->arguments[i].kind == VALUE_NUMBER &&
			!units_number_parse(v->arguments[i], NUMBER_MAX, &number)) {
			return usage_fault(v->verb, "%s: \"%s\" is no whole number",
				v->verb->arguments[i].name, v->arguments[i]);
		}
	}
	return EXIT_DONE;
}

// The words that are no global options, in order; options of the verb keep their dashes. "--" and
// what follows it stays, for the second reading.
static enum exit_status first_reading(
	struct invocation *v, int argc, const char *const *argv, const char **words, int *count)
{
	bool only_words = false;

	for (int i = 1; i < argc; i++) {
		int taken = only_words ? 0 : take_global(v, argc, argv, &i);

		if (taken < 0) {
			return EXIT_USAGE;
		}
		only_words = only_words || strcmp(argv[i], "--") == 0;
		if (taken == 0) {
			words[(*count)++] = argv[i];
		}
	}
	return EXIT_DONE;
}

static enum exit_status second_reading(struct invocation *v, const char *const *words, int count)
{
	bool only_words = false;

	for (int i = 0; i < count; i++) {
		const char *word = words[i];

		if (!only_words && strcmp(word, "--") == 0) {
			only_words = true;
		} else if (!only_words && strncmp(word, "--", 2) == 0) {
			enum exit_status status = take_option(v, count, words, &i);

			if (status != EXIT_DONE) {
				return status;
			}
		} else if (!only_words && word[0] == '-' && word[1] != '\0') {
			return usage_fault(v->verb, "unknown option %s", word);
		} else {
			v->arguments[v->argument_count++] = word;
		}
	}
	return EXIT_DONE;
}

// "nexpath listener --help" is "nexpath help listener"; false where there is no such group.
static bool help_of_group(struct invocation *v, int count, const char *const *words)
{
	static const char *const HELP = "help";
	char seconds[256];
	int used;

	if (!v->help || count != 1) {
		return false;
	}
	second_words(words[0], seconds, sizeof(seconds));
	if (seconds[0] == '\0') {
		return false;
	}
	v->verb = verb_find(1, &HELP, &used);
	v->help = false;
	v->arguments[v->argument_count++] = words[0];
	return true;
}

enum exit_status invocation_parse(struct invocation *v, int argc, const char *const *argv)
{
	const char *from_environment = getenv("NEXPATH_SOCKET");
	const char **words = calloc((size_t)argc + 1, sizeof(*words));
	enum exit_status status;
	int count = 0;
	int used;

	*v = (struct invocation){
		.socket = from_environment != NULL && *from_environment != '\0'
				  ? from_environment
				  : NEXPATH_DEFAULT_SOCKET,
		.arguments = calloc((size_t)argc + 1, sizeof(*v->arguments)),
	};
	if (words == NULL || v->arguments == NULL) {
		free(words);
		fputs("nexpath: out of memory\n", stderr);
		return EXIT_REFUSED;
	}
	status = first_reading(v, argc, argv, words, &count);
	if (status == EXIT_DONE) {
		v->verb = verb_find(count, words, &used);
		if (v->version || (v->help && (count == 0 || v->verb != NULL))) {
			status = EXIT_DONE;
		} else if (v->verb == NULL && help_of_group(v, count, words)) {
			status = EXIT_DONE;
		} else if (v->verb == NULL && count > 0 && words[0][0] == '-') {
			status = usage_fault(NULL, "unknown option %s", words[0]);
		} else if (v->verb == NULL) {
			status = unknown_verb(count, words);
		} else {
			status = second_reading(v, words + used, count - used);
			status = status == EXIT_DONE ? check_count(v) : status;
		}
	}
	free(words);
	return status;
}

void invocation_fini(struct invocation *v)
{
	free(v->arguments);
	v->arguments = NULL;
}

const char *invocation_option(const struct invocation *v, const char *name)
{
	for (size_t i = 0; i < verb_option_count(v->verb); i++) {
		if (strcmp(v->verb->options[i].name, name) == 0) {
			return v->options[i];
		}
	}
	return NULL;
}

unsigned long long invocation_number(
	const struct invocation *v, const char *name, unsigned long long otherwise)
{
	const char *text = invocation_option(v, name);
	uint64_t value;

	return text != NULL && units_number_parse(text, NUMBER_MAX, &value) ? value : otherwise;
}
