// SPDX-License-Identifier: BSD-3-Clause
// The address and port that a session has toward its target.
#include "flow/engine_impl.h"

enum {
	// Ports given up because a listener or a connection that ends here has them, for one
	// session at most.
	PORT_TRIES = 32
};

static uint32_t find_arriving(const struct source *s)
{
	struct flow_key arriving = flow_key_reverse(&s->key);

	return engine_find(s->engine, &arriving, flow_key_hash(&arriving, s->engine->config.seed));
}

static bool is_used_here(const struct source *s)
{
	const struct flow_engine_config *config = &s->engine->config;

	return s->key.protocol == IPPROTO_TCP && config->is_used &&
	       config->is_used(config->context, &s->key);
}

// With several workers a port that a listener has (or had, and sessions remain) is steered as the
// listener's: unusable as a source. With one, the target itself may be a client of that listener,
// from the same address and port.
static bool is_port_usable(const struct source *s, uint16_t port)
{
	if (is_used_here(s))
		return false;
	if (!snapshot_listener_find_any(s->snapshot, s->key.protocol, &s->key.source, port))
		return true;
	return s->engine->config.worker_count == 1 && find_arriving(s) == FLOW_REFERENCE_NONE;
}

// A finished session that still stands on the port goes.
static void clear_lingering(const struct source *s)
{
	uint32_t reference = find_arriving(s);

	nx_bug_on(reference == FLOW_REFERENCE_NONE);
	session_end(s->engine, flow_reference_session(reference), SESSION_END_CLOSED, s->now);
}

static bool take_from(struct source *s, const struct ip_address *address)
{
	struct port_pools *pools = &s->engine->ports;
	struct port_pool *pool;

	s->key.source = *address;
	s->key.source_port = 0;
	pool = port_pools_get(pools, &s->key);
	if (!pool)
		return false;
	// The unanswered have a quarter of the ports.
	if (pool->unanswered.count >= (pool->count + 3) / 4)
		session_evict(s->engine, pool->unanswered.oldest, s->now);
	for (unsigned int i = 0; i < PORT_TRIES; i++) {
		uint16_t port = port_pool_take(pools, pool, s->syn, s->now, &s->before);

		if (port == 0 && pool->exchanged.count > 0) {
			session_evict(s->engine, pool->exchanged.oldest, s->now);
			port = port_pool_take(pools, pool, s->syn, s->now, &s->before);
		}
		if (port == 0)
			return false;
		s->key.source_port = be16_from_host(port);
		if (s->before.flags & PORT_LINGERS)
			clear_lingering(s);
		if (is_port_usable(s, port)) {
			s->pool = pool;
			return true;
		}
		port_pool_return(pools, pool, port, &s->before, s->now);
	}
	return false;
}

// The client's own address and port, unless another session of its stands there, or a connection
// that ends here.
static enum drop_reason take_clients(const struct source *s)
{
	uint32_t reference = find_arriving(s);
	uint32_t index = flow_reference_session(reference);

	if (is_used_here(s))
		return DROP_NAT_CONFLICT;
	if (reference == FLOW_REFERENCE_NONE)
		return DROP_NONE;
	if (!(engine_session(s->engine, index)->flags & SESSION_IS_LINGERING))
		return DROP_NAT_CONFLICT;
	session_end(s->engine, index, SESSION_END_CLOSED, s->now);
	return DROP_NONE;
}

enum drop_reason source_take(struct source *s, const struct snapshot_target *target,
	const struct flow_key *client, uint32_t hash, bool keep_client)
{
	s->key = (struct flow_key){
		.source = client->source,
		.destination = target->address,
		.source_port = client->source_port,
		.destination_port = target->port,
		.protocol = client->protocol,
	};
	if (keep_client)
		return take_clients(s);
	for (uint16_t i = 0; i < target->source_count; i++) {
		uint16_t at = (uint16_t)((hash + i) % target->source_count);

		if (take_from(s, &target->sources[at]))
			return DROP_NONE;
	}
	flow_engine_notice(s->engine, &(struct worker_event){
					      .kind = EVENT_KIND_NAT_PORTS_EXHAUSTED,
					      .subject = target->slot,
					      .count = 1,
					      .time = s->now,
					      .address = target->address,
					      .peer = client->source,
					      .port = be16_to_host(target->port),
				      });
	return DROP_NAT_PORTS_EXHAUSTED;
}
