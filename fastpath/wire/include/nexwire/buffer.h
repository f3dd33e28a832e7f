// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Buffers between a transport and a codec. They hold bytes and nothing else, grow never, and live
// in memory of the caller or of an allocator. One thread at a time.

#include <sys/uio.h>

#include "nexwire/base.h"

NX_BEGIN

enum {
	// Bytes after the data that vector code may read (their values do not matter). A caller who
	// gives memory gives this much of it to padding.
	NX_READ_PADDING = 64,
	// The longest WebSocket frame header (RFC 6455 5.2): room that a write buffer keeps free
	// before its first byte unless told otherwise.
	NX_WRITE_HEADROOM = 14
};

enum nx_buffer_status {
	NX_BUFFER_OK,
	NX_BUFFER_NO_ROOM,      // the bytes do not fit behind the data
	NX_BUFFER_NO_HEADROOM,  // the bytes do not fit before the data
	NX_BUFFER_BEYOND_SPACE, // more bytes reported than the space that was handed out
	NX_BUFFER_BEYOND_DATA,  // more bytes consumed than there are
	NX_BUFFER_NO_MEMORY,    // the allocator gave none
	NX_BUFFER_TOO_SMALL     // the memory given does not hold padding or headroom and one byte
};

// One sentence for a log; static storage.
NX_API const char *nx_buffer_status_text(enum nx_buffer_status status);

// Read slab: bytes are received at the back and consumed at the front.
// Invariant: head <= tail <= capacity; NX_READ_PADDING readable bytes follow slab[capacity - 1].
// An empty slab starts over at its beginning; the unread rest is moved there (compaction) when
// space is asked for and less than `low` bytes are left behind it.
struct nx_read_buffer {
	uint8_t *slab;
	size_t head;
	size_t tail;
	size_t capacity;
	size_t low; // a quarter of the capacity unless the caller sets it; at least 1
	const struct nx_allocator *allocator; // NULL: the memory is the caller's
};

// Takes `bytes` of memory at `memory`, which stay the caller's: bytes - NX_READ_PADDING of data
// fit.
NX_API NX_CHECKED enum nx_buffer_status nx_read_buffer_init(
	struct nx_read_buffer *buffer, void *memory, size_t bytes);

// The same over memory of an allocator (NULL: malloc) for `capacity` bytes of data.
NX_API NX_CHECKED enum nx_buffer_status nx_read_buffer_create(
	struct nx_read_buffer *buffer, size_t capacity, const struct nx_allocator *allocator);

// Gives allocated memory back. The buffer may be initialized again.
NX_API void nx_read_buffer_fini(struct nx_read_buffer *buffer);

// Where to receive to, and how many bytes fit: 0 only when the slab is full of unread data. May
// move the unread data: what was borrowed from the slab is void after it.
NX_API uint8_t *nx_read_buffer_space(struct nx_read_buffer *buffer, size_t *room);

// The same as an iovec for readv and io_uring; returns the number of entries, 0 or 1.
NX_API int nx_read_buffer_space_iovec(struct nx_read_buffer *buffer, struct iovec *iovec);

// n bytes have been written to the space.
NX_API NX_CHECKED enum nx_buffer_status nx_read_buffer_filled(
	struct nx_read_buffer *buffer, size_t n);

// Copies as many of n bytes as fit; returns how many.
NX_API NX_CHECKED size_t nx_read_buffer_feed(
	struct nx_read_buffer *buffer, const void *data, size_t n);

// Moves the unread data to the front of the slab.
NX_API void nx_read_buffer_compact(struct nx_read_buffer *buffer);

// n bytes of the unread data are done with. They stay where they are until space is asked for.
NX_API NX_CHECKED enum nx_buffer_status nx_read_buffer_consume(
	struct nx_read_buffer *buffer, size_t n);

// The unread data: nx_read_buffer_length bytes, and padding behind them.
static inline uint8_t *nx_read_buffer_data(const struct nx_read_buffer *buffer)
{
	return buffer->slab + buffer->head;
}

static inline size_t nx_read_buffer_length(const struct nx_read_buffer *buffer)
{
	return buffer->tail - buffer->head;
}

// Write buffer: payloads are appended, headers may be put before them, and the whole is sent from
// the front.
// Invariant: head <= tail <= capacity; an empty buffer has head == tail == headroom.
struct nx_write_buffer {
	uint8_t *slab;
	size_t head;
	size_t tail;
	size_t capacity; // with the headroom
	size_t headroom;
	const struct nx_allocator *allocator; // NULL: the memory is the caller's
};

// Takes `bytes` of memory at `memory`, which stay the caller's, headroom included.
NX_API NX_CHECKED enum nx_buffer_status nx_write_buffer_init(
	struct nx_write_buffer *buffer, void *memory, size_t bytes, size_t headroom);

// The same over memory of an allocator (NULL: malloc) for `capacity` bytes behind the headroom.
NX_API NX_CHECKED enum nx_buffer_status nx_write_buffer_create(struct nx_write_buffer *buffer,
	size_t capacity, size_t headroom, const struct nx_allocator *allocator);

NX_API void nx_write_buffer_fini(struct nx_write_buffer *buffer);

// Copies n bytes behind the data, all or none.
NX_API NX_CHECKED enum nx_buffer_status nx_write_buffer_append(
	struct nx_write_buffer *buffer, const void *data, size_t n);

// Copies n bytes before the data, all or none.
NX_API NX_CHECKED enum nx_buffer_status nx_write_buffer_prepend(
	struct nx_write_buffer *buffer, const void *data, size_t n);

// n bytes behind the data have been written in place (at nx_write_buffer_space).
NX_API NX_CHECKED enum nx_buffer_status nx_write_buffer_commit(
	struct nx_write_buffer *buffer, size_t n);

// n bytes from the front have been sent. An emptied buffer has its headroom again.
NX_API NX_CHECKED enum nx_buffer_status nx_write_buffer_sent(
	struct nx_write_buffer *buffer, size_t n);

// Moves unsent data back to the headroom, so that all free room lies behind it.
NX_API void nx_write_buffer_compact(struct nx_write_buffer *buffer);

// Forgets what is unsent.
NX_API void nx_write_buffer_clear(struct nx_write_buffer *buffer);

// What is unsent as an iovec for writev and io_uring; returns the number of entries, 0 or 1.
NX_API int nx_write_buffer_iovec(const struct nx_write_buffer *buffer, struct iovec *iovec);

static inline uint8_t *nx_write_buffer_data(const struct nx_write_buffer *buffer)
{
	return buffer->slab + buffer->head;
}

static inline size_t nx_write_buffer_length(const struct nx_write_buffer *buffer)
{
	return buffer->tail - buffer->head;
}

// Where the next byte goes, and how many fit.
static inline uint8_t *nx_write_buffer_space(const struct nx_write_buffer *buffer)
{
	return buffer->slab + buffer->tail;
}

static inline size_t nx_write_buffer_room(const struct nx_write_buffer *buffer)
{
	return buffer->capacity - buffer->tail;
}

NX_END
