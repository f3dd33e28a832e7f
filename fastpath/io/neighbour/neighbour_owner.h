// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The state machine of the neighbours on the ports that one worker owns: asks, waits, ages, probes,
// and keeps the packets that wait for an answer (RFC 826, RFC 4861 section 7.3 as far as it applies
// to a forwarder that hears nothing from upper layers). Worker thread only, but for _create and
// _destroy.
//
// UNASKED     nothing waits. The first packet for it asks.
// INCOMPLETE  asked 3 times, 1 s apart; packets wait. No answer -> FAILED.
// REACHABLE   for 30 s after an answer, then STALE.
// STALE       usable; once used again -> PROBE.
// PROBE       usable; asked 3 times by unicast. No answer -> INCOMPLETE.
// FAILED      packets are dropped; after 1 s the next packet asks again.
// When the packets that wait are too many, the oldest goes, and its entry with it: back to UNASKED.
//
// A slot is recycled by its owner alone: an entry that never answered after 60 s without use, any
// other after 4 h, longer than a session's default idle time. A session that is still older finds
// its index void (io/neighbour.h) and is served by a fresh look-up.

#include "core/stats.h"
#include "io/neighbour/neighbour.h"
#include "io/neighbour/neighbour_frame.h"

enum {
	NEIGHBOUR_TRIES = 3
};
#define NEIGHBOUR_RETRY          (1 * USEC_PER_SECOND)
#define NEIGHBOUR_REACHABLE_TIME (30 * USEC_PER_SECOND)
#define NEIGHBOUR_FAILED_PAUSE   (1 * USEC_PER_SECOND)
#define NEIGHBOUR_FAILED_KEPT    (60 * USEC_PER_SECOND)
#define NEIGHBOUR_STALE_KEPT     (4 * 3600 * USEC_PER_SECOND)
// A station cannot take an address over from another more often than this.
#define NEIGHBOUR_LOCK_TIME (1 * USEC_PER_SECOND)

struct neighbour_owner;

struct neighbour_owner_config {
	struct neighbour_table *table;
	struct worker_stats *stats;
	struct buffer_source *buffers;
	struct link_ports ports;
	void *context; // of the callbacks
	// Sends a finished frame; takes it.
	void (*frame)(void *context, uint16_t port, struct buffer *frame);
	// The next hop of a packet that waited is known: neighbour_mac(neighbour) answers. Takes
	// the buffer.
	void (*resolved)(void *context, uint32_t neighbour, struct buffer *buffer);
	// The next hop did not answer; this is the first of the packets that waited, its IP header
	// at l3. Called once a failure; the packet is counted already. Takes the buffer.
	void (*unreachable)(void *context, uint16_t netif, uint16_t l3, struct buffer *buffer);
};

// -ENOMEM on failure. Control thread.
[[nodiscard]] int neighbour_owner_create(
	const struct neighbour_owner_config *config, struct neighbour_owner **out);
// Gives the packets that wait back to their source. Control thread, after the worker has ended.
void neighbour_owner_destroy(struct neighbour_owner *owner);

// Keeps a routed packet until its next hop is known: at most 128 an entry and 1,024 in all, the
// oldest dropped for a new one (DROP_NEIGHBOUR_QUEUE_FULL). netif: its egress; l3: offset of its IP
// header from the buffer's data. Takes the buffer; nothing of it is changed. May call resolved at
// once.
void neighbour_owner_wait(struct neighbour_owner *owner, const struct snapshot *snapshot,
	uint16_t netif, uint32_t neighbour, uint16_t l3, struct buffer *buffer, usec_t now);

// What a message of another station says about itself.
struct neighbour_claim {
	struct ip_address address;
	struct mac_address mac;
	bool has_mac;
	bool solicited; // answers a question of ours
	bool override;  // replaces another MAC
};

// Learns from a claim. Never creates an entry: nobody can fill the table by talking.
void neighbour_owner_learn(struct neighbour_owner *owner, uint16_t netif,
	const struct neighbour_claim *claim, usec_t now);

// A link came up: what was known on the port is to be confirmed when used, what failed is asked
// anew.
void neighbour_owner_port_up(
	struct neighbour_owner *owner, const struct snapshot *snapshot, uint16_t port, usec_t now);

// Runs what is due. Returns how many entries it acted on. Bounded by NEIGHBOUR_MAX, in practice by
// the entries in use.
uint32_t neighbour_owner_tick(
	struct neighbour_owner *owner, const struct snapshot *snapshot, usec_t now);
// When the next call of _tick is due; UINT64_MAX for never.
usec_t neighbour_owner_next(const struct neighbour_owner *owner);

// Packets that wait now, and the most there ever were.
uint32_t neighbour_owner_waiting(const struct neighbour_owner *owner);
uint32_t neighbour_owner_waiting_most(const struct neighbour_owner *owner);
