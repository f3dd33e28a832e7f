// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Names to stable slots: which index a listener, upstream, target or interface has in every
// snapshot, and the generation that tells its owners apart. Kept by the control thread across
// revisions. An object that left the configuration stays, closing, until slot_map_sweep hears that
// nobody uses it; a name that returns before that gets its slot back, sessions included. Control
// thread only.

#include "core/snapshot.h"

enum slot_kind {
	SLOT_LISTENER = 0,
	SLOT_UPSTREAM,
	SLOT_TARGET,
	SLOT_NETIF,
	SLOT_KIND_COUNT
};

struct slot_map;

[[nodiscard]] int slot_map_create(struct slot_map **out);
// NULL is allowed. Gives back the map's references on compiled objects.
void slot_map_destroy(struct slot_map *map);

// The slot of a name that is in the configuration or closing, else SLOT_NONE. Keys: listener
// (slot_listener_key); upstream name; target "UPSTREAM/HOST:PORT/ADDRESS" (slot_target_key);
// interface "PORT" or "PORT.VLAN".
uint16_t slot_map_find(const struct slot_map *map, enum slot_kind kind, const char *key);
bool slot_map_is_closing(const struct slot_map *map, enum slot_kind kind, uint16_t slot);
// Slots that a sweep may find something to free in: closing ones, and moved listeners.
uint32_t slot_map_pending_count(const struct slot_map *map);

enum {
	SLOT_KEY_BYTES = 400
};
// A listener of the other protocol is another listener. protocol: enum config_protocol.
const char *slot_listener_key(char out[SLOT_KEY_BYTES], const char *name, uint32_t protocol);
const char *slot_target_key(char out[SLOT_KEY_BYTES], const char *upstream, const char *target,
	const struct ip_address *address);

// The upstream that stands for the target of a REALITY credential; no name in a text is like it.
enum {
	MIRROR_NAME_BYTES = NAME_BYTES + 1
};
#define MIRROR_MARK '~'
const char *mirror_name(char out[MIRROR_NAME_BYTES], const char *credential);

// Frees closing listeners and targets for which is_unused says true (no session on any worker,
// after every worker took the snapshot in which they close), and closing upstreams that nothing
// refers to; forgets where listeners without sessions were before they moved. The next compile
// leaves them out and may give their slots away under a new generation. Returns how many.
uint32_t slot_map_sweep(struct slot_map *map, void *context,
	bool (*is_unused)(void *context, enum slot_kind kind, uint16_t slot));
