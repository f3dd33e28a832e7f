// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Memory for secrets: locked in RAM, absent from core dumps and from children, wiped when given
// back. And what must not tell secrets apart by time.

#include "core/memory.h"

// Maps at least bytes of such memory, zeroed. -ENOMEM, or mlock's error where the limit on locked
// memory (RLIMIT_MEMLOCK) is too small; *out untouched then. Control thread.
[[nodiscard]] int secret_map(size_t bytes, struct memory *out);
// Wipes and unmaps; harmless on a cleared one.
void secret_unmap(struct memory *memory);

// Overwrites bytes for good. Any thread.
void secret_wipe(void *secret, size_t bytes);

// Whether a and b are equal, in a time that depends on length alone. Any thread.
bool secret_equal(const uint8_t *a, const uint8_t *b, size_t length);

// A fixed number of objects of one size in secret memory. One thread gets and puts.
struct secret_pool;

// Room for count objects of bytes each. -EINVAL for none, or as secret_map. Control thread.
[[nodiscard]] int secret_pool_create(uint32_t count, uint32_t bytes, struct secret_pool **out);
// Wipes all. Returns how many objects had not been given back.
uint32_t secret_pool_destroy(struct secret_pool *pool);
// A zeroed object, aligned to a cache line; NULL when all are out.
void *secret_pool_get(struct secret_pool *pool);
// Wipes the object and takes it back.
void secret_pool_put(struct secret_pool *pool, void *object);
uint32_t secret_pool_used(const struct secret_pool *pool);
