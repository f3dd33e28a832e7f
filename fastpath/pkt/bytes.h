// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Bytes on the wire: network-order types and the cursor through which every parser reads.
// Depends on nothing; may be used on any thread.

#include <assert.h>
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Values in network byte order. Convert with be16_from_host and friends, never by a cast.
typedef uint16_t be16;
typedef uint32_t be32;
typedef uint64_t be64;

static inline be16 be16_from_host(uint16_t value)
{
	return htobe16(value);
}

static inline uint16_t be16_to_host(be16 value)
{
	return be16toh(value);
}

static inline be32 be32_from_host(uint32_t value)
{
	return htobe32(value);
}

static inline uint32_t be32_to_host(be32 value)
{
	return be32toh(value);
}

// Unaligned loads and stores of network-order fields inside a packet.
static inline be16 be16_load(const uint8_t *p)
{
	be16 value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static inline be32 be32_load(const uint8_t *p)
{
	be32 value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static inline void be16_store(uint8_t *p, be16 value)
{
	memcpy(p, &value, sizeof(value));
}

static inline void be32_store(uint8_t *p, be32 value)
{
	memcpy(p, &value, sizeof(value));
}

// What is left to read: the bytes [p, end). Every read checks the end; a refused read moves
// nothing.
struct cursor {
	const uint8_t *p;
	const uint8_t *end;
};

static inline struct cursor cursor_over(const uint8_t *p, size_t length)
{
	return (struct cursor){.p = p, .end = p + length};
}

static inline size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->p);
}

[[nodiscard]] static inline bool cursor_take_u8(struct cursor *c, uint8_t *out)
{
	if (cursor_left(c) < 1)
		return false;
	*out = *c->p++;
	return true;
}

// Reads a big-endian 16-bit field; out is in host order.
[[nodiscard]] static inline bool cursor_take_u16(struct cursor *c, uint16_t *out)
{
	if (cursor_left(c) < 2)
		return false;
	*out = be16_to_host(be16_load(c->p));
	c->p += 2;
	return true;
}

// Reads a big-endian 32-bit field; out is in host order.
[[nodiscard]] static inline bool cursor_take_u32(struct cursor *c, uint32_t *out)
{
	if (cursor_left(c) < 4)
		return false;
	*out = be32_to_host(be32_load(c->p));
	c->p += 4;
	return true;
}

// Hands out a borrowed span of n bytes inside the cursor's own range.
[[nodiscard]] static inline bool cursor_take_span(struct cursor *c, size_t n, const uint8_t **out)
{
	if (cursor_left(c) < n)
		return false;
	*out = c->p;
	c->p += n;
	return true;
}

[[nodiscard]] static inline bool cursor_skip(struct cursor *c, size_t n)
{
	if (cursor_left(c) < n)
		return false;
	c->p += n;
	return true;
}
