// SPDX-License-Identifier: BSD-3-Clause
// Connections that keep the peer's segments (TCP_KEEP_SEGMENTS): where each ended and whether it
// was pushed goes along with the buffers that carry it, and it leaves another connection as it
// came.
#include "tcp/engine_impl.h"

enum {
	PIECE_MAX = 1536, // bytes copied into one buffer
};

// A place in a chain.
struct place {
	const struct buffer *b;
	uint32_t at;
};

static void copy_on(struct place *from, uint8_t *out, uint32_t n)
{
	while (n > 0) {
		uint32_t some = u32_min(n, from->b->length - from->at);

		memcpy(out, buffer_data(from->b) + from->at, some);
		out += some;
		n -= some;
		from->at += some;
		if (from->at == from->b->length)
			*from = (struct place){.b = from->b->next};
	}
}

static void mark(struct buffer *b, uint8_t segment_end)
{
	tcp_entry(b)->segment_end = segment_end;
}

static void append(struct buffer **head, struct buffer **tail, struct buffer *b, uint32_t bytes)
{
	b->length = (uint16_t)bytes;
	b->next = NULL;
	if (*head == NULL) {
		*head = b;
		b->total_length = 0;
		b->segments = 0;
	} else {
		(*tail)->next = b;
	}
	*tail = b;
	(*head)->total_length += bytes;
	(*head)->segments++;
}

// What the segments of one frame may take: what is left for the user's bytes, or all of the memory
// when none wait for him, because text in order makes what lies ahead of holes give way.
static uint32_t cut_memory(const struct tcp_engine *e, const struct tcp_connection *c)
{
	uint32_t bound = profile_of(e, c)->receive_memory;

	return c->receive_head ? bound - u32_min(bound, c->receive_held) : bound;
}

// Cuts a frame of many segments where the wire had them, each to buffers of its own. Without
// buffers, or beyond the memory, the rest is let go, for the peer to send again; one segment's
// first buffer is always had. The chain, NULL for nothing.
static struct buffer *cut(
	struct tcp_engine *e, const struct buffer *frame, uint32_t size, uint32_t memory)
{
	struct buffer_source *source = e->config.buffers;
	struct place from = {.b = frame};
	struct buffer *head = NULL;
	struct buffer *tail = NULL;
	uint32_t left = frame->total_length;
	uint32_t segment = u32_min(size, left);
	uint32_t cost = 0;

	while (left > 0) {
		uint32_t n = u32_min(segment, PIECE_MAX);
		struct buffer *piece;

		if (cost > memory) {
			tcp_count(e, frames_cut_short);
			return head;
		}
		piece = source->get(source, n);
		if (piece == NULL) {
			tcp_count(e, no_buffer);
			return head;
		}
		cost += tcp_buffer_cost(piece);
		copy_on(&from, buffer_data(piece), n);
		append(&head, &tail, piece, n);
		left -= n;
		segment -= n;
		mark(piece, segment == 0 ? SEGMENT_ENDS : SEGMENT_GOES_ON);
		if (segment == 0)
			segment = u32_min(size, left);
	}
	return head;
}

static void mark_whole(struct buffer *chain, uint8_t segment_end)
{
	for (struct buffer *b = chain; b; b = b->next)
		mark(b, b->next ? SEGMENT_GOES_ON : segment_end);
}

bool segments_keep(struct tcp_engine *e, const struct tcp_connection *c, struct tcp_segment *s)
{
	struct buffer *frame = s->payload;
	uint32_t size = s->packet->flags & PACKET_SEGMENTED ? s->packet->segment_size : 0;
	uint8_t last = s->flags & TCP_FLAG_PSH ? SEGMENT_ENDS_PUSHED : SEGMENT_ENDS;
	struct buffer *chain;

	if (size == 0 || frame->total_length <= size) {
		mark_whole(frame, last);
		return true;
	}
	chain = cut(e, frame, size, cut_memory(e, c));
	if (chain == NULL || chain->total_length < s->length)
		s->flags &= (uint8_t)~TCP_FLAG_FIN;
	if (chain == NULL)
		return false;
	if (chain->total_length == s->length) {
		struct buffer *tail = chain;

		while (tail->next)
			tail = tail->next;
		mark(tail, last);
	}
	s->length = chain->total_length;
	s->payload = chain;
	e->config.buffers->put(e->config.buffers, frame);
	return true;
}

void segments_begin(struct buffer *chain)
{
	mark_whole(chain, SEGMENT_ENDS_PUSHED);
}

uint32_t segments_next(const struct tcp_connection *c)
{
	uint32_t length = 0;

	for (struct buffer *b = c->unsent; b && length < c->mss; b = tcp_entry(b)->next) {
		length += b->length;
		if (tcp_entry(b)->segment_end)
			break;
	}
	return u32_min(length, c->mss);
}

void tcp_segments_forget(struct tcp_engine *engine, uint32_t connection)
{
	engine_at(engine, connection)->manner &= (uint8_t)~TCP_KEEPS_SEGMENTS;
}
