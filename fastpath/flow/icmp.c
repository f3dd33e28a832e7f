// SPDX-License-Identifier: BSD-3-Clause
#include "pkt/icmp.h"

#include "core/buffer.h"
#include "flow/engine_impl.h"
#include "pkt/rewrite.h"

enum {
	IPV4_MTU_MIN = 68,  // RFC 791
	IPV6_MTU_MIN = 1280 // RFC 8200 section 5
};

static enum flow_verdict drop(struct packet *p, enum drop_reason reason)
{
	p->reason = (uint8_t)reason;
	return FLOW_DROP;
}

static uint32_t contiguous_bytes(const struct packet *p)
{
	return (uint32_t)(buffer_data(p->buffer) + p->buffer->length - p->data);
}

static bool is_unreachable(const struct packet *p, const struct icmp_quote *quote)
{
	return p->kind == PACKET_ICMP4 ? quote->type == ICMP4_UNREACHABLE && !quote->is_too_big
				       : quote->type == ICMP6_UNREACHABLE;
}

// A path MTU that no path can have is an attack (RFC 8201 section 4, RFC 5927 section 7).
static bool is_mtu_possible(const struct packet *p, const struct icmp_quote *quote)
{
	if (!quote->is_too_big)
		return true;
	if (p->kind == PACKET_ICMP6)
		return quote->next_hop_mtu >= IPV6_MTU_MIN;
	return quote->next_hop_mtu == 0 || quote->next_hop_mtu >= IPV4_MTU_MIN;
}

// The quoted packet left us on the leg of `from`; its sender is on the other one.
static enum flow_verdict translate(struct flow_engine *engine, const struct snapshot *snapshot,
	struct packet *p, const struct icmp_quote *quote, uint32_t reference, usec_t now)
{
	struct session *s = engine_session(engine, flow_reference_session(reference));
	unsigned int from = flow_reference_direction(reference);
	const struct session_leg *sender = &s->leg[!from];

	if (session_is_tcp(s) && !tracker_is_outstanding(&s->tracker, !from, quote->tcp_sequence))
		return drop(p, DROP_TCP_OUT_OF_WINDOW);
	if (!is_mtu_possible(p, quote))
		return drop(p, DROP_ICMP_MALFORMED);
	session_follow_routes(engine, snapshot, s);
	if (sender->egress >= snapshot->netif_count)
		return drop(p, DROP_PORT_DOWN);
	if (p->hop_limit <= 1)
		return drop(p, DROP_IP_HOP_LIMIT);
	if (!rate_take(&engine->icmp, now))
		return drop(p, DROP_ICMP_RATE);
	if (from == 1 && !(s->flags & SESSION_IS_ANSWERED) && is_unreachable(p, quote))
		session_connect_failed(engine, s, now);
	// To the sender the error comes from the address that it talks to: the router behind is not
	// its business, and may not be routable there.
	icmp_error_translate(p, quote, &sender->key, &sender->key.destination, &sender->key.source);
	packet_hop_decrement(p);
	p->egress = sender->egress;
	p->neighbour = sender->neighbour;
	p->session = flow_reference_session(reference);
	p->direction = (uint8_t)from;
	return FLOW_FORWARD;
}

enum flow_verdict flow_engine_icmp_error(struct flow_engine *engine,
	const struct snapshot *snapshot, struct packet *packet, usec_t now)
{
	struct icmp_quote quote;
	struct flow_key arriving;
	uint32_t reference;

	switch (icmp_error_parse(packet, contiguous_bytes(packet), &quote)) {
	case ICMP_ERROR_PARSED:
		break;
	case ICMP_ERROR_TRUNCATED:
	case ICMP_ERROR_QUOTE_MALFORMED:
		return drop(packet, DROP_ICMP_MALFORMED);
	case ICMP_ERROR_IS_NOT_ONE:
	case ICMP_ERROR_QUOTE_HAS_NO_PORTS:
		packet->reason = DROP_ICMP_IGNORED;
		return FLOW_LOCAL;
	}
	arriving = flow_key_reverse(&quote.key);
	reference = engine_find(engine, &arriving, flow_key_hash(&arriving, engine->config.seed));
	if (reference == FLOW_REFERENCE_NONE) {
		packet->reason = DROP_ICMP_NO_SESSION;
		return FLOW_LOCAL;
	}
	return translate(engine, snapshot, packet, &quote, reference, now);
}
