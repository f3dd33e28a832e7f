// SPDX-License-Identifier: BSD-3-Clause
#include "pkt/arp.h"

enum {
	HARDWARE_ETHERNET = 1,
	PROTOCOL_IPV4 = 0x0800
};

static bool take_mac(struct cursor *c, struct mac_address *out)
{
	const uint8_t *bytes;

	if (!cursor_take_span(c, sizeof(out->bytes), &bytes))
		return false;
	memcpy(out->bytes, bytes, sizeof(out->bytes));
	return true;
}

static bool take_ipv4(struct cursor *c, struct ip_address *out)
{
	const uint8_t *bytes;

	if (!cursor_take_span(c, 4, &bytes))
		return false;
	*out = ip_address_from_v4(be32_load(bytes));
	return true;
}

// A station's own address: not zero, not a group (RFC 826 leaves it unsaid; a group address here
// would have us answer one packet to many stations).
static bool is_station(const struct mac_address *mac)
{
	static const uint8_t zero[6];

	return !(mac->bytes[0] & 1) && memcmp(mac->bytes, zero, sizeof(zero)) != 0;
}

enum arp_verdict arp_parse(const uint8_t *bytes, size_t length, struct arp_message *out)
{
	struct cursor c = cursor_over(bytes, length);
	struct arp_message m;
	uint16_t hardware, protocol;
	uint8_t hardware_bytes, protocol_bytes;

	if (!cursor_take_u16(&c, &hardware) || !cursor_take_u16(&c, &protocol) ||
		!cursor_take_u8(&c, &hardware_bytes) || !cursor_take_u8(&c, &protocol_bytes) ||
		!cursor_take_u16(&c, &m.operation))
		return ARP_TRUNCATED;
	if (hardware != HARDWARE_ETHERNET || protocol != PROTOCOL_IPV4 || hardware_bytes != 6 ||
		protocol_bytes != 4)
		return ARP_NOT_IPV4_OVER_ETHERNET;
	if (m.operation != ARP_REQUEST && m.operation != ARP_REPLY)
		return ARP_UNKNOWN_OPERATION;
	if (!take_mac(&c, &m.sender_mac) || !take_ipv4(&c, &m.sender) ||
		!take_mac(&c, &m.target_mac) || !take_ipv4(&c, &m.target))
		return ARP_TRUNCATED;
	if (!is_station(&m.sender_mac))
		return ARP_SENDER_MAC_IMPOSSIBLE;
	*out = m;
	return ARP_PARSED;
}

void arp_build(uint8_t out[ARP_BYTES], const struct arp_message *message)
{
	be16_store(out, be16_from_host(HARDWARE_ETHERNET));
	be16_store(out + 2, be16_from_host(PROTOCOL_IPV4));
	out[4] = 6;
	out[5] = 4;
	be16_store(out + 6, be16_from_host(message->operation));
	memcpy(out + 8, message->sender_mac.bytes, 6);
	be32_store(out + 14, message->sender.words[3]);
	memcpy(out + 18, message->target_mac.bytes, 6);
	be32_store(out + 24, message->target.words[3]);
}
