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

// Invariant: signature 0 marks a free entry, so no hash is 0; a bucket is one cache line.
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
	uint32_t first = flow_bucket_first(table, hash);
	uint32_t second = flow_bucket_second(table, hash);

	return flow_bucket_match(&table->buckets[first], hash) |
	       flow_bucket_match(&table->buckets[second], hash) << FLOW_BUCKET_ENTRIES;
}

// The reference behind one bit of flow_table_match.
static inline uint32_t flow_table_reference(
	const struct flow_table *table, uint32_t hash, unsigned bit)
{
	uint32_t bucket = bit < FLOW_BUCKET_ENTRIES ? flow_bucket_first(table, hash)
						    : flow_bucket_second(table, hash);

	return table->buckets[bucket].references[bit % FLOW_BUCKET_ENTRIES];
}

static inline void flow_table_prefetch(const struct flow_table *table, uint32_t hash)
{
	__builtin_prefetch(&table->buckets[flow_bucket_first(table, hash)]);
}

// The reference whose key is the caller's, or FLOW_REFERENCE_NONE. is_equal compares the key of a
// reference with the one looked up; give a static inline function and it is inlined.
static inline __attribute__((always_inline)) uint32_t flow_table_resolve(
	const struct flow_table *table, uint32_t hash, uint32_t matches,
	bool (*is_equal)(void *context, uint32_t reference), void *context)
{
	for (; matches != 0; matches &= matches - 1) {
		uint32_t reference =
			flow_table_reference(table, hash, (unsigned)__builtin_ctz(matches));

		if (nx_likely(is_equal(context, reference)))
			return reference;
	}
	return FLOW_REFERENCE_NONE;
}

// For n (at most FLOW_LOOKUP_BURST) hashes, whose first buckets the caller has prefetched, out[i]
// is the first reference of the same hash, or FLOW_REFERENCE_NONE: most likely, but not for sure,
// the one looked for. A hash of 0 finds anything. Two passes hide the memory: first buckets, then
// the second buckets of what they do not have. prefetch is called for each reference found; give a
// static inline function and it is inlined.
static inline __attribute__((always_inline)) void flow_table_candidates(
	const struct flow_table *table, const uint32_t *hashes, uint32_t n, uint32_t *out,
	void (*prefetch)(void *context, uint32_t reference), void *context)
{
	uint8_t missed[FLOW_LOOKUP_BURST];
	uint32_t misses = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t hash = hashes[i];
		const struct flow_bucket *first = &table->buckets[flow_bucket_first(table, hash)];
		uint32_t matches = flow_bucket_match(first, hash);

		if (nx_likely(matches != 0)) {
			out[i] = first->references[(unsigned)__builtin_ctz(matches)];
			prefetch(context, out[i]);
			continue;
		}
		__builtin_prefetch(&table->buckets[flow_bucket_second(table, hash)]);
		missed[misses++] = (uint8_t)i;
	}
	for (uint32_t k = 0; k < misses; k++) {
		uint32_t hash = hashes[missed[k]];
		const struct flow_bucket *second = &table->buckets[flow_bucket_second(table, hash)];
		uint32_t matches = flow_bucket_match(second, hash);

		out[missed[k]] = FLOW_REFERENCE_NONE;
		if (matches == 0)
			continue;
		out[missed[k]] = second->references[__builtin_ctz(matches)];
		prefetch(context, out[missed[k]]);
	}
}

// One lookup, for what comes alone (ICMP errors, new sessions). is_equal as above.
static inline __attribute__((always_inline)) uint32_t flow_table_lookup(
	const struct flow_table *table, uint32_t hash,
	bool (*is_equal)(void *context, uint32_t reference), void *context)
{
	return flow_table_resolve(table, hash, flow_table_match(table, hash), is_equal, context);
}
