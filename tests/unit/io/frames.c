// SPDX-License-Identifier: BSD-3-Clause
#include "frames.h"

#include <netinet/in.h>

// Byte by byte, nothing shared with the code under test.
static uint32_t sum_bytes(const uint8_t *p, uint32_t n, uint32_t sum)
{
	for (uint32_t i = 0; i < n; i++) {
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

uint32_t frame_l2(const struct frame_shape *shape)
{
	return shape->vlan ? 18 : 14;
}

uint32_t frame_l4(const struct frame_shape *shape)
{
	return frame_l2(shape) + (shape->v6 ? 40 : 20);
}

uint32_t frame_payload(const struct frame_shape *shape)
{
	return frame_l4(shape) + (shape->tcp ? 20u + shape->tcp_options : 8u);
}

uint8_t frame_byte(uint32_t i)
{
	return (uint8_t)(i * 7 + (i >> 8) * 13 + 1);
}

static uint32_t pseudo(const struct frame_shape *shape, const uint8_t *ip, uint32_t covered)
{
	uint32_t sum = shape->v6 ? sum_bytes(ip + 8, 32, 0) : sum_bytes(ip + 12, 8, 0);
	uint8_t tail[4] = {(uint8_t)(covered >> 8), (uint8_t)covered, 0,
		shape->tcp ? IPPROTO_TCP : IPPROTO_UDP};

	return sum_bytes(tail, 4, sum);
}

static uint8_t *checksum_field(const struct frame_shape *shape, uint8_t *frame)
{
	return frame + frame_l4(shape) + (shape->tcp ? 16 : 6);
}

static void write_ip(const struct frame_shape *shape, uint8_t *ip, uint32_t length)
{
	if (shape->v6) {
		ip[0] = 0x60;
		put16(ip + 4, length - 40);
		ip[6] = shape->tcp ? IPPROTO_TCP : IPPROTO_UDP;
		ip[7] = 64;
		for (uint32_t i = 8; i < 40; i++)
			ip[i] = (uint8_t)(0xfd ^ i);
		return;
	}
	ip[0] = 0x45;
	put16(ip + 2, length);
	put16(ip + 4, 0xfffe); // wraps among the segments
	ip[8] = 64;
	ip[9] = shape->tcp ? IPPROTO_TCP : IPPROTO_UDP;
	memcpy(ip + 12, (uint8_t[]){10, 1, 0, 1, 10, 2, 0, 2}, 8);
	put16(ip + 10, ~sum_bytes(ip, 20, 0));
}

static void write_l4(const struct frame_shape *shape, uint8_t *l4, uint32_t covered)
{
	put16(l4, 40000);
	put16(l4 + 2, 80);
	if (!shape->tcp) {
		put16(l4 + 4, covered);
		return;
	}
	put16(l4 + 4, 0xffff); // the sequence number wraps too
	put16(l4 + 6, 0xfff0);
	l4[12] = (uint8_t)((20 + shape->tcp_options) / 4 << 4);
	l4[13] = shape->flags;
	put16(l4 + 14, 1000);
	memset(l4 + 20, 1, shape->tcp_options);
}

uint32_t frame_write(const struct frame_shape *shape, uint8_t *out)
{
	uint32_t l2 = frame_l2(shape), l4 = frame_l4(shape), headers = frame_payload(shape);
	uint32_t length = headers + shape->payload;
	uint32_t sum;

	memset(out, 0, headers);
	memcpy(out, (uint8_t[]){2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}, 12);
	if (shape->vlan)
		memcpy(out + 12, (uint8_t[]){0x81, 0, 0, 100}, 4);
	put16(out + l2 - 2, shape->v6 ? 0x86dd : 0x0800);
	write_ip(shape, out + l2, length - l2);
	write_l4(shape, out + l4, length - l4);
	for (uint32_t i = 0; i < shape->payload; i++)
		out[headers + i] = frame_byte(i);
	sum = sum_bytes(out + l4, length - l4, pseudo(shape, out + l2, length - l4));
	put16(checksum_field(shape, out), (uint16_t)~sum ? ~sum : 0xffff);
	return length;
}

void frame_make_partial(const struct frame_shape *shape, uint8_t *frame, uint32_t length)
{
	put16(checksum_field(shape, frame),
		pseudo(shape, frame + frame_l2(shape), length - frame_l4(shape)));
}

bool frame_is_right(const struct frame_shape *shape, const uint8_t *frame, uint32_t length)
{
	uint32_t l4 = frame_l4(shape);
	const uint8_t *ip = frame + frame_l2(shape);
	uint32_t said = shape->v6 ? get16(ip + 4) + 40 : get16(ip + 2);

	if (said != length - frame_l2(shape))
		return false;
	if (!shape->v6 && sum_bytes(ip, 20, 0) != 0xffff)
		return false;
	if (!shape->tcp && get16(frame + l4 + 4) != length - l4)
		return false;
	return sum_bytes(frame + l4, length - l4, pseudo(shape, ip, length - l4)) == 0xffff;
}

struct buffer *frame_chain(const uint8_t *frame, uint32_t length, uint32_t piece)
{
	struct buffer *head = NULL;
	struct buffer **tail = &head;
	uint16_t segments = 0;

	for (uint32_t at = 0; at < length; at += piece) {
		uint32_t n = u32_min(piece, length - at);
		struct buffer *b = buffer_heap_get(&buffer_heap_source, n);

		memcpy(buffer_data(b), frame + at, n);
		b->length = (uint16_t)n;
		*tail = b;
		tail = &b->next;
		segments++;
	}
	head->segments = segments;
	head->total_length = length;
	return head;
}

struct packet frame_packet(const struct frame_shape *shape, struct buffer *chain, uint32_t length)
{
	return (struct packet){
		.buffer = chain,
		.data = buffer_data(chain),
		.length = length,
		.l3 = (uint16_t)frame_l2(shape),
		.l4 = (uint16_t)frame_l4(shape),
		.payload = (uint16_t)frame_payload(shape),
		.flags = shape->v6 ? PACKET_IS_V6 : 0,
		.kind = shape->tcp ? PACKET_TCP : PACKET_UDP,
		.ip_protocol = shape->tcp ? IPPROTO_TCP : IPPROTO_UDP,
	};
}
