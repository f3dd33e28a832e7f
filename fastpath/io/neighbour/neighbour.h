// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Neighbours of a node: (interface, address) -> MAC, shared by its workers. An entry's answer is
// one 64-bit word (state, MAC), so a reader needs no lock. Any worker may create an entry (a claim
// on a free slot); only the worker that owns the interface's port (the reader of its queue 0)
// changes its state, sends requests, and keeps the packets that wait for it. An entry without an
// answer for which nothing waits (UNASKED, FAILED) gives way to a new one that finds no free slot,
// so that addresses nobody has cannot keep the others out: claimed by any worker, hence left by its
// owner only through a compare-and-swap.

#include "core/atomic.h"
#include "core/limits.h"
#include "core/memory.h"

enum neighbour_state {
	NEIGHBOUR_FREE = 0,
	NEIGHBOUR_CLAIMED,    // key being written
	NEIGHBOUR_INCOMPLETE, // asked, no answer yet
	NEIGHBOUR_REACHABLE,
	NEIGHBOUR_STALE,   // answer is old; usable, probed when used
	NEIGHBOUR_PROBE,   // being probed; usable
	NEIGHBOUR_FAILED,  // did not answer; asked again after a pause
	NEIGHBOUR_UNASKED, // nothing waits for it: never asked, or what waited had to go
};

enum {
	NEIGHBOUR_MAX = 16384,
	// First packets of many clients at once, while the one gateway they go to is asked: what is
	// dropped here comes back after a second.
	NEIGHBOUR_WAITING_PER_ENTRY = 128,
	NEIGHBOUR_WAITING_TOTAL = 1024
};

// An index names a slot and the generation of what lives there: generation << 24 | slot. A session
// may keep one for hours; once the slot has been recycled the index finds no MAC, and the owner
// looks the next hop up again (neighbour_owner_wait). Generations stay below 255, so that
// PACKET_NO_NEIGHBOUR is never a valid index.
enum {
	NEIGHBOUR_GENERATIONS = 255
};

struct nx_aligned_line neighbour {
	// generation << 56 | state << 48 | MAC, big-endian in the low 48 bits
	shared_word_t answer;
	struct ip_address address; // written once a generation, before the state leaves CLAIMED
	uint16_t netif;
	uint16_t probes;    // owner only
	uint32_t waiting;   // owner only: packets queued
	shared_word_t used; // w: any worker, at most once a second; r: owner
	usec_t changed;     // owner only: when the state was entered
	usec_t confirmed;   // owner only
};
static_assert(sizeof(struct neighbour) == 64);

struct neighbour_table {
	struct neighbour *entries; // NEIGHBOUR_MAX, open addressed
	uint64_t seed;
	struct memory memory;
};

// Maps the entries. -ENOMEM on failure. Control thread.
[[nodiscard]] int neighbour_table_init(struct neighbour_table *table, uint64_t seed);
// Also after an init that failed, and on a zeroed table. Control thread.
void neighbour_table_fini(struct neighbour_table *table);

// Worker or control. Index of the entry, created UNASKED if new; PACKET_NO_NEIGHBOUR if the table
// is full of entries that answered or are being asked.
uint32_t neighbour_get(
	struct neighbour_table *table, uint16_t netif, const struct ip_address *address);

static inline enum neighbour_state neighbour_state_of(uint64_t answer)
{
	return (enum neighbour_state)(answer >> 48 & 0xff);
}

static inline uint32_t neighbour_slot(uint32_t index)
{
	return index & (NEIGHBOUR_MAX - 1);
}

// The index of what lives in a slot now.
static inline uint32_t neighbour_index(uint32_t slot, uint64_t answer)
{
	return (uint32_t)(answer >> 56) << 24 | slot;
}

// Walks the slots in which an address may be. step from 0; false beyond the last.
bool neighbour_probe(const struct neighbour_table *table, uint16_t netif,
	const struct ip_address *address, uint32_t step, uint32_t *slot);

// The MAC to send to, in the first six bytes of *mac as they lie in memory, the others zero; false
// when there is none yet. Any worker, per packet.
static inline bool neighbour_mac_word(
	const struct neighbour_table *table, uint32_t index, uint64_t *mac)
{
	uint64_t answer = shared_word_load(&table->entries[neighbour_slot(index)].answer);
	// Generation and state in one: the index has the generation where the answer has it.
	uint64_t beyond = (answer >> 48) - (index >> 16) - NEIGHBOUR_REACHABLE;

	static_assert(NEIGHBOUR_STALE == NEIGHBOUR_REACHABLE + 1 &&
		      NEIGHBOUR_PROBE == NEIGHBOUR_REACHABLE + 2);
	static_assert(NEIGHBOUR_MAX <= 1 << 16);
	if (nx_unlikely(beyond > NEIGHBOUR_PROBE - NEIGHBOUR_REACHABLE))
		return false;
	*mac = htobe64(answer << 16);
	return true;
}

static inline bool neighbour_mac(
	const struct neighbour_table *table, uint32_t index, struct mac_address *out)
{
	uint64_t word;

	if (!neighbour_mac_word(table, index, &word))
		return false;
	memcpy(out->bytes, &word, sizeof(out->bytes));
	return true;
}

// Notes that a packet was sent through the entry, so that a stale one is probed.
static inline void neighbour_use(const struct neighbour_table *table, uint32_t index, usec_t now)
{
	struct neighbour *n = &table->entries[neighbour_slot(index)];
	usec_t recent = now > USEC_PER_SECOND ? now - USEC_PER_SECOND : 0;

	if (nx_unlikely(shared_word_load(&n->used) < recent))
		shared_word_store(&n->used, now);
}

// Both at once: the MAC to send to now. False, and nothing noted, when there is none yet.
static inline bool neighbour_reach(
	const struct neighbour_table *table, uint32_t index, usec_t now, uint64_t *mac)
{
	if (nx_unlikely(!neighbour_mac_word(table, index, mac)))
		return false;
	neighbour_use(table, index, now);
	return true;
}
