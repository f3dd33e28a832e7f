// SPDX-License-Identifier: BSD-3-Clause
#include "flow/balance.h"

enum {
	MAGLEV_STEPS = 64 // entries looked at before the table is taken for useless
};

int balance_init(struct balance *balance)
{
	int error;

	*balance = (struct balance){0};
	error = memory_map(sizeof(*balance->credit) * MAX_TARGETS, false, &balance->memory);

	balance->credit = balance->memory.base;
	return error;
}

void balance_fini(struct balance *balance)
{
	memory_unmap(&balance->memory);
}

static const struct snapshot_target *usable(
	const struct snapshot *snapshot, uint16_t slot, const struct balance_client *client)
{
	const struct snapshot_target *t =
		slot < snapshot->target_limit ? snapshot->targets[slot] : NULL;

	if (!t || t->drained || t->closing || t->netif >= snapshot->netif_count)
		return NULL;
	return ip_address_is_v4(&t->address) != client->v6 ? t : NULL;
}

// Each usable target is credited its weight; the richest is chosen and pays for all. Over a round
// every target gets its share, spread evenly.
static const struct snapshot_target *round_robin(struct balance *balance,
	const struct snapshot *snapshot, const struct snapshot_upstream *upstream,
	const struct balance_client *client)
{
	const struct snapshot_target *best = NULL;
	int32_t total = 0;

	for (uint32_t i = 0; i < upstream->target_count; i++) {
		uint16_t slot = upstream->targets[i];
		const struct snapshot_target *t = usable(snapshot, slot, client);

		if (!t)
			continue;
		balance->credit[slot] += t->weight;
		total += t->weight;
		if (!best || balance->credit[slot] > balance->credit[best->slot])
			best = t;
	}
	if (best)
		balance->credit[best->slot] -= total;
	return best;
}

// Fewest live sessions of this worker for its weight; equals in turn.
static const struct snapshot_target *least_connections(struct balance *balance,
	const struct snapshot *snapshot, const struct snapshot_upstream *upstream,
	const struct worker_stats *stats, const struct balance_client *client)
{
	const struct snapshot_target *best = NULL;
	uint64_t best_count = 0;

	for (uint32_t i = 0; i < upstream->target_count; i++) {
		uint16_t slot = upstream->targets[i];
		const struct snapshot_target *t = usable(snapshot, slot, client);

		if (!t)
			continue;
		uint64_t count = counter_read(&stats->targets[slot].sessions) + 1;
		uint64_t here = best ? count * best->weight : 0;
		uint64_t there = best ? best_count * t->weight : 0;
		bool turn = best && here == there &&
			    balance->credit[slot] < balance->credit[best->slot];

		if (!best || here < there || turn) {
			best = t;
			best_count = count;
		}
	}
	if (best) // only its order among equals matters: wraps without harm
		balance->credit[best->slot] =
			(int32_t)(((uint32_t)balance->credit[best->slot] + 1) & INT32_MAX);
	return best;
}

// -log2(u) of u = (hash + 1) / 2^64, in 1/65536; the mantissa by a parabola, exact to 0.01.
static uint64_t negative_log2(uint64_t hash)
{
	uint64_t u = hash | 1;
	unsigned int zeros = (unsigned int)__builtin_clzll(u);
	uint64_t fraction = ((u << zeros) << 1) >> 48; // f in 1/65536, u = 2^(63 - zeros) (1 + f)
	uint64_t curve = (fraction * (65536 - fraction) >> 16) * 22713 >> 16;

	return ((uint64_t)(zeros + 1) << 16) - fraction - curve;
}

static uint64_t mix(uint64_t h)
{
	h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ (h >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ (h >> 33);
}

// Weighted rendezvous hashing: the target with the least -log(u) / weight, u from client and
// target, so that a change of one target moves only the clients that it gains or loses.
static const struct snapshot_target *rendezvous(const struct snapshot *snapshot,
	const struct snapshot_upstream *upstream, const struct balance_client *client,
	uint64_t hash)
{
	const struct snapshot_target *best = NULL;
	uint64_t best_score = 0;

	for (uint32_t i = 0; i < upstream->target_count; i++) {
		const struct snapshot_target *t = usable(snapshot, upstream->targets[i], client);

		if (!t)
			continue;
		uint64_t own = mix(t->address.halves[0] ^ mix(t->address.halves[1] + t->port));
		uint64_t score = negative_log2(mix(hash ^ own));

		if (!best || score * best->weight < best_score * t->weight) {
			best = t;
			best_score = score;
		}
	}
	return best;
}

static const struct snapshot_target *maglev(const struct snapshot *snapshot,
	const struct snapshot_upstream *upstream, const struct balance_client *client)
{
	const uint16_t *table = upstream->maglev[client->v6];
	uint32_t at = (uint32_t)(client->flow_hash % MAGLEV_SIZE);

	if (!table)
		return NULL;
	for (unsigned int n = 0; n < MAGLEV_STEPS; n++) {
		uint16_t entry = table[at];
		const struct snapshot_target *t =
			entry < upstream->target_count
				? usable(snapshot, upstream->targets[entry], client)
				: NULL;

		if (t)
			return t;
		at = at + 1 == MAGLEV_SIZE ? 0 : at + 1;
	}
	return rendezvous(snapshot, upstream, client, client->flow_hash);
}

const struct snapshot_target *balance_choose(struct balance *balance,
	const struct snapshot *snapshot, const struct snapshot_upstream *upstream,
	const struct worker_stats *stats, const struct balance_client *client)
{
	switch (upstream->balance) {
	case BALANCE_LEAST_CONNECTIONS:
		return least_connections(balance, snapshot, upstream, stats, client);
	case BALANCE_SOURCE_HASH:
		return rendezvous(snapshot, upstream, client, client->address_hash);
	case BALANCE_MAGLEV:
		return maglev(snapshot, upstream, client);
	case BALANCE_ROUND_ROBIN:
		break;
	}
	return round_robin(balance, snapshot, upstream, client);
}
