// SPDX-License-Identifier: BSD-3-Clause
// Blocks of any size from a bounded region: none overlaps, all of it comes back as one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http2/memory.h"

enum {
	REGION = 1 << 20,
	HELD = 256,
};

struct held {
	uint8_t *block;
	uint32_t bytes;
};

static uint32_t draw(uint32_t *random)
{
	*random = *random * 1664525 + 1013904223;
	return *random >> 8;
}

static void check_filled(const struct held *h, uint8_t with)
{
	for (uint32_t i = 0; i < h->bytes; i++)
		assert_int_equal(h->block[i], with);
}

static void blocks_do_not_overlap(void **state)
{
	struct h2_memory memory;
	struct h2_account account = {.memory = &memory, .limit = UINT32_MAX};
	struct held held[HELD] = {0};
	uint32_t random = 7;

	assert_int_equal(h2_memory_create(&memory, REGION), 0);
	for (uint32_t i = 0; i < 50000; i++) {
		struct held *h = &held[draw(&random) % HELD];
		uint8_t with = (uint8_t)(h - held);
		uint32_t bytes = 1 + draw(&random) % (draw(&random) % 8 ? 900 : 40000);

		if (h->block)
			check_filled(h, with);
		if (h->block && draw(&random) % 2) {
			uint8_t *grown = h2_memory_resize(&account, h->block, bytes);
			struct held front = {grown, u32_min(bytes, h->bytes)};

			if (!grown)
				continue;
			check_filled(&front, with);
			*h = (struct held){grown, bytes};
		} else {
			h2_memory_put(&account, h->block);
			*h = (struct held){h2_memory_get(&account, bytes), bytes};
		}
		if (h->block)
			memset(h->block, with, h->bytes);
	}
	for (uint32_t i = 0; i < HELD; i++)
		h2_memory_put(&account, held[i].block);
	assert_int_equal(account.used, 0);
	// All of it is one again.
	for (uint32_t i = 0; i < REGION >> 17; i++)
		assert_non_null(h2_memory_get(&account, 1 << 17));
	assert_null(h2_memory_get(&account, 1));
	assert_int_equal(h2_memory_destroy(&memory), REGION);
}

static void an_account_ends_before_the_region(void **state)
{
	struct h2_memory memory;
	struct h2_account poor = {.memory = &memory, .limit = 1000};
	struct h2_account rich = {.memory = &memory, .limit = REGION};
	void *block;

	assert_int_equal(h2_memory_create(&memory, REGION), 0);
	block = h2_memory_get(&poor, 500);
	assert_non_null(block);
	assert_false(poor.ran_out);
	assert_null(h2_memory_get(&poor, 500));
	assert_true(poor.ran_out);
	assert_non_null(h2_memory_get(&rich, 100000));
	assert_null(h2_memory_get(&rich, (1 << 17) + 1));
	assert_null(h2_memory_get(&rich, SIZE_MAX));
	h2_memory_put(&poor, block);
	h2_memory_put(&poor, NULL);
	assert_int_equal(poor.used, 0);
	assert_int_equal(h2_memory_destroy(&memory), 1 << 17);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_do_not_overlap),
		cmocka_unit_test(an_account_ends_before_the_region),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
