// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the pipeline's tests share: a node between a `lan` and a `wan`, and TCP streams and
// datagrams that cross it. Everything asserts; one thread.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "rig/rig.h"

enum {
	LAN = 0,
	WAN = 1,
	LISTENER_TCP = 9000,
	LISTENER_UDP = 53
};

struct bed {
	const char *cpus;
	uint16_t queues; // of each port
	const char *lan; // more keys of the port: "mtu = 1400; "
	const char *wan;
	const char *listeners; // more listeners, ", { ... }"
	struct rig_options options;
};

// The configuration text of a bed; static memory.
const char *bed_text(const struct bed *bed);
void bed_create(struct rig *rig, const struct bed *bed);
// Destroys; fails when a pool is not full again.
void bed_destroy(struct rig *rig);

struct ip_address bed_address(const char *text);
uint64_t bed_wrong_worker(struct rig *rig);
uint64_t bed_handed_over(struct rig *rig);
// Fails on any drop but those of one reason (NONE: on any).
void bed_assert_no_drops_but(struct rig *rig, enum drop_reason reason);

// The next frame out of a port; its bytes (static memory) are valid until the next call. Fails when
// there is none or a checksum is wrong.
uint32_t bed_expect(struct rig *rig, uint16_t port, struct packet *out, uint8_t **bytes);
void bed_expect_nothing(struct rig *rig, uint16_t port);

// Puts a frame on the lan as a virtual link does: its TCP or UDP checksum covers the addresses
// only; with a segment size it stands for many.
void bed_put_partial(struct rig *rig, struct frame *frame, uint16_t segment_size);

struct frame bed_datagram(const char *from, uint16_t from_port, const char *to, uint16_t to_port);
// What answers a frame that was seen on its way out.
struct frame bed_answer(const struct packet *seen);

// One TCP connection from a client on the lan to a listener, as both ends see it.
struct stream {
	struct flow_key client; // client -> listener
	struct flow_key target; // our source -> target
	uint32_t client_next;   // sequence numbers
	uint32_t target_next;
};

void stream_open(
	struct rig *rig, struct stream *s, const char *client, uint16_t port, const char *listener);
// One segment from the client (LAN) or the target (WAN); returns what came out on the other side.
struct packet stream_send(
	struct rig *rig, struct stream *s, uint16_t port, uint8_t flags, uint32_t payload);
// The same without looking at the other side.
void stream_put(struct rig *rig, struct stream *s, uint16_t port, uint8_t flags, uint32_t payload);
