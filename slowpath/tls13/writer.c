// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/writer.h"

#include <openssl/crypto.h>

enum {
	FIRST_BYTES = 512,
};

void writer_clear(struct writer *w)
{
	OPENSSL_clear_free(w->base, w->size);
	*w = writer_with(w->limit);
}

static bool grow(struct writer *w, size_t need)
{
	size_t size = w->size != 0 ? w->size : FIRST_BYTES;
	uint8_t *base;

	while (size < need)
		size *= 2;
	base = OPENSSL_clear_realloc(w->base, w->size, size);
	if (base == NULL)
		return false;
	w->base = base;
	w->size = size;
	return true;
}

uint8_t *writer_room(struct writer *w, size_t n)
{
	uint8_t *room;

	if (w->failed || n > w->limit || w->used > w->limit - n ||
		(w->used + n > w->size && !grow(w, w->used + n))) {
		w->failed = true;
		return NULL;
	}
	room = w->base + w->used;
	w->used += n;
	return room;
}

void writer_bytes(struct writer *w, const void *bytes, size_t n)
{
	uint8_t *room = n != 0 ? writer_room(w, n) : NULL;

	if (room != NULL)
		memcpy(room, bytes, n);
}

void writer_zeros(struct writer *w, size_t n)
{
	uint8_t *room = n != 0 ? writer_room(w, n) : NULL;

	if (room != NULL)
		memset(room, 0, n);
}

void writer_u8(struct writer *w, uint8_t value)
{
	writer_bytes(w, &value, 1);
}

void writer_u16(struct writer *w, uint16_t value)
{
	be16 wire = be16_from_host(value);

	writer_bytes(w, &wire, sizeof(wire));
}

void writer_u32(struct writer *w, uint32_t value)
{
	be32 wire = be32_from_host(value);

	writer_bytes(w, &wire, sizeof(wire));
}

size_t writer_open(struct writer *w, uint32_t bytes)
{
	writer_zeros(w, bytes);
	return w->used;
}

void writer_close(struct writer *w, size_t mark, uint32_t bytes)
{
	size_t length;

	if (w->failed)
		return;
	length = w->used - mark;
	if (length >> (8 * bytes) != 0) {
		w->failed = true;
		return;
	}
	for (uint32_t i = 1; i <= bytes; i++, length >>= 8)
		w->base[mark - i] = (uint8_t)length;
}
