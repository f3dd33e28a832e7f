// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// ARP for IPv4 over Ethernet (RFC 826). Pure functions on bytes; any thread.

#include "pkt/address.h"

enum {
	ARP_BYTES = 28,
	ARP_REQUEST = 1,
	ARP_REPLY = 2
};

struct arp_message {
	uint16_t operation; // ARP_REQUEST or ARP_REPLY
	struct mac_address sender_mac;
	struct mac_address target_mac;
	struct ip_address sender; // IPv4-mapped; 0.0.0.0 in a probe (RFC 5227)
	struct ip_address target;
};

enum arp_verdict {
	ARP_PARSED = 0,
	ARP_TRUNCATED,
	ARP_NOT_IPV4_OVER_ETHERNET,
	ARP_UNKNOWN_OPERATION,
	ARP_SENDER_MAC_IMPOSSIBLE, // zero, or a group address
};

// Parses the bytes after the Ethernet (and VLAN) header. out is untouched unless PARSED is
// returned.
[[nodiscard]] enum arp_verdict arp_parse(
	const uint8_t *bytes, size_t length, struct arp_message *out);

// Writes the ARP_BYTES of a message.
void arp_build(uint8_t out[ARP_BYTES], const struct arp_message *message);
