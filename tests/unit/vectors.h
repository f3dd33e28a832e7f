// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Public test vectors from $NEXPATH_VECTORS; include cmocka.h before.

#include <stdio.h>
#include <stdlib.h>

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
