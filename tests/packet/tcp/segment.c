// SPDX-License-Identifier: BSD-3-Clause
#include "segment.h"

#include <netinet/in.h>

#include "core/chain.h"
#include "pkt/bytes.h"
#include "pkt/parse.h"
#include "pkt/rewrite.h"
#include "pkt/tcp_options.h"

enum {
	IPV4_BYTES = 20,
	IPV6_BYTES = 40,
	TCP_BYTES = 20,
	TCP_OPTIONS_MOST = 40,
	OPTION_MSS = 2,
	OPTION_SCALE = 3,
	OPTION_SACK_PERMITTED = 4,
	OPTION_SACK = 5,
	OPTION_TIMESTAMPS = 8,
};

static uint8_t *put32(uint8_t *at, uint32_t value)
{
	be32_store(at, be32_from_host(value));
	return at + 4;
}

// Each option padded to four bytes in front, as most stacks do.
static uint32_t options_write(const struct segment *s, uint8_t *out)
{
	uint8_t *at = out;

	if (s->has_mss)
		at = put32(at, (uint32_t)OPTION_MSS << 24 | 4 << 16 | s->mss);
	if (s->sack_permitted)
		at = put32(at, 0x01010000 | OPTION_SACK_PERMITTED << 8 | 2);
	if (s->has_timestamps) {
		at = put32(at, 0x01010000 | OPTION_TIMESTAMPS << 8 | 10);
		at = put32(at, s->timestamp);
		at = put32(at, s->timestamp_echo);
	}
	if (s->has_scale)
		at = put32(at, 0x01000000 | OPTION_SCALE << 16 | 3 << 8 | s->scale);
	if (s->sack_count > 0) {
		at = put32(at, 0x01010000 | OPTION_SACK << 8 | (2u + 8u * s->sack_count));
		for (uint8_t i = 0; i < s->sack_count; i++) {
			at = put32(at, s->sack[i].from);
			at = put32(at, s->sack[i].to);
		}
	}
	memcpy(at, s->raw, s->raw_bytes);
	return ((uint32_t)(at - out) + s->raw_bytes + 3) & ~3u;
}

static uint32_t ip_write(const struct segment *s, uint8_t *ip, uint32_t l4_bytes)
{
	if (!ip_address_is_v4(&s->key.source)) {
		put32(ip, 0x60000000 | (uint32_t)s->dscp << 22 | (uint32_t)s->ecn << 20);
		be16_store(ip + 4, be16_from_host((uint16_t)l4_bytes));
		ip[6] = IPPROTO_TCP;
		ip[7] = s->hop_limit ? s->hop_limit : 64;
		memcpy(ip + 8, s->key.source.bytes, 16);
		memcpy(ip + 24, s->key.destination.bytes, 16);
		return IPV6_BYTES;
	}
	put32(ip, 0x45000000 | (uint32_t)s->dscp << 18 | (uint32_t)s->ecn << 16 |
			  (IPV4_BYTES + l4_bytes));
	put32(ip + 4, 0x00004000);
	put32(ip + 8, (s->hop_limit ? s->hop_limit : 64u) << 24 | IPPROTO_TCP << 16);
	be32_store(ip + 12, s->key.source.words[3]);
	be32_store(ip + 16, s->key.destination.words[3]);
	be16_store(ip + 10, checksum_finish(checksum_bytes(ip, IPV4_BYTES, 0)));
	return IPV4_BYTES;
}

struct buffer *segment_write(const struct segment *s)
{
	uint8_t options[96] = {0};
	uint32_t option_bytes = options_write(s, options);
	uint32_t l4_bytes = TCP_BYTES + option_bytes + s->length;
	struct buffer *b = buffer_heap_get(
		&buffer_heap_source, SEGMENT_ETHERNET_BYTES + IPV6_BYTES + l4_bytes);
	uint8_t *ip = buffer_data(b) + SEGMENT_ETHERNET_BYTES;
	uint32_t ip_bytes;
	uint8_t *tcp;

	memset(buffer_data(b), 0, SEGMENT_ETHERNET_BYTES + IPV6_BYTES + l4_bytes);
	ip_bytes = ip_write(s, ip, l4_bytes);
	tcp = ip + ip_bytes;
	be16_store(tcp, s->key.source_port);
	be16_store(tcp + 2, s->key.destination_port);
	put32(tcp + 4, s->sequence);
	put32(tcp + 8, s->acknowledgement);
	nx_bug_on(option_bytes > TCP_OPTIONS_MOST);
	tcp[12] = (uint8_t)((TCP_BYTES + option_bytes) / 4 << 4 | s->reserved);
	tcp[13] = s->flags;
	be16_store(tcp + 14, be16_from_host(s->window));
	be16_store(tcp + 18, be16_from_host(s->urgent));
	memcpy(tcp + TCP_BYTES, options, option_bytes);
	for (uint32_t i = 0; i < s->length; i++)
		tcp[TCP_BYTES + option_bytes + i] = segment_pattern(s->position + i);
	be16_store(tcp + TCP_CHECKSUM_OFFSET,
		checksum_finish(checksum_bytes(tcp, l4_bytes,
			checksum_pseudo(
				&s->key.source, &s->key.destination, IPPROTO_TCP, l4_bytes))));
	b->offset = (uint16_t)(b->offset + SEGMENT_ETHERNET_BYTES);
	b->length = (uint16_t)(ip_bytes + l4_bytes);
	b->total_length = b->length;
	segment_wrap(b, ip_bytes == IPV6_BYTES);
	return b;
}

void segment_wrap(struct buffer *b, bool v6)
{
	uint8_t *frame = buffer_data(b) - SEGMENT_ETHERNET_BYTES;

	memset(frame, 0, SEGMENT_ETHERNET_BYTES - 2);
	frame[0] = 2; // stations of their own, no group
	frame[6] = 2;
	be16_store(frame + SEGMENT_ETHERNET_BYTES - 2, be16_from_host(v6 ? 0x86dd : 0x0800));
	b->offset = (uint16_t)(b->offset - SEGMENT_ETHERNET_BYTES);
	b->length = (uint16_t)(b->length + SEGMENT_ETHERNET_BYTES);
	b->total_length += SEGMENT_ETHERNET_BYTES;
}

bool segment_parse(struct buffer *frame, struct packet *out)
{
	struct parse_context context = {
		.data = buffer_data(frame),
		.contiguous = frame->length,
		.frame = frame->total_length,
	};
	struct checksum_span spans[64];
	uint32_t count = 0;

	memset(out, 0, sizeof(*out));
	out->buffer = frame;
	if (packet_parse(out, &context) != PARSE_OK || out->kind != PACKET_TCP)
		return false;
	for (const struct buffer *b = frame; b && count < nx_array_size(spans); b = b->next)
		spans[count++] = (struct checksum_span){buffer_data(b), b->length};
	return packet_checksum_verify(out, spans, count, false) == PARSE_OK;
}

static uint32_t load32(const uint8_t *at)
{
	return be32_to_host(be32_load(at));
}

static void sack_read(const struct packet *p, struct segment *out)
{
	const uint8_t *at = p->data + p->l4 + TCP_BYTES;
	const uint8_t *end = p->data + p->l4 + p->tcp_header_length;

	while (at < end && *at != 0) {
		if (*at == 1) {
			at++;
			continue;
		}
		if (at + 1 >= end || at[1] < 2 || at + at[1] > end)
			return;
		for (uint8_t i = 0;
			*at == OPTION_SACK && 2 + 8 * (i + 1) <= at[1] && i < SEGMENT_SACK_MOST;
			i++)
			out->sack[out->sack_count++] = (struct segment_range){
				load32(at + 2 + 8 * i), load32(at + 6 + 8 * i)};
		at += at[1];
	}
}

static void kinds_read(const struct packet *p, struct segment *out)
{
	const uint8_t *at = p->data + p->l4 + TCP_BYTES;
	const uint8_t *end = p->data + p->l4 + p->tcp_header_length;

	while (at < end) {
		bool is_short = *at < 2 || at + 1 >= end || at[1] < 2;

		out->kinds[out->kind_count++] = *at;
		at += is_short ? 1 : at[1];
	}
}

void segment_read(const struct packet *p, struct segment *out)
{
	const uint8_t *ip = p->data + p->l3;
	struct tcp_options options = {0};

	*out = (struct segment){
		.key = p->key,
		.sequence = be32_to_host(p->tcp_sequence),
		.acknowledgement = be32_to_host(p->tcp_acknowledgement),
		.length = packet_payload_length(p),
		.window = be16_to_host(p->tcp_window),
		.urgent = be16_to_host(be16_load(p->data + p->l4 + 18)),
		.flags = p->tcp_flags,
		.hop_limit = ip[p->flags & PACKET_IS_V6 ? 7 : 8],
		.reserved = p->data[p->l4 + 12] & 0xf,
		.ecn = p->flags & PACKET_IS_V6 ? ip[1] >> 4 & 3 : ip[1] & 3,
		.dscp = p->flags & PACKET_IS_V6 ? (ip[0] & 0xf) << 2 | ip[1] >> 6 : ip[1] >> 2,
	};
	if (tcp_options_parse(p, &options) == TCP_OPTIONS_OK) {
		out->has_mss = options.has_mss;
		out->mss = options.mss;
		out->has_scale = options.has_window_scale;
		out->scale = options.window_scale;
		out->sack_permitted = options.sack_permitted;
		out->has_timestamps = options.has_timestamps;
		out->timestamp = options.timestamp;
		out->timestamp_echo = options.timestamp_echo;
	}
	sack_read(p, out);
	kinds_read(p, out);
	if (!(p->flags & PACKET_IS_V6))
		out->packet_id = be16_to_host(be16_load(ip + 4));
}

// Whether everything behind the end of the options is zero.
static bool is_padded_with_zeros(const struct packet *p)
{
	const uint8_t *at = p->data + p->l4 + TCP_BYTES;
	const uint8_t *end = p->data + p->l4 + p->tcp_header_length;
	uint8_t rest = 0;

	while (at < end && *at != 0)
		at += *at == 1 ? 1 : at + 1 < end && at[1] >= 2 ? at[1] : end - at;
	while (at < end)
		rest |= *at++;
	return rest == 0;
}

const char *segment_fault(const struct packet *p, const struct segment *s)
{
	struct tcp_options options;

	if (tcp_options_parse(p, &options) != TCP_OPTIONS_OK)
		return "a segment with malformed options was sent";
	if (s->reserved != 0)
		return "a segment with a reserved bit was sent";
	if (!is_padded_with_zeros(p))
		return "options were padded with something else than zeros";
	if (!(s->flags & TCP_FLAG_SYN) && (s->has_mss || s->has_scale || s->sack_permitted))
		return "an option of SYN segments was sent on another";
	if (((s->flags & TCP_FLAG_URG) != 0) != (s->urgent != 0))
		return "an urgent pointer was sent without URG, or URG without one";
	if (s->length == 0 && s->ecn != 0)
		return "a segment without data was sent as ECN-capable";
	return NULL;
}

bool segment_payload_is(const struct packet *p, uint64_t position)
{
	uint32_t skip = p->payload;
	uint32_t left = packet_payload_length(p);

	for (const struct buffer *b = p->buffer; b && left > 0; b = b->next) {
		for (uint32_t i = skip < b->length ? skip : b->length; i < b->length && left > 0;
			i++, left--)
			if (buffer_data(b)[i] != segment_pattern(position++))
				return false;
		skip = skip > b->length ? skip - b->length : 0;
	}
	return left == 0;
}

const char *segment_print(const struct segment *s, uint32_t sequence_base,
	uint32_t acknowledgement_base, char *out, size_t size)
{
	static const char letters[] = "FSRPAUEC";
	size_t used = 0;

	for (unsigned int i = 0; i < 8; i++)
		if (s->flags & 1u << i && used + 1 < size)
			out[used++] = letters[i];
	used += (size_t)snprintf(out + used, size - used, " %d+%u ack %d win %u",
		(int)(s->sequence - sequence_base), s->length,
		s->flags & TCP_FLAG_ACK ? (int)(s->acknowledgement - acknowledgement_base) : 0,
		s->window);
	if (s->flags & TCP_FLAG_URG && used < size)
		used += (size_t)snprintf(out + used, size - used, " urgent %u", s->urgent);
	if (s->has_mss && used < size)
		used += (size_t)snprintf(out + used, size - used, " mss %u", s->mss);
	if (s->has_scale && used < size)
		used += (size_t)snprintf(out + used, size - used, " scale %u", s->scale);
	if (s->sack_permitted && used < size)
		used += (size_t)snprintf(out + used, size - used, " sackable");
	if (s->has_timestamps && used < size)
		used += (size_t)snprintf(out + used, size - used, " ts");
	for (uint8_t i = 0; i < s->sack_count && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, " sack %d-%d",
			(int)(s->sack[i].from - acknowledgement_base),
			(int)(s->sack[i].to - acknowledgement_base));
	return out;
}
