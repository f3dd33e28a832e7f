// SPDX-License-Identifier: BSD-3-Clause
#include "io/pools.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>

#include "io/mbuf.h"

enum {
	POOL_CACHE_SMALL = 256,
	POOL_CACHE_LARGE = 32
};

// A buffer may cross a page where no device needs its pages side by side in physical memory. With
// 4 KiB pages that halves the pool's size; and DPDK's af_xdp driver shares "count times object
// size" bytes with the kernel, so that buffers behind gaps at page ends would lie outside and lose
// frames.
static unsigned pool_flags(void)
{
	return !rte_eal_has_hugepages() || rte_eal_iova_mode() == RTE_IOVA_VA
		       ? RTE_MEMPOOL_F_NO_IOVA_CONTIG
		       : 0;
}

static struct rte_mempool *pool_create(
	const char *kind, uint32_t count, uint32_t cache, uint32_t room)
{
	static unsigned serial; // control thread only
	struct rte_pktmbuf_pool_private layout = {
		.mbuf_data_room_size = (uint16_t)(BUFFER_HEADROOM + room),
		.mbuf_priv_size = BUFFER_STATE_BYTES,
	};
	char name[RTE_MEMPOOL_NAMESIZE];
	struct rte_mempool *pool;
	int result;

	snprintf(name, sizeof(name), "nexpath_%s_%u", kind, serial++);
	// A cache may hold one and a half times its size for each lcore: a small pool goes without.
	pool = rte_mempool_create_empty(name, count,
		(unsigned)sizeof(struct buffer) + layout.mbuf_data_room_size,
		count >= 8 * cache ? cache : 0, sizeof(layout), SOCKET_ID_ANY, pool_flags());
	if (!pool)
		return NULL;
	result = rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), NULL);
	if (result == 0) {
		rte_pktmbuf_pool_init(pool, &layout);
		result = rte_mempool_populate_default(pool);
	}
	if (result < 0) {
		rte_mempool_free(pool);
		rte_errno = -result;
		return NULL;
	}
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return pool;
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

static uint32_t cached(const struct rte_mempool *pool, unsigned lcore)
{
	const struct rte_mempool_cache *cache =
		pool->cache_size > 0 && lcore < RTE_MAX_LCORE ? &pool->local_cache[lcore] : NULL;

	return cache ? cache->len : 0;
}

uint32_t pool_used_by(const struct rte_mempool *pool, const unsigned *lcores, uint32_t n)
{
	uint32_t in = rte_mempool_get_ops(pool->ops_index)->get_count(pool) +
		      cached(pool, rte_get_main_lcore());

	for (uint32_t i = 0; i < n; i++)
		in += cached(pool, lcores[i]);
	return in < pool->size ? pool->size - in : 0;
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

// The buffer that the next call will give was often used long ago: its first lines, and those that
// headers written in front of a payload take.
static void fetch_next(struct rte_mempool *pool)
{
	const struct rte_mempool_cache *cache = rte_mempool_default_cache(pool, rte_lcore_id());
	const uint8_t *next;

	if (!cache || cache->len == 0)
		return;
	next = (const uint8_t *)cache->objs[cache->len - 1];
	__builtin_prefetch(next, 1);
	__builtin_prefetch(next + CACHE_LINE, 1);
	__builtin_prefetch(next + sizeof(struct buffer) + BUFFER_HEADROOM, 1);
	__builtin_prefetch(next + sizeof(struct buffer) + BUFFER_HEADROOM + CACHE_LINE, 1);
}

static struct buffer *pool_source_get(struct buffer_source *source, uint32_t room)
{
	struct pool_source *s = nx_container_of(source, struct pool_source, source);

	if (room <= POOL_SMALL_ROOM) {
		struct buffer *b = pool_buffer_get(s->pools.small);

		fetch_next(s->pools.small);
		return b;
	}
	if (room <= POOL_LARGE_ROOM && s->pools.large)
		return pool_buffer_get(s->pools.large);
	return NULL;
}

static void pool_source_put(struct buffer_source *source, struct buffer *chain)
{
	(void)source;
	mbuf_chain_put(chain);
}

// An indirect mbuf: the direct one behind `from` lives until all spans over it are given back.
static struct buffer *pool_source_share(struct buffer_source *source, struct buffer *from)
{
	struct pool_source *s = nx_container_of(source, struct pool_source, source);
	struct buffer *b = pool_buffer_get(s->pools.small);

	if (b)
		rte_pktmbuf_attach(mbuf_of(b), mbuf_of(from));
	return b;
}

// Half of the large ones are kept for ports. What lies in caches counts as used: it may be another
// worker's.
static struct buffer *pool_source_spare(struct buffer_source *source)
{
	struct rte_mempool *pool = nx_container_of(source, struct pool_source, source)->pools.large;

	if (!pool || rte_mempool_get_ops(pool->ops_index)->get_count(pool) < pool->size / 2)
		return NULL;
	return pool_buffer_get(pool);
}

void pool_source_init(struct pool_source *source, const struct pools *pools)
{
	*source = (struct pool_source){
		.source = {.get = pool_source_get,
			.put = pool_source_put,
			.share = pool_source_share,
			.spare = pool_source_spare},
		.pools = *pools,
	};
}
