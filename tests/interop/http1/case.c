// SPDX-License-Identifier: BSD-3-Clause
#include "case.h"

#include <stdio.h>
#include <stdlib.h>

bool http1_case_read(struct http1_case *one)
{
	char line[64];

	*one = (struct http1_case){0};
	if (!fgets(line, sizeof(line), stdin))
		return false;
	if (sscanf(line, "response %15s %zu", one->method, &one->length) != 2 &&
		sscanf(line, "request %zu", &one->length) != 1)
		abort();
	one->bytes = malloc(one->length + 1);
	if (!one->bytes || fread(one->bytes, 1, one->length, stdin) != one->length)
		abort();
	return true;
}
