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
		.segment_size = b->offload ? buffer_segment_size(b) : 0,
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

static void take_note(struct packet *p)
{
	if (handover_note(p->buffer)->largest == 0)
		return;
	p->flags |= PACKET_REASSEMBLED;
	p->segment_size = handover_note(p->buffer)->largest;
}

// What all packets from one port share.
struct arrival {
	const uint16_t *netifs; // by VLAN id; NULL: the port carries none
	uint64_t mac;           // of the port, in the last six bytes in memory
	uint64_t plain_mac;     // the same; no address if frames without a tag are dropped
	uint16_t untagged;      // interface of frames without a tag, SLOT_NONE: dropped
};

static struct arrival arrival_of(const struct worker *w, uint16_t index)
{
	const struct port *port = w->ports->ports[index];
	struct arrival a = {.netifs = w->snapshot->netif_of[port->index]};

	a.untagged = a.netifs ? a.netifs[0] : SLOT_NONE;
	memcpy(&a.mac, port->mac.bytes, sizeof(port->mac.bytes));
	a.mac <<= 16;
	a.plain_mac = a.untagged == SLOT_NONE ? 1 : a.mac;
	return a;
}

// Whether the frame's destination is mac. A frame has eight bytes at least.
static inline bool is_to(const uint8_t *frame, uint64_t mac)
{
	uint64_t to;

	memcpy(&to, frame, sizeof(to));
	return to << 16 == mac;
}

// What is not plain.
static nx_noinline enum drop_reason judge_any(
	struct worker *w, const struct arrival *a, struct packet *p)
{
	struct parse_context context = context_of(p->buffer);
	enum parse_verdict verdict = packet_parse(p, &context);

	if (verdict != PARSE_OK)
		return (enum drop_reason)reason_of[verdict];
	if (!(p->flags & PACKET_L2_MULTICAST) && !is_to(p->data, a->mac))
		return DROP_L2_NOT_OURS;
	p->netif = a->netifs ? a->netifs[p->vlan & 0xfff] : SLOT_NONE;
	if (p->netif == SLOT_NONE)
		return DROP_VLAN_UNKNOWN;
	return is_checksum_right(w, p) ? DROP_NONE : DROP_L4_BAD_CHECKSUM;
}

static inline __attribute__((always_inline)) enum drop_reason judge(
	struct worker *w, const struct arrival *a, struct packet *p, const struct buffer *b)
{
	struct parse_context context = context_of(b);

	if (nx_unlikely(!is_to(context.data, a->plain_mac) || !packet_parse_plain(p, &context)))
		return judge_any(w, a, p);
	p->netif = a->untagged;
	return DROP_NONE;
}

static nx_cold void drop_all(
	struct worker *w, struct buffer *const *buffers, struct packet *packets, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		packets[i] = (struct packet){
			.buffer = buffers[i],
			.session = PACKET_NO_SESSION,
		};
		worker_drop(w, &packets[i], DROP_IP_NOT_OURS);
	}
}

// A received vector comes from one port; any other may come from several, and has notes.
static inline __attribute__((always_inline)) void parse_all(struct worker *w,
	struct buffer *const *buffers, struct packet *packets, uint32_t n, bool is_received)
{
	struct arrival arrival = arrival_of(w, buffers[0]->port);

	for (uint32_t i = 0; i < n; i++) {
		struct packet *p = &packets[i];
		struct buffer *b = buffers[i];
		enum drop_reason reason;

		if (!is_received)
			arrival = arrival_of(w, b->port);
		p->buffer = b;
		reason = judge(w, &arrival, p, b);
		if (nx_unlikely(reason != DROP_NONE))
			worker_drop(w, p, reason);
		else if (!is_received)
			take_note(p);
	}
}

void stage_parse(
	struct worker *w, struct buffer *const *buffers, struct packet *packets, uint32_t n)
{
	if (nx_unlikely(!w->snapshot))
		drop_all(w, buffers, packets, n);
	else if (nx_likely(w->origin == VECTOR_RECEIVED))
		parse_all(w, buffers, packets, n, true);
	else
		parse_all(w, buffers, packets, n, false);
	worker_charge(w, STAGE_PARSE, n);
}
