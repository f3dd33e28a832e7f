// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Whether a worker that has nothing to do waits for work turning, or sleeps at once. To sleep and
// be woken costs as much as SPIN_US of turning: a pause that is shorter is cheaper spun away, of a
// longer one the spinning is waste. What the next pause will be is judged by those before it: a
// worker spins as long as half of them ended within that time. Those that it sleeps through tell
// little, as waking up takes time of its own; so one in SPIN_SAMPLE is spun all the same.
//
// Pure: time comes in. One thread at a time; zeroed it is ready.

#include "core/base.h"

enum {
	SPIN_US = 20,
	SPIN_SAMPLE = 16,
	SPIN_MEMORY = 8, // the last pause weighs one part of so many
	SPIN_WHOLE = 256,
};

struct spin {
	usec_t since;         // when the pause began
	uint32_t pauses;      // so far
	uint32_t short_share; // of SPIN_WHOLE: how many of late were short, those before weighing
			      // less
	bool is_paused;
	bool spins; // through this pause
};

static inline void spin_learn(struct spin *s, bool was_short)
{
	uint32_t wanted = was_short ? SPIN_WHOLE : 0;

	s->short_share = (s->short_share * (SPIN_MEMORY - 1) + wanted) / SPIN_MEMORY;
}

// After a turn that had nothing to do: whether to turn again at once.
static inline bool spin_goes_on(struct spin *s, usec_t now)
{
	if (!s->is_paused) {
		s->is_paused = true;
		s->since = now;
		s->spins = s->pauses++ % SPIN_SAMPLE == 0 || s->short_share >= SPIN_WHOLE / 2;
	}
	if (s->spins && now - s->since >= SPIN_US) {
		spin_learn(s, false);
		s->spins = false;
	}
	return s->spins;
}

// After a turn that had work: the pause before it, if there was one, is over.
static inline void spin_end(struct spin *s, usec_t now)
{
	if (!s->is_paused)
		return;
	s->is_paused = false;
	// However it was spent: it was short enough.
	if (now - s->since < SPIN_US)
		spin_learn(s, true);
}
