// SPDX-License-Identifier: BSD-3-Clause
#include "flow/table.h"

int flow_table_init(struct flow_table *table, uint32_t entries, bool huge)
{
	struct flow_table t = {.capacity = entries};
	int error;

	nx_bug_on(entries == 0 || entries > UINT32_C(1) << 31);
	// 10/9 of the entries: a load of 90 %. Tiny tables get slack, they have no law of large
	// numbers.
	t.bucket_count = (uint32_t)((uint64_t)entries * 10 / 9 / FLOW_BUCKET_ENTRIES) + 4;
	error = memory_map((size_t)t.bucket_count * sizeof(struct flow_bucket), huge, &t.memory);
	if (error)
		return error;
	t.buckets = t.memory.base;
	*table = t;
	return 0;
}

uint32_t flow_table_fini(struct flow_table *table)
{
	uint32_t left = table->used;

	memory_unmap(&table->memory);
	*table = (struct flow_table){0};
	return left;
}

static uint32_t bucket_other(const struct flow_table *table, uint32_t bucket, uint32_t signature)
{
	uint32_t first = flow_bucket_first(table, signature);

	return bucket == first ? flow_bucket_second(table, signature) : first;
}

static void entry_write(struct flow_table *table, uint32_t bucket, unsigned entry,
	uint32_t signature, uint32_t reference)
{
	table->buckets[bucket].signatures[entry] = signature;
	table->buckets[bucket].references[entry] = reference;
}

// Breadth first: the shortest chain of moves that frees an entry in one of two buckets. A shortest
// chain passes no bucket twice (what the second visit leads to, the first had led to before), so no
// move changes an entry that a later move of the chain relies on.
struct search_node {
	uint32_t bucket;
	uint16_t parent; // node, SEARCH_ROOT for the two candidates
	uint8_t entry;   // of the parent's bucket, which moves here
};

enum {
	SEARCH_ROOT = UINT16_MAX
};

struct search {
	uint32_t count;
	struct search_node nodes[FLOW_SEARCH_MAX];
};

// Queues the buckets to which the entries of a full bucket could move.
static void search_expand(const struct flow_table *table, struct search *s, uint32_t node)
{
	const struct flow_bucket *b = &table->buckets[s->nodes[node].bucket];

	for (unsigned i = 0; i < FLOW_BUCKET_ENTRIES && s->count < FLOW_SEARCH_MAX; i++) {
		uint32_t other = bucket_other(table, s->nodes[node].bucket, b->signatures[i]);

		__builtin_prefetch(&table->buckets[other]);
		s->nodes[s->count++] = (struct search_node){
			.bucket = other, .parent = (uint16_t)node, .entry = (uint8_t)i};
	}
}

// Moves entries down the chain that ends in a free entry; *bucket and *entry become the one freed.
static void search_move(struct flow_table *table, const struct search *s, uint32_t node,
	uint32_t *bucket, unsigned *entry)
{
	for (uint32_t i = node; s->nodes[i].parent != SEARCH_ROOT; i = s->nodes[i].parent) {
		uint32_t from = s->nodes[s->nodes[i].parent].bucket;
		unsigned which = s->nodes[i].entry;

		entry_write(table, *bucket, *entry, table->buckets[from].signatures[which],
			table->buckets[from].references[which]);
		*bucket = from;
		*entry = which;
		table->moves++;
	}
}

// Finds a free entry in a candidate bucket of signature, moving others if need be.
static bool make_room(
	struct flow_table *table, uint32_t signature, uint32_t *bucket, unsigned *entry)
{
	struct search s;

	s.count = 2; // the rest is written before it is read: zeroing costs more than the search
	s.nodes[0] = (struct search_node){
		.bucket = flow_bucket_first(table, signature), .parent = SEARCH_ROOT};
	s.nodes[1] = (struct search_node){
		.bucket = flow_bucket_second(table, signature), .parent = SEARCH_ROOT};
	for (uint32_t node = 0; node < s.count; node++) {
		uint32_t at = s.nodes[node].bucket;
		uint32_t empty = flow_bucket_match(&table->buckets[at], 0);

		if (empty == 0) {
			search_expand(table, &s, node);
			continue;
		}
		*bucket = at;
		*entry = (unsigned)__builtin_ctz(empty);
		search_move(table, &s, node, bucket, entry);
		return true;
	}
	return false;
}

int flow_table_insert(struct flow_table *table, uint32_t hash, uint32_t reference)
{
	uint32_t bucket;
	unsigned entry;

	nx_debug_on(hash == 0);
	if (table->used == table->capacity || !make_room(table, hash, &bucket, &entry)) {
		table->insert_failed++;
		return -ENOSPC;
	}
	entry_write(table, bucket, entry, hash, reference);
	if (++table->used > table->high_water)
		table->high_water = table->used;
	return 0;
}

bool flow_table_remove(struct flow_table *table, uint32_t hash, uint32_t reference)
{
	uint32_t matches = flow_table_match(table, hash);

	for (; matches != 0; matches &= matches - 1) {
		unsigned bit = (unsigned)__builtin_ctz(matches);
		uint32_t bucket = bit < FLOW_BUCKET_ENTRIES ? flow_bucket_first(table, hash)
							    : flow_bucket_second(table, hash);
		unsigned entry = bit % FLOW_BUCKET_ENTRIES;

		if (table->buckets[bucket].references[entry] != reference)
			continue;
		entry_write(table, bucket, entry, 0, 0);
		table->used--;
		return true;
	}
	return false;
}
