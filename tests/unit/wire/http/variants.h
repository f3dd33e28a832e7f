// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Every reader of heads that this CPU can run, the portable one first.

#include "wire/http/scan.h"

static inline size_t variants_here(const struct http_variant *variants[4])
{
	size_t n = 0;

	variants[n++] = &nx_http_variant_portable;
#ifdef __x86_64__
	__builtin_cpu_init();
	variants[n++] = &nx_http_variant_sse2;
	if (__builtin_cpu_supports("ssse3"))
		variants[n++] = &nx_http_variant_ssse3;
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi"))
		variants[n++] = &nx_http_variant_avx2;
#endif
	return n;
}
