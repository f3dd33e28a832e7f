// SPDX-License-Identifier: BSD-3-Clause
#include "io/pools.h"

#include <rte_errno.h>
#include <rte_mempool.h>

#include "io/mbuf.h"

enum {
	POOL_CACHE_SMALL = 256,
	POOL_CACHE_LARGE = 32
};

static struct rte_mempool *pool_create(
	const char *kind, uint32_t count, uint32_t cache, uint32_t room)
{
	static unsigned serial; // control thread only
	char name[RTE_MEMPOOL_NAMESIZE];

	snprintf(name, sizeof(name), "nexpath_%s_%u", kind, serial++);
	// A cache may hold one and a half times its size for each lcore: a small pool goes without.
	return rte_pktmbuf_pool_create(name, count, count >= 8 * cache ? cache : 0,
		BUFFER_STATE_BYTES, (uint16_t)(BUFFER_HEADROOM + room), SOCKET_ID_ANY);
}

static int pools_error(const char *kind, uint32_t count, char *error, size_t error_size)
{
	int code = rte_errno ? rte_errno : ENOMEM;

	snprintf(error, error_size,
		"pools: no memory for %u %s packet buffers (%s); reserve more hugepages "
		"(sysctl vm.nr_hugepages) or lower workers.memory_mb",
		count, kind, rte_strerror(code));
	return -code;
}

int pools_create(uint32_t small, uint32_t large, struct pools *out, char *error, size_t error_size)
{
	struct pools pools = {0};
	int result;

	pools.small = pool_create("small", small, POOL_CACHE_SMALL, POOL_SMALL_ROOM);
	if (!pools.small)
		return pools_error("2 KiB", small, error, error_size);
	if (large > 0) {
		pools.large = pool_create("large", large, POOL_CACHE_LARGE, POOL_LARGE_ROOM);
		if (!pools.large) {
			result = pools_error("64 KiB", large, error, error_size);
			pools_destroy(&pools);
			return result;
		}
	}
	*out = pools;
	return 0;
}

void pools_destroy(struct pools *pools)
{
	rte_mempool_free(pools->small);
	rte_mempool_free(pools->large);
	*pools = (struct pools){0};
}

uint32_t pools_small_used(const struct pools *pools)
{
	return rte_mempool_in_use_count(pools->small);
}

uint32_t pools_large_used(const struct pools *pools)
{
	return pools->large ? rte_mempool_in_use_count(pools->large) : 0;
}

struct buffer *pool_buffer_get(struct rte_mempool *pool)
{
	return buffer_of(rte_pktmbuf_alloc(pool));
}

static struct buffer *pool_source_get(struct buffer_source *source, uint32_t room)
{
	struct pool_source *s = nx_container_of(source, struct pool_source, source);

	if (room <= POOL_SMALL_ROOM)
		return pool_buffer_get(s->pools.small);
	if (room <= POOL_LARGE_ROOM && s->pools.large)
		return pool_buffer_get(s->pools.large);
	return NULL;
}

static void pool_source_put(struct buffer_source *source, struct buffer *chain)
{
	(void)source;
	mbuf_chain_put(chain);
}

void pool_source_init(struct pool_source *source, const struct pools *pools)
{
	*source = (struct pool_source){
		.source = {.get = pool_source_get, .put = pool_source_put},
		.pools = *pools,
	};
}
