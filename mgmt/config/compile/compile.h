// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Configuration to snapshot. Control thread only. Objects that did not change are the ones of the
// snapshot before, by reference count.

#include "config/compile/slots.h"
#include "config/config.h"

struct compile_input {
	const struct config *config;
	uint64_t revision;
	uint64_t generation; // counts snapshots of this process, from 1
	void *context;       // of the callbacks
	// The node's index of a port, SLOT_NONE while it is not open: its interfaces then keep
	// their addresses, but nothing is received on or routed through them.
	uint16_t (*port_index)(void *context, const char *port);
	// The addresses known for a name now: returns how many (0: none yet) and sets *out, which
	// must stay valid during the call.
	uint32_t (*resolve)(void *context, const char *name, const struct ip_address **out);
	// The number of the profile by which a listener serves TLS, not 0 (slowpath/service.h).
	// NULL where no listener does.
	uint32_t (*security)(void *context, const struct config_listener *listener);
	// The same for the profile by which an upstream's targets are spoken to.
	uint32_t (*upstream_security)(void *context, const struct config_upstream *upstream);
	// Told of an address that a name resolved to and that one of the configuration's own
	// listeners serves: it is left out, for it would be a loop. May be NULL.
	void (*own_target)(void *context, const struct config_upstream *upstream,
		const struct config_target *target, const struct ip_address *address);
};

enum {
	COMPILE_ADDRESSES_OF_NAME = 32
}; // of one name at most; the rest is left out

// 0 with *out the caller's (node_publish takes it, snapshot_destroy frees it). -ENOMEM, or -E2BIG
// when a bound of core/limits.h is passed, with a line in error; slots and every snapshot are then
// as before. Snapshots must be published in the order in which they were compiled.
[[nodiscard]] int snapshot_compile(const struct compile_input *input, struct slot_map *slots,
	struct snapshot **out, char *error, size_t error_size);
