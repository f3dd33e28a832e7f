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

static bool takes_turns(const struct snapshot_target *target, unsigned int family)
{
	return snapshot_target_is_usable(target) &&
	       ip_address_is_v4(&target->address) == (family == 0);
}

static struct snapshot_turns *turns_make(
	const struct snapshot_target *const *targets, uint32_t count, unsigned int family)
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
	struct snapshot_turns *v4 = turns_make(targets, upstream->target_count, 0);
	struct snapshot_turns *v6 = turns_make(targets, upstream->target_count, 1);

	if (!v4 || !v6) {
		free(v4);
		free(v6);
		return -ENOMEM;
	}
	free(upstream->turns[0]);
	free(upstream->turns[1]);
	upstream->turns[0] = v4;
	upstream->turns[1] = v6;
	return 0;
}
