// SPDX-License-Identifier: BSD-3-Clause
#include "flow/engine_impl.h"

int flow_engine_create(const struct flow_engine_config *config, struct flow_engine **out)
{
	struct flow_engine *engine = NULL;
	int error = -ENOMEM;

	nx_bug_on(config->sessions == 0 || config->worker >= config->worker_count);
	if (posix_memalign((void **)&engine, CACHE_LINE, sizeof(*engine)))
		return -ENOMEM;
	*engine = (struct flow_engine){
		.config = *config,
		.unanswered = {SESSION_INDEX_NONE, SESSION_INDEX_NONE, 0},
		.exchanged = {SESSION_INDEX_NONE, SESSION_INDEX_NONE, 0},
		.lingering = {SESSION_INDEX_NONE, SESSION_INDEX_NONE, 0},
		.unanswered_limit = (config->sessions + 3) / 4,
	};
	if (flow_table_init(&engine->table, config->sessions * 2, config->huge))
		goto no_table;
	if (pool_init(&engine->sessions, config->sessions, sizeof(struct session), config->huge))
		goto no_sessions;
	if (memory_map(sizeof(struct wheel_entry) * (size_t)config->sessions, config->huge,
		    &engine->timers_memory))
		goto no_timers;
	if (port_pools_init(&engine->ports, PORT_POOLS_MAX, config->worker, config->worker_count,
		    config->seed))
		goto no_ports;
	if (source_limit_init(&engine->sources, (engine->unanswered_limit + 3) / 4, config->seed))
		goto no_sources;
	if (balance_init(&engine->balance))
		goto no_balance;
	rate_init(&engine->icmp, ICMP_PER_SECOND, ICMP_PER_SECOND / 10);
	wheel_init(&engine->wheel, engine->timers_memory.base, sizeof(struct wheel_entry),
		TIMER_SHIFT, 0);
	*out = engine;
	return 0;

no_balance:
	source_limit_fini(&engine->sources);
no_sources:
	port_pools_fini(&engine->ports);
no_ports:
	memory_unmap(&engine->timers_memory);
no_timers:
	pool_fini(&engine->sessions);
no_sessions:
	flow_table_fini(&engine->table);
no_table:
	free(engine);
	return error;
}

uint32_t flow_engine_destroy(struct flow_engine *engine)
{
	uint32_t left = (uint32_t)engine->ports.ports_used + (uint32_t)engine->sources.live;

	left += flow_table_fini(&engine->table);
	left += pool_fini(&engine->sessions);
	balance_fini(&engine->balance);
	source_limit_fini(&engine->sources);
	port_pools_fini(&engine->ports);
	memory_unmap(&engine->timers_memory);
	free(engine);
	return left;
}

static inline void lookup_prefetch(void *context, uint32_t reference)
{
	const struct flow_engine *engine = context;
	// Not engine_session: what a hash of 0 found need not be a session, and is only prefetched.
	const struct session *s = (const struct session *)(const void *)engine->sessions.objects +
				  flow_reference_session(reference);

	__builtin_prefetch(&s->leg[0]);
	__builtin_prefetch(&s->leg[1]);
	__builtin_prefetch(&s->tracker);
}

static inline bool is_of(
	const struct flow_engine *engine, uint32_t reference, const struct flow_key *key)
{
	const struct session *s = engine_session(engine, flow_reference_session(reference));

	return flow_key_equal(&s->leg[flow_reference_direction(reference)].key, key);
}

struct lookup {
	const struct flow_engine *engine;
	const struct flow_key *key;
};

static inline bool lookup_is_equal(void *context, uint32_t reference)
{
	const struct lookup *lookup = context;

	return is_of(lookup->engine, reference, lookup->key);
}

uint32_t engine_find(const struct flow_engine *engine, const struct flow_key *key, uint32_t hash)
{
	struct lookup lookup = {engine, key};

	return flow_table_lookup(&engine->table, hash, lookup_is_equal, &lookup);
}

static inline bool has_flow(const struct packet *p)
{
	return p->kind == PACKET_TCP || p->kind == PACKET_UDP;
}

static void lookup_burst(struct flow_engine *engine, struct packet *packets, uint32_t n)
{
	uint32_t hashes[FLOW_LOOKUP_BURST];
	uint32_t references[FLOW_LOOKUP_BURST];
	uint64_t seed = engine->config.seed;
	bool has_others = false;

	for (uint32_t i = 0; i < n; i++) {
		struct packet *p = &packets[i];

		if (nx_unlikely(!has_flow(p))) {
			hashes[i] = 0;
			has_others = true;
			continue;
		}
		hashes[i] = p->hash = flow_key_hash(&p->key, seed);
		flow_table_prefetch(&engine->table, hashes[i]);
	}
	flow_table_candidates(&engine->table, hashes, n, references, lookup_prefetch, engine);
	for (uint32_t i = 0; has_others && i < n; i++) {
		if (hashes[i] == 0)
			references[i] = FLOW_REFERENCE_NONE;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct packet *p = &packets[i];
		uint32_t reference = references[i];

		if (reference == FLOW_REFERENCE_NONE)
			continue;
		if (nx_unlikely(!is_of(engine, reference, &p->key))) {
			reference = engine_find(engine, &p->key, hashes[i]);
			if (reference == FLOW_REFERENCE_NONE)
				continue;
		}
		p->session = flow_reference_session(reference);
		p->direction = flow_reference_direction(reference);
	}
}

void flow_engine_lookup_bulk(struct flow_engine *engine, struct packet *packets, uint32_t n)
{
	engine->looked_up = engine->ended;
	for (uint32_t i = 0; i < n; i += FLOW_LOOKUP_BURST)
		lookup_burst(engine, packets + i, u32_min(n - i, FLOW_LOOKUP_BURST));
}

void flow_engine_drain(struct flow_engine *engine)
{
	engine->draining = true;
}

void flow_engine_log(struct flow_engine *engine, uint8_t level)
{
	engine->log_level = level;
}

usec_t flow_engine_next_timer(const struct flow_engine *engine)
{
	return wheel_next(&engine->wheel);
}

bool flow_engine_pool(const struct flow_engine *engine, uint32_t index, const char **name,
	uint64_t *used, uint64_t *capacity, uint64_t *high_water)
{
	switch (index) {
	case 0:
		*name = "sessions";
		*used = engine->sessions.used;
		*capacity = engine->sessions.capacity;
		*high_water = engine->sessions.high_water;
		return true;
	case 1:
		*name = "flow_entries";
		*used = engine->table.used;
		*capacity = engine->table.capacity;
		*high_water = engine->table.high_water;
		return true;
	case 2:
		*name = "source_ports";
		*used = engine->ports.ports_used;
		*capacity = (uint64_t)engine->ports.stride * engine->ports.limit;
		*high_water = engine->ports.ports_high_water;
		return true;
	default:
		return false;
	}
}
