// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Which target a new session gets. Whether a target takes any (drained, closing, no route) is a
// matter of the snapshot, whose tables leave out those that do not. State is per worker. Worker
// thread only.

#include "core/memory.h"
#include "core/snapshot.h"
#include "core/stats.h"

enum {
	// Least connections looks at this many targets, at most, for one session.
	BALANCE_COMPARED = 32
};

struct balance {
	uint32_t *place; // MAX_UPSTREAMS, by upstream slot: where its turns are
	struct memory memory;
};

[[nodiscard]] int balance_init(struct balance *balance);
void balance_fini(struct balance *balance);

// What the choice may depend on. Hashes: of the client's address, and of its address and port; the
// same on every node with the same seed.
struct balance_client {
	enum target_family family;
	uint64_t address_hash;
	uint64_t flow_hash;
};

// The target for a new session, or NULL when none is usable. O(log targets).
const struct snapshot_target *balance_choose(struct balance *balance,
	const struct snapshot *snapshot, const struct snapshot_upstream *upstream,
	const struct worker_stats *stats, const struct balance_client *client);
