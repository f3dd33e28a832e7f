// SPDX-License-Identifier: BSD-3-Clause

// Which queues a worker reads and writes: worked out by each worker for itself, by one rule, when
// the port map changes. Receive queue q of port p is read by worker (p + q) mod workers; transmit
// queue q is owned the same way, and a worker without one hands its frames to the owner of queue
// (its turn) by ring.

#include "pipeline/worker.h"

#include <sys/epoll.h>

#include "pipeline/emulation.h"
#include "pipeline/node_private.h"

static void watch(struct worker *w, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	// A descriptor that is already watched stays so: EEXIST is no fault here.
	if (epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0 && errno != EEXIST)
		w->can_block = false;
}

static void add_source(struct worker *w, struct port *port, uint16_t queue)
{
	int fd = port->ops->wakeup_fd ? port->ops->wakeup_fd(port, queue) : -1;

	w->sources[w->source_count++] = (struct receive_source){
		.port = port,
		.queue = queue,
		.spread = port->receive_queues < w->count,
	};
	if (fd < 0)
		w->can_block = false;
	else
		watch(w, fd);
}

static void lay_out_transmit(struct worker *w, struct port *port)
{
	struct transmit_queue *t = &w->transmit[port->index];
	uint16_t own = port_map_transmit_queue(port, w->index, w->count);

	t->port = port;
	if (own < port->transmit_queues) {
		t->queue = own;
		t->ring = NULL;
	} else {
		t->queue = 0;
		t->ring = w->ports->transmit_rings[port->index][w->index];
		t->owner = port_map_transmit_owner(
			port, (uint16_t)(own % port->transmit_queues), w->count);
	}
	for (uint8_t from = 0; from < w->count; from++) {
		struct rte_ring *ring = w->ports->transmit_rings[port->index][from];

		if (!ring)
			continue;
		uint16_t queue = (uint16_t)(port_map_transmit_queue(port, from, w->count) %
					    port->transmit_queues);

		if (port_map_transmit_owner(port, queue, w->count) == w->index)
			w->inlets[w->inlet_count++] = (struct transmit_inlet){ring, port->index};
	}
}

// All frames of an emulated port go through its link, which one worker has.
static void lay_out_emulation(struct worker *w, struct emulation *e)
{
	struct transmit_queue *t = &w->transmit[e->port->index];

	if (w->index != e->owner) {
		t->ring = e->rings[w->index];
		t->owner = e->owner;
		return;
	}
	t->emulation = e;
	w->emulations[w->emulation_count++] = e;
	for (uint8_t from = 0; from < w->count; from++) {
		if (e->rings[from])
			w->inlets[w->inlet_count++] =
				(struct transmit_inlet){e->rings[from], e->port->index};
	}
}

void worker_layout(struct worker *w)
{
	w->emulation_count = 0;
	w->source_count = 0;
	w->inlet_count = 0;
	w->port_count = w->ports->port_count;
	w->can_block = w->epoll_fd >= 0;
	if (w->epoll_fd >= 0)
		watch(w, w->wake_fd);
	for (uint16_t i = 0; i < w->ports->port_count; i++) {
		struct port *port = w->ports->ports[i];

		for (uint16_t q = 0; q < port->receive_queues; q++) {
			if ((i + q) % w->count == w->index)
				add_source(w, port, q);
		}
		lay_out_transmit(w, port);
		if (w->ports->emulations[i])
			lay_out_emulation(w, w->ports->emulations[i]);
	}
}
