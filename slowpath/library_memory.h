// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// OpenSSL's memory, which it does not wipe: what its objects of a session hold is what protects the
// session as long as a worker goes on with it.

#include "core/base.h"

// From now on all memory that OpenSSL gives back is overwritten first. Before anything else of
// OpenSSL; -EBUSY: something was. Once, on the only thread there is.
[[nodiscard]] int library_memory_wipe(void);
