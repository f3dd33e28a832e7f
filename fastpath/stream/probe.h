// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Looks at the targets of REALITY listeners: connections of our own to a target, over which a
// thread of the slow path shakes hands as a browser would (slowpath/reality/probe_engine.h), to
// learn what the target's records are like. No session has part in it. They leave as sessions to
// that target do: by the same ports, routes and addresses. Private to stream/.

#include "stream/relay.h"

struct slow_message;

enum {
	PROBES_MAX = 4, // of a worker at once
	// The low half of such a handshake's name, beyond every session's: the probe's number is
	// added.
	PROBE_NAMES = 0xffffff00,
};

// How long a target is silent when it has said all that it is going to.
#define PROBE_SILENCE (USEC_PER_SECOND)

// The context of a probe's connection.
#define CONTEXT_IS_PROBE (UINT64_C(1) << 62)

struct relay_probe {
	bool is_live;
	bool is_connected;
	bool is_opened; // the slow path has been told of it
	bool input_ended;
	bool awaits_answer; // to the silence that it was told of
	uint16_t target;
	bool has_port;
	uint32_t connection;
	uint32_t profile, place;
	uint32_t passed;     // bytes that the slow path has
	struct buffer *held; // received, the first `skip` bytes passed
	uint32_t skip;
	uint64_t name;
	struct slow_link *link;
	struct flow_key to; // as its packets leave
	uint8_t header;     // version of a PROXY protocol header for the target; 0: none
	usec_t heard;       // when the target or the slow path said something
	usec_t until;
	usec_t due; // when there is something to do, should nothing happen
};

struct relay_probes {
	uint32_t live, begun;
	struct relay_probe probes[PROBES_MAX];
};

// What happened to a probe's connection.
void relay_probe_event(struct relay *r, const struct tcp_event *event);
// The slow path's answer; true where it is one to a probe.
bool relay_probe_answer(struct relay *r, const struct slow_message *m);
// What is due. Returns when something is next, UINT64_MAX for never.
void relay_probes_tick(struct relay *r);
usec_t relay_probes_next(const struct relay *r);
// Ends them all.
void relay_probes_end(struct relay *r);
