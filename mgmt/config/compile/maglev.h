// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The lookup table of consistent hashing (Eisenbud et al., "Maglev", NSDI 2016, section 3.4), with
// weights. Private to config/.

#include "core/snapshot.h"

struct maglev_entry {
	const char *key; // what identifies the target for good: the same key, the same permutation
	uint16_t index;  // written to the table
	uint16_t weight; // 1 to 256
};

// Fills table[MAGLEV_SIZE] with the indices of n entries, n from 1 to MAGLEV_SIZE / 2. 0 or
// -ENOMEM.
[[nodiscard]] int maglev_fill(uint16_t *table, const struct maglev_entry *entries, uint32_t n);
