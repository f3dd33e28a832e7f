// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// TCP options: those of a SYN in full, the timestamps of any segment, and the MSS clamp. All take a
// parsed packet of kind PACKET_TCP. Pure functions, any thread.

#include "pkt/packet.h"

enum {
	TCP_WINDOW_SCALE_MAX = 14
}; // RFC 7323 2.3

// Values in host order; absent options are zero.
struct tcp_options {
	uint32_t timestamp;
	uint32_t timestamp_echo;
	uint16_t mss;
	uint8_t window_scale; // at most TCP_WINDOW_SCALE_MAX
	bool has_mss;
	bool has_window_scale;
	bool has_timestamps;
	bool sack_permitted;
};

enum tcp_options_verdict {
	TCP_OPTIONS_OK = 0,
	TCP_OPTION_TRUNCATED,  // an option ends beyond the header
	TCP_OPTION_BAD_LENGTH, // a known option of a wrong length
	TCP_OPTION_REPEATED,   // an option that may come once came twice
};

// Reads the options of a SYN or SYN-ACK. Unknown options are skipped; *out is untouched unless
// TCP_OPTIONS_OK. RFC 9293 3.2, RFC 7323, RFC 2018.
enum tcp_options_verdict tcp_options_parse(const struct packet *p, struct tcp_options *out);

// The walk behind tcp_timestamps_read, for layouts other than the usual one.
bool tcp_timestamps_find(const struct packet *p, uint32_t *value, uint32_t *echo);

// The timestamps of a segment, host order; false if it has none or they are malformed, outputs then
// untouched. The layout of RFC 7323 appendix A (NOP, NOP, timestamps) costs one comparison.
static inline bool tcp_timestamps_read(const struct packet *p, uint32_t *value, uint32_t *echo)
{
	const uint8_t *options = p->data + p->l4 + 20;

	if (p->tcp_header_length < 32)
		return false;
	if (be32_load(options) != htobe32(0x0101080a))
		return tcp_timestamps_find(p, value, echo);
	*value = be32_to_host(be32_load(options + 4));
	*echo = be32_to_host(be32_load(options + 8));
	return true;
}

// Lowers the MSS option of a SYN or SYN-ACK to limit (host order) where it is higher, and mends the
// checksum (RFC 1624). Inserts nothing: without the option the peer assumes 536 or 1,220 (RFC 9293
// 3.7.1). Stops at a malformed option. True if it changed the packet. A limit of 0 clamps nothing.
bool tcp_mss_clamp(struct packet *p, uint16_t limit);
