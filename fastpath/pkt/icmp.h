// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// ICMP (RFC 792) and ICMPv6 (RFC 4443): which messages are errors, whom an error is about, and the
// translation of an error whose session runs through us (RFC 5508 section 4). Pure functions on
// bytes; any thread.

#include "pkt/packet.h"

enum {
	ICMP4_ECHO_REPLY = 0,
	ICMP4_UNREACHABLE = 3,
	ICMP4_SOURCE_QUENCH = 4,
	ICMP4_REDIRECT = 5,
	ICMP4_ECHO = 8,
	ICMP4_TIME_EXCEEDED = 11,
	ICMP4_PARAMETER_PROBLEM = 12,
	ICMP6_UNREACHABLE = 1,
	ICMP6_TOO_BIG = 2,
	ICMP6_TIME_EXCEEDED = 3,
	ICMP6_PARAMETER_PROBLEM = 4,
	ICMP6_ECHO = 128,
	ICMP6_ECHO_REPLY = 129,
	ICMP6_ROUTER_SOLICITATION = 133, // the first of neighbour discovery, RFC 4861
	ICMP6_NEIGHBOUR_SOLICITATION = 135,
	ICMP6_NEIGHBOUR_ADVERTISEMENT = 136,
	ICMP6_REDIRECT = 137, // the last
	ICMP_HEADER_BYTES = 8,
};

// Codes of ICMP4_UNREACHABLE and ICMP6_UNREACHABLE that are sent here.
enum {
	ICMP4_CODE_HOST = 1,
	ICMP4_CODE_PORT = 3,
	ICMP4_CODE_TOO_BIG = 4,
	ICMP4_CODE_ADMIN = 13,
	ICMP6_CODE_ADMIN = 1,
	ICMP6_CODE_ADDRESS = 3,
	ICMP6_CODE_PORT = 4,
};

// Whether a type is an error message: IPv4 unreachable, source quench, redirect, time exceeded and
// parameter problem; IPv6 any type below 128.
bool icmp_type_is_error(bool v6, uint8_t type);

enum icmp_error_verdict {
	ICMP_ERROR_PARSED = 0,
	ICMP_ERROR_IS_NOT_ONE,      // not an error that a session can have: no error, or a redirect
	ICMP_ERROR_TRUNCATED,       // the quoted packet ends before its ports
	ICMP_ERROR_QUOTE_MALFORMED, // quoted header impossible, or of the other family
	ICMP_ERROR_QUOTE_HAS_NO_PORTS, // quoted packet is neither TCP nor UDP, or a later fragment
};

// The packet that an error quotes. Offsets count from packet->data.
struct icmp_quote {
	struct flow_key key; // as quoted: the direction in which the packet was sent
	uint16_t l3;         // quoted IP header
	uint16_t l4;         // quoted transport header; at least 8 bytes of it are there
	uint16_t end;        // end of the readable quote
	uint8_t type;        // of the error
	uint8_t code;
	bool is_too_big;       // fragmentation needed, or packet too big
	uint32_t next_hop_mtu; // host order, with is_too_big; 0: an old router did not say
	uint32_t tcp_sequence; // host order, of a TCP quote
};

// Parses the error in packet (kind PACKET_ICMP4 or PACKET_ICMP6, l3 and l4 set). contiguous: bytes
// readable at packet->data, the first buffer's length. out is untouched unless PARSED is returned.
[[nodiscard]] enum icmp_error_verdict icmp_error_parse(
	const struct packet *packet, uint32_t contiguous, struct icmp_quote *out);

// Rewrites a parsed error in place: the outer addresses become outer_source and outer_destination,
// the quoted packet's addresses and ports those of inner. All checksums (outer IPv4, ICMP, quoted
// IPv4, and the quoted transport's where it is quoted) are carried along incrementally (RFC 1624),
// so a wrong one stays wrong. All addresses are of the packet's family. packet->key is set to the
// new outer addresses.
void icmp_error_translate(struct packet *packet, const struct icmp_quote *quote,
	const struct flow_key *inner, const struct ip_address *outer_source,
	const struct ip_address *outer_destination);

// Sets the next-hop MTU field of a too-big error and carries its checksum along; for a session
// whose other side has more or less header, or a smaller MTU of our own. mtu in bytes.
void icmp_error_set_mtu(struct packet *packet, uint32_t mtu);
