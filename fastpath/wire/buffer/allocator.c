// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "nexwire/base.h"

static void *heap_allocate(void *context, size_t bytes)
{
	return malloc(bytes);
}

static void heap_release(void *context, void *memory, size_t bytes)
{
	free(memory);
}

const struct nx_allocator nx_allocator_default = {heap_allocate, heap_release, NULL};
