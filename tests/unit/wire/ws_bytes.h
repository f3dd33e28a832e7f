// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Frames by hand, so that tests of the reader do not lean on the writer.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "nexwire/ws.h"

struct bytes {
	uint8_t data[400000];
	size_t length;
};

enum length_form {
	MINIMAL,
	AS_16,
	AS_64
};

static inline void put(struct bytes *b, const void *data, size_t n)
{
	if (n > sizeof(b->data) - b->length)
		abort();
	if (n > 0)
		memcpy(b->data + b->length, data, n);
	b->length += n;
}

static inline void put_byte(struct bytes *b, unsigned int byte)
{
	put(b, &(uint8_t){(uint8_t)byte}, 1);
}

// One frame, byte by byte as RFC 6455 5.2 draws it; masked when key is not NULL.
static inline void put_frame_as(struct bytes *b, unsigned int first, const uint8_t *key,
	const void *data, size_t n, enum length_form form)
{
	unsigned int mask = key ? 0x80 : 0;

	put_byte(b, first);
	if (form == MINIMAL)
		form = n < 126 ? MINIMAL : n < 65536 ? AS_16 : AS_64;
	if (form == MINIMAL) {
		put_byte(b, mask | (unsigned int)n);
	} else {
		put_byte(b, mask | (form == AS_16 ? 126 : 127));
		for (int shift = form == AS_16 ? 8 : 56; shift >= 0; shift -= 8)
			put_byte(b, (unsigned int)((uint64_t)n >> shift) & 0xff);
	}
	if (key)
		put(b, key, 4);
	for (size_t i = 0; i < n; i++)
		put_byte(b, ((const uint8_t *)data)[i] ^ (key ? key[i % 4] : 0u));
}

static inline void put_frame(
	struct bytes *b, unsigned int first, const uint8_t *key, const void *data, size_t n)
{
	put_frame_as(b, first, key, data, n, MINIMAL);
}
