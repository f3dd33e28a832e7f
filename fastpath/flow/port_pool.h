// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Source ports toward one target: a pool for each (protocol, source address, target address and
// port), made on demand. Of the 64,512 ports from 1024 up, worker w of n owns those with (port -
// 1024) % n == w, so every worker knows a reply's owner from the port alone, and one worker has all
// of them.
//
// Ports never used come first, in an order that the seed shuffles; then those freed longest ago. A
// port whose target may be in TIME_WAIT is given early only to a SYN that TIME_WAIT must accept.
// Worker thread only.

#include "core/memory.h"
#include "flow/tracker.h"
#include "pkt/packet.h"

enum {
	PORT_FIRST = 1024,
	PORT_COUNT = 64512,
	PORT_SCAN = 16, // freed ports looked at for one SYN
};

// How long a target may stay in TIME_WAIT: twice the MSL of RFC 9293 section 3.4.2.
#define PORT_TIME_WAIT (240 * USEC_PER_SECOND)

// What is known of a port's last connection. 16 bytes.
struct port_entry {
	uint32_t sequence;  // what the target expects next
	uint32_t timestamp; // last one the target saw
	uint32_t freed;     // time >> 20
	uint16_t next;      // in the queue of free ports: index + 1
	uint8_t flags;      // PORT_*
	uint8_t unused;
};
static_assert(sizeof(struct port_entry) == 16);

enum {
	PORT_TARGET_WAITS = 1u << 0, // the target may be in TIME_WAIT
	PORT_HAS_TIMESTAMP = 1u << 1,
	PORT_LINGERS = 1u << 2, // free, but a finished session still stands on it
	PORT_IS_FREE = 1u << 3,
};

// Sessions of one pool by age, linked through struct session_leg.
struct port_list {
	uint32_t oldest;
	uint32_t newest;
	uint32_t count;
};

struct port_pool {
	struct flow_key key;        // source, destination and destination_port, protocol
	struct port_entry *entries; // one for each port of this worker
	uint32_t count;             // entries
	uint32_t fresh;             // ports taken for the first time so far
	uint32_t free;              // in the queue
	uint32_t sessions;          // that stand on a port: taken or lingering
	struct port_list unanswered;
	struct port_list exchanged;
	uint16_t head; // index + 1 of the port freed longest ago
	uint16_t tail;
	uint16_t start;      // where the order of fresh ports begins
	uint16_t hash_next;  // pool index + 1
	uint16_t idle_older; // list of pools without sessions: index + 1
	uint16_t idle_newer;
	bool used; // has a key
};

struct port_pools {
	struct port_pool *pools;
	struct port_entry *entries;
	uint16_t *buckets; // pool index + 1
	uint32_t limit;    // pools
	uint32_t bucket_mask;
	uint32_t touched; // pools that ever had a key
	uint32_t stride;  // entries a pool
	uint16_t idle_oldest;
	uint16_t idle_newest;
	uint8_t worker;
	uint8_t worker_count;
	uint64_t seed;
	uint32_t made;       // pools given a key so far
	uint64_t ports_used; // taken, in all pools
	uint64_t ports_high_water;
	struct memory memory[3]; // behind pools, buckets and entries
};

static inline uint8_t port_worker(uint16_t port, uint8_t worker_count)
{
	return (uint8_t)((uint32_t)(port - PORT_FIRST) % worker_count);
}

// Address space for `limit` pools; memory follows use. -ENOMEM with nothing kept.
[[nodiscard]] int port_pools_init(struct port_pools *pools, uint32_t limit, uint8_t worker,
	uint8_t worker_count, uint64_t seed);
void port_pools_fini(struct port_pools *pools);

// The pool for a key (its source_port is zero), made if there is none: out of one never used, or
// the one without sessions for longest. NULL when every pool has sessions.
struct port_pool *port_pools_get(struct port_pools *pools, const struct flow_key *key);
// The pool for a key, or NULL.
struct port_pool *port_pools_find(struct port_pools *pools, const struct flow_key *key);

// Takes a port; syn is the client's, NULL for UDP. 0 when there is none for it (then it may be had
// by another SYN later). *before: what was known of it; PORT_LINGERS: a finished session still
// stands on it, and must go first. Host order.
uint16_t port_pool_take(struct port_pools *pools, struct port_pool *pool,
	const struct tracker_segment *syn, usec_t now, struct port_entry *before);

// Gives a port back on which no session began: as it was before, but at the back of the queue.
void port_pool_return(struct port_pools *pools, struct port_pool *pool, uint16_t port,
	const struct port_entry *before, usec_t now);

// Gives a port back while its session lingers: it goes to the back of the queue.
void port_pool_linger(struct port_pools *pools, struct port_pool *pool, uint16_t port,
	uint32_t sequence, bool target_waits, usec_t now);
// The session on the port ended; the port goes to the back of the queue if it did not linger.
void port_pool_give(struct port_pools *pools, struct port_pool *pool, uint16_t port,
	uint32_t sequence, bool target_waits, usec_t now);

// Whether the target of a port that was free since then may still be in TIME-WAIT.
bool port_target_waits(const struct port_entry *entry, usec_t now);

// The entry of a port, to note timestamps in.
struct port_entry *port_pool_entry(
	const struct port_pools *pools, struct port_pool *pool, uint16_t port);
