// SPDX-License-Identifier: BSD-3-Clause
// Allocations that fail on demand: linked with --wrap for each of these functions.
#include "config_test.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *p);

static unsigned until_failure;
static bool failed;
static long alive;

void test_fail_allocation(unsigned n)
{
	until_failure = n;
	failed = false;
}

bool test_allocation_failed(void)
{
	return failed;
}

long test_allocations_alive(void)
{
	return alive;
}

static bool fails_now(void)
{
	if (until_failure == 0 || --until_failure > 0)
		return false;
	failed = true;
	return true;
}

static void *counted(void *p)
{
	alive += p != NULL;
	return p;
}

void *__wrap_malloc(size_t size)
{
	return fails_now() ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails_now() ? NULL : counted(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t size)
{
	void *grown = fails_now() ? NULL : __real_realloc(p, size);

	alive += grown && !p;
	return grown;
}

char *__wrap_strdup(const char *text)
{
	return fails_now() ? NULL : counted(__real_strdup(text));
}

void __wrap_free(void *p)
{
	alive -= p != NULL;
	__real_free(p);
}
