// SPDX-License-Identifier: BSD-3-Clause

// The map of ports that workers read. Ports are only ever added; a map is never changed once published.

#include "pipeline/node_private.h"

#include <rte_lcore.h>
#include <rte_ring.h>

static struct rte_ring *transmit_ring(struct node *node, const struct port *port, uint8_t worker)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "nx%x_t%u_%u", node->number, port->index, worker);
	return rte_ring_create(
		name, TRANSMIT_RING, (int)rte_socket_id(), RING_F_SP_ENQ | RING_F_SC_DEQ);
}

struct port_map *port_map_extend(struct node *node, struct port *port)
{
	const struct port_map *old = shared_pointer_load(&node->port_map);
	struct port_map *map = malloc(sizeof(*map));
	uint8_t workers = (uint8_t)node->config.worker_count;

	if (!map)
		return NULL;
	if (old)
		*map = *old;
	else
		memset(map, 0, sizeof(*map));
	port->index = map->port_count++;
	map->ports[port->index] = port;
	map->owner[port->index] = (uint8_t)(port->index % workers);
	for (uint8_t w = 0; w < workers; w++) {
		if (port_map_transmit_queue(port, w, workers) < port->transmit_queues)
			continue;
		map->transmit_rings[port->index][w] = transmit_ring(node, port, w);
		if (!map->transmit_rings[port->index][w]) {
			for (uint8_t k = 0; k < w; k++)
				rte_ring_free(map->transmit_rings[port->index][k]);
			free(map);
			return NULL;
		}
	}
	return map;
}

bool port_map_renew(struct node *node)
{
	struct port_map *old = shared_pointer_load(&node->port_map);
	struct port_map *map = node->retired_count < RETIRED_MAX ? malloc(sizeof(*map)) : NULL;

	if (!map)
		return false;
	*map = *old;
	shared_pointer_store(&node->port_map, map);
	for (uint16_t i = 0; i < node->config.worker_count; i++)
		worker_wake(&node->workers[i]);
	return node_retire(node, old, port_map_destroy) == 0;
}

void port_map_destroy(void *map)
{
	free(map);
}
