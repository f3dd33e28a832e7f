// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One head, read whole by every variant and in pieces: one outcome.

#include <stdlib.h>

#include "core/base.h"
#include "nexwire/http.h"
#include "unit/wire/http/variants.h"

enum {
	FUZZ_FIELDS = 24
};

struct fuzz_reading {
	struct nx_http_head head;
	struct nx_http_field fields[FUZZ_FIELDS];
	enum nx_http_verdict verdict;
};

static inline void fuzz_same(const struct fuzz_reading *a, const struct fuzz_reading *b)
{
	nx_bug_on(a->verdict != b->verdict);
	if (a->verdict == NX_HTTP_MORE)
		return;
	nx_bug_on(a->head.position != b->head.position);
	if (a->verdict != NX_HTTP_OK)
		return;
	nx_bug_on(a->head.count != b->head.count);
	nx_bug_on(memcmp(a->fields, b->fields, a->head.count * sizeof(a->fields[0])) != 0);
	nx_bug_on(memcmp(&a->head, &b->head, offsetof(struct nx_http_head, fields)) != 0);
}

static inline void fuzz_inside(struct nx_http_span span, const struct nx_http_head *head)
{
	nx_bug_on((uint32_t)span.at + span.length > head->length);
}

// Nothing that a line may not hold is left in what was accepted.
static inline void fuzz_sound(const struct fuzz_reading *r, const uint8_t *bytes)
{
	fuzz_inside(r->head.target, &r->head);
	fuzz_inside(r->head.path, &r->head);
	fuzz_inside(r->head.query, &r->head);
	fuzz_inside(r->head.host, &r->head);
	fuzz_inside(r->head.reason, &r->head);
	for (unsigned i = 0; i < r->head.count; i++) {
		struct nx_http_slice name = nx_http_span_of(bytes, r->fields[i].name);
		struct nx_http_slice value = nx_http_span_of(bytes, r->fields[i].value);

		fuzz_inside(r->fields[i].name, &r->head);
		fuzz_inside(r->fields[i].value, &r->head);
		nx_bug_on(name.length == 0);
		for (size_t k = 0; k < value.length; k++)
			nx_bug_on(value.data[k] < 0x20 && value.data[k] != '\t');
	}
}

// Reads a head in pieces of `step` bytes, each time from memory that ends where the bytes end.
static inline void fuzz_read(struct fuzz_reading *r, enum nx_http_kind kind, unsigned asked,
	const uint8_t *data, size_t length, size_t step)
{
	struct nx_http_limits limits = {.head_bytes = 2048};
	size_t given = 0;

	memset(r, 0, sizeof(*r));
	nx_http_head_init(&r->head, kind, &limits, r->fields, FUZZ_FIELDS);
	nx_http_head_reset(&r->head, (enum nx_http_method)asked);
	do {
		uint8_t *bytes;

		given = step < length - given ? given + step : length;
		bytes = malloc(given + 1);
		memcpy(bytes + 1, data, given);
		r->verdict = nx_http_head_read(&r->head, bytes + 1, given);
		free(bytes);
	} while (r->verdict == NX_HTTP_MORE && given < length);
}

static inline void fuzz_head(struct fuzz_reading *whole, enum nx_http_kind kind, unsigned asked,
	const uint8_t *data, size_t length, size_t step)
{
	const struct http_variant *chosen = nx_http_variant_chosen;
	const struct http_variant *variants[4];
	size_t n = variants_here(variants);
	struct fuzz_reading other;

	fuzz_read(whole, kind, asked, data, length, SIZE_MAX);
	for (size_t v = 0; v < n; v++) {
		nx_http_variant_chosen = variants[v];
		fuzz_read(&other, kind, asked, data, length, SIZE_MAX);
		fuzz_same(whole, &other);
		fuzz_read(&other, kind, asked, data, length, step);
		fuzz_same(whole, &other);
	}
	nx_http_variant_chosen = chosen;
	if (whole->verdict == NX_HTTP_OK)
		fuzz_sound(whole, data);
}
