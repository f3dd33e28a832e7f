// SPDX-License-Identifier: BSD-3-Clause
#include "slowpath/library_memory.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <string.h>

static void *take(size_t size, const char *file, int line)
{
	return malloc(size);
}

static void give(void *p, const char *file, int line)
{
	if (p)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

// Never in place, for that may move as well, and leaves what it left.
static void *resize(void *p, size_t size, const char *file, int line)
{
	size_t before = p ? malloc_usable_size(p) : 0;
	void *moved;

	if (size == 0) {
		give(p, file, line);
		return NULL;
	}
	if (size <= before)
		return p;
	moved = malloc(size);
	if (!moved)
		return NULL;
	if (p)
		memcpy(moved, p, before);
	give(p, file, line);
	return moved;
}

int library_memory_wipe(void)
{
	return CRYPTO_set_mem_functions(take, resize, give) == 1 ? 0 : -EBUSY;
}
