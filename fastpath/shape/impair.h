// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a link does to the bytes of a frame. Private to shape/.

#include "shape/link.h"
#include "shape/random.h"

// A copy of a chain in one buffer, offload words included; NULL when source has none of that size.
struct buffer *impair_copy(const struct buffer *frame, struct buffer_source *source);

// Where the IP header begins; 0 and false: it is no IPv4 or IPv6 frame.
bool impair_find_ip(const struct buffer *frame, enum shape_frame kind, uint32_t *at);

// Whether the IP packet at `at` could carry a mark (RFC 3168 section 5: ECT(0) or ECT(1)).
bool impair_can_mark(const struct buffer *frame, uint32_t at);
// Marks it as having experienced congestion. The first buffer is writable and has the header.
void impair_mark(struct buffer *frame, uint32_t at);

// Flips one bit of the bytes [from, end). The chain is writable.
void impair_flip(struct buffer *frame, uint32_t from, struct shape_random *random);
