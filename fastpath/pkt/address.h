// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Addresses: one 16-byte form for both families, so that keys, tables and rules are written once.
// An IPv4 address is held IPv4-mapped (::ffff:a.b.c.d, RFC 4291 section 2.5.5.2).

#include "pkt/bytes.h"

struct ip_address {
	union {
		uint8_t bytes[16];
		be32 words[4];
		uint64_t halves[2];
	};
};

// A network: address with the bits beyond length cleared. length counts bits of the 16-byte form,
// 0 to 128: 10.1.0.0/24 has length 120.
struct ip_prefix {
	struct ip_address address;
	uint8_t length;
};

struct mac_address {
	uint8_t bytes[6];
};

enum {
	IP_ADDRESS_TEXT_MAX = 46,
	IP_PREFIX_TEXT_MAX = 50,
	MAC_TEXT_MAX = 18
};

static inline bool ip_address_equal(const struct ip_address *a, const struct ip_address *b)
{
	return ((a->halves[0] ^ b->halves[0]) | (a->halves[1] ^ b->halves[1])) == 0;
}

static inline bool ip_address_is_v4(const struct ip_address *a)
{
	return a->halves[0] == 0 && a->words[2] == htobe32(0x0000ffff);
}

static inline struct ip_address ip_address_from_v4(be32 address)
{
	return (struct ip_address){.words = {0, 0, htobe32(0x0000ffff), address}};
}

static inline struct ip_address ip_address_from_bytes(const uint8_t bytes[16])
{
	struct ip_address a;

	memcpy(a.bytes, bytes, 16);
	return a;
}

static inline bool ip_address_is_unspecified(const struct ip_address *a)
{
	return a->halves[0] == 0 &&
	       (a->halves[1] == 0 || (a->words[2] == htobe32(0x0000ffff) && a->words[3] == 0));
}

static inline bool ip_address_is_multicast(const struct ip_address *a)
{
	return ip_address_is_v4(a) ? (a->bytes[12] & 0xf0) == 0xe0 : a->bytes[0] == 0xff;
}

// fe80::/10; 169.254.0.0/16 does not count.
static inline bool ip_address_is_link_local6(const struct ip_address *a)
{
	return a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

// Whether address lies inside prefix. Any thread.
bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_address *address);

// Clears the bits beyond prefix->length.
void ip_prefix_mask(struct ip_prefix *prefix);

// Parse exactly the whole text (no brackets, no port). False and *out untouched if it is not one.
[[nodiscard]] bool ip_address_parse(const char *text, struct ip_address *out);

// "10.1.0.0/24" or "fd00::/64"; a bare address gets the full length. Host bits are kept.
[[nodiscard]] bool ip_prefix_parse(const char *text, struct ip_prefix *out);

// Write text of at most IP_ADDRESS_TEXT_MAX (IP_PREFIX_TEXT_MAX, MAC_TEXT_MAX) bytes with its NUL,
// RFC 5952 form; return out.
const char *ip_address_print(const struct ip_address *address, char out[IP_ADDRESS_TEXT_MAX]);
const char *ip_prefix_print(const struct ip_prefix *prefix, char out[IP_PREFIX_TEXT_MAX]);
const char *mac_address_print(const struct mac_address *mac, char out[MAC_TEXT_MAX]);
