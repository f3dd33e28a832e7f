// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A chain under work: its ends and sums are known, and it can be cut. Worker thread.

#include "core/buffer.h"

// Invariant: bytes and buffers sum the list; tail is NULL where head is, and in an adopted chain
// until it is needed. The heads' own sums (total_length, segments) are right only in what
// tls_queue_chain hands out.
struct tls_queue {
	struct buffer *head;
	struct buffer *tail;
	uint32_t bytes;
	uint32_t buffers;
};

// Makes an empty queue of a chain whose head has right sums, without a look at its buffers.
void tls_queue_adopt(struct tls_queue *q, struct buffer *chain);
// Takes a chain; empty buffers in it are kept.
void tls_queue_append(struct tls_queue *q, struct buffer *chain);
// Moves all of from behind q.
void tls_queue_join(struct tls_queue *q, struct tls_queue *from);
// Moves the first n bytes (at most q->bytes) to *front, which is empty. A buffer that has bytes of
// both is divided by the source's `share`, or its front is copied where there is none. False, and
// nothing changed, when that has no buffer.
[[nodiscard]] bool tls_queue_cut(
	struct tls_queue *q, uint32_t n, struct buffer_source *source, struct tls_queue *front);
// n bytes more behind the last: in its tailroom when that is ours, else in a new buffer. NULL when
// there is none. At most BUFFER_HEADROOM bytes.
uint8_t *tls_queue_room(struct tls_queue *q, uint16_t n, struct buffer_source *source);
// Gives away the first, the last n bytes (at most q->bytes) and buffers that end up empty.
void tls_queue_drop_front(struct tls_queue *q, uint32_t n, struct buffer_source *source);
void tls_queue_drop_back(struct tls_queue *q, uint32_t n, struct buffer_source *source);
void tls_queue_clear(struct tls_queue *q, struct buffer_source *source);
// Hands out all as one chain, NULL when empty.
struct buffer *tls_queue_chain(struct tls_queue *q);
