// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a configuration would change on this node as it runs: the plan, whose sessions each change
// touches, and whether it takes a new process. Control thread only.

#include "config/plan.h"
#include "daemon/daemon.h"

// What applying config would change here: plan_diff, and what only a new process can do. 0 or
// -ENOMEM.
[[nodiscard]] int configuration_plan(
	const struct daemon *daemon, const struct config *config, struct change_list *out);

// How many live sessions a change touches now.
uint64_t change_sessions(const struct daemon *daemon, const struct change *change);
// What a change does to them when removed listeners have drain_s: the schema's word, or "reset".
const char *change_effect(
	const struct daemon *daemon, const struct change *change, uint32_t drain_s);
// The first change that takes a restart, or NULL.
const struct change *changes_restart(
	const struct daemon *daemon, const struct change_list *changes);
