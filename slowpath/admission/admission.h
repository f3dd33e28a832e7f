// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Who may have a handshake, and whose turn it is: one thread's bounds on work that strangers cause.
// A source is a network: /32 of IPv4, /56 of IPv6. Each has a token bucket and a bound of
// handshakes in flight, all together have another bound. Handshakes with something to do wait in a
// queue of their source, and sources take turns, one handshake at a time, so that one that sends
// thousands delays the others by one step each. Sans-IO, one thread; time is a parameter.

#include "core/base.h"

struct admission;

enum {
	ADMISSION_NONE = UINT32_MAX
};

struct admission_config {
	uint32_t handshakes;            // in flight at most
	uint32_t handshakes_per_source; // at most, of these
	uint32_t rate;                  // handshakes a second that a source may begin
	uint32_t burst;                 // and at once after a pause
};

enum admission_verdict {
	ADMISSION_GRANTED = 0,
	ADMISSION_SOURCE_RATE, // the source began too many just now
	ADMISSION_SOURCE_FULL, // it has its share of places
	ADMISSION_FULL,        // all places are taken
};

// -ENOMEM; -EINVAL for a configuration with a zero.
[[nodiscard]] int admission_create(const struct admission_config *config, struct admission **out);
void admission_destroy(struct admission *a); // NULL is allowed

// Asks for a place; GRANTED sets *place (below config.handshakes). Sources that nobody has heard of
// for long are forgotten to make room for new ones, so no number of sources is too many.
enum admission_verdict admission_enter(
	struct admission *a, const struct ip_address *source, usec_t now, uint32_t *place);
// Whose place a newcomer takes that got the verdict SOURCE_FULL or FULL: the oldest of its source,
// or of the source that has most, among those that have not got as far as admission_settle. FULL
// takes it from those that have where they hold more than half of all places: else each newcomer
// would take the last one's before its turn came. ADMISSION_NONE: nobody's. The caller has it leave
// and enters again.
uint32_t admission_victim(
	const struct admission *a, const struct ip_address *source, enum admission_verdict verdict);
// The place's peer has said enough to be answered: others give way before it.
void admission_settle(struct admission *a, uint32_t place);
// Gives it back; it waits for no turn any more.
void admission_leave(struct admission *a, uint32_t place);

// The place has something to do: it waits for its turn, behind others of its source. Harmless while
// it waits already.
void admission_queue(struct admission *a, uint32_t place);
// Whose turn it is, taken out of its queue; ADMISSION_NONE when nobody waits.
uint32_t admission_next(struct admission *a);

uint32_t admission_in_flight(const struct admission *a);
