// SPDX-License-Identifier: BSD-3-Clause
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/port_pool.h"

#define NOW (1000 * USEC_PER_SECOND)

static struct flow_key target(uint8_t n)
{
	return (struct flow_key){
		.source = ip_address_from_v4(htobe32(0x0a020002)),
		.destination = ip_address_from_v4(htobe32(0x0a020100u + n)),
		.destination_port = htobe16(80),
		.protocol = IPPROTO_TCP,
	};
}

static struct port_pools pools_of(uint32_t limit, uint8_t worker, uint8_t worker_count)
{
	struct port_pools pools;

	assert_int_equal(port_pools_init(&pools, limit, worker, worker_count, 42), 0);
	return pools;
}

static struct port_pool *pool_of(struct port_pools *pools, uint8_t n)
{
	struct flow_key key = target(n);

	return port_pools_get(pools, &key);
}

static uint16_t take(struct port_pools *pools, struct port_pool *pool)
{
	struct port_entry before;

	return port_pool_take(pools, pool, NULL, NOW, &before);
}

static void every_port_is_given_once_and_by_its_worker_alone(void **state)
{
	static const uint8_t counts[] = {1, 2, 3, 7, 64};

	for (size_t c = 0; c < sizeof(counts); c++) {
		uint8_t *seen = calloc(65536, 1);
		uint32_t total = 0;

		for (uint8_t worker = 0; worker < counts[c]; worker++) {
			struct port_pools pools = pools_of(4, worker, counts[c]);
			struct port_pool *pool = pool_of(&pools, 0);
			uint16_t port;

			while ((port = take(&pools, pool)) != 0) {
				assert_true(port >= PORT_FIRST);
				assert_int_equal(port_worker(port, counts[c]), worker);
				assert_int_equal(seen[port]++, 0);
				total++;
			}
			port_pools_fini(&pools);
		}
		assert_int_equal(total, PORT_COUNT);
		free(seen);
	}
}

static void fresh_ports_are_shuffled(void **state)
{
	struct port_pools pools = pools_of(4, 0, 1);
	struct port_pool *pool = pool_of(&pools, 0);
	uint16_t last = take(&pools, pool);
	uint32_t neighbours = 0;

	for (int i = 0; i < 1000; i++) {
		uint16_t port = take(&pools, pool);

		neighbours += port == last + 1;
		last = port;
	}
	assert_true(neighbours < 100);
	port_pools_fini(&pools);
}

static void freed_ports_come_back_in_the_order_they_were_freed(void **state)
{
	struct port_pools pools = pools_of(4, 0, 64);
	struct port_pool *pool = pool_of(&pools, 0);
	uint16_t ports[2000];
	uint32_t n = 0;

	while ((ports[n] = take(&pools, pool)) != 0)
		n++;
	assert_int_equal(n, 1008);
	for (uint32_t i = 0; i < n; i++)
		port_pool_give(&pools, pool, ports[(i * 5) % n], 0, false, NOW);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(take(&pools, pool), ports[(i * 5) % n]);
	assert_int_equal(take(&pools, pool), 0);
	assert_int_equal(pools.ports_used, n);
	port_pools_fini(&pools);
}

// All ports taken, then one freed as `target_waits` says.
static uint16_t leave_one(
	struct port_pools *pools, struct port_pool *pool, bool target_waits, bool timestamp)
{
	uint16_t port = take(pools, pool);

	while (take(pools, pool) != 0)
		;
	if (timestamp) {
		port_pool_entry(pools, pool, port)->timestamp = 500;
		port_pool_entry(pools, pool, port)->flags |= PORT_HAS_TIMESTAMP;
	}
	port_pool_give(pools, pool, port, 7000, target_waits, NOW);
	return port;
}

static uint16_t take_for(struct port_pools *pools, struct port_pool *pool, uint32_t sequence,
	bool has_timestamp, uint32_t timestamp, usec_t now)
{
	struct tracker_segment syn = {
		.sequence = sequence, .has_timestamp = has_timestamp, .timestamp = timestamp};
	struct port_entry before;

	return port_pool_take(pools, pool, &syn, now, &before);
}

static void waiting_port_goes_only_to_a_syn_that_time_wait_accepts(void **state)
{
	struct port_pools pools = pools_of(4, 0, 64);
	struct port_pool *pool = pool_of(&pools, 0);
	uint16_t port = leave_one(&pools, pool, true, false);

	assert_int_equal(take_for(&pools, pool, 7000, false, 0, NOW), 0);
	assert_int_equal(take_for(&pools, pool, 6000, true, 9, NOW), 0);
	assert_int_equal(take_for(&pools, pool, 7001, false, 0, NOW), port);
	pool = pool_of(&pools, 1);
	port = leave_one(&pools, pool, true, true);
	assert_int_equal(take_for(&pools, pool, 9000, true, 499, NOW), 0);
	assert_int_equal(take_for(&pools, pool, 7000, true, 500, NOW), 0);
	assert_int_equal(take_for(&pools, pool, 1, true, 501, NOW), port);
	pool = pool_of(&pools, 2);
	port = leave_one(&pools, pool, true, false);
	assert_int_equal(take_for(&pools, pool, 1, false, 0, NOW + PORT_TIME_WAIT / 2), 0);
	assert_int_equal(take_for(&pools, pool, 1, false, 0, NOW + PORT_TIME_WAIT + 3000000), port);
	pool = pool_of(&pools, 3);
	port = leave_one(&pools, pool, false, false);
	assert_int_equal(take_for(&pools, pool, 1, false, 0, NOW), port);
	port_pools_fini(&pools);
}

// Who takes a port and cannot use it leaves it as it was, its age too.
static void a_port_that_is_returned_waits_on(void **state)
{
	struct port_pools pools = pools_of(4, 0, 64);
	struct port_pool *pool = pool_of(&pools, 0);
	uint16_t port = leave_one(&pools, pool, true, true);
	usec_t later = NOW + PORT_TIME_WAIT / 2;
	struct port_entry before;

	assert_int_equal(port_pool_take(&pools, pool, NULL, later, &before), port);
	assert_true(port_target_waits(&before, later));
	assert_int_equal(before.sequence, 7000);
	assert_int_equal(before.timestamp, 500);
	port_pool_return(&pools, pool, port, &before, later);
	assert_int_equal(take_for(&pools, pool, 9000, true, 499, later), 0);
	assert_int_equal(
		take_for(&pools, pool, 9000, true, 499, NOW + PORT_TIME_WAIT + 3000000), port);
	port_pools_fini(&pools);
}

static void refused_ports_keep_their_place(void **state)
{
	struct port_pools pools = pools_of(4, 0, 64);
	struct port_pool *pool = pool_of(&pools, 0);
	uint16_t waiting = leave_one(&pools, pool, true, false);
	uint16_t free = waiting == 1024 ? 1088 : 1024;

	port_pool_give(&pools, pool, free, 0, false, NOW);
	assert_int_equal(take_for(&pools, pool, 1, false, 0, NOW), free);
	assert_int_equal(pool->head, pool->tail);
	port_pool_give(&pools, pool, free, 0, false, NOW);
	assert_int_equal(take_for(&pools, pool, 8000, false, 0, NOW), waiting);
	assert_int_equal(take_for(&pools, pool, 8000, false, 0, NOW), free);
	assert_int_equal(take_for(&pools, pool, 8000, false, 0, NOW), 0);
	port_pools_fini(&pools);
}

// However many wait at the head, a few SYNs later comes one that does not.
static void refused_ports_do_not_stand_before_others(void **state)
{
	struct port_pools pools = pools_of(4, 0, 64);
	struct port_pool *pool = pool_of(&pools, 0);
	uint16_t waiting[2 * PORT_SCAN];
	uint16_t good;

	for (unsigned int i = 0; i < 2 * PORT_SCAN; i++)
		waiting[i] = take(&pools, pool);
	good = leave_one(&pools, pool, false, false);
	assert_int_equal(take(&pools, pool), good);
	for (unsigned int i = 0; i < 2 * PORT_SCAN; i++)
		port_pool_give(&pools, pool, waiting[i], 7000, true, NOW);
	port_pool_give(&pools, pool, good, 7000, false, NOW);
	assert_int_equal(take_for(&pools, pool, 1, false, 0, NOW), 0);
	assert_int_equal(take_for(&pools, pool, 1, false, 0, NOW), 0);
	assert_int_equal(take_for(&pools, pool, 1, false, 0, NOW), good);
	// Those that waited are all still there.
	for (unsigned int i = 0; i < 2 * PORT_SCAN; i++)
		assert_int_not_equal(take_for(&pools, pool, 7001, false, 0, NOW), 0);
	assert_int_equal(take_for(&pools, pool, 7001, false, 0, NOW), 0);
	port_pools_fini(&pools);
}

static void lingering_port_can_be_taken_and_says_so(void **state)
{
	struct port_pools pools = pools_of(4, 0, 64);
	struct port_pool *pool = pool_of(&pools, 0);
	uint16_t port = take(&pools, pool);
	struct port_entry before = {0};

	port_pool_linger(&pools, pool, port, 0, false, NOW);
	assert_int_equal(pools.ports_used, 0);
	assert_int_equal(pool->sessions, 1);
	while (pool->fresh < pool->count)
		take(&pools, pool);
	assert_int_equal(port_pool_take(&pools, pool, NULL, NOW, &before), port);
	assert_true(before.flags & PORT_LINGERS);
	port_pool_give(&pools, pool, port, 0, false, NOW); // the finished session goes
	assert_int_equal(pool->free, 0);
	port_pool_give(&pools, pool, port, 0, false, NOW); // and then the new one
	assert_int_equal(pool->free, 1);
	port_pools_fini(&pools);
}

static void pools_without_sessions_are_used_again_oldest_first(void **state)
{
	struct port_pools pools = pools_of(2, 0, 1);
	struct port_pool *a = pool_of(&pools, 0);
	struct port_pool *b = pool_of(&pools, 1);
	struct flow_key key = target(0);
	uint16_t port = take(&pools, a);

	assert_ptr_equal(pool_of(&pools, 2), b);
	assert_ptr_equal(port_pools_find(&pools, &key), a);
	take(&pools, b);
	assert_null(pool_of(&pools, 3));
	port_pool_give(&pools, a, port, 0, false, NOW);
	assert_ptr_equal(pool_of(&pools, 3), a);
	assert_null(port_pools_find(&pools, &key));
	port_pools_fini(&pools);
}

static void pool_made_again_begins_with_other_ports(void **state)
{
	struct port_pools pools = pools_of(1, 0, 1);
	uint16_t first = 0;

	for (unsigned int i = 0; i < 8; i++) {
		struct port_pool *pool = pool_of(&pools, 1);
		uint16_t port = take(&pools, pool);

		assert_int_not_equal(port, first);
		first = i == 0 ? port : first;
		port_pool_give(&pools, pool, port, 0, true, NOW);
		assert_non_null(pool_of(&pools, 2));
	}
	port_pools_fini(&pools);
}

static void nothing_is_kept_when_memory_is_out(void **state)
{
	uint64_t before = memory_mapped();

	for (uint32_t nth = 1; nth <= 3; nth++) {
		struct port_pools pools;

		memory_fail_at(nth);
		assert_int_equal(port_pools_init(&pools, 4, 0, 1, 42), -ENOMEM);
		memory_fail_at(0);
		assert_int_equal(memory_mapped(), before);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_port_is_given_once_and_by_its_worker_alone),
		cmocka_unit_test(fresh_ports_are_shuffled),
		cmocka_unit_test(freed_ports_come_back_in_the_order_they_were_freed),
		cmocka_unit_test(waiting_port_goes_only_to_a_syn_that_time_wait_accepts),
		cmocka_unit_test(a_port_that_is_returned_waits_on),
		cmocka_unit_test(refused_ports_keep_their_place),
		cmocka_unit_test(refused_ports_do_not_stand_before_others),
		cmocka_unit_test(lingering_port_can_be_taken_and_says_so),
		cmocka_unit_test(pools_without_sessions_are_used_again_oldest_first),
		cmocka_unit_test(pool_made_again_begins_with_other_ports),
		cmocka_unit_test(nothing_is_kept_when_memory_is_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
