// SPDX-License-Identifier: BSD-3-Clause
#include "http2/memory.h"

enum {
	H2_IS_FREE = 0x80,
	NONE = UINT32_MAX,
	LARGEST = H2_ORDERS - 1,
};

// Blocks are named by the number of the smallest block that they begin with.
struct link {
	uint32_t next;
	uint32_t previous;
};

static uint8_t *at(const struct h2_memory *m, uint32_t block)
{
	return (uint8_t *)m->region.base + ((size_t)block << H2_BLOCK_BITS);
}

static struct link *link_of(const struct h2_memory *m, uint32_t block)
{
	return (void *)at(m, block);
}

static uint32_t block_of(const struct h2_memory *m, const void *p)
{
	return (uint32_t)(((const uint8_t *)p - (const uint8_t *)m->region.base) >> H2_BLOCK_BITS);
}

static uint32_t bytes_of(uint32_t order)
{
	return UINT32_C(1) << (order + H2_BLOCK_BITS);
}

int h2_memory_create(struct h2_memory *memory, uint32_t bytes)
{
	uint32_t blocks = (bytes + bytes_of(LARGEST) - 1) / bytes_of(LARGEST);
	int error;

	*memory = (struct h2_memory){.blocks = blocks};
	for (uint32_t i = 0; i < H2_ORDERS; i++)
		memory->free[i] = NONE;
	error = memory_map((size_t)blocks * bytes_of(LARGEST), false, &memory->region);
	if (error)
		return error;
	error = memory_map((size_t)blocks << LARGEST, false, &memory->orders_memory);
	if (error) {
		memory_unmap(&memory->region);
		return error;
	}
	memory->orders = memory->orders_memory.base;
	return 0;
}

uint32_t h2_memory_destroy(struct h2_memory *memory)
{
	uint32_t used = memory->used;

	memory_unmap(&memory->orders_memory);
	memory_unmap(&memory->region);
	*memory = (struct h2_memory){0};
	return used;
}

static void list_add(struct h2_memory *m, uint32_t block, uint32_t order)
{
	*link_of(m, block) = (struct link){.next = m->free[order], .previous = NONE};
	if (m->free[order] != NONE)
		link_of(m, m->free[order])->previous = block;
	m->free[order] = block;
	m->orders[block] = (uint8_t)(order | H2_IS_FREE);
}

static void list_remove(struct h2_memory *m, uint32_t block, uint32_t order)
{
	const struct link *l = link_of(m, block);

	if (l->previous == NONE)
		m->free[order] = l->next;
	else
		link_of(m, l->previous)->next = l->next;
	if (l->next != NONE)
		link_of(m, l->next)->previous = l->previous;
	m->orders[block] = 0;
}

static uint32_t order_for(size_t bytes)
{
	uint32_t order = 0;

	while (order < H2_ORDERS && bytes_of(order) < bytes)
		order++;
	return order;
}

// A block of this order, divided off a larger one if need be.
static uint32_t block_take(struct h2_memory *m, uint32_t order)
{
	uint32_t from = order;
	uint32_t block;

	while (from < H2_ORDERS && m->free[from] == NONE)
		from++;
	if (from < H2_ORDERS) {
		block = m->free[from];
		list_remove(m, block, from);
	} else if (m->touched < m->blocks) {
		block = m->touched++ << LARGEST;
		from = LARGEST;
	} else {
		return NONE;
	}
	while (from > order) {
		from--;
		list_add(m, block + (UINT32_C(1) << from), from);
	}
	m->orders[block] = (uint8_t)order;
	return block;
}

void *h2_memory_get(struct h2_account *account, size_t bytes)
{
	struct h2_memory *m = account->memory;
	uint32_t order = order_for(bytes);
	uint32_t block = NONE;

	if (order < H2_ORDERS && account->used + bytes_of(order) <= account->limit)
		block = block_take(m, order);
	if (block == NONE) {
		account->ran_out = true;
		return NULL;
	}
	account->used += bytes_of(order);
	m->used += bytes_of(order);
	m->high_water = u32_max(m->high_water, m->used);
	return at(m, block);
}

void h2_memory_put(struct h2_account *account, void *p)
{
	struct h2_memory *m = account->memory;
	uint32_t block;
	uint32_t order;

	if (!p)
		return;
	block = block_of(m, p);
	order = m->orders[block];
	nx_debug_on(order & H2_IS_FREE);
	account->used -= bytes_of(order);
	m->used -= bytes_of(order);
	for (; order < LARGEST; order++) {
		uint32_t buddy = block ^ UINT32_C(1) << order;

		if (m->orders[buddy] != (order | H2_IS_FREE))
			break;
		list_remove(m, buddy, order);
		m->orders[block] = 0;
		block = u32_min(block, buddy);
	}
	list_add(m, block, order);
}

void *h2_memory_resize(struct h2_account *account, void *p, size_t bytes)
{
	const struct h2_memory *m = account->memory;
	uint32_t have;
	void *grown;

	if (!p)
		return h2_memory_get(account, bytes);
	have = bytes_of(m->orders[block_of(m, p)]);
	if (bytes <= have)
		return p;
	grown = h2_memory_get(account, bytes);
	if (!grown)
		return NULL;
	memcpy(grown, p, have);
	h2_memory_put(account, p);
	return grown;
}
