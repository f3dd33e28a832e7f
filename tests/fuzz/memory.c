// SPDX-License-Identifier: BSD-3-Clause
// core/memory.h for fuzz targets that make a world an input. What is unmapped is kept, and mapped
// again zeroed when the same size is asked for: fresh mappings and their page faults took over nine
// tenths of such a target's time. The bytes beyond what was asked for, and everything while it is
// unmapped, are out of bounds to AddressSanitizer.
#include "core/memory.h"

#include <sanitizer/asan_interface.h>
#include <sys/mman.h>

enum {
	AREAS = 64,
	PAGE = 4096,
	// Up to here writing zeros costs less than dropping the pages and touching some anew.
	ZEROED_MAX = 80 * PAGE,
	// Poisoning writes an eighth of what it poisons; of a large area the beginning is enough.
	POISONED_MAX = 16 * PAGE,
};

static struct area {
	uint8_t *base;
	size_t bytes;
	bool is_mapped;
} areas[AREAS];

const char *__asan_default_options(void);

// Freed memory that waits for late accesses: an input is over long before this is full, and it
// stays in the cache.
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=2:thread_local_quarantine_size_kb=64";
}

static struct area *find(size_t bytes)
{
	struct area *a = areas;

	for (; a->base != NULL; a++) {
		nx_bug_on(a == &areas[AREAS - 1]);
		if (!a->is_mapped && a->bytes == bytes)
			return a;
	}
	void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		return NULL;
	*a = (struct area){.base = base, .bytes = bytes};
	return a;
}

int memory_map(size_t bytes, bool huge, struct memory *out)
{
	size_t rounded = (bytes + PAGE - 1) / PAGE * PAGE;
	struct area *a = bytes == 0 || rounded < bytes ? NULL : find(rounded);

	if (a == NULL)
		return -ENOMEM;
	ASAN_UNPOISON_MEMORY_REGION(a->base, rounded < POISONED_MAX ? rounded : POISONED_MAX);
	ASAN_UNPOISON_MEMORY_REGION(a->base + rounded - PAGE, PAGE);
	if (rounded <= ZEROED_MAX)
		memset(a->base, 0, rounded);
	else
		nx_bug_on(madvise(a->base, rounded, MADV_DONTNEED) != 0);
	ASAN_POISON_MEMORY_REGION(a->base + bytes, rounded - bytes);
	a->is_mapped = true;
	*out = (struct memory){.base = a->base, .bytes = rounded};
	return 0;
}

void memory_unmap(struct memory *memory)
{
	if (memory->base == NULL)
		return;
	for (struct area *a = areas;; a++) {
		nx_bug_on(a == &areas[AREAS] || a->base == NULL);
		if (a->base != memory->base)
			continue;
		nx_bug_on(!a->is_mapped);
		a->is_mapped = false;
		break;
	}
	ASAN_POISON_MEMORY_REGION(
		memory->base, memory->bytes < POISONED_MAX ? memory->bytes : POISONED_MAX);
	*memory = (struct memory){0};
}
