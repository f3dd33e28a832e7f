// SPDX-License-Identifier: BSD-3-Clause

// TCP and UDP that nobody takes: a reset (RFC 9293 section 3.10.7.1) or port unreachable; and
// resets that the flow engine asks for.

#include <netinet/in.h>

#include "l3/state.h"
#include "pkt/checksum.h"
#include "pkt/icmp.h"

enum {
	TCP_BYTES = 20,
	IP6_BYTES = 40
};

static void write_reset(uint8_t *tcp, const struct flow_reset *r)
{
	const struct flow_key *key = &r->key;

	memset(tcp, 0, TCP_BYTES);
	be16_store(tcp, key->source_port);
	be16_store(tcp + 2, key->destination_port);
	be32_store(tcp + 4, be32_from_host(r->sequence));
	be32_store(tcp + 8, be32_from_host(r->ack ? r->acknowledgement : 0));
	tcp[12] = TCP_BYTES / 4 << 4;
	tcp[13] = TCP_FLAG_RST | (r->ack ? TCP_FLAG_ACK : 0);

	uint64_t sum = checksum_pseudo(&key->source, &key->destination, IPPROTO_TCP, TCP_BYTES);

	be16_store(tcp + 16, checksum_finish(checksum_bytes(tcp, TCP_BYTES, sum)));
}

// Without ACK the reset acknowledges all that the segment took up, so that the peer believes it;
// else it takes its number from the acknowledgement.
static struct flow_reset reset_for(const struct packet *p)
{
	struct flow_reset r = {.key = {.source = p->key.destination,
				       .destination = p->key.source,
				       .source_port = p->key.destination_port,
				       .destination_port = p->key.source_port,
				       .protocol = IPPROTO_TCP}};
	uint32_t taken = packet_payload_length(p) + !!(p->tcp_flags & TCP_FLAG_SYN) +
			 !!(p->tcp_flags & TCP_FLAG_FIN);

	if (p->tcp_flags & TCP_FLAG_ACK) {
		r.sequence = be32_to_host(p->tcp_acknowledgement);
		return r;
	}
	r.ack = true;
	r.acknowledgement = be32_to_host(p->tcp_sequence) + taken;
	return r;
}

// Who sends segments of no connection without end uses up the resets of few others. All together
// bound what a flood with made-up sources has sent: one short segment for each of its own.
static bool may_refuse(struct l3 *l3, const struct ip_address *source, usec_t now)
{
	return rate_take(&l3->refusals[l3_source_hash(l3, source) % L3_REFUSAL_SHARES], now);
}

static enum drop_reason refuse_tcp(
	struct l3 *l3, const struct snapshot *snapshot, const struct packet *p, usec_t now)
{
	bool is_opening = (p->tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) == TCP_FLAG_SYN;
	enum drop_reason reason = is_opening ? DROP_TCP_NO_LISTENER : DROP_TCP_NO_SESSION;
	uint8_t *tcp;
	uint16_t port;

	if ((p->tcp_flags & TCP_FLAG_RST) || !l3_may_answer(l3, snapshot, p))
		return reason;
	if (!may_refuse(l3, &p->key.source, now))
		return DROP_REPLY_RATE;
	struct flow_reset reset = reset_for(p);
	struct buffer *b = l3_answer(
		l3, snapshot, p, &p->key.destination, IPPROTO_TCP, TCP_BYTES, &tcp, &port);

	if (!b)
		return reason;
	write_reset(tcp, &reset);
	counter_add(&l3->config.stats->resets_sent, 1);
	l3->config.frame(l3->config.context, port, b);
	return reason;
}

static enum drop_reason refuse_udp(
	struct l3 *l3, const struct snapshot *snapshot, const struct packet *p, usec_t now)
{
	bool v6 = p->flags & PACKET_IS_V6;
	struct l3_error error = {.type = v6 ? ICMP6_UNREACHABLE : ICMP4_UNREACHABLE,
		.code = v6 ? ICMP6_CODE_PORT : ICMP4_CODE_PORT};
	enum l3_error_fate fate = l3_error(l3, snapshot, p, &error, &l3->unreachables, now);

	if (fate == L3_ERROR_ABOVE_RATE)
		return DROP_REPLY_RATE;
	if (fate == L3_ERROR_SENT)
		counter_add(&l3->config.stats->unreachables_sent, 1);
	return DROP_UDP_NO_LISTENER;
}

void l3_no_listener(
	struct l3 *l3, const struct snapshot *snapshot, struct packet *packet, usec_t now)
{
	l3_drop(l3, packet,
		packet->kind == PACKET_TCP ? refuse_tcp(l3, snapshot, packet, now)
					   : refuse_udp(l3, snapshot, packet, now));
}

void l3_reset(
	struct l3 *l3, const struct snapshot *snapshot, const struct flow_reset *reset, usec_t now)
{
	struct buffer_source *buffers = l3->config.buffers;
	bool v6 = !ip_address_is_v4(&reset->key.source);
	struct link_identity link;
	struct mac_address to;

	if (!rate_take(&l3->resets, now)) {
		stats_drop(l3->config.stats, DROP_REPLY_RATE);
		return;
	}
	if (!link_identity_of(snapshot, &l3->config.ports, reset->netif, &link) ||
		!neighbour_mac(l3->config.neighbours, reset->neighbour, &to)) {
		stats_drop(l3->config.stats, DROP_NEIGHBOUR_UNRESOLVED);
		return;
	}
	struct buffer *b = buffers->get(buffers, LINK_HEADER_MAX + IP6_BYTES + TCP_BYTES);

	if (!b) {
		stats_drop(l3->config.stats, DROP_NO_BUFFER);
		return;
	}
	uint8_t *out = buffer_data(b);
	uint32_t at = link_header_write(out, &link, &to, v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);

	at += l3_ip_header(
		l3, out + at, &reset->key.source, &reset->key.destination, IPPROTO_TCP, TCP_BYTES);
	write_reset(out + at, reset);
	b->length = (uint16_t)(at + TCP_BYTES);
	b->total_length = b->length;
	counter_add(&l3->config.stats->resets_sent, 1);
	l3->config.frame(l3->config.context, link.port, b);
}
