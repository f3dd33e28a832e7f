// SPDX-License-Identifier: BSD-3-Clause
#include "pkt/address.h"

#include <arpa/inet.h>
#include <stdio.h>

// Bits of byte i that belong to a network of the given length.
static uint8_t mask_byte(uint8_t length, unsigned i)
{
	unsigned before = i * 8;

	if (length >= before + 8)
		return 0xff;
	if (length <= before)
		return 0;
	return (uint8_t)(0xff << (before + 8 - length));
}

bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_address *address)
{
	for (unsigned i = 0; i < 16; i++) {
		uint8_t differs = prefix->address.bytes[i] ^ address->bytes[i];

		if (differs & mask_byte(prefix->length, i))
			return false;
	}
	return true;
}

void ip_prefix_mask(struct ip_prefix *prefix)
{
	for (unsigned i = 0; i < 16; i++)
		prefix->address.bytes[i] &= mask_byte(prefix->length, i);
}

bool ip_address_parse(const char *text, struct ip_address *out)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		*out = ip_address_from_v4(v4.s_addr);
		return true;
	}
	if (inet_pton(AF_INET6, text, &v6) == 1) {
		*out = ip_address_from_bytes(v6.s6_addr);
		return true;
	}
	return false;
}

// Digits only, at most three, no sign, no leading zero.
static bool parse_length(const char *text, unsigned limit, unsigned *out)
{
	unsigned value = 0;
	unsigned digits = 0;

	for (; text[digits] >= '0' && text[digits] <= '9' && digits < 4; digits++)
		value = value * 10 + (unsigned)(text[digits] - '0');
	if (digits == 0 || text[digits] != '\0' || value > limit)
		return false;
	if (digits > 1 && text[0] == '0')
		return false;
	*out = value;
	return true;
}

bool ip_prefix_parse(const char *text, struct ip_prefix *out)
{
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	char address_text[IP_ADDRESS_TEXT_MAX];
	struct ip_address address;
	unsigned base;
	unsigned bits;

	if (length >= sizeof(address_text))
		return false;
	memcpy(address_text, text, length);
	address_text[length] = '\0';
	if (!ip_address_parse(address_text, &address))
		return false;
	// "::ffff:10.0.0.0/104" counts the bits of the 16-byte form as written.
	base = strchr(address_text, ':') ? 0 : 96;
	bits = 128 - base;
	if (slash && !parse_length(slash + 1, 128 - base, &bits))
		return false;
	*out = (struct ip_prefix){.address = address, .length = (uint8_t)(base + bits)};
	return true;
}

static char *print_decimal(char *out, uint8_t value)
{
	if (value >= 100)
		*out++ = (char)('0' + value / 100);
	if (value >= 10)
		*out++ = (char)('0' + value / 10 % 10);
	*out++ = (char)('0' + value % 10);
	return out;
}

static char *print_v4(char *out, const uint8_t bytes[4])
{
	for (unsigned i = 0; i < 4; i++) {
		if (i > 0)
			*out++ = '.';
		out = print_decimal(out, bytes[i]);
	}
	return out;
}

static unsigned group_of(const struct ip_address *address, unsigned i)
{
	return (unsigned)address->bytes[2 * i] << 8 | address->bytes[2 * i + 1];
}

// The first of the longest runs of two zero groups or more; their number, 0 = none.
static unsigned zeros_find(const struct ip_address *address, unsigned *first)
{
	unsigned longest = 1;
	unsigned run = 0;

	*first = 0;
	for (unsigned i = 0; i < 8; i++) {
		run = group_of(address, i) == 0 ? run + 1 : 0;
		if (run > longest) {
			longest = run;
			*first = i + 1 - run;
		}
	}
	return longest > 1 ? longest : 0;
}

static char *print_group(char *out, unsigned group)
{
	for (int shift = group > 0xfff  ? 12
			 : group > 0xff ? 8
			 : group > 0xf  ? 4
					: 0;
		shift >= 0; shift -= 4)
		*out++ = "0123456789abcdef"[group >> shift & 0xf];
	return out;
}

// RFC 5952 4 and, where an IPv4 address is embedded, 5.
static char *print_v6(char *out, const struct ip_address *address)
{
	unsigned first;
	unsigned zeros = zeros_find(address, &first);

	for (unsigned i = 0; i < 8; i++) {
		if (zeros > 0 && i == first) {
			*out++ = ':';
			i += zeros - 1;
			if (i == 7)
				*out++ = ':';
			continue;
		}
		if (i > 0)
			*out++ = ':';
		if (i == 6 && first == 0 && zeros == 6)
			return print_v4(out, address->bytes + 12);
		out = print_group(out, group_of(address, i));
	}
	return out;
}

// By hand: requests of HTTP say their client's address, and inet_ntop costs as much as half a head.
const char *ip_address_print(const struct ip_address *address, char out[IP_ADDRESS_TEXT_MAX])
{
	char *end = ip_address_is_v4(address) ? print_v4(out, address->bytes + 12)
					      : print_v6(out, address);

	*end = '\0';
	return out;
}

const char *ip_prefix_print(const struct ip_prefix *prefix, char out[IP_PREFIX_TEXT_MAX])
{
	bool v4 = ip_address_is_v4(&prefix->address) && prefix->length >= 96;
	char address[IP_ADDRESS_TEXT_MAX];

	ip_address_print(&prefix->address, address);
	snprintf(out, IP_PREFIX_TEXT_MAX, "%s/%u", address, prefix->length - (v4 ? 96u : 0u));
	return out;
}

const char *mac_address_print(const struct mac_address *mac, char out[MAC_TEXT_MAX])
{
	snprintf(out, MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac->bytes[0], mac->bytes[1],
		mac->bytes[2], mac->bytes[3], mac->bytes[4], mac->bytes[5]);
	return out;
}
