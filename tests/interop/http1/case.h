// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The cases as run.py writes them: a line `request BYTES`, or `response METHOD BYTES` with the
// method that it answers, then the bytes.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http1_case {
	char method[16]; // empty: a request
	uint8_t *bytes;  // the caller's to free
	size_t length;
};

// The next one of the standard input; false at its end.
bool http1_case_read(struct http1_case *one);
