// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a flood looks like from the far sides: spoofed packets, old sessions that go on, new clients
// that come. flood.c keeps the time, flood_peers.c plays the peers. One thread.

#include "bench/bench.h"

enum {
	FLOOD_OLD = 128,        // sessions opened before the flood
	FLOOD_NEW_PORT = 40000, // client ports from here on belong to new clients
	FLOOD_NEW_PORTS = 20000,
	FLOOD_NEW_HELD = 64,   // new clients at once
	FLOOD_OLD_PAYLOAD = 8, // tells the datagrams apart
	FLOOD_NEW_PAYLOAD = 12,
	FLOOD_PORTS = 65536,
};

// A new client: started 0 = free slot.
struct flood_client {
	struct bench_flow flow;
	usec_t started;
};

struct flood {
	struct bench b;
	usec_t now;
	usec_t cpu;                  // time of it that the flood took
	uint64_t spoofed;            // sent
	uint64_t spoofed_through;    // that reached a target
	uint64_t answers_to_spoofed; // that came out again toward their sources
	uint64_t old_sent;
	uint64_t old_received;
	uint64_t old_lost;
	uint64_t connects_begun;
	uint64_t connects_done;
	uint64_t connects_lost;
	usec_t slowest;
	uint8_t waiting[FLOOD_OLD][2]; // packets of an old session on their way
	struct flood_client clients[FLOOD_NEW_HELD];
	uint16_t by_port[BENCH_TARGETS + 1]
			[FLOOD_PORTS]; // old session + 1, by target and source port
};

// Addresses that answer ARP and neighbour discovery.
bool flood_station_has(const struct ip_address *address);
// Remembers where the old sessions arrive.
void flood_know_old(struct flood *f);
// One spoofed packet. False when the port's ring is full.
bool flood_spoof(struct bench *b);
// One packet each way of an old session; what the last ones left behind is counted as lost.
void flood_beat(struct flood *f, uint32_t number);
// A client comes: its first packet.
void flood_connect(struct flood *f);
// Counts clients that waited over a second.
void flood_give_up(struct flood *f);
// Takes, checks and answers what the node has put out.
void flood_receive(struct flood *f);
