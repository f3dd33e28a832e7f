// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The network layer of one worker for what is not forwarded by a session: own addresses (ARP, ND,
// echo, resets, unreachables), errors to senders, neighbours, announcements, fragments. README.md
// tells which function the worker loop calls when. Worker thread only, but for _create and
// _destroy.

#include "core/event.h"
#include "core/snapshot.h"
#include "core/stats.h"
#include "flow/engine.h"
#include "io/neighbour/neighbour_frame.h"
#include "io/neighbour/neighbour_owner.h"
#include "pkt/packet.h"

enum {
	L3_ERRORS_PER_SECOND = 1000,            // ICMP errors
	L3_ECHO_PER_SECOND = 10000,             // echo replies
	L3_NEIGHBOUR_ANSWERS_PER_SECOND = 1000, // ARP and neighbour discovery, of each port
	L3_RESETS_PER_SECOND = 1000,            // TCP resets that the flow engine asks for
	L3_REFUSALS_PER_SECOND = 100,           // resets of unknown segments, of each share
	L3_UNREACHABLES_PER_SECOND = 1000,      // port unreachables
	L3_HOP_LIMIT = 64,                      // of packets made here
};

struct l3;

struct l3_config {
	uint8_t worker;
	uint64_t seed;
	struct neighbour_table *neighbours;
	struct worker_stats *stats;
	struct buffer_source *buffers;
	uint32_t reassembly_buffers; // most buffers held by incomplete datagrams
	struct link_ports ports;
	void *context; // of the callbacks; each takes its buffer
	// Sends a finished frame on a port.
	void (*frame)(void *context, uint16_t port, struct buffer *frame);
	// A packet given to l3_wait may be sent now through this neighbour, which has a MAC.
	void (*resolved)(void *context, uint32_t neighbour, struct buffer *buffer);
	// A frame to go through the stages again as if it had just arrived on the port in
	// buffer->port: a reassembled datagram, largest being its largest fragment's IP length, or
	// an ICMP error of our own about a session (largest 0), whose source is an own address.
	void (*again)(void *context, struct buffer *frame, uint16_t largest);
	void (*event)(void *context, const struct worker_event *event);
};

// -ENOMEM on failure, nothing kept.
[[nodiscard]] int l3_create(const struct l3_config *config, struct l3 **out);
// Gives every buffer held back to its source.
void l3_destroy(struct l3 *l3);

// A parsed packet that no session took (FLOW_LOCAL), or that is ARP, ICMP, a fragment or of another
// protocol. Takes packet->buffer, answers what is to be answered, counts the reason of the rest.
void l3_input(struct l3 *l3, const struct snapshot *snapshot, struct packet *packet, usec_t now);

enum l3_refusal {
	L3_REFUSE_TOO_BIG = 0, // mtu: the next hop's
	L3_REFUSE_HOP_LIMIT,
	L3_REFUSE_NO_ROUTE,
	L3_REFUSE_ADMIN,
};

// Tells the sender of a packet, as it was received, why it goes no further. Takes packet->buffer
// and counts it.
void l3_refuse(struct l3 *l3, const struct snapshot *snapshot, struct packet *packet,
	enum l3_refusal refusal, uint32_t mtu, usec_t now);

// Sends a TCP reset for the flow engine. A reset above the rate, or whose neighbour has no MAC now,
// is counted and not sent.
void l3_reset(
	struct l3 *l3, const struct snapshot *snapshot, const struct flow_reset *reset, usec_t now);

// Keeps a routed packet until its next hop is known; see neighbour_owner_wait. On the worker that
// owns netif's port.
void l3_wait(struct l3 *l3, const struct snapshot *snapshot, uint16_t netif, uint32_t neighbour,
	uint16_t l3_offset, struct buffer *buffer, usec_t now);

// The link of a port that this worker owns came up, or the port became this worker's.
void l3_port_up(struct l3 *l3, const struct snapshot *snapshot, uint16_t port, usec_t now);

// Runs what is due; returns how much that was. With a new snapshot, new own addresses are probed
// and announced.
uint32_t l3_tick(struct l3 *l3, const struct snapshot *snapshot, usec_t now);
// When the next call of l3_tick is due.
usec_t l3_next(const struct l3 *l3);

// Pools for node_pool_status: packets that wait, fragments held. False beyond the last.
bool l3_pool(const struct l3 *l3, uint32_t index, const char **name, uint64_t *used,
	uint64_t *capacity, uint64_t *high_water);
