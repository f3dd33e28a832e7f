// SPDX-License-Identifier: BSD-3-Clause
// A connection read by our codec and by llhttp (tests/unit/wire/http/second_opinion.h). The first
// byte says whether it is a server's or a client's, and in which pieces we read; a client has two
// bytes more, of what it asked.
#include <stdlib.h>

#include "unit/wire/http/second_opinion.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	ASKED_BYTES = 2,
	STEP = 7, // of the pieces, in bytes
};

// Two bits a request; none follows one that may leave HTTP.
static void asked_of(const uint8_t *data, char *letters)
{
	unsigned bits = (unsigned)data[0] | (unsigned)data[1] << 8;
	size_t n = 0;

	do
		letters[n] = "GHCU"[bits >> (2 * n) & 3];
	while ((letters[n] == 'G' || letters[n] == 'H') && ++n < OPINION_MESSAGES - 1);
	letters[n + 1] = '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char letters[OPINION_MESSAGES + 1] = "";
	bool is_response = size > 0 && (data[0] & 1) != 0;
	size_t head = is_response ? 1 + ASKED_BYTES : 1, agreed;
	const char *what;

	if (size < head || size - head > OPINION_BYTES)
		return 0;
	if (is_response)
		asked_of(data + 1, letters);
	what = opinions_differ(is_response ? letters : NULL, (const char *)data + head, size - head,
		1 + (size_t)(data[0] >> 1) * STEP, &agreed);
	if (what != NULL) {
		opinions_show(stderr);
		fprintf(stderr, "they differ in %s, asked %s\n", what, letters);
		abort();
	}
	return 0;
}
