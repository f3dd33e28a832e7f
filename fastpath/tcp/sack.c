// SPDX-License-Identifier: BSD-3-Clause
// The scoreboard: SACK blocks (RFC 2018) mark the entries that they cover whole; entries of several
// segments are divided first. A place in the queue comes from an index; what was marked before is
// passed over in one step, as the entries keep where their run of marks ends. So an acknowledgement
// costs what it newly reports. Hostile blocks find a bound: a block is advice that comes again.
// Duplicate reports: RFC 2883.
#include "tcp/engine_impl.h"

struct walk {
	struct tcp_engine *e;
	struct tcp_connection *c;
	struct tcp_ack *ack;
	uint32_t steps; // left
};

// The first entry at or behind `sequence`, NULL if the walk ran too long or none was sent.
static struct buffer *entry_at(struct walk *w, uint32_t sequence)
{
	struct tcp_connection *c = w->c;
	struct buffer *b = sent_index_find(w->e, c, sequence);

	while (b && seq_before(sequence, tcp_entry(b)->sequence) && tcp_entry(b)->previous) {
		if (w->steps == 0)
			return NULL;
		w->steps--;
		b = tcp_entry(b)->previous;
	}
	while (b && b != c->unsent && seq_before(tcp_entry(b)->sequence, sequence)) {
		if (w->steps == 0)
			return NULL;
		w->steps--;
		b = tcp_entry(b)->next;
	}
	return b == c->unsent ? NULL : b;
}

// Divides a long entry behind its first n bytes, rounded down to segments: no peer's block makes
// smaller parts. The first part; NULL if there is no such place, or no buffer.
static struct buffer *entry_cut(struct walk *w, struct buffer *b, uint32_t n)
{
	const struct tcp_entry *t = tcp_entry(b);
	uint32_t at = n / w->c->mss * w->c->mss;

	if (at == 0 || at >= b->length || (t->marks & TCP_MARK_SACKED) ||
		!seq_before(w->c->snd_una, t->sequence + at))
		return NULL;
	if (!can_divide(w->e, w->c)) {
		tcp_count(w->e, sack_cuts_refused);
		return NULL;
	}
	return entry_divide(w->e, w->c, b, at);
}

// The first entry of a block, which may begin inside a long one.
static struct buffer *block_first(struct walk *w, uint32_t start)
{
	struct tcp_connection *c = w->c;
	struct buffer *b = entry_at(w, start);
	struct buffer *behind = b ? b : c->unsent;
	struct buffer *before = behind ? tcp_entry(behind)->previous : c->send_tail;

	if (before == NULL || w->steps == 0 || !seq_before(start, tcp_entry_end(before)))
		return b;
	before = entry_cut(w, before, start - tcp_entry(before)->sequence + c->mss - 1);
	return before ? tcp_entry(before)->next : b;
}

// The last of the SACKed entries behind b without a gap. Each pass leaves shorter ways behind it.
static struct buffer *run_end(struct walk *w, struct buffer *b)
{
	struct buffer *last = b;
	struct buffer *next;

	while (w->steps > 0 && (next = tcp_entry(last)->skip) != NULL) {
		w->steps--;
		last = next;
	}
	while (b != last) {
		next = tcp_entry(b)->skip;
		tcp_entry(b)->skip = last;
		b = next;
	}
	return last;
}

static void block_mark(struct walk *w, const struct tcp_sack_block *block)
{
	struct tcp_connection *c = w->c;
	struct buffer *previous = NULL; // SACKed, before b
	struct buffer *b = block_first(w, block->start);

	while (b && b != c->unsent && w->steps > 0 &&
		seq_before(tcp_entry(b)->sequence, block->end)) {
		struct buffer *part = b;

		if (seq_before(block->end, tcp_entry_end(b)))
			part = entry_cut(w, b, block->end - tcp_entry(b)->sequence);
		if (part == NULL)
			break;
		b = part;
		if (!(tcp_entry(b)->marks & TCP_MARK_SACKED)) {
			entry_delivered(w->e, c, b, w->ack);
			entry_mark_sacked(c, b);
			w->ack->sacked += b->length;
			w->ack->delivered += b->length;
			c->delivered += b->length;
		}
		if (previous)
			tcp_entry(previous)->skip = b;
		previous = run_end(w, b);
		b = tcp_entry(previous)->next;
	}
	if (w->steps == 0)
		tcp_count(w->e, sack_walks_limited);
	else if (previous && b && b != c->unsent && (tcp_entry(b)->marks & TCP_MARK_SACKED))
		tcp_entry(previous)->skip = b;
}

// RFC 2883 4.1: a first block below the acknowledgement, or inside the second, reports a duplicate.
static bool is_duplicate_report(
	const struct tcp_segment *s, const struct tcp_sack_block *blocks, uint32_t count)
{
	if (seq_before(blocks[0].start, s->acknowledgement))
		return true;
	return count > 1 && seq_at_or_before(blocks[1].start, blocks[0].start) &&
	       seq_at_or_before(blocks[0].end, blocks[1].end);
}

// Of what was sent once, and no older than a window: RFC 2883 4, RFC 8985 6.2.
static bool is_possible_duplicate(const struct tcp_connection *c, const struct tcp_sack_block *b)
{
	return seq_before(b->start, b->end) && seq_at_or_before(b->end, c->snd_nxt) &&
	       seq_before(c->iss, b->start) && seq_before(c->snd_una - c->snd_wnd_max, b->end);
}

static bool is_outstanding(const struct tcp_connection *c, const struct tcp_sack_block *b)
{
	return seq_before(b->start, b->end) && seq_before(c->snd_una, b->end) &&
	       seq_at_or_before(c->snd_una, b->start) && seq_at_or_before(b->end, c->snd_nxt);
}

static void duplicate_reported(struct tcp_engine *e, struct tcp_connection *c, struct tcp_ack *ack)
{
	tcp_count(e, dsack_received);
	ack->dsack = true;
	rack_dsack(c);
	if (c->loss.undo_segments > 0)
		c->loss.undo_segments--;
}

void sack_input(struct tcp_engine *e, struct tcp_connection *c, const struct tcp_segment *s,
	struct tcp_ack *ack)
{
	struct tcp_sack_block blocks[SACK_BLOCKS_MAX];
	struct walk w = {.e = e, .c = c, .ack = ack, .steps = SACK_WALK_MAX};
	uint32_t count = s->packet->tcp_header_length > 32 || !s->has_timestamps
				 ? options_read_sack(s->packet, blocks)
				 : 0;
	uint32_t i = 0;

	if (count == 0)
		return;
	tcp_count_by(e, sack_blocks_received, count);
	if (is_duplicate_report(s, blocks, count)) {
		i = 1;
		if (!is_possible_duplicate(c, &blocks[0]))
			tcp_count(e, sack_blocks_refused);
		else
			duplicate_reported(e, c, ack);
	}
	for (; i < count; i++) {
		if (is_outstanding(c, &blocks[i]))
			block_mark(&w, &blocks[i]);
		else if (!seq_at_or_before(blocks[i].end, c->snd_una))
			tcp_count(e, sack_blocks_refused);
	}
}
