// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// When a REALITY target is looked at: rounds, in each of which one wanted place after the other has
// its look. Times are in seconds of any clock; nothing here connects, waits or tells.

#include "slowpath/reality/shape.h"

// Zeroed: the first round is due.
struct target_rounds {
	bool in_round;
	uint32_t place;     // the current one
	uint32_t repeats;   // of it
	uint64_t begun;     // when it was asked for; 0: not yet
	uint64_t probes;    // of it, before
	uint64_t due, last; // rounds
	uint32_t failures;  // rounds in a row
};

enum target_step {
	TARGET_RESTS, // or has not answered
	TARGET_ASKS,  // for a look at `place`
	TARGET_ENDS,  // its round: to be judged, and ended
};

enum target_step target_rounds_run(
	struct target_rounds *t, struct reality_shapes *shapes, uint64_t now);
// The look at `place` begins.
void target_rounds_begin(struct target_rounds *t, struct reality_shapes *shapes, uint64_t now);
// By Chrome's hellos, for an oddity of another is not the target's: the first place of which the
// last look says that it is unfit; else the last that was looked at. probes 0: none was.
uint32_t target_rounds_judge(struct reality_shapes *shapes, struct reality_shape_status *out);
// random: any number, so that the target sees no clock.
void target_rounds_end(struct target_rounds *t, bool is_fit, uint64_t now, uint16_t random);
