// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A network in one virtual clock: hosts with a TCP engine each, routers, links of fastpath/shape
// between them, and transfers whose bytes are checked. Time jumps from one thing that happens to
// the next; the same seeds give the same run. One thread.

#include "shape/link.h"
#include "tcp/tcp.h"

enum {
	NET_NODES = 32,
	NET_LINKS = 64, // one direction each
	NET_TRANSFERS = 64,
	NET_LINK_FRAMES = 1 << 16,
};

struct net;

// What becomes of packets larger than a link's MTU.
enum net_too_big {
	NET_TELLS = 0, // the sender gets an ICMP error
	NET_IS_SILENT, // a black hole
};

// A stream from one host to another.
struct net_transfer {
	uint16_t from;
	uint16_t to;
	bool v6;
	uint64_t bytes; // of the stream; UINT64_MAX never ends
	usec_t begins;
	usec_t pause_begins; // the receiver does not read from here
	usec_t pause_ends;   // to here
	// What came of it.
	uint64_t given;    // to the sender's engine
	uint64_t received; // by the receiver's user, all as given
	usec_t ended;      // when the receiver saw the end; 0: not yet
	uint16_t error;    // of a connection that failed
	bool is_wrong;     // a byte was not the one that was given
	bool is_shut;      // the sender has given all
	bool is_at_end;    // the peer's end is known, though not yet read up to
	// The connections, TCP_NONE where there is none.
	uint32_t sender;
	uint32_t receiver;
};

// Buffers fail for every buffer_failures-th request; 0: never.
struct net *net_create(uint32_t buffer_failures, enum net_too_big too_big);
// Returns connections that were left, with tests' buffers all given back.
uint32_t net_destroy(struct net *net);

uint16_t net_host_add(struct net *net, const struct tcp_profile *profile);
uint16_t net_router_add(struct net *net);
// Joins two nodes by two links. Routes are the shortest ways, found at the first net_run.
void net_join(struct net *net, uint16_t a, uint16_t b, const struct shape_config *there,
	const struct shape_config *back);
// The link from a to b, whose configuration may be changed and whose counters may be read.
struct shape_link *net_link(struct net *net, uint16_t a, uint16_t b);

struct net_transfer *net_transfer_add(struct net *net, const struct net_transfer *transfer);

// Runs for that time, or until every transfer with an end has ended. True when they have.
bool net_run(struct net *net, usec_t duration);
usec_t net_now(const struct net *net);
struct tcp_engine *net_engine(struct net *net, uint16_t host);
