// SPDX-License-Identifier: BSD-3-Clause
#include "core/pool.h"

int pool_init(struct pool *pool, uint32_t capacity, uint32_t object_bytes, bool huge)
{
	uint32_t stride = (object_bytes + 7) & ~7u;
	struct pool p = {.stride = stride, .capacity = capacity, .free_head = POOL_NONE};
	int error;

	nx_bug_on(capacity == 0 || capacity > UINT32_C(1) << 31 || object_bytes < 4);
	error = memory_map((size_t)capacity * stride, huge, &p.memory);
	if (error)
		return error;
	p.objects = p.memory.base;
#ifdef NEXPATH_DEBUG
	error = memory_map(capacity, false, &p.live_memory);
	if (error) {
		memory_unmap(&p.memory);
		return error;
	}
	p.live = p.live_memory.base;
#endif
	*pool = p;
	return 0;
}

uint32_t pool_fini(struct pool *pool)
{
	uint32_t left = pool->used;

	memory_unmap(&pool->memory);
	memory_unmap(&pool->live_memory);
	*pool = (struct pool){.free_head = POOL_NONE};
	return left;
}
