// SPDX-License-Identifier: BSD-3-Clause
// What a session that ends here, and is relayed (stream/), takes from the same stock as those that
// are forwarded: a listener's room, a turn of the balance rule, a source port.
#include "flow/engine_impl.h"

// Targets looked at for one that may stand in for another.
enum {
	STAND_INS_LOOKED_AT = 64
};

uint32_t flow_source_ports(const struct flow_engine *engine)
{
	return engine->ports.stride;
}

enum drop_reason flow_listener_check(
	const struct flow_engine *engine, const struct snapshot_listener *listener)
{
	uint8_t workers = engine->config.worker_count;

	if (listener->closing)
		return DROP_LISTENER_CLOSING;
	// The limit is the node's; each worker has its share.
	if (listener->max_sessions > 0 &&
		counter_read(&engine->config.stats->listeners[listener->slot].sessions) >=
			(listener->max_sessions + workers - 1u) / workers)
		return DROP_LISTENER_LIMIT;
	return DROP_NONE;
}

const struct snapshot_target *target_choose(struct flow_engine *engine,
	const struct snapshot *snapshot, const struct snapshot_upstream *upstream,
	const struct flow_key *client, enum target_family family)
{
	uint64_t seed = engine->config.seed;

	return balance_choose(&engine->balance, snapshot, upstream, engine->config.stats,
		&(struct balance_client){
			.family = family,
			.address_hash = flow_endpoint_hash(&client->source, 0, seed),
			.flow_hash = flow_endpoint_hash(&client->source, client->source_port, seed),
		});
}

// The first usable target behind `failed` in the upstream's order. NULL when there is none.
static const struct snapshot_target *stand_in(const struct snapshot *snapshot,
	const struct snapshot_upstream *upstream, uint16_t failed, enum target_family family)
{
	uint32_t count = upstream->target_count;
	uint32_t at = 0;

	while (at < count && upstream->targets[at] != failed)
		at++;
	for (uint32_t i = 1; i < count && i <= STAND_INS_LOOKED_AT; i++) {
		uint16_t slot = upstream->targets[(at + i) % count];
		const struct snapshot_target *t = snapshot_target_at(snapshot, slot);

		if (slot != failed && snapshot_target_is_usable(t) &&
			target_family_has(family, &t->address))
			return t;
	}
	return NULL;
}

static struct flow_past past_of(const struct source *source)
{
	const struct port_entry *e = &source->before;

	if (!source->pool || !port_target_waits(e, source->now))
		return (struct flow_past){0};
	return (struct flow_past){
		.sequence = e->sequence,
		.timestamp = e->timestamp,
		.has_timestamp = e->flags & PORT_HAS_TIMESTAMP,
		.target_waits = true,
	};
}

enum drop_reason flow_lease_take(struct flow_engine *engine, const struct snapshot *snapshot,
	const struct snapshot_upstream *upstream, const struct flow_key *client,
	const struct flow_key *announced, uint16_t failed, usec_t now, struct flow_lease *out)
{
	enum target_family family = TARGETS_ALL;
	struct source source = {.engine = engine, .snapshot = snapshot, .now = now};
	const struct snapshot_target *target;
	enum drop_reason reason;

	// A client's own address can only reach targets of its family.
	if (upstream->source_client)
		family = ip_address_is_v4(&client->source) ? TARGETS_V4 : TARGETS_V6;
	target = failed == SLOT_NONE ? target_choose(engine, snapshot, upstream, announced, family)
				     : stand_in(snapshot, upstream, failed, family);
	if (!target)
		return DROP_NO_TARGET;
	reason = source_take(&source, target, client, flow_key_hash(client, engine->config.seed),
		upstream->source_client);
	if (reason != DROP_NONE)
		return reason;
	counter_set(&engine->config.stats->nat_ports_in_use, engine->ports.ports_used);
	*out = (struct flow_lease){
		.target = target,
		.key = source.key,
		.has_port = source.pool != NULL,
		.past = past_of(&source),
	};
	return DROP_NONE;
}

void flow_lease_give(struct flow_engine *engine, const struct flow_key *key,
	const struct flow_past *past, usec_t now)
{
	uint16_t port = be16_to_host(key->source_port);
	struct flow_key pool_key = *key;
	struct port_entry *entry;
	struct port_pool *pool;

	pool_key.source_port = 0;
	pool = port_pools_find(&engine->ports, &pool_key);
	nx_bug_on(!pool);
	entry = port_pool_entry(&engine->ports, pool, port);
	entry->timestamp = past->timestamp;
	entry->flags |= past->has_timestamp ? PORT_HAS_TIMESTAMP : 0;
	port_pool_give(&engine->ports, pool, port, past->sequence, past->target_waits, now);
	counter_set(&engine->config.stats->nat_ports_in_use, engine->ports.ports_used);
}
