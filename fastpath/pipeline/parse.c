// SPDX-License-Identifier: BSD-3-Clause

// Stage 2: headers to descriptors. What the parser refuses is dropped here under the reason of the
// same name; frames for other stations and unknown VLANs too.

#include "pkt/plain.h"

#include "pipeline/node_private.h"

static const uint8_t reason_of[PARSE_VERDICT_COUNT] = {
	[PARSE_L2_TRUNCATED] = DROP_L2_TRUNCATED,
	[PARSE_L2_UNKNOWN_TYPE] = DROP_L2_UNKNOWN_TYPE,
	[PARSE_ARP_MALFORMED] = DROP_ARP_MALFORMED,
	[PARSE_IP_TRUNCATED] = DROP_IP_TRUNCATED,
	[PARSE_IP_BAD_HEADER] = DROP_IP_BAD_HEADER,
	[PARSE_IP_BAD_CHECKSUM] = DROP_IP_BAD_CHECKSUM,
	[PARSE_IP_BAD_OPTION] = DROP_IP_BAD_OPTION,
	[PARSE_IP_SPOOFED] = DROP_IP_SPOOFED,
	[PARSE_FRAGMENT_MALFORMED] = DROP_FRAGMENT_MALFORMED,
	[PARSE_L4_TRUNCATED] = DROP_L4_TRUNCATED,
	[PARSE_L4_BAD_HEADER] = DROP_L4_BAD_HEADER,
	[PARSE_L4_BAD_CHECKSUM] = DROP_L4_BAD_CHECKSUM,
};

void worker_drop_buffer(struct worker *w, struct buffer *b, enum drop_reason reason)
{
	stats_drop(w->stats, reason);
	w->buffers->put(w->buffers, b);
}

void worker_drop(struct worker *w, struct packet *p, enum drop_reason reason)
{
	worker_drop_buffer(w, p->buffer, reason);
	p->buffer = NULL;
	p->kind = PACKET_NONE;
}

static uint32_t offload_of(const struct buffer *b)
{
	uint64_t checksum = b->offload & BUFFER_RX_CHECKSUM_MASK;
	uint32_t bits = 0;

	if (b->offload & BUFFER_RX_IP_GOOD)
		bits |= PARSE_IP_GOOD;
	if (checksum == BUFFER_RX_CHECKSUM_GOOD)
		bits |= PARSE_L4_GOOD;
	else if (checksum == BUFFER_RX_CHECKSUM_PARTIAL)
		bits |= PARSE_L4_PARTIAL;
	if (b->offload & BUFFER_RX_LRO)
		bits |= PARSE_SEGMENTED;
	return bits;
}

// Headers lie in the first buffer: a port that scatters frames puts at least this much there, and
// what reassembly builds does too. A chain that does not is not worth mending.
static inline struct parse_context context_of(const struct buffer *b)
{
	return (struct parse_context){
		.data = buffer_data(b),
		.contiguous = b->length,
		.frame = b->total_length,
		.offload = b->offload ? offload_of(b) : 0,
		.segment_size = buffer_segment_size(b),
	};
}

// Checksums are verified in software where the port does not vouch for them.
static bool is_checksum_right(const struct worker *w, struct packet *p)
{
	const struct port *port = w->ports->ports[p->buffer->port];
	bool may_be_partial = port->capabilities & PORT_RX_PARTIAL;
	struct checksum_span spans[MAX_CHECKSUM_SPANS];

	if (p->flags & (PACKET_CHECKSUM_GOOD | PACKET_CHECKSUM_PARTIAL))
		return true;
	if (p->buffer->segments > MAX_CHECKSUM_SPANS)
		return true; // longer than software looks at: the end host will
	uint32_t n = packet_spans(p->buffer, spans);

	return packet_checksum_verify(p, spans, n, may_be_partial) == PARSE_OK;
}

static bool is_for_us(const struct port *port, const struct packet *p)
{
	return (p->flags & PACKET_L2_MULTICAST) ||
	       memcmp(p->data, port->mac.bytes, sizeof(port->mac.bytes)) == 0;
}

static void take_note(struct packet *p)
{
	if (handover_note(p->buffer)->largest == 0)
		return;
	p->flags |= PACKET_REASSEMBLED;
	p->segment_size = handover_note(p->buffer)->largest;
}

static inline enum drop_reason judge(struct worker *w, struct packet *p)
{
	const struct port *port = w->ports->ports[p->buffer->port];
	struct parse_context context = context_of(p->buffer);
	bool is_plain = packet_parse_plain(p, &context);

	if (nx_unlikely(!is_plain)) {
		enum parse_verdict verdict = packet_parse(p, &context);

		if (verdict != PARSE_OK)
			return (enum drop_reason)reason_of[verdict];
	}
	if (nx_unlikely(!is_for_us(port, p)))
		return DROP_L2_NOT_OURS;
	const uint16_t *netifs = w->snapshot->netif_of[port->index];

	p->netif = netifs ? netifs[p->vlan & 0xfff] : SLOT_NONE;
	if (nx_unlikely(p->netif == SLOT_NONE))
		return DROP_VLAN_UNKNOWN;
	if (nx_unlikely(!is_plain && !is_checksum_right(w, p)))
		return DROP_L4_BAD_CHECKSUM;
	if (nx_unlikely(w->origin != VECTOR_RECEIVED))
		take_note(p);
	return DROP_NONE;
}

void stage_parse(struct worker *w, struct packet *packets, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct packet *p = &packets[i];
		enum drop_reason reason;

		if (nx_unlikely(!w->snapshot)) {
			worker_drop(w, p, DROP_IP_NOT_OURS);
			continue;
		}
		reason = judge(w, p);
		if (nx_unlikely(reason != DROP_NONE))
			worker_drop(w, p, reason);
	}
	worker_charge(w, STAGE_PARSE, n);
}
