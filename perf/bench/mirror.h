// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The target of a REALITY listener, whom strangers get: it answers a whole hello with a flight from
// memory, and anything else with its end. Each has a TCP connection of the simplest kind, for links
// that lose nothing. One thread.

#include "bench/peers.h"
#include "bench/reality_peers.h"

enum {
	MIRROR_PORTS = 65536,
};

// A connection, by the node's port.
struct mirror_end {
	struct flow_key key; // as the node receives it
	uint32_t next;       // sequence to send next
	uint32_t expected;   // of the node
	uint32_t received;   // bytes
	uint32_t hello;      // bytes of one record, once its header is there
	uint8_t id[REALITY_ID_BYTES];
	uint8_t state;
};

struct mirror {
	struct peers *peers;
	const struct reality_peers *side;
	uint64_t begun; // connections
	uint64_t answered;
	struct mirror_end ends[MIRROR_PORTS];
};

// Takes what peers' targets get at the mirror's address from here on.
struct mirror *mirror_create(struct peers *peers, const struct reality_peers *side);
void mirror_destroy(struct mirror *m);
