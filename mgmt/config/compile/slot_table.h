// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What compiling needs of the slot map. Private to config/.

#include "config/compile/slots.h"

// Where a listener listens or did.
struct listen_place {
	struct ip_address address;
	uint16_t port_first;
	uint16_t port_last;
};

enum {
	FORMER_PLACES = 4
};

struct slot_entry {
	char *key;           // NULL: free
	uint32_t generation; // of the owner, or of the last one
	bool seen;           // claimed since slot_map_begin
	bool closing;
	uint16_t port;      // interfaces: the node's port index, as last known
	const void *object; // compiled: the map holds one reference
	// Listeners: places that they moved away from while sessions may remain there, oldest
	// first; the sweep forgets them once there are none.
	uint8_t former_count;
	struct listen_place former[FORMER_PLACES];
};

struct slot_table {
	uint32_t maximum;
	uint32_t limit; // one more than the highest slot ever used
	struct slot_entry *entries;
	uint16_t *index; // open addressed by key: slot + 1, 0 = free
	uint32_t index_mask;
};

struct slot_map {
	struct slot_table tables[SLOT_KIND_COUNT];
};

// A copy that shares the compiled objects: a compile works on it, and commits or drops it.
[[nodiscard]] int slot_map_clone(const struct slot_map *map, struct slot_map **out);
// Gives the content of `from` to `map` and frees what map held, and from.
void slot_map_take(struct slot_map *map, struct slot_map *from);

// Nothing is seen yet; at the end, what slot_map_claim did not name begins to close.
void slot_map_begin(struct slot_map *map);
void slot_map_end(struct slot_map *map);

// The entry of a key, a new one if need be. -E2BIG when all slots are taken, or -ENOMEM.
[[nodiscard]] int slot_map_claim(
	struct slot_map *map, enum slot_kind kind, const char *key, uint16_t *slot);

// Makes object the entry's; the map takes a reference of its own and gives the former one's back.
void slot_map_set(struct slot_map *map, enum slot_kind kind, uint16_t slot, const void *object);

// References of a compiled object of that kind.
void slot_object_get(enum slot_kind kind, const void *object);
void slot_object_put(enum slot_kind kind, const void *object);
// The object with one more reference; NULL stays NULL.
const void *slot_object_share(enum slot_kind kind, const void *object);
