// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/links.h"

#include "daemon/events/translate.h"
#include "pipeline/node.h"

static void tell_change(struct daemon *daemon, const struct node_link_change *change)
{
	const char *name = port_name(daemon, change->port);

	switch (change->change) {
	case LINK_UP:
		daemon_event(daemon, EVENT_KIND_PORT_UP, "port %s is up", name);
		break;
	case LINK_DOWN:
		daemon_event(daemon, EVENT_KIND_PORT_DOWN, "port %s lost its link", name);
		break;
	case LINK_GONE:
		daemon_event(daemon, EVENT_KIND_PORT_GONE, "the device of port %s (%s) disappeared",
			name, node_port(daemon->node, change->port)->device);
		break;
	case LINK_RETURNED:
		daemon_event(daemon, EVENT_KIND_PORT_UP, "the device of port %s is back", name);
		break;
	}
}

// Once a port while the process lives: the remedy is the same for all frames.
static void tell_oversized(struct daemon *daemon)
{
	for (uint16_t i = 0; i < daemon->port_count; i++) {
		struct open_port *open = &daemon->ports[i];
		const struct port *port = node_port(daemon->node, open->index);

		if (open->oversized_told || counter_read(&port->oversized) == 0)
			continue;
		open->oversized_told = true;
		daemon_event(daemon, EVENT_KIND_PORT_OVERSIZED,
			"port %s received frames larger than it takes; on its interface and the "
			"far end of the link: ethtool -K %s gro off lro off tso off gso off",
			open->name, port->interface[0] ? port->interface : "IF");
	}
}

void links_tell(struct daemon *daemon)
{
	struct node_link_change change;

	if (daemon->node == NULL)
		return;
	while (node_link_change_take(daemon->node, &change))
		tell_change(daemon, &change);
	tell_oversized(daemon);
}
