// SPDX-License-Identifier: BSD-3-Clause
#include "core/memory.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_PAGE ((size_t)2 << 20)

// Relaxed: a total for statistics, it publishes nothing.
static _Atomic uint64_t mapped;

#ifdef NEXPATH_FAULT_INJECTION
static uint32_t fail_at;

void memory_fail_at(uint32_t nth)
{
	fail_at = nth;
}

static bool must_fail(void)
{
	return fail_at != 0 && --fail_at == 0;
}
#else
static bool must_fail(void)
{
	return false;
}
#endif

static size_t round_up(size_t bytes, size_t page)
{
	return (bytes + page - 1) / page * page;
}

static void *map_pages(size_t bytes, int extra_flags)
{
	void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | extra_flags, -1, 0);

	return base == MAP_FAILED ? NULL : base;
}

// Less than half a hugepage is not worth a whole one.
static bool deserves_huge(size_t bytes)
{
	return bytes >= HUGE_PAGE / 2;
}

int memory_map(size_t bytes, bool huge, struct memory *out)
{
	struct memory m = {.bytes = round_up(bytes, HUGE_PAGE), .huge = true};

	if (bytes == 0 || bytes > SIZE_MAX - HUGE_PAGE || must_fail())
		return -ENOMEM;
	if (huge && deserves_huge(bytes))
		m.base = map_pages(m.bytes, MAP_HUGETLB | (21 << MAP_HUGE_SHIFT));
	if (m.base == NULL) {
		m.huge = false;
		m.bytes = round_up(bytes, (size_t)sysconf(_SC_PAGESIZE));
		// NORESERVE: tables are mapped for the worst case and touched as they fill.
		m.base = map_pages(m.bytes, MAP_NORESERVE);
		if (m.base == NULL)
			return -ENOMEM;
		if (huge && deserves_huge(bytes))
			madvise(m.base, m.bytes, MADV_HUGEPAGE);
	}
	atomic_fetch_add_explicit(&mapped, m.bytes, memory_order_relaxed);
	*out = m;
	return 0;
}

void memory_unmap(struct memory *memory)
{
	if (memory->base == NULL)
		return;
	nx_bug_on(munmap(memory->base, memory->bytes) != 0);
	atomic_fetch_sub_explicit(&mapped, memory->bytes, memory_order_relaxed);
	*memory = (struct memory){0};
}

uint64_t memory_mapped(void)
{
	return atomic_load_explicit(&mapped, memory_order_relaxed);
}
