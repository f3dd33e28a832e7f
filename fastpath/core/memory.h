// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Zeroed memory straight from the kernel, for tables and pools. What is never touched costs
// nothing. Control thread (or before a worker starts).

#include "core/base.h"

struct memory {
	void *base;
	size_t bytes; // mapped, rounded up to whole pages
	bool huge;    // on reserved hugepages
};

// Maps at least bytes (more than 0), zeroed, page aligned. With huge it tries reserved 2 MiB pages
// first and goes on with normal ones where there are not enough. -ENOMEM on failure, *out
// untouched.
[[nodiscard]] int memory_map(size_t bytes, bool huge, struct memory *out);

// Unmaps and clears *memory; harmless on a cleared one.
void memory_unmap(struct memory *memory);

// Bytes mapped by this process through memory_map now. Any thread.
uint64_t memory_mapped(void);

#ifdef NEXPATH_FAULT_INJECTION
// The nth memory_map from now fails (1 = the next), once; 0 lets all pass. Tests.
void memory_fail_at(uint32_t nth);
#endif
