// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// DPDK devices: from a configured text to a probed ethdev. Private to io/. Control thread.

#include "io/port.h"

enum {
	ETHDEV_DESCRIPTORS = 1024
};

struct ethdev {
	struct port_request request;
	struct rte_mempool *own_pool; // NULL: receives into the node's
	uint64_t owner;               // our number as its owner
	bool attached;                // there is an ethdev
	bool probed;                  // by us: removed when the port is closed
	bool interrupts;              // receive queues can wake
	bool connects;                // memif's client: a lost link does not return by itself
	bool connected;               // it had a link
	bool kernel_frames;      // stands on a kernel interface that has no room for large frames
	uint64_t dropped_before; // by the kernel interface, until the port was opened
	int xdp_link;            // keeps the XDP program on the interface; -1: none
	int xdp_sockets[MAX_QUEUES]; // of the receive queues; -1: not known
	uint8_t reopen_calls;
	counter_t refused[MAX_QUEUES]; // w: queue owner
};

// What DPDK is told, and what we know about the kernel interface behind it.
struct ethdev_name {
	char device[64]; // name under which the ethdev appears
	char devargs[384];
	char interface[32]; // "" = none
	bool partial;       // leaves partial checksums unmarked
	bool connects;      // to a listener, once (memif's client)
	bool own_program;   // stands on our XDP program
};

// Makes the device arguments for request->device.
[[nodiscard]] int ethdev_name_make(const struct port_request *request, struct ethdev_name *out,
	char *error, size_t error_size);

// Finds the ethdev, probing it if it is not there yet; probed says whether.
[[nodiscard]] int ethdev_probe(const struct port_request *request, const struct ethdev_name *name,
	uint16_t *id, bool *probed, char *error, size_t error_size);

// The line for a device that was found and did not start. Returns code.
int ethdev_error(const struct port_request *request, int code, char *error, size_t error_size);
