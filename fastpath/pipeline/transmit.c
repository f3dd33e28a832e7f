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

static uint64_t bytes_of(struct buffer *const *frames, uint32_t n)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < n; i++)
		bytes += frames[i]->total_length;
	return bytes;
}

static void flush(struct worker *w, struct transmit_queue *t)
{
	struct port_stats *stats = &w->stats->ports[t->port->index];
	struct port *port = t->port;
	uint64_t bytes = t->bytes;
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
	t->bytes = 0;
	// The port takes frames again: it will soon take those that are left.
	if (sent > 0)
		nap_end(&w->nap);
	if (nx_unlikely(t->count > 0)) {
		memmove(t->frames, t->frames + sent, t->count * sizeof(t->frames[0]));
		t->bytes = bytes_of(t->frames, t->count);
		bytes -= t->bytes;
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

static nx_cold bool make_room(struct worker *w, struct transmit_queue *t)
{
	flush(w, t);
	return t->count < nx_array_size(t->frames);
}

static inline void queue_frame(struct worker *w, struct transmit_queue *t, struct buffer *frame)
{
	if (nx_unlikely(t->count == nx_array_size(t->frames)) && !make_room(w, t)) {
		counter_add(&w->stats->ports[t->port->index].transmit_dropped, 1);
		worker_drop_buffer(w, frame, t->ring ? DROP_TX_RING_FULL : DROP_TX_FULL);
		return;
	}
	if (nx_unlikely(w->capture_count > 0))
		capture_burst(w, t->port->index, CAPTURE_SENT, &frame, 1);
	t->frames[t->count++] = frame;
	t->bytes += frame->total_length;
}

void worker_send_frame(struct worker *w, uint16_t port, struct buffer *frame)
{
	queue_frame(w, &w->transmit[port], frame);
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

// Makes the frame begin right before the IP header, with room for a link header of so many bytes.
static void move_front(struct packet *p, uint16_t header_bytes)
{
	struct buffer *b = p->buffer;
	int moved = (int)p->l3 - (int)header_bytes;

	b->offset = (uint16_t)(b->offset + moved);
	b->length = (uint16_t)(b->length - moved);
	b->total_length = (uint32_t)((int64_t)b->total_length - moved);
	p->l4 = (uint16_t)(p->l4 - moved);
	p->payload = (uint16_t)(p->payload - moved);
	p->length = b->total_length;
	p->l3 = header_bytes;
	p->data += moved;
}

// The first twelve bytes of a frame. to: the neighbour's MAC in its first six bytes.
static inline void write_stations(uint8_t *frame, const struct egress_way *way, uint64_t to)
{
	to |= way->source_first;
	memcpy(frame, &to, sizeof(to));
	be32_store(frame + 8, way->source_rest);
}

// Writes the link header over the way->header_bytes before the IP header.
static inline void write_link_header(struct packet *p, const struct egress_way *way, uint64_t to)
{
	be16 type = (p->flags & PACKET_IS_V6) ? htobe16(0x86dd) : htobe16(0x0800);
	uint8_t *frame = p->data;

	write_stations(frame, way, to);
	if (nx_unlikely(way->vlan)) {
		be16_store(frame + 12, htobe16(0x8100));
		be16_store(frame + 14, way->vlan);
		frame += VLAN_TAG_BYTES;
	}
	be16_store(frame + 12, type);
}

// The owner of the port asks for the neighbour's address and keeps the packet meanwhile.
static nx_cold void resolve(struct worker *w, struct packet *p, uint8_t owner)
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
static inline bool is_plain(const struct packet *p, const struct egress_way *way)
{
	return !(p->flags & (PACKET_CHECKSUM_PARTIAL | PACKET_SEGMENTED | PACKET_REASSEMBLED)) &&
	       p->length <= way->largest && (!p->buffer->next || way->chains);
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

static nx_cold void send_prepared(
	struct worker *w, struct packet *p, const struct snapshot_netif *netif)
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

static inline struct egress_way *way_of(struct worker *w, const struct packet *p)
{
	return &w->ways[p->egress % EGRESS_WAYS];
}

static inline uint64_t way_tag(const struct worker *w, const struct packet *p)
{
	return w->vector << 16 | p->egress;
}

static inline bool way_is_known(
	const struct worker *w, const struct egress_way *way, const struct packet *p)
{
	return way->tag == way_tag(w, p);
}

// Finds the way of the first packet of a vector that leaves by an interface. False when it cannot
// leave: it was dropped.
static bool way_find(struct worker *w, struct packet *p, struct egress_way *way)
{
	const struct snapshot_netif *netif = &w->snapshot->netifs[p->egress];

	// What waited for a neighbour, or was handed over, may name an interface of another
	// snapshot; an interface may be configured on a port that did not open.
	if (p->egress >= w->snapshot->netif_count || netif->port >= w->ports->port_count ||
		!is_up(w->ports->ports[netif->port])) {
		worker_drop(w, p, DROP_PORT_DOWN);
		return false;
	}
	const struct port *port = w->ports->ports[netif->port];
	uint16_t header = netif->vlan ? ETHERNET_BYTES + VLAN_TAG_BYTES : ETHERNET_BYTES;
	uint64_t source = 0;

	memcpy(&source, port->mac.bytes, sizeof(port->mac.bytes));
	*way = (struct egress_way){
		.tag = way_tag(w, p),
		.queue = &w->transmit[netif->port],
		.source_first = source << 48,
		.source_rest = (be32)(source >> 16),
		.largest = (uint32_t)header + netif->mtu,
		.header_bytes = header,
		.vlan = be16_from_host(netif->vlan),
		.chains = port->capabilities & PORT_TX_CHAINS,
	};
	return true;
}

// Any packet, step by step.
void worker_send(struct worker *w, struct packet *p)
{
	struct egress_way *way = way_of(w, p);
	struct neighbour_table *neighbours = &w->node->neighbours;
	uint64_t to;

	if (!way_is_known(w, way, p) && !way_find(w, p, way))
		return;
	if (!neighbour_mac_word(neighbours, p->neighbour, &to)) {
		resolve(w, p, w->ports->owner[way->queue->port->index]);
		return;
	}
	neighbour_use(neighbours, p->neighbour, w->now);
	if (p->buffer->total_length != p->length)
		trim(w, p->buffer, p->length);
	if (p->l3 != way->header_bytes)
		move_front(p, way->header_bytes);
	write_link_header(p, way, to);
	if (is_plain(p, way)) {
		p->buffer->offload = 0;
	} else if (!offload_describe(way->queue->port, p, way->largest - way->header_bytes)) {
		send_prepared(w, p, &w->snapshot->netifs[p->egress]);
		return;
	}
	queue_frame(w, way->queue, p->buffer);
	p->buffer = NULL;
}

// Whether a received packet needs no more than the stations' addresses and a place in the queue:
// its type is in the frame already.
static inline bool is_ready(const struct packet *p, const struct egress_way *way)
{
	return p->l3 == way->header_bytes && p->buffer->total_length == p->length &&
	       is_plain(p, way) && way->queue->count < nx_array_size(way->queue->frames);
}

static inline void send_ready(struct packet *p, const struct egress_way *way, uint64_t to)
{
	struct transmit_queue *t = way->queue;
	struct buffer *b = p->buffer;
	uint8_t *frame = p->data;

	t->frames[t->count++] = b;
	t->bytes += p->length;
	p->buffer = NULL;
	b->offload = 0;
	if (nx_unlikely(way->vlan)) {
		be16_store(frame + 12, htobe16(0x8100));
		be16_store(frame + 14, way->vlan);
	}
	write_stations(frame, way, to);
}

void worker_send_run(struct worker *w, struct packet *packets, uint32_t n)
{
	const struct neighbour_table neighbours = w->node->neighbours;
	struct egress_way way = {0};  // the last one
	uint32_t egress = UINT32_MAX; // its interface
	usec_t now = w->now;

	for (uint32_t i = 0; i < n; i++) {
		struct packet *p = &packets[i];
		uint64_t to;

		if (nx_unlikely(p->egress != egress) && w->capture_count == 0 &&
			way_is_known(w, way_of(w, p), p)) {
			way = *way_of(w, p);
			egress = p->egress;
		}
		if (nx_likely(p->egress == egress &&
			      neighbour_reach(&neighbours, p->neighbour, now, &to) &&
			      is_ready(p, &way)))
			send_ready(p, &way, to);
		else
			worker_send(w, p);
	}
}

// Frames of workers without a queue of their own on the port.
static uint32_t take_inlet(struct worker *w, const struct transmit_inlet *inlet)
{
	struct transmit_queue *t = &w->transmit[inlet->port];
	unsigned int room = (unsigned int)(nx_array_size(t->frames) - t->count);
	unsigned int n =
		rte_ring_sc_dequeue_burst(inlet->ring, (void **)(t->frames + t->count), room, NULL);

	t->bytes += bytes_of(t->frames + t->count, n);
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
