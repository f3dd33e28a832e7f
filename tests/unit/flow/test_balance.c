// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/balance.h"

enum {
	TARGETS = 4
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
	b->upstream = (struct snapshot_upstream){.target_count = TARGETS, .targets = b->order};
	b->snapshot =
		(struct snapshot){.netif_count = 1, .targets = b->slots, .target_limit = TARGETS};
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bed *b = *state;

	balance_fini(&b->balance);
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

static void unusable_targets_are_passed_over(void **state)
{
	struct bed *b = *state;
	struct balance_client v6 = {.v6 = true};

	b->targets[0].drained = true;
	b->targets[1].closing = true;
	b->targets[2].netif = SLOT_NONE;
	for (int rule = BALANCE_ROUND_ROBIN; rule <= BALANCE_SOURCE_HASH; rule++) {
		b->upstream.balance = (enum balance_rule)rule;
		for (uint64_t i = 0; i < 20; i++)
			assert_int_equal(choose(b, i << 40), 3);
		assert_null(balance_choose(&b->balance, &b->snapshot, &b->upstream, b->stats, &v6));
	}
	b->slots[3] = NULL;
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

static void source_hash_is_stable_and_weighted(void **state)
{
	struct bed *b = *state;
	int count[TARGETS] = {0};
	int moved = 0;

	b->upstream.balance = BALANCE_SOURCE_HASH;
	for (uint32_t i = 0; i < 8000; i++)
		count[choose_one(b, i * UINT64_C(0x9e3779b97f4a7c15))]++;
	assert_in_range(count[0], 4750, 5250);
	for (int i = 1; i < TARGETS; i++)
		assert_in_range(count[i], 850, 1150);
	for (uint32_t i = 0; i < 1000; i++) {
		uint64_t hash = i * UINT64_C(0x9e3779b97f4a7c15);
		int before;

		b->targets[3].drained = false;
		before = choose(b, hash);
		b->targets[3].drained = true;
		moved += before != 3 && choose(b, hash) != before;
	}
	assert_int_equal(moved, 0); // only the clients of the target that went
}

static void maglev_follows_its_table_and_steps_over_the_unusable(void **state)
{
	struct bed *b = *state;
	uint16_t *table = calloc(MAGLEV_SIZE, sizeof(*table));

	for (uint32_t i = 0; i < MAGLEV_SIZE; i++)
		table[i] = (uint16_t)(i % TARGETS);
	b->upstream.balance = BALANCE_MAGLEV;
	assert_int_equal(choose(b, 2), -1);
	b->upstream.maglev[0] = table;
	assert_int_equal(choose(b, 2), 2);
	assert_int_equal(choose(b, MAGLEV_SIZE + 5), 1);
	b->targets[2].drained = true;
	assert_int_equal(choose(b, 2), 3);
	b->targets[3].drained = true;
	assert_int_equal(choose(b, MAGLEV_SIZE - 1), 0);
	memset(table, 0xff, MAGLEV_SIZE * sizeof(*table));
	assert_in_range(choose(b, 2), 0, 1);
	free(table);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(round_robin_is_weighted_and_smooth),
		T(unusable_targets_are_passed_over),
		T(least_connections_follows_live_counts_by_weight),
		T(source_hash_is_stable_and_weighted),
		T(maglev_follows_its_table_and_steps_over_the_unusable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
