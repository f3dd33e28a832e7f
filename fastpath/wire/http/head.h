// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the head reader's parts share. Private to http/.

#include "nexwire/http_head.h"

#define http_unlikely(cond) __builtin_expect(!!(cond), 0)

// Where a head stopped being read: what the byte at `position` belongs to.
enum http_phase {
	HTTP_AT_START, // perhaps an empty line before a request
	HTTP_AT_START_LF,
	HTTP_AT_METHOD,
	HTTP_AT_TARGET,
	HTTP_AT_REQUEST_VERSION,
	HTTP_AT_STATUS_VERSION,
	HTTP_AT_STATUS,
	HTTP_AT_STATUS_END,
	HTTP_AT_REASON,
	HTTP_AT_LINE_CR,
	HTTP_AT_LINE_LF,
	HTTP_AT_FIELD,
	HTTP_AT_NAME,
	HTTP_AT_VALUE_SPACE,
	HTTP_AT_VALUE,
	HTTP_AT_VALUE_LF,
	HTTP_AT_LAST_LF,
	HTTP_AT_END,
	HTTP_AT_FAULT
};

enum {
	HTTP_HEAD_BYTES = 8192,
	HTTP_HEAD_BYTES_MOST = 65535,
	HTTP_METHOD_BYTES = 32,
	HTTP_EXTENSION_BYTES = 1024,
	HTTP_TRAILER_BYTES = 4096
};

// Most header sections repeat few names: a length outside this set needs no comparison.
static inline bool http_length_is_known(size_t length)
{
	return length < 32 && (UINT32_C(0x244d0) >> length & 1) != 0;
}

// enum nx_http_known of a name, or -1.
int nx_http_known_of(const uint8_t *name, size_t length);

// May a field of this name not stand in a trailer section (RFC 9110 6.5.1)?
bool nx_http_trailer_is_forbidden(struct nx_http_slice name);

// Notes field number head->count - 1 in head->known if its name is known.
void nx_http_known_note(struct nx_http_head *head, const uint8_t *name, size_t length);

// The words after "HTTP/" at p, where 8 bytes are: NX_HTTP_OK and the minor version.
enum nx_http_verdict nx_http_version_read(const uint8_t *p, uint8_t *minor);

// What a whole head means, its syntax being right. At a fault sets head->position.
enum nx_http_verdict nx_http_request_judge(struct nx_http_head *head, const uint8_t *bytes);
enum nx_http_verdict nx_http_response_judge(struct nx_http_head *head, const uint8_t *bytes);
enum nx_http_verdict nx_http_trailer_judge(struct nx_http_head *head, const uint8_t *bytes);

// Splits and checks the target of a request (RFC 9112 3.2).
enum nx_http_verdict nx_http_target_judge(struct nx_http_head *head, const uint8_t *bytes);

// host[:port] inside a head: fills head->host and head->port. False if it is none.
bool nx_http_authority_split(
	struct nx_http_head *head, const uint8_t *bytes, struct nx_http_span authority);

static inline uint64_t http_load64(const void *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

// Are these `length` bytes, letters in any case, the ones of `lower`? Words that overlap instead of
// a loop. Bit 0x20 makes small letters of capital ones; it makes a letter, a digit or a '-' of
// nothing else that a field may hold. `length` is a constant wherever this is called, and at
// least 4.
static inline __attribute__((always_inline)) bool http_is_word(
	const uint8_t *p, const char *lower, size_t length)
{
	const uint64_t fold = UINT64_C(0x2020202020202020);
	uint64_t difference = 0;
	uint32_t first, last, first_lower, last_lower;

	if (length >= 8) {
		for (size_t i = 0; i + 8 <= length; i += 8)
			difference |= (http_load64(p + i) | fold) ^ http_load64(lower + i);
		difference |=
			(http_load64(p + length - 8) | fold) ^ http_load64(lower + length - 8);
		return difference == 0;
	}
	memcpy(&first, p, 4);
	memcpy(&last, p + length - 4, 4);
	memcpy(&first_lower, lower, 4);
	memcpy(&last_lower, lower + length - 4, 4);
	return (((first | (uint32_t)fold) ^ first_lower) |
		       ((last | (uint32_t)fold) ^ last_lower)) == 0;
}

#define http_is(slice, literal)                                                                    \
	((slice).length == sizeof(literal) - 1 &&                                                  \
		http_is_word((slice).data, literal, sizeof(literal) - 1))

static inline uint8_t http_lower(uint8_t byte)
{
	return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

static inline struct nx_http_slice http_value(
	const struct nx_http_head *head, const uint8_t *bytes, unsigned field)
{
	return nx_http_span_of(bytes, head->fields[field].value);
}
