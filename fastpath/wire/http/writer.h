// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the writer's parts share. Private to http/.

#include "head.h"
#include "nexwire/http_writer.h"

enum http_write_phase {
	HTTP_WRITE_LINE, // the request line, open for its query
	HTTP_WRITE_FIELDS,
	HTTP_WRITE_CONTENT, // of a length that was said
	HTTP_WRITE_DROPPED, // content of a response that carries none
	HTTP_WRITE_IN_PLACE,
	HTTP_WRITE_CHUNKS,
	HTTP_WRITE_CHUNK_IN_PLACE,
	HTTP_WRITE_TRAILERS,
	HTTP_WRITE_TO_CLOSE,
	HTTP_WRITE_DONE
};

// Keeps the first fault of a head.
static inline void http_write_fault(struct nx_http_writer *writer, enum nx_http_verdict fault)
{
	if (writer->fault == NX_HTTP_OK)
		writer->fault = (uint8_t)fault;
}

// n bytes behind the data; NULL, and the fault noted, when they do not fit or one came before.
static inline uint8_t *http_write_space(struct nx_http_writer *writer, size_t n)
{
	uint8_t *space = nx_write_buffer_space(writer->buffer);

	if (writer->fault != NX_HTTP_OK)
		return NULL;
	if (nx_write_buffer_room(writer->buffer) < n) {
		writer->fault = NX_HTTP_WRITE_NO_ROOM;
		return NULL;
	}
	writer->buffer->tail += n;
	return space;
}

// Most names and values are this short: two copies that overlap, where memcpy would be called.
static inline void http_copy_few(uint8_t *to, const uint8_t *from, size_t n)
{
	if (n >= 16) {
		memcpy(to, from, 16);
		memcpy(to + n - 16, from + n - 16, 16);
	} else if (n >= 8) {
		memcpy(to, from, 8);
		memcpy(to + n - 8, from + n - 8, 8);
	} else if (n >= 4) {
		memcpy(to, from, 4);
		memcpy(to + n - 4, from + n - 4, 4);
	} else if (n > 0) {
		to[0] = from[0];
		to[n / 2] = from[n / 2];
		to[n - 1] = from[n - 1];
	}
}

static inline uint8_t *http_append(uint8_t *p, struct nx_http_slice s)
{
	if (s.length <= 32)
		http_copy_few(p, s.data, s.length);
	else
		memcpy(p, s.data, s.length);
	return p + s.length;
}

static inline void http_write_slice(struct nx_http_writer *writer, struct nx_http_slice s)
{
	uint8_t *p = http_write_space(writer, s.length);

	if (p != NULL)
		http_append(p, s);
}

// Decimal digits of a number, right-aligned in 20 bytes; returns how many.
size_t nx_http_digits(uint8_t digits[20], uint64_t number);

// Ends the request line if it is open; afterwards the writer is at its fields, or has a fault.
void nx_http_write_line_end(struct nx_http_writer *writer);

// Is a field line of this name and value free of anything that would end it early?
enum nx_http_verdict nx_http_field_check(struct nx_http_slice name, struct nx_http_slice value);

// The line itself, unchecked.
void nx_http_write_line(
	struct nx_http_writer *writer, struct nx_http_slice name, struct nx_http_slice value);
