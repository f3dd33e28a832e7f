// SPDX-License-Identifier: BSD-3-Clause
// A kernel port's way: a virtio-net header and a frame in, parsed, and made fit for a port that can
// do nothing. Input: the header, a byte that says where the first buffer ends, the frame.
#include "io/kernel/vnet.h"
#include "io/offload/offload.h"
#include "pkt/parse.h"

enum {
	ROOM = 128,
	HEADERS = PARSE_HEADERS_WANTED
};

static const struct port bare = {.mtu = 1500, .max_frame = 1518};

static struct buffer *piece(const uint8_t *data, uint32_t length)
{
	struct buffer *b = buffer_heap_get(&buffer_heap_source, length);

	if (!b)
		abort();
	memcpy(buffer_data(b), data, length);
	b->length = (uint16_t)length;
	b->total_length = length;
	return b;
}

static struct buffer *chain(const uint8_t *data, uint32_t length, uint32_t split)
{
	struct buffer *b = piece(data, u32_min(split, length));

	if (split < length) {
		b->next = piece(data + split, length - split);
		b->segments = 2;
		b->total_length = length;
	}
	return b;
}

static bool parse(struct buffer *b, struct packet *p)
{
	bool partial = (b->offload & BUFFER_RX_CHECKSUM_MASK) == BUFFER_RX_CHECKSUM_PARTIAL;
	struct parse_context context = {
		.data = buffer_data(b),
		.contiguous = b->length,
		.frame = b->total_length,
		.offload = (partial ? PARSE_L4_PARTIAL : 0) |
			   (b->offload & BUFFER_RX_LRO ? PARSE_SEGMENTED : 0),
		.segment_size = buffer_segment_size(b),
	};

	p->buffer = b;
	return packet_parse(p, &context) == PARSE_OK && p->length == b->total_length;
}

static void leave(struct packet *p)
{
	struct buffer *out[ROOM];
	enum drop_reason reason = DROP_NONE;
	uint16_t n = offload_prepare(&bare, p, 1500, &buffer_heap_source, out, ROOM, &reason);

	if (n == 0 && reason == DROP_NONE)
		abort();
	if (n == 0)
		buffer_heap_put(&buffer_heap_source, p->buffer);
	for (uint16_t i = 0; i < n; i++) {
		if (out[i]->total_length > bare.max_frame || out[i]->next)
			abort();
		buffer_heap_put(&buffer_heap_source, out[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct virtio_net_hdr header;
	struct packet p = {0};
	struct buffer *b;

	if (size < sizeof(header) + 2 || size > 60000)
		return 0;
	memcpy(&header, data, sizeof(header));
	b = chain(data + sizeof(header) + 1, (uint32_t)(size - sizeof(header) - 1),
		HEADERS + data[sizeof(header)]);
	if (vnet_receive(&header, 0, b) == VNET_OK && parse(b, &p))
		leave(&p);
	else
		buffer_heap_put(&buffer_heap_source, b);
	if (buffer_heap_alive() != 0)
		abort();
	return 0;
}
