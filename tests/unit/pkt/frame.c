// SPDX-License-Identifier: BSD-3-Clause
#include "frame.h"

#include <netinet/in.h>
#include <stdlib.h>

static const uint8_t source6[16] = {0xfd, 0, 0, 1, [15] = 9};
static const uint8_t destination6[16] = {0xfd, 0, 0, 2, [15] = 1};

static uint32_t transport_header(const struct frame_spec *s)
{
	return s->protocol == IPPROTO_TCP ? 20u + s->tcp_options_length : 8u;
}

static void write16(uint8_t *p, unsigned value)
{
	be16_store(p, be16_from_host((uint16_t)value));
}

static void write_ip(const struct frame_spec *s, struct frame *f, uint32_t transport)
{
	uint8_t *ip = f->bytes + f->l3;

	if (s->v6) {
		ip[0] = 0x60;
		write16(ip + 4, transport);
		ip[6] = s->protocol;
		ip[7] = 64;
		memcpy(ip + 8, source6, 16);
		memcpy(ip + 24, destination6, 16);
		return;
	}
	ip[0] = (uint8_t)(0x45 + s->ip_options_length / 4);
	write16(ip + 2, 20u + s->ip_options_length + transport);
	write16(ip + 6, 0x4000);
	ip[8] = 64;
	ip[9] = s->protocol;
	memcpy(ip + 12, (const uint8_t[]){10, 1, 0, 9, 10, 2, 0, 1}, 8);
	memset(ip + 20, 1, s->ip_options_length);
	frame_mend_ipv4(f);
}

static void write_transport(const struct frame_spec *s, uint8_t *h, uint32_t length)
{
	uint32_t header = transport_header(s);

	for (uint32_t i = header; i < length; i++)
		h[i] = (uint8_t)(i * 37 + 11);
	if (s->protocol == IPPROTO_TCP || s->protocol == IPPROTO_UDP) {
		write16(h, 40000);
		write16(h + 2, 9000);
	} else {
		h[0] = s->protocol == IPPROTO_ICMP ? 8 : 128;
	}
	if (s->protocol == IPPROTO_UDP)
		write16(h + 4, length);
	if (s->protocol != IPPROTO_TCP)
		return;
	be32_store(h + 4, htobe32(0x11223344));
	be32_store(h + 8, htobe32(0x55667788));
	h[12] = (uint8_t)(header / 4 << 4);
	h[13] = s->tcp_flags ? s->tcp_flags : TCP_FLAG_ACK;
	write16(h + 14, 512);
	memcpy(h + 20, s->tcp_options, s->tcp_options_length);
}

struct frame frame_make(const struct frame_spec *s)
{
	uint32_t transport = transport_header(s) + s->payload;
	struct frame f = {.l3 = s->vlan ? 18 : 14};
	struct checksum_span span;
	struct packet p;

	f.l4 = (uint16_t)(f.l3 + (s->v6 ? 40u : 20u + s->ip_options_length));
	f.length = f.l4 + transport + s->padding;
	f.bytes = calloc(1, f.length);
	memcpy(f.bytes, (const uint8_t[]){2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}, 12);
	if (s->vlan) {
		write16(f.bytes + 12, 0x8100);
		write16(f.bytes + 14, 0xa064);
	}
	write16(f.bytes + f.l3 - 2, s->v6 ? 0x86dd : 0x0800);
	write_ip(s, &f, transport);
	write_transport(s, f.bytes + f.l4, transport);
	span = (struct checksum_span){f.bytes, f.length};
	if (frame_parse(&f, 0, &p) == PARSE_OK)
		packet_checksum_fill(&p, &span, 1);
	return f;
}

void frame_free(struct frame *frame)
{
	free(frame->bytes);
	frame->bytes = NULL;
}

void frame_mend_ipv4(struct frame *frame)
{
	uint8_t *ip = frame->bytes + frame->l3;

	write16(ip + 10, 0);
	be16_store(ip + 10, checksum_finish(checksum_bytes(ip, (ip[0] & 15) * 4u, 0)));
}

enum parse_verdict frame_parse(const struct frame *frame, uint32_t offload, struct packet *p)
{
	struct parse_context c = {.data = frame->bytes,
		.contiguous = frame->length,
		.frame = frame->length,
		.offload = offload};

	return packet_parse(p, &c);
}

bool frame_checksum_is_right(const struct packet *p)
{
	struct checksum_span span = {p->data, p->length};
	struct packet copy = *p;

	copy.flags &= (uint16_t) ~(PACKET_CHECKSUM_GOOD | PACKET_CHECKSUM_PARTIAL);
	return packet_checksum_verify(&copy, &span, 1, false) == PARSE_OK;
}
