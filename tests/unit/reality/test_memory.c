// SPDX-License-Identifier: BSD-3-Clause
// A server without memory, from any of its allocations on: the connection is the target's, whole.
#include "world.h"

static bool run(void)
{
	bool failed;

	world_memory_count = 0;
	world_open();
	world_client(&tls13_browser_plain);
	world_talk();
	failed = world_memory_fails_at != 0 && world_memory_count >= world_memory_fails_at;
	if (reality_server_result(w.server) == REALITY_AUTHENTICATED) {
		assert_int_equal(w.client_result, REALITY_CLIENT_OPEN);
		world_exchange();
	} else {
		assert_true(failed);
		assert_true(w.spliced);
		assert_int_equal(w.to_client.length, w.from_target.length);
		assert_int_equal(w.to_target.length, w.from_client.length);
		assert_memory_equal(w.to_target.bytes, w.from_client.bytes, w.to_target.length);
	}
	world_close();
	return failed;
}

static void any_allocation_may_fail(void **state)
{
	size_t fails_at = 1;

	world_target(RIG_P256, "X25519", NULL);
	do {
		world_memory_fails_at = fails_at;
		// Each of the first ones, then some of the many inside libcrypto.
		fails_at += fails_at < 100 ? 1 : 3;
	} while (run());
	assert_in_range(fails_at, 100, 5000);
	world_memory_fails_at = 0;
	assert_false(run());
	SSL_CTX_free(w.target_context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(any_allocation_may_fail)};

	world_count_memory();
	return cmocka_run_group_tests(tests, world_create, world_destroy);
}
