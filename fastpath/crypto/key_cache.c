// SPDX-License-Identifier: BSD-3-Clause
#include "crypto/key_cache.h"

#include "crypto/secret.h"

// Order of use is a list by position: numbers[0] was used last. slots say whose key lies where.
struct set {
	uint64_t numbers[KEY_CACHE_WAYS];
	uint8_t slots[KEY_CACHE_WAYS];
};

struct key_cache {
	struct memory memory;
	struct crypto_manager *manager;
	struct aead_key *keys;
	struct set *sets;
	uint64_t last_number;
	uint64_t expansions;
	uint32_t set_mask;
};

static uint32_t sets_for(uint32_t keys)
{
	uint32_t sets = 1;

	while (sets * KEY_CACHE_WAYS < keys)
		sets *= 2;
	return sets;
}

int key_cache_create(struct crypto_manager *manager, uint32_t keys, struct key_cache **out)
{
	size_t head = (sizeof(struct key_cache) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	struct key_cache *cache;
	struct memory m;
	uint32_t sets;
	int rc;

	if (keys == 0 || keys > 1u << 24)
		return -EINVAL;
	sets = sets_for(keys);
	rc = secret_map(head + (size_t)sets * KEY_CACHE_WAYS * sizeof(struct aead_key) +
				(size_t)sets * sizeof(struct set),
		&m);
	if (rc != 0)
		return rc;
	cache = m.base;
	cache->memory = m;
	cache->manager = manager;
	cache->keys = (struct aead_key *)(void *)((uint8_t *)m.base + head);
	cache->sets = (struct set *)(void *)(cache->keys + (size_t)sets * KEY_CACHE_WAYS);
	cache->set_mask = sets - 1;
	for (uint32_t i = 0; i < sets; i++)
		for (uint8_t way = 0; way < KEY_CACHE_WAYS; way++)
			cache->sets[i].slots[way] = way;
	*out = cache;
	return 0;
}

void key_cache_destroy(struct key_cache *cache)
{
	struct memory m = cache->memory;

	secret_unmap(&m);
}

uint64_t key_cache_number(struct key_cache *cache)
{
	return ++cache->last_number;
}

// A connection's two keys are numbered one after the other, and often one of them has all the work:
// each second number alone fills all sets.
static uint64_t set_index(const struct key_cache *cache, uint64_t number)
{
	return number / 2 & cache->set_mask;
}

static struct set *set_of(const struct key_cache *cache, uint64_t number)
{
	return &cache->sets[set_index(cache, number)];
}

static struct aead_key *key_at(const struct key_cache *cache, uint64_t number, uint8_t slot)
{
	return &cache->keys[set_index(cache, number) * KEY_CACHE_WAYS + slot];
}

// Where the number stands, KEY_CACHE_WAYS when it does not.
static uint32_t find(const struct set *set, uint64_t number)
{
	uint32_t way = 0;

	while (way < KEY_CACHE_WAYS && set->numbers[way] != number)
		way++;
	return way;
}

static void to_front(struct set *set, uint32_t way, uint64_t number)
{
	uint8_t slot = set->slots[way];

	for (; way > 0; way--) {
		set->numbers[way] = set->numbers[way - 1];
		set->slots[way] = set->slots[way - 1];
	}
	set->numbers[0] = number;
	set->slots[0] = slot;
}

const struct aead_key *key_cache_get(
	struct key_cache *cache, uint64_t number, enum aead aead, const uint8_t *raw)
{
	struct set *set = set_of(cache, number);
	uint32_t way = find(set, number);
	bool hit = way < KEY_CACHE_WAYS;

	if (way != 0)
		to_front(set, hit ? way : KEY_CACHE_WAYS - 1, number);

	struct aead_key *key = key_at(cache, number, set->slots[0]);

	if (!hit) {
		aead_key_expand(cache->manager, aead, raw, key);
		cache->expansions++;
	}
	return key;
}

void key_cache_prefetch(const struct key_cache *cache, uint64_t number)
{
	const struct set *set = set_of(cache, number);
	uint32_t way = find(set, number);
	const uint8_t *key;

	if (way == KEY_CACHE_WAYS)
		return;
	key = key_at(cache, number, set->slots[way])->opaque;
	for (uint32_t line = 0; line < AEAD_EXPANDED_USED; line += CACHE_LINE)
		__builtin_prefetch(key + line);
}

void key_cache_drop(struct key_cache *cache, uint64_t number)
{
	struct set *set = set_of(cache, number);
	uint32_t way = find(set, number);

	if (number == KEY_NONE || way == KEY_CACHE_WAYS)
		return;
	secret_wipe(key_at(cache, number, set->slots[way]), sizeof(struct aead_key));
	set->numbers[way] = KEY_NONE;
}

uint64_t key_cache_expansions(const struct key_cache *cache)
{
	return cache->expansions;
}
