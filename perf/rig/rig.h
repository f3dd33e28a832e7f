// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A node under a configuration text, turned by hand, with the far sides of its `ring` ports at
// hand: what the pipeline tests and nexpath-bench drive. The node is the one nexpathd runs; only
// its ports and its clock are ours. Each far side is a station that answers ARP and neighbour
// discovery for every address that is asked for. One thread.

#include "pipeline/node.h"
#include "rig/frame.h"

struct config;
struct slot_map;
struct slow_links;

enum {
	RIG_STASH = 4096,
	// The profiles of the slow path that listeners and upstreams with a transport have.
	RIG_UPSTREAM_PROFILE = 1,
	RIG_LISTENER_PROFILE = 2,
};

// Frames that came out of a port while the rig settled, oldest first.
struct rig_stash {
	struct buffer *frames[RIG_STASH];
	uint32_t head;
	uint32_t tail;
};

struct rig {
	struct node *node;
	struct config *config;
	struct slot_map *slots;
	uint64_t generation;
	usec_t now; // virtual time; advanced by the caller
	struct buffer_source *buffers;
	struct rig_stash *stash;                               // by port
	bool (*station_has)(const struct ip_address *address); // NULL: any address has a station
	char error[512];
};

// Brings DPDK up once a process. huge: reserved hugepages, memory_mb of them; else plain memory.
// Negative errno after a line on standard error.
[[nodiscard]] int rig_eal_init(bool huge, uint32_t memory_mb);
// The same with those of two devices that are PCI addresses; NULL = none.
[[nodiscard]] int rig_eal_init_devices(bool huge, uint32_t memory_mb, const char *a, const char *b);

// Parses the text, creates the node with its workers (manual: turned by rig_turn), opens its ports,
// publishes the snapshot. On failure a line is in rig->error.
[[nodiscard]] int rig_create(struct rig *rig, const char *text, bool huge);
// The same with a seed for all hashes, so that every run takes the same way.
[[nodiscard]] int rig_create_seeded(struct rig *rig, const char *text, bool huge, uint64_t seed);
// The same with everything that a test may choose. With threads the workers turn themselves, by
// their own clock: rig_turn, rig_settle and rig_pass_time are then not to be called.
struct rig_options {
	bool huge;
	bool threads;
	uint64_t seed;            // 0 = random
	uint16_t transmit_queues; // of each port; 0 = one a worker
	bool never_dry;           // ports always have frames: do not wait until nothing moves
	enum idle_mode idle;
	const struct slow_links *slow; // who does handshakes; NULL = nobody
};
[[nodiscard]] int rig_create_with(
	struct rig *rig, const char *text, const struct rig_options *options);
// Compiles and publishes another text on the running node (ports and workers stay).
[[nodiscard]] int rig_apply(struct rig *rig, const char *text);
// 0, or -EBUSY with the leaking pool in rig->error.
int rig_destroy(struct rig *rig);

// One turn of every worker at rig->now.
uint32_t rig_turn(struct rig *rig);
// Turns until nothing moves, answering ARP and ND on all far sides.
void rig_settle(struct rig *rig);
// The same for two nodes that a `ring:NAME` joins.
void rig_settle_both(struct rig *a, struct rig *b);
// Lets virtual time pass in small steps, settling after each; a and b may be one.
void rig_pass_time(struct rig *a, struct rig *b, usec_t duration);

// MAC of the station behind a port, and of the port.
struct mac_address rig_station_mac(uint16_t port);
struct mac_address rig_port_mac(struct rig *rig, uint16_t port);

// Puts a frame where the port receives (its MAC addresses are filled in); false when there is no
// room.
bool rig_send(struct rig *rig, uint16_t port, struct frame *frame);
bool rig_send_bytes(struct rig *rig, uint16_t port, const uint8_t *bytes, uint32_t length);

// Takes the next frame that the node sent on the port, ARP and ND aside (these are answered);
// copies it to bytes. Returns its length, 0 when there is none.
uint32_t rig_receive(struct rig *rig, uint16_t port, uint8_t bytes[FRAME_BYTES_MAX]);

// Sum of a drop reason over all workers.
uint64_t rig_drops(struct rig *rig, enum drop_reason reason);
