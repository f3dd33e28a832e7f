// SPDX-License-Identifier: BSD-3-Clause
// The heap twin of struct buffer, for tests and libraries. The bytes are an allocation of their own
// of exactly the room asked for, so that a sanitizer sees the first byte read beyond it.
#include "core/buffer.h"

#include <stdatomic.h>

// Relaxed: a count for tests, it publishes nothing.
static _Atomic size_t alive;

struct buffer_source buffer_heap_source = {
	.get = buffer_heap_get, .put = buffer_heap_put, .share = buffer_heap_share};

struct buffer *buffer_heap_get(struct buffer_source *source, uint32_t room)
{
	size_t bytes = BUFFER_HEADROOM + (size_t)room;
	struct buffer *b;

	if (bytes > UINT16_MAX)
		return NULL;
	b = aligned_alloc(CACHE_LINE, sizeof(*b));
	if (b == NULL)
		return NULL;
	memset(b, 0, sizeof(*b));
	b->base = malloc(bytes);
	if (b->base == NULL) {
		free(b);
		return NULL;
	}
	b->offset = BUFFER_HEADROOM;
	b->capacity = (uint16_t)bytes;
	b->references = 1;
	b->segments = 1;
	b->pool = source;
	atomic_fetch_add_explicit(&alive, 1, memory_order_relaxed);
	return b;
}

// Whose memory a shared buffer uses lies in the bytes that a real buffer keeps for itself.
static struct buffer *parent_of(const struct buffer *b)
{
	struct buffer *parent;

	memcpy(&parent, b->other, sizeof(parent));
	return parent;
}

struct buffer *buffer_heap_share(struct buffer_source *source, struct buffer *from)
{
	struct buffer *parent = parent_of(from) ? parent_of(from) : from;
	struct buffer *b = aligned_alloc(CACHE_LINE, sizeof(*b));

	if (b == NULL)
		return NULL;
	memset(b, 0, sizeof(*b));
	b->base = from->base;
	b->offset = from->offset;
	b->length = from->length;
	b->capacity = from->capacity;
	b->total_length = from->length;
	b->offload = UINT64_C(1) << 62; // as an indirect mbuf's
	b->references = 1;
	b->segments = 1;
	b->pool = source;
	memcpy(b->other, &parent, sizeof(parent));
	buffer_hold(parent);
	atomic_fetch_add_explicit(&alive, 1, memory_order_relaxed);
	return b;
}

// A buffer with more than one reference stays, and so does what is chained to it.
void buffer_heap_put(struct buffer_source *source, struct buffer *chain)
{
	while (chain != NULL) {
		struct buffer *next = chain->next;
		struct buffer *parent = parent_of(chain);

		nx_bug_on(chain->references == 0);
		if (--chain->references > 0)
			return;
		if (parent != NULL)
			buffer_heap_put(source, parent);
		else
			free(chain->base);
		free(chain);
		atomic_fetch_sub_explicit(&alive, 1, memory_order_relaxed);
		chain = next;
	}
}

size_t buffer_heap_alive(void)
{
	return atomic_load_explicit(&alive, memory_order_relaxed);
}
