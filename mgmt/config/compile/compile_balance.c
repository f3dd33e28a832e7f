// SPDX-License-Identifier: BSD-3-Clause
// What a worker chooses a target by, made ahead: a new session costs the same with one target and
// with thousands.
#include "config/compile/compile_services.h"

#include "config/compile/hashed.h"

static const struct slot_entry *target_entry(
	const struct compiling *c, const struct snapshot_upstream *upstream, uint32_t i)
{
	return &c->slots->tables[SLOT_TARGET].entries[upstream->targets[i]];
}

static int turns_compile(const struct compiling *c, struct snapshot_upstream *upstream)
{
	const struct snapshot_target **targets =
		calloc(upstream->target_count + 1u, sizeof(*targets));
	int rc;

	if (!targets)
		return -ENOMEM;
	for (uint32_t i = 0; i < upstream->target_count; i++)
		targets[i] = target_entry(c, upstream, i)->object;
	rc = snapshot_turns_make(upstream, targets);
	free(targets);
	return rc;
}

static uint32_t entries_list(const struct compiling *c, const struct snapshot_upstream *upstream,
	enum target_family family, struct hashed_entry *entries)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < upstream->target_count; i++) {
		const struct slot_entry *entry = target_entry(c, upstream, i);
		const struct snapshot_target *target = entry->object;

		if (snapshot_target_is_usable(target) &&
			target_family_has(family, &target->address))
			entries[n++] = (struct hashed_entry){
				.key = entry->key, .index = (uint16_t)i, .weight = target->weight};
	}
	return n;
}

static int table_make(struct snapshot_upstream *upstream, unsigned int family,
	const struct hashed_entry *entries, uint32_t n)
{
	uint16_t *table;

	if (n == 0)
		return 0;
	table = malloc(HASHED_SIZE * sizeof(*table));
	upstream->hashed[family] = table;
	if (!table)
		return -ENOMEM;
	return upstream->balance == BALANCE_MAGLEV ? maglev_fill(table, entries, n)
						   : rendezvous_fill(table, entries, n);
}

static int hashed_compile(const struct compiling *c, struct snapshot_upstream *upstream)
{
	struct hashed_entry *entries = calloc(upstream->target_count + 1u, sizeof(*entries));
	int rc = 0;

	if (!entries)
		return -ENOMEM;
	for (unsigned int f = 0; f < TARGET_FAMILIES && !rc; f++)
		rc = table_make(upstream, f, entries,
			entries_list(c, upstream, (enum target_family)f, entries));
	free(entries);
	return rc;
}

int compile_balance(const struct compiling *c, struct snapshot_upstream *upstream)
{
	bool is_hashed =
		upstream->balance == BALANCE_SOURCE_HASH || upstream->balance == BALANCE_MAGLEV;

	return is_hashed ? hashed_compile(c, upstream) : turns_compile(c, upstream);
}
