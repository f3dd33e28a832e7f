// SPDX-License-Identifier: BSD-3-Clause
// Who takes turns in an upstream: its usable targets by family, laid on a line by their weights.
#include <errno.h>
#include <stdlib.h>

#include "core/snapshot.h"

bool snapshot_target_is_usable(const struct snapshot_target *target)
{
	return target && !target->drained && !target->closing && target->netif != SLOT_NONE;
}

static uint32_t divisor_of_both(uint32_t a, uint32_t b)
{
	while (b != 0) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

// Golden section of the line, moved on until it has no divisor in common with it: steps of that
// size visit every place once a round, and fall far from the places just visited.
static uint32_t step_for(uint32_t total)
{
	uint32_t step = (uint32_t)((uint64_t)total * 618034 / 1000000);

	while (divisor_of_both(total, step) != 1)
		step++;
	return step;
}

static bool takes_turns(const struct snapshot_target *target, enum target_family family)
{
	return snapshot_target_is_usable(target) && target_family_has(family, &target->address);
}

static struct snapshot_turns *turns_make(
	const struct snapshot_target *const *targets, uint32_t count, enum target_family family)
{
	struct snapshot_turns *turns = calloc(1, sizeof(*turns) + count * sizeof(turns->shares[0]));
	uint32_t divisor = 0;

	if (!turns)
		return NULL;
	for (uint32_t i = 0; i < count; i++)
		if (takes_turns(targets[i], family))
			divisor = divisor_of_both(targets[i]->weight, divisor);
	for (uint32_t i = 0; i < count; i++) {
		if (!takes_turns(targets[i], family))
			continue;
		turns->total += targets[i]->weight / divisor;
		turns->shares[turns->count++] = (struct snapshot_share){.end = turns->total,
			.slot = targets[i]->slot,
			.weight = targets[i]->weight};
	}
	turns->step = turns->count > 0 ? step_for(turns->total) : 0;
	return turns;
}

int snapshot_turns_make(
	struct snapshot_upstream *upstream, const struct snapshot_target *const *targets)
{
	struct snapshot_turns *made[TARGET_FAMILIES];
	bool is_whole = true;

	for (unsigned int f = 0; f < TARGET_FAMILIES; f++) {
		made[f] = turns_make(targets, upstream->target_count, (enum target_family)f);
		is_whole &= made[f] != NULL;
	}
	for (unsigned int f = 0; f < TARGET_FAMILIES; f++) {
		free(is_whole ? upstream->turns[f] : made[f]);
		if (is_whole)
			upstream->turns[f] = made[f];
	}
	return is_whole ? 0 : -ENOMEM;
}
