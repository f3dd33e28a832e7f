// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The emulated link that a port's frames pass on their way out (`emulate` of a port). One worker
// has it, the owner of the port's transmit queue 0; the others hand their frames to it by ring,
// whatever queues they have. It is made when a configuration first asks for it and stays with the
// port; its values are those of the snapshot.

#include "core/snapshot.h"
#include "pipeline/worker.h"
#include "shape/link.h"

struct emulation {
	struct shape_link *link;
	struct port *port;
	uint8_t owner;                       // worker
	bool is_asked_for;                   // by the snapshot that the link follows; w: owner
	uint64_t generation;                 // of that snapshot; w: owner
	struct rte_ring *rings[MAX_WORKERS]; // by writing worker; NULL for the owner
	// Frames that arrived and that the port did not take yet. w: owner
	uint16_t unsent_count;
	struct buffer *unsent[MAX_BURST];
};

// capacity: frames under way at most. NULL when memory is out. Control thread.
struct emulation *emulation_create(
	struct port *port, uint16_t workers, uint32_t capacity, struct buffer_source *buffers);
// Gives back what is under way. Workers no longer run. NULL is allowed.
void emulation_destroy(struct emulation *emulation, struct buffer_source *buffers);

// Puts t's frames into the link and sends what has arrived. False when nothing is emulated now and
// the frames are to go straight to the port. The owner, at t's flush.
[[nodiscard]] bool emulation_send(struct worker *w, struct transmit_queue *t);
// Sends what has arrived by now on every link of this worker. Once a turn.
void emulation_run(struct worker *w);
// When emulation_run has work next, UINT64_MAX for never.
usec_t emulation_next(const struct worker *w);
