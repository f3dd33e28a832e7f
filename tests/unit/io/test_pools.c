// SPDX-License-Identifier: BSD-3-Clause
// Large buffers for who can do without them.
#include "io/pools.h"

#include "eal.h"
#include "testing.h"

static void half_of_the_large_buffers_are_kept(void **state)
{
	struct pool_source s;
	struct buffer *got[512], *kept;
	uint32_t n = 0;

	pool_source_init(&s, &pools);
	while (n < nx_array_size(got) && (got[n] = s.source.spare(&s.source)) != NULL) {
		assert_int_equal(buffer_tailroom(got[n]), BUFFER_SPARE_ROOM);
		n++;
	}
	assert_in_range(n, 256 - 64, 256 + 32); // as many lie in a cache
	kept = s.source.get(&s.source, POOL_LARGE_ROOM);
	assert_non_null(kept);
	s.source.put(&s.source, kept);
	while (n > 0)
		s.source.put(&s.source, got[--n]);
	assert_true(pools_are_full());

	struct pools small = {.small = pools.small};

	pool_source_init(&s, &small);
	assert_null(s.source.spare(&s.source));
}

// What lies behind the first span is written while that is in use, and both outlive their memory's
// own buffer.
static void parts_of_one_buffer_live_by_themselves(void **state)
{
	struct pool_source s;
	struct buffer *large, *parts[2];

	pool_source_init(&s, &pools);
	large = s.source.spare(&s.source);
	for (uint32_t i = 0; i < 2; i++) {
		parts[i] = s.source.share(&s.source, large);
		assert_non_null(parts[i]);
		parts[i]->offset = (uint16_t)(parts[i]->offset + large->length);
		parts[i]->length = 20000;
		memset(buffer_data(parts[i]), (int)i + 1, 20000);
		large->length = (uint16_t)(large->length + 20000);
		assert_false(buffer_is_exclusive(parts[i]));
	}
	s.source.put(&s.source, large);
	assert_int_equal(pools_large_used(&pools), 1);
	assert_int_equal(buffer_data(parts[0])[19999], 1);
	s.source.put(&s.source, parts[0]);
	assert_int_equal(buffer_data(parts[1])[0], 2);
	s.source.put(&s.source, parts[1]);
	assert_true(pools_are_full());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_of_the_large_buffers_are_kept),
		cmocka_unit_test(parts_of_one_buffer_live_by_themselves),
	};

	if (eal_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
