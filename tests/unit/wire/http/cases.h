// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Heads and chunked bodies as data: what goes in, and what must be made of it.

#include "nexwire/http.h"

struct head_case {
	const char *bytes;
	size_t length;
	enum nx_http_verdict verdict;
	enum nx_http_framing framing; // these three of accepted heads
	uint64_t body_length;
	int flags; // -1: not judged here
	uint8_t asked;
};

// A head that is refused, one that is not whole, and one that is accepted.
#define REFUSED(text, why)                                                                         \
	{                                                                                          \
		.bytes = (text), .length = sizeof(text) - 1, .verdict = NX_HTTP_##why              \
	}
#define UNFINISHED(text)                                                                           \
	{                                                                                          \
		.bytes = (text), .length = sizeof(text) - 1, .verdict = NX_HTTP_MORE               \
	}
#define ACCEPTED(text, how, n)                                                                     \
	{                                                                                          \
		.bytes = (text), .length = sizeof(text) - 1, .framing = NX_HTTP_##how,             \
		.body_length = (n), .flags = -1                                                    \
	}
#define FLAGGED(text, how, n, f)                                                                   \
	{                                                                                          \
		.bytes = (text), .length = sizeof(text) - 1, .framing = NX_HTTP_##how,             \
		.body_length = (n), .flags = (f)                                                   \
	}
#define ANSWERING(method, text, how, n)                                                            \
	{                                                                                          \
		.bytes = (text), .length = sizeof(text) - 1, .framing = NX_HTTP_##how,             \
		.body_length = (n), .flags = -1, .asked = NX_HTTP_##method                         \
	}
#define ANSWER_REFUSED(method, text, why)                                                          \
	{                                                                                          \
		.bytes = (text), .length = sizeof(text) - 1, .verdict = NX_HTTP_##why,             \
		.asked = NX_HTTP_##method                                                          \
	}

extern const struct head_case request_cases[];
extern const size_t request_case_count;
extern const struct head_case response_cases[];
extern const size_t response_case_count;

struct chunk_case {
	const char *bytes;
	size_t length;
	enum nx_http_verdict verdict;
	const char *content; // what was read up to the verdict
	size_t after;        // bytes behind the body, which must stay
};

extern const struct chunk_case chunk_cases[];
extern const size_t chunk_case_count;
