// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// How much of each way of a session may pass, and how fast (limit.c). For sessions with
// RELAY_IS_LIMITED, but for relay_limit_begin. Private to stream/.

#include "stream/relay_impl.h"

// The session is its target's for good: what its listener says of such sessions holds from now on,
// and counts what passed before.
void relay_limit_begin(struct relay *r, struct relay_session *s);

// Bytes that may pass now from a leg to the other.
uint32_t relay_limit_left(struct relay *r, const struct relay_session *s, unsigned int from);
// So many are about to pass, more than those by one buffer at most; before relay_session_moved.
void relay_limit_spend(
	struct relay *r, const struct relay_session *s, unsigned int from, uint32_t bytes);
// Whether a leg has bytes that wait for the bound: the session's timer is then set to when some may
// pass.
void relay_limit_wait(
	struct relay *r, const struct relay_session *s, unsigned int from, bool waits);
// When that is for either leg, UINT64_MAX where none waits.
usec_t relay_limit_due(const struct relay *r, const struct relay_session *s);
