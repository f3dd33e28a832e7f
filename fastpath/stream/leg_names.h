// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What live legs' handshakes named, for operators: a leg has a number, and legs of equal names have
// the same one, for most clients of a listener ask for the same few. Bounded: whoever makes up more
// names than there is room for is shown without. One worker.

#include "core/control.h"

struct leg_names;

enum {
	LEG_NAMES_NONE = 0, // the number of nothing
};

// Room for so many different pairs, of which memory holds as many as are in use. key: nobody can
// choose names that are slow to find. -EINVAL for none, -ENOMEM; *out untouched then. Control
// thread.
[[nodiscard]] int leg_names_create(uint32_t pairs, const uint64_t key[2], struct leg_names **out);
void leg_names_destroy(struct leg_names *names); // NULL is allowed

// The number of these names until as many leg_names_give. Texts that have no end within their
// bounds are cut. LEG_NAMES_NONE: both are empty, or there is no room.
uint32_t leg_names_take(struct leg_names *names, const struct session_names *pair);
void leg_names_give(struct leg_names *names, uint32_t number);
// The names of a number that was taken and not given; empty ones of LEG_NAMES_NONE.
void leg_names_read(const struct leg_names *names, uint32_t number, struct session_names *out);
// Numbers in use.
uint32_t leg_names_used(const struct leg_names *names);
