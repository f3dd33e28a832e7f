// SPDX-License-Identifier: BSD-3-Clause
#include "http/sources.h"

#include <stdlib.h>

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
	struct memory memory;
	struct entry (*sets)[WAYS];
};

int http_sources_create(struct http_sources **out)
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

static uint64_t tag_of(const struct ip_address *source, uint32_t group)
{
	uint64_t word = ip_address_is_v4(source) ? source->halves[1]
						 : source->halves[0] & UINT64_C(0x00ffffffffffffff);

	word = (word ^ ((uint64_t)group << 56 | group)) * UINT64_C(0x9e3779b97f4a7c15);
	word ^= word >> 29;
	word *= UINT64_C(0xbf58476d1ce4e5b9);
	return (word ^ word >> 32) | 1;
}

bool http_source_take(struct http_sources *sources, const struct ip_address *source, uint32_t group,
	uint32_t per_second, usec_t now)
{
	uint64_t tag = tag_of(source, group);
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
	oldest->tag = tag;
	rate_init(&oldest->rate, per_second, per_second);
	return rate_take(&oldest->rate, now);
}
