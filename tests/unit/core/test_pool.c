// SPDX-License-Identifier: BSD-3-Clause
// Memory, pools and the heap buffer.
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buffer.h"
#include "core/pool.h"

static void memory_is_zeroed_and_counted(void **state)
{
	uint64_t before = memory_mapped();
	struct memory m;

	assert_int_equal(memory_map(5000, false, &m), 0);
	assert_int_equal(m.bytes % 4096, 0);
	assert_int_equal(memory_mapped(), before + m.bytes);
	for (size_t i = 0; i < m.bytes; i++)
		assert_int_equal(((uint8_t *)m.base)[i], 0);
	memory_unmap(&m);
	memory_unmap(&m);
	assert_int_equal(memory_mapped(), before);
}

// Whether hugepages are reserved or not, 3 MiB are there to write.
static void hugepages_fall_back_to_normal_ones(void **state)
{
	uint64_t before = memory_mapped();
	struct memory m;

	assert_int_equal(memory_map((size_t)3 << 20, true, &m), 0);
	memset(m.base, 1, (size_t)3 << 20);
	memory_unmap(&m);
	assert_int_equal(memory_mapped(), before);
}

static void impossible_sizes_fail_and_touch_nothing(void **state)
{
	struct memory m = {.bytes = 77};

	assert_int_equal(memory_map(0, false, &m), -ENOMEM);
	assert_int_equal(memory_map(SIZE_MAX - 5, true, &m), -ENOMEM);
	assert_int_equal(memory_map(SIZE_MAX / 2, true, &m), -ENOMEM);
	assert_int_equal(m.bytes, 77);
}

static void every_object_is_handed_out_once(void **state)
{
	bool seen[100] = {false};
	struct pool pool;

	assert_int_equal(pool_init(&pool, 100, 20, false), 0);
	for (int i = 0; i < 100; i++) {
		uint32_t index = pool_get(&pool);

		assert_true(index < 100 && !seen[index]);
		seen[index] = true;
		memset(pool_at(&pool, index), 0xee, 20);
		assert_int_equal((uintptr_t)pool_at(&pool, index) % 8, 0);
	}
	assert_int_equal(pool_get(&pool), POOL_NONE);
	assert_int_equal(pool.used, 100);
	pool_put(&pool, 17);
	pool_put(&pool, 3);
	assert_int_equal(pool.high_water, 100);
	assert_int_equal(pool_get(&pool), 3);
	assert_int_equal(pool_get(&pool), 17);
	assert_int_equal(pool_get(&pool), POOL_NONE);
	assert_int_equal(pool_fini(&pool), 100);
}

static void what_an_owner_left_stays_but_for_four_bytes(void **state)
{
	struct pool pool;
	uint32_t index;

	assert_int_equal(pool_init(&pool, 4, 64, false), 0);
	index = pool_get(&pool);
	memset(pool_at(&pool, index), 0x5a, 64);
	pool_put(&pool, index);
	assert_int_equal(pool_get(&pool), index);
	for (int i = 4; i < 64; i++)
		assert_int_equal(((uint8_t *)pool_at(&pool, index))[i], 0x5a);
	pool_put(&pool, index);
	assert_int_equal(pool_fini(&pool), 0);
}

static size_t resident_pages(const struct memory *m)
{
	static unsigned char pages[1 << 16];
	size_t count = 0;

	assert_int_equal(mincore(m->base, m->bytes, pages), 0);
	for (size_t i = 0; i < m->bytes / 4096; i++)
		count += pages[i] & 1;
	return count;
}

static void unused_pool_costs_no_memory(void **state)
{
	struct pool pool;

	assert_int_equal(pool_init(&pool, 100000, 256, false), 0);
	assert_int_equal(resident_pages(&pool.memory), 0);
	pool_put(&pool, pool_get(&pool));
	assert_true(resident_pages(&pool.memory) <= 512); // one page, or one large one
	assert_int_equal(pool_fini(&pool), 0);
}

#ifdef NEXPATH_FAULT_INJECTION
static void allocations_fail_on_request(void **state)
{
	uint64_t before = memory_mapped();
	struct pool pool;
	struct memory m;

	memory_fail_at(2);
	assert_int_equal(memory_map(10, false, &m), 0);
	assert_int_equal(pool_init(&pool, 10, 64, false), -ENOMEM);
	assert_int_equal(memory_map(10, false, &m) ? 1 : 0, 0);
	memory_fail_at(0);
	assert_int_equal(memory_mapped(), before + 2 * 4096);
	assert_int_equal(pool_init(&pool, 10, 64, false), 0);
	pool.fail_at = 2;
	assert_int_not_equal(pool_get(&pool), POOL_NONE);
	assert_int_equal(pool_get(&pool), POOL_NONE);
	assert_int_not_equal(pool_get(&pool), POOL_NONE);
	assert_int_equal(pool.used, 2);
	assert_int_equal(pool_fini(&pool), 2);
}
#endif

#ifdef NEXPATH_DEBUG
static void putting_twice_aborts(void **state)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct pool pool;

		signal(SIGABRT, SIG_DFL);
		fclose(stderr);
		if (pool_init(&pool, 4, 64, false) == 0) {
			uint32_t index = pool_get(&pool);

			pool_put(&pool, index);
			pool_put(&pool, index);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
#endif

static void heap_buffers_are_counted_and_shared(void **state)
{
	struct buffer *head = buffer_heap_source.get(&buffer_heap_source, 100);
	struct buffer *tail = buffer_heap_source.get(&buffer_heap_source, 0);

	assert_non_null(head);
	assert_non_null(tail);
	assert_int_equal(buffer_headroom(head), BUFFER_HEADROOM);
	assert_int_equal(buffer_tailroom(head), 100);
	assert_int_equal(buffer_heap_alive(), 2);
	head->next = tail;
	tail->references = 2;
	buffer_heap_source.put(&buffer_heap_source, head);
	assert_int_equal(buffer_heap_alive(), 1);
	buffer_heap_source.put(&buffer_heap_source, tail);
	assert_int_equal(buffer_heap_alive(), 0);
	assert_null(buffer_heap_source.get(&buffer_heap_source, 65535));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_and_counted),
		cmocka_unit_test(hugepages_fall_back_to_normal_ones),
		cmocka_unit_test(impossible_sizes_fail_and_touch_nothing),
		cmocka_unit_test(every_object_is_handed_out_once),
		cmocka_unit_test(what_an_owner_left_stays_but_for_four_bytes),
		cmocka_unit_test(unused_pool_costs_no_memory),
#ifdef NEXPATH_FAULT_INJECTION
		cmocka_unit_test(allocations_fail_on_request),
#endif
#ifdef NEXPATH_DEBUG
		cmocka_unit_test(putting_twice_aborts),
#endif
		cmocka_unit_test(heap_buffers_are_counted_and_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
