// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Bytes put one behind the other into memory of a fixed size. Private to http/.

#include "core/base.h"
#include "nexwire/http_query.h"

// Invariant: once is_full, nothing more is written.
struct http_text {
	uint8_t *start;
	uint8_t *at;
	uint8_t *end;
	bool is_full;
};

static inline void text_put(struct http_text *t, const void *bytes, size_t length)
{
	if (t->is_full || length > (size_t)(t->end - t->at)) {
		t->is_full = true;
		return;
	}
	if (length > 0)
		memcpy(t->at, bytes, length);
	t->at += length;
}

static inline void text_slice(struct http_text *t, struct nx_http_slice slice)
{
	text_put(t, slice.data, slice.length);
}

#define text_literal(t, literal) text_put(t, literal, sizeof(literal) - 1)

static inline void text_number(struct http_text *t, uint64_t number)
{
	char digits[20];
	uint32_t first = sizeof(digits);

	do
		digits[--first] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	text_put(t, digits + first, sizeof(digits) - first);
}

static inline uint32_t text_length(const struct http_text *t)
{
	return (uint32_t)(t->at - t->start);
}
