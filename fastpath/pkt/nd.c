// SPDX-License-Identifier: BSD-3-Clause
#include "pkt/nd.h"

#include <netinet/in.h>

#include "pkt/checksum.h"
#include "pkt/icmp.h"

enum {
	OPTION_SOURCE_LINK = 1,
	OPTION_TARGET_LINK = 2,
	FLAG_ROUTER = 0x80,
	FLAG_SOLICITED = 0x40,
	FLAG_OVERRIDE = 0x20,
	IP6_BYTES = 40,
};

static const uint8_t solicited_node_prefix[13] = {0xff, 2, [11] = 1, [12] = 0xff};

static bool is_solicited_node(const struct ip_address *address)
{
	return memcmp(address->bytes, solicited_node_prefix, sizeof(solicited_node_prefix)) == 0;
}

static enum nd_verdict take_link(const uint8_t *value, struct nd_message *m)
{
	static const uint8_t zero[6];

	if ((value[0] & 1) || memcmp(value, zero, sizeof(zero)) == 0)
		return ND_OPTION_MALFORMED;
	memcpy(m->link.bytes, value, 6);
	m->has_link = true;
	return ND_PARSED;
}

// Every option is walked: one of length zero makes the whole message invalid (RFC 4861
// section 4.6). Options of other kinds are skipped.
static enum nd_verdict take_options(struct cursor *c, struct nd_message *m)
{
	uint8_t wanted = m->advertisement ? OPTION_TARGET_LINK : OPTION_SOURCE_LINK;

	while (cursor_left(c) > 0) {
		uint8_t type, units;
		const uint8_t *value;

		if (!cursor_take_u8(c, &type) || !cursor_take_u8(c, &units) || units == 0 ||
			!cursor_take_span(c, units * 8u - 2, &value))
			return ND_OPTION_MALFORMED;
		if (type != wanted)
			continue;
		if (units != 1 || take_link(value, m) != ND_PARSED)
			return ND_OPTION_MALFORMED;
	}
	return ND_PARSED;
}

// RFC 4861 sections 7.1.1 (solicitation) and 7.1.2 (advertisement).
static enum nd_verdict check_addresses(const struct nd_message *m)
{
	if (ip_address_is_multicast(&m->target))
		return ND_TARGET_MULTICAST;
	if (m->advertisement) {
		if (m->solicited && ip_address_is_multicast(&m->destination))
			return ND_DESTINATION_WRONG;
		return ND_PARSED;
	}
	if (ip_address_is_unspecified(&m->source) &&
		(m->has_link || !is_solicited_node(&m->destination)))
		return ND_SOURCE_WRONG;
	return ND_PARSED;
}

static enum nd_verdict take_message(struct cursor *c, struct nd_message *m)
{
	uint8_t type, code;
	uint16_t checksum;
	uint32_t flags;
	const uint8_t *target;

	if (!cursor_take_u8(c, &type) || !cursor_take_u8(c, &code) ||
		!cursor_take_u16(c, &checksum) || !cursor_take_u32(c, &flags) ||
		!cursor_take_span(c, 16, &target))
		return ND_TRUNCATED;
	if (type != ICMP6_NEIGHBOUR_SOLICITATION && type != ICMP6_NEIGHBOUR_ADVERTISEMENT)
		return ND_NOT_ND;
	if (code != 0)
		return ND_CODE_WRONG;
	m->target = ip_address_from_bytes(target);
	m->advertisement = type == ICMP6_NEIGHBOUR_ADVERTISEMENT;
	if (m->advertisement) {
		m->router = (flags >> 24) & FLAG_ROUTER;
		m->solicited = (flags >> 24) & FLAG_SOLICITED;
		m->override = (flags >> 24) & FLAG_OVERRIDE;
	}
	return take_options(c, m);
}

enum nd_verdict nd_parse(const uint8_t *ip, size_t length, size_t l4, struct nd_message *out)
{
	struct nd_message m = {0};

	if (length < IP6_BYTES || l4 < IP6_BYTES || l4 > length)
		return ND_TRUNCATED;
	m.source = ip_address_from_bytes(ip + 8);
	m.destination = ip_address_from_bytes(ip + 24);
	if (ip[7] != ND_HOP_LIMIT)
		return ND_HOP_LIMIT_WRONG;

	uint32_t bytes = (uint32_t)(length - l4);
	uint64_t sum = checksum_pseudo(&m.source, &m.destination, IPPROTO_ICMPV6, bytes);

	if (checksum_finish(checksum_bytes(ip + l4, bytes, sum)) != 0)
		return ND_CHECKSUM_WRONG;

	struct cursor c = cursor_over(ip + l4, bytes);
	enum nd_verdict verdict = take_message(&c, &m);

	if (verdict == ND_PARSED)
		verdict = check_addresses(&m);
	if (verdict == ND_PARSED)
		*out = m;
	return verdict;
}

size_t nd_build(uint8_t out[ND_PACKET_MAX], const struct nd_message *message)
{
	uint16_t bytes = ND_MESSAGE_BYTES + (message->has_link ? ND_LINK_OPTION_BYTES : 0);
	uint8_t *icmp = out + IP6_BYTES;

	memset(out, 0, IP6_BYTES + bytes);
	out[0] = 0x60;
	be16_store(out + 4, be16_from_host(bytes));
	out[6] = IPPROTO_ICMPV6;
	out[7] = ND_HOP_LIMIT;
	memcpy(out + 8, message->source.bytes, 16);
	memcpy(out + 24, message->destination.bytes, 16);
	icmp[0] = message->advertisement ? ICMP6_NEIGHBOUR_ADVERTISEMENT
					 : ICMP6_NEIGHBOUR_SOLICITATION;
	if (message->advertisement)
		icmp[4] = (uint8_t)((message->router ? FLAG_ROUTER : 0) |
				    (message->solicited ? FLAG_SOLICITED : 0) |
				    (message->override ? FLAG_OVERRIDE : 0));
	memcpy(icmp + 8, message->target.bytes, 16);
	if (message->has_link) {
		icmp[24] = message->advertisement ? OPTION_TARGET_LINK : OPTION_SOURCE_LINK;
		icmp[25] = 1;
		memcpy(icmp + 26, message->link.bytes, 6);
	}

	uint64_t sum =
		checksum_pseudo(&message->source, &message->destination, IPPROTO_ICMPV6, bytes);

	be16_store(icmp + 2, checksum_finish(checksum_bytes(icmp, bytes, sum)));
	return IP6_BYTES + bytes;
}

struct ip_address nd_solicited_node(const struct ip_address *address)
{
	struct ip_address group;

	memcpy(group.bytes, solicited_node_prefix, sizeof(solicited_node_prefix));
	memcpy(group.bytes + 13, address->bytes + 13, 3);
	return group;
}

struct ip_address nd_all_nodes(void)
{
	return (struct ip_address){.bytes = {0xff, 2, [15] = 1}};
}

struct mac_address nd_group_mac(const struct ip_address *group)
{
	struct mac_address mac = {{0x33, 0x33}};

	memcpy(mac.bytes + 2, group->bytes + 12, 4);
	return mac;
}

struct ip_address nd_link_local(const struct mac_address *mac)
{
	const uint8_t *m = mac->bytes;

	return (struct ip_address){
		.bytes = {0xfe, 0x80, [8] = m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]}};
}
