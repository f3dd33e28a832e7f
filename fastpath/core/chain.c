// SPDX-License-Identifier: BSD-3-Clause
#include "core/chain.h"

// The piece of a chain that holds byte `from`, and how much of it lies from there on.
struct piece {
	const struct buffer *buffer;
	const uint8_t *data;
	uint32_t length;
};

static struct piece piece_at(const struct buffer *chain, uint32_t from, uint32_t wanted)
{
	while (chain && from >= chain->length) {
		from -= chain->length;
		chain = chain->next;
	}
	if (!chain)
		return (struct piece){0};
	return (struct piece){.buffer = chain,
		.data = buffer_data(chain) + from,
		.length = u32_min(wanted, chain->length - from)};
}

static struct piece piece_after(struct piece p, uint32_t wanted)
{
	return piece_at(p.buffer->next, 0, wanted);
}

uint32_t chain_copy(const struct buffer *chain, uint32_t from, uint32_t length, uint8_t *out)
{
	uint32_t done = 0;

	for (struct piece p = piece_at(chain, from, length); p.buffer && done < length;
		p = piece_after(p, length - done)) {
		memcpy(out + done, p.data, p.length);
		done += p.length;
	}
	return done;
}

bool chain_equal(const struct buffer *chain, uint32_t from, uint32_t length, const uint8_t *bytes)
{
	uint32_t done = 0;

	for (struct piece p = piece_at(chain, from, length); p.buffer && done < length;
		p = piece_after(p, length - done)) {
		if (memcmp(bytes + done, p.data, p.length) != 0)
			return false;
		done += p.length;
	}
	return done == length;
}

void chain_trim(struct buffer *chain, uint32_t length, struct buffer_source *source)
{
	struct buffer *last = chain;
	uint16_t segments = 1;
	uint32_t left = length;

	if (length >= chain->total_length)
		return;
	while (left > last->length) {
		left -= last->length;
		last = last->next;
		segments++;
	}
	last->length = (uint16_t)left;
	chain->total_length = length;
	chain->segments = segments;
	if (!last->next)
		return;
	// Given back as a chain of its own: its head must describe it.
	struct buffer *rest = last->next;

	last->next = NULL;
	rest->segments = 0;
	rest->total_length = 0;
	for (const struct buffer *b = rest; b; b = b->next) {
		rest->segments++;
		rest->total_length += b->length;
	}
	source->put(source, rest);
}

struct buffer *chain_skip(struct buffer *chain, uint32_t length, struct buffer_source *source)
{
	uint32_t total = chain->total_length - length;

	while (chain && length >= chain->length) {
		struct buffer *next = chain->next;
		uint16_t segments = chain->segments;

		length -= chain->length;
		chain->next = NULL;
		chain->segments = 1;
		source->put(source, chain);
		chain = next;
		if (chain)
			chain->segments = segments - 1;
	}
	if (!chain)
		return NULL;
	chain->offset = (uint16_t)(chain->offset + length);
	chain->length = (uint16_t)(chain->length - length);
	chain->total_length = total;
	return chain;
}
