// SPDX-License-Identifier: BSD-3-Clause
// Memory for secrets, and creation when memory is out.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mapping.h"

#include "crypto/key_cache.h"
#include "crypto/secret.h"

static void equality_sees_every_bit(void **state)
{
	uint8_t a[16] = {0}, b[16] = {0};

	assert_true(secret_equal(a, b, 16));
	assert_true(secret_equal(a, b, 0));
	for (uint32_t bit = 0; bit < 128; bit++) {
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(secret_equal(a, b, 16));
		b[bit / 8] = 0;
	}
}

static void it_is_locked_and_left_out_of_cores_and_children(void **state)
{
	struct secret_pool *pool;
	uint8_t *object;

	assert_int_equal(secret_pool_create(3, 100, &pool), 0);
	object = secret_pool_get(pool);
	assert_secret_memory(object);
	secret_pool_put(pool, object);
	assert_int_equal(secret_pool_destroy(pool), 0);
}

static void objects_come_back_wiped(void **state)
{
	struct secret_pool *pool;
	uint8_t *object[3];

	assert_int_equal(secret_pool_create(0, 100, &pool), -EINVAL);
	assert_int_equal(secret_pool_create(1, 0, &pool), -EINVAL);
	assert_int_equal(secret_pool_create(3, 100, &pool), 0);
	for (int i = 0; i < 3; i++) {
		object[i] = secret_pool_get(pool);
		assert_int_equal((uintptr_t)object[i] % CACHE_LINE, 0);
		memset(object[i], 0xaa, 100);
	}
	assert_null(secret_pool_get(pool));
	assert_int_equal(secret_pool_used(pool), 3);
	secret_pool_put(pool, object[1]);
	// Beyond the link to the next free one nothing is left of it, even before it is given out.
	for (int i = sizeof(void *); i < 100; i++)
		assert_int_equal(object[1][i], 0);
	assert_ptr_equal(secret_pool_get(pool), object[1]);
	for (int i = 0; i < 100; i++)
		assert_int_equal(object[1][i], 0);
	assert_int_equal(secret_pool_destroy(pool), 3);
}

#ifdef NEXPATH_FAULT_INJECTION
static void creation_without_memory_leaves_nothing(void **state)
{
	uint64_t before = memory_mapped();
	struct crypto_manager *manager;
	struct secret_pool *pool = NULL;
	struct key_cache *cache = NULL;

	assert_int_equal(crypto_manager_create(&manager), 0);
	memory_fail_at(1);
	assert_int_equal(secret_pool_create(3, 100, &pool), -ENOMEM);
	memory_fail_at(1);
	assert_int_equal(key_cache_create(manager, 3, &cache), -ENOMEM);
	assert_null(pool);
	assert_null(cache);
	crypto_manager_destroy(manager);
	manager = NULL;
	memory_fail_at(1);
	assert_int_equal(crypto_manager_create(&manager), -ENOMEM);
	assert_null(manager);
	assert_int_equal(memory_mapped(), before);
}
#endif

static void the_manager_names_its_instructions(void **state)
{
	struct crypto_manager *manager;

	assert_int_equal(crypto_manager_create(&manager), 0);
	assert_string_not_equal(crypto_manager_isa(manager), "other");
	crypto_manager_destroy(manager);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equality_sees_every_bit),
		cmocka_unit_test(it_is_locked_and_left_out_of_cores_and_children),
		cmocka_unit_test(objects_come_back_wiped),
		cmocka_unit_test(the_manager_names_its_instructions),
#ifdef NEXPATH_FAULT_INJECTION
		cmocka_unit_test(creation_without_memory_leaves_nothing),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
