// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/balance.h"

enum {
	TARGETS = 4,
	MANY = 1000
};

struct bed {
	struct snapshot snapshot;
	struct snapshot_upstream upstream;
	struct snapshot_target targets[TARGETS];
	const struct snapshot_target *slots[TARGETS];
	uint16_t order[TARGETS];
	struct worker_stats *stats;
	struct balance balance;
};

static int set_up(void **state)
{
	static const uint16_t weights[TARGETS] = {5, 1, 1, 1};
	struct bed *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	assert_int_equal(posix_memalign((void **)&b->stats, CACHE_LINE, sizeof(*b->stats)), 0);
	memset(b->stats, 0, sizeof(*b->stats));
	assert_int_equal(balance_init(&b->balance), 0);
	for (uint16_t i = 0; i < TARGETS; i++) {
		b->targets[i] = (struct snapshot_target){
			.slot = i,
			.address = ip_address_from_v4(htobe32(0x0a020001u + i)),
			.port = htobe16(80),
			.weight = weights[i],
		};
		b->slots[i] = &b->targets[i];
		b->order[i] = i;
	}
	b->upstream =
		(struct snapshot_upstream){.slot = 7, .target_count = TARGETS, .targets = b->order};
	b->snapshot = (struct snapshot){.targets = b->slots, .target_limit = TARGETS};
	assert_int_equal(snapshot_turns_make(&b->upstream, b->slots), 0);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bed *b = *state;

	balance_fini(&b->balance);
	for (unsigned int f = 0; f < TARGET_FAMILIES; f++)
		free(b->upstream.turns[f]);
	free(b->stats);
	free(b);
	return 0;
}

static int choose(struct bed *b, uint64_t hash)
{
	struct balance_client client = {.address_hash = hash, .flow_hash = hash};
	const struct snapshot_target *t =
		balance_choose(&b->balance, &b->snapshot, &b->upstream, b->stats, &client);

	return t ? t->slot : -1;
}

// One of the targets, never none.
static unsigned int choose_one(struct bed *b, uint64_t hash)
{
	int t = choose(b, hash);

	assert_in_range(t, 0, TARGETS - 1);
	return (unsigned int)t % TARGETS;
}

static void round_robin_is_weighted_and_smooth(void **state)
{
	struct bed *b = *state;
	int count[TARGETS] = {0};
	int run = 0;
	int longest = 0;

	for (int i = 0; i < 80; i++) {
		unsigned int t = choose_one(b, 0);

		count[t]++;
		run = t == 0 ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	assert_int_equal(count[0], 50);
	assert_int_equal(count[1], 10);
	assert_int_equal(count[2], 10);
	assert_int_equal(count[3], 10);
	assert_true(longest <= 4); // never its whole share in one go
}

// Whatever the weights, a round of as many turns as they sum up to gives each target its own.
static void a_round_gives_each_target_its_weight(void **state)
{
	static struct snapshot_target targets[MANY];
	static const struct snapshot_target *slots[MANY];
	static uint16_t order[MANY];
	static int count[MANY];
	struct bed *b = *state;
	struct balance_client client = {0};
	int round = 0;

	for (uint16_t i = 0; i < MANY; i++) {
		targets[i] = b->targets[0];
		targets[i].slot = i;
		targets[i].weight = (uint16_t)(2 * (1 + i * 7 % 128)); // the common 2 goes
		round += targets[i].weight / 2;
		slots[i] = &targets[i];
		order[i] = i;
	}
	b->upstream.target_count = MANY;
	b->upstream.targets = order;
	b->snapshot = (struct snapshot){.targets = slots, .target_limit = MANY};
	assert_int_equal(snapshot_turns_make(&b->upstream, slots), 0);
	for (int i = 0; i < round; i++)
		count[balance_choose(&b->balance, &b->snapshot, &b->upstream, b->stats, &client)
				->slot]++;
	for (int i = 0; i < MANY; i++)
		assert_int_equal(count[i], targets[i].weight / 2);
	// Of many, least connections compares some in turn: all fill up alike.
	b->upstream.balance = BALANCE_LEAST_CONNECTIONS;
	for (int i = 0; i < 20 * round; i++) {
		uint16_t t =
			balance_choose(&b->balance, &b->snapshot, &b->upstream, b->stats, &client)
				->slot;

		counter_add(&b->stats->targets[t].sessions, 1);
	}
	for (int i = 0; i < MANY; i++)
		assert_in_range(counter_read(&b->stats->targets[i].sessions),
			targets[i].weight * 9 - 2, targets[i].weight * 11 + 2);
}

static void unusable_targets_take_no_turns(void **state)
{
	struct bed *b = *state;
	struct balance_client v6 = {.family = TARGETS_V6};

	b->targets[0].drained = true;
	b->targets[1].closing = true;
	b->targets[2].netif = SLOT_NONE;
	assert_int_equal(snapshot_turns_make(&b->upstream, b->slots), 0);
	for (int rule = BALANCE_ROUND_ROBIN; rule <= BALANCE_LEAST_CONNECTIONS; rule++) {
		b->upstream.balance = (enum balance_rule)rule;
		for (uint64_t i = 0; i < 20; i++)
			assert_int_equal(choose(b, i << 40), 3);
		assert_null(balance_choose(&b->balance, &b->snapshot, &b->upstream, b->stats, &v6));
	}
	b->slots[3] = NULL;
	assert_int_equal(choose(b, 0), -1); // a slot freed under a table
	assert_int_equal(snapshot_turns_make(&b->upstream, b->slots), 0);
	assert_int_equal(choose(b, 0), -1);
	b->upstream.balance = BALANCE_ROUND_ROBIN;
	assert_int_equal(choose(b, 0), -1);
}

static void least_connections_follows_live_counts_by_weight(void **state)
{
	struct bed *b = *state;

	b->upstream.balance = BALANCE_LEAST_CONNECTIONS;
	for (int i = 0; i < 800; i++)
		counter_add(&b->stats->targets[choose_one(b, 0)].sessions, 1);
	assert_int_equal(counter_read(&b->stats->targets[0].sessions), 500);
	for (int i = 1; i < TARGETS; i++)
		assert_int_equal(counter_read(&b->stats->targets[i].sessions), 100);
	counter_sub(&b->stats->targets[2].sessions, 50);
	for (int i = 0; i < 50; i++) {
		unsigned int t = choose_one(b, 0);

		assert_int_equal(t, 2);
		counter_add(&b->stats->targets[t].sessions, 1);
	}
}

static void hashes_pick_from_the_table_of_the_family(void **state)
{
	struct bed *b = *state;
	uint16_t *table = calloc(HASHED_SIZE, sizeof(*table));
	struct balance_client client = {.address_hash = 3, .flow_hash = HASHED_SIZE + 5};

	assert_non_null(table);
	for (uint32_t i = 0; i < HASHED_SIZE; i++)
		table[i] = (uint16_t)(i % TARGETS);
	b->upstream.balance = BALANCE_MAGLEV;
	assert_int_equal(choose(b, 2), -1);
	b->upstream.hashed[0] = table;
	assert_int_equal(choose(b, 2), 2);
	assert_ptr_equal(balance_choose(&b->balance, &b->snapshot, &b->upstream, b->stats, &client),
		&b->targets[1]);
	b->upstream.balance = BALANCE_SOURCE_HASH;
	assert_ptr_equal(balance_choose(&b->balance, &b->snapshot, &b->upstream, b->stats, &client),
		&b->targets[3]);
	client.family = TARGETS_V6;
	assert_null(balance_choose(&b->balance, &b->snapshot, &b->upstream, b->stats, &client));
	memset(table, 0xff, HASHED_SIZE * sizeof(*table));
	assert_int_equal(choose(b, 2), -1);
	free(table);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(round_robin_is_weighted_and_smooth),
		T(a_round_gives_each_target_its_weight),
		T(unusable_targets_take_no_turns),
		T(least_connections_follows_live_counts_by_weight),
		T(hashes_pick_from_the_table_of_the_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
