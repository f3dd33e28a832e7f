// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The internet checksum (RFC 1071), whole and incremental (RFC 1624 equation 3). A running sum is a
// uint64_t of 16-bit words as they lie in memory: one's complement addition does not care about
// byte order as long as both sides use the same one, so nothing is swapped. Pure functions, any
// thread.

#include "pkt/address.h"

// A piece of a packet. Pieces may have odd lengths.
struct checksum_span {
	const uint8_t *data;
	uint32_t length;
};

// One's complement addition of 64-bit sums.
static inline uint64_t checksum_add(uint64_t a, uint64_t b)
{
	uint64_t sum = a + b;

	return sum + (sum < a);
}

// Folds a running sum to 16 bits, not complemented. Zero only for a sum of zero.
static inline uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

// The value of a checksum field over a running sum.
static inline be16 checksum_finish(uint64_t sum)
{
	return (be16)~checksum_fold(sum);
}

// UDP writes 0xffff for a computed zero: zero says that there is none (RFC 768, RFC 8200 8.1).
static inline be16 checksum_finish_udp(uint64_t sum)
{
	be16 field = checksum_finish(sum);

	return field == 0 ? (be16)0xffff : field;
}

// Adds length bytes to a running sum; a last odd byte counts as if a zero followed.
uint64_t checksum_bytes(const uint8_t *data, size_t length, uint64_t sum);

// Adds the bytes [from, from + length) of n pieces that lie one after the other; what the pieces do
// not hold counts as zeros. from is where 16-bit words begin.
uint64_t checksum_spans(const struct checksum_span *spans, uint32_t n, uint32_t from,
	uint32_t length, uint64_t sum);

// The sum of the 20 bytes of an IPv4 header without options; folds to 0xffff when it is right.
static inline uint64_t checksum_ipv4_base(const uint8_t *header)
{
	uint64_t a;
	uint64_t b;
	uint32_t c;

	memcpy(&a, header, 8);
	memcpy(&b, header + 8, 8);
	memcpy(&c, header + 16, 4);
	return checksum_add(checksum_add(a, b), c);
}

// The pseudo-header sum for both families (RFC 9293 3.1, RFC 8200 8.1): the prefix of an
// IPv4-mapped address sums to 0xffff, which is zero in one's complement. length: transport header
// and data.
static inline uint64_t checksum_pseudo(const struct ip_address *source,
	const struct ip_address *destination, uint8_t protocol, uint32_t length)
{
	uint64_t sum = (uint64_t)htobe32(length) + htobe16(protocol);

	sum = checksum_add(sum, source->halves[0]);
	sum = checksum_add(sum, source->halves[1]);
	sum = checksum_add(sum, destination->halves[0]);
	return checksum_add(sum, destination->halves[1]);
}

// What a change of a field adds to the sum under a checksum: new - old in one's complement. Deltas
// add up; fold before storing one in 16 bits.
static inline uint64_t checksum_delta16(be16 old, be16 new)
{
	return (uint64_t)(uint16_t)~old + new;
}

static inline uint64_t checksum_delta32(be32 old, be32 new)
{
	return (uint64_t)(uint32_t)~old + new;
}

static inline uint64_t checksum_delta128(const struct ip_address *old, const struct ip_address *new)
{
	uint64_t a = checksum_add(~old->halves[0], new->halves[0]);
	uint64_t b = checksum_add(~old->halves[1], new->halves[1]);

	return checksum_add(a, b);
}

// The checksum field after its data changed by delta: HC' = ~(~HC + ~m + m').
static inline be16 checksum_apply(be16 field, uint64_t delta)
{
	return checksum_finish(checksum_add((uint16_t)~field, delta));
}

// The same for a folded delta, in fewer steps: ~(~a + b) is a - b, and a carry that comes round is
// a borrow.
static inline be16 checksum_apply_folded(be16 field, uint16_t delta)
{
	return (be16)(field - delta - (field < delta));
}

static inline be16 checksum_update16(be16 field, be16 old, be16 new)
{
	return checksum_apply(field, checksum_delta16(old, new));
}

static inline be16 checksum_update32(be16 field, be32 old, be32 new)
{
	return checksum_apply(field, checksum_delta32(old, new));
}

static inline be16 checksum_update128(
	be16 field, const struct ip_address *old, const struct ip_address *new)
{
	return checksum_apply(field, checksum_delta128(old, new));
}
