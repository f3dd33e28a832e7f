// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The chunked coding read (RFC 9112 7.1); http_writer.h writes it. Stricter than the RFC obliges: a
// size is at most 16 digits, no white space around it or in extensions, whose grammar is checked
// and whose bytes are bounded; trailer fields that frame, route, authenticate or describe the
// content are refused (RFC 9110 6.5.1).

#include "nexwire/http_head.h"

NX_BEGIN

enum {
	NX_HTTP_OWN_TRAILERS = 16
};

struct nx_http_chunked {
	uint64_t left;  // content of this chunk still to come
	uint64_t total; // content so far, this chunk's rest included
	uint64_t body_bytes;
	uint32_t extension_bytes;
	uint32_t extensions; // bytes of extensions so far
	uint8_t phase;
	uint8_t digits;
	uint8_t fault;
	// The trailer fields, once the body has ended: their spans count from the first byte of the
	// trailer section, which is the last trailer.length bytes consumed.
	struct nx_http_head trailer;
	struct nx_http_field own[NX_HTTP_OWN_TRAILERS];
};

// Prepares for a first body. Up to `capacity` trailer fields go to `fields`, which stay the
// caller's; with NULL, up to NX_HTTP_OWN_TRAILERS into the object, which must not move then.
// limits may be NULL; body_bytes, extension_bytes and trailer_bytes count here.
NX_API void nx_http_chunked_init(struct nx_http_chunked *chunked,
	const struct nx_http_limits *limits, struct nx_http_field *fields, uint16_t capacity);

// Prepares for the next one.
NX_API void nx_http_chunked_reset(struct nx_http_chunked *chunked);

// Reads on from the first byte not consumed yet, up to the next piece of content. Answers
// NX_HTTP_MORE  *content is the next piece, borrowed from `bytes`, or empty; it is within
//               *consumed. Call again behind that while bytes are left and *consumed is above 0; a
//               trailer section is consumed only as a whole, so keep what is not consumed;
// NX_HTTP_OK    the body has ended at *consumed, *content is empty;
// else          a fault at *consumed, which every later call repeats.
NX_API NX_CHECKED enum nx_http_verdict nx_http_chunked_read(struct nx_http_chunked *chunked,
	const uint8_t *bytes, size_t length, size_t *consumed, struct nx_http_slice *content);

// The same for all of `bytes`, with the content copied to `room` bytes at `out`, which may be
// `bytes` itself: the content then lies packed at its front. Stops with NX_HTTP_MORE when out is
// full.
NX_API NX_CHECKED enum nx_http_verdict nx_http_chunked_decode(struct nx_http_chunked *chunked,
	const uint8_t *bytes, size_t length, size_t *consumed, uint8_t *out, size_t room,
	size_t *produced);

// The same with each piece given to `take`, which may borrow it for the call and returns false to
// stop there (the piece counts as consumed).
NX_API NX_CHECKED enum nx_http_verdict nx_http_chunked_each(struct nx_http_chunked *chunked,
	const uint8_t *bytes, size_t length, size_t *consumed,
	bool (*take)(void *context, struct nx_http_slice content), void *context);

NX_END
