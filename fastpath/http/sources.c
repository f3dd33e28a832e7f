// SPDX-License-Identifier: BSD-3-Clause
#include "http/sources.h"

#include <stdlib.h>

#include "core/crowd.h"
#include "core/memory.h"
#include "core/rate.h"

enum {
	SETS = 4096,
	WAYS = 4,
};

// A set is searched whole; pages come with use.
struct entry {
	uint64_t tag; // of the source and group, 0: free
	struct rate rate;
};

struct http_sources {
	uint64_t key[2];
	struct memory memory;
	struct entry (*sets)[WAYS];
};

int http_sources_create(const uint64_t key[2], struct http_sources **out)
{
	struct http_sources *sources = calloc(1, sizeof(*sources));
	int error;

	if (!sources)
		return -ENOMEM;
	error = memory_map(SETS * sizeof(*sources->sets), false, &sources->memory);
	if (error) {
		free(sources);
		return error;
	}
	memcpy(sources->key, key, sizeof(sources->key));
	sources->sets = sources->memory.base;
	*out = sources;
	return 0;
}

void http_sources_destroy(struct http_sources *sources)
{
	if (!sources)
		return;
	memory_unmap(&sources->memory);
	free(sources);
}

// Two numbers of 32 bits, for either of which the key's words are exchanged.
static uint64_t tag_of(
	const struct http_sources *sources, const struct ip_address *source, uint32_t group)
{
	struct ip_address network = crowd_network_of(source);
	uint64_t exchanged[2] = {sources->key[1], sources->key[0]};

	// Where an IPv4 address has zeroes, and a /56 of IPv6 too.
	network.bytes[8] ^= (uint8_t)group;
	network.bytes[9] ^= (uint8_t)(group >> 8);
	return ((uint64_t)crowd_network_mix(&network, sources->key) << 32 |
		       crowd_network_mix(&network, exchanged)) |
	       1;
}

// One that was last asked longer ago than it takes to fill had all it may have: so may the next.
static void entry_take_over(struct entry *entry, uint64_t tag, uint32_t per_second, usec_t now)
{
	bool is_full = entry->tag == 0 || now - entry->rate.last >= USEC_PER_SECOND;

	entry->tag = tag;
	rate_init(&entry->rate, per_second, per_second);
	entry->rate.last = now;
	if (!is_full)
		entry->rate.tokens_us = USEC_PER_SECOND;
}

bool http_source_take(struct http_sources *sources, const struct ip_address *source, uint32_t group,
	uint32_t per_second, usec_t now)
{
	uint64_t tag = tag_of(sources, source, group);
	struct entry *set = sources->sets[tag >> 52 & (SETS - 1)];
	struct entry *oldest = set;

	for (uint32_t i = 0; i < WAYS; i++) {
		if (set[i].tag == tag && set[i].rate.per_second == per_second)
			return rate_take(&set[i].rate, now);
		if (set[i].tag == tag || set[i].rate.last < oldest->rate.last)
			oldest = &set[i];
		if (set[i].tag == tag)
			break;
	}
	entry_take_over(oldest, tag, per_second, now);
	return rate_take(&oldest->rate, now);
}
