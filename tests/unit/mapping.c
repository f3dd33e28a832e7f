// SPDX-License-Identifier: BSD-3-Clause
#include "mapping.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__)
#	define WITH_SANITIZER
#elif defined(__has_feature)
#	if __has_feature(address_sanitizer)
#		define WITH_SANITIZER
#	endif
#endif

// What the kernel says of a mapping in /proc/self/smaps.
static bool mapping_has(const void *at, const char *flag)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	char line[512];
	bool inside = false, found = false;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		uintptr_t from, to;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = (uintptr_t)at >= from && (uintptr_t)at < to;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line, flag) != NULL;
	}
	fclose(f);
	return found;
}

void assert_secret_memory(const void *at)
{
#ifndef WITH_SANITIZER // which turns mlock into nothing
	assert_true(mapping_has(at, " lo"));
#endif
	assert_true(mapping_has(at, " dd"));
	assert_true(mapping_has(at, " wf"));
}
