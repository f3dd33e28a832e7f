// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// How many unanswered sessions each client has. A client is one /32 of IPv4; of IPv6 one /64 where
// it is reached through a gateway, one address where it is on the link, since there a /64 is
// everybody. Bounded: when live clients crowd each other out of a bucket, the newcomer is not
// counted, and only the common bound of all unanswered sessions holds for it. Worker thread only.

#include "core/memory.h"

enum {
	SOURCE_BUCKETS = 16384, // of one cache line
	SOURCE_WAYS = 8,
};

struct nx_aligned_line source_bucket {
	uint32_t tag[SOURCE_WAYS];
	uint32_t count[SOURCE_WAYS]; // 0 = free
};
static_assert(sizeof(struct source_bucket) == 64);

struct source_limit {
	struct source_bucket *buckets;
	uint32_t limit; // a client
	uint64_t seed;
	uint64_t live; // counts in all buckets: zero when every session was given back
	struct memory memory;
};

enum source_verdict {
	SOURCE_COUNTED = 0, // give it back by source_limit_put
	SOURCE_UNCOUNTED,   // no room to count it
	SOURCE_REFUSED,     // at its limit
};

[[nodiscard]] int source_limit_init(struct source_limit *sources, uint32_t limit, uint64_t seed);
void source_limit_fini(struct source_limit *sources);
enum source_verdict source_limit_take(
	struct source_limit *sources, const struct ip_address *client, bool on_link);
// on_link as it was taken.
void source_limit_put(struct source_limit *sources, const struct ip_address *client, bool on_link);
