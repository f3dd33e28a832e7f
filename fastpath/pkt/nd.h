// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Neighbour solicitations and advertisements (RFC 4861 sections 4.3, 4.4, 7.1). Pure functions on
// bytes; any thread.

#include "pkt/address.h"

enum {
	ND_MESSAGE_BYTES = 24,    // without options
	ND_LINK_OPTION_BYTES = 8, // link-layer address option of Ethernet
	ND_PACKET_MAX = 40 + ND_MESSAGE_BYTES + ND_LINK_OPTION_BYTES,
	ND_HOP_LIMIT = 255,
};

struct nd_message {
	bool advertisement; // else a solicitation
	bool router;        // flags of an advertisement
	bool solicited;
	bool override;
	bool has_link; // the sender's (solicitation) or target's (advertisement) link-layer address
	struct mac_address link;
	struct ip_address target;
	struct ip_address source; // of the IP header
	struct ip_address destination;
};

enum nd_verdict {
	ND_PARSED = 0,
	ND_TRUNCATED,
	ND_NOT_ND,          // neither solicitation nor advertisement
	ND_HOP_LIMIT_WRONG, // was forwarded: not from this link
	ND_CODE_WRONG,
	ND_CHECKSUM_WRONG,
	ND_TARGET_MULTICAST,
	ND_OPTION_MALFORMED, // zero length, beyond the end, or a link-layer address that no station
			     // has
	ND_SOURCE_WRONG, // RFC 4861 section 7.1.1: unspecified source with link option, or not to a
			 // solicited-node group
	ND_DESTINATION_WRONG, // solicited advertisement to a multicast address
};

// Parses an IPv6 packet from its IP header on, ICMPv6 being its next header at offset l4. length
// counts from the IP header and covers exactly the datagram. All the checks of RFC 4861
// sections 7.1.1 and 7.1.2 are made, the ICMPv6 checksum included. out is untouched unless PARSED
// is returned.
[[nodiscard]] enum nd_verdict nd_parse(
	const uint8_t *ip, size_t length, size_t l4, struct nd_message *out);

// Writes a whole IPv6 packet: header, message, the link option if has_link. Returns its length, at
// most ND_PACKET_MAX.
size_t nd_build(uint8_t out[ND_PACKET_MAX], const struct nd_message *message);

// ff02::1:ffXX:XXXX of an address (RFC 4291 section 2.7.1), and ff02::1.
struct ip_address nd_solicited_node(const struct ip_address *address);
struct ip_address nd_all_nodes(void);
// The group MAC of an IPv6 multicast address (RFC 2464 section 7).
struct mac_address nd_group_mac(const struct ip_address *group);
// fe80::/64 with the interface identifier of an Ethernet address (RFC 4291 appendix A).
struct ip_address nd_link_local(const struct mac_address *mac);
