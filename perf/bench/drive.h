// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// nexpath-bench drive: both ends of a device under test, on ports of any kind. Side 0 is where
// clients are, side 1 where the target is, both of one family. drive_link.c: ports and frames;
// drive_neighbour.c: ARP and neighbour discovery; drive_udp.c and drive_tcp.c: what goes through;
// drive.c: trials and the search. One thread.

#include "bench/bench.h"
#include "bench/histogram.h"
#include "io/pools.h"

enum {
	DRIVE_CLIENT = 0,
	DRIVE_TARGET = 1,
	DRIVE_BURST = 32,
	DRIVE_PORTS = 60000, // flows a client address
	DRIVE_FIRST_PORT = 1024,
};

struct drive_side {
	struct port *port;
	struct buffer *out[DRIVE_BURST];
	uint16_t count;
	uint64_t refused; // frames that the port did not take: not sent
};

// A TCP connection that is under way.
struct drive_connection {
	uint64_t started; // TSC, 0 = none
	uint32_t sequence;
	bool is_open;
};

struct drive {
	const struct bench_options *options;
	struct drive_side sides[2];
	struct pools pools;
	struct pool_source buffers;
	struct ip_address client;  // the first of them
	struct ip_address service; // what clients ask for
	struct ip_address target;  // the only address on side 1
	be16 service_port;
	struct mac_address next[2]; // the device under test, as each side sees it
	bool known[2];
	uint32_t clients;
	uint32_t flows;
	uint64_t hz;
	uint64_t random;

	// Of the trial under way
	uint64_t sent;
	uint64_t received;
	uint64_t damaged;
	struct histogram latency; // ns
	uint8_t *answered;        // UDP: by flow
	uint32_t answered_count;
	struct drive_connection *connections; // TCP: by flow
	uint64_t begun;
	uint64_t done;
};

// Opens both ports; waits for their links. Exits with a line on failure.
void drive_open(struct drive *d);
void drive_close(struct drive *d);
// What a side's port is, for the record.
json_t *drive_port(const struct drive *d, unsigned side);

// Queues a frame on a side; MAC addresses are filled in. False when no buffer is left.
bool drive_send(struct drive *d, unsigned side, struct frame *frame);
// The same for a frame that is whole.
bool drive_send_bytes(struct drive *d, unsigned side, const uint8_t *bytes, uint32_t length);
void drive_flush(struct drive *d, unsigned side);
// Takes what has arrived on both sides: neighbours are answered for our own addresses, every other
// frame goes to take after its checksums were found right (or vouched for by the port).
void drive_receive(struct drive *d,
	void (*take)(struct drive *d, unsigned side, const struct packet *p, const uint8_t *bytes));
// Asks for the device's address on a side until it answers; the target's side learns it from
// traffic too.
void drive_resolve(struct drive *d);

// True when the frame was ARP or ICMPv6: answered if it asked for one of the side's addresses.
bool drive_take_neighbour(struct drive *d, unsigned side, const uint8_t *bytes, uint32_t length);

// Which client an address is, UINT32_MAX if none.
uint32_t drive_client(const struct drive *d, const struct ip_address *address);
// Client's key of a flow, and the flow of a packet as it arrives at the
// client, UINT32_MAX if none.
struct flow_key drive_key(const struct drive *d, uint32_t flow);
uint32_t drive_flow(const struct drive *d, const struct packet *p);
uint32_t drive_random(struct drive *d, uint32_t below);

// One trial of options->seconds at a rate; results are in *d. UDP: drive_udp_open first, once.
void drive_udp_open(struct drive *d);
void drive_udp_trial(struct drive *d, uint64_t rate);
void drive_tcp_trial(struct drive *d, uint64_t rate);
