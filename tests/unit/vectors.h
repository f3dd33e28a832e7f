// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Public test vectors from $NEXPATH_VECTORS; include cmocka.h before.

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

// The file's value, the caller's to release. Ends the test: as skipped where the variable is not
// set, as failed where the file cannot be read.
static inline json_t *vectors_load(const char *file)
{
	const char *folder = getenv("NEXPATH_VECTORS");
	json_error_t error;
	char path[1024];
	json_t *root;

	if (folder == NULL) {
		print_message("NEXPATH_VECTORS is not set: no vectors to test with\n");
		skip();
	}
	snprintf(path, sizeof(path), "%s/%s", folder, file);
	root = json_load_file(path, 0, &error);
	if (root == NULL)
		fail_msg("%s: %s", path, error.text);
	return root;
}

// Whether there is a folder, and this file in it.
static inline bool vectors_have(const char *file)
{
	const char *folder = getenv("NEXPATH_VECTORS");
	char path[1024];
	FILE *found = NULL;

	if (folder != NULL) {
		snprintf(path, sizeof(path), "%s/%s", folder, file);
		found = fopen(path, "r");
	}
	if (found != NULL)
		fclose(found);
	return found != NULL;
}

static inline bool vectors_is_valid(const json_t *test)
{
	return strcmp(json_string_value(json_object_get(test, "result")), "valid") == 0;
}

// A hexadecimal member's bytes in *length, 0 where it is not there; at most room of them.
static inline void vectors_bytes(
	const json_t *object, const char *member, uint8_t *out, size_t room, size_t *length)
{
	const char *hex = json_string_value(json_object_get(object, member));

	*length = hex != NULL ? strlen(hex) / 2 : 0;
	assert_in_range(*length, 0, room);
	for (size_t i = 0; i < *length; i++) {
		unsigned int byte;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		out[i] = (uint8_t)byte;
	}
}

// Runs each test of a file, which says whether it applied; how many did.
static inline uint32_t vectors_each(
	const char *file, bool (*run)(const json_t *group, const json_t *test))
{
	json_t *root = vectors_load(file), *group, *test;
	uint32_t done = 0;
	size_t i, k;

	json_array_foreach(json_object_get(root, "testGroups"), i, group) json_array_foreach(
		json_object_get(group, "tests"), k, test) done += run(group, test);
	json_decref(root);
	return done;
}
