// SPDX-License-Identifier: BSD-3-Clause
#include "slowpath/admission/admission.h"

#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

#include "core/crowd.h"

enum {
	SOURCES_PER_PLACE = 4, // so that buckets of sources without handshakes last a while
};

struct place {
	STAILQ_ENTRY(place) next;   // in its source's queue
	struct source *source;      // NULL: free
	struct crowd_member member; // of `new` or `settled`
	uint32_t next_free;
	bool waits;
	bool is_settled;
};

// A source lives in its hash chain, and, by what it is, among those that wait for a turn or those
// that hold no place (the one heard of longest ago first).
struct source {
	LIST_ENTRY(source) chain;
	TAILQ_ENTRY(source) turn; // while a place of it waits
	TAILQ_ENTRY(source) idle; // while it has no place
	STAILQ_HEAD(, place) queue;
	struct ip_address address;
	uint32_t places;
	uint64_t tokens; // a handshake costs USEC_PER_SECOND of them, a microsecond adds rate
	usec_t filled;
	bool waits;
	bool used;
};

struct admission {
	struct admission_config config;
	uint64_t key; // of the hash: strangers must not choose their chain
	uint32_t in_flight;
	uint32_t first_free;
	uint32_t chains; // a power of two
	struct place *places;
	struct crowd *new;
	struct crowd *settled;
	struct source *sources;
	LIST_HEAD(chain, source) * table;
	TAILQ_HEAD(, source) turns;
	TAILQ_HEAD(, source) idle;
};

static struct chain *chain_of(const struct admission *a, const struct ip_address *address)
{
	uint64_t mixed = (address->halves[0] ^ a->key) * UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ (mixed >> 29) ^ address->halves[1]) * UINT64_C(0xff51afd7ed558ccd);
	return &a->table[(uint32_t)(mixed >> 32) & (a->chains - 1)];
}

int admission_create(const struct admission_config *config, struct admission **out)
{
	uint32_t sources = config->handshakes * SOURCES_PER_PLACE;
	struct admission *a;

	if (config->handshakes == 0 || config->handshakes_per_source == 0 || config->rate == 0 ||
		config->burst == 0 || config->handshakes > UINT32_MAX / 2 / SOURCES_PER_PLACE)
		return -EINVAL;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->config = *config;
	for (a->chains = 1; a->chains < sources; a->chains *= 2)
		;
	a->places = calloc(config->handshakes, sizeof(*a->places));
	a->sources = calloc(sources, sizeof(*a->sources));
	a->table = calloc(a->chains, sizeof(*a->table));
	if (!a->places || !a->sources || !a->table || crowd_create(config->handshakes, &a->new) ||
		crowd_create(config->handshakes, &a->settled)) {
		admission_destroy(a);
		return -ENOMEM;
	}
	if (getrandom(&a->key, sizeof(a->key), 0) != sizeof(a->key))
		a->key = (uint64_t)(uintptr_t)a;
	TAILQ_INIT(&a->turns);
	TAILQ_INIT(&a->idle);
	for (uint32_t i = 0; i < config->handshakes; i++)
		a->places[i].next_free = i + 1 < config->handshakes ? i + 1 : ADMISSION_NONE;
	for (uint32_t i = 0; i < sources; i++)
		TAILQ_INSERT_TAIL(&a->idle, &a->sources[i], idle);
	*out = a;
	return 0;
}

void admission_destroy(struct admission *a)
{
	if (!a)
		return;
	crowd_destroy(a->new);
	crowd_destroy(a->settled);
	free(a->places);
	free(a->sources);
	free(a->table);
	free(a);
}

// The source of an address: known, or in place of the one heard of longest ago. There always is an
// idle one: there are more sources than places.
static struct source *source_find(struct admission *a, const struct ip_address *address, usec_t now)
{
	struct chain *chain = chain_of(a, address);
	struct source *s;

	LIST_FOREACH(s, chain, chain)
	if (ip_address_equal(&s->address, address))
		return s;
	s = TAILQ_FIRST(&a->idle);
	if (s->used)
		LIST_REMOVE(s, chain);
	s->used = true;
	s->address = *address;
	s->tokens = a->config.burst * USEC_PER_SECOND;
	s->filled = now;
	STAILQ_INIT(&s->queue);
	LIST_INSERT_HEAD(chain, s, chain);
	return s;
}

static void tokens_fill(const struct admission *a, struct source *s, usec_t now)
{
	uint64_t most = a->config.burst * USEC_PER_SECOND;
	usec_t passed = now > s->filled ? now - s->filled : 0;

	// A minute fills every bucket that is worth the name; beyond it the product might wrap.
	passed = u64_min(passed, most / a->config.rate + 1);
	s->tokens = u64_min(most, s->tokens + passed * a->config.rate);
	s->filled = now;
}

enum admission_verdict admission_enter(
	struct admission *a, const struct ip_address *address, usec_t now, uint32_t *place)
{
	struct ip_address network = crowd_network_of(address);
	struct source *s = source_find(a, &network, now);

	tokens_fill(a, s, now);
	if (s->places == 0) {
		// Heard of just now, whether it is let in or not.
		TAILQ_REMOVE(&a->idle, s, idle);
		TAILQ_INSERT_TAIL(&a->idle, s, idle);
	}
	if (s->tokens < USEC_PER_SECOND)
		return ADMISSION_SOURCE_RATE;
	if (s->places >= a->config.handshakes_per_source)
		return ADMISSION_SOURCE_FULL;
	if (a->first_free == ADMISSION_NONE)
		return ADMISSION_FULL;
	if (s->places++ == 0)
		TAILQ_REMOVE(&a->idle, s, idle);
	s->tokens -= USEC_PER_SECOND;
	*place = a->first_free;
	a->first_free = a->places[*place].next_free;
	a->places[*place] = (struct place){.source = s};
	crowd_join(a->new, &a->places[*place].member, &network);
	a->in_flight++;
	return ADMISSION_GRANTED;
}

uint32_t admission_victim(
	const struct admission *a, const struct ip_address *source, enum admission_verdict verdict)
{
	const struct crowd_member *m = NULL;

	if (verdict == ADMISSION_SOURCE_FULL)
		m = crowd_oldest_of(a->new, source);
	if (verdict == ADMISSION_FULL)
		m = crowd_oldest_of_most(
			crowd_members(a->settled) > a->config.handshakes / 2 ? a->settled : a->new);
	if (!m)
		return ADMISSION_NONE;
	return (uint32_t)((const struct place *)(const void *)((const uint8_t *)m -
							       offsetof(struct place, member)) -
			  a->places);
}

void admission_settle(struct admission *a, uint32_t place)
{
	struct place *p = &a->places[place];

	if (p->is_settled)
		return;
	p->is_settled = true;
	crowd_leave(a->new, &p->member);
	crowd_join(a->settled, &p->member, &p->source->address);
}

void admission_leave(struct admission *a, uint32_t place)
{
	struct place *p = &a->places[place];
	struct source *s = p->source;

	nx_bug_on(!s);
	if (p->waits)
		STAILQ_REMOVE(&s->queue, p, place, next);
	if (s->waits && STAILQ_EMPTY(&s->queue)) {
		TAILQ_REMOVE(&a->turns, s, turn);
		s->waits = false;
	}
	crowd_leave(p->is_settled ? a->settled : a->new, &p->member);
	if (--s->places == 0)
		TAILQ_INSERT_TAIL(&a->idle, s, idle);
	p->source = NULL;
	p->waits = false;
	p->next_free = a->first_free;
	a->first_free = place;
	a->in_flight--;
}

void admission_queue(struct admission *a, uint32_t place)
{
	struct place *p = &a->places[place];
	struct source *s = p->source;

	if (p->waits)
		return;
	p->waits = true;
	STAILQ_INSERT_TAIL(&s->queue, p, next);
	if (s->waits)
		return;
	s->waits = true;
	TAILQ_INSERT_TAIL(&a->turns, s, turn);
}

uint32_t admission_next(struct admission *a)
{
	struct source *s = TAILQ_FIRST(&a->turns);
	struct place *p;

	if (!s)
		return ADMISSION_NONE;
	p = STAILQ_FIRST(&s->queue);
	STAILQ_REMOVE_HEAD(&s->queue, next);
	p->waits = false;
	TAILQ_REMOVE(&a->turns, s, turn);
	s->waits = !STAILQ_EMPTY(&s->queue);
	if (s->waits)
		TAILQ_INSERT_TAIL(&a->turns, s, turn);
	return (uint32_t)(p - a->places);
}

uint32_t admission_in_flight(const struct admission *a)
{
	return a->in_flight;
}
