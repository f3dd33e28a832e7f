// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Packet memory of a node: a pool of 2 KiB buffers for almost everything, and one of 64 KiB buffers
// for the rest of large frames from kernel ports, half of which others may use (spare). Every
// element is an mbuf with the private area of struct buffer.

#include "core/buffer.h"

struct rte_mempool;

enum {
	POOL_SMALL_ROOM = 2048, // data bytes after the headroom
	POOL_LARGE_ROOM = BUFFER_SPARE_ROOM,
};

struct pools {
	struct rte_mempool *small;
	struct rte_mempool *large; // NULL: none
};

// Creates a pool of `small` 2 KiB buffers and, if large > 0, one of `large` 64 KiB buffers, with a
// cache for each lcore. EAL is up. On failure a negative errno and a line in error that says what
// to do. Control thread.
[[nodiscard]] int pools_create(
	uint32_t small, uint32_t large, struct pools *out, char *error, size_t error_size);
// Frees the pools; no buffer is out any more. Control thread.
void pools_destroy(struct pools *pools);
// Buffers that are out: 0 in a node at rest. Any thread; not exact while workers run.
uint32_t pools_small_used(const struct pools *pools);
uint32_t pools_large_used(const struct pools *pools);

// The same of one pool, where only these lcores and the main one ever held any in their caches:
// looks at those alone.
uint32_t pool_used_by(const struct rte_mempool *pool, const unsigned *lcores, uint32_t n);

// A buffer_source over the pools, for any number of threads.
struct pool_source {
	struct buffer_source source;
	struct pools pools;
};
void pool_source_init(struct pool_source *source, const struct pools *pools);

// An empty buffer of the pool, with the usual headroom, one reference; NULL when it is exhausted.
// Worker.
struct buffer *pool_buffer_get(struct rte_mempool *pool);
