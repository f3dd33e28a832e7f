// SPDX-License-Identifier: BSD-3-Clause
// The urgent mechanism (RFC 9293 3.8.5, RFC 6093): a mark in each direction's stream. Bytes stay in
// line; the mark is one number, which only moves ahead.
#include "tcp/engine_impl.h"

enum {
	URGENT_POINTER = 18, // offset in the TCP header
	AHEAD_MAX = 1 << 30, // or it would seem to lie behind
};

// What the user takes next.
static uint32_t read_position(const struct tcp_connection *c)
{
	uint32_t queued = c->receive_head ? c->receive_head->total_length : 0;

	return c->rcv_nxt - queued - ((c->flags & TCP_FIN_RECEIVED) != 0);
}

// RFC 9293 3.10.7.4, sixth. A pointer tells of bytes that may still have to come, at most 64 KiB
// of them.
void urgent_input(struct tcp_engine *e, struct tcp_connection *c, const struct tcp_segment *s)
{
	const uint8_t *tcp = s->packet->data + s->packet->l4;
	uint32_t mark = s->sequence + be16_to_host(be16_load(tcp + URGENT_POINTER));

	if (c->flags & (TCP_FIN_RECEIVED | TCP_NO_MORE_DATA) ||
		!seq_before(read_position(c), mark) ||
		((c->flags & TCP_URGENT_IN) && !seq_before(c->rcv_up, mark)))
		return;
	c->rcv_up = mark;
	c->flags |= TCP_URGENT_IN;
	event_raise(e, c, TCP_EVENT_URGENT);
}

// Before the mark comes to lie ahead again after 2 GiB.
void urgent_settle(struct tcp_connection *c)
{
	if (!seq_before(read_position(c), c->rcv_up))
		c->flags &= ~(uint32_t)TCP_URGENT_IN;
}

uint32_t tcp_urgent_left(const struct tcp_engine *engine, uint32_t connection)
{
	const struct tcp_connection *c = engine_at(engine, connection);

	return c->flags & TCP_URGENT_IN ? c->rcv_up - read_position(c) : 0;
}

void tcp_urgent_mark(struct tcp_engine *engine, uint32_t connection, uint32_t ahead)
{
	struct tcp_connection *c = engine_at(engine, connection);
	uint32_t mark = c->snd_end + u32_min(ahead, AHEAD_MAX);

	if ((c->flags & (TCP_FIN_QUEUED | TCP_IS_FAILED)) || c->state == TCP_CLOSED ||
		((c->flags & TCP_URGENT_OUT) && !seq_before(c->snd_up, mark)))
		return;
	c->snd_up = mark;
	c->flags |= TCP_URGENT_OUT;
}

uint16_t urgent_pointer(struct tcp_connection *c, uint32_t sequence)
{
	if (seq_at_or_before(c->snd_up, c->snd_una))
		c->flags &= ~(uint32_t)TCP_URGENT_OUT;
	if (!seq_before(sequence, c->snd_up))
		return 0;
	// Further than the field can tell: there is urgent data, and the mark moves on.
	return (uint16_t)u32_min(c->snd_up - sequence, UINT16_MAX);
}
