// SPDX-License-Identifier: BSD-3-Clause
#include "io/neighbour/neighbour_frame.h"

bool link_identity_of(const struct snapshot *snapshot, const struct link_ports *ports,
	uint16_t netif, struct link_identity *out)
{
	if (!snapshot || netif >= snapshot->netif_count)
		return false;

	const struct snapshot_netif *n = &snapshot->netifs[netif];
	const struct port *port = ports->port(ports->context, n->port);

	if (!port)
		return false;
	*out = (struct link_identity){.port = n->port, .vlan = n->vlan, .mac = port->mac};
	return true;
}

uint16_t link_header_write(uint8_t *out, const struct link_identity *link,
	const struct mac_address *to, uint16_t ethertype)
{
	uint16_t bytes = link_header_bytes(link->vlan);

	memcpy(out, to->bytes, 6);
	memcpy(out + 6, link->mac.bytes, 6);
	if (link->vlan) {
		be16_store(out + 12, be16_from_host(ETHERTYPE_VLAN));
		be16_store(out + 14, be16_from_host(link->vlan));
	}
	be16_store(out + bytes - 2, be16_from_host(ethertype));
	return bytes;
}

struct buffer *neighbour_frame_arp(struct buffer_source *source, const struct link_identity *link,
	const struct mac_address *to, const struct arp_message *message)
{
	struct buffer *b = source->get(source, LINK_HEADER_MAX + ARP_BYTES);

	if (!b)
		return NULL;
	b->length = link_header_write(buffer_data(b), link, to, ETHERTYPE_ARP);
	arp_build(buffer_data(b) + b->length, message);
	b->length += ARP_BYTES;
	b->total_length = b->length;
	return b;
}

struct buffer *neighbour_frame_nd(struct buffer_source *source, const struct link_identity *link,
	const struct mac_address *to, const struct nd_message *message)
{
	struct buffer *b = source->get(source, LINK_HEADER_MAX + ND_PACKET_MAX);

	if (!b)
		return NULL;
	b->length = link_header_write(buffer_data(b), link, to, ETHERTYPE_IPV6);
	b->length += (uint16_t)nd_build(buffer_data(b) + b->length, message);
	b->total_length = b->length;
	return b;
}

static struct buffer *arp_request(struct buffer_source *source, const struct link_identity *link,
	const struct ip_address *asker, const struct ip_address *target,
	const struct mac_address *to)
{
	struct arp_message m = {.operation = ARP_REQUEST,
		.sender_mac = link->mac,
		.sender = *asker,
		.target = *target};

	return neighbour_frame_arp(source, link, to ? to : &link_broadcast, &m);
}

struct buffer *neighbour_frame_request(struct buffer_source *source,
	const struct link_identity *link, const struct ip_address *asker,
	const struct ip_address *target, const struct mac_address *to)
{
	if (ip_address_is_v4(target))
		return arp_request(source, link, asker, target, to);

	struct nd_message m = {.link = link->mac,
		.has_link = !ip_address_is_unspecified(asker),
		.target = *target,
		.source = *asker,
		.destination = to ? *target : nd_solicited_node(target)};
	struct mac_address group = nd_group_mac(&m.destination);

	return neighbour_frame_nd(source, link, to ? to : &group, &m);
}

struct buffer *neighbour_frame_announcement(struct buffer_source *source,
	const struct link_identity *link, const struct ip_address *address)
{
	if (ip_address_is_v4(address))
		return arp_request(source, link, address, address, NULL);

	struct nd_message m = {.advertisement = true,
		.override = true,
		.has_link = true,
		.link = link->mac,
		.target = *address,
		.source = *address,
		.destination = nd_all_nodes()};
	struct mac_address group = nd_group_mac(&m.destination);

	return neighbour_frame_nd(source, link, &group, &m);
}
