// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Between a worker and its relay (stream/relay.h): TCP packets that end here, and the packets that
// it sends. Worker thread only, but for _create and _destroy.

#include "core/base.h"

struct packet;
struct relay;
struct worker;

// The worker's relay; memory of the node shared between what is forwarded and what is relayed
// (docs/architecture.md). -ENOMEM. Control thread.
[[nodiscard]] int stream_create(struct worker *w, struct relay **out);

// Before sessions are looked up: segments of relayed connections that are open leave the vector.
// Returns how many.
uint32_t stage_stream_open(struct worker *w, struct packet *packets, uint32_t n);

// The stage: TCP packets without a session that are for a relayed connection or a listener in mode
// terminate, and ICMP errors about them, leave the vector.
void stage_stream(struct worker *w, struct packet *packets, uint32_t n);

// Timers, then what the turn's packets began.
void stream_turn(struct worker *w);

// How much of the scarcest pool of packet buffers is out, in percent: connections that end here may
// hold less the scarcer they are.
void stream_pressure(struct worker *w, uint32_t percent);
