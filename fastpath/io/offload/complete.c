// SPDX-License-Identifier: BSD-3-Clause
#include "io/offload/complete.h"

#include "io/mbuf.h"
#include "io/offload/partial.h"
#include "io/offload/segment.h"
#include "pkt/rewrite.h"

enum {
	IPV4_CHECKSUM_AT = 10
};

// Both checksum bits together are UDP's; TCP's is one of them.
static bool is_tcp(const struct buffer *b)
{
	return (b->offload & BUFFER_TX_SEGMENT_TCP) ||
	       (b->offload & BUFFER_TX_CHECKSUM_UDP) == BUFFER_TX_CHECKSUM_TCP;
}

static struct packet describe(struct buffer *b)
{
	uint16_t l3 = buffer_l2_length(b);
	uint16_t l4 = (uint16_t)(l3 + buffer_l3_length(b));

	return (struct packet){
		.buffer = b,
		.data = buffer_data(b),
		.length = b->total_length,
		.l3 = l3,
		.l4 = l4,
		.payload = (uint16_t)(l4 + buffer_l4_length(b)),
		.kind = is_tcp(b) ? PACKET_TCP : PACKET_UDP,
		.flags = b->offload & BUFFER_TX_IPV6 ? PACKET_IS_V6 : 0,
	};
}

static void ip_checksum_complete(const struct packet *p)
{
	uint8_t *ip = p->data + p->l3;

	be16_store(ip + IPV4_CHECKSUM_AT, 0);
	be16_store(ip + IPV4_CHECKSUM_AT,
		checksum_finish(checksum_bytes(ip, (size_t)p->l4 - p->l3, 0)));
}

uint16_t offload_complete(struct buffer *frame, struct buffer_source *source, struct buffer **out,
	uint16_t room, enum drop_reason *reason)
{
	const uint64_t segments = BUFFER_TX_SEGMENT_TCP | BUFFER_TX_SEGMENT_UDP;
	uint64_t asked = frame->offload & BUFFER_TX_MASK;
	struct packet p = describe(frame);
	uint32_t size = buffer_segment_size(frame);
	uint16_t count;

	if ((asked & segments) && size > 0 && p.length > p.payload + size) {
		count = segment_frame(&p, size, source, out, room, reason);
		if (count > 0)
			source->put(source, frame);
		return count;
	}
	if (asked & (segments | BUFFER_TX_CHECKSUM_UDP))
		partial_checksum_complete(frame, p.l4, p.length - p.l4,
			(uint32_t)p.l4 +
				(p.kind == PACKET_TCP ? TCP_CHECKSUM_OFFSET : UDP_CHECKSUM_OFFSET));
	if ((asked & BUFFER_TX_IP_CHECKSUM) && !(p.flags & PACKET_IS_V6))
		ip_checksum_complete(&p);
	frame->offload &= ~BUFFER_TX_MASK;
	out[0] = frame;
	return 1;
}
