// SPDX-License-Identifier: BSD-3-Clause

// A node's life: pools, workers, start, snapshots in and out, shutdown with an audit of every pool.

#include "pipeline/node_private.h"

#include <sys/random.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_mempool.h>
#include <rte_rcu_qsbr.h>

#include "core/memory.h"
#include "io/pools.h"
#include "pipeline/emulation.h"

static int create_tables(struct node *node, char *error, size_t error_size)
{
	uint16_t workers = node->config.worker_count;
	size_t rcu_size = rte_rcu_qsbr_get_memsize(workers);

	node->rcu = rte_zmalloc("nx_rcu", rcu_size, CACHE_LINE);
	if (memory_map(workers * sizeof(struct worker), false, &node->worker_memory) != 0 ||
		memory_map(workers * sizeof(struct worker_stats), false, &node->stats_memory) !=
			0 ||
		!node->rcu || rte_rcu_qsbr_init(node->rcu, workers) != 0 ||
		neighbour_table_init(&node->neighbours, node->seed) != 0) {
		snprintf(error, error_size, "out of memory for %u workers", workers);
		return -ENOMEM;
	}
	node->workers = node->worker_memory.base;
	node->stats = node->stats_memory.base;
	for (uint16_t i = 0; i < workers; i++) {
		node->workers[i].epoll_fd = -1;
		node->workers[i].wake_fd = -1;
	}
	return 0;
}

// A quarter of the memory holds packets of up to 2 KiB, an eighth large frames of kernel ports.
static int create_pools(struct node *node, char *error, size_t error_size)
{
	uint64_t bytes = (uint64_t)node->config.memory_mb * 1024 * 1024;
	uint64_t small = bytes / 4 / (POOL_SMALL_ROOM + BUFFER_HEADROOM + sizeof(struct buffer));
	uint64_t large = bytes / 8 / (POOL_LARGE_ROOM + BUFFER_HEADROOM + sizeof(struct buffer));

	node->small_buffers = (uint32_t)(small < SMALL_BUFFERS_LEAST ? SMALL_BUFFERS_LEAST : small);
	int status =
		pools_create(node->small_buffers, (uint32_t)large, &node->pools, error, error_size);

	if (status == 0)
		pool_source_init(&node->buffers, &node->pools);
	return status;
}

// Nodes are made on one thread: the control thread of the process.
static uint32_t nodes_made;

static void note_link(void *context, struct port *port, enum link_change change);

static int out_of_memory(char *error, size_t error_size)
{
	snprintf(error, error_size, "out of memory");
	return -ENOMEM;
}

int node_create(const struct node_config *config, struct node **out, char *error, size_t error_size)
{
	char ignored[256];

	if (config->worker_count < 1 || config->worker_count > MAX_WORKERS || config->burst < 1 ||
		config->burst > MAX_BURST) {
		snprintf(error, error_size,
			"%u workers with bursts of %u: 1 to %d workers and 1 to %d packets are "
			"possible",
			config->worker_count, config->burst, MAX_WORKERS, MAX_BURST);
		return -EINVAL;
	}
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		return out_of_memory(error, error_size);
	node->config = *config;
	node->number = ++nodes_made;
	node->seed = config->seed;
	if (node->seed == 0 && getrandom(&node->seed, sizeof(node->seed), 0) != sizeof(node->seed))
		node->seed = clock_cycles();
	clock_init(&node->clock, rte_get_tsc_hz());
	int status = create_tables(node, error, error_size);

	if (status == 0)
		status = create_pools(node, error, error_size);
	if (status == 0) {
		struct port_map *empty = calloc(1, sizeof(*empty));

		status = empty ? 0 : out_of_memory(error, error_size);
		if (empty)
			port_map_publish(node, empty);
	}
	if (status == 0 && !config->manual) {
		status = link_follower_create(note_link, node, &node->links);
		if (status != 0)
			snprintf(error, error_size, "no netlink socket to follow links: %s",
				strerror(-status));
	}
	for (uint8_t i = 0; status == 0 && i < config->worker_count; i++)
		status = worker_init(&node->workers[i], node, i, error, error_size);
	if (status != 0) {
		node_destroy(node, ignored, sizeof(ignored));
		return status;
	}
	*out = node;
	return 0;
}

int node_port_add(struct node *node, const struct port_request *request, uint16_t *index,
	char *error, size_t error_size)
{
	struct port_request full = *request;
	struct port *port;

	full.small = node->pools.small;
	full.large = node->pools.large;
	full.huge = node->config.huge;
	if (full.transmit_queues == 0)
		full.transmit_queues = node->config.worker_count;
	int status = port_open(&full, &port, error, error_size);

	if (status != 0)
		return status;
	status = node_port_adopt(node, port, index);
	if (status != 0) {
		snprintf(error, error_size, "%s: %s", request->name,
			status == -ENOSPC ? "a node holds at most 64 ports" : strerror(-status));
		port_close(port);
	}
	return status;
}

int node_port_adopt(struct node *node, struct port *port, uint16_t *index)
{
	struct port_map *old = shared_pointer_load(&node->port_map);

	if (old->port_count == MAX_PORTS)
		return -ENOSPC;
	if (node->retired_count == RETIRED_MAX)
		return -EBUSY;
	struct port_map *map = port_map_extend(node, port);

	if (!map)
		return -ENOMEM;
	port_map_publish(node, map);
	*index = port->index;
	if (node->links && link_follow(node->links, port) != 0)
		return -ENOSPC; // cannot be: the follower holds as many ports as a node
	return node_retire(node, old, port_map_destroy);
}

struct port *node_port(struct node *node, uint16_t index)
{
	const struct port_map *map = shared_pointer_load(&node->port_map);

	return index < map->port_count ? map->ports[index] : NULL;
}

uint16_t node_port_count(const struct node *node)
{
	const struct port_map *map = shared_pointer_load(&node->port_map);

	return map->port_count;
}

static void note_link(void *context, struct port *port, enum link_change change)
{
	struct node *node = context;

	if (node->link_changes_head - node->link_changes_tail == LINK_CHANGES_MAX)
		node->link_changes_tail++;
	node->link_changes[node->link_changes_head++ % LINK_CHANGES_MAX] =
		(struct node_link_change){port->index, change};
	node->must_relay_out |= change == LINK_RETURNED;
	if (change == LINK_RETURNED && port->ops->addresses && node_snapshot(node))
		port->ops->addresses(port, node_snapshot(node));
}

bool node_link_change_take(struct node *node, struct node_link_change *out)
{
	if (node->link_changes_head == node->link_changes_tail)
		return false;
	*out = node->link_changes[node->link_changes_tail++ % LINK_CHANGES_MAX];
	return true;
}

void node_worker_wake(struct node *node, uint32_t worker)
{
	worker_wake(&node->workers[worker]);
}

int node_start(struct node *node, char *error, size_t error_size)
{
	node->running = true;
	if (node->config.manual) {
		for (uint16_t i = 0; i < node->config.worker_count; i++) {
			rte_rcu_qsbr_thread_register(node->rcu, i);
			rte_rcu_qsbr_thread_online(node->rcu, i);
		}
		return 0;
	}
	for (uint16_t i = 0; i < node->config.worker_count; i++) {
		struct worker *w = &node->workers[i];
		int failed = pthread_create(&w->thread, NULL, worker_main, w);

		if (failed) {
			snprintf(error, error_size, "worker %u: %s", i, strerror(failed));
			return -failed;
		}
		w->running = true;
	}
	return 0;
}

int node_retire(struct node *node, void *object, void (*destroy)(void *object))
{
	if (!object)
		return 0;
	if (node->retired_count == RETIRED_MAX)
		return -EBUSY;
	node->retired[node->retired_count++] =
		(struct retired){object, destroy, rte_rcu_qsbr_start(node->rcu)};
	return 0;
}

static void tell_ports(struct node *node, const struct snapshot *snapshot)
{
	for (uint16_t i = 0; i < node_port_count(node); i++) {
		struct port *port = node_port(node, i);

		if (port->ops->addresses)
			port->ops->addresses(port, snapshot);
	}
}

static void destroy_snapshot(void *snapshot)
{
	snapshot_destroy(snapshot);
}

int node_publish(struct node *node, struct snapshot *snapshot)
{
	char ignored[128];

	if (node_emulation_prepare(node, snapshot, ignored, sizeof(ignored)) == -ENOMEM)
		return -ENOMEM;
	if (node->retired_count == RETIRED_MAX)
		return -EBUSY;
	void *old = shared_pointer_load(&node->snapshot);

	shared_pointer_store(&node->snapshot, snapshot);
	for (uint16_t i = 0; i < node->config.worker_count; i++)
		worker_wake(&node->workers[i]);
	tell_ports(node, snapshot);
	return node_retire(node, old, destroy_snapshot);
}

const struct snapshot *node_snapshot(const struct node *node)
{
	return shared_pointer_load(&node->snapshot);
}

bool node_is_settled(struct node *node)
{
	node_poll(node, node_now(node));
	return node->retired_count == 0;
}

void node_poll(struct node *node, usec_t now)
{
	uint32_t kept = 0;

	if (node->links)
		link_poll(node->links, now);
	if (node->must_relay_out)
		node->must_relay_out = !port_map_renew(node);
	for (uint32_t i = 0; i < node->retired_count; i++) {
		struct retired *r = &node->retired[i];

		if (!node->running || rte_rcu_qsbr_check(node->rcu, r->token, false) == 1)
			r->destroy(r->object);
		else
			node->retired[kept++] = *r;
	}
	node->retired_count = kept;
}

uint32_t node_turn(struct node *node, uint16_t worker, usec_t now)
{
	uint32_t moved = worker_turn(&node->workers[worker], now);

	rte_rcu_qsbr_quiescent(node->rcu, worker);
	return moved;
}

static void stop_workers(struct node *node)
{
	for (uint16_t i = 0; i < node->config.worker_count; i++) {
		shared_word_store(&node->workers[i].stop, 1);
		worker_wake(&node->workers[i]);
	}
	for (uint16_t i = 0; i < node->config.worker_count; i++) {
		if (node->workers[i].running)
			pthread_join(node->workers[i].thread, NULL);
		node->workers[i].running = false;
	}
	node->running = false;
}

// Resets of one worker may leave by the queue of another: all end before any is taken apart.
static uint32_t end_workers(struct node *node)
{
	uint32_t left = 0;

	for (uint16_t i = 0; i < node->config.worker_count; i++)
		worker_end(&node->workers[i]);
	for (uint16_t i = 0; i < node->config.worker_count; i++) {
		if (node->workers[i].laid_out)
			stage_transmit(&node->workers[i]);
	}
	for (uint16_t i = 0; i < node->config.worker_count; i++)
		left += worker_fini(&node->workers[i]);
	return left;
}

static bool audit(struct rte_mempool *pool, char *error, size_t error_size)
{
	unsigned int used = pool ? rte_mempool_in_use_count(pool) : 0;

	if (used == 0)
		return true;
	snprintf(error, error_size, "%s: %u buffers were not given back", pool->name, used);
	return false;
}

int node_destroy(struct node *node, char *error, size_t error_size)
{
	struct port_map *map = shared_pointer_load(&node->port_map);
	uint32_t left = 0;

	if (node->workers)
		stop_workers(node);
	if (node->links)
		link_follower_destroy(node->links);
	node->links = NULL;
	node->must_relay_out = false;
	if (node->workers)
		left = end_workers(node);
	for (uint16_t i = 0; map && i < map->port_count; i++) {
		for (uint16_t w = 0; w < node->config.worker_count; w++)
			free(map->transmit_rings[i][w]);
		emulation_destroy(map->emulations[i], &node->buffers.source);
		port_close(map->ports[i]);
	}
	node_poll(node, 0);
	if (node_snapshot(node))
		destroy_snapshot(shared_pointer_load(&node->snapshot));
	free(map);
	bool full = audit(node->pools.small, error, error_size) &&
		    audit(node->pools.large, error, error_size);

	if (full && left > 0) {
		snprintf(error, error_size, "sessions: %u were not given back", left);
		full = false;
	}
	neighbour_table_fini(&node->neighbours);
	pools_destroy(&node->pools);
	rte_free(node->rcu);
	memory_unmap(&node->stats_memory);
	memory_unmap(&node->worker_memory);
	free(node);
	return full ? 0 : -EBUSY;
}
