// SPDX-License-Identifier: BSD-3-Clause
#include "io/offload/partial.h"

#include "pkt/checksum.h"

// A place in a chain.
struct place {
	const struct buffer *buffer;
	uint32_t offset;
};

static struct place place_at(const struct buffer *chain, uint32_t from)
{
	const struct buffer *b = chain;

	while (from >= b->length && b->next) {
		from -= b->length;
		b = b->next;
	}
	return (struct place){b, from};
}

// The sum of a piece that begins at an odd byte has its bytes the other way round (RFC 1071 section
// 2 B).
static uint64_t piece_sum(const uint8_t *data, uint32_t length, bool odd)
{
	uint64_t sum = checksum_bytes(data, length, 0);

	return odd ? __builtin_bswap16(checksum_fold(sum)) : sum;
}

void partial_checksum_complete(struct buffer *chain, uint32_t from, uint32_t length, uint32_t at)
{
	struct place place = place_at(chain, from);
	uint64_t sum = 0;
	bool odd = false;

	while (length > 0) {
		uint32_t n = u32_min(length, place.buffer->length - place.offset);

		sum = checksum_add(
			sum, piece_sum(buffer_data(place.buffer) + place.offset, n, odd));
		odd ^= n & 1;
		length -= n;
		place = (struct place){place.buffer->next, 0};
	}
	// Zero would say "no checksum" in UDP, and both forms are the same number to a receiver.
	be16_store(buffer_data(chain) + at, checksum_finish_udp(sum));
}
