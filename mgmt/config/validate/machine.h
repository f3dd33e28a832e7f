// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The second half of --check: what this machine says to a configuration. Opens nothing, needs no
// privileges. Through a struct, so that a test can be any machine.

#include "config/config.h"

struct config_machine {
	void *context;
	bool (*cpu_exists)(void *context, unsigned cpu);
	uint64_t (*memory_mb)(void *context); // physical memory in MiB
	bool (*group_exists)(void *context, const char *group);
	// 0, or a negative errno with a line in error (port_device_exists of io/port.h). NULL: not
	// judged.
	int (*device_exists)(const char *device, char *error, size_t error_size);
	// 0, or a negative errno with a line in error: whether a credential's files can be used.
	// NULL: not judged.
	int (*credential_is_usable)(const struct config *config,
		const struct config_credential *credential, char *error, size_t error_size);
};

// This machine: CPUs, memory and groups; device_exists is the caller's to set.
void config_machine_here(struct config_machine *machine);

// Adds errors (CPUs, memory) and warnings (interfaces, groups) to faults. 0 or -EINVAL.
[[nodiscard]] int config_check_machine(const struct config *config,
	const struct config_machine *machine, struct config_faults *faults);
