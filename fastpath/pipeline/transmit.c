// SPDX-License-Identifier: BSD-3-Clause

// Stage 7: link headers, sizes and offloads, bursts to the ports. A frame that a port does not take
// waits for the next turn; when too many wait, the newest is dropped.

#include "pipeline/worker.h"

#include <rte_ring.h>

#include "io/mbuf.h"
#include "io/neighbour/neighbour.h"
#include "io/offload/offload.h"
#include "pipeline/capture.h"
#include "pipeline/emulation.h"
#include "pipeline/local.h"
#include "pipeline/node_private.h"
#include "pkt/parse.h"

enum {
	ETHERNET_BYTES = 14,
	VLAN_TAG_BYTES = 4,
	MAX_EXPANDED = 256, // segments that one frame may become: 64 KiB in 256 bytes each
};

static uint64_t bytes_of(struct buffer *const *frames, uint16_t n)
{
	uint64_t bytes = 0;

	for (uint16_t i = 0; i < n; i++)
		bytes += frames[i]->total_length;
	return bytes;
}

static void flush(struct worker *w, struct transmit_queue *t)
{
	struct port_stats *stats = &w->stats->ports[t->port->index];
	struct port *port = t->port;
	uint64_t bytes = bytes_of(t->frames, t->count);
	uint16_t sent;

	if (nx_unlikely(t->emulation != NULL) && emulation_send(w, t))
		return;
	if (t->ring) {
		sent = (uint16_t)rte_ring_sp_enqueue_burst(
			t->ring, (void **)t->frames, t->count, NULL);
		w->wake_mask |= UINT64_C(1) << t->owner;
	} else {
		sent = port_transmit(port, t->queue, t->frames, t->count);
	}
	t->count = (uint16_t)(t->count - sent);
	if (nx_unlikely(t->count > 0)) {
		memmove(t->frames, t->frames + sent, t->count * sizeof(t->frames[0]));
		bytes -= bytes_of(t->frames, t->count);
	}
	if (t->ring)
		return; // counted by the owner of the queue
	counter_add(&stats->transmit_packets, sent);
	counter_add(&stats->transmit_bytes, bytes);
}

static bool is_up(const struct port *port)
{
	return shared_word_load(&port->up) != 0;
}

void worker_send_frame(struct worker *w, uint16_t port, struct buffer *frame)
{
	struct transmit_queue *t = &w->transmit[port];

	if (t->count == nx_array_size(t->frames))
		flush(w, t);
	if (nx_unlikely(t->count == nx_array_size(t->frames))) {
		counter_add(&w->stats->ports[port].transmit_dropped, 1);
		worker_drop_buffer(w, frame, t->ring ? DROP_TX_RING_FULL : DROP_TX_FULL);
		return;
	}
	if (nx_unlikely(w->capture_count > 0))
		capture_burst(w, port, CAPTURE_SENT, &frame, 1);
	t->frames[t->count++] = frame;
}

// Cuts what lies beyond the IP datagram (Ethernet padding) off the end of a chain.
static void trim(struct worker *w, struct buffer *b, uint32_t length)
{
	struct buffer *head = b;
	uint32_t left = length;

	head->total_length = length;
	head->segments = 1;
	while (left > b->length && b->next) {
		left -= b->length;
		b = b->next;
		head->segments++;
	}
	b->length = (uint16_t)u32_min(b->length, left);
	if (nx_unlikely(b->next)) {
		w->buffers->put(w->buffers, b->next);
		b->next = NULL;
	}
}

// Puts the link header in front of the IP header at p->data + p->l3, and makes the buffer begin
// there.
static void write_link_header(struct worker *w, struct packet *p,
	const struct snapshot_netif *netif, const struct mac_address *to)
{
	uint16_t bytes = netif->vlan ? ETHERNET_BYTES + VLAN_TAG_BYTES : ETHERNET_BYTES;
	const struct port *port = w->ports->ports[netif->port];
	struct buffer *b = p->buffer;
	uint8_t *frame = p->data + p->l3 - bytes;
	int moved = (int)p->l3 - (int)bytes;
	uint16_t type = (p->flags & PACKET_IS_V6) ? 0x86dd : 0x0800;

	if (nx_unlikely(b->total_length != p->length))
		trim(w, b, p->length);
	if (moved != 0) {
		b->offset = (uint16_t)(b->offset + moved);
		b->length = (uint16_t)(b->length - moved);
		b->total_length = (uint32_t)((int64_t)b->total_length - moved);
		p->l4 = (uint16_t)(p->l4 - moved);
		p->payload = (uint16_t)(p->payload - moved);
		p->length = b->total_length;
		p->l3 = bytes;
		p->data = frame;
	}
	memcpy(frame, to->bytes, 6);
	memcpy(frame + 6, port->mac.bytes, 6);
	if (netif->vlan) {
		be16_store(frame + 12, be16_from_host(0x8100));
		be16_store(frame + 14, be16_from_host(netif->vlan));
	}
	be16_store(frame + bytes - 2, be16_from_host(type));
}

// The owner of the port asks for the neighbour's address and keeps the packet meanwhile.
static void resolve(struct worker *w, struct packet *p, uint8_t owner)
{
	struct handover_note *note = handover_note(p->buffer);

	*note = (struct handover_note){
		.kind = HANDOVER_RESOLVE,
		.ip_protocol = p->ip_protocol,
		.kind_of_packet = p->kind,
		.neighbour = p->neighbour,
		.length = p->length,
		.egress = p->egress,
		.segment_size = p->segment_size,
		.l3 = p->l3,
		.l4 = p->l4,
		.payload = p->payload,
		.flags = p->flags,
	};
	if (owner == w->index)
		local_resolve(w->local, p->buffer);
	else
		worker_hand_over(w, owner, p->buffer);
	p->buffer = NULL;
}

// Ready as it stands: no checksum to complete, no segments to cut, not too long, in one piece if it
// has to be.
static bool is_plain(
	const struct port *port, const struct packet *p, const struct snapshot_netif *netif)
{
	return !(p->flags & (PACKET_CHECKSUM_PARTIAL | PACKET_SEGMENTED | PACKET_REASSEMBLED)) &&
	       p->length - p->l3 <= netif->mtu &&
	       (!p->buffer->next || (port->capabilities & PORT_TX_CHAINS));
}

// Largest IP packet that may leave: a reassembled datagram goes on in fragments no larger than the
// largest that came.
static uint32_t fragment_limit(const struct packet *p, const struct snapshot_netif *netif)
{
	if (p->flags & PACKET_REASSEMBLED)
		return u32_min(p->segment_size, netif->mtu);
	return netif->mtu;
}

// The checksum covers the whole datagram: it is written before that is cut up.
static void complete_checksum(struct packet *p)
{
	struct checksum_span spans[MAX_CHECKSUM_SPANS];
	const uint8_t *ip = p->data + p->l3;

	// The key still has the addresses that the packet came with.
	if (p->flags & PACKET_IS_V6) {
		p->key.source = ip_address_from_bytes(ip + 8);
		p->key.destination = ip_address_from_bytes(ip + 24);
	} else {
		p->key.source = ip_address_from_v4(be32_load(ip + 12));
		p->key.destination = ip_address_from_v4(be32_load(ip + 16));
	}

	packet_checksum_fill(p, spans, packet_spans(p->buffer, spans));
}

static void send_prepared(struct worker *w, struct packet *p, const struct snapshot_netif *netif)
{
	const struct port *port = w->ports->ports[netif->port];
	struct buffer *frames[MAX_EXPANDED];
	enum drop_reason reason = DROP_IP_TOO_BIG;
	bool may_be_cut = p->kind == PACKET_TCP || (p->flags & PACKET_SEGMENTED);

	if (!may_be_cut && p->length - p->l3 > fragment_limit(p, netif)) {
		if (p->flags & PACKET_CHECKSUM_PARTIAL)
			complete_checksum(p);
		p->buffer->offload = 0;
		local_fragment(w->local, netif->port, p, fragment_limit(p, netif));
		return;
	}
	uint16_t n =
		offload_prepare(port, p, netif->mtu, w->buffers, frames, MAX_EXPANDED, &reason);

	if (n == 0) {
		worker_drop(w, p, reason);
		return;
	}
	for (uint16_t i = 0; i < n; i++)
		worker_send_frame(w, netif->port, frames[i]);
	p->buffer = NULL;
}

void worker_send(struct worker *w, struct packet *p)
{
	const struct snapshot_netif *netif = &w->snapshot->netifs[p->egress];
	struct neighbour_table *neighbours = &w->node->neighbours;
	struct mac_address to;

	// What waited for a neighbour, or was handed over, may name an interface of another
	// snapshot; an interface may be configured on a port that did not open.
	if (nx_unlikely(
		    p->egress >= w->snapshot->netif_count || netif->port >= w->ports->port_count)) {
		worker_drop(w, p, DROP_PORT_DOWN);
		return;
	}
	const struct port *port = w->ports->ports[netif->port];

	if (nx_unlikely(!is_up(port))) {
		worker_drop(w, p, DROP_PORT_DOWN);
		return;
	}
	if (nx_unlikely(!neighbour_mac(neighbours, p->neighbour, &to))) {
		resolve(w, p, w->ports->owner[netif->port]);
		return;
	}
	neighbour_use(neighbours, p->neighbour, w->now);
	write_link_header(w, p, netif, &to);
	if (nx_unlikely(!is_plain(port, p, netif))) {
		send_prepared(w, p, netif);
		return;
	}
	p->buffer->offload = 0;
	worker_send_frame(w, netif->port, p->buffer);
	p->buffer = NULL;
}

// Frames of workers without a queue of their own on the port.
static uint32_t take_inlet(struct worker *w, const struct transmit_inlet *inlet)
{
	struct transmit_queue *t = &w->transmit[inlet->port];
	unsigned int room = (unsigned int)(nx_array_size(t->frames) - t->count);
	unsigned int n =
		rte_ring_sc_dequeue_burst(inlet->ring, (void **)(t->frames + t->count), room, NULL);

	t->count = (uint16_t)(t->count + n);
	return n;
}

void stage_transmit(struct worker *w)
{
	uint32_t frames = 0;

	for (uint16_t i = 0; i < w->inlet_count; i++) {
		uint32_t n = take_inlet(w, &w->inlets[i]);

		w->moved |= n > 0;
	}
	for (uint16_t i = 0; i < w->ports->port_count; i++) {
		struct transmit_queue *t = &w->transmit[i];

		if (t->count == 0)
			continue;
		frames += t->count;
		flush(w, t);
	}
	if (nx_unlikely(w->emulation_count > 0))
		emulation_run(w);
	if (frames > 0)
		worker_charge(w, STAGE_TRANSMIT, frames);
}
