// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Runs of allowed bytes, and head readers, in one variant an instruction set. Private to http/.

#include "nexwire/http_head.h"

// The three sets of bytes that a head is made of (RFC 9110 5.6.2, RFC 9112 3.2, RFC 9110 5.5).
enum http_set {
	HTTP_SET_TOKEN,
	HTTP_SET_TARGET,
	HTTP_SET_VALUE
};

// Bit (1 << set) for each byte.
extern const uint8_t nx_http_sets_of_byte[256];

// The same sets for a 16-byte shuffle: bit (1 << high nibble) at the low nibble. ASCII only, which
// HTTP_SET_VALUE exceeds: it is done by comparison.
extern const uint8_t nx_http_token_nibbles[16];
extern const uint8_t nx_http_target_nibbles[16];

struct http_variant {
	// Reads [position, length) of a head; the verdict is of syntax alone.
	enum nx_http_verdict (*read)(
		struct nx_http_head *head, const uint8_t *bytes, size_t length);
	// How many of the n bytes at p, from the first, are in the set.
	size_t (*run)(const uint8_t *p, size_t n, enum http_set set);
};

extern const struct http_variant nx_http_variant_portable;
#ifdef __x86_64__
extern const struct http_variant nx_http_variant_sse2;
extern const struct http_variant nx_http_variant_ssse3;
extern const struct http_variant nx_http_variant_avx2;
#endif

// The widest that this CPU has, chosen when the program is loaded.
extern const struct http_variant *nx_http_variant_chosen;

static inline bool http_byte_is(uint8_t byte, enum http_set set)
{
	return nx_http_sets_of_byte[byte] >> set & 1;
}

static inline bool http_all_in(struct nx_http_slice s, enum http_set set)
{
	return nx_http_variant_chosen->run(s.data, s.length, set) == s.length;
}
