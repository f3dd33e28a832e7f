// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The inside of struct node, for the files of this folder.

#include <pthread.h>

#include "core/memory.h"
#include "io/neighbour/neighbour.h"
#include "io/pools.h"
#include "pipeline/node.h"
#include "pipeline/worker.h"

struct rte_rcu_qsbr;

enum {
	RETIRED_MAX = MAX_PORTS + 8,
	SMALL_BUFFERS_LEAST = 4096,
	LINK_CHANGES_MAX = 4 * MAX_PORTS
};

// Something that workers may still read: freed once they all have passed a quiescent state.
struct retired {
	void *object;
	void (*destroy)(void *object);
	uint64_t token;
};

struct node {
	struct node_config config;
	uint32_t number; // tells the nodes of this process apart
	uint64_t seed;   // keys hashes; random per process
	struct clock clock;
	shared_pointer_t snapshot; // w: control, r: workers
	shared_pointer_t port_map; // w: control, r: workers
	shared_word_t map_serial;  // of port_map: sleepers may look at it, but follow no pointer
	struct rte_rcu_qsbr *rcu;
	struct neighbour_table neighbours;
	struct worker *workers;     // config.worker_count
	struct worker_stats *stats; // one each
	struct pools pools;
	struct pool_source buffers; // over pools
	uint32_t small_buffers;
	struct retired retired[RETIRED_MAX];
	uint32_t retired_count;
	struct link_follower *links;
	struct node_link_change link_changes[LINK_CHANGES_MAX];
	uint32_t link_changes_head; // counts for ever; the oldest are overwritten
	uint32_t link_changes_tail;
	bool must_relay_out; // a device returned: its descriptors are new
	bool running;
	struct memory worker_memory;
	struct memory stats_memory;
};

// Which transmit queue a worker would use on a port; it has none of its own if the port has fewer.
static inline uint16_t port_map_transmit_queue(
	const struct port *port, uint8_t worker, uint8_t workers)
{
	return (uint16_t)((worker + workers - port->index % workers) % workers);
}

// The worker that owns a transmit queue.
static inline uint8_t port_map_transmit_owner(
	const struct port *port, uint16_t queue, uint8_t workers)
{
	return (uint8_t)((port->index + queue) % workers);
}

// worker_setup.c: a worker's engines and rings. Negative errno with a line in error.
[[nodiscard]] int worker_init(
	struct worker *w, struct node *node, uint8_t index, char *error, size_t error_size);
// Ends the sessions of a worker that has stopped, and lets go of the control thread's requests.
// What it sends may wait on the ring of another worker: stage_transmit of all workers comes after.
void worker_end(struct worker *w);
// Returns the number of sessions that would not end.
uint32_t worker_fini(struct worker *w);

// A ring in plain memory: a node of 64 workers has more rings than DPDK has names. NULL when memory
// is out. Free with free().
struct rte_ring *worker_ring_create(unsigned int entry_bytes, unsigned int entries);

// port_map.c: a copy of the current map with one more port. NULL when memory is out.
struct port_map *port_map_extend(struct node *node, struct port *port);
// Makes a map the one that workers read, and wakes them.
void port_map_publish(struct node *node, struct port_map *map);
void port_map_destroy(void *map);

// Publishes a copy of the port map, so that every worker lays its queues out anew. False when that
// has to wait.
bool port_map_renew(struct node *node);

// Hands an object to be freed when no worker can see it any more. -EBUSY when too many wait.
[[nodiscard]] int node_retire(struct node *node, void *object, void (*destroy)(void *object));
