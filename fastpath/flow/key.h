// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Keyed hashes of flows. Whoever does not know the seed can neither choose colliding flows nor tell
// from addresses where a flow lands. Pure functions, any thread.

#include "pkt/packet.h"

// One 64 x 64 -> 128 bit multiplication, folded: every bit of a and b reaches the middle bits.
static inline uint64_t flow_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

// Secrets from one seed. Products, not exclusive-ors: the difference of two secrets must depend on
// the seed, or swapped operands of a multiplication would collide under every seed.
#define FLOW_SECRET(seed, n) (((seed) | 1) * UINT64_C(0x9e3779b97f4a7c15) * (2 * (n) + 1) + (n))

// The hash of a whole flow key, never 0; the same five words give the same hash on every worker of
// a node.
static inline uint32_t flow_key_hash(const struct flow_key *key, uint64_t seed)
{
	const uint64_t *source = key->source.halves;
	const uint64_t *destination = key->destination.halves;
	uint64_t rest; // ports and protocol
	uint64_t h;
	uint32_t hash;

	memcpy(&rest, &key->source_port, sizeof(rest));
	h = flow_mix(source[0] ^ FLOW_SECRET(seed, 1), source[1] ^ FLOW_SECRET(seed, 2)) ^ rest;
	h = flow_mix(h, flow_mix(destination[0] ^ FLOW_SECRET(seed, 3),
				destination[1] ^ FLOW_SECRET(seed, 4)) ^
				FLOW_SECRET(seed, 5));
	hash = (uint32_t)(h ^ (h >> 32));
	return hash ? hash : 1;
}

// The hash of one end of a flow, the same whichever way a packet goes: for steering by client.
static inline uint32_t flow_endpoint_hash(
	const struct ip_address *address, be16 port, uint64_t seed)
{
	uint64_t h = flow_mix(address->halves[0] ^ FLOW_SECRET(seed, 6),
		address->halves[1] ^ FLOW_SECRET(seed, 7));

	// Twice: one product of consecutive ports walks in even steps, and a few workers would
	// share them unevenly.
	h = flow_mix(h ^ port, FLOW_SECRET(seed, 8));
	h = flow_mix(h ^ FLOW_SECRET(seed, 9), FLOW_SECRET(seed, 10));
	return (uint32_t)(h ^ (h >> 32));
}
