// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The PROXY protocol, versions 1 (a line of text) and 2 (binary): what a proxy says before the
// first byte of a connection about where it came from (HAProxy's proxy-protocol.txt). Pure
// functions on bytes, any thread. Whoever may send the header chooses the addresses: read it only
// where the configuration says that it comes, never by guessing.

#include "pkt/packet.h"

enum {
	// No header is longer: it fits the smallest segment that every host takes (section 2).
	PROXY_PROTOCOL_READ_MAX = 536,
	// The longest line of version 1, end of line included (section 2.1).
	PROXY_PROTOCOL_LINE_MAX = 107,
	// The longest header that proxy_protocol_write writes: a line with two IPv6 addresses.
	PROXY_PROTOCOL_WRITE_MAX = 104,
};

enum proxy_protocol_verdict {
	PROXY_PROTOCOL_DONE = 0,
	PROXY_PROTOCOL_MORE,         // right so far, and not all of it
	PROXY_PROTOCOL_NO_SIGNATURE, // what comes is neither version
	PROXY_PROTOCOL_LINE_UNENDED, // no CR LF in the longest line, or one of them alone
	PROXY_PROTOCOL_BAD_LINE,     // fields, spaces or the protocol's name are not the grammar's
	PROXY_PROTOCOL_BAD_ADDRESS,  // not an address of the line's family
	PROXY_PROTOCOL_BAD_PORT,     // not a decimal number up to 65,535 without leading zeros
	PROXY_PROTOCOL_BAD_VERSION,  // the binary signature with a version that is not 2
	PROXY_PROTOCOL_BAD_COMMAND,  // neither LOCAL nor PROXY
	PROXY_PROTOCOL_BAD_FAMILY,   // an address family or transport that version 2 does not have
	PROXY_PROTOCOL_TOO_LONG,     // would be longer than PROXY_PROTOCOL_READ_MAX
	PROXY_PROTOCOL_TOO_SHORT,    // has no room for its family's addresses
	PROXY_PROTOCOL_BAD_TLV, // an option ends beyond the header, or its checksum is no checksum
	PROXY_PROTOCOL_BAD_CHECKSUM, // the CRC32C option says another value
	PROXY_PROTOCOL_VERDICTS,
};

struct proxy_protocol_header {
	// With proxied: who connected and to what; a sender may name an IPv4 address in a line or
	// block for IPv6, it is then of IPv4 here too. All zero without.
	struct flow_key key;
	uint16_t length; // bytes to skip: what follows is the connection's data
	uint16_t tlvs;   // options of version 2 that were walked over
	uint8_t version; // 1 or 2
	// False: the sender speaks for itself (LOCAL: a health check) or does not know or cannot
	// say (UNKNOWN, AF_UNSPEC, AF_UNIX); the connection's own addresses count.
	bool proxied;
};

// Reads the header at the begin of a connection's bytes, of which length have come so far (more
// than PROXY_PROTOCOL_READ_MAX are not looked at). Consumes nothing: on PROXY_PROTOCOL_MORE call
// again from the first byte when there are more; a verdict other than that does not change as bytes
// are added. Gives up as early as the bytes tell. *out is untouched unless PROXY_PROTOCOL_DONE.
[[nodiscard]] enum proxy_protocol_verdict proxy_protocol_read(
	const uint8_t *data, size_t length, struct proxy_protocol_header *out);

// "bad port": for counters and events. Never NULL.
const char *proxy_protocol_verdict_name(enum proxy_protocol_verdict verdict);

// Writes the header of this version (1 or 2) for a connection from key->source to key->destination,
// and returns its bytes, at most PROXY_PROTOCOL_WRITE_MAX. Two IPv4 addresses are written as such;
// where one is of IPv6 both are, the other mapped. Without a key, or with one that version 1 has no
// word for (UDP): that the connection is the sender's own (LOCAL, or UNKNOWN in version 1).
size_t proxy_protocol_write(
	unsigned int version, const struct flow_key *key, uint8_t out[PROXY_PROTOCOL_WRITE_MAX]);

// The bytes that proxy_protocol_write would write.
size_t proxy_protocol_length(unsigned int version, const struct flow_key *key);
