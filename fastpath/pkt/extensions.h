// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// IPv4 options and IPv6 extension headers: the part of the parser that hot packets never enter.

#include "pkt/parse.h"

// IPv4 options (RFC 791 3.1) between the fixed header and the transport. Source routes are refused.
enum parse_verdict ipv4_options_check(struct cursor options);

// Where a walk over extension headers ended.
struct ipv6_upper {
	uint8_t protocol; // first header that is no extension, or IPPROTO_FRAGMENT
	uint32_t skipped; // bytes of extension headers before it
};

// Walks the extension headers of one IPv6 datagram from the one of type `first`. The bytes are
// those contiguous after the fixed header and within the payload length. Stops before a fragment
// header.
enum parse_verdict ipv6_extensions_walk(
	struct cursor headers, uint8_t first, struct ipv6_upper *out);
