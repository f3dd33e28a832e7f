// SPDX-License-Identifier: BSD-3-Clause

// Idle clients are a stack of slot numbers. The lock guards the stack and the counts; a client that
// is lent is its borrower's alone, so that connecting happens outside of the lock.

#include "nexwire/pool.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "rest.h"
#include "stream.h"

enum {
	CONNECTIONS = 4,
	CONNECTIONS_MOST = UINT16_MAX,
	ATTEMPTS = 3,
	PAUSE_MS = 100,
	PAUSE_MOST_MS = 5000
};

struct slot {
	struct nx_rest rest;
	uint64_t idle_since_ms;
	uint64_t not_before_ms; // the next attempt to connect
	unsigned int failures;  // in a row
	bool is_connecting;     // its borrower's loop, or the next one's, goes on
	bool was_alive;         // when it was given back
};

struct nx_pool {
	struct nx_pool_config config;
	const struct nx_allocator *allocator;
	pthread_mutex_t lock;
	pthread_cond_t given_back;
	struct nx_pool_counts counts;
	unsigned int idle; // entries of the stack
	uint16_t *stack;
	size_t bytes;
	struct slot slots[];
};

static void lock(struct nx_pool *pool)
{
	if (pool->config.threads)
		pthread_mutex_lock(&pool->lock);
}

static void unlock(struct nx_pool *pool)
{
	if (pool->config.threads)
		pthread_mutex_unlock(&pool->lock);
}

static void config_take(struct nx_pool *pool, const struct nx_pool_config *config)
{
	pool->config = *config;
	if (config->attempts == 0)
		pool->config.attempts = ATTEMPTS;
	if (config->pause_ms == 0)
		pool->config.pause_ms = PAUSE_MS;
	if (config->pause_most_ms == 0)
		pool->config.pause_most_ms = PAUSE_MOST_MS;
}

static void lock_init(struct nx_pool *pool)
{
	pthread_condattr_t attributes;

	pthread_mutex_init(&pool->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&pool->given_back, &attributes);
	pthread_condattr_destroy(&attributes);
}

enum nx_client_verdict nx_pool_create(const struct nx_pool_config *config, struct nx_pool **made)
{
	const struct nx_allocator *allocator = config->rest.stream.allocator
						       ? config->rest.stream.allocator
						       : &nx_allocator_default;
	unsigned int connections = config->connections ? config->connections : CONNECTIONS;
	size_t bytes =
		sizeof(struct nx_pool) + connections * (sizeof(struct slot) + sizeof(uint16_t));
	struct nx_pool *pool;

	if (connections > CONNECTIONS_MOST)
		return NX_CLIENT_NO_MEMORY;
	pool = allocator->allocate(allocator->context, bytes);
	if (pool == NULL)
		return NX_CLIENT_NO_MEMORY;
	memset(pool, 0, bytes);
	config_take(pool, config);
	pool->allocator = allocator;
	pool->bytes = bytes;
	pool->stack = (uint16_t *)(pool->slots + connections);
	lock_init(pool);
	for (unsigned int i = 0; i < connections; i++) {
		enum nx_client_verdict verdict = nx_rest_init(&pool->slots[i].rest, &config->rest);

		if (verdict != NX_CLIENT_DONE) {
			nx_pool_destroy(pool);
			return verdict;
		}
		pool->counts.connections++;
		pool->stack[pool->idle++] = (uint16_t)(connections - 1 - i);
	}
	*made = pool;
	return NX_CLIENT_DONE;
}

void nx_pool_destroy(struct nx_pool *pool)
{
	if (pool == NULL)
		return;
	for (unsigned int i = 0; i < pool->counts.connections; i++)
		nx_rest_fini(&pool->slots[i].rest);
	pthread_cond_destroy(&pool->given_back);
	pthread_mutex_destroy(&pool->lock);
	pool->allocator->release(pool->allocator->context, pool, pool->bytes);
}

static struct slot *take_at(struct nx_pool *pool, unsigned int i)
{
	struct slot *slot = &pool->slots[pool->stack[i]];

	memmove(pool->stack + i, pool->stack + i + 1, (pool->idle - i - 1) * sizeof(uint16_t));
	pool->idle--;
	pool->counts.lent++;
	return slot;
}

// Where in the stack the one given back last that lives is, else the one whose pause has ended;
// `idle` if there is none. *pause_ms is how long the shortest pause still lasts.
static unsigned int find_idle(const struct nx_pool *pool, uint64_t now, uint64_t *pause_ms)
{
	*pause_ms = UINT64_MAX;
	for (unsigned int i = pool->idle; i-- > 0;)
		if (pool->slots[pool->stack[i]].was_alive)
			return i;
	for (unsigned int i = pool->idle; i-- > 0;) {
		uint64_t not_before = pool->slots[pool->stack[i]].not_before_ms;

		if (not_before <= now)
			return i;
		if (not_before - now < *pause_ms)
			*pause_ms = not_before - now;
	}
	return pool->idle;
}

static struct timespec timespec_of(uint64_t ms)
{
	return (struct timespec){
		.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
}

static void sleep_until(uint64_t when_ms)
{
	struct timespec when = timespec_of(when_ms);

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR)
		;
}

static void wait_until(struct nx_pool *pool, uint64_t when_ms)
{
	struct timespec when = timespec_of(when_ms);

	if (pool->config.threads)
		pthread_cond_timedwait(&pool->given_back, &pool->lock, &when);
	else
		sleep_until(when_ms);
}

static struct slot *take(struct nx_pool *pool, unsigned int wait_ms)
{
	uint64_t now = nx_stream_now_ms(), until = now + wait_ms, pause_ms;
	struct slot *slot = NULL;
	unsigned int i;

	lock(pool);
	while ((i = find_idle(pool, now, &pause_ms)) == pool->idle) {
		if (pool->config.rest.stream.drive != NX_DRIVE_BLOCKING || now >= until ||
			(pause_ms == UINT64_MAX && !pool->config.threads))
			break;
		wait_until(pool, pause_ms < until - now ? now + pause_ms : until);
		now = nx_stream_now_ms();
	}
	if (i < pool->idle)
		slot = take_at(pool, i);
	unlock(pool);
	return slot;
}

static void count(struct nx_pool *pool, uint64_t *counter)
{
	lock(pool);
	++*counter;
	unlock(pool);
}

static void pause_after_failure(struct nx_pool *pool, struct slot *slot)
{
	uint64_t pause = pool->config.pause_ms;

	for (unsigned int i = 0; i < slot->failures && pause < pool->config.pause_most_ms; i++)
		pause *= 2;
	if (pause > pool->config.pause_most_ms)
		pause = pool->config.pause_most_ms;
	slot->failures++;
	slot->is_connecting = false;
	slot->not_before_ms = nx_stream_now_ms() + pause;
	count(pool, &pool->counts.failures);
}

static void connected(struct nx_pool *pool, struct slot *slot)
{
	slot->failures = 0;
	slot->is_connecting = false;
	count(pool, &pool->counts.connects);
}

static enum nx_client_verdict connect_once(struct nx_pool *pool, struct slot *slot)
{
	enum nx_client_verdict verdict = nx_rest_connect(&slot->rest);

	if (verdict == NX_CLIENT_DONE)
		connected(pool, slot);
	else if (verdict == NX_CLIENT_AGAIN)
		slot->is_connecting = true;
	else
		pause_after_failure(pool, slot);
	return verdict;
}

// Only blocking drive may wait out a pause here; in the others the caller's loop does.
static enum nx_client_verdict connect_slot(struct nx_pool *pool, struct slot *slot)
{
	enum nx_client_verdict verdict = connect_once(pool, slot);

	if (pool->config.rest.stream.drive != NX_DRIVE_BLOCKING)
		return verdict;
	for (unsigned int i = 1; i < pool->config.attempts && verdict != NX_CLIENT_DONE; i++) {
		sleep_until(slot->not_before_ms);
		verdict = connect_once(pool, slot);
	}
	return verdict;
}

static void give_back(struct nx_pool *pool, struct slot *slot)
{
	slot->was_alive = nx_rest_is_alive(&slot->rest);
	slot->idle_since_ms = nx_stream_now_ms();
	lock(pool);
	pool->stack[pool->idle++] = (uint16_t)(slot - pool->slots);
	pool->counts.lent--;
	if (pool->config.threads)
		pthread_cond_signal(&pool->given_back);
	unlock(pool);
}

enum nx_client_verdict nx_pool_acquire(
	struct nx_pool *pool, unsigned int wait_ms, struct nx_rest **rest)
{
	struct slot *slot = take(pool, wait_ms);
	enum nx_client_verdict verdict = NX_CLIENT_DONE;

	if (slot == NULL)
		return NX_CLIENT_BUSY;
	if (slot->was_alive && pool->config.idle_ms > 0 &&
		nx_stream_now_ms() - slot->idle_since_ms > pool->config.idle_ms)
		nx_stream_close(&slot->rest.stream);
	if (!nx_rest_is_alive(&slot->rest)) {
		if (slot->was_alive)
			count(pool, &pool->counts.stale);
		slot->was_alive = false;
		verdict = connect_slot(pool, slot);
	}
	if (verdict != NX_CLIENT_DONE && verdict != NX_CLIENT_AGAIN) {
		give_back(pool, slot);
		return verdict;
	}
	*rest = &slot->rest;
	return verdict;
}

// What came of connecting while the client was lent. One that is at it still is judged when it is
// lent again.
static void judge(struct nx_pool *pool, struct slot *slot)
{
	if (slot->rest.phase != REST_CONNECTING) {
		if (slot->is_connecting)
			connected(pool, slot);
	} else if (slot->rest.stream.over != NX_CLIENT_DONE) {
		pause_after_failure(pool, slot);
	}
}

void nx_pool_release(struct nx_pool *pool, struct nx_rest *rest)
{
	struct slot *slot = (struct slot *)rest; // its first member

	judge(pool, slot);
	give_back(pool, slot);
}

int nx_pool_wait_ms(struct nx_pool *pool)
{
	uint64_t pause_ms;
	bool is_there;

	lock(pool);
	is_there = find_idle(pool, nx_stream_now_ms(), &pause_ms) < pool->idle;
	unlock(pool);
	if (is_there)
		return 0;
	// As nx_stream_wait_ms: when the pause is over, not just before.
	return pause_ms == UINT64_MAX ? -1 : pause_ms < INT_MAX ? (int)pause_ms + 1 : INT_MAX;
}

struct nx_pool_counts nx_pool_count(struct nx_pool *pool)
{
	struct nx_pool_counts counts;

	lock(pool);
	counts = pool->counts;
	unlock(pool);
	return counts;
}
