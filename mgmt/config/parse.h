// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Tree to structs by the schema table. Private to config/.

#include "config/schema.h"

// Fills config from its tree. 0, -EINVAL with errors in faults, -ENOMEM.
[[nodiscard]] int config_fill(
	struct config *config, config_device_check_fn *device_check, struct config_faults *faults);

// Writes "listeners[2]" and the like: the schema path with its indices filled in.
struct parse_path {
	char schema[FAULT_PATH_BYTES]; // "ports[].vlans[]"
	char shown[FAULT_PATH_BYTES];  // "ports[0].vlans[1]"
};
