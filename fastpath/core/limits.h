// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The fixed bounds of a node. Tables of these sizes are mapped lazily: what is not used costs
// nothing.

enum {
	MAX_WORKERS = 64,
	MAX_PORTS = 64,
	MAX_QUEUES = 16,      // receive queues of one port
	MAX_NETIFS = 1024,    // ports and their VLANs
	MAX_ADDRESSES = 4096, // own addresses of a node
	MAX_ROUTES = 4096,
	MAX_LISTENERS = 4096,
	MAX_UPSTREAMS = 4096,
	MAX_TARGETS = 16384,         // resolved targets of all upstreams
	MAX_SOURCES = 64,            // source addresses of one upstream
	MAX_IDLE_CONNECTIONS = 1024, // to targets, that one worker keeps for requests of anybody
	MAX_BURST = 256,
	MAX_FRAME = 65535 + 18, // bytes of one frame on a kernel port
	LEAST_MTU = 1280,       // of any interface, as IPv6 wants it (RFC 8200 5)
	NAME_BYTES = 64,        // object names, NUL included
};

#define SLOT_NONE UINT16_MAX
