// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The flow table: from the hash of a flow key to a session and direction, 8 bytes an entry, 8
// entries a cache line, two candidate buckets a flow (cuckoo hashing). An entry holds the whole
// 32-bit hash, so entries move between their buckets without their keys, and the keys live once, in
// the sessions. Whoever looks up compares the key itself. One thread at a time.

#include <emmintrin.h>

#include "core/memory.h"

enum {
	FLOW_BUCKET_ENTRIES = 8,
	FLOW_LOOKUP_BURST = 64,
	// Buckets looked at to make room for one entry, at most: three moves deep.
	FLOW_SEARCH_MAX = 160,
};

// A reference to a session's direction; FLOW_REFERENCE_NONE is no session's.
#define FLOW_REFERENCE_NONE UINT32_MAX

static inline uint32_t flow_reference(uint32_t session, uint8_t direction)
{
	return session << 1 | direction;
}

static inline uint32_t flow_reference_session(uint32_t reference)
{
	return reference >> 1;
}

static inline uint8_t flow_reference_direction(uint32_t reference)
{
	return reference & 1;
}

// Invariant: signature 0 marks a free entry; a bucket is one cache line.
struct nx_aligned_line flow_bucket {
	uint32_t signatures[FLOW_BUCKET_ENTRIES];
	uint32_t references[FLOW_BUCKET_ENTRIES];
};
static_assert(sizeof(struct flow_bucket) == CACHE_LINE);

struct flow_table {
	struct flow_bucket *buckets;
	uint32_t bucket_count;
	uint32_t used;
	uint32_t capacity; // entries that the table was made for
	uint32_t high_water;
	uint64_t moves;         // entries displaced by insertions
	uint64_t insert_failed; // insertions that found no room
	struct memory memory;
};

// A table that takes `entries` (1 to 2^31) at a load of 90 %. Memory is touched as buckets are.
// -ENOMEM with nothing kept on failure.
[[nodiscard]] int flow_table_init(struct flow_table *table, uint32_t entries, bool huge);
// Returns how many entries were left.
uint32_t flow_table_fini(struct flow_table *table);

// Adds an entry; the caller knows that its key is not in the table. -ENOSPC, counted, when it holds
// its capacity or no room was found within FLOW_SEARCH_MAX buckets. hash: flow_key_hash of the key.
[[nodiscard]] int flow_table_insert(struct flow_table *table, uint32_t hash, uint32_t reference);

// Removes the entry of this hash and reference; false if there is none.
bool flow_table_remove(struct flow_table *table, uint32_t hash, uint32_t reference);

static inline uint32_t flow_signature(uint32_t hash)
{
	return hash != 0 ? hash : 1;
}

// Multiply and shift: any number of buckets, no division.
static inline uint32_t flow_bucket_first(const struct flow_table *table, uint32_t signature)
{
	return (uint32_t)(((uint64_t)signature * table->bucket_count) >> 32);
}

static inline uint32_t flow_bucket_second(const struct flow_table *table, uint32_t signature)
{
	return flow_bucket_first(table, signature * 0x9e3779b1u);
}

// Bit i is set where entry i has the signature.
static inline uint32_t flow_bucket_match(const struct flow_bucket *bucket, uint32_t signature)
{
	const __m128i *p = (const __m128i *)(const void *)bucket->signatures;
	__m128i wanted = _mm_set1_epi32((int)signature);
	__m128i low = _mm_cmpeq_epi32(_mm_load_si128(p), wanted);
	__m128i high = _mm_cmpeq_epi32(_mm_load_si128(p + 1), wanted);

	return (uint32_t)_mm_movemask_epi8(
		_mm_packs_epi16(_mm_packs_epi32(low, high), _mm_setzero_si128()));
}

// Bits 0 to 7: entries of the first bucket with the hash, 8 to 15: of the second.
static inline uint32_t flow_table_match(const struct flow_table *table, uint32_t hash)
{
	uint32_t signature = flow_signature(hash);
	uint32_t first = flow_bucket_first(table, signature);
	uint32_t second = flow_bucket_second(table, signature);

	return flow_bucket_match(&table->buckets[first], signature) |
	       flow_bucket_match(&table->buckets[second], signature) << FLOW_BUCKET_ENTRIES;
}

// The reference behind one bit of flow_table_match.
static inline uint32_t flow_table_reference(
	const struct flow_table *table, uint32_t hash, unsigned bit)
{
	uint32_t signature = flow_signature(hash);
	uint32_t bucket = bit < FLOW_BUCKET_ENTRIES ? flow_bucket_first(table, signature)
						    : flow_bucket_second(table, signature);

	return table->buckets[bucket].references[bit % FLOW_BUCKET_ENTRIES];
}

static inline void flow_table_prefetch(const struct flow_table *table, uint32_t hash)
{
	uint32_t first = flow_bucket_first(table, flow_signature(hash));

	__builtin_prefetch(&table->buckets[first]);
}

// The reference whose key is the caller's, or FLOW_REFERENCE_NONE. is_equal compares the key of a
// reference with the one looked up (number i); give a static inline function and it is inlined.
static inline __attribute__((always_inline)) uint32_t flow_table_resolve(
	const struct flow_table *table, uint32_t hash, uint32_t matches, uint32_t i,
	bool (*is_equal)(void *context, uint32_t i, uint32_t reference), void *context)
{
	for (; matches != 0; matches &= matches - 1) {
		uint32_t reference =
			flow_table_reference(table, hash, (unsigned)__builtin_ctz(matches));

		if (nx_likely(is_equal(context, i, reference)))
			return reference;
	}
	return FLOW_REFERENCE_NONE;
}

// The first bucket of number i, matched; what has no match there has its second bucket prefetched.
static inline __attribute__((always_inline)) uint16_t flow_table_match_first(
	const struct flow_table *table, uint32_t hash,
	void (*prefetch)(void *context, uint32_t reference), void *context)
{
	uint32_t signature = flow_signature(hash);
	const struct flow_bucket *first = &table->buckets[flow_bucket_first(table, signature)];
	uint32_t matches = flow_bucket_match(first, signature);

	if (nx_likely(matches != 0))
		prefetch(context, first->references[__builtin_ctz(matches)]);
	else
		__builtin_prefetch(&table->buckets[flow_bucket_second(table, signature)]);
	return (uint16_t)matches;
}

// Looks up n (at most FLOW_LOOKUP_BURST) hashes: out[i] is the reference whose key is equal, or
// FLOW_REFERENCE_NONE. Four passes hide the memory: first buckets, then the sessions behind them or
// the second buckets, then the sessions behind those, then the comparison. prefetch is called with
// the reference that is most likely the right one. Give static inline functions and both are
// inlined.
static inline __attribute__((always_inline)) void flow_table_lookup_bulk(
	const struct flow_table *table, const uint32_t *hashes, uint32_t n, uint32_t *out,
	void (*prefetch)(void *context, uint32_t reference),
	bool (*is_equal)(void *context, uint32_t i, uint32_t reference), void *context)
{
	uint16_t matches[FLOW_LOOKUP_BURST];
	uint8_t missed[FLOW_LOOKUP_BURST];
	uint32_t misses = 0;

	for (uint32_t i = 0; i < n; i++)
		flow_table_prefetch(table, hashes[i]);
	for (uint32_t i = 0; i < n; i++) {
		matches[i] = flow_table_match_first(table, hashes[i], prefetch, context);
		missed[misses] = (uint8_t)i;
		misses += matches[i] == 0;
	}
	for (uint32_t k = 0; k < misses; k++) {
		uint32_t i = missed[k];

		matches[i] = (uint16_t)flow_table_match(table, hashes[i]);
		if (matches[i] != 0)
			prefetch(context, flow_table_reference(table, hashes[i],
						  (unsigned)__builtin_ctz(matches[i])));
	}
	for (uint32_t i = 0; i < n; i++) {
		out[i] = flow_table_resolve(table, hashes[i], matches[i], i, is_equal, context);
		// Another flow's hash in the first bucket says nothing about the second.
		if (nx_unlikely(out[i] == FLOW_REFERENCE_NONE && matches[i] != 0))
			out[i] = flow_table_resolve(table, hashes[i],
				flow_table_match(table, hashes[i]), i, is_equal, context);
	}
}

// One lookup, for what comes alone (ICMP errors, new sessions). is_equal as above, with i = 0.
static inline __attribute__((always_inline)) uint32_t flow_table_lookup(
	const struct flow_table *table, uint32_t hash,
	bool (*is_equal)(void *context, uint32_t i, uint32_t reference), void *context)
{
	return flow_table_resolve(table, hash, flow_table_match(table, hash), 0, is_equal, context);
}
