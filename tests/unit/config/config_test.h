// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Shared by the tests of mgmt/config: parsing text, looking for a fault, allocations that fail.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/config.h"

extern struct config_faults test_faults;

// Parses socket text; faults are in test_faults.
int test_parse(const char *text, struct config **out);

// Parses a text that must be good.
struct config *test_config(const char *text);

// Whether some fault stands in that line and contains `part` in its printed form; line 0 is any.
bool test_has_fault(uint32_t line, const char *part);

// The text must be refused with such a fault; prints all faults if not.
#define assert_fault(text, line, part)                                                             \
	do {                                                                                       \
		struct config *refused_ = NULL;                                                    \
		int rc_ = test_parse((text), &refused_);                                           \
		config_destroy(refused_);                                                          \
		assert_int_equal(rc_, -EINVAL);                                                    \
		assert_true(test_has_fault((line), (part)));                                       \
	} while (0)

// From now on the n-th allocation fails, counted from 1; 0: none does. Needs the test's --wrap
// flags.
void test_fail_allocation(unsigned n);
// Whether one failed since test_fail_allocation.
bool test_allocation_failed(void);
// Allocations that were made and not freed.
long test_allocations_alive(void);

// The node that most tests start from: two ports, one route, an upstream "web", a listener "in".
extern const char test_base[];
// The same with `from` replaced by `to` (which must be there); the caller frees.
char *test_variant(const char *from, const char *to);
