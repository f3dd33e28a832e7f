// SPDX-License-Identifier: BSD-3-Clause
// What our codec and llhttp differ in, of the cases that judge.c reads: a line for each, empty
// where they do not.
#include "unit/wire/http/second_opinion.h"

#include <stdlib.h>
#include <string.h>

#include "case.h"

int main(void)
{
	struct http1_case one;

	while (http1_case_read(&one)) {
		// A response to another method is no response to these.
		const char *asked = one.method[0] == '\0'                ? NULL
				    : strcmp(one.method, "HEAD") == 0    ? "HGGGGGG"
				    : strcmp(one.method, "CONNECT") == 0 ? "C"
									 : "GGGGGGG";
		const char *what = NULL;
		size_t agreed;

		if (one.length <= OPINION_BYTES)
			what = opinions_differ(
				asked, (const char *)one.bytes, one.length, OPINION_BYTES, &agreed);
		puts(what != NULL ? what : "");
		free(one.bytes);
	}
	return 0;
}
