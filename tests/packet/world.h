// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A flow engine in virtual time between a client's link (interface 0) and a target's (interface 1):
// real frames go in, what comes out is parsed again and its checksums are verified. One engine, no
// threads, no ports.

#include "core/buffer.h"
#include "core/memory.h"
#include "flow/engine.h"
#include "pkt/tcp_options.h"

enum {
	WORLD_TCP = 0, // listener and upstream slots
	WORLD_UDP = 1,
	WORLD_TARGETS = 16, // target slots; 0 and 1 are TCP's (IPv4, IPv6), 2 and 3 UDP's
	WORLD_RECORDS = 4096,
	WORLD_TCP_PORT = 9000,
	WORLD_UDP_PORT = 53,
};

struct world_options {
	uint32_t sessions; // 0: 1,024
	uint8_t worker;
	uint8_t worker_count; // 0: 1
};

struct world {
	struct memory memory; // that this lies in
	struct memory stats_memory;
	struct flow_engine *engine;
	struct worker_stats *stats;
	usec_t now;
	struct snapshot snapshot;
	struct snapshot_netif netifs[2];
	struct snapshot_address addresses[4];
	struct snapshot_route routes[6];
	struct snapshot_listener listeners[2];
	struct snapshot_upstream upstreams[2];
	struct snapshot_target targets[WORLD_TARGETS];
	uint16_t target_slots[2][WORLD_TARGETS];
	const struct snapshot_listener *listener_of[2];
	const struct snapshot_upstream *upstream_of[2];
	const struct snapshot_target *target_of[WORLD_TARGETS];
	uint16_t listen_head[2][65536];
	struct listen_entry entries[2];
	uint16_t address_hash[16];
	struct buffer *buffer; // the frame under way
	bool neighbours_full;
	// As flow_engine_config.is_used; NULL: no key is.
	bool (*is_used)(void *context, const struct flow_key *key);
	void *is_used_context;
	uint32_t reset_count;
	struct flow_reset resets[WORLD_RECORDS];
	uint32_t event_count;
	struct worker_event events[WORLD_RECORDS];
	uint32_t record_count;
	struct session_record records[WORLD_RECORDS];
};

// What a test says of a packet; lengths are of payload.
struct world_packet {
	struct flow_key key;
	uint32_t sequence;
	uint32_t acknowledgement;
	uint32_t length;
	uint16_t window;
	uint8_t flags;
	uint8_t hop_limit; // 0: 64
	uint16_t mss;      // 0: no option
	int scale;         // -1 or 0 without has_scale: no option
	bool has_scale;
	bool has_timestamp;
	uint32_t timestamp;
	bool may_fragment;     // IPv4 without DF
	uint16_t segment_size; // not 0: a frame to be segmented
	bool partial;          // partial checksum
	uint16_t netif;
};

// What became of it.
struct world_outcome {
	enum flow_verdict verdict;
	enum drop_reason reason;
	struct flow_key key; // as it leaves
	uint16_t egress;
	uint32_t neighbour;
	uint32_t session;
	uint16_t mss;
	uint8_t hop_limit;
	bool intact; // parses, and its checksums are right
};

// NULL when memory ran out.
struct world *world_create(const struct world_options *options);
// Ends all sessions; returns what was left behind, 0 if nothing leaked.
uint32_t world_destroy(struct world *world);

// The packet's frame in world->buffer, parsed and not yet looked up.
struct packet world_frame(struct world *world, const struct world_packet *packet);
struct world_outcome world_send(struct world *world, const struct world_packet *packet);
// An ICMP or ICMPv6 error from `source` to `destination` that quotes a packet.
struct world_outcome world_icmp(struct world *world, const struct world_packet *quoted,
	const char *source, uint8_t type, uint8_t code, uint32_t rest);
// Time passes, timers run.
void world_wait(struct world *world, usec_t time);
// Adds target slot `slot` ("10.2.0.1", port) to an upstream, with a weight.
void world_target(struct world *world, uint16_t upstream, uint16_t slot, const char *address,
	uint16_t port, uint16_t weight);

// After a change of an upstream's targets.
void world_turns(struct world *world, uint16_t upstream);
// Only the first routes hold.
void world_routes(struct world *world, uint16_t count);

struct flow_key world_key(uint8_t protocol, const char *source, uint16_t source_port,
	const char *destination, uint16_t destination_port);
struct flow_key world_reverse(const struct flow_key *key);
uint32_t world_sessions(const struct world *world); // in the table
uint64_t world_ports(const struct world *world);    // source ports taken
enum session_state world_state(struct world *world, uint32_t session);
