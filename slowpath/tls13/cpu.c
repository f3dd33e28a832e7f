// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/cpu.h"

bool cpu_has_avx2(void)
{
#ifdef __x86_64__
	return __builtin_cpu_supports("avx2") != 0;
#else
	return false;
#endif
}
