// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// SipHash-2-4 over whole 64-bit words: a keyed function of which nobody without the key can tell
// anything. Initial sequence numbers (RFC 6528), SYN cookies and timestamp offsets come from it.

#include "pkt/packet.h"

struct siphash_key {
	uint64_t word[2];
};

uint64_t siphash_words(const struct siphash_key *key, const uint64_t *words, uint32_t n);

// Of a flow key and one word more, under a purpose's own number, so that no two uses share values.
uint64_t siphash_flow(const struct siphash_key *key, const struct flow_key *flow, uint64_t more,
	uint32_t purpose);
