// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Link headers, and frames of ARP and neighbour discovery ready to be sent. Worker thread.

#include "core/buffer.h"
#include "core/snapshot.h"
#include "io/port.h"
#include "pkt/arp.h"
#include "pkt/nd.h"

enum {
	LINK_HEADER_MAX = 18,
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_ARP = 0x0806,
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_IPV6 = 0x86dd,
};

// Who we are on a netif.
struct link_identity {
	uint16_t port;
	uint16_t vlan; // 0 = untagged
	struct mac_address mac;
};

// The ports of a node as a worker sees them.
struct link_ports {
	void *context;
	// NULL when there is no such port now.
	const struct port *(*port)(void *context, uint16_t index);
	// Whether this worker reads the port's queue 0.
	bool (*owns)(void *context, uint16_t index);
};

// False when the netif or its port is not there (any more).
[[nodiscard]] bool link_identity_of(const struct snapshot *snapshot, const struct link_ports *ports,
	uint16_t netif, struct link_identity *out);

static inline uint16_t link_header_bytes(uint16_t vlan)
{
	return vlan ? LINK_HEADER_MAX : LINK_HEADER_MAX - 4;
}

// Writes link_header_bytes(link->vlan) bytes; returns that number.
uint16_t link_header_write(uint8_t *out, const struct link_identity *link,
	const struct mac_address *to, uint16_t ethertype);

static const struct mac_address link_broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

// A frame in a fresh buffer, the caller's; NULL when the source is exhausted.
struct buffer *neighbour_frame_arp(struct buffer_source *source, const struct link_identity *link,
	const struct mac_address *to, const struct arp_message *message);
struct buffer *neighbour_frame_nd(struct buffer_source *source, const struct link_identity *link,
	const struct mac_address *to, const struct nd_message *message);

// Asks for target: an ARP request or a neighbour solicitation. to: the MAC to probe, or NULL for
// everybody (broadcast, solicited-node group). asker: our address; unspecified in a probe for
// duplicates (RFC 5227 section 2.1.1, RFC 4862 section 5.4.2).
struct buffer *neighbour_frame_request(struct buffer_source *source,
	const struct link_identity *link, const struct ip_address *asker,
	const struct ip_address *target, const struct mac_address *to);

// Announces our own address to everybody: gratuitous ARP request (RFC 5227 section 3), or
// unsolicited advertisement with override (RFC 4861 section 7.2.6).
struct buffer *neighbour_frame_announcement(struct buffer_source *source,
	const struct link_identity *link, const struct ip_address *address);
