// SPDX-License-Identifier: BSD-3-Clause
// A chunked body, whole, in pieces, and decoded in place: one outcome. First byte: size of the
// pieces and whether limits are small.
#include <stdlib.h>

#include "core/base.h"
#include "nexwire/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	enum nx_http_verdict verdict;
	size_t length;
	size_t consumed;
	uint8_t content[4096];
};

static bool collect(void *context, struct nx_http_slice content)
{
	struct outcome *o = context;

	nx_bug_on(content.length > sizeof(o->content) - o->length);
	memcpy(o->content + o->length, content.data, content.length);
	o->length += content.length;
	return true;
}

static void read_in_steps(struct outcome *o, const struct nx_http_limits *limits,
	const uint8_t *data, size_t length, size_t step)
{
	struct nx_http_chunked chunked;
	size_t given = 0;

	o->length = 0;
	o->consumed = 0;
	nx_http_chunked_init(&chunked, limits, NULL, 0);
	do {
		size_t consumed;
		uint8_t *bytes;

		given = step < length - given ? given + step : length;
		bytes = malloc(given - o->consumed + 1);
		memcpy(bytes, data + o->consumed, given - o->consumed);
		o->verdict = nx_http_chunked_each(
			&chunked, bytes, given - o->consumed, &consumed, collect, o);
		o->consumed += consumed;
		free(bytes);
	} while (o->verdict == NX_HTTP_MORE && given < length);
}

static void same(const struct outcome *a, const struct outcome *b)
{
	nx_bug_on(a->verdict != b->verdict);
	nx_bug_on(a->consumed != b->consumed);
	nx_bug_on(a->length != b->length);
	nx_bug_on(memcmp(a->content, b->content, a->length) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct nx_http_limits narrow = {
		.body_bytes = 100, .extension_bytes = 8, .trailer_bytes = 40};
	static struct outcome whole, other;
	const struct nx_http_limits *limits;
	struct nx_http_chunked chunked;
	uint8_t bytes[4096];

	if (size == 0 || size > sizeof(bytes))
		return 0;
	limits = (data[0] & 0x80) != 0 ? &narrow : NULL;
	read_in_steps(&whole, limits, data + 1, size - 1, SIZE_MAX);
	read_in_steps(&other, limits, data + 1, size - 1, 1 + data[0] % 0x80);
	same(&whole, &other);
	memcpy(bytes, data + 1, size - 1);
	nx_http_chunked_init(&chunked, limits, NULL, 0);
	other.verdict = nx_http_chunked_decode(
		&chunked, bytes, size - 1, &other.consumed, bytes, size - 1, &other.length);
	memcpy(other.content, bytes, other.length);
	same(&whole, &other);
	return 0;
}
