// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// How long a worker sleeps at a time while ports that cannot wake it have nothing: in steps that
// grow, so that the first packet after a pause waits NAP_LONGEST_US and the wake-up at most. Where
// waking up costs so much that this is more than NAP_PERCENT_MOST of a core (virtual machines
// differ tenfold), naps grow further, until it is not.
//
// Pure: time comes in. One thread at a time; zeroed it is ready.

#include "core/base.h"

enum {
	NAP_SHORTEST_US = 5,
	NAP_STEP_US = 10,
	NAP_LONGEST_US = 80,
	NAP_CEILING_US = 1000,
	NAP_JUDGED = 64, // naps between two looks at what they cost
	NAP_PERCENT_MOST = 5,
	NAP_PERCENT_LEAST = 3,
};

struct nap {
	uint32_t count; // since there was work
	usec_t longer;  // than NAP_LONGEST_US
	usec_t since;   // of the last look
	usec_t spent;   // CPU time of the thread at it
};

static inline usec_t nap_next(const struct nap *n)
{
	return u64_min(
		NAP_SHORTEST_US + NAP_STEP_US * (usec_t)n->count, NAP_LONGEST_US + n->longer);
}

// After a nap: whether nap_judge is to be told the time.
static inline bool nap_over(struct nap *n)
{
	return ++n->count % NAP_JUDGED == 0;
}

// The time, and what the thread has had of the CPU.
static inline void nap_judge(struct nap *n, usec_t now, usec_t spent)
{
	usec_t passed = now - n->since, cost = (spent - n->spent) * 100;
	usec_t longest = NAP_LONGEST_US + n->longer;

	// The first look of a pause has nothing to compare with.
	if (n->count > NAP_JUDGED && cost > passed * NAP_PERCENT_MOST)
		n->longer = u64_min(longest + longest / 4, NAP_CEILING_US) - NAP_LONGEST_US;
	else if (n->count > NAP_JUDGED && cost < passed * NAP_PERCENT_LEAST)
		n->longer -= n->longer / 8;
	n->since = now;
	n->spent = spent;
}

static inline void nap_end(struct nap *n)
{
	n->count = 0;
}
