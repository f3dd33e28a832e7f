// SPDX-License-Identifier: BSD-3-Clause
#include "io/kernel/vnet.h"

#include <netinet/in.h>

#include "io/offload/partial.h"
#include "pkt/packet.h"

enum {
	ETHERNET_BYTES = 14,
	VLAN_BYTES = 4,
	TYPE_IPV4 = 0x0800,
	TYPE_IPV6 = 0x86dd,
	TYPE_VLAN = 0x8100,
	IPV4_BYTES = 20,
	IPV6_BYTES = 40,
	TCP_CHECKSUM_AT = 16,
	UDP_CHECKSUM_AT = 6,
	TCP_BYTES = 20,
	TCP_FLAGS_AT = 13,
	UDP_BYTES = 8,
	// Kinds newer than the headers of the oldest system that this builds on.
	GSO_UDP_SEGMENT = 5,
	GSO_ACCURATE_ECN = 0x10,
	// A kernel allocates this much in one piece for a frame without segmentation.
	LINEAR_BYTES = 2048,
};

// Where the outermost transport header stands.
struct transport {
	uint16_t l2;
	uint16_t l3;
	uint8_t protocol;
	bool v6;
};

// Finds a transport header that follows the IP header at once. False where there is none in the
// first buffer, among them IPv6 with extension headers.
static bool transport_find(const struct buffer *frame, struct transport *out)
{
	struct cursor c = cursor_over(buffer_data(frame), frame->length);
	struct transport t = {.l2 = ETHERNET_BYTES};
	const uint8_t *ip;
	uint16_t type;

	if (!cursor_skip(&c, 12) || !cursor_take_u16(&c, &type))
		return false;
	if (type == TYPE_VLAN) {
		t.l2 += VLAN_BYTES;
		if (!cursor_skip(&c, 2) || !cursor_take_u16(&c, &type))
			return false;
	}
	if (type == TYPE_IPV4) {
		if (!cursor_take_span(&c, IPV4_BYTES, &ip) || ip[0] >> 4 != 4)
			return false;
		t.l3 = (uint16_t)((ip[0] & 0x0f) * 4);
		t.protocol = ip[9];
		if (t.l3 < IPV4_BYTES || !cursor_skip(&c, t.l3 - IPV4_BYTES))
			return false;
	} else if (type == TYPE_IPV6) {
		if (!cursor_take_span(&c, IPV6_BYTES, &ip) || ip[0] >> 4 != 6)
			return false;
		t.l3 = IPV6_BYTES;
		t.protocol = ip[6];
		t.v6 = true;
	} else {
		return false;
	}
	*out = t;
	return true;
}

static bool checksum_is_at(const struct transport *t, uint32_t start, uint32_t offset)
{
	if (start != (uint32_t)t->l2 + t->l3)
		return false;
	return (t->protocol == IPPROTO_TCP && offset == TCP_CHECKSUM_AT) ||
	       (t->protocol == IPPROTO_UDP && offset == UDP_CHECKSUM_AT);
}

static bool kind_matches(uint8_t kind, const struct transport *t)
{
	switch (kind) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return t->protocol == IPPROTO_TCP && !t->v6;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return t->protocol == IPPROTO_TCP && t->v6;
	case GSO_UDP_SEGMENT:
		return t->protocol == IPPROTO_UDP;
	default:
		return false;
	}
}

static enum vnet_verdict segments_describe(
	const struct virtio_net_hdr *header, const struct transport *t, struct buffer *frame)
{
	uint8_t modifiers = header->gso_type & (VIRTIO_NET_HDR_GSO_ECN | GSO_ACCURATE_ECN);
	uint8_t kind = (uint8_t)(header->gso_type ^ modifiers);
	uint32_t l4 = UDP_BYTES;

	if (!kind_matches(kind, t) || header->gso_size == 0)
		return VNET_MALFORMED;
	if (t->protocol == IPPROTO_TCP) {
		if (frame->length < t->l2 + t->l3 + TCP_BYTES)
			return VNET_MALFORMED;
		l4 = (buffer_data(frame)[t->l2 + t->l3 + 12] >> 4) * 4u;
		if (l4 < TCP_BYTES)
			return VNET_MALFORMED;
	}
	uint32_t headers = t->l2 + t->l3 + l4;

	if (frame->length < headers)
		return VNET_MALFORMED;
	if (frame->total_length - headers <= header->gso_size)
		return VNET_OK; // one segment: nothing is left to divide
	frame->offload |= BUFFER_RX_LRO;
	frame->transmit = buffer_transmit_word(t->l2, t->l3, l4, header->gso_size) |
			  (uint64_t)modifiers << BUFFER_GSO_SHIFT;
	return VNET_OK;
}

enum vnet_verdict vnet_receive(
	const struct virtio_net_hdr *header, uint16_t inserted, struct buffer *frame)
{
	bool partial = header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
	bool segments = header->gso_type != VIRTIO_NET_HDR_GSO_NONE;

	frame->transmit = 0;
	if (!partial) {
		// Segmentation rewrites every checksum: without a partial one it has no start.
		if (segments)
			return VNET_MALFORMED;
		if (header->flags & VIRTIO_NET_HDR_F_DATA_VALID)
			frame->offload |= BUFFER_RX_CHECKSUM_GOOD;
		return VNET_OK;
	}
	uint32_t start = (uint32_t)header->csum_start + inserted;
	uint32_t end = start + header->csum_offset + 2;
	struct transport t;

	if (start < ETHERNET_BYTES || end > frame->length)
		return VNET_MALFORMED;
	if (!transport_find(frame, &t) || !checksum_is_at(&t, start, header->csum_offset)) {
		if (segments)
			return VNET_MALFORMED;
		partial_checksum_complete(
			frame, start, frame->total_length - start, start + header->csum_offset);
		return VNET_OK;
	}
	frame->offload |= BUFFER_RX_CHECKSUM_PARTIAL;
	return segments ? segments_describe(header, &t, frame) : VNET_OK;
}

static uint8_t gso_type_of(const struct buffer *frame, uint32_t l4_at)
{
	uint8_t modifiers = (uint8_t)(frame->transmit >> BUFFER_GSO_SHIFT) & GSO_ACCURATE_ECN;

	if (frame->offload & BUFFER_TX_SEGMENT_UDP)
		return GSO_UDP_SEGMENT;
	// A kernel that cuts the frame clears CWR after the first segment only if it is told so.
	if (!modifiers && (buffer_data(frame)[l4_at + TCP_FLAGS_AT] & TCP_FLAG_CWR))
		modifiers = VIRTIO_NET_HDR_GSO_ECN;
	return modifiers | (frame->offload & BUFFER_TX_IPV6 ? VIRTIO_NET_HDR_GSO_TCPV6
							    : VIRTIO_NET_HDR_GSO_TCPV4);
}

void vnet_transmit(const struct buffer *frame, struct virtio_net_hdr *header)
{
	uint64_t checksum = frame->offload & BUFFER_TX_CHECKSUM_UDP;
	uint16_t l4_at = buffer_l2_length(frame) + buffer_l3_length(frame);

	*header = (struct virtio_net_hdr){
		.hdr_len = frame->total_length <= LINEAR_BYTES ? (uint16_t)frame->total_length : 0,
	};
	if (!checksum)
		return;
	header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	header->csum_start = l4_at;
	header->csum_offset =
		checksum == BUFFER_TX_CHECKSUM_UDP ? UDP_CHECKSUM_AT : TCP_CHECKSUM_AT;
	if (!(frame->offload & (BUFFER_TX_SEGMENT_TCP | BUFFER_TX_SEGMENT_UDP)))
		return;
	header->gso_type = gso_type_of(frame, l4_at);
	header->gso_size = buffer_segment_size(frame);
	header->hdr_len = l4_at + buffer_l4_length(frame);
}
