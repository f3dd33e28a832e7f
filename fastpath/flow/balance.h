// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Which target a new session gets. Targets that are drained, closing, without a route or of another
// family than the client are passed over. State is per worker. Worker thread only.

#include "core/memory.h"
#include "core/snapshot.h"
#include "core/stats.h"

// Smooth weighted round-robin: what each target slot has been owed.
struct balance {
	int32_t *credit; // MAX_TARGETS, by target slot
	struct memory memory;
};

[[nodiscard]] int balance_init(struct balance *balance);
void balance_fini(struct balance *balance);

// What the choice may depend on. Hashes: of the client's address, and of its address and port; the
// same on every node with the same seed.
struct balance_client {
	bool v6;
	uint64_t address_hash;
	uint64_t flow_hash;
};

// The target for a new session, or NULL when none is usable. O(targets), but for maglev mostly
// O(1).
const struct snapshot_target *balance_choose(struct balance *balance,
	const struct snapshot *snapshot, const struct snapshot_upstream *upstream,
	const struct worker_stats *stats, const struct balance_client *client);
