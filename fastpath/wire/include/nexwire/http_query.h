// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Percent-encoding (RFC 3986 2.1), queries and paths: pure functions on bytes.

#include "nexwire/http_head.h"

NX_BEGIN

enum nx_http_part {
	NX_HTTP_PART_QUERY, // a name or a value in a query, or one path segment: "/" is encoded
	NX_HTTP_PART_PATH   // a path: "/" stays
};

// Slices of C strings; the literal's terminating NUL is not part of it.
#define NX_HTTP_TEXT(literal)                                                                      \
	((struct nx_http_slice){(const uint8_t *)("" literal), sizeof(literal) - 1})

static inline struct nx_http_slice nx_http_text(const char *text)
{
	return (struct nx_http_slice){(const uint8_t *)text, strlen(text)};
}

// Bytes that `text` takes encoded: unreserved characters stay, all others become %XX.
NX_API size_t nx_http_encoded_length(struct nx_http_slice text, enum nx_http_part part);

// Encodes into `room` bytes at out, all or none; *written is the length.
NX_API NX_CHECKED enum nx_http_verdict nx_http_encode(uint8_t *out, size_t room,
	struct nx_http_slice text, enum nx_http_part part, size_t *written);

// Decodes %XX into `room` bytes at out, which may be the text itself. A '%' without two hexadecimal
// digits is NX_HTTP_TARGET_BYTE_INVALID. What comes out may be any byte, NUL and '/' too; '+'
// stays.
NX_API NX_CHECKED enum nx_http_verdict nx_http_decode(
	uint8_t *out, size_t room, struct nx_http_slice text, size_t *written);

// Takes the next name=value off the front of a query, both still encoded; pairs without '=' have an
// empty value, empty pairs are passed over. False at the end.
NX_API bool nx_http_query_next(
	struct nx_http_slice *query, struct nx_http_slice *name, struct nx_http_slice *value);

// Joins two parts of a path with exactly one '/' between them: "/api/" and "/orders" are
// "/api/orders". An empty base gives the path, with a '/' before it. All or none.
NX_API NX_CHECKED enum nx_http_verdict nx_http_path_join(uint8_t *out, size_t room,
	struct nx_http_slice base, struct nx_http_slice path, size_t *written);

NX_END
