// SPDX-License-Identifier: BSD-3-Clause
#include "pkt/extensions.h"

#include <netinet/in.h>

enum {
	IPV4_OPTION_END = 0,
	IPV4_OPTION_NOP = 1,
	IPV4_OPTION_LOOSE_ROUTE = 131,
	IPV4_OPTION_STRICT_ROUTE = 137,
	IPV6_OPTION_PAD1 = 0,
	IPV6_OPTION_PADN = 1,
	IPV6_OPTION_ACTION = 0xc0, // RFC 8200 4.2: what to do if the option is unknown; 0 = skip
	IPV6_EXTENSIONS_MAX = 8,
};

enum parse_verdict ipv4_options_check(struct cursor options)
{
	uint8_t type;
	uint8_t length;

	while (cursor_take_u8(&options, &type)) {
		if (type == IPV4_OPTION_END)
			return PARSE_OK;
		if (type == IPV4_OPTION_NOP)
			continue;
		if (type == IPV4_OPTION_LOOSE_ROUTE || type == IPV4_OPTION_STRICT_ROUTE)
			return PARSE_IP_BAD_OPTION;
		if (!cursor_take_u8(&options, &length) || length < 2 ||
			!cursor_skip(&options, length - 2u))
			return PARSE_IP_BAD_OPTION;
	}
	return PARSE_OK;
}

// Hop-by-hop and destination options: TLVs. Unknown ones that ask for discarding are; that covers
// the jumbo payload (0xc2) and the home address (0xc9).
static bool ipv6_options_are_sane(struct cursor options)
{
	uint8_t type;
	uint8_t length;

	while (cursor_take_u8(&options, &type)) {
		if (type == IPV6_OPTION_PAD1)
			continue;
		if (type & IPV6_OPTION_ACTION)
			return false;
		if (!cursor_take_u8(&options, &length) || !cursor_skip(&options, length))
			return false;
	}
	return true;
}

// A routing header that has done its work may pass; type 0 never (RFC 5095).
static bool ipv6_routing_is_done(struct cursor routing)
{
	uint8_t type;
	uint8_t segments_left;

	return cursor_take_u8(&routing, &type) && cursor_take_u8(&routing, &segments_left) &&
	       type != 0 && segments_left == 0;
}

// Reads one extension header; *next is the type of what follows.
static enum parse_verdict ipv6_extension_take(struct cursor *c, uint8_t type, uint8_t *next)
{
	uint8_t following;
	uint8_t units;
	const uint8_t *body;
	size_t body_length;
	bool sane;

	if (!cursor_take_u8(c, &following) || !cursor_take_u8(c, &units))
		return PARSE_IP_TRUNCATED;
	body_length = 6 + 8 * (size_t)units;
	if (!cursor_take_span(c, body_length, &body))
		return PARSE_IP_TRUNCATED;
	if (type == IPPROTO_ROUTING)
		sane = ipv6_routing_is_done(cursor_over(body, body_length));
	else
		sane = ipv6_options_are_sane(cursor_over(body, body_length));
	if (!sane)
		return PARSE_IP_BAD_OPTION;
	*next = following;
	return PARSE_OK;
}

static bool is_extension(uint8_t type)
{
	return type == IPPROTO_HOPOPTS || type == IPPROTO_ROUTING || type == IPPROTO_DSTOPTS;
}

enum parse_verdict ipv6_extensions_walk(
	struct cursor headers, uint8_t first, struct ipv6_upper *out)
{
	const uint8_t *start = headers.p;
	uint8_t type = first;

	for (unsigned count = 0; is_extension(type); count++) {
		enum parse_verdict verdict;

		// RFC 8200 4.1: hop-by-hop options come first or not at all.
		if (count == IPV6_EXTENSIONS_MAX || (type == IPPROTO_HOPOPTS && count > 0))
			return PARSE_IP_BAD_OPTION;
		verdict = ipv6_extension_take(&headers, type, &type);
		if (verdict != PARSE_OK)
			return verdict;
	}
	*out = (struct ipv6_upper){.protocol = type, .skipped = (uint32_t)(headers.p - start)};
	return PARSE_OK;
}
