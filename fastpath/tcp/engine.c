// SPDX-License-Identifier: BSD-3-Clause
#include "tcp/engine_impl.h"

static uint32_t power_of_two_at_least(uint32_t n)
{
	uint32_t p = 16;

	while (p < n && p < UINT32_C(1) << 31)
		p *= 2;
	return p;
}

static int tables_create(struct tcp_engine *e)
{
	uint32_t capacity = e->config.connections;
	uint32_t buckets = power_of_two_at_least(capacity);
	int error;

	error = pool_init(&e->connections, capacity, sizeof(struct tcp_connection), e->config.huge);
	if (error)
		return error;
	error = memory_map(
		(size_t)buckets * sizeof(*e->buckets), e->config.huge, &e->buckets_memory);
	if (error) {
		pool_fini(&e->connections);
		return error;
	}
	e->buckets = e->buckets_memory.base;
	e->bucket_mask = buckets - 1;
	memset(e->buckets, 0xff, (size_t)buckets * sizeof(*e->buckets));
	error = time_waits_create(e);
	if (error) {
		memory_unmap(&e->buckets_memory);
		pool_fini(&e->connections);
	}
	return error;
}

// A key for each use: what one of them might give away is no word of another's. The table's hash is
// no SipHash, and a run's place in its tree shows in how long its search takes.
static void secrets_derive(struct tcp_engine *e)
{
	struct siphash_key secret;
	uint64_t words[5];

	static_assert(sizeof(secret) == TCP_SECRET_BYTES);
	memcpy(&secret, e->config.secret, sizeof(secret));
	for (uint64_t i = 0; i < nx_array_size(words); i++)
		words[i] = siphash_words(&secret, &i, 1);
	e->key = (struct siphash_key){{words[0], words[1]}};
	e->table_key = (struct siphash_key){{words[2], words[3]}};
	e->random = words[4] | 1;
	memset(e->config.secret, 0, sizeof(e->config.secret));
}

int tcp_engine_create(const struct tcp_engine_config *config, struct tcp_engine **out)
{
	struct tcp_engine *e;
	int error;

	if (config->connections == 0 || config->connections > UINT32_C(1) << 30 ||
		config->buffers == NULL || config->transmit == NULL)
		return -EINVAL;
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return -ENOMEM;
	e->config = *config;
	e->now = config->now;
	if (e->config.half_open == 0)
		e->config.half_open = config->connections / 8 + 1;
	if (e->config.held == 0 || e->config.held > e->config.half_open)
		e->config.held = e->config.half_open;
	secrets_derive(e);
	error = tables_create(e);
	if (error) {
		free(e);
		return error;
	}
	wheel_init(&e->wheel, e->connections.objects + offsetof(struct tcp_connection, timer),
		sizeof(struct tcp_connection), TICK_SHIFT, config->now);
	e->flush = (struct tcp_queue){.first = TCP_NONE, .last = TCP_NONE};
	e->events = e->flush;
	for (unsigned i = 0; i < LIST_COUNT; i++)
		e->lists[i] = (struct tcp_list){.oldest = TCP_NONE, .newest = TCP_NONE};
	held_init(e);
	for (unsigned i = 0; i < RESET_SOURCES; i++)
		rate_init(&e->resets[i], RESETS_PER_SECOND, RESETS_PER_SECOND);
	memset(e->listener_buckets, 0xff, sizeof(e->listener_buckets));
	for (unsigned i = 0; i < TCP_PROFILES_MAX; i++)
		profile_defaults(&e->profiles[i]);
	*out = e;
	return 0;
}

// Every connection in the table.
static void connections_each(
	struct tcp_engine *e, void (*act)(struct tcp_engine *e, struct tcp_connection *c))
{
	for (uint32_t i = 0; i <= e->bucket_mask; i++)
		while (e->buckets[i] != POOL_NONE)
			act(e, engine_at(e, e->buckets[i]));
}

static void connection_reset(struct tcp_engine *e, struct tcp_connection *c)
{
	if (state_takes_reset(c))
		segment_send_reset(e, c, false);
	connection_free(e, c);
}

uint32_t tcp_engine_destroy(struct tcp_engine *engine)
{
	uint32_t owned = engine->owned;

	connections_each(engine, connection_free);
	time_waits_destroy(engine);
	nx_bug_on(engine->connections.used != 0);
	pool_fini(&engine->connections);
	memory_unmap(&engine->buckets_memory);
	free(engine);
	return owned;
}

uint32_t tcp_abort_all(struct tcp_engine *engine, usec_t now)
{
	uint32_t count = tcp_connections(engine);

	engine->now = now;
	connections_each(engine, connection_reset);
	time_waits_clear(engine);
	return count;
}

const struct tcp_stats *tcp_engine_stats(const struct tcp_engine *engine)
{
	return &engine->stats;
}

uint32_t tcp_connections(const struct tcp_engine *engine)
{
	return engine->connections.used + engine->waits.used;
}

bool tcp_engine_pool(const struct tcp_engine *engine, uint32_t index, const char **name,
	uint64_t *used, uint64_t *capacity, uint64_t *high_water)
{
	const struct pool *pool = index == 0 ? &engine->connections : &engine->waits;

	if (index > 1)
		return false;
	*name = index == 0 ? "tcp_connections" : "tcp_time_wait";
	*used = pool->used;
	*capacity = pool->capacity;
	*high_water = pool->high_water;
	return true;
}

uint32_t tcp_timers_run(struct tcp_engine *engine, usec_t now, uint32_t budget)
{
	uint32_t kept = budget / 8; // for TIME-WAIT, however many others are due
	uint32_t left = budget - kept;
	uint32_t index;

	engine->now = now;
	while ((index = wheel_take_due(&engine->wheel, now, &left)) != WHEEL_NONE)
		timers_due(engine, engine_at(engine, index));
	left += kept;
	return budget - left + time_waits_run(engine, left);
}

usec_t tcp_timers_next(const struct tcp_engine *engine)
{
	return u64_min(wheel_next(&engine->wheel), wheel_next(&engine->wait_wheel));
}

bool tcp_flush(struct tcp_engine *engine, usec_t now)
{
	uint32_t last = engine->flush.last;
	struct tcp_connection *c;

	engine->now = now;
	// Once round: what finds no buffer queues up again behind `last`.
	while (last != TCP_NONE && (c = flush_take(engine)) != NULL) {
		bool was_last = engine_index(engine, c) == last;

		if (!output_run(engine, c))
			flush_add(engine, c);
		if (was_last)
			break;
	}
	time_waits_shrink(engine);
	return engine->flush.first == TCP_NONE;
}
