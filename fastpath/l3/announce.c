// SPDX-License-Identifier: BSD-3-Clause
#include "l3/announce.h"

#include "l3/mld.h"

enum {
	TABLE_MAX = 16384,  // a power of two, at least twice the addresses and netifs there can be
	STARTS_PER_MS = 16, // addresses that begin in the same millisecond
};
static_assert(TABLE_MAX >= 2 * (MAX_ADDRESSES + MAX_NETIFS));

int announcer_init(struct announcer *a)
{
	size_t bytes = TABLE_MAX * sizeof(struct announced);
	int rc = memory_map(bytes, false, &a->now.memory);

	if (rc != 0)
		return rc;
	rc = memory_map(bytes, false, &a->next.memory);
	if (rc != 0) {
		memory_unmap(&a->now.memory);
		return rc;
	}
	a->now.entries = a->now.memory.base;
	a->next.entries = a->next.memory.base;
	a->earliest = UINT64_MAX;
	return 0;
}

void announcer_fini(struct announcer *a)
{
	memory_unmap(&a->now.memory);
	memory_unmap(&a->next.memory);
}

// The entry of an address, or the free one where it belongs. A table is at most half full.
static struct announced *place(
	const struct announce_table *t, uint16_t netif, const struct ip_address *address)
{
	// Addresses differ in their last bytes, which lie high in a little-endian word.
	uint64_t h = be64toh(address->halves[1]) ^ address->halves[0] ^ netif;
	uint32_t i = (uint32_t)(h * UINT64_C(0x9e3779b97f4a7c15) >> 32) & t->mask;

	while (t->entries[i].state != ANNOUNCE_FREE &&
		(t->entries[i].netif != netif ||
			!ip_address_equal(&t->entries[i].address, address)))
		i = (i + 1) & t->mask;
	return &t->entries[i];
}

static struct announced *find(
	const struct announcer *a, uint16_t netif, const struct ip_address *address)
{
	if (a->now.count == 0)
		return NULL;
	struct announced *e = place(&a->now, netif, address);

	return e->state == ANNOUNCE_FREE ? NULL : e;
}

bool announcer_is_tentative(
	const struct announcer *a, uint16_t netif, const struct ip_address *address)
{
	const struct announced *e = find(a, netif, address);

	return e && e->state == ANNOUNCE_PROBING;
}

static void set_due(struct announcer *a, struct announced *e, usec_t due)
{
	e->due = due;
	a->earliest = u64_min(a->earliest, due);
}

static void send(struct announcer *a, const struct snapshot *snapshot, const struct announced *e,
	bool is_probe)
{
	struct ip_address nobody = {0};
	struct link_identity link;
	struct buffer *frame;

	if (!link_identity_of(snapshot, &a->ports, e->netif, &link))
		return;
	if (ip_address_is_v4(&e->address))
		nobody = ip_address_from_v4(0);
	frame = is_probe ? neighbour_frame_request(a->buffers, &link, &nobody, &e->address, NULL)
			 : neighbour_frame_announcement(a->buffers, &link, &e->address);
	if (frame)
		a->frame(a->context, link.port, frame);
	else
		stats_drop(a->stats, DROP_NO_BUFFER);
}

// Switches must let solicitations for the address through before anything is asked of it or about
// it. While the link-local address is probed itself, nobody is the source (RFC 3590): what a router
// does not take from nobody, it hears again with the announcements.
static void send_membership(
	struct announcer *a, const struct snapshot *snapshot, const struct announced *e)
{
	struct ip_address source = {0};
	struct link_identity link;
	struct buffer *frame;

	if (ip_address_is_v4(&e->address) ||
		!link_identity_of(snapshot, &a->ports, e->netif, &link))
		return;
	struct ip_address local = nd_link_local(&link.mac);

	if (!announcer_is_tentative(a, e->netif, &local))
		source = local;
	frame = mld_joined_frame(a->buffers, &link, &source, &e->address);
	if (frame)
		a->frame(a->context, link.port, frame);
	else
		stats_drop(a->stats, DROP_NO_BUFFER);
}

static void run_probing(struct announcer *a, const struct snapshot *snapshot, struct announced *e)
{
	bool v4 = ip_address_is_v4(&e->address);

	if (e->sent < (v4 ? ANNOUNCE_PROBES : 1)) {
		send_membership(a, snapshot, e);
		send(a, snapshot, e, true);
		e->sent++;
		set_due(a, e, e->due + (v4 ? ANNOUNCE_PROBE_INTERVAL : ANNOUNCE_SOLICIT_WAIT));
		return;
	}
	e->state = ANNOUNCE_ANNOUNCING;
	e->sent = 0;
}

static void run_announcing(
	struct announcer *a, const struct snapshot *snapshot, struct announced *e, usec_t now)
{
	send_membership(a, snapshot, e);
	send(a, snapshot, e, false);
	if (++e->sent < ANNOUNCE_TIMES) {
		set_due(a, e, now + ANNOUNCE_INTERVAL);
		return;
	}
	e->state = ANNOUNCE_DONE;
	e->due = UINT64_MAX;
}

static void run(
	struct announcer *a, const struct snapshot *snapshot, struct announced *e, usec_t now)
{
	if (e->state == ANNOUNCE_PROBING) {
		e->due = now;
		run_probing(a, snapshot, e);
	}
	if (e->state == ANNOUNCE_ANNOUNCING)
		run_announcing(a, snapshot, e, now);
}

static void add(struct announcer *a, uint16_t netif, const struct ip_address *address, usec_t now)
{
	const struct announced *old = find(a, netif, address);
	struct announced *e = place(&a->next, netif, address);

	if (e->state != ANNOUNCE_FREE)
		return;
	*e = old ? *old
		 : (struct announced){.address = *address,
			   .netif = netif,
			   .state = ANNOUNCE_PROBING,
			   .due = now + a->next.count / STARTS_PER_MS * USEC_PER_MILLISECOND};
	a->next.count++;
	a->earliest = u64_min(a->earliest, e->due);
}

static bool is_owned(const struct announcer *a, const struct snapshot *snapshot, uint16_t netif)
{
	return a->ports.owns(a->ports.context, snapshot->netifs[netif].port);
}

static void rebuild(struct announcer *a, const struct snapshot *snapshot, usec_t now)
{
	uint32_t wanted = 2u * (snapshot->address_count + snapshot->netif_count);
	uint32_t size = 8;

	while (size < wanted)
		size *= 2;
	memset(a->next.entries, 0, size * sizeof(struct announced));
	a->next.mask = size - 1;
	a->next.count = 0;
	for (uint32_t i = 0; i < snapshot->address_count; i++) {
		const struct snapshot_address *own = &snapshot->addresses[i];

		if (is_owned(a, snapshot, own->netif))
			add(a, own->netif, &own->address, now);
	}
	for (uint16_t netif = 0; netif < snapshot->netif_count; netif++) {
		struct link_identity link;

		if (!is_owned(a, snapshot, netif) ||
			!link_identity_of(snapshot, &a->ports, netif, &link))
			continue;
		struct ip_address local = nd_link_local(&link.mac);

		add(a, netif, &local, now);
	}

	struct announce_table old = a->now;

	a->now = a->next;
	a->next = old;
	a->generation = snapshot->generation;
}

void announcer_port_up(
	struct announcer *a, const struct snapshot *snapshot, uint16_t port, usec_t now)
{
	rebuild(a, snapshot, now);
	for (uint32_t i = 0; i <= a->now.mask; i++) {
		struct announced *e = &a->now.entries[i];

		if (e->state == ANNOUNCE_FREE || snapshot->netifs[e->netif].port != port)
			continue;
		e->state = ANNOUNCE_PROBING;
		e->sent = 0;
		set_due(a, e, now);
	}
}

static void report(
	struct announcer *a, struct announced *e, const struct mac_address *other, usec_t now)
{
	struct worker_event event = {.kind = EVENT_KIND_ADDRESS_CONFLICT,
		.subject = e->netif,
		.count = e->conflicts,
		.time = now,
		.address = e->address};

	memcpy(event.mac, other->bytes, 6);
	e->conflicts = 0;
	a->event(a->context, &event);
}

void announcer_conflict(struct announcer *a, const struct snapshot *snapshot, uint16_t netif,
	const struct ip_address *address, const struct mac_address *other, usec_t now)
{
	struct announced *e = find(a, netif, address);

	if (!e)
		return;
	e->conflicts++;
	// At most one defence each ten seconds, or two stations shout at each other for ever.
	if (e->defended != 0 && now - e->defended < ANNOUNCE_DEFEND_INTERVAL)
		return;
	e->defended = now;
	report(a, e, other, now);
	if (e->state != ANNOUNCE_PROBING)
		send(a, snapshot, e, false);
}

uint32_t announcer_tick(struct announcer *a, const struct snapshot *snapshot, usec_t now)
{
	uint32_t ran = 0;

	if (a->generation != snapshot->generation)
		rebuild(a, snapshot, now);
	if (now < a->earliest)
		return 0;
	a->earliest = UINT64_MAX;
	for (uint32_t i = 0; i <= a->now.mask; i++) {
		struct announced *e = &a->now.entries[i];

		if (e->state == ANNOUNCE_FREE || e->state == ANNOUNCE_DONE)
			continue;
		if (e->due <= now) {
			run(a, snapshot, e, now);
			ran++;
		} else {
			a->earliest = u64_min(a->earliest, e->due);
		}
	}
	return ran;
}
