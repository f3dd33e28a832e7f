// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// DPDK's environment: started once a process, when the first configuration needs it.

#include "config/config.h"

struct eal_request {
	const char *file_prefix;
	bool no_huge;                // --no-huge
	const struct config *config; // workers and ports
};

// *huge says whether hugepages serve. Negative errno with one line in error that says what to do.
[[nodiscard]] int eal_start(
	const struct eal_request *request, bool *huge, char *error, size_t error_size);
void eal_stop(void);

// Whether it was started for PCI devices: it looks for them only then.
bool eal_serves_pci(void);
// Whether a device text is a PCI address.
bool eal_device_is_pci(const char *device);
