// SPDX-License-Identifier: BSD-3-Clause
// Numbers that nobody off the path can guess (RFC 6528): a clock plus a keyed function of the
// addresses and ports, so that those of one connection tell nothing of another's, and a later
// connection between the same ends begins above the earlier one (RFC 9293 3.4.1).
#include "tcp/engine_impl.h"

enum {
	PURPOSE_ISN = 2,
	PURPOSE_TIMESTAMP = 3,
};

uint32_t isn_choose(const struct tcp_engine *e, const struct flow_key *key)
{
	// Four microseconds a step, as RFC 9293 3.4.1 wants it.
	return (uint32_t)(e->now >> 2) + (uint32_t)siphash_flow(&e->key, key, 0, PURPOSE_ISN);
}

// The same for both directions of time: a connection that follows in TIME-WAIT continues the clock
// of the one before (RFC 7323 5.4, RFC 6191).
uint32_t timestamp_offset(const struct tcp_engine *e, const struct flow_key *key)
{
	return (uint32_t)siphash_flow(&e->key, key, 0, PURPOSE_TIMESTAMP);
}
