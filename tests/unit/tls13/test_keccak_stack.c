// SPDX-License-Identifier: BSD-3-Clause
// Keccak leaves nothing of a secret state on the stack: what is there afterwards is the same for
// any two of them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include <cmocka.h>

#include "tls13/keccak.h"
#include "tls13/keccak_four.h"

enum {
	STACK_BYTES = 1 << 16,
};

static struct keccak one;
static struct keccak_four four;
static uint8_t stack[STACK_BYTES] __attribute__((aligned(64)));
static uint8_t before[STACK_BYTES];
static ucontext_t here, there;

static void permute_one(void)
{
	keccak_permute(one.lanes);
}

static void permute_four(void)
{
	keccak_four_permute(&four, 4);
}

// On a stack of its own, with states that begin with this and have no two lanes alike.
static void run(void (*work)(void), uint64_t first)
{
	uint64_t x = first;

	for (int i = 0; i < 25; i++) {
		one.lanes[i] = x *= UINT64_C(0x9e3779b97f4a7c15);
		for (int s = 0; s < 4; s++)
			four.lanes[i][s] = x *= UINT64_C(0x9e3779b97f4a7c15);
	}
	memset(stack, 0, sizeof(stack));
	assert_int_equal(getcontext(&there), 0);
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = sizeof(stack);
	there.uc_link = &here;
	makecontext(&there, work, 0);
	assert_int_equal(swapcontext(&here, &there), 0);
}

static size_t bytes_that_tell(void (*work)(void))
{
	size_t n = 0;

	run(work, 3); // what is done at a first call
	run(work, 3);
	memcpy(before, stack, sizeof(stack));
	run(work, 5);
	for (size_t i = 0; i < sizeof(stack); i++)
		n += stack[i] != before[i];
	return n;
}

static void one_state_leaves_nothing(void **state)
{
	assert_int_equal(bytes_that_tell(permute_one), 0);
}

static void four_states_leave_nothing(void **state)
{
	assert_int_equal(bytes_that_tell(permute_four), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_state_leaves_nothing),
		cmocka_unit_test(four_states_leave_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
