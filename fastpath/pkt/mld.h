// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Multicast listener discovery: queries of routers and snooping switches (RFC 3810 section 5.1, RFC
// 2710 section 3), and reports of the groups that we are in. Pure functions on bytes; any thread.

#include "pkt/address.h"

enum {
	MLD_QUERY = 130,
	MLD1_REPORT = 131,
	MLD2_REPORT = 143,
	MLD_DELAY_MAX_MS = 8387584, // the largest that a code says
	MLD_RECORD_BYTES = 20,
	MLD_RECORDS_MAX = 61,                                     // fit every link: 1,280 bytes
	MLD_PACKET_MAX = 56 + MLD_RECORDS_MAX * MLD_RECORD_BYTES, // headers, options, records
};

struct mld_query {
	bool first_version;      // RFC 2710: answered in kind
	uint32_t delay_ms;       // the answer may take so long
	struct ip_address group; // unspecified: all of ours
};

enum mld_verdict {
	MLD_PARSED = 0,
	MLD_TRUNCATED,
	MLD_NOT_QUERY,
	MLD_HOP_LIMIT_WRONG, // not 1: not from this link
	MLD_SOURCE_WRONG,    // not link-local
	MLD_NO_ALERT,        // no router alert (RFC 3810 section 6.2)
	MLD_CHECKSUM_WRONG,
	MLD_LENGTH_WRONG, // of no version
	MLD_GROUP_WRONG,  // neither a group nor unspecified
};

// Parses an IPv6 packet from its IP header on, ICMPv6 being its next header at offset l4. length
// counts from the IP header and covers exactly the datagram; the extension headers before l4 are
// sane (pkt/extensions.h). out is untouched unless PARSED is returned.
[[nodiscard]] enum mld_verdict mld_query_parse(
	const uint8_t *ip, size_t length, size_t l4, struct mld_query *out);

enum mld_record {
	MLD_IS_EXCLUDE = 2, // the answer to a query: in the group, whoever sends
	MLD_TO_EXCLUDE = 4, // joined just now
};

// Write a whole IPv6 packet with router alert and hop limit 1 and return its length. A report of
// version 2 goes to ff02::16 and names 1 to MLD_RECORDS_MAX groups, one of version 1 to the group
// itself. source: link-local, or unspecified while there is none (RFC 3590).
size_t mld_report_build(uint8_t out[MLD_PACKET_MAX], const struct ip_address *source,
	enum mld_record record, const struct ip_address *groups, uint32_t count);
size_t mld_report1_build(uint8_t out[MLD_PACKET_MAX], const struct ip_address *source,
	const struct ip_address *group);
// ff02::16, where reports go.
struct ip_address mld_routers(void);
