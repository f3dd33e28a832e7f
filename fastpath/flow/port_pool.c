// SPDX-License-Identifier: BSD-3-Clause
#include "flow/port_pool.h"

#include "flow/key.h"

enum {
	// Fresh ports are shuffled within blocks, so that a pool with few sessions touches few
	// pages.
	SHUFFLE_BLOCK = 256
};

static uint32_t freed_time(usec_t now)
{
	return (uint32_t)(now >> 20);
}

static uint32_t ports_of_worker(uint8_t worker, uint8_t worker_count)
{
	return (PORT_COUNT - worker + worker_count - 1u) / worker_count;
}

static uint16_t port_from_index(const struct port_pools *pools, uint32_t index)
{
	return (uint16_t)(PORT_FIRST + index * pools->worker_count + pools->worker);
}

static uint32_t port_to_index(const struct port_pools *pools, uint16_t port)
{
	return (uint32_t)(port - PORT_FIRST) / pools->worker_count;
}

int port_pools_init(struct port_pools *pools, uint32_t limit, uint8_t worker, uint8_t worker_count,
	uint64_t seed)
{
	uint32_t buckets = 1;

	nx_bug_on(limit == 0 || limit >= UINT16_MAX || worker >= worker_count);
	while (buckets < limit * 2)
		buckets *= 2;
	*pools = (struct port_pools){
		.limit = limit,
		.bucket_mask = buckets - 1,
		.stride = ports_of_worker(0, worker_count),
		.worker = worker,
		.worker_count = worker_count,
		.seed = seed,
	};
	if (memory_map(sizeof(*pools->pools) * limit, false, &pools->memory[0]) ||
		memory_map(sizeof(*pools->buckets) * buckets, false, &pools->memory[1]) ||
		memory_map(sizeof(*pools->entries) * pools->stride * limit, false,
			&pools->memory[2])) {
		port_pools_fini(pools);
		return -ENOMEM;
	}
	pools->pools = pools->memory[0].base;
	pools->buckets = pools->memory[1].base;
	pools->entries = pools->memory[2].base;
	return 0;
}

void port_pools_fini(struct port_pools *pools)
{
	for (unsigned int i = 0; i < nx_array_size(pools->memory); i++)
		memory_unmap(&pools->memory[i]);
}

static uint16_t *bucket_of(struct port_pools *pools, const struct flow_key *key)
{
	return &pools->buckets[flow_key_hash(key, pools->seed) & pools->bucket_mask];
}

struct port_pool *port_pools_find(struct port_pools *pools, const struct flow_key *key)
{
	for (uint16_t i = *bucket_of(pools, key); i; i = pools->pools[i - 1].hash_next)
		if (flow_key_equal(&pools->pools[i - 1].key, key))
			return &pools->pools[i - 1];
	return NULL;
}

static void idle_append(struct port_pools *pools, struct port_pool *pool)
{
	uint16_t self = (uint16_t)(pool - pools->pools + 1);

	pool->idle_older = pools->idle_newest;
	pool->idle_newer = 0;
	if (pools->idle_newest)
		pools->pools[pools->idle_newest - 1].idle_newer = self;
	else
		pools->idle_oldest = self;
	pools->idle_newest = self;
}

static void idle_remove(struct port_pools *pools, struct port_pool *pool)
{
	if (pool->idle_older)
		pools->pools[pool->idle_older - 1].idle_newer = pool->idle_newer;
	else
		pools->idle_oldest = pool->idle_newer;
	if (pool->idle_newer)
		pools->pools[pool->idle_newer - 1].idle_older = pool->idle_older;
	else
		pools->idle_newest = pool->idle_older;
}

static void bucket_remove(struct port_pools *pools, struct port_pool *pool)
{
	uint16_t *at = bucket_of(pools, &pool->key);

	while (&pools->pools[*at - 1] != pool)
		at = &pools->pools[*at - 1].hash_next;
	*at = pool->hash_next;
}

// What a new owner may have: one never used, else the one without sessions for longest.
static struct port_pool *pool_obtain(struct port_pools *pools)
{
	struct port_pool *pool;

	if (pools->touched < pools->limit)
		return &pools->pools[pools->touched++];
	if (!pools->idle_oldest)
		return NULL;
	pool = &pools->pools[pools->idle_oldest - 1];
	idle_remove(pools, pool);
	bucket_remove(pools, pool);
	return pool;
}

struct port_pool *port_pools_get(struct port_pools *pools, const struct flow_key *key)
{
	struct port_pool *pool = port_pools_find(pools, key);
	uint16_t *bucket;
	size_t index;

	if (pool)
		return pool;
	pool = pool_obtain(pools);
	if (!pool)
		return NULL;
	index = (size_t)(pool - pools->pools);
	bucket = bucket_of(pools, key);
	*pool = (struct port_pool){
		.key = *key,
		.entries = pools->entries + index * pools->stride,
		.count = ports_of_worker(pools->worker, pools->worker_count),
		.unanswered = {UINT32_MAX, UINT32_MAX, 0},
		.exchanged = {UINT32_MAX, UINT32_MAX, 0},
		.hash_next = *bucket,
		.used = true,
	};
	// A pool that is made again for a key begins elsewhere: the ports of before may be waiting.
	pool->start = (uint16_t)((flow_key_hash(key, ~pools->seed) ^ pools->made++ * 0x9e3779b1u) %
				 pool->count);
	*bucket = (uint16_t)(index + 1);
	idle_append(pools, pool);
	return pool;
}

// The n-th fresh port: from a start of the pool's own, shuffled within whole blocks.
static uint32_t fresh_index(
	const struct port_pools *pools, const struct port_pool *pool, uint32_t n)
{
	uint32_t block = n / SHUFFLE_BLOCK * SHUFFLE_BLOCK;
	uint32_t mix =
		(uint32_t)flow_mix(pools->seed ^ pool->start, FLOW_SECRET(pools->seed, block));

	if (block + SHUFFLE_BLOCK <= pool->count)
		n = block + (((n - block) * (mix >> 8 | 1u) + mix) & (SHUFFLE_BLOCK - 1));
	return (n + pool->start) % pool->count;
}

bool port_target_waits(const struct port_entry *entry, usec_t now)
{
	return (entry->flags & PORT_TARGET_WAITS) &&
	       freed_time(now) - entry->freed <= freed_time(PORT_TIME_WAIT);
}

static bool may_be_given(const struct port_entry *e, const struct tracker_segment *syn, usec_t now)
{
	if (!syn || !port_target_waits(e, now))
		return true;
	return tracker_time_wait_accepts(
		syn, e->sequence, e->flags & PORT_HAS_TIMESTAMP, e->timestamp);
}

// Takes the first suitable port out of the queue: index + 1, or 0. One that does not suit goes to
// the back: ports that refuse most SYNs must not gather at the head and stand before all others.
static uint16_t queue_take(struct port_pool *pool, const struct tracker_segment *syn, usec_t now)
{
	uint32_t looks = u32_min(pool->free, PORT_SCAN);

	for (uint32_t n = 0; n < looks; n++) {
		uint16_t at = pool->head;
		struct port_entry *e = &pool->entries[at - 1];

		pool->head = e->next;
		if (pool->head == 0)
			pool->tail = 0;
		if (may_be_given(e, syn, now)) {
			pool->free--;
			return at;
		}
		e->next = 0;
		if (pool->tail)
			pool->entries[pool->tail - 1].next = at;
		else
			pool->head = at;
		pool->tail = at;
	}
	return 0;
}

uint16_t port_pool_take(struct port_pools *pools, struct port_pool *pool,
	const struct tracker_segment *syn, usec_t now, struct port_entry *before)
{
	struct port_entry *e;
	uint32_t index;

	if (pool->fresh < pool->count) {
		index = fresh_index(pools, pool, pool->fresh++);
		e = &pool->entries[index];
		*e = (struct port_entry){0};
	} else {
		index = queue_take(pool, syn, now);
		if (index == 0)
			return 0;
		e = &pool->entries[--index];
	}
	*before = *e;
	// A lingering session still counts as standing here until it is ended.
	e->flags &= (uint8_t) ~(PORT_IS_FREE | PORT_TARGET_WAITS | PORT_HAS_TIMESTAMP);
	if (pool->sessions++ == 0)
		idle_remove(pools, pool);
	if (++pools->ports_used > pools->ports_high_water)
		pools->ports_high_water = pools->ports_used;
	return port_from_index(pools, index);
}

void port_pool_return(struct port_pools *pools, struct port_pool *pool, uint16_t port,
	const struct port_entry *before, usec_t now)
{
	struct port_entry *e = port_pool_entry(pools, pool, port);

	e->timestamp = before->timestamp;
	e->flags |= before->flags & PORT_HAS_TIMESTAMP;
	port_pool_give(pools, pool, port, before->sequence, before->flags & PORT_TARGET_WAITS, now);
	e->freed = before->freed;
}

struct port_entry *port_pool_entry(
	const struct port_pools *pools, struct port_pool *pool, uint16_t port)
{
	return &pool->entries[port_to_index(pools, port)];
}

static void queue_append(struct port_pools *pools, struct port_pool *pool, uint16_t port,
	uint32_t sequence, bool target_waits, usec_t now)
{
	uint32_t index = port_to_index(pools, port);
	struct port_entry *e = &pool->entries[index];

	e->sequence = sequence;
	e->freed = freed_time(now);
	e->next = 0;
	e->flags |= (uint8_t)(PORT_IS_FREE | (target_waits ? PORT_TARGET_WAITS : 0));
	if (pool->tail)
		pool->entries[pool->tail - 1].next = (uint16_t)(index + 1);
	else
		pool->head = (uint16_t)(index + 1);
	pool->tail = (uint16_t)(index + 1);
	pool->free++;
	pools->ports_used--;
}

void port_pool_linger(struct port_pools *pools, struct port_pool *pool, uint16_t port,
	uint32_t sequence, bool target_waits, usec_t now)
{
	queue_append(pools, pool, port, sequence, target_waits, now);
	port_pool_entry(pools, pool, port)->flags |= PORT_LINGERS;
}

void port_pool_give(struct port_pools *pools, struct port_pool *pool, uint16_t port,
	uint32_t sequence, bool target_waits, usec_t now)
{
	struct port_entry *e = port_pool_entry(pools, pool, port);

	if (e->flags & PORT_LINGERS)
		e->flags &= (uint8_t)~PORT_LINGERS;
	else
		queue_append(pools, pool, port, sequence, target_waits, now);
	if (--pool->sessions == 0)
		idle_append(pools, pool);
}
