// SPDX-License-Identifier: BSD-3-Clause
#include "crypto/secret.h"

#include <sys/mman.h>

int secret_map(size_t bytes, struct memory *out)
{
	struct memory m;
	int rc = memory_map(bytes, false, &m);

	if (rc != 0)
		return rc;
	if (mlock(m.base, m.bytes) != 0 || madvise(m.base, m.bytes, MADV_DONTDUMP) != 0 ||
		madvise(m.base, m.bytes, MADV_WIPEONFORK) != 0) {
		rc = -errno;
		memory_unmap(&m);
		return rc;
	}
	*out = m;
	return 0;
}

void secret_unmap(struct memory *memory)
{
	if (memory->base != NULL)
		secret_wipe(memory->base, memory->bytes);
	memory_unmap(memory);
}

void secret_wipe(void *secret, size_t bytes)
{
	explicit_bzero(secret, bytes);
}

bool secret_equal(const uint8_t *a, const uint8_t *b, size_t length)
{
	uint64_t difference = 0;

	for (; length >= sizeof(uint64_t); length -= sizeof(uint64_t)) {
		uint64_t x, y;

		memcpy(&x, a, sizeof(x));
		memcpy(&y, b, sizeof(y));
		a += sizeof(x);
		b += sizeof(y);
		difference |= x ^ y;
		// Opaque to the compiler: it must not leave the loop once the answer is known.
		__asm__ volatile("" : "+r"(difference));
	}
	for (; length > 0; length--) {
		difference |= (uint64_t)(*a++ ^ *b++);
		__asm__ volatile("" : "+r"(difference));
	}
	return difference == 0;
}

// A free object's first word names the next free one.
struct secret_pool {
	struct memory memory;
	uint8_t *objects;
	void *free;
	uint32_t count;
	uint32_t stride;
	uint32_t used;
};

static size_t to_lines(size_t bytes)
{
	return (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

static void push(struct secret_pool *pool, void *object)
{
	memcpy(object, &pool->free, sizeof(pool->free));
	pool->free = object;
}

int secret_pool_create(uint32_t count, uint32_t bytes, struct secret_pool **out)
{
	size_t head = to_lines(sizeof(struct secret_pool));
	size_t stride = to_lines(bytes);
	struct secret_pool *pool;
	struct memory m;
	int rc;

	if (count == 0 || bytes == 0 || stride > UINT32_MAX)
		return -EINVAL;
	rc = secret_map(head + stride * count, &m);
	if (rc != 0)
		return rc;
	pool = m.base;
	*pool = (struct secret_pool){.memory = m,
		.objects = (uint8_t *)m.base + head,
		.count = count,
		.stride = (uint32_t)stride};
	for (uint32_t i = count; i-- > 0;)
		push(pool, pool->objects + stride * i);
	*out = pool;
	return 0;
}

uint32_t secret_pool_destroy(struct secret_pool *pool)
{
	struct memory m = pool->memory;
	uint32_t used = pool->used;

	secret_unmap(&m);
	return used;
}

void *secret_pool_get(struct secret_pool *pool)
{
	void *object = pool->free;

	if (object == NULL)
		return NULL;
	memcpy(&pool->free, object, sizeof(pool->free));
	memset(object, 0, sizeof(pool->free));
	pool->used++;
	return object;
}

void secret_pool_put(struct secret_pool *pool, void *object)
{
	size_t at = (size_t)((uint8_t *)object - pool->objects);

	nx_bug_on(at >= (size_t)pool->stride * pool->count || at % pool->stride != 0);
	secret_wipe(object, pool->stride);
	push(pool, object);
	pool->used--;
}

uint32_t secret_pool_used(const struct secret_pool *pool)
{
	return pool->used;
}
