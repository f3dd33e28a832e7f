// SPDX-License-Identifier: BSD-3-Clause
// What was received: in order, for the user; and runs of bytes ahead of holes (runs.c), as many as
// memory allows. Buffers are kept as they came, small ones are copied together.
#include "tcp/engine_impl.h"

#include "core/chain.h"

enum {
	COLLECT_ROOM = 1536,
	AHEAD_FACTOR = 4, // memory for what is ahead of holes, in windows
};

// A chain with its last buffer at hand.
struct span {
	struct buffer *head;
	struct buffer *tail;
	uint32_t start;
	uint32_t end;
};

static void chain_put(struct tcp_engine *e, struct tcp_connection *c, struct buffer *chain)
{
	for (struct buffer *b = chain; b; b = b->next)
		c->receive_held -= tcp_buffer_cost(b);
	if (chain)
		e->config.buffers->put(e->config.buffers, chain);
}

static struct span span_of(struct tcp_connection *c, struct buffer *chain, uint32_t start)
{
	struct span s = {.head = chain, .tail = chain, .start = start};

	s.end = start + chain->total_length;
	for (struct buffer *b = chain; b; b = b->next) {
		s.tail = b;
		c->receive_held += tcp_buffer_cost(b);
	}
	return s;
}

static bool is_small(const struct buffer *b)
{
	return (uint32_t)b->length * 4 <= tcp_buffer_cost(b);
}

// A buffer to collect small pieces in, linked behind the tail; NULL when none is to be had.
static struct buffer *collector_new(
	struct tcp_engine *e, struct tcp_connection *c, struct buffer *head, struct buffer **tail)
{
	struct buffer *b = e->config.buffers->get(e->config.buffers, COLLECT_ROOM);

	if (b == NULL)
		return NULL;
	b->length = 0;
	c->receive_held += tcp_buffer_cost(b);
	(*tail)->next = b;
	*tail = b;
	head->segments++;
	return b;
}

// Copies a small buffer behind the last one: a window of one-byte segments must not pin a buffer
// for each.
static bool tail_copy(struct tcp_engine *e, struct tcp_connection *c, struct buffer *head,
	struct buffer **tail, struct buffer *b)
{
	struct buffer *to = *tail;

	if (b->next || !is_small(b) || b->length > COLLECT_ROOM || (c->manner & TCP_KEEPS_SEGMENTS))
		return false;
	if (to->references != 1 || buffer_tailroom(to) < b->length) {
		if (!is_small(to))
			return false;
		to = collector_new(e, c, head, tail);
	}
	if (to == NULL)
		return false;
	memcpy(buffer_data(to) + to->length, buffer_data(b), b->length);
	to->length = (uint16_t)(to->length + b->length);
	tcp_count(e, segments_coalesced);
	chain_put(e, c, b);
	return true;
}

// Adds s to a chain: *head keeps the sums. The head's count of buffers has 16 bits.
static void chain_append(struct tcp_engine *e, struct tcp_connection *c, struct buffer **head,
	struct buffer **tail, const struct span *s)
{
	uint32_t bytes = s->head->total_length;

	if (*head == NULL) {
		*head = s->head;
		*tail = s->tail;
		return;
	}
	if (!tail_copy(e, c, *head, tail, s->head)) {
		(*tail)->next = s->head;
		(*head)->segments = (uint16_t)((*head)->segments + s->head->segments);
		*tail = s->tail;
	}
	(*head)->total_length += bytes;
}

static void run_free(struct tcp_engine *e, struct tcp_connection *c, struct buffer *run)
{
	run_remove(c, run);
	chain_put(e, c, run);
}

void receive_clear(struct tcp_engine *e, struct tcp_connection *c)
{
	while (c->runs)
		run_free(e, c, c->runs);
	chain_put(e, c, c->receive_head);
	c->receive_head = c->receive_tail = NULL;
}

static void dsack_set(struct tcp_connection *c, uint32_t start, uint32_t end)
{
	c->flags |= TCP_DSACK_DUE;
	c->dsack_start = start;
	c->dsack_end = end;
}

// Takes [s->start, s->end) into the in-order queue; s->start is RCV.NXT.
static void deliver(struct tcp_engine *e, struct tcp_connection *c, const struct span *s)
{
	tcp_count_by(e, bytes_received, s->end - s->start);
	c->rcv_nxt = s->end;
	if (c->flags & TCP_NO_MORE_DATA) {
		chain_put(e, c, s->head);
		return;
	}
	chain_append(e, c, &c->receive_head, &c->receive_tail, s);
	event_raise(e, c, TCP_EVENT_READABLE);
}

// Runs that the hole before them no longer parts from RCV.NXT.
static void runs_deliver(struct tcp_engine *e, struct tcp_connection *c)
{
	struct buffer *head;

	while ((head = run_first(c)) != NULL &&
		seq_at_or_before(tcp_run(head)->start, c->rcv_nxt)) {
		struct span s = {.head = head,
			.tail = tcp_run(head)->tail,
			.start = tcp_run(head)->start,
			.end = tcp_run(head)->end};

		run_remove(c, head);
		if (seq_at_or_before(s.end, c->rcv_nxt)) {
			chain_put(e, c, head);
			continue;
		}
		if (s.start != c->rcv_nxt) {
			for (struct buffer *b = head; b; b = b->next)
				c->receive_held -= tcp_buffer_cost(b);
			s.head = chain_skip(head, c->rcv_nxt - s.start, e->config.buffers);
			s = span_of(c, s.head, c->rcv_nxt);
		}
		deliver(e, c, &s);
	}
}

// Joins a run with the one behind it if they touch now.
static void run_join(struct tcp_engine *e, struct tcp_connection *c, struct buffer *run)
{
	struct buffer *next = run_next(run);
	struct span s;

	if (next == NULL || tcp_run(next)->start != tcp_run(run)->end)
		return;
	s = (struct span){.head = next,
		.tail = tcp_run(next)->tail,
		.start = tcp_run(next)->start,
		.end = tcp_run(next)->end};
	run_remove(c, next);
	chain_append(e, c, &run, &tcp_run(run)->tail, &s);
	tcp_run(run)->end = s.end;
}

static uint32_t chain_cost(const struct buffer *chain)
{
	uint32_t cost = 0;

	for (const struct buffer *b = chain; b; b = b->next)
		cost += tcp_buffer_cost(b);
	return cost;
}

static bool memory_is_spent(
	const struct tcp_engine *e, const struct tcp_connection *c, const struct buffer *chain)
{
	return c->receive_held + chain_cost(chain) > profile_of(e, c)->receive_memory;
}

// What lies ahead of holes is kept at the peer's wish alone: a peer that has not shown how fast it
// is must not pin a buffer for every byte of the window.
static bool ahead_is_spent(
	const struct tcp_engine *e, const struct tcp_connection *c, const struct buffer *chain)
{
	uint32_t bound = profile_of(e, c)->receive_memory;

	if (c->receive_limit < bound / AHEAD_FACTOR)
		bound = c->receive_limit * AHEAD_FACTOR;
	return c->receive_held + chain_cost(chain) > bound;
}

static void run_insert(struct tcp_engine *e, struct tcp_connection *c, struct buffer *previous,
	const struct span *s)
{
	if (previous && tcp_run(previous)->end == s->start) {
		chain_append(e, c, &previous, &tcp_run(previous)->tail, s);
		tcp_run(previous)->end = s->end;
		run_touch(c, previous);
		run_join(e, c, previous);
		return;
	}
	run_add(e, c, s->head, s->tail, s->start, s->end);
	run_join(e, c, s->head);
}

// Text ahead of a hole. Overlaps with what is there are cut off the new text: what was
// acknowledged by SACK stays as it was.
static enum drop_reason receive_ahead(
	struct tcp_engine *e, struct tcp_connection *c, struct buffer *chain, uint32_t start)
{
	uint32_t end = start + chain->total_length;
	struct buffer *previous = run_before(c, start);
	struct buffer *next;

	if (previous && seq_at_or_before(end, tcp_run(previous)->end)) {
		dsack_set(c, start, end);
		e->config.buffers->put(e->config.buffers, chain);
		return DROP_TCP_OLD_DUPLICATE;
	}
	if (ahead_is_spent(e, c, chain)) {
		tcp_count(e, out_of_order_refused);
		text_refused(c, end);
		e->config.buffers->put(e->config.buffers, chain);
		return DROP_TCP_MEMORY;
	}
	if (previous && seq_before(start, tcp_run(previous)->end)) {
		chain = chain_skip(chain, tcp_run(previous)->end - start, e->config.buffers);
		start = tcp_run(previous)->end;
	}
	// What the new text covers whole goes.
	while ((next = previous ? run_next(previous) : run_first(c)) != NULL &&
		seq_at_or_before(tcp_run(next)->end, end))
		run_free(e, c, next);
	if (next && seq_before(tcp_run(next)->start, end))
		chain_trim(chain, tcp_run(next)->start - start, e->config.buffers);

	struct span s = span_of(c, chain, start);

	tcp_count(e, out_of_order_segments);
	run_insert(e, c, previous, &s);
	return DROP_NONE;
}

// Makes room for text in order at the cost of what lies ahead: without it nothing would move again
// (RFC 2018 8 allows to forget what was only reported).
static bool room_made(struct tcp_engine *e, struct tcp_connection *c, const struct buffer *chain)
{
	while (memory_is_spent(e, c, chain)) {
		struct buffer *last = run_last(c);

		if (last == NULL)
			return false;
		text_refused(c, tcp_run(last)->end);
		run_free(e, c, last);
	}
	return true;
}

enum drop_reason receive_text(struct tcp_engine *e, struct tcp_connection *c, struct tcp_segment *s)
{
	struct buffer *chain = s->payload;
	uint32_t start = s->sequence;
	struct span span;

	s->payload = NULL;
	if (seq_before(start, c->rcv_nxt)) {
		dsack_set(c, start, c->rcv_nxt);
		chain = chain_skip(chain, c->rcv_nxt - start, e->config.buffers);
		start = c->rcv_nxt;
		// All of it was there: only a FIN behind it is new.
		if (chain == NULL)
			return DROP_NONE;
	}
	if (start != c->rcv_nxt)
		return receive_ahead(e, c, chain, start);
	// Two buffers' worth beyond the bound lets the peer's last window in, whatever it holds.
	if (!room_made(e, c, chain) && c->receive_head) {
		text_refused(c, start + chain->total_length);
		e->config.buffers->put(e->config.buffers, chain);
		return DROP_TCP_MEMORY;
	}
	span = span_of(c, chain, start);
	deliver(e, c, &span);
	runs_deliver(e, c);
	return DROP_NONE;
}

uint32_t tcp_receive_ready(const struct tcp_engine *engine, uint32_t connection)
{
	const struct tcp_connection *c = engine_at(engine, connection);

	return c->receive_head ? c->receive_head->total_length : 0;
}

// Cuts the queue behind the buffer that holds byte `max`; the rest stays.
static void queue_cut(struct tcp_connection *c, uint32_t max)
{
	struct buffer *head = c->receive_head;
	struct buffer *last = head;
	uint32_t bytes = head->length;
	uint16_t segments = 1;

	while (last->next && bytes + last->next->length <= max) {
		last = last->next;
		bytes += last->length;
		segments++;
	}
	c->receive_head = last->next;
	if (c->receive_head == NULL) {
		c->receive_tail = NULL;
		return;
	}
	c->receive_head->segments = (uint16_t)(head->segments - segments);
	c->receive_head->total_length = head->total_length - bytes;
	head->segments = segments;
	head->total_length = bytes;
	last->next = NULL;
}

struct buffer *tcp_receive(struct tcp_engine *engine, uint32_t connection, uint32_t max, usec_t now)
{
	struct tcp_connection *c = engine_at(engine, connection);
	struct buffer *head = c->receive_head;

	engine->now = now;
	if (head == NULL)
		return NULL;
	if (head->total_length <= max)
		c->receive_head = c->receive_tail = NULL;
	else
		queue_cut(c, max);
	for (struct buffer *b = head; b; b = b->next)
		c->receive_held -= tcp_buffer_cost(b);
	window_tune(engine, c, head->total_length);
	if (c->flags & TCP_URGENT_IN)
		urgent_settle(c);
	return head;
}
