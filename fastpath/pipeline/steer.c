// SPDX-License-Identifier: BSD-3-Clause

// Stage 3, with more than one worker: packets go to the worker that owns their session. The owner
// of a reply is written in its destination port, that of a client's packet is a hash of the client,
// or the worker that received it where the port spreads flows itself.

#include "pipeline/worker.h"

#include "io/mbuf.h"
#include "l3/reassembly.h"
#include "pipeline/node_private.h"
#include "pkt/icmp.h"

void worker_hand_over(struct worker *w, uint8_t to, struct buffer *b)
{
	if (rte_ring_sp_enqueue(w->handover_out[to], b) != 0) {
		worker_drop_buffer(w, b, DROP_HANDOVER_FULL);
		return;
	}
	counter_add(&w->stats->handover_packets, 1);
	w->wake_mask |= UINT64_C(1) << to;
}

static bool is_spread(const struct worker *w, const struct packet *p)
{
	const struct port *port = w->ports->ports[p->buffer->port];

	return port->receive_queues < w->count || !(port->capabilities & PORT_RSS);
}

// Packets that any worker may answer stay where they are.
static uint8_t owner_of(const struct worker *w, const struct packet *p)
{
	switch (p->kind) {
	case PACKET_ARP:
		return w->ports->owner[p->buffer->port];
	case PACKET_FRAGMENT:
		return reassembly_owner(p, w->node->seed, w->count);
	case PACKET_TCP:
	case PACKET_UDP:
	case PACKET_ICMP4:
		return flow_owner(
			w->snapshot, p, w->node->seed, w->count, w->index, is_spread(w, p));
	case PACKET_ICMP6:
		// Neighbour discovery belongs to the port's owner, as ARP does.
		if (p->icmp_type >= ICMP6_ROUTER_SOLICITATION && p->icmp_type <= ICMP6_REDIRECT)
			return w->ports->owner[p->buffer->port];
		return flow_owner(
			w->snapshot, p, w->node->seed, w->count, w->index, is_spread(w, p));
	default:
		return w->index;
	}
}

void stage_steer(struct worker *w, struct packet *packets, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct packet *p = &packets[i];

		if (!p->buffer)
			continue;
		uint8_t owner = owner_of(w, p);

		if (nx_likely(owner == w->index))
			continue;
		if (w->origin == VECTOR_HANDED)
			counter_add(&w->stats->wrong_worker, 1);
		if (w->origin == VECTOR_RECEIVED)
			*handover_note(p->buffer) = (struct handover_note){0};
		handover_note(p->buffer)->kind = HANDOVER_PACKET;
		worker_hand_over(w, owner, p->buffer);
		p->buffer = NULL;
		p->kind = PACKET_NONE;
	}
	worker_charge(w, STAGE_STEER, n);
}
