// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Tables of the balance rules that go by hash: which target has which of HASHED_SIZE buckets of
// clients. Private to config/.

#include "core/snapshot.h"

struct hashed_entry {
	const char *key; // what identifies the target for good: the same key, the same buckets
	uint16_t index;  // written to the table
	uint16_t weight; // 1 to 256
};

uint64_t hashed_key(const char *key, uint64_t seed);

// Consistent hashing with a lookup table (Eisenbud et al., "Maglev", NSDI 2016, section 3.4), with
// weights: even shares, and a change of one target moves few buckets of others. n from 1 to
// HASHED_SIZE / 2. 0 or -ENOMEM.
[[nodiscard]] int maglev_fill(uint16_t *table, const struct hashed_entry *entries, uint32_t n);

// Weighted rendezvous hashing (Thaler and Ravishankar, 1998; the weights after Schindelhauer and
// Schomaker, SPAA 2005): a change of one target moves the buckets that it gains or loses, and no
// others. n at least 1; takes HASHED_SIZE times n steps of a few nanoseconds. 0 or -ENOMEM.
[[nodiscard]] int rendezvous_fill(uint16_t *table, const struct hashed_entry *entries, uint32_t n);
