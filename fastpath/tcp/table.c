// SPDX-License-Identifier: BSD-3-Clause
// From a segment's addresses and ports to its connection or listener. The hash is keyed: nobody
// outside can make a chain long.
#include "tcp/engine_impl.h"

// One 64 x 64 -> 128 bit multiplication, folded: every bit of a and b reaches the middle bits.
static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

// Every segment asks, so this is no SipHash: its results never leave the engine, and whoever does
// not know the key cannot choose what collides. Secrets are products, whose differences depend on
// the key, so that no two operands can be swapped.
static uint64_t key_hash(const struct siphash_key *key, const struct flow_key *flow)
{
	const uint64_t *source = flow->source.halves;
	const uint64_t *destination = flow->destination.halves;
	uint64_t secret = (key->word[0] | 1) * UINT64_C(0x9e3779b97f4a7c15);
	uint64_t rest; // ports and protocol
	uint64_t h;

	memcpy(&rest, &flow->source_port, sizeof(rest));
	h = fold(fold(source[0] ^ secret, source[1] ^ (3 * secret + 1)) ^ rest,
		fold(destination[0] ^ (5 * secret + 2), destination[1] ^ (7 * secret + 3)) ^
			key->word[1]);
	return h ^ (h >> 32);
}

uint32_t bucket_number(const struct tcp_engine *e, const struct flow_key *key)
{
	return (uint32_t)key_hash(&e->table_key, key) & e->bucket_mask;
}

static uint32_t *bucket_of(const struct tcp_engine *e, const struct flow_key *key)
{
	return &e->buckets[bucket_number(e, key)];
}

struct tcp_connection *connection_find(const struct tcp_engine *e, const struct flow_key *key)
{
	return connection_find_in(e, bucket_number(e, key), key);
}

uint32_t tcp_bucket_prefetch(const struct tcp_engine *engine, const struct flow_key *key)
{
	uint32_t bucket = bucket_number(engine, key);

	__builtin_prefetch(&engine->buckets[bucket]);
	return bucket;
}

void tcp_prefetch_in(const struct tcp_engine *engine, uint32_t bucket)
{
	tcp_prefetch(engine, engine->buckets[bucket]);
}

void tcp_prefetch(const struct tcp_engine *engine, uint32_t connection)
{
	const uint8_t *c =
		engine->connections.objects + (size_t)connection * sizeof(struct tcp_connection);

	if (connection >= engine->connections.touched)
		return;
	for (size_t line = 0; line <= offsetof(struct tcp_connection, congestion);
		line += CACHE_LINE)
		__builtin_prefetch(c + line);
}

void tcp_prefetch_queue(const struct tcp_engine *engine, uint32_t connection)
{
	const struct tcp_connection *c;

	if (connection >= engine->connections.touched)
		return;
	c = engine_at(engine, connection);
	if (!c->send_head)
		return;
	__builtin_prefetch(c->send_head);
	__builtin_prefetch(&c->send_head->next);
	__builtin_prefetch(c->send_head->state);
	__builtin_prefetch(c->send_tail->state);
}

void tcp_prefetch_queue_in(const struct tcp_engine *engine, uint32_t bucket)
{
	tcp_prefetch_queue(engine, engine->buckets[bucket]);
}

struct tcp_connection *connection_find_in(
	const struct tcp_engine *e, uint32_t bucket, const struct flow_key *key)
{
	uint32_t index = e->buckets[bucket];

	while (index != POOL_NONE) {
		struct tcp_connection *c = engine_at(e, index);

		if (flow_key_equal(&c->key, key))
			return c;
		index = c->chain;
	}
	return NULL;
}

// One that is in TIME-WAIT since this turn gives its place at once.
static uint32_t index_get(struct tcp_engine *e)
{
	uint32_t index = pool_get(&e->connections);
	uint32_t oldest = e->lists[LIST_TIME_WAIT].oldest;

	if (index != POOL_NONE || oldest == TCP_NONE)
		return index;
	time_wait_shrink(e, engine_at(e, oldest));
	return pool_get(&e->connections);
}

struct tcp_connection *connection_new(
	struct tcp_engine *e, const struct flow_key *key, uint8_t profile)
{
	uint32_t index = index_get(e);
	uint32_t *bucket = bucket_of(e, key);
	struct tcp_connection *c;

	if (index == POOL_NONE) {
		tcp_count(e, no_connection);
		return NULL;
	}
	c = engine_at(e, index);
	memset(c, 0, sizeof(*c));
	c->key = *key;
	c->profile = profile;
	c->chain = *bucket;
	*bucket = index;
	c->flush_next = c->event_next = TCP_NONE;
	c->listener = TCP_NONE;
	c->list_next = c->list_previous = TCP_NONE;
	wheel_entry_init(&e->wheel, index);
	counter_add(&e->stats.states[TCP_CLOSED], 1);
	return c;
}

void connection_free(struct tcp_engine *e, struct tcp_connection *c)
{
	uint32_t index = engine_index(e, c);
	uint32_t *link = bucket_of(e, &c->key);

	while (*link != index)
		link = &engine_at(e, *link)->chain;
	*link = c->chain;
	send_queue_clear(e, c);
	receive_clear(e, c);
	flush_remove(e, c);
	event_remove(e, c);
	list_remove(e, c);
	wheel_cancel(&e->wheel, index);
	counter_sub(&e->stats.states[c->state], 1);
	if (c->flags & TCP_IS_OWNED)
		e->owned--;
	pool_put(&e->connections, index);
}

uint64_t source_hash(const struct tcp_engine *e, const struct ip_address *source)
{
	bool v6 = !ip_address_is_v4(source);
	uint64_t words[] = {source->halves[0], v6 ? 0 : source->halves[1]};

	return siphash_words(&e->key, words, nx_array_size(words));
}

static uint32_t listener_hash(be16 port)
{
	return be16_to_host(port) % LISTENER_BUCKETS;
}

static const struct tcp_listener *listener_at(
	const struct tcp_engine *e, const struct ip_address *address, be16 port)
{
	uint32_t index = e->listener_buckets[listener_hash(port)];

	while (index != TCP_NONE) {
		const struct tcp_listener *l = &e->listeners[index];

		if (l->port == port && ip_address_equal(&l->address, address))
			return l;
		index = l->chain;
	}
	return NULL;
}

// An exact address before the unspecified one.
const struct tcp_listener *listener_find(const struct tcp_engine *e, const struct flow_key *key)
{
	static const struct ip_address any;
	const struct tcp_listener *l = listener_at(e, &key->destination, key->destination_port);

	return l ? l : listener_at(e, &any, key->destination_port);
}

bool tcp_engine_owns(const struct tcp_engine *engine, const struct flow_key *key)
{
	return connection_find(engine, key) != NULL || time_wait_find(engine, key) != NULL ||
	       listener_find(engine, key) != NULL;
}

// One form of "any address", whichever family's the user wrote.
static struct ip_address listener_address(const struct ip_address *address)
{
	static const struct ip_address any;

	return ip_address_is_unspecified(address) ? any : *address;
}

int tcp_listen(struct tcp_engine *engine, const struct ip_address *address, be16 port,
	uint16_t profile, uint64_t context, uint32_t *out)
{
	struct ip_address where = listener_address(address);
	uint32_t *bucket = &engine->listener_buckets[listener_hash(port)];
	uint32_t index = 0;

	nx_bug_on(profile >= TCP_PROFILES_MAX);
	if (listener_at(engine, &where, port) != NULL)
		return -EADDRINUSE;
	while (index < engine->listener_count && engine->listeners[index].is_open)
		index++;
	if (index == LISTENERS_MAX)
		return -ENOSPC;
	if (index == engine->listener_count)
		engine->listener_count++;
	engine->listeners[index] = (struct tcp_listener){.address = where,
		.port = port,
		.profile = (uint8_t)profile,
		.context = context,
		.number = index,
		.is_open = true,
		.chain = *bucket};
	*bucket = index;
	*out = index;
	return 0;
}

void tcp_unlisten(struct tcp_engine *engine, uint32_t listener, usec_t now)
{
	struct tcp_listener *l = &engine->listeners[listener];
	uint32_t *link = &engine->listener_buckets[listener_hash(l->port)];
	uint32_t index = engine->lists[LIST_HALF_OPEN].oldest;

	engine->now = now;
	while (*link != listener)
		link = &engine->listeners[*link].chain;
	*link = l->chain;
	l->is_open = false;
	while (index != TCP_NONE) {
		struct tcp_connection *c = engine_at(engine, index);

		index = c->list_next;
		if (c->listener != listener)
			continue;
		segment_send_reset(engine, c, false);
		connection_free(engine, c);
	}
}
