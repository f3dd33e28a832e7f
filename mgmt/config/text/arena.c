// SPDX-License-Identifier: BSD-3-Clause
#include "config/text/arena.h"

enum {
	ARENA_BLOCK_BYTES = 16 << 10,
	ARENA_ALIGN = 16
};

struct arena_block {
	struct arena_block *next;
	size_t used;
	size_t size;
	_Alignas(ARENA_ALIGN) uint8_t bytes[];
};

static struct arena_block *arena_block_add(struct arena *arena, size_t size)
{
	size_t room = size > ARENA_BLOCK_BYTES ? size : ARENA_BLOCK_BYTES;
	struct arena_block *block = calloc(1, sizeof(*block) + room);

	if (!block)
		return NULL;
	block->size = room;
	block->next = arena->blocks;
	arena->blocks = block;
	return block;
}

void *arena_get(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->blocks;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	if (!block || block->size - block->used < size)
		block = arena_block_add(arena, size);
	if (!block)
		return NULL;

	void *at = block->bytes + block->used;

	block->used += size;
	return at;
}

char *arena_copy(struct arena *arena, const char *bytes, size_t length)
{
	char *copy = arena_get(arena, length + 1);

	if (copy)
		memcpy(copy, bytes, length);
	return copy;
}

void arena_fini(struct arena *arena)
{
	while (arena->blocks) {
		struct arena_block *next = arena->blocks->next;

		free(arena->blocks);
		arena->blocks = next;
	}
}
