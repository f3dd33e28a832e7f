// SPDX-License-Identifier: BSD-3-Clause
// Frames of any content over a link of any valid configuration, changed under way: nothing is
// written beyond a frame, nothing comes out before its time or against the rate, and every frame is
// either refused or comes out.
#include "pkt/bytes.h"
#include "shape/link.h"

enum {
	CAPACITY = 16,
	FRAME_MOST = 200,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p;
	const uint8_t *end;
};

static uint32_t take(struct input *in)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < 4; i++)
		value = value << 8 | (in->p < in->end ? *in->p++ : 0u);
	return value;
}

static struct shape_config take_config(struct input *in)
{
	return (struct shape_config){
		.rate_bps = take(in),
		.seed = take(in),
		.delay_us = take(in) % 100000,
		.jitter_us = take(in) % 100000,
		.jitter = take(in) & 1,
		.frame = take(in) & 1,
		.loss = take(in) % SHAPE_WHOLE,
		.loss_burst = take(in) % 9,
		.reorder = take(in) % (SHAPE_WHOLE + 1),
		.duplicate = take(in) % (SHAPE_WHOLE + 1),
		.corrupt = take(in) % (SHAPE_WHOLE + 1),
		.queue_bytes = take(in) % 5000,
		.queue_packets = take(in) % 10,
		.mark_bytes = take(in) % 500,
		.mtu = take(in) % 1600,
	};
}

// A chain of two buffers, or one that somebody else holds too, at the input's wish.
static struct buffer *take_frame(struct input *in, uint32_t shape)
{
	uint32_t length = 1 + shape % FRAME_MOST;
	uint32_t first = shape & 0x10000 && length > 1 ? length / 2 : length;
	struct buffer *b = buffer_heap_get(&buffer_heap_source, first);

	for (uint32_t i = 0; i < first; i++)
		buffer_data(b)[i] = in->p < in->end ? *in->p++ : 0x45;
	b->length = (uint16_t)first;
	b->total_length = length;
	if (first < length) {
		b->next = buffer_heap_get(&buffer_heap_source, length - first);
		memset(buffer_data(b->next), 0x45, length - first);
		b->next->length = (uint16_t)(length - first);
		b->segments = 2;
	}
	return b;
}

static uint32_t receive(struct shape_link *link, usec_t now)
{
	struct buffer *out[CAPACITY];
	uint32_t n = shape_link_receive(link, out, CAPACITY, now);

	for (uint32_t i = 0; i < n; i++)
		buffer_heap_put(&buffer_heap_source, out[i]);
	nx_bug_on(n < CAPACITY && shape_link_next(link) <= now);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};
	struct shape_config config = take_config(&in);
	const struct shape_counters *counters;
	struct shape_link *link;
	uint64_t taken = 0, given = 0;
	usec_t now = 0;

	nx_bug_on(!shape_config_is_valid(&config));
	nx_bug_on(shape_link_create(&config, CAPACITY, &buffer_heap_source, &link) != 0);
	counters = shape_link_counters(link);
	while (in.p < in.end) {
		uint32_t what = take(&in);
		struct buffer *held = NULL;

		now += what % 3000;
		given += receive(link, now);
		if ((what >> 24) % 16 == 0) {
			config = take_config(&in);
			shape_link_change(link, &config);
			continue;
		}
		struct buffer *b = take_frame(&in, what);

		if (what & 0x20000)
			buffer_hold(held = b);
		if (shape_link_send(link, b, now) == SHAPE_SENT)
			taken++;
		else
			buffer_heap_put(&buffer_heap_source, b);
		if (held)
			buffer_heap_put(&buffer_heap_source, held);
	}
	nx_bug_on(taken != counter_read(&counters->sent));
	nx_bug_on(taken + counter_read(&counters->duplicated) !=
		  given + counter_read(&counters->under_way));
	shape_link_destroy(link);
	nx_bug_on(buffer_heap_alive() != 0);
	return 0;
}
