// SPDX-License-Identifier: BSD-3-Clause
#include "io/offload/offload.h"

#include "core/chain.h"
#include "io/mbuf.h"
#include "io/offload/partial.h"
#include "io/offload/segment.h"
#include "pkt/rewrite.h"

enum {
	L3_LENGTH_MAX = 511 // what the transmit word holds
};

static bool is_transport(const struct packet *p)
{
	return p->kind == PACKET_TCP || p->kind == PACKET_UDP;
}

// Payload bytes a segment may have, 0: the frame needs no cutting. False: it is too big and may not
// be cut.
static bool segment_size_find(const struct packet *p, uint32_t mtu, uint32_t *size)
{
	bool marked = (p->flags & PACKET_SEGMENTED) && p->segment_size > 0 && is_transport(p);
	bool fits = p->length - p->l3 <= mtu;
	uint32_t headers = (uint32_t)p->payload - p->l3;

	*size = 0;
	if (!marked && fits)
		return true;
	if ((!marked && p->kind != PACKET_TCP) || headers >= mtu)
		return false;
	uint32_t most = mtu - headers;

	// The receiver of UDP sees where one datagram ends: their size is not ours to change.
	if (p->kind == PACKET_UDP && p->segment_size > most)
		return false;
	*size = marked ? u32_min(p->segment_size, most) : most;
	if (packet_payload_length(p) <= *size)
		*size = 0;
	return true;
}

static bool takes_chain(const struct port *port, const struct buffer *b)
{
	return !b->next || ((port->capabilities & PORT_TX_CHAINS) && b->segments <= PORT_CHAIN_MAX);
}

static bool port_segments(const struct port *port, const struct packet *p)
{
	uint32_t needed = p->kind == PACKET_TCP ? PORT_TX_SEGMENT : PORT_TX_SEGMENT_UDP;

	return (port->capabilities & needed) && p->length <= port->max_frame &&
	       p->l4 - p->l3 <= L3_LENGTH_MAX && takes_chain(port, p->buffer);
}

static void checksum_start(struct packet *p)
{
	bool tcp = p->kind == PACKET_TCP;
	const uint8_t *ip = p->data + p->l3;
	uint8_t *field = p->data + p->l4 + (tcp ? TCP_CHECKSUM_OFFSET : UDP_CHECKSUM_OFFSET);
	uint32_t addresses = p->flags & PACKET_IS_V6 ? 32 : 8;
	uint64_t sum = (uint64_t)be32_from_host(p->length - p->l4) +
		       be16_from_host(tcp ? IPPROTO_TCP : IPPROTO_UDP);

	sum = checksum_bytes(ip + (p->flags & PACKET_IS_V6 ? 8 : 12), addresses, sum);
	be16_store(field, checksum_fold(sum));
}

// Asks the port for the checksum and, with size, for segments.
static void marks_set(const struct port *port, struct packet *p, uint32_t size)
{
	struct buffer *b = p->buffer;
	bool tcp = p->kind == PACKET_TCP;
	uint64_t modifiers = b->transmit >> BUFFER_GSO_SHIFT << BUFFER_GSO_SHIFT;
	uint64_t bits = tcp ? BUFFER_TX_CHECKSUM_TCP : BUFFER_TX_CHECKSUM_UDP;

	bits |= p->flags & PACKET_IS_V6 ? BUFFER_TX_IPV6 : BUFFER_TX_IPV4;
	if (size > 0)
		bits |= tcp ? BUFFER_TX_SEGMENT_TCP : BUFFER_TX_SEGMENT_UDP;
	if (size > 0 && !(p->flags & PACKET_IS_V6) && (port->capabilities & PORT_TX_IP_CHECKSUM))
		bits |= BUFFER_TX_IP_CHECKSUM;
	b->offload |= bits;
	b->transmit = modifiers | buffer_transmit_word(p->l3, (uint32_t)p->l4 - p->l3,
					  (uint32_t)p->payload - p->l4, size);
}

static void checksum_prepare(const struct port *port, struct packet *p)
{
	bool tcp = p->kind == PACKET_TCP;

	if (!(p->flags & PACKET_CHECKSUM_PARTIAL))
		return;
	if ((port->capabilities & PORT_TX_L4_CHECKSUM) && p->l4 - p->l3 <= L3_LENGTH_MAX)
		marks_set(port, p, 0);
	else
		partial_checksum_complete(p->buffer, p->l4, p->length - p->l4,
			(uint32_t)p->l4 + (tcp ? TCP_CHECKSUM_OFFSET : UDP_CHECKSUM_OFFSET));
}

bool offload_describe(const struct port *port, struct packet *p, uint32_t mtu)
{
	bool is_cut = p->flags & PACKET_SEGMENTED;
	uint32_t longest = is_cut ? (uint32_t)p->payload + p->segment_size : p->length;

	if (p->kind != PACKET_TCP || (p->flags & PACKET_REASSEMBLED) ||
		!(p->flags & PACKET_CHECKSUM_PARTIAL) || longest - p->l3 > mtu ||
		p->length > port->max_frame || p->l4 - p->l3 > L3_LENGTH_MAX ||
		!(port->capabilities & (is_cut ? PORT_TX_SEGMENT : PORT_TX_L4_CHECKSUM)) ||
		!takes_chain(port, p->buffer))
		return false;
	if (is_cut && (p->segment_size == 0 || packet_payload_length(p) <= p->segment_size))
		return false;
	p->buffer->offload &= ~BUFFER_TX_MASK;
	marks_set(port, p, is_cut ? p->segment_size : 0);
	return true;
}

// The frame in one piece, for a port that takes no chains.
static struct buffer *frame_join(struct packet *p, struct buffer_source *source)
{
	struct buffer *b = source->get(source, p->length);

	if (!b)
		return NULL;
	chain_copy(p->buffer, 0, p->length, buffer_data(b));
	b->length = (uint16_t)p->length;
	b->total_length = p->length;
	b->port = p->buffer->port;
	b->offload = p->buffer->offload;
	b->transmit = p->buffer->transmit;
	return b;
}

static uint16_t frame_whole(const struct port *port, struct packet *p, struct buffer_source *source,
	struct buffer **out, enum drop_reason *reason)
{
	struct buffer *b = p->buffer;

	if (p->length > port->max_frame) {
		*reason = DROP_IP_TOO_BIG;
		return 0;
	}
	checksum_prepare(port, p);
	if (!takes_chain(port, b)) {
		b = frame_join(p, source);
		if (!b) {
			*reason = DROP_NO_BUFFER;
			return 0;
		}
		source->put(source, p->buffer);
	}
	out[0] = b;
	return 1;
}

uint16_t offload_prepare(const struct port *port, struct packet *p, uint32_t mtu,
	struct buffer_source *source, struct buffer **out, uint16_t room, enum drop_reason *reason)
{
	struct buffer *b = p->buffer;
	uint32_t size;
	uint16_t count;

	// What the frame asked of the port it came by, or was told there, is no longer true.
	b->offload &= ~BUFFER_TX_MASK;
	if (!segment_size_find(p, mtu, &size)) {
		*reason = DROP_IP_TOO_BIG;
		return 0;
	}
	if (size == 0)
		return frame_whole(port, p, source, out, reason);
	if (port_segments(port, p)) {
		if (!(p->flags & PACKET_CHECKSUM_PARTIAL))
			checksum_start(p);
		marks_set(port, p, size);
		out[0] = b;
		return 1;
	}
	count = segment_frame(p, size, source, out, room, reason);
	if (count > 0)
		source->put(source, b);
	return count;
}
