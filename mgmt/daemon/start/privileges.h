// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the process gives up: core dumps at once, capabilities and dangerous system calls once the
// data plane runs (docs/management.md).

#include "daemon/daemon.h"

// No core dumps, no memory in one that is made all the same, no ptrace by others. At the very
// start. True: NEXPATH_CORE_DUMPS is in the environment, and all that stays as it was.
bool privileges_begin(void);

// Capabilities beyond those that the ports of config need. Threads started later inherit what is
// left: called before DPDK starts its own, or after when a PCI device needs more for that. What
// cannot be dropped is logged.
void privileges_drop_capabilities(const struct config *config);

// Whether the process may still give the kernel XDP programs.
bool privileges_hold_bpf(void);

// Privileges gained by exec, and system calls that the daemon never makes, for all threads. Once,
// after the node has started; later calls do nothing.
void privileges_drop(struct daemon *daemon);
