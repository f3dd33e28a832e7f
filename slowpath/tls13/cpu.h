// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the CPU has that code here has a variant for. A file of its own, so that tests can put
// another answer in its place.

#include <stdbool.h>

bool cpu_has_avx2(void);
