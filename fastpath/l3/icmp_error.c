// SPDX-License-Identifier: BSD-3-Clause

// ICMP errors made here: about whom, how much is quoted, where to (RFC 792, RFC 1122 section 3.2.2,
// RFC 1812 section 4.3.2, RFC 4443 sections 2.4 and 3).

#include <netinet/in.h>

#include "core/chain.h"
#include "l3/state.h"
#include "pkt/checksum.h"
#include "pkt/icmp.h"

enum {
	ERROR_MAX_V4 = 576,
	ERROR_MAX_V6 = 1280,
	IP4_BYTES = 20,
	IP6_BYTES = 40
};

// Sources that no answer can reach, or that would multiply it (RFC 1812 section 5.3.7).
static bool is_martian(const struct ip_address *a)
{
	if (ip_address_is_unspecified(a) || ip_address_is_multicast(a))
		return true;
	if (!ip_address_is_v4(a))
		return a->halves[0] == 0 && a->words[2] == 0;
	return a->bytes[12] == 0 || a->bytes[12] == 127 || a->bytes[12] >= 240;
}

bool l3_may_answer(
	const struct l3 *l3, const struct snapshot *snapshot, const struct packet *packet)
{
	bool v6 = packet->flags & PACKET_IS_V6;
	bool is_icmp = packet->kind == PACKET_ICMP4 || packet->kind == PACKET_ICMP6;

	if ((packet->flags & PACKET_L2_MULTICAST) || (packet->data[6] & 1) ||
		is_martian(&packet->key.source) ||
		ip_address_is_multicast(&packet->key.destination) ||
		l3_is_own(l3, snapshot, packet->netif, &packet->key.source))
		return false;
	if (!v6 && packet->key.destination.words[3] == UINT32_MAX)
		return false;
	return !is_icmp || !icmp_type_is_error(v6, packet->icmp_type);
}

// Quotes length bytes of the packet at from, and sums up.
static void write_message(uint8_t *out, const struct l3_error *error, const struct buffer *chain,
	uint32_t from, uint32_t length, uint64_t pseudo)
{
	out[0] = error->type;
	out[1] = error->code;
	be16_store(out + 2, 0);
	be32_store(out + 4, be32_from_host(error->word));
	chain_copy(chain, from, length, out + ICMP_HEADER_BYTES);
	be16_store(
		out + 2, checksum_finish(checksum_bytes(out, ICMP_HEADER_BYTES + length, pseudo)));
}

static uint32_t quote_length(bool v6, uint32_t datagram)
{
	return u32_min(datagram, v6 ? ERROR_MAX_V6 - IP6_BYTES - ICMP_HEADER_BYTES
				    : ERROR_MAX_V4 - IP4_BYTES - ICMP_HEADER_BYTES);
}

static uint64_t pseudo_sum(bool v6, const struct ip_address *source,
	const struct ip_address *destination, uint32_t bytes)
{
	return v6 ? checksum_pseudo(source, destination, IPPROTO_ICMPV6, bytes) : 0;
}

// The address an error comes from: the one the packet was sent to, if it is ours, else the
// interface's.
static bool error_source(struct l3 *l3, const struct snapshot *snapshot,
	const struct packet *packet, struct ip_address *out)
{
	struct link_identity link;
	const struct ip_address *own;

	if (l3_is_own(l3, snapshot, packet->netif, &packet->key.destination)) {
		*out = packet->key.destination;
		return true;
	}
	own = snapshot_source_for(snapshot, packet->netif, &packet->key.source);
	if (own) {
		*out = *own;
		return true;
	}
	if (!(packet->flags & PACKET_IS_V6) ||
		!link_identity_of(snapshot, &l3->config.ports, packet->netif, &link))
		return false;
	*out = nd_link_local(&link.mac);
	return true;
}

enum l3_error_fate l3_error(struct l3 *l3, const struct snapshot *snapshot,
	const struct packet *packet, const struct l3_error *error, struct rate *rate, usec_t now)
{
	bool v6 = packet->flags & PACKET_IS_V6;
	uint32_t quoted = quote_length(v6, packet->length - packet->l3);
	struct ip_address source;
	uint8_t *message;
	uint16_t port;

	if (!l3_may_answer(l3, snapshot, packet) || !error_source(l3, snapshot, packet, &source))
		return L3_ERROR_NOT_SENT;
	if (!rate_take(rate, now))
		return L3_ERROR_ABOVE_RATE;
	struct buffer *b = l3_answer(l3, snapshot, packet, &source,
		v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, ICMP_HEADER_BYTES + quoted, &message, &port);

	if (!b)
		return L3_ERROR_NOT_SENT;
	write_message(message, error, packet->buffer, packet->l3, quoted,
		pseudo_sum(v6, &source, &packet->key.source, ICMP_HEADER_BYTES + quoted));
	l3->config.frame(l3->config.context, port, b);
	return L3_ERROR_SENT;
}

// Addresses and length of the datagram at an offset of a buffer; false if they are not there.
static bool read_datagram(
	const struct buffer *buffer, uint16_t offset, struct ip_address *source, uint32_t *bytes)
{
	uint8_t h[IP6_BYTES];
	uint32_t got = chain_copy(buffer, offset, sizeof(h), h);

	if (got >= IP4_BYTES && h[0] >> 4 == 4) {
		*source = ip_address_from_v4(be32_load(h + 12));
		*bytes = be16_to_host(be16_load(h + 2));
	} else if (got == IP6_BYTES && h[0] >> 4 == 6) {
		*source = ip_address_from_bytes(h + 8);
		*bytes = be16_to_host(be16_load(h + 4)) + IP6_BYTES;
	} else {
		return false;
	}
	*bytes = u32_min(*bytes, buffer->total_length - offset);
	return true;
}

void l3_host_unreachable(
	struct l3 *l3, uint16_t netif, uint16_t l3_offset, const struct buffer *buffer)
{
	const struct snapshot *snapshot = l3->snapshot;
	struct buffer_source *buffers = l3->config.buffers;
	struct ip_address to;
	struct link_identity link;
	uint32_t datagram;

	if (!read_datagram(buffer, l3_offset, &to, &datagram) || is_martian(&to) ||
		!link_identity_of(snapshot, &l3->config.ports, netif, &link))
		return;
	bool v6 = !ip_address_is_v4(&to);
	const struct ip_address *source = snapshot_source_for(snapshot, netif, &to);
	uint32_t quoted = quote_length(v6, datagram);
	struct l3_error error = {.type = v6 ? ICMP6_UNREACHABLE : ICMP4_UNREACHABLE,
		.code = v6 ? ICMP6_CODE_ADDRESS : ICMP4_CODE_HOST};

	if (!source || !rate_take(&l3->errors, l3->now))
		return;
	struct buffer *b =
		buffers->get(buffers, LINK_HEADER_MAX + IP6_BYTES + ICMP_HEADER_BYTES + quoted);

	if (!b) {
		stats_drop(l3->config.stats, DROP_NO_BUFFER);
		return;
	}
	uint8_t *out = buffer_data(b);
	uint32_t at =
		link_header_write(out, &link, &link.mac, v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);

	at += l3_ip_header(l3, out + at, source, &to, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
		ICMP_HEADER_BYTES + quoted);
	write_message(out + at, &error, buffer, l3_offset, quoted,
		pseudo_sum(v6, source, &to, ICMP_HEADER_BYTES + quoted));
	b->length = (uint16_t)(at + ICMP_HEADER_BYTES + quoted);
	b->total_length = b->length;
	b->port = link.port;
	l3->config.again(l3->config.context, b, 0);
}
