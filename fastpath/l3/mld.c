// SPDX-License-Identifier: BSD-3-Clause
#include "l3/mld.h"

#include "l3/state.h"

int mld_init(struct mld *mld, uint64_t seed)
{
	int rc = memory_map(sizeof(*mld->interfaces) * MAX_NETIFS, false, &mld->memory);

	if (rc != 0)
		return rc;
	mld->interfaces = mld->memory.base;
	mld->random = seed | 1;
	mld->earliest = UINT64_MAX;
	return 0;
}

void mld_fini(struct mld *mld)
{
	memory_unmap(&mld->memory);
}

// Only spreads the answers of many stations in time: nobody gains by foreseeing it.
static uint64_t random_below(struct mld *mld, uint64_t bound)
{
	mld->random ^= mld->random << 13;
	mld->random ^= mld->random >> 7;
	mld->random ^= mld->random << 17;
	return mld->random % bound;
}

static struct buffer *frame_of(struct buffer_source *buffers, const struct link_identity *link,
	const struct ip_address *group, const uint8_t *packet, size_t bytes)
{
	struct mac_address to = nd_group_mac(group);
	struct buffer *b = buffers->get(buffers, LINK_HEADER_MAX + MLD_PACKET_MAX);

	if (!b)
		return NULL;
	b->length = link_header_write(buffer_data(b), link, &to, ETHERTYPE_IPV6);
	memcpy(buffer_data(b) + b->length, packet, bytes);
	b->length = (uint16_t)(b->length + bytes);
	b->total_length = b->length;
	return b;
}

struct buffer *mld_joined_frame(struct buffer_source *buffers, const struct link_identity *link,
	const struct ip_address *source, const struct ip_address *address)
{
	uint8_t packet[MLD_PACKET_MAX];
	struct ip_address group = nd_solicited_node(address);
	struct ip_address routers = mld_routers();

	return frame_of(buffers, link, &routers, packet,
		mld_report_build(packet, source, MLD_TO_EXCLUDE, &group, 1));
}

// What one answer collects.
struct answer {
	struct l3 *l3;
	struct link_identity link;
	struct ip_address source;
	bool first_version;
	uint32_t count;
	struct ip_address groups[MLD_RECORDS_MAX];
};

static void put(struct answer *a, struct buffer *frame)
{
	struct l3 *l3 = a->l3;

	if (!frame) {
		stats_drop(l3->config.stats, DROP_NO_BUFFER);
	} else if (!rate_take(&l3->neighbour_answers[a->link.port], l3->now)) {
		stats_drop(l3->config.stats, DROP_NEIGHBOUR_RATE);
		l3->config.buffers->put(l3->config.buffers, frame);
	} else {
		l3->config.frame(l3->config.context, a->link.port, frame);
	}
}

static void send_first_version(struct answer *a, const struct ip_address *group)
{
	uint8_t packet[MLD_PACKET_MAX];

	put(a, frame_of(a->l3->config.buffers, &a->link, group, packet,
		       mld_report1_build(packet, &a->source, group)));
}

static void send_collected(struct answer *a)
{
	uint8_t packet[MLD_PACKET_MAX];
	struct ip_address routers = mld_routers();

	if (a->count == 0)
		return;
	put(a, frame_of(a->l3->config.buffers, &a->link, &routers, packet,
		       mld_report_build(packet, &a->source, MLD_IS_EXCLUDE, a->groups, a->count)));
	a->count = 0;
}

static void add(struct answer *a, const struct ip_address *address)
{
	struct ip_address group = nd_solicited_node(address);

	if (a->first_version) {
		send_first_version(a, &group);
		return;
	}
	for (uint32_t i = 0; i < a->count; i++)
		if (ip_address_equal(&a->groups[i], &group))
			return;
	if (a->count == MLD_RECORDS_MAX)
		send_collected(a);
	a->groups[a->count++] = group;
}

static void answer(struct l3 *l3, const struct snapshot *snapshot, uint16_t netif)
{
	const struct snapshot_netif *n = &snapshot->netifs[netif];
	struct answer a = {.l3 = l3, .first_version = l3->mld.interfaces[netif].first_version};

	if (!link_identity_of(snapshot, &l3->config.ports, netif, &a.link))
		return;
	struct ip_address local = nd_link_local(&a.link.mac);

	if (!announcer_is_tentative(&l3->announcer, netif, &local))
		a.source = local;
	add(&a, &local);
	for (uint16_t i = 0; i < n->address_count; i++) {
		const struct ip_address *own = &snapshot->addresses[n->address_first + i].address;

		if (!ip_address_is_v4(own))
			add(&a, own);
	}
	send_collected(&a);
}

// Whether a query asks for a group of ours.
static bool concerns_us(const struct l3 *l3, const struct snapshot *snapshot, uint16_t netif,
	const struct ip_address *group)
{
	const struct snapshot_netif *n = &snapshot->netifs[netif];
	struct link_identity link;
	struct ip_address ours;

	if (!link_identity_of(snapshot, &l3->config.ports, netif, &link))
		return false;
	if (ip_address_is_unspecified(group))
		return true;
	struct ip_address local = nd_link_local(&link.mac);

	ours = nd_solicited_node(&local);
	for (uint16_t i = 0; i < n->address_count && !ip_address_equal(&ours, group); i++)
		if (!ip_address_is_v4(&snapshot->addresses[n->address_first + i].address))
			ours = nd_solicited_node(
				&snapshot->addresses[n->address_first + i].address);
	return ip_address_equal(&ours, group);
}

// An answer that is under way comes no later for another query, and serves both: it names all our
// groups.
static void schedule(
	struct mld *mld, struct mld_interface *interface, const struct mld_query *query, usec_t now)
{
	usec_t longest = u64_min(query->delay_ms * USEC_PER_MILLISECOND, MLD_ANSWER_LATEST);
	usec_t due = now + random_below(mld, longest + 1);

	if (interface->last != 0 && due < interface->last + MLD_ANSWER_SPACING)
		due = interface->last + MLD_ANSWER_SPACING;
	interface->first_version = query->first_version;
	interface->due = interface->due == 0 ? due : u64_min(interface->due, due);
	mld->earliest = u64_min(mld->earliest, interface->due);
}

void l3_mld_query(struct l3 *l3, const struct snapshot *snapshot, struct packet *p, usec_t now)
{
	struct mld_query query;

	if (p->length > p->buffer->length || (p->flags & PACKET_REASSEMBLED) ||
		mld_query_parse(p->data + p->l3, p->length - p->l3, p->l4 - p->l3, &query) !=
			MLD_PARSED)
		l3_drop(l3, p, DROP_ICMP_MALFORMED);
	else if (p->netif >= snapshot->netif_count ||
		 !concerns_us(l3, snapshot, p->netif, &query.group))
		l3_drop(l3, p, DROP_MULTICAST_IGNORED);
	else {
		schedule(&l3->mld, &l3->mld.interfaces[p->netif], &query, now);
		l3_put(l3, p);
	}
}

uint32_t l3_mld_tick(struct l3 *l3, const struct snapshot *snapshot, usec_t now)
{
	struct mld *mld = &l3->mld;
	uint32_t ran = 0;

	if (now < mld->earliest)
		return 0;
	mld->earliest = UINT64_MAX;
	for (uint16_t netif = 0; netif < snapshot->netif_count; netif++) {
		struct mld_interface *interface = &mld->interfaces[netif];

		if (interface->due == 0)
			continue;
		if (interface->due > now) {
			mld->earliest = u64_min(mld->earliest, interface->due);
			continue;
		}
		interface->due = 0;
		interface->last = now;
		answer(l3, snapshot, netif);
		ran++;
	}
	return ran;
}
