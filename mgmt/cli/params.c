// SPDX-License-Identifier: BSD-3-Clause
// From arguments and options to the method's parameters.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/invocation.h"
#include "cli/show/units.h"

static enum exit_status file_fault(const char *path, const char *why)
{
	fprintf(stderr, "nexpath: %s: %s\n", path, why);
	return EXIT_REFUSED;
}

// Reads a whole text, bounded by what a request can carry.
static enum exit_status read_text(const char *path, json_t **out)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char *text = file != NULL ? malloc(CLIENT_LINE_MAX + 1) : NULL;
	enum exit_status status = EXIT_DONE;
	size_t length;

	if (file == NULL) {
		return file_fault(path, strerror(errno));
	}
	if (text == NULL) {
		status = file_fault(path, "out of memory");
		goto close_file;
	}
	errno = 0;
	length = fread(text, 1, CLIENT_LINE_MAX + 1, file);
	if (ferror(file)) {
		status = file_fault(path, strerror(errno));
	} else if (length > CLIENT_LINE_MAX) {
		status = file_fault(path, "longer than the 4 MiB that the management socket takes");
	} else if (memchr(text, '\0', length) != NULL) {
		status = file_fault(path, "holds a NUL byte: this is no configuration text");
	} else {
		*out = json_stringn(text, length);
		if (*out == NULL) {
			status = file_fault(path, "is not UTF-8; save it as UTF-8");
		}
	}
close_file:
	free(text);
	if (file != stdin) {
		fclose(file);
	}
	return status;
}

// Adds KEY=VALUE to an object.
static enum exit_status add_pair(const struct verb *verb, json_t *object, const char *word)
{
	const char *equals = strchr(word, '=');
	char key[128];

	if (equals == NULL || equals == word || (size_t)(equals - word) >= sizeof(key)) {
		return usage_fault(verb, "\"%s\" is no KEY=VALUE", word);
	}
	memcpy(key, word, (size_t)(equals - word));
	key[equals - word] = '\0';
	if (json_object_get(object, key) != NULL) {
		return usage_fault(verb, "key \"%s\" is given twice", key);
	}
	if (json_object_set_new(object, key, json_string(equals + 1)) != 0) {
		return usage_fault(verb, "\"%s\" is not UTF-8", word);
	}
	return EXIT_DONE;
}

static enum exit_status add_filter(const struct verb *verb, json_t *object, const char *word)
{
	static const char *const keys[] = {
		"listener=", "target=", "client=", "state=", "protocol="};
	uint64_t age;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strncmp(word, keys[i], strlen(keys[i])) == 0) {
			return add_pair(verb, object, word);
		}
	}
	if (strncmp(word, "age>", 4) != 0) {
		return usage_fault(verb,
			"\"%s\" is no filter (listener= target= client= state= protocol= age>S)",
			word);
	}
	if (json_object_get(object, "age_s") != NULL) {
		return usage_fault(verb, "age is given twice");
	}
	if (!units_number_parse(word + 4, UINT32_MAX, &age)) {
		return usage_fault(verb, "age>: \"%s\" is no number of seconds", word + 4);
	}
	json_object_set_new(object, "age_s", json_integer((json_int_t)age));
	return EXIT_DONE;
}

// The last argument's words as one object.
static enum exit_status words_to_object(const struct invocation *v, size_t first, json_t *params)
{
	const struct verb_argument *a = &v->verb->arguments[first];
	json_t *object = json_object();
	enum exit_status status = EXIT_DONE;

	for (int i = (int)first; i < v->argument_count && status == EXIT_DONE; i++) {
		status = (a->kind == VALUE_PAIRS ? add_pair : add_filter)(
			v->verb, object, v->arguments[i]);
	}
	if (json_object_size(object) == 0) {
		json_decref(object);
		return status;
	}
	json_object_set_new(params, a->parameter, object);
	return status;
}

static enum exit_status add_argument(const struct invocation *v, size_t i, json_t *params)
{
	const struct verb_argument *a = &v->verb->arguments[i];
	const char *word = v->arguments[i];
	json_t *value = NULL;
	enum exit_status status = EXIT_DONE;

	switch (a->kind) {
	case VALUE_FILE:
		status = read_text(word, &value);
		break;
	case VALUE_NUMBER:
		value = json_integer(strtoll(word, NULL, 10));
		break;
	case VALUE_TEXT:
		value = json_string(word);
		if (value == NULL) {
			status = usage_fault(v->verb, "%s is not UTF-8", a->name);
		}
		break;
	case VALUE_ID_OR_FILTERS:
		if (v->argument_count == 1 && strpbrk(word, "=>") == NULL) {
			return json_object_set_new(params, "id", json_string(word)) == 0
				       ? EXIT_DONE
				       : usage_fault(v->verb, "the id is not UTF-8");
		}
		return words_to_object(v, i, params);
	case VALUE_PAIRS:
	case VALUE_FILTERS:
		return words_to_object(v, i, params);
	case VALUE_FLAG:
	case VALUE_LOCAL:
		return EXIT_DONE;
	}
	if (value != NULL) {
		json_object_set_new(params, a->parameter, value);
	}
	return status;
}

static enum exit_status add_option(const struct invocation *v, size_t i, json_t *params)
{
	const struct verb_option *o = &v->verb->options[i];
	const char *text = v->options[i];
	json_t *value;

	if (text == NULL || o->kind == VALUE_LOCAL) {
		return EXIT_DONE;
	}
	if (o->kind == VALUE_FLAG) {
		value = json_true();
	} else if (o->kind == VALUE_NUMBER) {
		value = json_integer(strtoll(text, NULL, 10));
	} else {
		value = json_string(text);
	}
	if (value == NULL) {
		return usage_fault(v->verb, "--%s is not UTF-8", o->name);
	}
	json_object_set_new(params, o->parameter, value);
	return EXIT_DONE;
}

enum exit_status invocation_params(const struct invocation *v, json_t **out)
{
	json_t *params = json_object();
	enum exit_status status = EXIT_DONE;

	for (size_t i = 0; i < verb_argument_count(v->verb) && status == EXIT_DONE; i++) {
		if (i < (size_t)v->argument_count) {
			status = add_argument(v, i, params);
		}
	}
	for (size_t i = 0; i < verb_option_count(v->verb) && status == EXIT_DONE; i++) {
		status = add_option(v, i, params);
	}
	if (status != EXIT_DONE) {
		json_decref(params);
		return status;
	}
	*out = params;
	return EXIT_DONE;
}

const char *invocation_file(const struct invocation *v)
{
	if (v->verb->arguments[0].kind != VALUE_FILE || v->argument_count == 0) {
		return NULL;
	}
	return strcmp(v->arguments[0], "-") == 0 ? "standard input" : v->arguments[0];
}
