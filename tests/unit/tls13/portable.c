// SPDX-License-Identifier: BSD-3-Clause
// A CPU without vectors: linked with --wrap=cpu_has_avx2.
#include <stdbool.h>

bool __wrap_cpu_has_avx2(void);

bool __wrap_cpu_has_avx2(void)
{
	return false;
}
