// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What applying one configuration over another would change, and what that does to live sessions.
// Pure; control thread or CLI.

#include "config/compile/slots.h"
#include "config/config.h"
#include "config/schema.h"

enum change_kind {
	CHANGE_ADD = 0,
	CHANGE_REMOVE,
	CHANGE_CHANGE
};

// Whose live sessions a change touches.
enum change_subject {
	CHANGE_TOUCHES_NONE = 0,
	CHANGE_TOUCHES_ALL,      // every session of the node (restart)
	CHANGE_TOUCHES_LISTENER, // those of listener `slot`
};

struct change {
	char path[FAULT_PATH_BYTES]; // "listeners.web-in.idle_timeout_s", "ports.lan"
	enum change_kind kind;
	enum schema_effect effect;
	enum change_subject subject;
	uint16_t slot;      // SLOT_NONE where the listener has none
	const char *reason; // why it does more than its key says; NULL: it does not
};

struct change_list {
	uint32_t count;
	uint32_t capacity;
	struct change *items;
	bool restart; // one of them needs a restart
};

// from may be NULL: everything is an addition. slots may be NULL: no slot is filled in. 0 or
// -ENOMEM.
[[nodiscard]] int plan_diff(const struct config *from, const struct config *to,
	const struct slot_map *slots, struct change_list *out);
void plan_fini(struct change_list *list);

const char *change_kind_name(enum change_kind kind); // "add", "remove", "change"
