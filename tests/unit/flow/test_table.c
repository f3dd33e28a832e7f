// SPDX-License-Identifier: BSD-3-Clause
// The flow table against a model, and the hash that spreads flows over it.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "flow/key.h"
#include "flow/table.h"

// Keys of numbered flows; context of the lookups.
struct flows {
	const struct flow_key *wanted;
	uint32_t compared;
	uint32_t prefetched;
};

static struct flow_key key_of(uint32_t flow)
{
	return (struct flow_key){
		.source = ip_address_from_v4(be32_from_host(0x0a000000 + (flow >> 8))),
		.destination = ip_address_from_v4(be32_from_host(0x0a020001)),
		.source_port = be16_from_host((uint16_t)(1024 + (flow & 255))),
		.destination_port = be16_from_host(9000),
		.protocol = 6};
}

static bool is_equal(void *context, uint32_t reference)
{
	struct flows *f = context;
	struct flow_key key = key_of(flow_reference_session(reference));

	f->compared++;
	return flow_key_equal(&key, f->wanted);
}

static void prefetch(void *context, uint32_t reference)
{
	struct flows *f = context;

	f->prefetched++;
}

static uint32_t find(const struct flow_table *table, uint32_t flow, uint64_t seed)
{
	struct flow_key key = key_of(flow);
	struct flows f = {.wanted = &key};

	return flow_table_lookup(table, flow_key_hash(&key, seed), is_equal, &f);
}

static uint32_t hash_of(uint32_t flow, uint64_t seed)
{
	struct flow_key key = key_of(flow);

	return flow_key_hash(&key, seed);
}

static void fills_to_its_capacity_and_finds_everything(void **state)
{
	enum {
		N = 50000
	};
	struct flow_table t;

	assert_int_equal(flow_table_init(&t, N, false), 0);
	assert_true((uint64_t)t.bucket_count * FLOW_BUCKET_ENTRIES * 9 / 10 <= N + 64);
	for (uint32_t i = 0; i < N; i++)
		assert_int_equal(flow_table_insert(&t, hash_of(i, 5), flow_reference(i, 0)), 0);
	assert_int_equal(t.used, N);
	assert_int_equal(flow_table_insert(&t, hash_of(N, 5), flow_reference(N, 0)), -ENOSPC);
	assert_int_equal(t.insert_failed, 1);
	for (uint32_t i = 0; i < N; i++)
		assert_int_equal(find(&t, i, 5), flow_reference(i, 0));
	for (uint32_t i = N; i < 2 * N; i++)
		assert_int_equal(find(&t, i, 5), FLOW_REFERENCE_NONE);
	for (uint32_t i = 0; i < N; i++)
		assert_true(flow_table_remove(&t, hash_of(i, 5), flow_reference(i, 0)));
	assert_int_equal(t.high_water, N);
	assert_int_equal(flow_table_fini(&t), 0);
}

// Random insertions and removals with three times as many flows as fit; every answer is checked.
static void churn(uint32_t capacity, uint32_t rounds, uint64_t seed)
{
	static uint8_t present[12000];
	uint32_t flows = 3 * capacity;
	struct flow_table t;
	uint32_t count = 0;

	assert_true(flows <= sizeof(present));
	memset(present, 0, sizeof(present));
	assert_int_equal(flow_table_init(&t, capacity, false), 0);
	for (uint32_t round = 0; round < rounds; round++) {
		uint32_t flow = (uint32_t)random() % flows;
		uint32_t reference = flow_reference(flow, flow & 1);

		assert_int_equal(
			find(&t, flow, seed), present[flow] ? reference : FLOW_REFERENCE_NONE);
		if (present[flow] && random() % 4 == 0) {
			assert_true(flow_table_remove(&t, hash_of(flow, seed), reference));
			present[flow] = 0;
			count--;
		} else if (!present[flow] &&
			   flow_table_insert(&t, hash_of(flow, seed), reference) == 0) {
			present[flow] = 1;
			count++;
		}
		assert_int_equal(t.used, count);
	}
	assert_true(t.high_water >= capacity * 9 / 10);
	assert_int_equal(flow_table_fini(&t), count);
}

static void churn_at_high_load_matches_a_model(void **state)
{
	churn(4000, 200000, 9);
}

// In few buckets the chains of moves run into themselves.
static void churn_in_few_buckets_matches_a_model(void **state)
{
	for (uint64_t seed = 0; seed < 40; seed++)
		churn(100 + (uint32_t)seed * 10, 8000, seed);
}

static void candidates_are_what_single_lookups_find(void **state)
{
	enum {
		N = 3000
	};
	struct flow_key keys[FLOW_LOOKUP_BURST];
	uint32_t hashes[FLOW_LOOKUP_BURST];
	uint32_t out[FLOW_LOOKUP_BURST];
	struct flow_table t;

	assert_int_equal(flow_table_init(&t, N, false), 0);
	for (uint32_t i = 0; i < N; i++)
		assert_int_equal(flow_table_insert(&t, hash_of(i, 1), flow_reference(i, 1)), 0);
	for (uint32_t n = 0; n <= FLOW_LOOKUP_BURST; n++) {
		struct flows f = {0};
		uint32_t found = 0;

		for (uint32_t i = 0; i < n; i++) {
			keys[i] = key_of((uint32_t)random() % (2 * N));
			hashes[i] = flow_key_hash(&keys[i], 1);
		}
		flow_table_candidates(&t, hashes, n, out, prefetch, &f);
		for (uint32_t i = 0; i < n; i++) {
			struct flows one = {.wanted = &keys[i]};

			assert_int_equal(out[i], flow_table_lookup(&t, hashes[i], is_equal, &one));
			found += out[i] != FLOW_REFERENCE_NONE;
		}
		assert_int_equal(f.prefetched, found);
	}
	assert_int_equal(flow_table_fini(&t), N);
}

static bool never_equal(void *context, uint32_t reference)
{
	(*(uint32_t *)context)++;
	return false;
}

// All flows with one hash: 16 fit, the 17th fails within bounds, a lookup compares 16 at most.
static void equal_hashes_are_told_apart_by_reference_and_bounded(void **state)
{
	struct flow_table t;
	uint32_t compared = 0;
	uint32_t taken = 0;

	assert_int_equal(flow_table_init(&t, 5000, false), 0);
	while (flow_table_insert(&t, 0x12345678, flow_reference(taken, 0)) == 0)
		taken++;
	assert_int_equal(taken, 2 * FLOW_BUCKET_ENTRIES);
	assert_int_equal(
		flow_table_lookup(&t, 0x12345678, never_equal, &compared), FLOW_REFERENCE_NONE);
	assert_int_equal(compared, taken);
	assert_false(flow_table_remove(&t, 0x12345678, flow_reference(taken, 0)));
	for (uint32_t i = 0; i < taken; i++)
		assert_true(flow_table_remove(&t, 0x12345678, flow_reference(i, 0)));
	assert_false(flow_table_remove(&t, 0x12345678, flow_reference(0, 0)));
	assert_int_equal(flow_table_fini(&t), 0);
}

// Strangers with the flow's own hash fill its first bucket: the second must be looked at all the
// same.
static void lookup_sees_past_strangers_in_the_first_bucket(void **state)
{
	struct flow_key key = key_of(1000);
	struct flows f = {.wanted = &key};
	uint32_t hash = flow_key_hash(&key, 2);
	struct flow_table t;

	assert_int_equal(flow_table_init(&t, 5000, false), 0);
	for (uint32_t i = 0; i < FLOW_BUCKET_ENTRIES; i++)
		assert_int_equal(flow_table_insert(&t, hash, flow_reference(i, 0)), 0);
	assert_int_equal(flow_table_lookup(&t, hash, is_equal, &f), FLOW_REFERENCE_NONE);
	assert_int_equal(flow_table_insert(&t, hash, flow_reference(1000, 1)), 0);
	assert_int_equal(flow_table_lookup(&t, hash, is_equal, &f), flow_reference(1000, 1));
	assert_int_equal(flow_table_fini(&t), FLOW_BUCKET_ENTRIES + 1);
}

static void tiny_tables_take_what_they_promise(void **state)
{
	for (uint32_t n = 1; n < 200; n++) {
		struct flow_table t;

		assert_int_equal(flow_table_init(&t, n, false), 0);
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(
				flow_table_insert(&t, hash_of(i, n), flow_reference(i, 0)), 0);
		assert_int_equal(flow_table_fini(&t), n);
	}
}

#ifdef NEXPATH_FAULT_INJECTION
static void no_memory_leaves_nothing(void **state)
{
	struct flow_table t = {.used = 77};
	uint64_t before = memory_mapped();

	memory_fail_at(1);
	assert_int_equal(flow_table_init(&t, 100, false), -ENOMEM);
	assert_int_equal(t.used, 77);
	assert_int_equal(memory_mapped(), before);
}
#endif

// Over random seeds, flipping any one bit of a key flips each bit of the hash about half the time.
static void every_key_bit_reaches_every_hash_bit(void **state)
{
	enum {
		KEYS = 1500
	};

	for (unsigned bit = 0; bit < 37 * 8; bit++) {
		unsigned flips[32] = {0};

		for (unsigned k = 0; k < KEYS; k++) {
			struct flow_key key = key_of(k * 7919);
			uint64_t seed = (uint64_t)random() << 33 ^ (uint64_t)random();
			uint32_t before = flow_key_hash(&key, seed);
			uint32_t changed;

			((uint8_t *)&key)[bit / 8] ^= (uint8_t)(1u << (bit % 8));
			changed = before ^ flow_key_hash(&key, seed);
			for (unsigned i = 0; i < 32; i++)
				flips[i] += changed >> i & 1;
		}
		for (unsigned i = 0; i < 32; i++)
			assert_true(flips[i] > KEYS * 2 / 5 && flips[i] < KEYS * 3 / 5);
	}
}

// Under any one seed, flows as real networks number them fill buckets like random ones: the sum of
// squared loads of n balls in n buckets is 2n, give or take a few sqrt(n).
static void structured_flows_spread_evenly_under_each_seed(void **state)
{
	enum {
		N = 1 << 14
	};
	static uint16_t load[N];

	for (uint64_t seed = 0; seed < 40; seed++) {
		for (unsigned shape = 0; shape < 4; shape++) {
			uint64_t squares = 0;

			memset(load, 0, sizeof(load));
			for (uint32_t i = 0; i < N; i++) {
				struct flow_key key = key_of(shape == 0 ? i : 0);

				if (shape == 1)
					key.source.words[3] = be32_from_host(i << 12);
				if (shape == 2)
					key.source_port = be16_from_host((uint16_t)i);
				if (shape == 3)
					key.destination.halves[0] = (uint64_t)i << 40;
				load[flow_key_hash(&key, seed) % N]++;
			}
			for (uint32_t i = 0; i < N; i++)
				squares += (uint64_t)load[i] * load[i];
			assert_true(squares < 2 * N + 16 * 128);
		}
	}
}

// Seeds must give unrelated hashes, also for words that swap the operands of a multiplication.
static void collisions_depend_on_the_seed(void **state)
{
	unsigned both = 0;

	for (uint64_t seed = 2; seed < 2000; seed += 2) {
		uint64_t other = seed + 2;
		struct flow_key a = key_of(1);
		struct flow_key b = a;

		// Collides under `seed` by construction: x*y = y*x.
		b.source.halves[0] =
			a.source.halves[1] ^ FLOW_SECRET(seed, 2) ^ FLOW_SECRET(seed, 1);
		b.source.halves[1] =
			a.source.halves[0] ^ FLOW_SECRET(seed, 1) ^ FLOW_SECRET(seed, 2);
		assert_int_equal(flow_key_hash(&a, seed), flow_key_hash(&b, seed));
		both += flow_key_hash(&a, other) == flow_key_hash(&b, other);
	}
	assert_int_equal(both, 0);
}

static void endpoint_hash_spreads_clients(void **state)
{
	enum {
		WORKERS = 4,
		CLIENTS = 40000
	};
	unsigned share[WORKERS] = {0};

	for (uint32_t i = 0; i < CLIENTS; i++) {
		struct flow_key key = key_of(i);
		uint32_t hash = flow_endpoint_hash(&key.source, key.source_port, 3);

		share[(uint64_t)hash * WORKERS >> 32]++;
	}
	for (unsigned w = 0; w < WORKERS; w++)
		assert_true(share[w] > CLIENTS / WORKERS * 9 / 10 &&
			    share[w] < CLIENTS / WORKERS * 11 / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_to_its_capacity_and_finds_everything),
		cmocka_unit_test(churn_at_high_load_matches_a_model),
		cmocka_unit_test(churn_in_few_buckets_matches_a_model),
		cmocka_unit_test(candidates_are_what_single_lookups_find),
		cmocka_unit_test(equal_hashes_are_told_apart_by_reference_and_bounded),
		cmocka_unit_test(lookup_sees_past_strangers_in_the_first_bucket),
		cmocka_unit_test(tiny_tables_take_what_they_promise),
#ifdef NEXPATH_FAULT_INJECTION
		cmocka_unit_test(no_memory_leaves_nothing),
#endif
		cmocka_unit_test(every_key_bit_reaches_every_hash_bit),
		cmocka_unit_test(structured_flows_spread_evenly_under_each_seed),
		cmocka_unit_test(collisions_depend_on_the_seed),
		cmocka_unit_test(endpoint_hash_spreads_clients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
