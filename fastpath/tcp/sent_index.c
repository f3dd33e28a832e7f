// SPDX-License-Identifier: BSD-3-Clause
// Where in a long queue a sequence number is: for each 64 KiB of sequence numbers in flight, the
// first entry that begins in them. One table for all connections, overwritten where two meet: what
// it does not know is found by walking, only later.
#include "tcp/engine_impl.h"

enum {
	BLOCK_SHIFT = 16,
	BLOCKS_BACK = 4, // tried below the one that is asked for
};

static uint32_t block_of(uint32_t sequence)
{
	return sequence >> BLOCK_SHIFT;
}

// Blocks in a row of one connection lie in slots in a row and never meet.
static struct tcp_index_slot *slot_of(struct tcp_engine *e, uint32_t connection, uint32_t block)
{
	return &e->sent_index[(connection * UINT32_C(0x9e3779b1) + block) % INDEX_SLOTS];
}

static struct tcp_index_slot *slot_with(
	struct tcp_engine *e, const struct tcp_connection *c, const struct buffer *b)
{
	uint32_t index = engine_index(e, c);
	struct tcp_index_slot *slot =
		slot_of(e, index, block_of(tcp_entry((struct buffer *)(uintptr_t)b)->sequence));

	return slot->entry == b ? slot : NULL;
}

static void slot_fill(struct tcp_engine *e, struct tcp_connection *c, struct buffer *b)
{
	uint32_t index = engine_index(e, c);
	uint32_t block = block_of(tcp_entry(b)->sequence);

	*slot_of(e, index, block) =
		(struct tcp_index_slot){.entry = b, .connection = index, .block = block};
	tcp_entry(b)->marks |= TCP_MARK_INDEXED;
}

void sent_index_add(struct tcp_engine *e, struct tcp_connection *c, struct buffer *b)
{
	struct buffer *previous = tcp_entry(b)->previous;

	if (previous && block_of(tcp_entry(previous)->sequence) != block_of(tcp_entry(b)->sequence))
		slot_fill(e, c, b);
}

void sent_index_remove(struct tcp_engine *e, struct tcp_connection *c, struct buffer *b)
{
	struct tcp_index_slot *slot = slot_with(e, c, b);
	struct buffer *next = tcp_entry(b)->next;

	if (slot == NULL)
		return;
	slot->entry = NULL;
	if (next && next != c->unsent &&
		block_of(tcp_entry(next)->sequence) == block_of(tcp_entry(b)->sequence))
		slot_fill(e, c, next);
}

void sent_index_replace(
	struct tcp_engine *e, struct tcp_connection *c, struct buffer *b, struct buffer *new)
{
	struct tcp_index_slot *slot = slot_with(e, c, b);

	if (slot)
		slot->entry = new;
}

struct buffer *sent_index_find(struct tcp_engine *e, struct tcp_connection *c, uint32_t sequence)
{
	uint32_t index = engine_index(e, c);

	for (uint32_t i = 0; i <= BLOCKS_BACK; i++) {
		uint32_t block = block_of(sequence - (i << BLOCK_SHIFT));
		const struct tcp_index_slot *slot = slot_of(e, index, block);

		if (slot->entry && slot->connection == index && slot->block == block)
			return slot->entry;
		if (block == block_of(c->snd_una))
			break;
	}
	return c->send_head;
}
