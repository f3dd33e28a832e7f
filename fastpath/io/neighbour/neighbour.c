// SPDX-License-Identifier: BSD-3-Clause
#include "io/neighbour/neighbour.h"

#include "pkt/packet.h"

// How far from its home slot an entry may lie.
enum {
	PROBE_WINDOW = 32,
	TABLE_BYTES = NEIGHBOUR_MAX * sizeof(struct neighbour)
};

int neighbour_table_init(struct neighbour_table *table, uint64_t seed)
{
	int rc = memory_map(TABLE_BYTES, false, &table->memory);

	if (rc != 0)
		return rc;
	table->entries = table->memory.base;
	table->seed = seed;
	return 0;
}

void neighbour_table_fini(struct neighbour_table *table)
{
	memory_unmap(&table->memory);
	table->entries = NULL;
}

// Murmur3's finalizer over the key, seeded: peers choose addresses, but not where they collide.
static uint64_t hash_of(
	const struct neighbour_table *table, uint16_t netif, const struct ip_address *address)
{
	uint64_t h = table->seed ^ address->halves[0];

	for (int round = 0; round < 2; round++) {
		h ^= h >> 33;
		h *= UINT64_C(0xff51afd7ed558ccd);
		h ^= h >> 33;
		h *= UINT64_C(0xc4ceb9fe1a85ec53);
		h ^= address->halves[1] + netif;
	}
	return h;
}

static uint32_t home_slot(
	const struct neighbour_table *table, uint16_t netif, const struct ip_address *address)
{
	uint64_t h = hash_of(table, netif, address);

	return (uint32_t)(h ^ h >> 32) & (NEIGHBOUR_MAX - 1);
}

bool neighbour_probe(const struct neighbour_table *table, uint16_t netif,
	const struct ip_address *address, uint32_t step, uint32_t *slot)
{
	if (step >= PROBE_WINDOW)
		return false;
	*slot = step == 0 ? home_slot(table, netif, address) : (*slot + 1) & (NEIGHBOUR_MAX - 1);
	return true;
}

static uint32_t find(
	const struct neighbour_table *table, uint16_t netif, const struct ip_address *address)
{
	uint32_t slot = 0;

	for (uint32_t step = 0; neighbour_probe(table, netif, address, step, &slot); step++) {
		const struct neighbour *n = &table->entries[slot];
		uint64_t answer = shared_word_load(&n->answer);

		if (neighbour_state_of(answer) < NEIGHBOUR_INCOMPLETE || n->netif != netif ||
			!ip_address_equal(&n->address, address))
			continue;
		// A key read while the slot changed hands: generations tell.
		shared_fence();
		if (shared_word_load(&n->answer) >> 56 == answer >> 56)
			return neighbour_index(slot, answer);
	}
	return PACKET_NO_NEIGHBOUR;
}

// Takes the slot from what its word says it holds; false when somebody was faster.
static bool take(struct neighbour_table *table, uint32_t slot, uint64_t answer, uint64_t generation,
	uint16_t netif, const struct ip_address *address)
{
	struct neighbour *n = &table->entries[slot];

	if (!shared_word_claim(
		    &n->answer, answer, generation << 56 | (uint64_t)NEIGHBOUR_CLAIMED << 48))
		return false;
	// Who compares the old key must find the new generation once it sees any of the new key.
	shared_fence();
	n->address = *address;
	n->netif = netif;
	n->probes = 0;
	n->waiting = 0;
	n->changed = 0;
	n->confirmed = 0;
	shared_word_store(&n->used, 0);
	shared_word_store(&n->answer, generation << 56 | (uint64_t)NEIGHBOUR_UNASKED << 48);
	return true;
}

static uint32_t claim_free(
	struct neighbour_table *table, uint16_t netif, const struct ip_address *address)
{
	uint32_t slot = 0;

	for (uint32_t step = 0; neighbour_probe(table, netif, address, step, &slot); step++) {
		uint64_t answer = shared_word_load(&table->entries[slot].answer);

		if (neighbour_state_of(answer) == NEIGHBOUR_FREE &&
			take(table, slot, answer, answer >> 56, netif, address))
			return neighbour_index(slot, answer);
	}
	return PACKET_NO_NEIGHBOUR;
}

// From a place in the window that the key picks: under a flood of addresses an entry then lasts as
// long as the whole table takes to turn over, on average.
static uint32_t claim_unanswered(
	struct neighbour_table *table, uint16_t netif, const struct ip_address *address)
{
	uint32_t home = home_slot(table, netif, address);
	uint32_t first = (uint32_t)(hash_of(table, netif, address) >> 56);

	for (uint32_t step = 0; step < PROBE_WINDOW; step++) {
		uint32_t slot = (home + (first + step) % PROBE_WINDOW) & (NEIGHBOUR_MAX - 1);
		uint64_t answer = shared_word_load(&table->entries[slot].answer);
		uint64_t generation = ((answer >> 56) + 1) % NEIGHBOUR_GENERATIONS;
		enum neighbour_state state = neighbour_state_of(answer);

		if ((state == NEIGHBOUR_UNASKED || state == NEIGHBOUR_FAILED) &&
			take(table, slot, answer, generation, netif, address))
			return neighbour_index(slot, generation << 56);
	}
	return PACKET_NO_NEIGHBOUR;
}

// Two workers that ask for the same new address in the same moment may make two entries. Both work:
// the owner resolves each, and what it learns goes to every entry of the address.
uint32_t neighbour_get(
	struct neighbour_table *table, uint16_t netif, const struct ip_address *address)
{
	uint32_t index = find(table, netif, address);

	if (index == PACKET_NO_NEIGHBOUR)
		index = claim_free(table, netif, address);
	if (index == PACKET_NO_NEIGHBOUR)
		index = claim_unanswered(table, netif, address);
	return index;
}
