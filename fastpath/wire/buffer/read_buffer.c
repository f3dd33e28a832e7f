// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "nexwire/buffer.h"

const char *nx_buffer_status_text(enum nx_buffer_status status)
{
	switch (status) {
	case NX_BUFFER_OK:
		return "done";
	case NX_BUFFER_NO_ROOM:
		return "the bytes do not fit behind the data; send or consume first, or use a larger buffer";
	case NX_BUFFER_NO_HEADROOM:
		return "the bytes do not fit before the data; give the buffer more headroom";
	case NX_BUFFER_BEYOND_SPACE:
		return "more bytes were reported than there was space for; the caller's count is wrong";
	case NX_BUFFER_BEYOND_DATA:
		return "more bytes were consumed than the buffer holds; the caller's count is wrong";
	case NX_BUFFER_NO_MEMORY:
		return "the allocator has no memory left";
	case NX_BUFFER_TOO_SMALL:
		return "the memory does not hold the padding or headroom and one byte of data";
	}
	return "not a buffer status";
}

static struct nx_read_buffer read_buffer_over(
	uint8_t *memory, size_t capacity, const struct nx_allocator *allocator)
{
	// Vector code reads the padding: it must not be indeterminate to memory checkers.
	memset(memory + capacity, 0, NX_READ_PADDING);
	return (struct nx_read_buffer){.slab = memory,
		.capacity = capacity,
		.low = capacity / 4 + 1,
		.allocator = allocator};
}

enum nx_buffer_status nx_read_buffer_init(struct nx_read_buffer *buffer, void *memory, size_t bytes)
{
	if (bytes <= NX_READ_PADDING)
		return NX_BUFFER_TOO_SMALL;
	*buffer = read_buffer_over(memory, bytes - NX_READ_PADDING, NULL);
	return NX_BUFFER_OK;
}

enum nx_buffer_status nx_read_buffer_create(
	struct nx_read_buffer *buffer, size_t capacity, const struct nx_allocator *allocator)
{
	void *memory;

	if (capacity == 0 || capacity > SIZE_MAX - NX_READ_PADDING)
		return NX_BUFFER_TOO_SMALL;
	if (allocator == NULL)
		allocator = &nx_allocator_default;
	memory = allocator->allocate(allocator->context, capacity + NX_READ_PADDING);
	if (memory == NULL)
		return NX_BUFFER_NO_MEMORY;
	*buffer = read_buffer_over(memory, capacity, allocator);
	return NX_BUFFER_OK;
}

void nx_read_buffer_fini(struct nx_read_buffer *buffer)
{
	if (buffer->allocator != NULL)
		buffer->allocator->release(buffer->allocator->context, buffer->slab,
			buffer->capacity + NX_READ_PADDING);
	*buffer = (struct nx_read_buffer){0};
}

void nx_read_buffer_compact(struct nx_read_buffer *buffer)
{
	size_t length = nx_read_buffer_length(buffer);

	if (buffer->head == 0)
		return;
	memmove(buffer->slab, buffer->slab + buffer->head, length);
	buffer->head = 0;
	buffer->tail = length;
}

uint8_t *nx_read_buffer_space(struct nx_read_buffer *buffer, size_t *room)
{
	if (buffer->head == buffer->tail)
		buffer->head = buffer->tail = 0;
	else if (buffer->capacity - buffer->tail < buffer->low)
		nx_read_buffer_compact(buffer);
	*room = buffer->capacity - buffer->tail;
	return buffer->slab + buffer->tail;
}

int nx_read_buffer_space_iovec(struct nx_read_buffer *buffer, struct iovec *iovec)
{
	iovec->iov_base = nx_read_buffer_space(buffer, &iovec->iov_len);
	return iovec->iov_len > 0;
}

enum nx_buffer_status nx_read_buffer_filled(struct nx_read_buffer *buffer, size_t n)
{
	if (n > buffer->capacity - buffer->tail)
		return NX_BUFFER_BEYOND_SPACE;
	buffer->tail += n;
	return NX_BUFFER_OK;
}

size_t nx_read_buffer_feed(struct nx_read_buffer *buffer, const void *data, size_t n)
{
	size_t room;
	uint8_t *space = nx_read_buffer_space(buffer, &room);

	if (room < n && buffer->head > 0) {
		nx_read_buffer_compact(buffer);
		space = nx_read_buffer_space(buffer, &room);
	}
	if (n > room)
		n = room;
	if (n > 0)
		memcpy(space, data, n);
	buffer->tail += n;
	return n;
}

enum nx_buffer_status nx_read_buffer_consume(struct nx_read_buffer *buffer, size_t n)
{
	if (n > nx_read_buffer_length(buffer))
		return NX_BUFFER_BEYOND_DATA;
	buffer->head += n;
	return NX_BUFFER_OK;
}
