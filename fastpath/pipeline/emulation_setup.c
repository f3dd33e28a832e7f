// SPDX-License-Identifier: BSD-3-Clause

// Emulated links are made on the control thread, when a configuration first asks for one on a port.

#include "pipeline/emulation.h"

#include <rte_ring.h>

#include "pipeline/node_private.h"

enum {
	UNDER_WAY_SHARE = 8, // of a node's packet buffers, each link
	UNDER_WAY_LEAST = 256,
	UNDER_WAY_MOST = 1 << 16,
};

struct emulation *emulation_create(
	struct port *port, uint16_t workers, uint32_t capacity, struct buffer_source *buffers)
{
	static const struct shape_config nothing = {0};
	struct emulation *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->port = port;
	e->owner = port_map_transmit_owner(port, 0, (uint8_t)workers);
	int status = shape_link_create(&nothing, capacity, buffers, &e->link);

	for (uint16_t w = 0; status == 0 && w < workers; w++) {
		if (w == e->owner)
			continue;
		e->rings[w] = worker_ring_create(sizeof(void *), TRANSMIT_RING);
		status = e->rings[w] ? 0 : -ENOMEM;
	}
	if (status == 0)
		return e;
	emulation_destroy(e, buffers);
	return NULL;
}

void emulation_destroy(struct emulation *e, struct buffer_source *buffers)
{
	if (!e)
		return;
	for (uint16_t i = 0; i < e->unsent_count; i++)
		buffers->put(buffers, e->unsent[i]);
	for (uint16_t w = 0; w < MAX_WORKERS; w++)
		free(e->rings[w]);
	shape_link_destroy(e->link);
	free(e);
}

static uint32_t capacity_of(const struct node *node)
{
	uint32_t share = node->small_buffers / UNDER_WAY_SHARE;

	return u32_min(share < UNDER_WAY_LEAST ? UNDER_WAY_LEAST : share, UNDER_WAY_MOST);
}

static bool is_wanted(const struct snapshot *snapshot, const struct port_map *map, uint16_t port)
{
	return snapshot->emulate && shape_config_is_active(&snapshot->emulate[port]) &&
	       !map->emulations[port];
}

// Fills in the links that are missing; -ENOMEM when memory is out, what was made is kept.
static int fill(struct node *node, struct port_map *map, const struct snapshot *snapshot)
{
	for (uint16_t i = 0; i < map->port_count; i++) {
		if (!is_wanted(snapshot, map, i))
			continue;
		map->emulations[i] = emulation_create(map->ports[i], node->config.worker_count,
			capacity_of(node), &node->buffers.source);
		if (!map->emulations[i])
			return -ENOMEM;
	}
	return 0;
}

int node_emulation_prepare(
	struct node *node, const struct snapshot *snapshot, char *error, size_t error_size)
{
	struct port_map *old = shared_pointer_load(&node->port_map);
	struct port_map *map;
	bool is_any = false;

	for (uint16_t i = 0; i < old->port_count; i++)
		is_any = is_any || is_wanted(snapshot, old, i);
	if (!is_any)
		return 0;
	if (node->retired_count == RETIRED_MAX) {
		snprintf(error, error_size, "workers still read older maps; try again");
		return -EBUSY;
	}
	map = malloc(sizeof(*map));
	if (map)
		*map = *old;
	int status = map ? fill(node, map, snapshot) : -ENOMEM;

	if (status != 0)
		snprintf(error, error_size, "no memory for a port's emulated link; free some");
	if (!map)
		return status;
	// Links that were made before memory ran out stay: they do nothing until asked to.
	port_map_publish(node, map);
	nx_bug_on(node_retire(node, old, port_map_destroy) != 0); // there was room
	return status;
}

const struct shape_counters *node_emulation_counters(const struct node *node, uint16_t port)
{
	const struct port_map *map = shared_pointer_load(&node->port_map);

	if (port >= map->port_count || !map->emulations[port])
		return NULL;
	return shape_link_counters(map->emulations[port]->link);
}
