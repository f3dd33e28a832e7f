// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Bytes that come to a read buffer in every way that a transport may bring them: whole or in pieces
// of any size, to a slab at any address that holds much or just enough. Its memory ends where its
// padding does.

#include <stdint.h>
#include <stdlib.h>

#include "nexwire/buffer.h"

enum {
	FEED_WAYS = 7,
	FEED_LARGE = 1 << 19
};

struct feed_way {
	size_t slab;
	size_t piece;
	size_t shift; // of the slab, from an aligned address
};

// Way 0 is whole, aligned and large. least: the smallest slab that must do.
static inline struct feed_way feed_way(int i, size_t least)
{
	static const size_t pieces[FEED_WAYS] = {SIZE_MAX, 1, 2, 3, 7, 64, 1000};

	return (struct feed_way){.slab = i == 0  ? FEED_LARGE
					 : i % 2 ? least
						 : 4 * least,
		.piece = pieces[i],
		.shift = (size_t)i};
}

struct feed {
	struct nx_read_buffer *in;
	uint8_t *memory;
	const uint8_t *bytes; // that have not come yet
	size_t left;
	size_t piece;
};

// Makes *in, which is the caller's until feed_end.
static inline void feed_begin(
	struct feed *feed, struct nx_read_buffer *in, const struct feed_way *way)
{
	size_t bytes = way->slab + NX_READ_PADDING;

	*feed = (struct feed){.in = in, .memory = malloc(way->shift + bytes), .piece = way->piece};
	if (feed->memory == NULL ||
		nx_read_buffer_init(in, feed->memory + way->shift, bytes) != NX_BUFFER_OK)
		abort();
}

static inline void feed_end(struct feed *feed)
{
	free(feed->memory);
	feed->memory = NULL;
}

// The next piece, or what of it there is room for. False: nothing has come.
static inline bool feed_more(struct feed *feed)
{
	size_t n = nx_read_buffer_feed(
		feed->in, feed->bytes, feed->left < feed->piece ? feed->left : feed->piece);

	feed->bytes += n;
	feed->left -= n;
	return n > 0;
}
