// SPDX-License-Identifier: BSD-3-Clause
// What waits to be sent and what is not acknowledged yet: one list by sequence, each entry sent and
// judged as a whole. Entries in flight are in a second list by time of their last transmission,
// lost ones in one by sequence.
#include "tcp/engine_impl.h"

enum {
	SMALL_PAYLOAD = 512,
	LOST_WALK_MAX = 64, // entries looked at for the place of one
	SAME_WALK_MAX = 8,  // and for others over its memory
	PART_SMALL = 512,   // bytes
	PART_COST = 2048 + BUFFER_HEADROOM + sizeof(struct buffer),
};

// Which list an entry is in through its second pair of links, NULL for none.
static struct tcp_entries *entries_of(struct tcp_connection *c, const struct tcp_entry *t)
{
	if (t->transmissions == 0 || (t->marks & TCP_MARK_SACKED))
		return NULL;
	return t->marks & TCP_MARK_LOST ? &c->lost : &c->sent;
}

static void unlink_from(struct tcp_entries *list, struct tcp_entry *t)
{
	if (t->other_previous)
		tcp_entry(t->other_previous)->other_next = t->other_next;
	else
		list->head = t->other_next;
	if (t->other_next)
		tcp_entry(t->other_next)->other_previous = t->other_previous;
	else
		list->tail = t->other_previous;
	t->other_next = t->other_previous = NULL;
}

static void other_unlink(struct tcp_connection *c, struct buffer *b)
{
	struct tcp_entry *t = tcp_entry(b);
	struct tcp_entries *list = entries_of(c, t);

	if (list)
		unlink_from(list, t);
}

static void link_behind(struct tcp_entries *list, struct buffer *b, struct buffer *after)
{
	struct tcp_entry *t = tcp_entry(b);

	t->other_previous = after;
	t->other_next = after ? tcp_entry(after)->other_next : list->head;
	if (t->other_next)
		tcp_entry(t->other_next)->other_previous = b;
	else
		list->tail = b;
	if (after)
		tcp_entry(after)->other_next = b;
	else
		list->head = b;
}

// Segments are found lost nearly in the order of their numbers. The order is a preference: where a
// peer makes it dear, what is left of the walk is saved.
static void lost_link(struct tcp_connection *c, struct buffer *b)
{
	struct buffer *before = tcp_entry(b)->previous;
	struct buffer *after = c->lost.tail;

	if (before && (tcp_entry(before)->marks & TCP_MARK_LOST))
		after = before;
	for (uint32_t left = LOST_WALK_MAX; after && left > 0; left--) {
		if (seq_before(tcp_entry(after)->sequence, tcp_entry(b)->sequence))
			break;
		after = tcp_entry(after)->other_previous;
	}
	link_behind(&c->lost, b, after);
}

void entry_sent(struct tcp_engine *e, struct tcp_connection *c, struct buffer *b)
{
	struct tcp_entry *t = tcp_entry(b);

	// Delivery rates are measured from the first segment of a flight.
	if (c->sent.head == NULL)
		c->first_sent = c->delivered_at = engine_time(e);
	other_unlink(c, b);
	t->marks &= (uint8_t)~TCP_MARK_LOST;
	link_behind(&c->sent, b, c->sent.tail);
	if (t->transmissions == 0)
		sent_index_add(e, c, b);
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
	other_unlink(c, b);
	// A lost retransmission was counted lost already, and in flight once: only the latter ends.
	t->marks &= (uint8_t)~TCP_MARK_RETRANSMITTED;
	t->marks |= TCP_MARK_LOST;
	lost_link(c, b);
}

// Karn: of what was sent once only. The smallest of those that one acknowledgement tells of.
static void round_trip_take(const struct tcp_entry *t, uint32_t now, struct tcp_ack *ack)
{
	if (t->transmissions == 1 && (ack->rtt_us == 0 || now - t->sent < ack->rtt_us))
		ack->rtt_us = now - t->sent ? now - t->sent : 1;
}

// A delivered segment's news: round trip, delivery rate, RACK. RFC 8985 6.2 step 2.
void entry_delivered(
	struct tcp_engine *e, struct tcp_connection *c, struct buffer *b, struct tcp_ack *ack)
{
	struct tcp_entry *t = tcp_entry(b);
	uint32_t now = engine_time(e);

	round_trip_take(t, now, ack);
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
	other_unlink(c, b);
	tcp_entry(b)->marks &= (uint8_t) ~(TCP_MARK_LOST | TCP_MARK_RETRANSMITTED);
	tcp_entry(b)->marks |= TCP_MARK_SACKED;
	c->sacked_bytes += live_bytes(b, c->snd_una);
}

void entries_found(struct tcp_engine *e, struct tcp_connection *c)
{
	struct buffer *b;

	while ((b = c->lost.head) != NULL) {
		struct tcp_entry *t = tcp_entry(b);

		unlink_from(&c->lost, t);
		c->lost_bytes -= live_bytes(b, c->snd_una);
		t->marks &= (uint8_t)~TCP_MARK_LOST;
		link_behind(&c->sent, b, c->sent.tail);
		// As if sent again: what left after it says nothing of it any more, nor does its
		// age of the round trip.
		t->sent = engine_time(e);
		t->transmissions += t->transmissions < UINT16_MAX;
	}
}

// The peer threw away what it had reported.
static void entry_forget_sack(struct tcp_connection *c, struct buffer *b)
{
	struct tcp_entry *t = tcp_entry(b);

	t->skip = NULL;
	t->marks &= (uint8_t)~TCP_MARK_SACKED;
	c->sacked_bytes -= live_bytes(b, c->snd_una);
	link_behind(&c->sent, b, c->sent.tail);
}

void entries_lost(struct tcp_connection *c, bool forget_sack)
{
	c->lost = (struct tcp_entries){0};
	for (struct buffer *b = c->send_head; b && b != c->unsent; b = tcp_entry(b)->next) {
		if (forget_sack && (tcp_entry(b)->marks & TCP_MARK_SACKED))
			entry_forget_sack(c, b);
		if (tcp_entry(b)->marks & TCP_MARK_LOST)
			link_behind(&c->lost, b, c->lost.tail);
		else
			entry_mark_lost(c, b);
	}
}

void entry_retransmitted(struct tcp_engine *e, struct tcp_connection *c, struct buffer *b)
{
	struct tcp_entry *t = tcp_entry(b);

	// Sent again though not known lost: a tail loss probe.
	if (!(t->marks & (TCP_MARK_LOST | TCP_MARK_RETRANSMITTED)))
		c->lost_bytes += live_bytes(b, c->snd_una);
	if (!(t->marks & TCP_MARK_RETRANSMITTED))
		c->retransmitted_bytes += live_bytes(b, c->snd_una);
	entry_sent(e, c, b);
	t->marks |= TCP_MARK_RETRANSMITTED;
}

static void entry_release(struct tcp_engine *e, struct tcp_connection *c, struct buffer *b)
{
	struct tcp_entry *t = tcp_entry(b);

	other_unlink(c, b);
	if (t->marks & TCP_MARK_INDEXED)
		sent_index_remove(e, c, b);
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
		if (seq_before(c->snd_una, tcp_entry_end(b))) {
			if (b->length > c->mss)
				round_trip_take(tcp_entry(b), engine_time(e), ack);
			return;
		}
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
static void replace(
	struct tcp_engine *e, struct tcp_connection *c, struct buffer *b, struct buffer *new)
{
	struct tcp_entry *t = tcp_entry(b);
	struct tcp_entries *list = entries_of(c, t);

	memcpy(new->state, b->state, sizeof(b->state));
	if (t->previous)
		tcp_entry(t->previous)->next = new;
	else
		c->send_head = new;
	if (t->next)
		tcp_entry(t->next)->previous = new;
	else
		c->send_tail = new;
	if (list && t->other_previous)
		tcp_entry(t->other_previous)->other_next = new;
	else if (list)
		list->head = new;
	if (list && t->other_next)
		tcp_entry(t->other_next)->other_previous = new;
	else if (list)
		list->tail = new;
	if (t->marks & TCP_MARK_INDEXED)
		sent_index_replace(e, c, b, new);
	if (c->unsent == b)
		c->unsent = new;
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
		replace(e, c, b, first);
		e->config.buffers->put(e->config.buffers, b);
	} else {
		b->length = (uint16_t)n;
		b->total_length = n;
	}
	t = tcp_entry(first);
	*tcp_entry(rest) = *t;
	if (t->transmissions > 0)
		tcp_entry(rest)->marks |= TCP_MARK_JOINED;
	tcp_entry(rest)->sequence = t->sequence + n;
	tcp_entry(rest)->cost = t->cost / 2;
	t->cost -= t->cost / 2;
	// A small part holds a buffer of its own for little payload.
	if (n < PART_SMALL || rest->length < PART_SMALL) {
		tcp_entry(rest)->cost += PART_COST;
		c->send_held += PART_COST;
	}
	t->marks &= (uint8_t)~TCP_MARK_OWN;
	t->segment_end = SEGMENT_GOES_ON;
	tcp_entry(rest)->marks &= (uint8_t) ~(TCP_MARK_OWN | TCP_MARK_INDEXED);
	link_after(c, first, rest);
	if (entries_of(c, t))
		link_behind(entries_of(c, t), rest, first);
	return first;
}

// Whether what was queued just before holds the same memory.
static bool is_counted(const struct tcp_connection *c, const struct buffer *b)
{
	struct buffer *other = c->send_tail;

	for (uint32_t i = 0; other && i < SAME_WALK_MAX; i++) {
		if (other->base == b->base)
			return true;
		other = tcp_entry(other)->previous;
	}
	return false;
}

// Memory costs once, with the first of those that hold it, be that a part or the buffer that it is
// of: a part holds all of it, also where nobody queues the rest. Those that follow cost buffers of
// their own. As the queue empties from its front, what the first had paid for is not paid for only
// there.
static uint32_t entry_cost(const struct tcp_connection *c, const struct buffer *b)
{
	uint32_t cost = tcp_buffer_cost(b);

	return cost > PART_COST && is_counted(c, b) ? PART_COST : cost;
}

static void entry_append(
	struct tcp_connection *c, struct buffer *b, uint8_t marks, uint8_t segment_end)
{
	*tcp_entry(b) = (struct tcp_entry){.sequence = c->snd_end,
		.previous = c->send_tail,
		.cost = entry_cost(c, b),
		.marks = marks,
		.segment_end = segment_end};
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
		entry_append(c, own, TCP_MARK_OWN, SEGMENT_GOES_ON);
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
	if ((c->manner & TCP_KEEPS_SEGMENTS) && !(flags & TCP_SEND_SEGMENTS))
		segments_begin(chain);
	while (chain) {
		struct buffer *b = chain;

		chain = b->next;
		b->next = NULL;
		b->segments = 1;
		if (b->length == 0)
			source->put(source, b);
		else if (c->manner & TCP_KEEPS_SEGMENTS)
			entry_append(c, b, 0, tcp_entry(b)->segment_end);
		else if (!coalesce(engine, c, b))
			entry_append(c, b, 0, SEGMENT_GOES_ON);
	}
	if (flags & TCP_SEND_MORE)
		c->flags |= TCP_MORE_FOLLOWS;
	else
		c->flags &= ~(uint32_t)TCP_MORE_FOLLOWS;
	c->flags &= ~(uint32_t)TCP_APP_LIMITED;
	if (tcp_send_room(engine, connection) == 0)
		c->flags |= TCP_WAS_FULL;
	flush_add(engine, c);
	return 0;
}

// The queue's own ratio of payload to memory says what the rest of the bound will carry.
uint32_t tcp_send_room(struct tcp_engine *engine, uint32_t connection)
{
	struct tcp_connection *c = engine_at(engine, connection);
	uint32_t bound = profile_of(engine, c)->send_memory;

	if (!can_send(c))
		return 0;
	if (c->send_held >= bound) {
		c->flags |= TCP_WAS_FULL;
		return 0;
	}
	return (bound - c->send_held) / 2;
}
