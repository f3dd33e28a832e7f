// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A token bucket: at most per_second a second, and burst at once. Any one thread.

#include "core/base.h"

struct rate {
	uint32_t per_second;
	uint32_t burst;
	usec_t tokens_us; // credit, in microseconds times per_second
	usec_t last;
};

static inline void rate_init(struct rate *r, uint32_t per_second, uint32_t burst)
{
	*r = (struct rate){
		.per_second = per_second, .burst = burst, .tokens_us = burst * USEC_PER_SECOND};
}

// Takes one token; false when there is none.
[[nodiscard]] static inline bool rate_take(struct rate *r, usec_t now)
{
	usec_t elapsed = now > r->last ? u64_min(now - r->last, USEC_PER_SECOND) : 0;

	r->tokens_us =
		u64_min(r->tokens_us + elapsed * r->per_second, (usec_t)r->burst * USEC_PER_SECOND);
	if (now > r->last)
		r->last = now;
	if (r->tokens_us < USEC_PER_SECOND)
		return false;
	r->tokens_us -= USEC_PER_SECOND;
	return true;
}
