// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What programs of one rig share: the rig, its users, how its last session ended. Behind cmocka.h.

#include "rig.h"

static struct rig rig;

static inline int rig_tear_down(void **state)
{
	rig_close(&rig);
	return 0;
}

static inline struct rig_user *client(uint32_t n)
{
	return &rig.user[RIG_CLIENT][n];
}

static inline struct rig_user *target(uint32_t n)
{
	return &rig.user[RIG_TARGET][n];
}

static inline enum session_end last_end(void)
{
	assert_true(rig.world->record_count > 0);
	return rig.world->records[rig.world->record_count - 1].end;
}
