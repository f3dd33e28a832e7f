// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The reading half of a connection: one message after the other. Private to http/.

#include "nexwire/http_connection.h"

enum http_incoming_phase {
	HTTP_IN_HEAD,
	HTTP_IN_LENGTH,
	HTTP_IN_CHUNKS,
	HTTP_IN_TO_CLOSE,
	HTTP_IN_LAST,  // all content is read; END is not told yet
	HTTP_IN_ENDED, // told
	HTTP_IN_FAULT
};

void nx_http_incoming_init(struct nx_http_incoming *in, enum nx_http_kind kind,
	const struct nx_http_limits *limits, struct nx_http_field *fields, uint16_t capacity);

// Makes ready for the next head.
void nx_http_incoming_next(struct nx_http_incoming *in, enum nx_http_method asked);

// HEAD, CONTENT, END, NONE or FAULT.
enum nx_http_event nx_http_incoming_read(struct nx_http_incoming *in, const uint8_t *bytes,
	size_t length, size_t *consumed, struct nx_http_slice *piece);

enum nx_http_event nx_http_incoming_fault(struct nx_http_incoming *in, enum nx_http_verdict fault);
