// SPDX-License-Identifier: BSD-3-Clause
#include "l3/reassembly.h"

#include "core/memory.h"
#include "l3/datagram.h"

enum {
	BUCKETS = 1024,
	SOURCES = 1024,
	END = UINT16_MAX,
	EXPIRED_PER_TICK = 16,
};

// Lists by age: of all datagrams of a family (their timeouts differ), of those that share a source
// counter.
enum list_kind {
	LIST_FAMILY = 0,
	LIST_SOURCE,
	LIST_KINDS
};

struct link {
	uint16_t older;
	uint16_t newer;
};

struct list {
	uint16_t oldest;
	uint16_t newest;
};

struct slot {
	struct link links[LIST_KINDS];
	uint16_t next; // in the bucket, or in the free list
	uint16_t bucket;
	uint16_t source;
	uint16_t family; // index into families
	struct datagram datagram;
};

struct source_use {
	uint16_t datagrams;
	uint16_t buffers;
};

struct reassembly {
	struct memory memory; // that this lies in
	struct reassembly_config config;
	uint32_t datagrams;
	uint32_t buffers;
	uint32_t buffers_most;
	uint16_t free;  // slots that were used before
	uint16_t fresh; // from here on slots were never touched
	uint16_t buckets[BUCKETS];
	struct list families[2];
	struct list sources[SOURCES];
	struct source_use uses[SOURCES];
	struct slot slots[REASSEMBLY_DATAGRAMS];
};

int reassembly_create(const struct reassembly_config *config, struct reassembly **out)
{
	struct memory memory;
	int rc = memory_map(sizeof(struct reassembly), false, &memory);

	if (rc != 0)
		return rc;
	struct reassembly *r = memory.base;

	r->memory = memory;
	r->config = *config;
	memset(r->buckets, 0xff, sizeof(r->buckets));
	memset(r->families, 0xff, sizeof(r->families));
	memset(r->sources, 0xff, sizeof(r->sources));
	r->free = END;
	*out = r;
	return 0;
}

void reassembly_destroy(struct reassembly *r)
{
	struct memory memory = r->memory;

	for (uint16_t f = 0; f < 2; f++) {
		for (uint16_t i = r->families[f].oldest; i != END;
			i = r->slots[i].links[LIST_FAMILY].newer)
			datagram_discard(&r->slots[i].datagram, r->config.source);
	}
	memory_unmap(&memory);
}

uint32_t reassembly_datagrams(const struct reassembly *r)
{
	return r->datagrams;
}

uint32_t reassembly_buffers(const struct reassembly *r)
{
	return r->buffers;
}

uint32_t reassembly_buffers_most(const struct reassembly *r)
{
	return r->buffers_most;
}

// Murmur3's finalizer: addresses differ in their last bytes, which lie high in a little-endian
// word.
static uint64_t mix(uint64_t h, uint64_t value)
{
	h ^= value;
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

static uint64_t hash_address(uint64_t seed, const struct ip_address *a)
{
	return mix(mix(seed, a->halves[0]), a->halves[1]);
}

static uint64_t hash_fragment(const struct fragment *f, uint64_t seed)
{
	uint64_t h = hash_address(seed, &f->packet->key.source);

	h = hash_address(h, &f->packet->key.destination);
	return mix(mix(h, f->identification), 1);
}

uint8_t reassembly_owner(const struct packet *packet, uint64_t seed, uint8_t worker_count)
{
	struct fragment f = fragment_read(packet);

	return (uint8_t)((hash_fragment(&f, seed) >> 32) * worker_count >> 32);
}

static void list_append(struct reassembly *r, struct list *list, enum list_kind kind, uint16_t i)
{
	struct link *link = &r->slots[i].links[kind];

	link->older = list->newest;
	link->newer = END;
	if (list->newest != END)
		r->slots[list->newest].links[kind].newer = i;
	else
		list->oldest = i;
	list->newest = i;
}

static void list_remove(struct reassembly *r, struct list *list, enum list_kind kind, uint16_t i)
{
	const struct link *link = &r->slots[i].links[kind];

	if (link->older != END)
		r->slots[link->older].links[kind].newer = link->newer;
	else
		list->oldest = link->newer;
	if (link->newer != END)
		r->slots[link->newer].links[kind].older = link->older;
	else
		list->newest = link->older;
}

// Frees a slot whose chunks are gone or given back here.
static void release(struct reassembly *r, uint16_t i)
{
	struct slot *s = &r->slots[i];
	uint16_t *at = &r->buckets[s->bucket];

	r->buffers -= s->datagram.held;
	r->uses[s->source].buffers = (uint16_t)(r->uses[s->source].buffers - s->datagram.held);
	r->uses[s->source].datagrams--;
	datagram_discard(&s->datagram, r->config.source);
	while (*at != i)
		at = &r->slots[*at].next;
	*at = s->next;
	list_remove(r, &r->families[s->family], LIST_FAMILY, i);
	list_remove(r, &r->sources[s->source], LIST_SOURCE, i);
	s->next = r->free;
	r->free = i;
	r->datagrams--;
}

// Every fragment of a datagram that is given up is a packet dropped.
static void give_up(struct reassembly *r, uint16_t i, enum drop_reason reason)
{
	counter_add(&r->config.stats->drops[reason], r->slots[i].datagram.fragments);
	release(r, i);
}

static bool is_of(const struct datagram *d, const struct fragment *f)
{
	return d->identification == f->identification &&
	       ip_address_equal(&d->source, &f->packet->key.source) &&
	       ip_address_equal(&d->destination, &f->packet->key.destination) &&
	       (f->v6 || d->protocol == f->packet->ip_protocol);
}

static uint16_t find(const struct reassembly *r, uint16_t bucket, const struct fragment *f)
{
	uint16_t i = r->buckets[bucket];

	while (i != END && !is_of(&r->slots[i].datagram, f))
		i = r->slots[i].next;
	return i;
}

static uint16_t oldest_of_all(const struct reassembly *r)
{
	uint16_t a = r->families[0].oldest;
	uint16_t b = r->families[1].oldest;

	if (a == END || b == END)
		return a == END ? b : a;
	return r->slots[a].datagram.started <= r->slots[b].datagram.started ? a : b;
}

// There must be one.
static uint16_t take_slot(struct reassembly *r)
{
	uint16_t i = r->free;

	if (i == END)
		return r->fresh++;
	r->free = r->slots[i].next;
	return i;
}

static uint16_t add(struct reassembly *r, uint16_t bucket, const struct fragment *f, usec_t now)
{
	const struct flow_key *key = &f->packet->key;
	uint16_t source = (uint16_t)((hash_address(~r->config.seed, &key->source) >> 40) % SOURCES);

	if (r->uses[source].datagrams >= REASSEMBLY_PER_SOURCE)
		give_up(r, r->sources[source].oldest, DROP_FRAGMENT_SOURCE_LIMIT);
	if (r->datagrams == REASSEMBLY_DATAGRAMS)
		give_up(r, oldest_of_all(r), DROP_FRAGMENT_LIMIT);

	uint16_t i = take_slot(r);
	struct slot *s = &r->slots[i];

	memset(&s->datagram, 0, sizeof(s->datagram));
	s->datagram.source = key->source;
	s->datagram.destination = key->destination;
	s->datagram.identification = f->identification;
	s->datagram.protocol = f->v6 ? 0 : f->packet->ip_protocol;
	s->datagram.started = now;
	s->bucket = bucket;
	s->source = source;
	s->family = f->v6;
	s->next = r->buckets[bucket];
	r->buckets[bucket] = i;
	list_append(r, &r->families[s->family], LIST_FAMILY, i);
	list_append(r, &r->sources[source], LIST_SOURCE, i);
	r->uses[source].datagrams++;
	r->datagrams++;
	return i;
}

// Makes room for the chunks that a fragment adds, at the cost of older datagrams; false when its
// own is the next to go.
static bool make_room(struct reassembly *r, uint16_t i, uint32_t wanted)
{
	struct slot *s = &r->slots[i];

	while (r->uses[s->source].buffers + wanted > REASSEMBLY_SOURCE_BUFFERS) {
		uint16_t oldest = r->sources[s->source].oldest;

		if (oldest == i)
			oldest = s->links[LIST_SOURCE].newer;
		if (oldest == END)
			return false;
		give_up(r, oldest, DROP_FRAGMENT_SOURCE_LIMIT);
	}
	while (r->buffers + wanted > r->config.buffers) {
		uint16_t oldest = oldest_of_all(r);

		if (oldest == i)
			return false;
		give_up(r, oldest, DROP_FRAGMENT_LIMIT);
	}
	return true;
}

static enum drop_reason reason_of(enum datagram_verdict verdict)
{
	switch (verdict) {
	case DATAGRAM_OVERLAP:
	case DATAGRAM_REPEATED:
		return DROP_FRAGMENT_OVERLAP;
	case DATAGRAM_NO_BUFFER:
		return DROP_NO_BUFFER;
	default:
		return DROP_FRAGMENT_MALFORMED;
	}
}

// Enters a fragment into its datagram. The reason why the fragment is dropped, or NONE.
static enum drop_reason enter(struct reassembly *r, uint16_t i, const struct fragment *f)
{
	struct datagram *d = &r->slots[i].datagram;
	uint32_t held = d->held;

	if (!make_room(r, i, datagram_chunks_wanted(d, f))) {
		give_up(r, i, DROP_FRAGMENT_LIMIT);
		return DROP_FRAGMENT_LIMIT;
	}
	enum datagram_verdict verdict = datagram_add(d, f, r->config.source);

	r->buffers += d->held - held;
	r->uses[r->slots[i].source].buffers =
		(uint16_t)(r->uses[r->slots[i].source].buffers + d->held - held);
	if (r->buffers > r->buffers_most)
		r->buffers_most = r->buffers;
	if (verdict == DATAGRAM_KEPT)
		return DROP_NONE;
	if (verdict == DATAGRAM_OVERLAP || verdict == DATAGRAM_MALFORMED)
		give_up(r, i, reason_of(verdict));
	return reason_of(verdict);
}

static struct buffer *complete(struct reassembly *r, uint16_t i, uint16_t *largest)
{
	struct datagram *d = &r->slots[i].datagram;
	uint32_t held = d->held;
	struct buffer *frame = datagram_take(d);

	if (!frame) {
		give_up(r, i, DROP_FRAGMENT_MALFORMED);
		return NULL;
	}
	*largest = d->largest;
	r->buffers -= held;
	r->uses[r->slots[i].source].buffers =
		(uint16_t)(r->uses[r->slots[i].source].buffers - held);
	release(r, i);
	return frame;
}

static void put(struct reassembly *r, struct packet *packet, enum drop_reason reason)
{
	if (reason != DROP_NONE)
		stats_drop(r->config.stats, reason);
	r->config.source->put(r->config.source, packet->buffer);
	packet->buffer = NULL;
}

struct buffer *reassembly_input(
	struct reassembly *r, struct packet *packet, usec_t now, uint16_t *largest)
{
	struct fragment f = fragment_read(packet);
	uint16_t bucket = (uint16_t)(hash_fragment(&f, r->config.seed) % BUCKETS);

	if (!fragment_is_acceptable(&f)) {
		put(r, packet, DROP_FRAGMENT_MALFORMED);
		return NULL;
	}
	// A datagram in one "fragment" has nothing to do with others of its identification (RFC
	// 6946).
	bool is_atomic = f.offset == 0 && !f.more;
	uint16_t i = is_atomic ? END : find(r, bucket, &f);

	if (i == END)
		i = add(r, bucket, &f, now);
	enum drop_reason reason = enter(r, i, &f);

	put(r, packet, reason);
	if (reason != DROP_NONE || !datagram_is_complete(&r->slots[i].datagram))
		return NULL;
	return complete(r, i, largest);
}

static usec_t due(const struct reassembly *r, uint16_t family)
{
	uint16_t i = r->families[family].oldest;

	if (i == END)
		return UINT64_MAX;
	return r->slots[i].datagram.started +
	       (family ? REASSEMBLY_TIMEOUT_V6 : REASSEMBLY_TIMEOUT_V4);
}

static void expire(struct reassembly *r, uint16_t i)
{
	struct slot *s = &r->slots[i];
	struct buffer *first = NULL;
	uint16_t netif = s->datagram.netif;
	uint16_t l3 = s->datagram.l3;

	if (s->datagram.headers > 0) {
		first = datagram_take_first(&s->datagram);
		r->buffers--;
		r->uses[s->source].buffers--;
	}
	give_up(r, i, DROP_FRAGMENT_TIMEOUT);
	if (first)
		r->config.expired(r->config.context, netif, l3, first);
}

uint32_t reassembly_tick(struct reassembly *r, usec_t now)
{
	uint32_t ran = 0;

	for (uint16_t family = 0; family < 2; family++) {
		while (ran < EXPIRED_PER_TICK && due(r, family) <= now) {
			expire(r, r->families[family].oldest);
			ran++;
		}
	}
	return ran;
}

usec_t reassembly_next(const struct reassembly *r)
{
	return u64_min(due(r, 0), due(r, 1));
}
