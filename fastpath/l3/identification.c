// SPDX-License-Identifier: BSD-3-Clause
// Identifications of packets made or cut here. One counter for all would tell every station how
// much we send to the others, and let it foresee what they get (RFC 7739 sections 3 and 5.3, of
// IPv6; RFC 6864 section 4.3 on reuse): each pair of addresses counts from a place of its own, and
// shares its counter with few other pairs.

#include "l3/state.h"

static uint64_t mix(uint64_t h)
{
	h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ (h >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ (h >> 33);
}

void l3_identifications_init(struct l3 *l3, uint64_t seed, uint8_t worker)
{
	l3->identification_keys[0] = mix(seed ^ UINT64_C(0x6964656e74696679));
	l3->identification_keys[1] = mix(l3->identification_keys[0] + 1u + worker);
}

uint32_t l3_source_hash(const struct l3 *l3, const struct ip_address *source)
{
	uint64_t h = mix(l3->identification_keys[1] ^ source->halves[0]);

	if (ip_address_is_v4(source))
		h = mix(h + l3->identification_keys[0] + source->halves[1]);
	return (uint32_t)(h >> 32);
}

uint32_t l3_identification(
	struct l3 *l3, const struct ip_address *source, const struct ip_address *destination)
{
	const uint64_t *keys = l3->identification_keys;
	uint64_t h = mix(keys[0] ^ source->halves[0]);

	h = mix(h ^ source->halves[1]);
	h = mix(h + keys[1] + destination->halves[0]);
	h = mix(h ^ destination->halves[1]);
	return (uint32_t)(h >> 32) + l3->identifications[h % L3_IDENTIFICATIONS]++;
}
