// SPDX-License-Identifier: BSD-3-Clause
// A server without memory, from any of its allocations on: the connection is the target's, whole.
#include "world.h"

// The target is in the middle of a record of this length when the client's Finished comes, so that
// the server has the rest of it to send by itself, and what was learned behind it.
static uint16_t early_length;

static void send_part(void)
{
	uint8_t part[5 + 10] = {23, 3, 3, (uint8_t)(early_length >> 8), (uint8_t)early_length};

	tape_put(&w.from_target, part, sizeof(part));
}

static bool run(void)
{
	bool failed;

	world_memory_count = 0;
	world_open();
	world_client(&tls13_browser_plain);
	world_pump();
	send_part();
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

static void fail_each(uint16_t early, const struct reality_shape *shape)
{
	size_t fails_at;

	early_length = early;
	reality_shapes_learn(w.shapes, "example.test", REALITY_ALPN_NONE, shape);
	// Once more when libcrypto has what it allocates only once.
	for (int pass = 0; pass < 2; pass++) {
		fails_at = 0;
		do {
			world_memory_fails_at = ++fails_at;
		} while (run());
		assert_in_range(fails_at, 50, 5000); // 90 with libcrypto 3.5, 163 with 3.0
		world_memory_fails_at = 0;
		assert_false(run());
	}
}

static void any_allocation_may_fail(void **state)
{
	// Our flight ends two records before the target's, and the third is the one begun.
	static const struct reality_shape learned = {
		.after = {50, 50, 50, 300, 3000}, .after_count = 5};

	world_target(RIG_P256, "X25519", NULL);
	fail_each(50, &learned);
	SSL_CTX_free(w.target_context);
}

// Its ServerHello is longer than what a buffer begins with, and so is the rest of a record.
static void any_allocation_may_fail_with_the_hybrid_group(void **state)
{
	static const struct reality_shape nothing;

	world_own_target(RIG_P256, GROUP_X25519MLKEM768);
	fail_each(9000, &nothing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_allocation_may_fail),
		cmocka_unit_test(any_allocation_may_fail_with_the_hybrid_group),
	};

	world_count_memory();
	return cmocka_run_group_tests(tests, world_create, world_destroy);
}
