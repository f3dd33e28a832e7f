// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A token bucket: at most per_second a second, and burst at once. Any one thread.

#include "core/base.h"

struct rate {
	uint32_t per_second;
	uint32_t burst;
	usec_t tokens_us; // credit, in microseconds times per_second
	usec_t last;      // when that was; to come where more was spent than there was
};

static inline void rate_init(struct rate *r, uint32_t per_second, uint32_t burst)
{
	*r = (struct rate){
		.per_second = per_second, .burst = burst, .tokens_us = burst * USEC_PER_SECOND};
}

static inline void rate_fill(struct rate *r, usec_t now)
{
	usec_t full = (usec_t)r->burst * USEC_PER_SECOND;
	usec_t elapsed = now > r->last ? now - r->last : 0;

	// No longer than the bucket takes to fill: the product has 64 bits.
	if (elapsed > USEC_PER_SECOND)
		elapsed = r->per_second ? u64_min(elapsed, full / r->per_second + 1) : 0;
	r->tokens_us = u64_min(r->tokens_us + elapsed * r->per_second, full);
	if (now > r->last)
		r->last = now;
}

// Takes one token; false when there is none.
[[nodiscard]] static inline bool rate_take(struct rate *r, usec_t now)
{
	rate_fill(r, now);
	if (r->tokens_us < USEC_PER_SECOND)
		return false;
	r->tokens_us -= USEC_PER_SECOND;
	return true;
}

// Whole tokens that there are.
static inline uint32_t rate_left(struct rate *r, usec_t now)
{
	rate_fill(r, now);
	return (uint32_t)(r->tokens_us / USEC_PER_SECOND);
}

// Spends n tokens. Those that are not there are owed: no others come before they have. Where none
// ever come (per_second is 0) that is not to be called.
static inline void rate_spend(struct rate *r, uint32_t n, usec_t now)
{
	usec_t price = n * USEC_PER_SECOND;

	rate_fill(r, now);
	if (price > r->tokens_us)
		r->last += (price - r->tokens_us) / r->per_second;
	r->tokens_us -= u64_min(price, r->tokens_us);
}

// When n tokens, at most those of a burst, will be there.
static inline usec_t rate_due(struct rate *r, uint32_t n, usec_t now)
{
	usec_t price = n * USEC_PER_SECOND;

	rate_fill(r, now);
	return price <= r->tokens_us ? now : r->last + (price - r->tokens_us) / r->per_second + 1;
}
