// SPDX-License-Identifier: BSD-3-Clause
// Which ends of a network are targets: a set of addresses and ports.
#include <errno.h>
#include <stdlib.h>

#include "core/snapshot.h"

static uint32_t start_of(const struct snapshot *s, const struct ip_address *address, be16 port)
{
	uint32_t spread = snapshot_address_start(address, UINT32_MAX);

	return (spread ^ be16_to_host(port) * 0x9e3779b1u >> 7) & s->target_hash_mask;
}

// The place of an end, or the free one where it belongs. The set is at most half full.
static uint32_t place_of(const struct snapshot *s, const struct ip_address *address, be16 port)
{
	uint32_t at = start_of(s, address, port);

	for (; s->target_hash[at] != 0; at = (at + 1) & s->target_hash_mask) {
		const struct snapshot_target *t = s->targets[s->target_hash[at] - 1];

		if (t->port == port && ip_address_equal(&t->address, address))
			break;
	}
	return at;
}

int snapshot_targets_index(struct snapshot *s)
{
	uint32_t size = 16;

	while (size < 2u * s->target_limit)
		size *= 2;
	s->target_hash = calloc(size, sizeof(*s->target_hash));
	if (!s->target_hash)
		return -ENOMEM;
	s->target_hash_mask = size - 1;
	for (uint16_t i = 0; i < s->target_limit; i++)
		if (s->targets[i])
			s->target_hash[place_of(s, &s->targets[i]->address, s->targets[i]->port)] =
				(uint16_t)(i + 1);
	return 0;
}

bool snapshot_is_target(const struct snapshot *s, const struct ip_address *address, be16 port)
{
	return s->target_hash && s->target_hash[place_of(s, address, port)] != 0;
}
