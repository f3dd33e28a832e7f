// SPDX-License-Identifier: BSD-3-Clause
// Fragments in any order, with any bounds, of a few datagrams at once. Each six bytes of input are
// one fragment: flags, identification and source, offset (2), length (2); its bytes follow from
// their place in the datagram, unless a flag spoils them. A datagram that comes out must be those
// bytes, and at the end every buffer must be back.
#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "core/buffer.h"
#include "l3/reassembly.h"
#include "pkt/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	BUFFERS = 50,
	STEP = 6,
	LENGTH_MAX = 0x1fff,
	FLAG_V6 = 1,
	FLAG_MORE = 2,
	FLAG_SPOILT = 4,
	FLAG_LATER = 8
};

static bool is_spoilt; // since then a datagram may hold other bytes

// What datagrams hold; the last fragment may reach beyond the largest one.
static uint8_t pattern[65536 + LENGTH_MAX];

static void make_pattern(void)
{
	for (uint32_t at = 0; pattern[1] == 0 && at < sizeof(pattern); at++)
		pattern[at] = (uint8_t)(at * 13 + at / 255);
}

static void expired(void *context, uint16_t netif, uint16_t l3, struct buffer *frame)
{
	assert(frame->length > l3 && frame->total_length == frame->length);
	buffer_heap_put(NULL, frame);
}

static void check(struct buffer *frame, bool v6)
{
	uint32_t at = 0, headers = v6 ? 54 : 34, bytes = 0;
	uint16_t segments = 0;

	for (struct buffer *b = frame; b; b = b->next) {
		const uint8_t *p = buffer_data(b);

		uint32_t from = bytes == 0 ? headers : 0;

		segments++;
		assert(is_spoilt || memcmp(p + from, pattern + at, b->length - from) == 0);
		at += b->length - from;
		bytes += b->length;
	}
	assert(segments == frame->segments && bytes == frame->total_length);
	assert(bytes <= 65535 + 14);
	buffer_heap_put(NULL, frame);
}

static size_t build(uint8_t *out, const uint8_t *op, bool v6)
{
	uint32_t at = (op[2] << 8 | op[3]) & 0xfff8u;
	uint32_t length = (op[4] << 8 | op[5]) & LENGTH_MAX;
	bool more = op[0] & FLAG_MORE;
	uint8_t *ip = out + 14;
	uint32_t headers = v6 ? 48 : 20;

	if (more)
		length &= ~7u;
	memset(out, 0, 14 + headers);
	be16_store(out + 12, be16_from_host(v6 ? 0x86dd : 0x0800));
	if (v6) {
		ip[0] = 0x60;
		be16_store(ip + 4, be16_from_host((uint16_t)(8 + length)));
		ip[6] = IPPROTO_FRAGMENT;
		ip[8] = ip[24] = 0xfd;
		ip[23] = op[1] >> 4;
		ip[39] = 1;
		ip[40] = IPPROTO_UDP;
		be16_store(ip + 42, be16_from_host((uint16_t)(at | more)));
		ip[47] = op[1] & 15;
	} else {
		ip[0] = 0x45;
		be16_store(ip + 2, be16_from_host((uint16_t)(20 + length)));
		ip[5] = op[1] & 15;
		be16_store(ip + 6, be16_from_host((uint16_t)(at / 8 | (more ? 0x2000 : 0))));
		ip[9] = IPPROTO_UDP;
		ip[12] = ip[16] = 10;
		ip[15] = op[1] >> 4;
		ip[19] = 1;
	}
	memcpy(ip + headers, pattern + at, length);
	if (length > 0 && (op[0] & FLAG_SPOILT)) {
		ip[headers] ^= 0xff;
		is_spoilt = true;
	}
	return 14 + headers + length;
}

static void give(struct reassembly *r, const uint8_t *op, usec_t now)
{
	static uint8_t bytes[14 + 48 + 8192];
	bool v6 = op[0] & FLAG_V6;
	size_t n = build(bytes, op, v6);
	struct buffer *b = buffer_heap_get(&buffer_heap_source, (uint32_t)n);
	uint16_t largest = 0;

	memcpy(buffer_data(b), bytes, n);
	b->length = (uint16_t)n;
	b->total_length = (uint32_t)n;
	struct packet p = {.buffer = b};
	struct parse_context context = {.data = buffer_data(b),
		.contiguous = b->length,
		.frame = b->length,
		.offload = PARSE_IP_GOOD};

	if (packet_parse(&p, &context) != PARSE_OK || p.kind != PACKET_FRAGMENT) {
		buffer_heap_put(NULL, b);
		return;
	}
	struct buffer *frame = reassembly_input(r, &p, now, &largest);

	assert(p.buffer == NULL);
	assert(reassembly_buffers(r) <= BUFFERS);
	if (frame) {
		assert(largest > 0);
		check(frame, v6);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct worker_stats stats;
	struct reassembly_config config = {.buffers = BUFFERS,
		.stats = &stats,
		.source = &buffer_heap_source,
		.expired = expired};
	struct reassembly *r;
	usec_t now = 1;

	if (reassembly_create(&config, &r) != 0)
		return 0;
	make_pattern();
	is_spoilt = false;
	for (; size >= STEP; data += STEP, size -= STEP) {
		if (data[0] & FLAG_LATER)
			now += 7 * USEC_PER_SECOND;
		reassembly_tick(r, now);
		give(r, data, now);
	}
	reassembly_destroy(r);
	assert(buffer_heap_alive() == 0);
	return 0;
}
