// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "nexwire/buffer.h"

static struct nx_write_buffer write_buffer_over(
	uint8_t *memory, size_t bytes, size_t headroom, const struct nx_allocator *allocator)
{
	return (struct nx_write_buffer){.slab = memory,
		.head = headroom,
		.tail = headroom,
		.capacity = bytes,
		.headroom = headroom,
		.allocator = allocator};
}

enum nx_buffer_status nx_write_buffer_init(
	struct nx_write_buffer *buffer, void *memory, size_t bytes, size_t headroom)
{
	if (bytes <= headroom)
		return NX_BUFFER_TOO_SMALL;
	*buffer = write_buffer_over(memory, bytes, headroom, NULL);
	return NX_BUFFER_OK;
}

enum nx_buffer_status nx_write_buffer_create(struct nx_write_buffer *buffer, size_t capacity,
	size_t headroom, const struct nx_allocator *allocator)
{
	void *memory;

	if (capacity == 0 || capacity > SIZE_MAX - headroom)
		return NX_BUFFER_TOO_SMALL;
	if (allocator == NULL)
		allocator = &nx_allocator_default;
	memory = allocator->allocate(allocator->context, capacity + headroom);
	if (memory == NULL)
		return NX_BUFFER_NO_MEMORY;
	*buffer = write_buffer_over(memory, capacity + headroom, headroom, allocator);
	return NX_BUFFER_OK;
}

void nx_write_buffer_fini(struct nx_write_buffer *buffer)
{
	if (buffer->allocator != NULL)
		buffer->allocator->release(
			buffer->allocator->context, buffer->slab, buffer->capacity);
	*buffer = (struct nx_write_buffer){0};
}

enum nx_buffer_status nx_write_buffer_append(
	struct nx_write_buffer *buffer, const void *data, size_t n)
{
	if (n > nx_write_buffer_room(buffer))
		return NX_BUFFER_NO_ROOM;
	if (n > 0)
		memcpy(nx_write_buffer_space(buffer), data, n);
	buffer->tail += n;
	return NX_BUFFER_OK;
}

enum nx_buffer_status nx_write_buffer_prepend(
	struct nx_write_buffer *buffer, const void *data, size_t n)
{
	if (n > buffer->head)
		return NX_BUFFER_NO_HEADROOM;
	buffer->head -= n;
	if (n > 0)
		memcpy(buffer->slab + buffer->head, data, n);
	return NX_BUFFER_OK;
}

enum nx_buffer_status nx_write_buffer_commit(struct nx_write_buffer *buffer, size_t n)
{
	if (n > nx_write_buffer_room(buffer))
		return NX_BUFFER_BEYOND_SPACE;
	buffer->tail += n;
	return NX_BUFFER_OK;
}

enum nx_buffer_status nx_write_buffer_sent(struct nx_write_buffer *buffer, size_t n)
{
	if (n > nx_write_buffer_length(buffer))
		return NX_BUFFER_BEYOND_DATA;
	buffer->head += n;
	if (buffer->head == buffer->tail)
		nx_write_buffer_clear(buffer);
	return NX_BUFFER_OK;
}

void nx_write_buffer_compact(struct nx_write_buffer *buffer)
{
	size_t length = nx_write_buffer_length(buffer);

	if (buffer->head <= buffer->headroom)
		return;
	memmove(buffer->slab + buffer->headroom, buffer->slab + buffer->head, length);
	buffer->head = buffer->headroom;
	buffer->tail = buffer->headroom + length;
}

void nx_write_buffer_clear(struct nx_write_buffer *buffer)
{
	buffer->head = buffer->headroom;
	buffer->tail = buffer->headroom;
}

int nx_write_buffer_iovec(const struct nx_write_buffer *buffer, struct iovec *iovec)
{
	iovec->iov_base = nx_write_buffer_data(buffer);
	iovec->iov_len = nx_write_buffer_length(buffer);
	return iovec->iov_len > 0;
}
