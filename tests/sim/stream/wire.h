// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A relay whose client and target are played segment by segment: what each sends is written down,
// what the relay sends to each is looked at in order, header by header. Virtual time.

#include "segment.h"
#include "stream/relay.h"
#include "world.h"

enum wire_side {
	WIRE_CLIENT = 0,
	WIRE_TARGET,
};

enum {
	WIRE_SENT_MAX = 512
};

// One end of one connection, and what the relay sent to it and nobody looked at yet.
struct wire_peer {
	struct flow_key key; // as its segments leave
	bool is_known;       // of the target: once the relay's SYN came
	uint32_t base;       // its initial sequence number
	uint32_t their_base;
	uint32_t next;  // relative to base
	uint32_t heard; // of theirs, relative to their_base
	uint16_t window;
	uint8_t terms; // WIRE_NO_* bits: what its SYN leaves out
	uint16_t mss;
	uint32_t preface;   // bytes that it gets before the other side's
	uint32_t timestamp; // the relay's last
	uint32_t first;
	uint32_t count;
	struct segment sent[WIRE_SENT_MAX];
	uint8_t header[WIRE_SENT_MAX][60]; // IP and TCP, as sent
};

enum {
	WIRE_NO_TIMESTAMPS = 1u << 0,
	WIRE_NO_SACK = 1u << 1,
	WIRE_NO_SCALE = 1u << 2,
};

struct wire {
	struct world *world;
	struct relay *relay;
	struct wire_peer peer[2];
	uint32_t fail_next; // buffers that the relay does not get
};

// The listener of world is transparent and the only target 10.2.0.1:80.
void wire_open(struct wire *w, uint32_t sessions);
// Everything must be given back by now.
void wire_close(struct wire *w);

// Both SYNs, both answers and the client's acknowledgement, each looked at.
void wire_shake_hands(struct wire *w);
// The peers are others, whom the relay does not know: this port of the client's, of any address.
void wire_newcomer(struct wire *w, const char *client, uint16_t port);
void wire_wait(struct wire *w, usec_t time);

// One segment of a side, behind what it sent before: flags as letters ("PA"). The relay has a turn.
void wire_send(struct wire *w, enum wire_side side, const char *flags, uint32_t length);
// Without the turn: with the next in one burst.
void wire_queue(struct wire *w, enum wire_side side, const char *flags, uint32_t length);
// A frame of segments of `size` bytes, the last one shorter, as a port delivers it.
void wire_send_frame(
	struct wire *w, enum wire_side side, const char *flags, uint32_t length, uint32_t size);
// What was sent at `from` (relative) again.
void wire_send_at(
	struct wire *w, enum wire_side side, const char *flags, uint32_t from, uint32_t length);

// Whether a connection of the relay takes one such, without a turn.
bool wire_is_taken(struct wire *w, enum wire_side side, const char *flags);

// The next segment that the relay sent to a side must be this one, behind what came before it; bare
// acknowledgements are passed over unless one is asked for. It counts as received; acknowledged it
// is with the next segment sent, or wire_acknowledge.
const struct segment *wire_expect(
	struct wire *w, enum wire_side side, const char *flags, uint32_t length);
// The bytes of its IP and TCP headers.
const uint8_t *wire_header(const struct wire *w, enum wire_side side);
// Nothing but bare acknowledgements.
void wire_expect_nothing(struct wire *w, enum wire_side side);
void wire_acknowledge(struct wire *w, enum wire_side side);
// The next segments to this side do not arrive.
void wire_lose(struct wire *w, enum wire_side side, uint32_t segments);
uint64_t wire_sessions(const struct wire *w);
