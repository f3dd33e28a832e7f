// SPDX-License-Identifier: BSD-3-Clause

#include "rig/station.h"

#include <netinet/in.h>

#include "pkt/arp.h"
#include "pkt/mld.h"
#include "pkt/nd.h"

enum {
	ETHERNET_BYTES = 14,
	VLAN_TAG_BYTES = 4,
	ETHERTYPE_AT = 12
};

struct mac_address rig_station_mac(uint16_t port)
{
	return (struct mac_address){{0x02, 0x57, 0, 0, (uint8_t)(port >> 8), (uint8_t)port}};
}

// The link header of an answer: back to the asker, same VLAN.
static uint32_t answer_header(
	const struct mac_address *own, const uint8_t *asked, uint32_t l2, uint8_t *out)
{
	memcpy(out, asked + 6, 6);
	memcpy(out + 6, own->bytes, 6);
	memcpy(out + 12, asked + 12, l2 - 12);
	return l2;
}

static void answer_arp(struct rig *rig, uint16_t port, const uint8_t *bytes, uint32_t l2,
	const struct arp_message *request)
{
	struct mac_address own = rig_station_mac(port);
	uint8_t out[ETHERNET_BYTES + VLAN_TAG_BYTES + ARP_BYTES];
	struct arp_message reply = {
		.operation = ARP_REPLY,
		.sender_mac = own,
		.target_mac = request->sender_mac,
		.sender = request->target,
		.target = request->sender,
	};

	arp_build(out + answer_header(&own, bytes, l2, out), &reply);
	if (!rig_send_bytes(rig, port, out, l2 + ARP_BYTES))
		return; // no room: the node asks again
}

static void answer_nd(struct rig *rig, uint16_t port, const uint8_t *bytes, uint32_t l2,
	const struct nd_message *solicitation)
{
	struct mac_address own = rig_station_mac(port);
	uint8_t out[ETHERNET_BYTES + VLAN_TAG_BYTES + ND_PACKET_MAX];
	struct nd_message advertisement = {
		.advertisement = true,
		.solicited = true,
		.override = true,
		.has_link = true,
		.link = own,
		.target = solicitation->target,
		.source = solicitation->target,
		.destination = solicitation->source,
	};
	uint32_t at = answer_header(&own, bytes, l2, out);
	uint32_t length = at + (uint32_t)nd_build(out + at, &advertisement);

	if (!rig_send_bytes(rig, port, out, length))
		return; // no room: the node asks again
}

static bool has(const struct rig *rig, const struct ip_address *address)
{
	return !rig->station_has || rig->station_has(address);
}

static bool is_membership_report(const uint8_t *ip)
{
	struct ip_address routers = mld_routers();

	return memcmp(ip + 24, routers.bytes, sizeof(routers.bytes)) == 0;
}

bool station_answer(struct rig *rig, uint16_t port, const uint8_t *bytes, uint32_t length)
{
	struct arp_message arp;
	struct nd_message nd;
	uint32_t l2 = ETHERNET_BYTES;

	if (length < ETHERNET_BYTES + VLAN_TAG_BYTES)
		return false;
	if (be16_load(bytes + ETHERTYPE_AT) == be16_from_host(0x8100))
		l2 += VLAN_TAG_BYTES;
	be16 type = be16_load(bytes + l2 - 2);

	if (type == be16_from_host(0x0806)) {
		if (arp_parse(bytes + l2, length - l2, &arp) == ARP_PARSED &&
			arp.operation == ARP_REQUEST && !ip_address_is_unspecified(&arp.sender) &&
			!ip_address_equal(&arp.sender, &arp.target) && has(rig, &arp.target))
			answer_arp(rig, port, bytes, l2, &arp);
		return true;
	}
	if (type != be16_from_host(0x86dd) || length < l2 + 41)
		return false;
	if (is_membership_report(bytes + l2))
		return true;
	if (bytes[l2 + 6] != IPPROTO_ICMPV6)
		return false;
	if (nd_parse(bytes + l2, length - l2, 40, &nd) != ND_PARSED)
		return false;
	if (!nd.advertisement && !ip_address_is_unspecified(&nd.source) && has(rig, &nd.target))
		answer_nd(rig, port, bytes, l2, &nd);
	return true;
}
