// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/keccak_four.h"

#ifdef __x86_64__

// It may look at numbers of 64 bits.
typedef uint64_t four_lanes __attribute__((vector_size(32), may_alias));

#	define LANE          four_lanes
#	define KECCAK_TARGET __attribute__((target("avx2")))
#	include "tls13/keccak_permute.h"

__attribute__((target("avx2"))) void keccak_four_permute_avx2(struct keccak_four *k)
{
	keccak_rounds((four_lanes *)k->lanes);
}

#endif
