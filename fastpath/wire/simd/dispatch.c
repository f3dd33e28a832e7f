// SPDX-License-Identifier: BSD-3-Clause
#include "wire/simd/kernels.h"

#ifdef __x86_64__

static bool has_avx512(void)
{
	return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}

static const struct nx_kernels *widest(void)
{
	if (has_avx512())
		return &nx_kernels_avx512;
	if (__builtin_cpu_supports("avx2"))
		return &nx_kernels_avx2;
	return __builtin_cpu_supports("ssse3") ? &nx_kernels_sse : &nx_kernels_portable;
}

const struct nx_kernels *nx_kernels_of(enum nx_simd simd)
{
	switch (simd) {
	case NX_SIMD_WIDEST:
		return widest();
	case NX_SIMD_PORTABLE:
		return &nx_kernels_portable;
	case NX_SIMD_SSE:
		return __builtin_cpu_supports("ssse3") ? &nx_kernels_sse : NULL;
	case NX_SIMD_AVX2:
		return __builtin_cpu_supports("avx2") ? &nx_kernels_avx2 : NULL;
	case NX_SIMD_AVX512:
		return has_avx512() ? &nx_kernels_avx512 : NULL;
	}
	return NULL;
}

#else

const struct nx_kernels *nx_kernels_of(enum nx_simd simd)
{
	return simd == NX_SIMD_WIDEST || simd == NX_SIMD_PORTABLE ? &nx_kernels_portable : NULL;
}

#endif
