// SPDX-License-Identifier: BSD-3-Clause

// The map of ports that workers read. Ports are only ever added; a map is never changed once
// published.

#include "pipeline/node_private.h"

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
		map->transmit_rings[port->index][w] =
			worker_ring_create(sizeof(void *), TRANSMIT_RING);
		if (!map->transmit_rings[port->index][w]) {
			for (uint8_t k = 0; k < w; k++)
				free(map->transmit_rings[port->index][k]);
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
	port_map_publish(node, map);
	return node_retire(node, old, port_map_destroy) == 0;
}

void port_map_publish(struct node *node, struct port_map *map)
{
	map->serial = shared_word_load(&node->map_serial) + 1;
	shared_pointer_store(&node->port_map, map);
	shared_word_store(&node->map_serial, map->serial);
	for (uint16_t i = 0; i < node->config.worker_count; i++)
		worker_wake(&node->workers[i]);
}

void port_map_destroy(void *map)
{
	free(map);
}
