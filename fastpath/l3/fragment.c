// SPDX-License-Identifier: BSD-3-Clause
#include "l3/fragment.h"

#include <netinet/in.h>

#include "core/chain.h"
#include "l3/state.h"
#include "pkt/checksum.h"

enum {
	IP4_BYTES = 20,
	IP4_HEADER_MAX = 60,
	IP4_DF = 0x4000,
	IP4_MF = 0x2000,
	IP6_BYTES = 40,
	IP6_FRAGMENT_BYTES = 8,
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_COPIED = 0x80,
	HEADERS_MAX = 256, // of the part that every IPv6 fragment repeats
};

// The headers that every fragment starts with, link header included.
struct headers {
	uint8_t bytes[LINK_HEADER_MAX + HEADERS_MAX + IP6_FRAGMENT_BYTES];
	uint32_t length;      // of the first fragment, without the IPv6 fragment header
	uint32_t next_header; // IPv6: offset of the next header field that names what follows
	uint32_t payload;     // bytes to be cut
	bool v6;
};

static bool read_v6(const struct fragment_job *job, struct headers *h)
{
	uint8_t *ip = h->bytes + job->l3;
	uint32_t at = job->l3 + IP6_BYTES;

	h->next_header = job->l3 + 6u;
	while (h->bytes[h->next_header] == IPPROTO_HOPOPTS ||
		h->bytes[h->next_header] == IPPROTO_ROUTING) {
		if (at + 2 > h->length)
			return false;
		h->next_header = at;
		at += (h->bytes[at + 1] + 1u) * 8;
	}
	uint32_t end = job->l3 + IP6_BYTES + be16_to_host(be16_load(ip + 4));

	if (at > h->length || at > end || end > job->frame->total_length)
		return false;
	h->length = at;
	h->payload = end - at;
	return true;
}

static bool read_v4(const struct fragment_job *job, struct headers *h)
{
	const uint8_t *ip = h->bytes + job->l3;
	uint32_t header = (ip[0] & 15) * 4u;
	uint32_t total = be16_to_host(be16_load(ip + 2));

	if (header < IP4_BYTES || job->l3 + header > h->length || total < header ||
		job->l3 + total > job->frame->total_length)
		return false;
	h->length = job->l3 + header;
	h->payload = total - header;
	return true;
}

static bool read_headers(const struct fragment_job *job, struct headers *h)
{
	if (job->l3 > LINK_HEADER_MAX)
		return false;
	h->length = chain_copy(job->frame, 0, job->l3 + HEADERS_MAX, h->bytes);
	if (h->length < (uint32_t)job->l3 + IP4_BYTES)
		return false;
	h->v6 = h->bytes[job->l3] >> 4 == 6;
	if (h->v6)
		return h->length >= (uint32_t)job->l3 + IP6_BYTES && read_v6(job, h);
	return read_v4(job, h);
}

uint32_t fragment_payload(const struct fragment_job *job)
{
	struct headers h;

	return read_headers(job, &h) ? h.payload : 0;
}

bool fragment_is_allowed(const struct buffer *frame, uint16_t l3)
{
	uint8_t field[2];

	return chain_copy(frame, l3 + 6u, 2, field) == 2 &&
	       !(be16_to_host(be16_load(field)) & IP4_DF);
}

// Options without the copied flag are in the first fragment alone: the others get no-operations, so
// that all headers have one length (RFC 791 section 3.1).
static void blank_options(uint8_t *ip)
{
	uint32_t end = (ip[0] & 15) * 4u;
	uint32_t at = IP4_BYTES;

	while (at < end && ip[at] != OPTION_END) {
		uint32_t length = ip[at] == OPTION_NOP || at + 1 == end ? 1 : ip[at + 1];

		if (length == 0 || at + length > end)
			length = end - at;
		if (!(ip[at] & OPTION_COPIED))
			memset(ip + at, OPTION_NOP, length);
		at += length;
	}
}

static void finish_v4(
	const struct fragment_job *job, uint8_t *ip, uint32_t at, uint32_t length, bool more)
{
	uint32_t header = (ip[0] & 15) * 4u;
	// DF of a reassembled datagram stays: its sender wants to know the path's MTU.
	uint16_t flags = be16_to_host(be16_load(ip + 6)) & IP4_DF;

	if (at > 0)
		blank_options(ip);
	be16_store(ip + 2, be16_from_host((uint16_t)(header + length)));
	be16_store(ip + 4, be16_from_host((uint16_t)job->identification));
	be16_store(ip + 6, be16_from_host((uint16_t)(flags | (more ? IP4_MF : 0) | at / 8)));
	be16_store(ip + 10, 0);
	be16_store(ip + 10, checksum_finish(checksum_bytes(ip, header, 0)));
}

static void finish_v6(const struct fragment_job *job, const struct headers *h, uint8_t *frame,
	uint32_t at, uint32_t length, bool more)
{
	uint8_t *ip = frame + job->l3;
	uint8_t *fragment = frame + h->length;
	uint32_t unfragmentable = h->length - job->l3 - IP6_BYTES;

	be16_store(
		ip + 4, be16_from_host((uint16_t)(unfragmentable + IP6_FRAGMENT_BYTES + length)));
	fragment[0] = frame[h->next_header];
	frame[h->next_header] = IPPROTO_FRAGMENT;
	fragment[1] = 0;
	be16_store(fragment + 2, be16_from_host((uint16_t)(at | (more ? 1 : 0))));
	be32_store(fragment + 4, be32_from_host(job->identification));
}

struct buffer *fragment_next(const struct fragment_job *job, uint32_t *at)
{
	struct headers h;

	if (!read_headers(job, &h) || *at >= h.payload)
		return NULL;
	uint32_t headers = h.length + (h.v6 ? IP6_FRAGMENT_BYTES : 0);
	uint32_t ip_headers = headers - job->l3;

	if (job->mtu < ip_headers + 8)
		return NULL;
	uint32_t length = h.payload - *at;
	bool more = length > job->mtu - ip_headers;

	if (more)
		length = (job->mtu - ip_headers) & ~7u;
	struct buffer *b = job->buffers->get(job->buffers, headers + length);

	if (!b)
		return NULL;
	uint8_t *out = buffer_data(b);

	memcpy(out, h.bytes, h.length);
	chain_copy(job->frame, h.length + *at, length, out + headers);
	if (h.v6)
		finish_v6(job, &h, out, *at, length, more);
	else
		finish_v4(job, out + job->l3, *at, length, more);
	b->length = (uint16_t)(headers + length);
	b->total_length = b->length;
	*at += length;
	return b;
}

// The frame is longer than its headers: whoever cuts it has seen that it exceeds an MTU.
static uint32_t identification_of(struct l3 *l3, const struct fragment_job *job, bool v6)
{
	uint8_t bytes[32];
	struct ip_address source;
	struct ip_address destination;

	if (v6) {
		chain_copy(job->frame, job->l3 + 8u, 32, bytes);
		source = ip_address_from_bytes(bytes);
		destination = ip_address_from_bytes(bytes + 16);
	} else {
		chain_copy(job->frame, job->l3 + 12u, 8, bytes);
		source = ip_address_from_v4(be32_load(bytes));
		destination = ip_address_from_v4(be32_load(bytes + 4));
	}
	return l3_identification(l3, &source, &destination);
}

void l3_send_or_fragment(
	struct l3 *l3, uint16_t port, struct buffer *frame, uint16_t l3_offset, uint32_t mtu)
{
	// A peer that sends in tiny pieces does not make us do so: every path carries these sizes
	// (RFC 791 section 3.2, RFC 8200 section 5).
	bool v6 = buffer_data(frame)[l3_offset] >> 4 == 6;
	struct fragment_job job = {.frame = frame, .l3 = l3_offset, .buffers = l3->config.buffers};
	struct buffer *fragment;
	uint32_t at = 0;

	job.mtu = mtu > FRAGMENT_MTU_MIN ? mtu : FRAGMENT_MTU_MIN;
	if (v6 && mtu < FRAGMENT_MTU_MIN_V6)
		job.mtu = FRAGMENT_MTU_MIN_V6;
	if (frame->total_length - l3_offset <= job.mtu) {
		l3->config.frame(l3->config.context, port, frame);
		return;
	}
	job.identification = identification_of(l3, &job, v6);
	while ((fragment = fragment_next(&job, &at)))
		l3->config.frame(l3->config.context, port, fragment);
	if (at == 0 && fragment_payload(&job) == 0)
		stats_drop(l3->config.stats, DROP_IP_BAD_HEADER);
	else if (at < fragment_payload(&job))
		stats_drop(l3->config.stats, DROP_NO_BUFFER);
	l3->config.buffers->put(l3->config.buffers, frame);
}
