// SPDX-License-Identifier: BSD-3-Clause
#include "l3/datagram.h"

#include <netinet/in.h>

#include "core/chain.h"
#include "pkt/checksum.h"
#include "pkt/extensions.h"

enum {
	IP4_BYTES = 20,
	IP6_BYTES = 40,
	IP6_FRAGMENT_BYTES = 8,
	IP4_DF = 0x4000,
	IP4_MF = 0x2000,
	IP4_OFFSET = 0x1fff,
	IP_MAX = 65535,
	ECN_NONE = 0,
	ECN_CE = 3,
};

struct fragment fragment_read(const struct packet *packet)
{
	const uint8_t *ip = packet->data + packet->l3;
	struct fragment f = {.packet = packet,
		.length = packet->length - packet->payload,
		.v6 = packet->flags & PACKET_IS_V6};

	if (f.v6) {
		const uint8_t *header = packet->data + packet->payload - IP6_FRAGMENT_BYTES;
		uint16_t word = be16_to_host(be16_load(header + 2));

		f.identification = be32_to_host(be32_load(header + 4));
		f.offset = word & 0xfff8u;
		f.more = word & 1;
		f.congestion = ip[1] >> 4 & 3;
		return f;
	}

	uint16_t word = be16_to_host(be16_load(ip + 6));

	f.identification = be16_to_host(be16_load(ip + 4));
	f.offset = (word & IP4_OFFSET) * 8u;
	f.more = word & IP4_MF;
	f.dont_fragment = word & IP4_DF;
	f.congestion = ip[1] & 3;
	return f;
}

static uint32_t transport_header(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return 20;
	case IPPROTO_UDP:
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 8;
	default:
		return 1;
	}
}

bool fragment_is_acceptable(const struct fragment *f)
{
	const struct packet *p = f->packet;
	uint32_t contiguous = u32_min(p->length, p->buffer->length);
	struct ipv6_upper upper = {.protocol = p->ip_protocol};

	if (p->payload - p->l3 > REASSEMBLY_HEADERS_MAX || p->l3 > DATAGRAM_LINK_MAX)
		return false;
	if (f->offset > 0)
		return f->v6 || f->offset >= transport_header(p->ip_protocol);
	if (f->v6) {
		struct cursor c = {p->data + p->payload, p->data + contiguous};

		// A fragment header within a fragment is nobody's honest packet.
		if (contiguous < p->payload ||
			ipv6_extensions_walk(c, p->ip_protocol, &upper) != PARSE_OK ||
			upper.protocol == IPPROTO_FRAGMENT)
			return false;
	}
	return f->length >= upper.skipped + transport_header(upper.protocol);
}

static uint32_t chunk_of(uint32_t at)
{
	return at / REASSEMBLY_CHUNK;
}

uint32_t datagram_chunks_wanted(const struct datagram *d, const struct fragment *f)
{
	uint32_t wanted = 0;

	for (uint32_t i = chunk_of(f->offset); i <= chunk_of(f->offset + f->length - 1); i++)
		wanted += d->chunks[i] == NULL;
	return wanted;
}

// The first chunk leaves room for the headers before it.
static bool get_chunks(struct datagram *d, const struct fragment *f, struct buffer_source *source)
{
	for (uint32_t i = chunk_of(f->offset); i <= chunk_of(f->offset + f->length - 1); i++) {
		uint32_t room = i == 0 ? DATAGRAM_HEADERS_ROOM : 0;

		if (d->chunks[i])
			continue;
		d->chunks[i] = source->get(source, room + REASSEMBLY_CHUNK);
		if (!d->chunks[i])
			return false;
		d->chunks[i]->offset = (uint16_t)(d->chunks[i]->offset + room);
		d->held++;
	}
	return true;
}

// Walks the pieces of a fragment, chunk by chunk: copies them in, or compares.
static bool each_piece(struct datagram *d, const struct fragment *f, bool compare)
{
	uint32_t done = 0;

	while (done < f->length) {
		uint32_t at = f->offset + done;
		uint8_t *to = buffer_data(d->chunks[chunk_of(at)]) + at % REASSEMBLY_CHUNK;
		uint32_t length =
			u32_min(f->length - done, REASSEMBLY_CHUNK - at % REASSEMBLY_CHUNK);
		uint32_t from = f->packet->payload + done;

		if (compare && !chain_equal(f->packet->buffer, from, length, to))
			return false;
		if (!compare)
			chain_copy(f->packet->buffer, from, length, to);
		done += length;
	}
	return true;
}

static void keep_headers(struct datagram *d, const struct fragment *f)
{
	const struct packet *p = f->packet;

	d->l3 = p->l3;
	d->headers = (uint16_t)(p->payload - p->l3);
	d->netif = p->netif;
	d->port = p->buffer->port;
	d->first_length = f->length;
	d->congestion_first = f->congestion;
	memcpy(buffer_data(d->chunks[0]) - p->payload, p->data, p->payload);
}

// The end that a fragment shows must agree with all others.
static bool end_agrees(const struct datagram *d, const struct fragment *f)
{
	uint32_t end = f->offset + f->length;

	if (!f->more && d->total == 0)
		return !block_any(d->map.present, (end + 7) / BLOCK_BYTES, BLOCKS);
	if (d->total == 0)
		return true;
	return f->more ? end < d->total : end == d->total;
}

enum datagram_verdict datagram_add(
	struct datagram *d, const struct fragment *f, struct buffer_source *source)
{
	uint32_t end = f->offset + f->length;
	uint16_t ip_length = (uint16_t)(f->packet->length - f->packet->l3);

	if (!end_agrees(d, f))
		return DATAGRAM_MALFORMED;
	if (!get_chunks(d, f, source))
		return DATAGRAM_NO_BUFFER;
	switch (block_map_add(&d->map, f->offset / BLOCK_BYTES, (end + 7) / BLOCK_BYTES)) {
	case BLOCKS_NEW:
		break;
	case BLOCKS_REPEATED:
		return each_piece(d, f, true) ? DATAGRAM_REPEATED : DATAGRAM_OVERLAP;
	case BLOCKS_OVERLAP:
		return DATAGRAM_OVERLAP;
	}
	each_piece(d, f, false);
	d->fragments++;
	d->received += f->length;
	d->congestion_seen |= (uint8_t)(1 << f->congestion);
	if (!f->more)
		d->total = end;
	if (f->offset == 0)
		keep_headers(d, f);
	if (ip_length > d->largest)
		d->dont_fragment = f->dont_fragment;
	else if (ip_length == d->largest)
		d->dont_fragment |= f->dont_fragment;
	if (ip_length > d->largest)
		d->largest = ip_length;
	return DATAGRAM_KEPT;
}

bool datagram_is_complete(const struct datagram *d)
{
	return d->headers > 0 && d->total > 0 && d->received == d->total;
}

// RFC 3168 section 5.3: congestion that any fragment met is kept, unless another could not have met
// it.
static bool merge_congestion(const struct datagram *d, uint8_t *out)
{
	bool is_congested = d->congestion_seen & 1 << ECN_CE;
	bool is_deaf = d->congestion_seen & 1 << ECN_NONE;

	if (is_congested && is_deaf)
		return false;
	*out = is_congested ? ECN_CE : is_deaf ? ECN_NONE : d->congestion_first;
	return true;
}

static void finish_v4(const struct datagram *d, uint8_t *ip, uint8_t congestion)
{
	ip[1] = (uint8_t)((ip[1] & ~3) | congestion);
	be16_store(ip + 2, be16_from_host((uint16_t)(d->headers + d->total)));
	be16_store(ip + 6, be16_from_host(d->dont_fragment ? IP4_DF : 0));
	be16_store(ip + 10, 0);
	be16_store(ip + 10, checksum_finish(checksum_bytes(ip, d->headers, 0)));
}

// Takes the fragment header out: what is before it moves up, and names what the fragment header
// named.
static bool finish_v6(const struct datagram *d, uint8_t *ip, uint8_t congestion)
{
	uint32_t fragment = d->headers - IP6_FRAGMENT_BYTES;
	uint32_t named_at = 6;
	uint32_t at = IP6_BYTES;
	uint8_t *frame = ip - d->l3;

	while (ip[named_at] != IPPROTO_FRAGMENT && at < fragment) {
		named_at = at;
		at += (ip[at + 1] + 1u) * 8;
	}
	if (at != fragment || ip[named_at] != IPPROTO_FRAGMENT)
		return false;
	ip[named_at] = ip[fragment];
	ip[1] = (uint8_t)((ip[1] & ~0x30) | congestion << 4);
	be16_store(ip + 4, be16_from_host((uint16_t)(fragment - IP6_BYTES + d->total)));
	memmove(frame + IP6_FRAGMENT_BYTES, frame, d->l3 + fragment);
	return true;
}

// Moves the first chunk's beginning back over headers bytes.
static void expose_headers(struct buffer *b, uint32_t bytes)
{
	b->offset = (uint16_t)(b->offset - bytes);
	b->length = (uint16_t)(b->length + bytes);
}

static struct buffer *link_chunks(struct datagram *d)
{
	struct buffer *head = d->chunks[0];
	uint32_t last = chunk_of(d->total - 1);

	for (uint32_t i = 0; i <= last; i++) {
		d->chunks[i]->length =
			(uint16_t)u32_min(REASSEMBLY_CHUNK, d->total - i * REASSEMBLY_CHUNK);
		d->chunks[i]->next = i < last ? d->chunks[i + 1] : NULL;
	}
	memset(d->chunks, 0, sizeof(d->chunks));
	d->held = 0;
	head->segments = (uint16_t)(last + 1);
	head->port = d->port;
	return head;
}

struct buffer *datagram_take(struct datagram *d)
{
	bool v6 = !ip_address_is_v4(&d->source);
	uint32_t headers = d->headers - (v6 ? IP6_FRAGMENT_BYTES : 0u);
	uint8_t *ip = buffer_data(d->chunks[0]) - d->headers;
	uint8_t congestion;

	// Also in IPv6, whose header does not count there: frames have one bound (core/limits.h).
	if (headers + d->total > IP_MAX || !merge_congestion(d, &congestion))
		return NULL;
	if (!v6)
		finish_v4(d, ip, congestion);
	else if (!finish_v6(d, ip, congestion))
		return NULL;

	struct buffer *frame = link_chunks(d);

	expose_headers(frame, d->l3 + headers);
	frame->total_length = d->l3 + headers + d->total;
	return frame;
}

struct buffer *datagram_take_first(struct datagram *d)
{
	struct buffer *frame = d->chunks[0];

	d->chunks[0] = NULL;
	d->held--;
	frame->length = (uint16_t)u32_min(d->first_length, REASSEMBLY_CHUNK);
	expose_headers(frame, (uint32_t)d->l3 + d->headers);
	frame->total_length = frame->length;
	frame->port = d->port;
	return frame;
}

void datagram_discard(struct datagram *d, struct buffer_source *source)
{
	for (uint32_t i = 0; i < DATAGRAM_CHUNKS; i++) {
		if (d->chunks[i])
			source->put(source, d->chunks[i]);
		d->chunks[i] = NULL;
	}
	d->held = 0;
}
