// SPDX-License-Identifier: BSD-3-Clause

#include "rig/frame.h"

#include <netinet/in.h>

#include "pkt/checksum.h"
#include "pkt/parse.h"

static uint32_t write_ethernet(const struct frame *f, uint8_t *out)
{
	bool v6 = !ip_address_is_v4(&f->key.source);
	uint32_t at = 12;

	memcpy(out, f->destination_mac.bytes, 6);
	memcpy(out + 6, f->source_mac.bytes, 6);
	if (f->vlan) {
		be16_store(out + at, be16_from_host(0x8100));
		be16_store(out + at + 2, be16_from_host(f->vlan));
		at += 4;
	}
	be16_store(out + at, be16_from_host(v6 ? 0x86dd : 0x0800));
	return at + 2;
}

static uint32_t write_ip(const struct frame *f, uint8_t *ip, uint32_t content)
{
	uint8_t hops = f->hop_limit ? f->hop_limit : 64;

	if (!ip_address_is_v4(&f->key.source)) {
		memset(ip, 0, 40);
		ip[0] = 0x60;
		be16_store(ip + 4, be16_from_host((uint16_t)content));
		ip[6] = f->key.protocol;
		ip[7] = hops;
		memcpy(ip + 8, f->key.source.bytes, 16);
		memcpy(ip + 24, f->key.destination.bytes, 16);
		return 40;
	}
	memset(ip, 0, 20);
	ip[0] = 0x45;
	be16_store(ip + 2, be16_from_host((uint16_t)(20 + content)));
	be16_store(ip + 6, be16_from_host(0x4000)); // DF
	ip[8] = hops;
	ip[9] = f->key.protocol;
	be32_store(ip + 12, f->key.source.words[3]);
	be32_store(ip + 16, f->key.destination.words[3]);
	be16_store(ip + 10, checksum_finish(checksum_bytes(ip, 20, 0)));
	return 20;
}

static uint32_t transport_header(const struct frame *f)
{
	return f->key.protocol == IPPROTO_TCP ? 20u + f->options_length : 8u;
}

static void write_transport(const struct frame *f, uint8_t *l4)
{
	uint32_t header = transport_header(f);

	memset(l4, 0, header);
	be16_store(l4, f->key.source_port);
	be16_store(l4 + 2, f->key.destination_port);
	if (f->key.protocol == IPPROTO_TCP) {
		be32_store(l4 + 4, be32_from_host(f->sequence));
		be32_store(l4 + 8, be32_from_host(f->acknowledgement));
		l4[12] = (uint8_t)(header / 4 << 4);
		l4[13] = f->tcp_flags;
		be16_store(l4 + 14, be16_from_host(f->window));
		if (f->options_length)
			memcpy(l4 + 20, f->options, f->options_length);
	} else {
		be16_store(l4 + 4, be16_from_host((uint16_t)(header + f->payload)));
	}
	for (uint32_t i = 0; i < f->payload; i++)
		l4[header + i] = (uint8_t)(f->seed + i);
	if (f->content)
		memcpy(l4 + header, f->content, u32_min(f->content_length, f->payload));
}

static bool parse(uint8_t *bytes, uint32_t length, struct packet *out)
{
	struct parse_context context = {.data = bytes, .contiguous = length, .frame = length};

	return packet_parse(out, &context) == PARSE_OK;
}

uint32_t frame_write(const struct frame *f, uint8_t *out)
{
	uint32_t content = transport_header(f) + f->payload;
	uint32_t l2 = write_ethernet(f, out);
	uint32_t l3 = write_ip(f, out + l2, content);
	uint32_t length = l2 + l3 + content;
	struct checksum_span span = {out, length};
	struct packet p;

	write_transport(f, out + l2 + l3);
	if (parse(out, length, &p))
		packet_checksum_fill(&p, &span, 1);
	return length;
}

struct buffer *frame_buffer(struct buffer_source *source, const uint8_t *bytes, uint32_t length)
{
	struct buffer *b = source->get(source, length);

	if (!b)
		return NULL;
	memcpy(buffer_data(b), bytes, length);
	b->length = (uint16_t)length;
	b->total_length = length;
	return b;
}

bool frame_read(const uint8_t *bytes, uint32_t length, struct packet *out)
{
	struct checksum_span span = {bytes, length};

	return parse((uint8_t *)(uintptr_t)bytes, length, out) &&
	       packet_checksum_verify(out, &span, 1, false) == PARSE_OK;
}
