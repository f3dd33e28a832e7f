// SPDX-License-Identifier: BSD-3-Clause

// Echo replies (RFC 792, RFC 4443 section 4.2), made of the request in place, whatever its size.

#include "core/chain.h"
#include "l3/fragment.h"
#include "l3/state.h"
#include "pkt/checksum.h"
#include "pkt/icmp.h"

enum {
	IP4_BYTES = 20,
	IP6_BYTES = 40
};

// Begins the frame so late that a link header of `link` bytes and a fixed IP header fit exactly
// before the ICMP header: IP options, extension headers and a priority tag (VLAN 0) go.
static void strip(struct packet *p, uint16_t link)
{
	uint32_t fixed = p->flags & PACKET_IS_V6 ? IP6_BYTES : IP4_BYTES;
	uint32_t extra = p->l4 - link - fixed;

	p->data += extra;
	p->length -= extra;
	p->l3 = link;
	p->l4 = (uint16_t)(p->l4 - extra);
	p->buffer->offset = (uint16_t)(p->buffer->offset + extra);
	p->buffer->length = (uint16_t)(p->buffer->length - extra);
	p->buffer->total_length -= extra;
}

static void turn_around(struct l3 *l3, struct packet *p, const struct link_identity *link)
{
	bool v6 = p->flags & PACKET_IS_V6;
	be16 old = be16_load(p->data + p->l4);
	be16 new = be16_from_host((v6 ? ICMP6_ECHO_REPLY : ICMP4_ECHO_REPLY) << 8);
	struct mac_address to;
	uint8_t *icmp;

	memcpy(to.bytes, p->data + 6, 6);
	strip(p, link_header_bytes(link->vlan));
	icmp = p->data + p->l4;
	link_header_write(p->data, link, &to, v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
	l3_ip_header(l3, p->data + p->l3, &p->key.destination, &p->key.source, p->ip_protocol,
		p->length - p->l4);
	// The pseudo-header of ICMPv6 sums up the same with its addresses swapped.
	be16_store(icmp, new);
	be16_store(icmp + 2, checksum_update16(be16_load(icmp + 2), old, new));
	p->buffer->offload = 0;
	p->buffer->transmit = 0;
}

void l3_echo(struct l3 *l3, const struct snapshot *snapshot, struct packet *packet, usec_t now)
{
	struct link_identity link;

	if (!l3_may_answer(l3, snapshot, packet) ||
		!link_identity_of(snapshot, &l3->config.ports, packet->netif, &link)) {
		l3_drop(l3, packet, DROP_ICMP_IGNORED);
		return;
	}
	if (!rate_take(&l3->echoes, now)) {
		l3_drop(l3, packet, DROP_ICMP_RATE);
		return;
	}
	struct buffer *b = packet->buffer;
	uint16_t mtu = snapshot->netifs[packet->netif].mtu;

	chain_trim(b, packet->length, l3->config.buffers);
	turn_around(l3, packet, &link);
	packet->buffer = NULL;
	l3_send_or_fragment(l3, link.port, b, packet->l3, mtu);
}
