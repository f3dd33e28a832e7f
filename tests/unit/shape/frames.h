// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Numbered IPv4 frames for links, and links that must give everything back.

#include "pkt/checksum.h"
#include "shape/link.h"

static inline struct buffer *frame_make(uint32_t bytes, uint8_t number)
{
	struct buffer *b = buffer_heap_get(&buffer_heap_source, bytes);
	uint8_t *data = buffer_data(b);

	memset(data, 0x5a, bytes);
	b->length = (uint16_t)bytes;
	b->total_length = bytes;
	data[0] = number;
	be16_store(data + 12, be16_from_host(0x0800));
	data[14] = 0x45;
	data[15] = 0;
	be16_store(data + 24, be16_from_host(0));
	be16_store(data + 24, checksum_finish(checksum_bytes(data + 14, 20, 0)));
	return b;
}

static inline uint8_t frame_number(const struct buffer *b)
{
	return buffer_data(b)[0];
}

static inline bool frame_header_is_intact(const struct buffer *b)
{
	return checksum_fold(checksum_bytes(buffer_data(b) + 14, 20, 0)) == 0xffff;
}

static inline uint8_t frame_ecn(const struct buffer *b)
{
	return buffer_data(b)[15] & 3;
}

static inline void frame_set_ecn(struct buffer *b, uint8_t ecn)
{
	uint8_t *data = buffer_data(b);

	data[15] = ecn;
	be16_store(data + 24, be16_from_host(0));
	be16_store(data + 24, checksum_finish(checksum_bytes(data + 14, 20, 0)));
}

static inline void frame_put(struct buffer *b)
{
	buffer_heap_put(&buffer_heap_source, b);
}

static inline struct shape_link *link_make(const struct shape_config *config, uint32_t capacity)
{
	struct shape_link *link;

	assert_int_equal(shape_link_create(config, capacity, &buffer_heap_source, &link), 0);
	return link;
}

static inline void link_end(struct shape_link *link)
{
	shape_link_destroy(link);
	assert_int_equal(buffer_heap_alive(), 0);
}
