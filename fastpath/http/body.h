// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Where a message's body ends, followed while its buffers pass untouched. Trailer fields are taken
// off (RFC 9110 6.5.1 lets an intermediary discard them) or sifted, and where it is asked for the
// chunks' framing is taken off; nothing else. Worker thread.

#include "nexwire/http_chunked.h"
#include "tls/queue.h"

enum {
	HTTP_TRAILER_MAX = 4096,
	HTTP_TRAILER_SCRATCH = 3 * HTTP_TRAILER_MAX,
};

struct http_body {
	uint8_t framing; // enum nx_http_framing
	bool is_over;
	bool is_bare;       // chunks pass as their content alone
	bool keeps_trailer; // what may go on of it does (http_trailer_rewrite)
	bool in_trailer;    // what is left at the front of the input is the trailer section's begin
	bool is_starved;    // of a buffer: what is at the front may go on without more behind it
	uint16_t trailer;   // bytes of what a bare body keeps, behind HTTP_TRAILER_MAX of scratch
	uint64_t left;      // by length
	struct nx_http_chunked chunked;
};

enum http_body_verdict {
	HTTP_BODY_MORE,
	HTTP_BODY_OVER,
	HTTP_BODY_BROKEN,    // the chunked coding is
	HTTP_BODY_NO_BUFFER, // what was moved is in *out; try again
};

void http_body_begin(struct http_body *body, enum nx_http_framing framing, uint64_t length,
	bool is_bare, bool keeps_trailer);

// Moves what belongs to the body from the front of `in` behind *out, about max bytes at most.
// scratch: HTTP_TRAILER_SCRATCH bytes for the call.
enum http_body_verdict http_body_take(struct http_body *body, struct tls_queue *in, uint32_t max,
	struct buffer_source *source, uint8_t *scratch, struct tls_queue *out);
