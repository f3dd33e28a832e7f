// SPDX-License-Identifier: BSD-3-Clause
#include "allocations.h"

#include <errno.h>
#include <stdlib.h>

#include "core/memory.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#	define HAS_A_SANITIZER
#elif defined(__has_feature)
#	if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#		define HAS_A_SANITIZER
#	endif
#endif

bool allocations_are_counted;
static uint64_t seen;

int __real_memory_map(size_t bytes, bool huge, struct memory *out);
int __wrap_memory_map(size_t bytes, bool huge, struct memory *out);

int __wrap_memory_map(size_t bytes, bool huge, struct memory *out)
{
	seen += allocations_are_counted;
	return __real_memory_map(bytes, huge, out);
}

#ifndef HAS_A_SANITIZER
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

// In the place of the C library's, for the libraries that the relay uses too.
void *malloc(size_t bytes)
{
	seen += allocations_are_counted;
	return __libc_malloc(bytes);
}

void *calloc(size_t n, size_t bytes)
{
	seen += allocations_are_counted;
	return __libc_calloc(n, bytes);
}

void *realloc(void *memory, size_t bytes)
{
	seen += allocations_are_counted;
	return __libc_realloc(memory, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	seen += allocations_are_counted;
	return __libc_memalign(alignment, bytes);
}

int posix_memalign(void **out, size_t alignment, size_t bytes)
{
	*out = aligned_alloc(alignment, bytes);
	return *out ? 0 : ENOMEM;
}
#endif

uint64_t allocations_seen(void)
{
	return seen;
}

bool allocations_can_be_seen(void)
{
#ifdef HAS_A_SANITIZER
	return true;
#else
	bool counted = allocations_are_counted;
	uint64_t before = seen;
	void *volatile memory;

	allocations_are_counted = true;
	memory = malloc(1);
	allocations_are_counted = counted;
	free(memory);
	return seen == before + 1;
#endif
}
