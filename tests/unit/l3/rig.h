// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The network layer of one worker over heap buffers, in virtual time: two ports, what it sends is
// kept here. Netif 0 is port 0 untagged with 10.1.0.2/24 and fd00:1::2/64, netif 1 is VLAN 7 of
// port 1 with 10.2.0.2/24; both ports are owned unless said otherwise.

#include "core/memory.h"
#include "l3/l3.h"

enum {
	RIG_KEPT = 4096,
	RIG_FRAME_MAX = 2048
};

struct rig_frame {
	uint16_t port;      // frames
	uint32_t neighbour; // resolved
	uint16_t largest;   // again
	struct buffer *buffer;
};

struct rig_list {
	uint32_t count;
	struct rig_frame items[RIG_KEPT];
};

struct rig {
	struct memory memory; // that this lies in
	struct snapshot snapshot;
	struct snapshot_netif netifs[2];
	struct snapshot_address addresses[8];
	uint16_t address_hash[32];
	struct snapshot_route routes[2];
	struct port ports[2];
	bool owned[2];
	struct neighbour_table table;
	struct worker_stats stats;
	struct l3 *l3;
	struct buffer_source source; // the heap, until fail_from gets have been made
	uint32_t gets;
	uint32_t fail_from;
	usec_t now;
	struct rig_list frames;
	struct rig_list resolved;
	struct rig_list again;
	uint32_t event_count;
	struct worker_event events[16];
};

// Starts with the announcements over and everything sent so far forgotten; now is 100 s.
struct rig *rig_create(void);
// The same, at the first moment: nothing announced yet, now is 1 s.
struct rig *rig_create_silent(void);
// Fails the test if a buffer is lost.
void rig_destroy(struct rig *rig);

// Adds an own address to the snapshot, under a new generation.
void rig_add_address(struct rig *rig, uint16_t netif, const char *text, uint8_t prefix_length);

// Gives a frame to l3_input as the parser sees it, received on port.
void rig_receive(struct rig *rig, uint16_t port, const uint8_t *bytes, size_t length);
void rig_receive_hex(struct rig *rig, uint16_t port, const char *hex);
// Parses a buffer received on port; the packet borrows it.
void rig_parse(struct packet *packet, struct buffer *buffer, uint16_t netif);
struct buffer *rig_buffer(const uint8_t *bytes, size_t length);

// Moves time on, running what is due on its way in steps of 10 ms.
void rig_advance(struct rig *rig, usec_t by);

// Fails unless the frame kept at index i is exactly these bytes on port. Blanks in hex are skipped.
void rig_assert_frame(struct rig *rig, uint32_t i, uint16_t port, const char *hex);
void rig_forget(struct rig *rig);
uint64_t rig_drops(const struct rig *rig, enum drop_reason reason);

// Bytes of hex text with blanks; returns how many.
size_t rig_hex(const char *hex, uint8_t *out, size_t size);
struct ip_address rig_address(const char *text);

// An IPv4 or IPv6 frame from a peer (02:..:99 on port 0), the payload's checksum being the
// caller's.
size_t rig_ip_frame(uint8_t *out, const char *source, const char *destination, uint8_t protocol,
	const uint8_t *payload, size_t bytes);
