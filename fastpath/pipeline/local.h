// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a worker does for its own addresses rather than for sessions: ARP and neighbour discovery,
// echo, resets and unreachables, errors about packets it cannot forward, fragments. Ties the
// engines of l3 and io to the worker. Worker thread, but for _create and _destroy.

#include "core/base.h"
#include "flow/engine.h"

struct local;
struct worker;

enum local_refusal {
	LOCAL_TOO_BIG = 0,
	LOCAL_HOP_LIMIT
};

[[nodiscard]] int local_create(struct worker *w, struct local **out);
void local_destroy(struct local *local);

// Tells the sender why its packet was not forwarded, and drops it. Takes the packet's buffer.
void local_refuse(struct local *local, struct packet *p, enum local_refusal refusal);
// Sends a reset that a session asked for.
void local_reset(struct local *local, const struct flow_reset *reset);
// Keeps a routed packet (its handover_note filled) until its next hop is known. This worker owns
// the egress port. Takes the buffer.
void local_resolve(struct local *local, struct buffer *b);

// Sends a finished frame in fragments of at most mtu bytes of IP packet. Takes the packet's buffer.
void local_fragment(struct local *local, uint16_t port, struct packet *p, uint32_t mtu);

// Reassembled datagrams, and errors of our own about sessions, wait for the end of the vector that
// made them and then go through the stages like any other.
uint32_t local_take_back(struct local *local, struct buffer **out, uint32_t n);

// Timers: neighbours, announcements, reassembly. Returns how many acted.
uint32_t local_tick(struct local *local, usec_t now);
usec_t local_next_timer(const struct local *local);

// Pools for node_pool_status. False beyond the last.
bool local_pool(const struct local *local, uint32_t index, const char **name, uint64_t *used,
	uint64_t *capacity, uint64_t *high_water);
