// SPDX-License-Identifier: BSD-3-Clause
#include "flow/source_limit.h"

int source_limit_init(struct source_limit *sources, uint32_t limit, uint64_t seed)
{
	int error;

	*sources = (struct source_limit){.limit = limit, .seed = seed};
	error = memory_map(sizeof(*sources->buckets) * SOURCE_BUCKETS, false, &sources->memory);
	sources->buckets = sources->memory.base;
	return error;
}

void source_limit_fini(struct source_limit *sources)
{
	memory_unmap(&sources->memory);
}

static struct source_bucket *bucket_of(const struct source_limit *sources,
	const struct ip_address *client, bool on_link, uint32_t *tag)
{
	uint64_t h = client->halves[0] ^ sources->seed;

	if (on_link || ip_address_is_v4(client))
		h = (h ^ (h >> 32)) * UINT64_C(0x9e3779b97f4a7c15) ^ client->halves[1];
	h = (h ^ (h >> 32)) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ (h >> 29)) * UINT64_C(0xc4ceb9fe1a85ec53);
	*tag = (uint32_t)(h >> 32);
	return &sources->buckets[h & (SOURCE_BUCKETS - 1)];
}

enum source_verdict source_limit_take(
	struct source_limit *sources, const struct ip_address *client, bool on_link)
{
	uint32_t tag;
	struct source_bucket *b = bucket_of(sources, client, on_link, &tag);
	unsigned int free = SOURCE_WAYS;

	for (unsigned int i = 0; i < SOURCE_WAYS; i++) {
		if (b->count[i] == 0) {
			free = i;
			continue;
		}
		if (b->tag[i] != tag)
			continue;
		if (b->count[i] >= sources->limit)
			return SOURCE_REFUSED;
		b->count[i]++;
		sources->live++;
		return SOURCE_COUNTED;
	}
	if (free == SOURCE_WAYS)
		return SOURCE_UNCOUNTED;
	b->tag[free] = tag;
	b->count[free] = 1;
	sources->live++;
	return SOURCE_COUNTED;
}

void source_limit_put(struct source_limit *sources, const struct ip_address *client, bool on_link)
{
	uint32_t tag;
	struct source_bucket *b = bucket_of(sources, client, on_link, &tag);

	for (unsigned int i = 0; i < SOURCE_WAYS; i++) {
		if (b->count[i] == 0 || b->tag[i] != tag)
			continue;
		b->count[i]--;
		sources->live--;
		return;
	}
}
