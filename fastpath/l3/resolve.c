// SPDX-License-Identifier: BSD-3-Clause

// What other stations ask and tell about addresses on the link: ARP (RFC 826, 5227) and neighbour
// discovery (RFC 4861 section 7.2, RFC 4862 section 5.4).

#include "l3/state.h"
#include "pkt/icmp.h"

static bool mac_equal(const struct mac_address *a, const struct mac_address *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static void send(struct l3 *l3, const struct link_identity *link, struct buffer *frame)
{
	if (frame)
		l3->config.frame(l3->config.context, link->port, frame);
	else
		stats_drop(l3->config.stats, DROP_NO_BUFFER);
}

// A station that asks without end is answered at the rate of honest ones; others on its port wait
// with it, those on other ports do not.
static bool may_answer(struct l3 *l3, const struct link_identity *link, usec_t now)
{
	return rate_take(&l3->neighbour_answers[link->port], now);
}

static void arp_reply(struct l3 *l3, const struct link_identity *link, const struct arp_message *m)
{
	struct arp_message reply = {.operation = ARP_REPLY,
		.sender_mac = link->mac,
		.sender = m->target,
		.target_mac = m->sender_mac,
		.target = m->sender};

	send(l3, link, neighbour_frame_arp(l3->config.buffers, link, &m->sender_mac, &reply));
}

// A station that names its address: believed when it speaks to us, or of itself to everybody.
static void arp_learn(struct l3 *l3, const struct packet *p, const struct arp_message *m,
	bool is_for_us, usec_t now)
{
	bool is_gratuitous = ip_address_equal(&m->sender, &m->target);
	struct neighbour_claim claim = {.address = m->sender,
		.mac = m->sender_mac,
		.has_mac = true,
		.override = true,
		.solicited = is_for_us && m->operation == ARP_REPLY &&
			     !(p->flags & PACKET_L2_MULTICAST)};

	if (is_for_us || is_gratuitous)
		neighbour_owner_learn(l3->neighbours, p->netif, &claim, now);
}

static enum drop_reason arp_act(struct l3 *l3, const struct snapshot *snapshot,
	const struct packet *p, const struct arp_message *m, usec_t now)
{
	bool is_for_us = l3_is_own_on(l3, snapshot, p->netif, &m->target);
	bool is_probe = ip_address_is_unspecified(&m->sender);
	struct link_identity link;

	if (!link_identity_of(snapshot, &l3->config.ports, p->netif, &link) ||
		mac_equal(&m->sender_mac, &link.mac))
		return DROP_ARP_IGNORED;
	if (!is_probe && l3_is_own_on(l3, snapshot, p->netif, &m->sender)) {
		announcer_conflict(
			&l3->announcer, snapshot, p->netif, &m->sender, &m->sender_mac, now);
		return DROP_NONE;
	}
	if (!is_probe)
		arp_learn(l3, p, m, is_for_us, now);
	if (!is_for_us)
		return DROP_ARP_IGNORED;
	if (m->operation != ARP_REQUEST)
		return DROP_NONE;
	if (announcer_is_tentative(&l3->announcer, p->netif, &m->target)) {
		if (is_probe)
			announcer_conflict(&l3->announcer, snapshot, p->netif, &m->target,
				&m->sender_mac, now);
		return DROP_NONE;
	}
	if (!may_answer(l3, &link, now))
		return DROP_NEIGHBOUR_RATE;
	arp_reply(l3, &link, m);
	return DROP_NONE;
}

static void finish(struct l3 *l3, struct packet *p, enum drop_reason reason)
{
	if (reason == DROP_NONE)
		l3_put(l3, p);
	else
		l3_drop(l3, p, reason);
}

void l3_arp(struct l3 *l3, const struct snapshot *snapshot, struct packet *packet, usec_t now)
{
	struct arp_message m;
	enum arp_verdict verdict =
		arp_parse(packet->data + packet->l3, packet->buffer->length - packet->l3, &m);
	enum drop_reason reason =
		verdict == ARP_PARSED ? arp_act(l3, snapshot, packet, &m, now) : DROP_ARP_MALFORMED;

	finish(l3, packet, reason);
}

// Answers a solicitation; the answer to a probe goes to all nodes (RFC 4861 section 7.2.4).
static void nd_reply(struct l3 *l3, const struct link_identity *link, const struct packet *p,
	const struct nd_message *m)
{
	bool is_probe = ip_address_is_unspecified(&m->source);
	struct nd_message reply = {.advertisement = true,
		.solicited = !is_probe,
		.override = true,
		.has_link = true,
		.link = link->mac,
		.target = m->target,
		.source = m->target,
		.destination = is_probe ? nd_all_nodes() : m->source};
	struct mac_address to;

	if (is_probe)
		to = nd_group_mac(&reply.destination);
	else if (m->has_link)
		to = m->link;
	else
		memcpy(to.bytes, p->data + 6, 6);
	if (is_probe || !(to.bytes[0] & 1))
		send(l3, link, neighbour_frame_nd(l3->config.buffers, link, &to, &reply));
}

static enum drop_reason nd_solicitation(struct l3 *l3, const struct snapshot *snapshot,
	const struct packet *p, const struct link_identity *link, const struct nd_message *m,
	usec_t now)
{
	bool is_probe = ip_address_is_unspecified(&m->source);
	struct neighbour_claim claim = {
		.address = m->source, .mac = m->link, .has_mac = true, .override = true};
	struct mac_address from;

	if (!l3_is_own_on(l3, snapshot, p->netif, &m->target) ||
		l3_is_own(l3, snapshot, p->netif, &m->source))
		return DROP_ICMP_IGNORED;
	if (announcer_is_tentative(&l3->announcer, p->netif, &m->target)) {
		memcpy(from.bytes, p->data + 6, 6);
		if (is_probe)
			announcer_conflict(
				&l3->announcer, snapshot, p->netif, &m->target, &from, now);
		return DROP_NONE;
	}
	if (m->has_link)
		neighbour_owner_learn(l3->neighbours, p->netif, &claim, now);
	if (!may_answer(l3, link, now))
		return DROP_NEIGHBOUR_RATE;
	nd_reply(l3, link, p, m);
	return DROP_NONE;
}

static enum drop_reason nd_advertisement(struct l3 *l3, const struct snapshot *snapshot,
	const struct packet *p, const struct nd_message *m, usec_t now)
{
	struct neighbour_claim claim = {.address = m->target,
		.mac = m->link,
		.has_mac = m->has_link,
		.solicited = m->solicited,
		.override = m->override};
	struct mac_address from;

	if (!l3_is_own_on(l3, snapshot, p->netif, &m->target)) {
		neighbour_owner_learn(l3->neighbours, p->netif, &claim, now);
		return DROP_NONE;
	}
	memcpy(from.bytes, p->data + 6, 6);
	announcer_conflict(&l3->announcer, snapshot, p->netif, &m->target,
		m->has_link ? &m->link : &from, now);
	return DROP_NONE;
}

void l3_nd(struct l3 *l3, const struct snapshot *snapshot, struct packet *packet, usec_t now)
{
	struct link_identity link;
	struct nd_message m;
	enum drop_reason reason;

	// A neighbour's message needs no chain, and one that came in fragments is nobody's (RFC
	// 6980).
	if (packet->length > packet->buffer->length || (packet->flags & PACKET_REASSEMBLED) ||
		nd_parse(packet->data + packet->l3, packet->length - packet->l3,
			packet->l4 - packet->l3, &m) != ND_PARSED)
		reason = DROP_ICMP_MALFORMED;
	else if (!link_identity_of(snapshot, &l3->config.ports, packet->netif, &link) ||
		 memcmp(packet->data + 6, link.mac.bytes, 6) == 0)
		reason = DROP_ICMP_IGNORED;
	else if (m.advertisement)
		reason = nd_advertisement(l3, snapshot, packet, &m, now);
	else
		reason = nd_solicitation(l3, snapshot, packet, &link, &m, now);
	finish(l3, packet, reason);
}
