// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Ports inside the process. Two ports of device `ring:NAME` are joined back to back: what one
// transmits the other receives, spread over its queues by flow. A port of device `ring` has its far
// side here, in the hands of a test or the bench. Frames pass by reference; offload marks pass as
// on a virtual link: a partial checksum stays partial, a frame to be segmented stays whole.

#include "io/port.h"

// Puts up to n frames where queue `queue` of the port receives; those taken are the port's. Returns
// how many. One thread a queue.
uint16_t ring_port_far_transmit(
	struct port *port, uint16_t queue, struct buffer **frames, uint16_t n);
// Takes up to n frames that the port transmitted on its queue `queue`. One thread a queue.
uint16_t ring_port_far_receive(struct port *port, uint16_t queue, struct buffer **out, uint16_t n);

// Makes the port claim only these PORT_TX_* and PORT_RX_* abilities, so that the software that
// stands in for the others runs; max_frame follows. Before any traffic.
void ring_port_set_capabilities(struct port *port, uint32_t capabilities);
