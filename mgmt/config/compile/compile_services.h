// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// An upstream while it is compiled. Private to config/compile_*.c.

#include "config/compile/compile_parts.h"

struct upstream_build {
	const struct config_upstream *from;
	uint16_t *targets; // slots; owned
	uint32_t target_count;
	bool targets_changed; // one of them is not the object it was
	uint32_t security;    // as in struct snapshot_upstream
};

// Fills targets, target_count and targets_changed. The caller frees build->targets.
[[nodiscard]] int compile_targets(struct compiling *c, struct upstream_build *build);

// The routes of a listener of protocol http; `before` again, with one more reference, where they
// are the same (config/compile_http.c). -ENOMEM.
[[nodiscard]] int compile_http(const struct compiling *c, const struct config_listener *listener,
	const struct snapshot_http *before, const struct snapshot_http **out);

// Makes what a worker chooses among upstream->targets by (config/compile_balance.c). -ENOMEM: what
// was made is the upstream's.
[[nodiscard]] int compile_balance(const struct compiling *c, struct snapshot_upstream *upstream);
