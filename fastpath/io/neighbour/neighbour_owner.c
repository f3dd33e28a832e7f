// SPDX-License-Identifier: BSD-3-Clause
#include "io/neighbour/neighbour_owner.h"

#include "io/neighbour/neighbour_queue.h"
#include "pkt/packet.h"

enum {
	SCAN_SLOTS = 512,     // slots looked at for recycling, a scan
	RETIRED = UINT16_MAX, // probes of an entry that is CLAIMED by its owner, on its way to FREE
	INACTIVE = UINT16_MAX,
};
#define SCAN_PERIOD (1 * USEC_PER_SECOND)
#define TIMER_GRAIN (10 * USEC_PER_MILLISECOND)
#define STALE_POLL  (1 * USEC_PER_SECOND)
// No reader spans this between finding a slot and comparing its key.
#define RETIRED_TIME (1 * USEC_PER_SECOND)

// Invariant: active[0 .. active_count) are the slots with a timer, due[i] theirs, position[] the
// way back; earliest <= every due[i]. Finding what is due is one pass over due[], 64 KiB at the
// most.
struct neighbour_owner {
	struct memory memory; // that this lies in
	struct neighbour_owner_config config;
	uint32_t active_count;
	uint32_t scan_at;
	usec_t scan_due;
	usec_t earliest;
	usec_t due[NEIGHBOUR_MAX];
	uint16_t active[NEIGHBOUR_MAX];
	uint16_t position[NEIGHBOUR_MAX];
	struct neighbour_queue queue;
};

int neighbour_owner_create(
	const struct neighbour_owner_config *config, struct neighbour_owner **out)
{
	struct memory memory;
	int rc = memory_map(sizeof(struct neighbour_owner), false, &memory);

	if (rc != 0)
		return rc;
	struct neighbour_owner *o = memory.base;

	o->memory = memory;
	o->config = *config;
	o->earliest = UINT64_MAX;
	memset(o->position, 0xff, sizeof(o->position));
	neighbour_queue_init(&o->queue);
	*out = o;
	return 0;
}

void neighbour_owner_destroy(struct neighbour_owner *owner)
{
	struct buffer_source *buffers = owner->config.buffers;

	while (owner->queue.count > 0) {
		uint16_t slot = owner->queue.waiters[owner->queue.oldest].slot;

		buffers->put(buffers, neighbour_queue_pop(&owner->queue, slot).buffer);
	}
	struct memory memory = owner->memory;

	memory_unmap(&memory);
}

uint32_t neighbour_owner_waiting(const struct neighbour_owner *owner)
{
	return owner->queue.count;
}

uint32_t neighbour_owner_waiting_most(const struct neighbour_owner *owner)
{
	return owner->queue.most;
}

static struct neighbour *entry(struct neighbour_owner *o, uint32_t slot)
{
	return &o->config.table->entries[slot];
}

// Times are rounded up: however many entries there are, few moments a second have anything due.
static void timer_set(struct neighbour_owner *o, uint32_t slot, usec_t due)
{
	due = (due + TIMER_GRAIN - 1) / TIMER_GRAIN * TIMER_GRAIN;

	uint16_t at = o->position[slot];

	if (at == INACTIVE) {
		at = (uint16_t)o->active_count++;
		o->position[slot] = at;
		o->active[at] = (uint16_t)slot;
	}
	o->due[at] = due;
	if (due < o->earliest)
		o->earliest = due;
}

static void timer_clear(struct neighbour_owner *o, uint32_t slot)
{
	uint16_t at = o->position[slot];

	if (at == INACTIVE)
		return;
	uint32_t last = --o->active_count;

	o->active[at] = o->active[last];
	o->due[at] = o->due[last];
	o->position[o->active[at]] = at;
	o->position[slot] = INACTIVE;
}

static uint64_t mac_word(const struct mac_address *mac)
{
	uint64_t word = 0;

	memcpy(&word, mac->bytes, 6);
	return be64toh(word) >> 16;
}

#define MAC_MASK ((UINT64_C(1) << 48) - 1)

// Enters a state from what was read before; the MAC is kept by the states that have one. False when
// another worker took the slot meanwhile, which happens only to UNASKED and FAILED ones.
static bool enter_from(struct neighbour_owner *o, uint32_t slot, uint64_t answer,
	enum neighbour_state state, uint64_t mac, usec_t now)
{
	struct neighbour *n = entry(o, slot);
	uint64_t generation = answer >> 56 << 56;

	if (!shared_word_claim(&n->answer, answer, generation | (uint64_t)state << 48 | mac))
		return false;
	n->changed = now;
	n->probes = 0;
	return true;
}

// The same from a state that only the owner leaves.
static void enter(struct neighbour_owner *o, uint32_t slot, enum neighbour_state state,
	uint64_t mac, usec_t now)
{
	uint64_t answer = shared_word_load(&entry(o, slot)->answer);

	nx_bug_on(!enter_from(o, slot, answer, state, mac, now));
}

static void ask(
	struct neighbour_owner *o, const struct snapshot *snapshot, uint32_t slot, usec_t now)
{
	struct neighbour *n = entry(o, slot);
	uint64_t answer = shared_word_load(&n->answer);
	bool unicast = neighbour_state_of(answer) == NEIGHBOUR_PROBE;
	struct link_identity link;
	struct mac_address mac;

	n->probes++;
	timer_set(o, slot, now + NEIGHBOUR_RETRY);
	if (!link_identity_of(snapshot, &o->config.ports, n->netif, &link))
		return;
	const struct ip_address *own = snapshot_source_for(snapshot, n->netif, &n->address);
	struct ip_address asker = own                             ? *own
				  : ip_address_is_v4(&n->address) ? ip_address_from_v4(0)
								  : nd_link_local(&link.mac);

	if (unicast && !neighbour_mac(o->config.table, neighbour_index(slot, answer), &mac))
		return;
	struct buffer *frame = neighbour_frame_request(
		o->config.buffers, &link, &asker, &n->address, unicast ? &mac : NULL);

	if (frame)
		o->config.frame(o->config.context, link.port, frame);
	else
		stats_drop(o->config.stats, DROP_NO_BUFFER);
}

static struct neighbour_waiter pop(struct neighbour_owner *o, uint32_t slot)
{
	entry(o, slot)->waiting--;
	return neighbour_queue_pop(&o->queue, slot);
}

static void drop_first(struct neighbour_owner *o, uint32_t slot, enum drop_reason reason)
{
	struct neighbour_waiter w = pop(o, slot);

	stats_drop(o->config.stats, reason);
	o->config.buffers->put(o->config.buffers, w.buffer);
}

// The callback may come back to neighbour_owner_wait, but not with this entry: it has its MAC.
static void release_waiting(struct neighbour_owner *o, uint32_t slot)
{
	uint32_t index = neighbour_index(slot, shared_word_load(&entry(o, slot)->answer));

	while (entry(o, slot)->waiting > 0)
		o->config.resolved(o->config.context, index, pop(o, slot).buffer);
}

// What waits goes first: a failed entry may be another's the moment after.
static void fail(struct neighbour_owner *o, uint32_t slot, usec_t now)
{
	struct neighbour *n = entry(o, slot);
	bool has_waiter = n->waiting > 0;
	struct neighbour_waiter w = {0};

	if (has_waiter)
		w = pop(o, slot);
	while (n->waiting > 0)
		drop_first(o, slot, DROP_NEIGHBOUR_UNRESOLVED);
	timer_clear(o, slot);
	enter(o, slot, NEIGHBOUR_FAILED, 0, now);
	if (!has_waiter)
		return;
	stats_drop(o->config.stats, DROP_NEIGHBOUR_UNRESOLVED);
	// In parentheses: C23's stddef.h has a macro of this name.
	(o->config.unreachable)(o->config.context, w.netif, w.l3, w.buffer);
}

static void expire(
	struct neighbour_owner *o, const struct snapshot *snapshot, uint32_t slot, usec_t now)
{
	struct neighbour *n = entry(o, slot);
	uint64_t answer = shared_word_load(&n->answer);

	switch (neighbour_state_of(answer)) {
	case NEIGHBOUR_INCOMPLETE:
		if (n->probes < NEIGHBOUR_TRIES)
			ask(o, snapshot, slot, now);
		else
			fail(o, slot, now);
		break;
	case NEIGHBOUR_REACHABLE:
		enter(o, slot, NEIGHBOUR_STALE, answer & MAC_MASK, now);
		timer_set(o, slot, now + STALE_POLL);
		break;
	case NEIGHBOUR_STALE:
		if (shared_word_load(&n->used) <= n->changed) {
			timer_set(o, slot, now + STALE_POLL);
			break;
		}
		enter(o, slot, NEIGHBOUR_PROBE, answer & MAC_MASK, now);
		ask(o, snapshot, slot, now);
		break;
	case NEIGHBOUR_PROBE:
		if (n->probes >= NEIGHBOUR_TRIES)
			enter(o, slot, NEIGHBOUR_INCOMPLETE, 0, now);
		ask(o, snapshot, slot, now);
		break;
	case NEIGHBOUR_FREE:
	case NEIGHBOUR_CLAIMED:
	case NEIGHBOUR_FAILED:
	case NEIGHBOUR_UNASKED:
		timer_clear(o, slot);
		break;
	}
}

// The next hop of a packet whose index is void, by its destination.
static uint32_t look_up_again(struct neighbour_owner *o, const struct snapshot *snapshot,
	uint16_t netif, uint16_t l3, const struct buffer *buffer)
{
	struct cursor c = cursor_over(buffer_data(buffer), buffer->length);
	struct ip_address destination;
	const uint8_t *header, *address;

	if (!snapshot || !cursor_skip(&c, l3) || !cursor_take_span(&c, 16, &header))
		return PACKET_NO_NEIGHBOUR;
	if (!cursor_take_span(&c, header[0] >> 4 == 6 ? 24 : 4, &address))
		return PACKET_NO_NEIGHBOUR;
	destination = header[0] >> 4 == 6 ? ip_address_from_bytes(address + 8)
					  : ip_address_from_v4(be32_load(address));
	const struct snapshot_route *route = snapshot_route_find(snapshot, &destination);
	bool is_via = route && route->netif == netif && !ip_address_is_unspecified(&route->via);

	return neighbour_get(o->config.table, netif, is_via ? &route->via : &destination);
}

static bool is_index_void(struct neighbour_owner *o, uint32_t index)
{
	if (index == PACKET_NO_NEIGHBOUR)
		return true;
	uint64_t answer = shared_word_load(&entry(o, neighbour_slot(index))->answer);

	return answer >> 56 != index >> 24 || neighbour_state_of(answer) < NEIGHBOUR_INCOMPLETE;
}

// The oldest packet of all goes; an entry for which nothing waits any more need not be kept. So at
// most NEIGHBOUR_WAITING_TOTAL entries are being asked for the first time.
static void make_room(struct neighbour_owner *o, uint32_t slot, usec_t now)
{
	uint32_t oldest = o->queue.waiters[o->queue.oldest].slot;

	drop_first(o, oldest, DROP_NEIGHBOUR_QUEUE_FULL);
	if (oldest == slot || entry(o, oldest)->waiting > 0)
		return;
	timer_clear(o, oldest);
	enter(o, oldest, NEIGHBOUR_UNASKED, 0, now);
}

static void enqueue(struct neighbour_owner *o, uint32_t slot, uint16_t netif, uint16_t l3,
	struct buffer *buffer, usec_t now)
{
	if (entry(o, slot)->waiting >= NEIGHBOUR_WAITING_PER_ENTRY)
		drop_first(o, slot, DROP_NEIGHBOUR_QUEUE_FULL);
	else if (o->queue.count >= NEIGHBOUR_WAITING_TOTAL)
		make_room(o, slot, now);
	neighbour_queue_push(&o->queue, slot, buffer, netif, l3);
	entry(o, slot)->waiting++;
}

static void give_up(struct neighbour_owner *o, struct buffer *buffer, enum drop_reason reason)
{
	stats_drop(o->config.stats, reason);
	o->config.buffers->put(o->config.buffers, buffer);
}

void neighbour_owner_wait(struct neighbour_owner *owner, const struct snapshot *snapshot,
	uint16_t netif, uint32_t neighbour, uint16_t l3, struct buffer *buffer, usec_t now)
{
	struct mac_address mac;

	if (is_index_void(owner, neighbour))
		neighbour = look_up_again(owner, snapshot, netif, l3, buffer);
	if (neighbour == PACKET_NO_NEIGHBOUR) {
		give_up(owner, buffer, DROP_NEIGHBOUR_TABLE_FULL);
		return;
	}
	neighbour_use(owner->config.table, neighbour, now);
	if (neighbour_mac(owner->config.table, neighbour, &mac)) {
		owner->config.resolved(owner->config.context, neighbour, buffer);
		return;
	}

	uint32_t slot = neighbour_slot(neighbour);
	struct neighbour *n = entry(owner, slot);
	uint64_t answer = shared_word_load(&n->answer);
	bool has_failed = neighbour_state_of(answer) == NEIGHBOUR_FAILED;
	bool is_new = owner->position[slot] == INACTIVE;

	if (has_failed && now - n->changed < NEIGHBOUR_FAILED_PAUSE) {
		give_up(owner, buffer, DROP_NEIGHBOUR_UNRESOLVED);
		return;
	}
	// Somebody else's address may live here since the index was looked at.
	if (answer >> 56 != neighbour >> 24 ||
		(is_new && !enter_from(owner, slot, answer, NEIGHBOUR_INCOMPLETE, 0, now))) {
		give_up(owner, buffer, DROP_NEIGHBOUR_TABLE_FULL);
		return;
	}
	enqueue(owner, slot, netif, l3, buffer, now);
	if (is_new)
		ask(owner, snapshot, slot, now);
}

static void become_reachable(struct neighbour_owner *o, uint32_t slot, uint64_t mac, usec_t now)
{
	enter(o, slot, NEIGHBOUR_REACHABLE, mac, now);
	entry(o, slot)->confirmed = now;
	timer_set(o, slot, now + NEIGHBOUR_REACHABLE_TIME);
}

static void become_stale(struct neighbour_owner *o, uint32_t slot, uint64_t mac, usec_t now)
{
	enter(o, slot, NEIGHBOUR_STALE, mac, now);
	timer_set(o, slot, now + STALE_POLL);
}

static bool has_answer(enum neighbour_state state)
{
	return state == NEIGHBOUR_REACHABLE || state == NEIGHBOUR_STALE || state == NEIGHBOUR_PROBE;
}

// RFC 4861 section 7.2.5; a request that names its sender, and a gratuitous ARP, are advertisements
// with override that nobody asked for.
static void learn_entry(struct neighbour_owner *o, uint32_t slot, uint64_t answer,
	const struct neighbour_claim *claim, usec_t now)
{
	struct neighbour *n = entry(o, slot);
	enum neighbour_state state = neighbour_state_of(answer);
	bool is_asked = o->position[slot] != INACTIVE && n->probes > 0;
	bool is_same = !claim->has_mac || (answer & MAC_MASK) == mac_word(&claim->mac);

	if (!has_answer(state)) {
		// Out of reach of other workers first: what answered is nobody's to take.
		if (!claim->has_mac ||
			!enter_from(o, slot, answer, NEIGHBOUR_STALE, mac_word(&claim->mac), now))
			return;
		if (claim->solicited && is_asked)
			become_reachable(o, slot, mac_word(&claim->mac), now);
		else
			timer_set(o, slot, now + STALE_POLL);
		release_waiting(o, slot);
		return;
	}
	if (is_same) {
		if (claim->solicited)
			become_reachable(o, slot, answer & MAC_MASK, now);
		return;
	}
	if (!claim->override) {
		if (state == NEIGHBOUR_REACHABLE)
			become_stale(o, slot, answer & MAC_MASK, now);
		return;
	}
	if (claim->solicited && is_asked)
		become_reachable(o, slot, mac_word(&claim->mac), now);
	else if (now - n->changed >= NEIGHBOUR_LOCK_TIME)
		become_stale(o, slot, mac_word(&claim->mac), now);
}

void neighbour_owner_learn(struct neighbour_owner *owner, uint16_t netif,
	const struct neighbour_claim *claim, usec_t now)
{
	const struct neighbour_table *table = owner->config.table;
	uint32_t slot = 0;

	for (uint32_t step = 0; neighbour_probe(table, netif, &claim->address, step, &slot);
		step++) {
		struct neighbour *n = entry(owner, slot);
		uint64_t answer = shared_word_load(&n->answer);

		if (neighbour_state_of(answer) >= NEIGHBOUR_INCOMPLETE && n->netif == netif &&
			ip_address_equal(&n->address, &claim->address))
			learn_entry(owner, slot, answer, claim, now);
	}
}

void neighbour_owner_port_up(
	struct neighbour_owner *owner, const struct snapshot *snapshot, uint16_t port, usec_t now)
{
	for (uint32_t slot = 0; slot < NEIGHBOUR_MAX; slot++) {
		struct neighbour *n = entry(owner, slot);
		uint64_t answer = shared_word_load(&n->answer);
		enum neighbour_state state = neighbour_state_of(answer);

		if ((!has_answer(state) && state != NEIGHBOUR_FAILED) ||
			n->netif >= snapshot->netif_count ||
			snapshot->netifs[n->netif].port != port)
			continue;
		if (state == NEIGHBOUR_FAILED)
			n->changed = now - u64_min(now, NEIGHBOUR_FAILED_PAUSE);
		else
			become_stale(owner, slot, answer & MAC_MASK, now);
	}
}

static bool is_owned(struct neighbour_owner *o, const struct snapshot *snapshot, uint16_t netif)
{
	return snapshot && netif < snapshot->netif_count &&
	       o->config.ports.owns(o->config.ports.context, snapshot->netifs[netif].port);
}

static bool is_recyclable(
	struct neighbour_owner *o, uint32_t slot, enum neighbour_state state, usec_t now)
{
	struct neighbour *n = entry(o, slot);
	usec_t used = shared_word_load(&n->used);
	usec_t idle = now - (used > n->changed ? u64_min(used, now) : n->changed);

	switch (state) {
	case NEIGHBOUR_UNASKED:
	case NEIGHBOUR_FAILED:
		return o->position[slot] == INACTIVE && n->waiting == 0 &&
		       idle > NEIGHBOUR_FAILED_KEPT;
	case NEIGHBOUR_STALE:
		return idle > NEIGHBOUR_STALE_KEPT;
	default:
		return false;
	}
}

// Recycling takes two scans: a retired slot keeps its key until no reader can be comparing it.
static void scan_slot(
	struct neighbour_owner *o, const struct snapshot *snapshot, uint32_t slot, usec_t now)
{
	struct neighbour *n = entry(o, slot);
	uint64_t answer = shared_word_load(&n->answer);
	enum neighbour_state state = neighbour_state_of(answer);
	uint64_t generation = ((answer >> 56) + 1) % NEIGHBOUR_GENERATIONS;

	if (state == NEIGHBOUR_FREE || !is_owned(o, snapshot, n->netif))
		return;
	if (state == NEIGHBOUR_CLAIMED) {
		if (n->probes != RETIRED || now - n->changed <= RETIRED_TIME)
			return;
		n->probes = 0;
		shared_word_store(&n->answer, generation << 56 | (uint64_t)NEIGHBOUR_FREE << 48);
		return;
	}
	if (n->changed == 0)
		n->changed = now;
	if (!is_recyclable(o, slot, state, now) ||
		!enter_from(o, slot, answer, NEIGHBOUR_CLAIMED, 0, now))
		return;
	timer_clear(o, slot);
	n->probes = RETIRED;
}

static void scan(struct neighbour_owner *o, const struct snapshot *snapshot, usec_t now)
{
	for (uint32_t i = 0; i < SCAN_SLOTS; i++) {
		scan_slot(o, snapshot, o->scan_at, now);
		o->scan_at = (o->scan_at + 1) & (NEIGHBOUR_MAX - 1);
	}
	o->scan_due = now + SCAN_PERIOD;
}

uint32_t neighbour_owner_tick(
	struct neighbour_owner *owner, const struct snapshot *snapshot, usec_t now)
{
	uint32_t ran = 0;

	if (now >= owner->scan_due)
		scan(owner, snapshot, now);
	if (now < owner->earliest)
		return 0;
	owner->earliest = UINT64_MAX;
	// Downwards: an entry that loses its timer is replaced by one that was looked at already.
	for (uint32_t i = owner->active_count; i-- > 0;) {
		if (owner->due[i] > now) {
			if (owner->due[i] < owner->earliest)
				owner->earliest = owner->due[i];
			continue;
		}
		expire(owner, snapshot, owner->active[i], now);
		ran++;
	}
	return ran;
}

usec_t neighbour_owner_next(const struct neighbour_owner *owner)
{
	return u64_min(owner->earliest, owner->scan_due);
}
