// SPDX-License-Identifier: BSD-3-Clause
#include "flow/balance.h"

int balance_init(struct balance *balance)
{
	int error;

	*balance = (struct balance){0};
	error = memory_map(sizeof(*balance->place) * MAX_UPSTREAMS, false, &balance->memory);

	balance->place = balance->memory.base;
	return error;
}

void balance_fini(struct balance *balance)
{
	memory_unmap(&balance->memory);
}

// A place of the line is one turn, so a target has as many as its weight; steps go round it far and
// wide. Over a round every target gets exactly its share, spread evenly.
static uint16_t round_robin(uint32_t *place, const struct snapshot_turns *turns)
{
	uint32_t wanted = (uint32_t)(((uint64_t)*place + turns->step) % turns->total);
	uint32_t from = 0;
	uint32_t to = turns->count - 1;

	*place = wanted;
	while (from < to) { // the first share that ends beyond the place
		uint32_t middle = from + (to - from) / 2;

		if (turns->shares[middle].end > wanted)
			to = middle;
		else
			from = middle + 1;
	}
	return turns->shares[from].slot;
}

// Fewest live sessions of this worker for its weight; equals in turn. The search goes on where the
// last one ended, so of more targets than it looks at, all are looked at equally often.
static uint16_t least_connections(
	uint32_t *place, const struct snapshot_turns *turns, const struct worker_stats *stats)
{
	uint32_t looks = u32_min(turns->count, BALANCE_COMPARED);
	uint32_t at = *place % turns->count;
	const struct snapshot_share *best = NULL;
	uint64_t best_count = 0;

	for (uint32_t i = 0; i < looks; i++) {
		const struct snapshot_share *share = &turns->shares[at];
		uint64_t count = counter_read(&stats->targets[share->slot].sessions) + 1;

		at = at + 1 == turns->count ? 0 : at + 1;
		if (best && count * best->weight >= best_count * share->weight)
			continue;
		best = share;
		best_count = count;
		if (looks == turns->count)
			*place = at;
	}
	if (looks < turns->count)
		*place = at;
	return best->slot;
}

static uint16_t hashed(
	const struct snapshot_upstream *upstream, const struct balance_client *client)
{
	const uint16_t *table = upstream->hashed[client->family];
	uint64_t hash =
		upstream->balance == BALANCE_MAGLEV ? client->flow_hash : client->address_hash;
	uint16_t entry = table ? table[hash % HASHED_SIZE] : SLOT_NONE;

	return entry < upstream->target_count ? upstream->targets[entry] : SLOT_NONE;
}

static uint16_t by_turns(struct balance *balance, const struct snapshot_upstream *upstream,
	const struct worker_stats *stats, const struct balance_client *client)
{
	const struct snapshot_turns *turns = upstream->turns[client->family];
	uint32_t *place = &balance->place[upstream->slot];

	if (!turns || turns->count == 0)
		return SLOT_NONE;
	return upstream->balance == BALANCE_LEAST_CONNECTIONS
		       ? least_connections(place, turns, stats)
		       : round_robin(place, turns);
}

const struct snapshot_target *balance_choose(struct balance *balance,
	const struct snapshot *snapshot, const struct snapshot_upstream *upstream,
	const struct worker_stats *stats, const struct balance_client *client)
{
	bool is_hashed =
		upstream->balance == BALANCE_SOURCE_HASH || upstream->balance == BALANCE_MAGLEV;
	uint16_t slot =
		is_hashed ? hashed(upstream, client) : by_turns(balance, upstream, stats, client);

	return snapshot_target_at(snapshot, slot);
}
