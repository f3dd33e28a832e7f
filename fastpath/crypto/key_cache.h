// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Expanded keys of the connections that are busy now: a connection keeps its raw key (32 bytes) and
// a number, and the expanded form (1,280 bytes) lives here as long as there is room. Bounded, in
// secret memory; a miss costs one expansion and pushes out the key of its set that was used longest
// ago. One worker.

#include "crypto/aead.h"

struct key_cache;

enum {
	KEY_CACHE_WAYS = 4,
	KEY_NONE = 0, // no key has this number
};

// Room for keys (rounded up to a power of two, at least KEY_CACHE_WAYS). -EINVAL, -ENOMEM or
// mlock's error. manager outlives the cache. Control thread.
[[nodiscard]] int key_cache_create(
	struct crypto_manager *manager, uint32_t keys, struct key_cache **out);
void key_cache_destroy(struct key_cache *cache);

// A number for a new key, never given before.
uint64_t key_cache_number(struct key_cache *cache);
// The expanded form of raw, whose number this is; valid until the next call on this cache.
const struct aead_key *key_cache_get(
	struct key_cache *cache, uint64_t number, enum aead aead, const uint8_t *raw);
// Has the expanded form on its way for a key_cache_get soon, where it is there.
void key_cache_prefetch(const struct key_cache *cache, uint64_t number);
// Wipes a key that is of no more use.
void key_cache_drop(struct key_cache *cache, uint64_t number);

// Keys expanded since creation: a measure of whether it is large enough.
uint64_t key_cache_expansions(const struct key_cache *cache);
