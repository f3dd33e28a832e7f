// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the relay takes from malloc and its kin, or maps: in its own turns, not where those call
// back into the rig, whose buffers and frames are the heap's.

#include <stdbool.h>
#include <stdint.h>

extern bool allocations_are_counted; // the relay runs

// So far; a sanitizer has a malloc of its own, of which nothing is seen.
uint64_t allocations_seen(void);
// Whether one more is seen.
bool allocations_can_be_seen(void);
