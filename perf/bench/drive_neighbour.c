// SPDX-License-Identifier: BSD-3-Clause

// Who is where: both sides answer ARP and neighbour solicitations for their own addresses, and the
// clients' side asks for the service's.

#include "bench/drive.h"

#include <netinet/in.h>

#include "core/clock.h"
#include "pkt/arp.h"
#include "pkt/nd.h"

enum {
	RESOLVE_TRIES = 50,
	ETHERNET_BYTES = 14,
	ETHERNET_LEAST = 60,
	IP6_BYTES = 40,
	NEXT_HEADER_AT = ETHERNET_BYTES + 6,
};

static bool is_own(const struct drive *d, unsigned side, const struct ip_address *address)
{
	if (side == DRIVE_TARGET)
		return ip_address_equal(address, &d->target);
	return drive_client(d, address) != UINT32_MAX;
}

static void learn(struct drive *d, unsigned side, const struct mac_address *mac)
{
	d->next[side] = *mac;
	d->known[side] = true;
}

// content: an ARP message or an IPv6 packet.
static void send_to(struct drive *d, unsigned side, const struct mac_address *to, uint16_t type,
	const uint8_t *content, size_t length)
{
	uint8_t bytes[ETHERNET_BYTES + ND_PACKET_MAX] = {0};
	size_t whole = ETHERNET_BYTES + length;

	memcpy(bytes, to->bytes, 6);
	memcpy(bytes + 6, d->sides[side].port->mac.bytes, 6);
	be16_store(bytes + 12, be16_from_host(type));
	memcpy(bytes + ETHERNET_BYTES, content, length);
	if (drive_send_bytes(
		    d, side, bytes, (uint32_t)(whole < ETHERNET_LEAST ? ETHERNET_LEAST : whole)))
		drive_flush(d, side);
}

static void send_arp(struct drive *d, unsigned side, const struct mac_address *to,
	const struct arp_message *message)
{
	uint8_t bytes[ARP_BYTES];

	arp_build(bytes, message);
	send_to(d, side, to, 0x0806, bytes, sizeof(bytes));
}

static void send_nd(struct drive *d, unsigned side, const struct mac_address *to,
	const struct nd_message *message)
{
	uint8_t bytes[ND_PACKET_MAX];

	send_to(d, side, to, 0x86dd, bytes, nd_build(bytes, message));
}

static void take_arp(struct drive *d, unsigned side, const uint8_t *bytes, uint32_t length)
{
	struct arp_message arp;

	if (arp_parse(bytes + ETHERNET_BYTES, length - ETHERNET_BYTES, &arp) != ARP_PARSED)
		return;
	if (side == DRIVE_CLIENT && ip_address_equal(&arp.sender, &d->service))
		learn(d, side, &arp.sender_mac);
	if (arp.operation != ARP_REQUEST || !is_own(d, side, &arp.target) ||
		is_own(d, side, &arp.sender))
		return;
	if (side == DRIVE_TARGET)
		learn(d, side, &arp.sender_mac);
	struct arp_message reply = {
		.operation = ARP_REPLY,
		.sender_mac = d->sides[side].port->mac,
		.target_mac = arp.sender_mac,
		.sender = arp.target,
		.target = arp.sender,
	};

	send_arp(d, side, &arp.sender_mac, &reply);
}

static void take_nd(struct drive *d, unsigned side, const struct nd_message *nd)
{
	if (nd->advertisement) {
		if (side == DRIVE_CLIENT && nd->has_link &&
			ip_address_equal(&nd->target, &d->service))
			learn(d, side, &nd->link);
		return;
	}
	if (!is_own(d, side, &nd->target) || !nd->has_link || is_own(d, side, &nd->source))
		return;
	if (side == DRIVE_TARGET)
		learn(d, side, &nd->link);
	struct nd_message advertisement = {
		.advertisement = true,
		.solicited = true,
		.override = true,
		.has_link = true,
		.link = d->sides[side].port->mac,
		.target = nd->target,
		.source = nd->target,
		.destination = nd->source,
	};

	send_nd(d, side, &nd->link, &advertisement);
}

bool drive_take_neighbour(struct drive *d, unsigned side, const uint8_t *bytes, uint32_t length)
{
	struct nd_message nd;

	if (length < ETHERNET_BYTES + ARP_BYTES)
		return false;
	if (memcmp(bytes + 12, "\x08\x06", 2) == 0) {
		take_arp(d, side, bytes, length);
		return true;
	}
	if (memcmp(bytes + 12, "\x86\xdd", 2) != 0 || length < ETHERNET_BYTES + IP6_BYTES ||
		bytes[NEXT_HEADER_AT] != IPPROTO_ICMPV6)
		return false;
	if (nd_parse(bytes + ETHERNET_BYTES, length - ETHERNET_BYTES, IP6_BYTES, &nd) == ND_PARSED)
		take_nd(d, side, &nd);
	return true;
}

static void ask(struct drive *d)
{
	const struct mac_address own = d->sides[DRIVE_CLIENT].port->mac;

	if (ip_address_is_v4(&d->service)) {
		struct mac_address all = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
		struct arp_message request = {.operation = ARP_REQUEST,
			.sender_mac = own,
			.sender = d->client,
			.target = d->service};

		send_arp(d, DRIVE_CLIENT, &all, &request);
		return;
	}
	struct nd_message solicitation = {
		.has_link = true,
		.link = own,
		.target = d->service,
		.source = d->client,
		.destination = nd_solicited_node(&d->service),
	};
	struct mac_address group = nd_group_mac(&solicitation.destination);

	send_nd(d, DRIVE_CLIENT, &group, &solicitation);
}

static void ignore(struct drive *d, unsigned side, const struct packet *p, const uint8_t *bytes)
{
}

void drive_resolve(struct drive *d)
{
	for (int i = 0; i < RESOLVE_TRIES && !d->known[DRIVE_CLIENT]; i++) {
		uint64_t until = clock_cycles() + d->hz / 10;

		ask(d);
		while (!d->known[DRIVE_CLIENT] && clock_cycles() < until)
			drive_receive(d, ignore);
	}
	if (!d->known[DRIVE_CLIENT])
		bench_fail("nobody on %s answers for the address of --target",
			d->sides[DRIVE_CLIENT].port->device);
}
