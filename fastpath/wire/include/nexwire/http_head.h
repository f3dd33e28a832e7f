// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Heads of HTTP/1.1 messages: one pass over the bytes as they lie, resumed where it stopped when
// more arrive, nothing copied. The reader takes one grammar only and refuses what two recipients
// could read differently (RFC 9112 sections 2 to 6, 11.1 and 11.2). Stricter than the RFC obliges:
// - no line ends in a bare LF; nothing is folded; no space stands before a colon or around a
// version;
// - a Content-Length comes once, with one number; it never meets a Transfer-Encoding, in responses
//   neither;
// - the one transfer coding is "chunked", once, in HTTP/1.1; CONNECT and TRACE carry no body;
// - a host is letters, digits, '-', '.' and '_', or an address, with a port of 1 to 65535 or none;
// - the Host of an absolute-form request is its authority (RFC 9112 3.2);
// - a 204 or 1xx response says neither Transfer-Encoding nor a Content-Length above 0.
// Looser: one empty line before a request (2.2), a missing space after a status without reason,
// and in targets the bytes of [ ] ^ ` { | } that browsers send.

#include <string.h>

#include "nexwire/http_verdict.h"

NX_BEGIN

// A piece of memory that somebody else owns.
struct nx_http_slice {
	const uint8_t *data;
	size_t length;
};

// A piece of a head, counted from the head's first byte: it holds when the bytes move together.
struct nx_http_span {
	uint16_t at;
	uint16_t length;
};

// A field line; the value is without the white space around it.
struct nx_http_field {
	struct nx_http_span name;
	struct nx_http_span value;
};

// Zero in a member means the default.
struct nx_http_limits {
	uint32_t head_bytes;      // first line and fields; 8192, at most 65535
	uint32_t extension_bytes; // chunk extensions of one body; 1024
	uint32_t trailer_bytes;   // trailer section; 4096, at most 65535
	uint64_t body_bytes;      // content of one message; no bound
};

enum nx_http_kind {
	NX_HTTP_REQUEST,
	NX_HTTP_RESPONSE,
	NX_HTTP_TRAILER
};

// A method outside this list is NX_HTTP_OTHER; its name is in the head.
enum nx_http_method {
	NX_HTTP_OTHER,
	NX_HTTP_GET,
	NX_HTTP_HEAD,
	NX_HTTP_POST,
	NX_HTTP_PUT,
	NX_HTTP_DELETE,
	NX_HTTP_CONNECT,
	NX_HTTP_OPTIONS,
	NX_HTTP_TRACE,
	NX_HTTP_PATCH
};

// RFC 9112 3.2
enum nx_http_form {
	NX_HTTP_ORIGIN_FORM,
	NX_HTTP_ABSOLUTE_FORM,
	NX_HTTP_AUTHORITY_FORM,
	NX_HTTP_ASTERISK_FORM
};

// How the end of the body is found (RFC 9112 6.3).
enum nx_http_framing {
	NX_HTTP_NO_BODY,
	NX_HTTP_LENGTH,  // body_length bytes, at least one
	NX_HTTP_CHUNKED, // http_chunked.h
	NX_HTTP_UNTIL_CLOSE,
	NX_HTTP_OPAQUE // the connection leaves HTTP: 101, or 2xx to CONNECT
};

// Bits of nx_http_head.flags.
enum {
	NX_HTTP_PERSISTENT = 1 << 0,       // the connection outlives this message (RFC 9112 9.3)
	NX_HTTP_EXPECTS_CONTINUE = 1 << 1, // HTTP/1.1 only (RFC 9110 10.1.1)
	NX_HTTP_ASKS_UPGRADE = 1 << 2,     // Upgrade, and Connection: upgrade, in HTTP/1.1
	NX_HTTP_SAYS_CLOSE = 1 << 3,
	NX_HTTP_HAS_LENGTH = 1 << 4 // a Content-Length was there: body_length, also to HEAD and 304
};

// Names that the reader knows: each has its place in nx_http_head.known.
enum nx_http_known {
	NX_HTTP_KNOWN_HOST,
	NX_HTTP_KNOWN_CONTENT_LENGTH,
	NX_HTTP_KNOWN_TRANSFER_ENCODING,
	NX_HTTP_KNOWN_CONNECTION,
	NX_HTTP_KNOWN_UPGRADE,
	NX_HTTP_KNOWN_EXPECT,
	NX_HTTP_KNOWNS
};

struct nx_http_head {
	// Valid after NX_HTTP_OK.
	uint32_t length; // bytes of the head with its empty line: what to consume
	uint8_t kind;    // enum nx_http_kind
	uint8_t method;  // enum nx_http_method
	uint8_t form;    // enum nx_http_form
	uint8_t framing; // enum nx_http_framing
	uint8_t minor;   // 0 or 1
	uint8_t flags;
	uint16_t status; // of a response, 100 to 999
	uint64_t body_length;
	struct nx_http_span method_name;
	struct nx_http_span target;
	struct nx_http_span path;      // of origin and absolute form; may be empty in absolute form
	struct nx_http_span query;     // behind the '?'
	struct nx_http_span authority; // of the target, else of Host: host and port
	struct nx_http_span host;      // brackets included; empty without authority (HTTP/1.0)
	uint16_t port;                 // 0 when none is given
	struct nx_http_span reason;
	struct nx_http_field *fields; // the caller's
	uint16_t capacity;
	uint16_t count;
	uint16_t known[NX_HTTP_KNOWNS]; // index + 1 of the first field of that name, 0 for none
	uint8_t repeated;               // bit a known name (1 << NX_HTTP_KNOWN_...) that came twice

	// The reader's own.
	uint16_t element; // where the name, value or word that is being read begins
	uint8_t phase;
	uint8_t fault;
	uint8_t asked;     // method of the request that a response answers
	uint8_t seen;      // bit a known name
	uint32_t position; // bytes judged so far; at a fault, where it is
	uint32_t limit;
};

// Prepares a head for reading a first message. `fields` is room for `capacity` field lines, more
// are refused; it stays the caller's. limits may be NULL.
NX_API void nx_http_head_init(struct nx_http_head *head, enum nx_http_kind kind,
	const struct nx_http_limits *limits, struct nx_http_field *fields, uint16_t capacity);

// Prepares it for the next one. For a response, `asked` is the method that it answers (its framing
// hangs on HEAD and CONNECT); anything else takes NX_HTTP_OTHER.
NX_API void nx_http_head_reset(struct nx_http_head *head, enum nx_http_method asked);

// Reads on. `bytes` is the head's first byte and `length` all that is there now: bytes judged by
// earlier calls must be there again, unchanged, wherever they moved. Answers
// NX_HTTP_OK    the head is whole; its length is head->length, what follows is not looked at;
// NX_HTTP_MORE  call again with more bytes, only those are looked at;
// else          a fault at head->position, which every later call repeats.
// Costs O(new bytes), writes only *head and the fields, reads only the bytes given.
NX_API NX_CHECKED enum nx_http_verdict nx_http_head_read(
	struct nx_http_head *head, const uint8_t *bytes, size_t length);

// The bytes of a span of this head.
static inline struct nx_http_slice nx_http_span_of(const uint8_t *bytes, struct nx_http_span span)
{
	return (struct nx_http_slice){bytes + span.at, span.length};
}

// Looks a field up by name, case-insensitively; `from` is 0 or the index after the last hit.
// Returns its index, or -1.
NX_API int nx_http_field_find(
	const struct nx_http_head *head, const uint8_t *bytes, const char *name, int from);

// Does a comma-separated list (RFC 9110 5.6.1) hold this token, case-insensitively?
NX_API bool nx_http_list_has(struct nx_http_slice list, const char *token);

// Are these the same, ASCII letters compared without case?
NX_API bool nx_http_same(struct nx_http_slice a, const char *b);

NX_API enum nx_http_method nx_http_method_of(struct nx_http_slice name);

// "GET"; NULL for NX_HTTP_OTHER.
NX_API const char *nx_http_method_name(enum nx_http_method method);

NX_END
