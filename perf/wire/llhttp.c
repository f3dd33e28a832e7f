// SPDX-License-Identifier: BSD-3-Clause

// llhttp's cycles for what wire-bench's rows of the same names do; measure.py runs it beside them.

#include <llhttp.h>

#include "bench.h"
#include "request.h"

enum {
	REQUESTS = 16,
	FIELDS = 32,
};

// What a caller needs of a head: where each name and value lies.
struct spans {
	const char *at[2 * FIELDS + 1];
	size_t length[2 * FIELDS + 1];
	unsigned int count;
	bool complete;
};

static int span(llhttp_t *parser, const char *at, size_t length)
{
	struct spans *spans = parser->data;

	spans->at[spans->count] = at;
	spans->length[spans->count++] = length;
	return 0;
}

static int head_complete(llhttp_t *parser)
{
	struct spans *spans = parser->data;

	spans->complete = true;
	return 0;
}

int main(void)
{
	llhttp_settings_t settings;
	llhttp_t parser;

	llhttp_settings_init(&settings);
	settings.on_url = settings.on_header_field = settings.on_header_value = span;
	settings.on_headers_complete = head_complete;
	llhttp_init(&parser, HTTP_REQUEST, &settings);
	MEASURE("llhttp request-head-703", SAMPLES, REQUESTS, , ({
		for (int i = 0; i < REQUESTS; i++) {
			struct spans spans;

			spans.count = 0;
			spans.complete = false;
			parser.data = &spans;
			if (llhttp_execute(&parser, request, sizeof(request) - 1) != HPE_OK ||
				!spans.complete)
				__builtin_trap();
			keep(&spans);
		}
	}));
	return 0;
}
