// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/keccak_four.h"

#ifdef __x86_64__

typedef uint64_t four_lanes __attribute__((vector_size(32)));

#	define LANE          four_lanes
#	define KECCAK_TARGET __attribute__((target("avx2")))
#	include "tls13/keccak_permute.h"

__attribute__((target("avx2"))) void keccak_four_permute_avx2(struct keccak_four *k)
{
	four_lanes lanes[25];

	memcpy(lanes, k->lanes, sizeof(lanes));
	keccak_rounds(lanes);
	memcpy(k->lanes, lanes, sizeof(lanes));
}

#endif
