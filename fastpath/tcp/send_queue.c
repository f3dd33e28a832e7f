// SPDX-License-Identifier: BSD-3-Clause
// What waits to be sent and what is not acknowledged yet: one list by sequence, each entry sent and
// judged as a whole. Entries in flight are in a second list by time of their last transmission.
#include "tcp/engine_impl.h"

enum {
	SMALL_PAYLOAD = 512
};

static void sent_unlink(struct tcp_connection *c, struct buffer *b)
{
	struct tcp_entry *t = tcp_entry(b);

	if (t->sent_next == NULL && t->sent_previous == NULL && c->sent_head != b)
		return;
	if (t->sent_previous)
		tcp_entry(t->sent_previous)->sent_next = t->sent_next;
	else
		c->sent_head = t->sent_next;
	if (t->sent_next)
		tcp_entry(t->sent_next)->sent_previous = t->sent_previous;
	else
		c->sent_tail = t->sent_previous;
	t->sent_next = t->sent_previous = NULL;
}

static void sent_link_after(struct tcp_connection *c, struct buffer *b, struct buffer *after)
{
	struct tcp_entry *t = tcp_entry(b);

	t->sent_previous = after;
	t->sent_next = after ? tcp_entry(after)->sent_next : c->sent_head;
	if (t->sent_next)
		tcp_entry(t->sent_next)->sent_previous = b;
	else
		c->sent_tail = b;
	if (after)
		tcp_entry(after)->sent_next = b;
	else
		c->sent_head = b;
}

static bool sent_is_linked(const struct tcp_connection *c, struct buffer *b)
{
	return tcp_entry(b)->sent_previous != NULL || c->sent_head == b;
}

void entry_sent(struct tcp_engine *e, struct tcp_connection *c, struct buffer *b)
{
	struct tcp_entry *t = tcp_entry(b);

	// Delivery rates are measured from the first segment of a flight.
	if (c->sent_head == NULL)
		c->first_sent = c->delivered_at = engine_time(e);
	sent_unlink(c, b);
	sent_link_after(c, b, c->sent_tail);
	t->sent = engine_time(e);
	t->delivered = c->delivered;
	t->delivered_at = c->delivered_at;
	t->first_sent = c->first_sent;
	if (t->transmissions < UINT16_MAX)
		t->transmissions++;
	if (c->flags & TCP_APP_LIMITED)
		t->marks |= TCP_MARK_LIMITED;
}

static uint32_t live_bytes(struct buffer *b, uint32_t una)
{
	return tcp_entry_end(b) - seq_later(tcp_entry(b)->sequence, una);
}

void entry_mark_lost(struct tcp_connection *c, struct buffer *b)
{
	struct tcp_entry *t = tcp_entry(b);

	if (t->marks & (TCP_MARK_LOST | TCP_MARK_SACKED))
		return;
	if (t->marks & TCP_MARK_RETRANSMITTED)
		c->retransmitted_bytes -= live_bytes(b, c->snd_una);
	else
		c->lost_bytes += live_bytes(b, c->snd_una);
	// A lost retransmission was counted lost already, and in flight once: only the latter ends.
	t->marks &= (uint8_t)~TCP_MARK_RETRANSMITTED;
	t->marks |= TCP_MARK_LOST;
	sent_unlink(c, b);
	if (c->lost_hint == NULL || seq_before(t->sequence, tcp_entry(c->lost_hint)->sequence))
		c->lost_hint = b;
}

// A delivered segment's news: round trip, delivery rate, RACK. RFC 8985 6.2 step 2.
void entry_delivered(
	struct tcp_engine *e, struct tcp_connection *c, struct buffer *b, struct tcp_ack *ack)
{
	struct tcp_entry *t = tcp_entry(b);
	uint32_t now = engine_time(e);

	if (t->transmissions == 1 && (ack->rtt_us == 0 || now - t->sent < ack->rtt_us))
		ack->rtt_us = now - t->sent ? now - t->sent : 1;
	rack_delivered(c, b, now);
	// The newest segment delivered gives the sample.
	if (ack->rate_us == 0 || !seq_before(t->delivered, ack->round_delivered)) {
		uint32_t send_us = t->sent - t->first_sent;
		uint32_t ack_us = now - t->delivered_at;

		ack->round_delivered = t->delivered;
		ack->rate_us = send_us > ack_us ? send_us : ack_us;
		ack->rate_us += ack->rate_us == 0;
		ack->rate_limited = t->marks & TCP_MARK_LIMITED;
		c->first_sent = t->sent;
	}
	if ((t->marks & TCP_MARK_LOST) && t->transmissions == 1)
		ack->original = true;
}

// Takes an entry's share out of the sums. una: SND.UNA that they were reckoned with.
static void entry_uncount(struct tcp_connection *c, struct buffer *b, uint32_t bytes)
{
	struct tcp_entry *t = tcp_entry(b);

	if (t->marks & TCP_MARK_SACKED)
		c->sacked_bytes -= bytes;
	if (t->marks & (TCP_MARK_LOST | TCP_MARK_RETRANSMITTED))
		c->lost_bytes -= bytes;
	if (t->marks & TCP_MARK_RETRANSMITTED)
		c->retransmitted_bytes -= bytes;
}

void entry_mark_sacked(struct tcp_connection *c, struct buffer *b)
{
	entry_uncount(c, b, live_bytes(b, c->snd_una));
	tcp_entry(b)->marks &= (uint8_t) ~(TCP_MARK_LOST | TCP_MARK_RETRANSMITTED);
	tcp_entry(b)->marks |= TCP_MARK_SACKED;
	c->sacked_bytes += live_bytes(b, c->snd_una);
	sent_unlink(c, b);
}

// Lost by mistake: in flight after all.
void entry_found(struct tcp_connection *c, struct buffer *b)
{
	c->lost_bytes -= live_bytes(b, c->snd_una);
	tcp_entry(b)->marks &= (uint8_t)~TCP_MARK_LOST;
	sent_link_after(c, b, c->sent_tail);
}

// The peer threw away what it had reported.
void entry_forget_sack(struct tcp_connection *c, struct buffer *b)
{
	if (!(tcp_entry(b)->marks & TCP_MARK_SACKED))
		return;
	tcp_entry(b)->marks &= (uint8_t)~TCP_MARK_SACKED;
	c->sacked_bytes -= live_bytes(b, c->snd_una);
}

void entry_retransmitted(struct tcp_engine *e, struct tcp_connection *c, struct buffer *b)
{
	struct tcp_entry *t = tcp_entry(b);

	// Sent again though not known lost: a tail loss probe.
	if (!(t->marks & (TCP_MARK_LOST | TCP_MARK_RETRANSMITTED)))
		c->lost_bytes += live_bytes(b, c->snd_una);
	if (!(t->marks & TCP_MARK_RETRANSMITTED))
		c->retransmitted_bytes += live_bytes(b, c->snd_una);
	t->marks &= (uint8_t)~TCP_MARK_LOST;
	t->marks |= TCP_MARK_RETRANSMITTED;
	entry_sent(e, c, b);
}

static void entry_release(struct tcp_engine *e, struct tcp_connection *c, struct buffer *b)
{
	struct tcp_entry *t = tcp_entry(b);

	sent_unlink(c, b);
	if (c->lost_hint == b)
		c->lost_hint = t->next;
	if (c->sack_hint == b)
		c->sack_hint = NULL;
	if (c->unsent == b)
		c->unsent = t->next;
	c->send_head = t->next;
	if (t->next)
		tcp_entry(t->next)->previous = NULL;
	else
		c->send_tail = NULL;
	c->send_held -= t->cost;
	e->config.buffers->put(e->config.buffers, b);
}

void send_queue_release(struct tcp_engine *e, struct tcp_connection *c, struct tcp_ack *ack)
{
	while (c->send_head && seq_before(tcp_entry(c->send_head)->sequence, c->snd_una)) {
		struct buffer *b = c->send_head;
		uint32_t end = seq_earlier(tcp_entry_end(b), c->snd_una);
		uint32_t bytes = end - seq_later(tcp_entry(b)->sequence, ack->prior_una);
		bool was_sacked = tcp_entry(b)->marks & TCP_MARK_SACKED;

		if (!was_sacked)
			ack->delivered += bytes;
		ack->retransmitted |= tcp_entry(b)->transmissions > 1;
		entry_uncount(c, b, bytes);
		if (seq_before(c->snd_una, tcp_entry_end(b)))
			return;
		if (!was_sacked)
			entry_delivered(e, c, b, ack);
		entry_release(e, c, b);
	}
}

void send_queue_clear(struct tcp_engine *e, struct tcp_connection *c)
{
	while (c->send_head)
		entry_release(e, c, c->send_head);
	c->sacked_bytes = c->lost_bytes = c->retransmitted_bytes = 0;
}

// The bytes [from, from + n) of one buffer in a buffer of their own.
static struct buffer *part_of(struct tcp_engine *e, struct buffer *b, uint32_t from, uint32_t n)
{
	struct buffer_source *source = e->config.buffers;
	struct buffer *part;

	if (source->share) {
		part = source->share(source, b);
		if (part == NULL)
			return NULL;
		part->offset = (uint16_t)(part->offset + from);
	} else {
		part = source->get(source, n);
		if (part == NULL)
			return NULL;
		memcpy(buffer_data(part), buffer_data(b) + from, n);
	}
	part->length = (uint16_t)n;
	part->total_length = n;
	part->next = NULL;
	memset(part->state, 0, sizeof(part->state));
	return part;
}

static void link_after(struct tcp_connection *c, struct buffer *b, struct buffer *new)
{
	struct tcp_entry *t = tcp_entry(b);
	struct tcp_entry *n = tcp_entry(new);

	n->next = t->next;
	n->previous = b;
	if (t->next)
		tcp_entry(t->next)->previous = new;
	else
		c->send_tail = new;
	t->next = new;
}

// `new` takes the place of b, which a packet under way still shows.
static void replace(struct tcp_connection *c, struct buffer *b, struct buffer *new)
{
	struct tcp_entry *t = tcp_entry(b);

	memcpy(new->state, b->state, sizeof(b->state));
	if (t->previous)
		tcp_entry(t->previous)->next = new;
	else
		c->send_head = new;
	if (t->next)
		tcp_entry(t->next)->previous = new;
	else
		c->send_tail = new;
	if (t->sent_previous)
		tcp_entry(t->sent_previous)->sent_next = new;
	else if (c->sent_head == b)
		c->sent_head = new;
	if (t->sent_next)
		tcp_entry(t->sent_next)->sent_previous = new;
	else if (c->sent_tail == b)
		c->sent_tail = new;
	if (c->unsent == b)
		c->unsent = new;
	if (c->lost_hint == b)
		c->lost_hint = new;
	if (c->sack_hint == b)
		c->sack_hint = new;
}

struct buffer *entry_divide(
	struct tcp_engine *e, struct tcp_connection *c, struct buffer *b, uint32_t n)
{
	struct buffer *rest = part_of(e, b, n, b->length - n);
	struct buffer *first = b;
	struct tcp_entry *t;

	if (rest == NULL)
		return NULL;
	if (b->references > 1) {
		first = part_of(e, b, 0, n);
		if (first == NULL) {
			e->config.buffers->put(e->config.buffers, rest);
			return NULL;
		}
		replace(c, b, first);
		e->config.buffers->put(e->config.buffers, b);
	} else {
		b->length = (uint16_t)n;
		b->total_length = n;
	}
	t = tcp_entry(first);
	*tcp_entry(rest) = *t;
	tcp_entry(rest)->sequence = t->sequence + n;
	tcp_entry(rest)->cost = t->cost / 2;
	t->cost -= t->cost / 2;
	t->marks &= (uint8_t) ~(TCP_MARK_OWN | TCP_MARK_PUSH);
	tcp_entry(rest)->marks &= (uint8_t)~TCP_MARK_OWN;
	link_after(c, first, rest);
	if (sent_is_linked(c, first))
		sent_link_after(c, rest, first);
	return first;
}

static void entry_append(struct tcp_connection *c, struct buffer *b, uint8_t marks)
{
	*tcp_entry(b) = (struct tcp_entry){.sequence = c->snd_end,
		.previous = c->send_tail,
		.cost = tcp_buffer_cost(b),
		.marks = marks};
	b->next = NULL;
	b->segments = 1;
	b->total_length = b->length;
	if (c->send_tail)
		tcp_entry(c->send_tail)->next = b;
	else
		c->send_head = b;
	c->send_tail = b;
	if (c->unsent == NULL)
		c->unsent = b;
	c->snd_end += b->length;
	c->send_held += tcp_entry(b)->cost;
}

// Small pieces are copied together: a queue must not hold a whole buffer for every few bytes.
static bool coalesce(struct tcp_engine *e, struct tcp_connection *c, struct buffer *b)
{
	struct buffer_source *source = e->config.buffers;
	struct buffer *tail = c->send_tail;

	if (b->length > SMALL_PAYLOAD || (uint32_t)b->length * 4 > tcp_buffer_cost(b) ||
		c->unsent == NULL || tail->length > c->mss - b->length)
		return false;
	if (!(tcp_entry(tail)->marks & TCP_MARK_OWN) || buffer_tailroom(tail) < b->length) {
		struct buffer *own =
			tail->length <= SMALL_PAYLOAD ? source->get(source, c->mss) : NULL;

		if (own == NULL)
			return false;
		own->length = 0;
		entry_append(c, own, TCP_MARK_OWN);
		tail = own;
	}
	memcpy(buffer_data(tail) + tail->length, buffer_data(b), b->length);
	tail->length = (uint16_t)(tail->length + b->length);
	tail->total_length = tail->length;
	c->snd_end += b->length;
	source->put(source, b);
	return true;
}

static bool can_send(const struct tcp_connection *c)
{
	if (c->flags & (TCP_FIN_QUEUED | TCP_IS_FAILED))
		return false;
	return c->state == TCP_ESTABLISHED || c->state == TCP_CLOSE_WAIT ||
	       c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECEIVED;
}

int tcp_send(struct tcp_engine *engine, uint32_t connection, struct buffer *chain, uint32_t flags,
	usec_t now)
{
	struct tcp_connection *c = engine_at(engine, connection);
	struct buffer_source *source = engine->config.buffers;

	engine->now = now;
	if (!can_send(c)) {
		source->put(source, chain);
		return -EPIPE;
	}
	while (chain) {
		struct buffer *b = chain;

		chain = b->next;
		b->next = NULL;
		b->segments = 1;
		if (b->length == 0)
			source->put(source, b);
		else if (!coalesce(engine, c, b))
			entry_append(c, b, 0);
	}
	if (flags & TCP_SEND_MORE) {
		c->flags |= TCP_MORE_FOLLOWS;
	} else {
		c->flags &= ~(uint32_t)TCP_MORE_FOLLOWS;
		if (c->unsent)
			tcp_entry(c->send_tail)->marks |= TCP_MARK_PUSH;
	}
	c->flags &= ~(uint32_t)TCP_APP_LIMITED;
	if (tcp_send_room(engine, connection) == 0)
		c->flags |= TCP_WAS_FULL;
	flush_add(engine, c);
	return 0;
}

// The queue's own ratio of payload to memory says what the rest of the bound will carry.
uint32_t tcp_send_room(const struct tcp_engine *engine, uint32_t connection)
{
	struct tcp_connection *c = engine_at(engine, connection);
	uint32_t bound = profile_of(engine, c)->send_memory;

	if (!can_send(c))
		return 0;
	if (c->send_held >= bound)
		return 0;
	return (bound - c->send_held) / 2;
}
