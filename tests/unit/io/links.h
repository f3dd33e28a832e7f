// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// For tests on interfaces of their own.

#include <unistd.h>

#include "io/interface.h"
#include "testing.h"

// The kernel tells a new link's carrier late, up to a second on a busy machine; until then frames
// are lost.
static inline void link_wait(const char *name)
{
	bool up = false;

	for (uint32_t i = 0; !up && i < 5000; i++) {
		assert_int_equal(interface_is_up(name, &up), 0);
		usleep(up ? 0 : 1000);
	}
	assert_true(up);
}
