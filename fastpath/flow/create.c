// SPDX-License-Identifier: BSD-3-Clause
#include "flow/engine_impl.h"
#include "pkt/rewrite.h"

// What a new session needs, gathered before anything is taken.
struct opening {
	struct source source; // who asks and when; then address and port toward the target
	const struct packet *packet;
	const struct snapshot_listener *listener;
	const struct snapshot_upstream *upstream;
	const struct snapshot_target *target;
	// Taken so far.
	uint32_t index;
	bool source_counted;
	bool client_on_link;
	uint32_t neighbour[2];
	uint16_t egress[2];
};

// Listener, upstream and target; nothing is taken yet.
static enum drop_reason choose(struct opening *o)
{
	struct flow_engine *engine = o->source.engine;
	const struct snapshot_listener *l = o->listener;
	const struct flow_key *key = &o->packet->key;
	enum drop_reason reason = flow_listener_check(engine, l);

	if (reason != DROP_NONE)
		return reason;
	if (l->mode != MODE_DIRECT)
		return DROP_MODE_UNAVAILABLE;
	if (l->upstream >= o->source.snapshot->upstream_limit ||
		!o->source.snapshot->upstreams[l->upstream])
		return DROP_NO_TARGET;
	o->upstream = o->source.snapshot->upstreams[l->upstream];
	o->target = target_choose(engine, o->source.snapshot, o->upstream, key,
		ip_address_is_v4(&key->source) ? TARGETS_V4 : TARGETS_V6);
	return o->target ? DROP_NONE : DROP_NO_TARGET;
}

void session_route(struct flow_engine *engine, const struct snapshot *snapshot, struct session *s)
{
	const struct flow_engine_config *config = &engine->config;

	s->tracker.routed = (uint16_t)snapshot->generation;
	for (unsigned int d = 0; d < 2; d++) {
		struct session_leg *leg = &s->leg[d];
		const struct ip_address *hop = &leg->key.source;
		uint16_t netif = leg->egress;
		uint32_t neighbour;

		if (!ip_address_is_link_local6(hop) &&
			!snapshot_way_find(snapshot, &leg->key.source, &netif, &hop))
			continue;
		neighbour = config->neighbour(config->context, netif, hop);
		if (neighbour == PACKET_NO_NEIGHBOUR)
			continue;
		leg->egress = netif;
		leg->neighbour = neighbour;
	}
}

// Next hops of both legs. Neighbour entries belong to the node: nothing to give back.
static enum drop_reason find_ways(struct opening *o)
{
	const struct flow_engine_config *config = &o->source.engine->config;
	const struct ip_address *client = &o->packet->key.source;
	const struct ip_address *hop = client;

	if (ip_address_is_link_local6(client))
		o->egress[0] = o->packet->netif;
	else if (!snapshot_way_find(o->source.snapshot, client, &o->egress[0], &hop))
		return DROP_IP_NO_ROUTE;
	o->client_on_link = hop == client;
	o->egress[1] = o->target->netif;
	o->neighbour[0] = config->neighbour(config->context, o->egress[0], hop);
	o->neighbour[1] = config->neighbour(config->context, o->egress[1], &o->target->next_hop);
	if (o->neighbour[0] == PACKET_NO_NEIGHBOUR || o->neighbour[1] == PACKET_NO_NEIGHBOUR)
		return DROP_NEIGHBOUR_TABLE_FULL;
	return DROP_NONE;
}

// Finished sessions go first, then unanswered ones, then single UDP exchanges; others never.
static bool make_place(struct flow_engine *engine, usec_t now)
{
	if (engine->lingering.count > 0)
		session_end(engine, engine->lingering.oldest, SESSION_END_CLOSED, now);
	else if (engine->unanswered.count > 0)
		session_evict(engine, engine->unanswered.oldest, now);
	else if (engine->exchanged.count > 0)
		session_evict(engine, engine->exchanged.oldest, now);
	else
		return false;
	return true;
}

static enum drop_reason take_session(struct opening *o)
{
	struct flow_engine *engine = o->source.engine;
	enum source_verdict verdict =
		source_limit_take(&engine->sources, &o->packet->key.source, o->client_on_link);

	if (verdict == SOURCE_REFUSED)
		return DROP_SESSION_SOURCE_LIMIT;
	o->source_counted = verdict == SOURCE_COUNTED;
	if (engine->unanswered.count >= engine->unanswered_limit)
		session_evict(engine, engine->unanswered.oldest, o->source.now);
	o->index = pool_get(&engine->sessions);
	if (o->index == POOL_NONE && make_place(engine, o->source.now))
		o->index = pool_get(&engine->sessions);
	if (o->index != POOL_NONE)
		return DROP_NONE;
	flow_engine_notice(engine, &(struct worker_event){
					   .kind = EVENT_KIND_SESSION_TABLE_FULL,
					   .subject = o->target->slot,
					   .count = 1,
					   .time = o->source.now,
					   .address = o->target->address,
					   .peer = o->packet->key.source,
					   .port = be16_to_host(o->target->port),
				   });
	return DROP_SESSION_TABLE_FULL;
}

static enum drop_reason take_port(struct opening *o)
{
	return source_take(&o->source, o->target, &o->packet->key, o->packet->hash,
		o->upstream->source_client);
}

static void fill(struct opening *o)
{
	struct session *s = engine_session(o->source.engine, o->index);
	uint32_t generation = s->generation + 1;
	struct flow_key client_out;
	struct rewrite delta[2];

	memset(s, 0, sizeof(*s));
	s->generation = generation & 0xffffff;
	s->leg[0].key = o->packet->key;
	s->leg[1].key = flow_key_reverse(&o->source.key);
	client_out = flow_key_reverse(&s->leg[0].key);
	delta[0] = rewrite_between(&s->leg[0].key, &o->source.key);
	delta[1] = rewrite_between(&s->leg[1].key, &client_out);
	for (unsigned int d = 0; d < 2; d++) {
		s->leg[d].l3_delta = delta[d].l3_delta;
		s->leg[d].l4_delta = delta[d].l4_delta;
		s->leg[d].egress = o->egress[d];
		s->leg[d].neighbour = o->neighbour[d];
	}
	if (o->source.syn)
		tracker_open(&s->tracker, o->source.syn);
	else
		s->tracker.state = SESSION_NEW;
	s->tracker.routed = (uint16_t)o->source.snapshot->generation;
	s->opened = o->source.now & ((UINT64_C(1) << 48) - 1);
	s->listener = o->listener->slot;
	s->upstream = o->upstream->slot;
	s->target = o->target->slot;
	s->flags = (o->source.pool ? SESSION_HAS_PORT : 0) |
		   (o->source_counted ? SESSION_COUNTED_SOURCE : 0) |
		   (o->client_on_link ? SESSION_CLIENT_ON_LINK : 0);
}

static enum drop_reason take_entries(struct opening *o)
{
	struct flow_engine *engine = o->source.engine;
	const struct session *s = engine_session(engine, o->index);
	uint32_t hash = flow_key_hash(&s->leg[1].key, engine->config.seed);

	if (flow_table_insert(&engine->table, o->packet->hash, flow_reference(o->index, 0)))
		return DROP_FLOW_TABLE_FULL;
	if (!flow_table_insert(&engine->table, hash, flow_reference(o->index, 1)))
		return DROP_NONE;
	flow_table_remove(&engine->table, o->packet->hash, flow_reference(o->index, 0));
	return DROP_FLOW_TABLE_FULL;
}

static void give_back(struct opening *o)
{
	struct flow_engine *engine = o->source.engine;

	if (o->source.pool)
		port_pool_return(&engine->ports, o->source.pool,
			be16_to_host(o->source.key.source_port), &o->source.before, o->source.now);
	if (o->index != POOL_NONE) {
		engine_session(engine, o->index)->tracker.state = SESSION_FREE;
		pool_put(&engine->sessions, o->index);
	}
	if (o->source_counted)
		source_limit_put(&engine->sources, &o->packet->key.source, o->client_on_link);
}

// Each step takes one thing; a failure gives back what was taken.
static enum drop_reason take_all(struct opening *o)
{
	enum drop_reason reason = find_ways(o);

	if (reason == DROP_NONE)
		reason = take_session(o);
	if (reason == DROP_NONE)
		reason = take_port(o);
	if (reason == DROP_NONE) {
		fill(o);
		reason = take_entries(o);
	}
	if (reason != DROP_NONE)
		give_back(o);
	return reason;
}

static void count_opened(const struct opening *o)
{
	struct worker_stats *stats = o->source.engine->config.stats;
	struct slot_stats *listener = &stats->listeners[o->listener->slot];
	struct slot_stats *target = &stats->targets[o->target->slot];

	counter_add(&stats->sessions, 1);
	counter_add(&stats->sessions_total, 1);
	counter_add(&stats->sessions_unanswered, 1);
	counter_set(&stats->nat_ports_in_use, o->source.engine->ports.ports_used);
	counter_add(&listener->sessions, 1);
	counter_add(&listener->sessions_total, 1);
	counter_add(&target->sessions, 1);
	counter_add(&target->sessions_total, 1);
}

static void start(struct opening *o)
{
	struct flow_engine *engine = o->source.engine;
	struct session_record record;
	usec_t timeout = o->listener->connect_timeout;

	session_list_append(engine, &engine->unanswered, o->index);
	if (o->source.pool)
		pool_list_append(engine, &o->source.pool->unanswered, o->index);
	if (!o->source.syn)
		timeout = o->listener->idle_timeout == 0
				  ? SESSION_UDP_UNANSWERED
				  : u64_min(o->listener->idle_timeout, SESSION_UDP_UNANSWERED);
	wheel_entry_init(&engine->wheel, o->index);
	wheel_arm(&engine->wheel, o->index, o->source.now + timeout);
	count_opened(o);
	if (engine->log_level != FLOW_LOG_ALL)
		return;
	session_describe(engine, o->index, SESSION_END_NONE, o->source.now, &record);
	engine->config.log(engine->config.context, &record);
}

// No listener: the local stage answers for an own address, nobody for another's.
static enum flow_verdict refuse_unknown(const struct snapshot *snapshot, struct packet *packet)
{
	bool is_syn = (packet->tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) == TCP_FLAG_SYN;

	if (!snapshot_address_find(snapshot, &packet->key.destination)) {
		packet->reason = DROP_IP_NOT_OURS;
		return FLOW_DROP;
	}
	if (packet->kind == PACKET_UDP)
		packet->reason = DROP_UDP_NO_LISTENER;
	else
		packet->reason = is_syn ? DROP_TCP_NO_LISTENER : DROP_TCP_NO_SESSION;
	return FLOW_LOCAL;
}

enum flow_verdict session_open(struct flow_engine *engine, const struct snapshot *snapshot,
	struct packet *packet, const struct tracker_segment *syn, usec_t now)
{
	const struct flow_key *key = &packet->key;
	struct opening o = {
		.source = {.engine = engine, .snapshot = snapshot, .syn = syn, .now = now},
		.packet = packet,
		.listener = snapshot_listener_find(snapshot, key->protocol, &key->destination,
			be16_to_host(key->destination_port)),
		.index = POOL_NONE,
	};
	enum drop_reason reason;

	// A worker that stops has no listeners any more: refused at once, not left to time out.
	if (!o.listener || engine->draining)
		return refuse_unknown(snapshot, packet);
	if (syn && (syn->flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) != TCP_FLAG_SYN) {
		packet->reason = DROP_TCP_NO_SESSION;
		return FLOW_LOCAL;
	}
	reason = choose(&o);
	// It ends here: no port changes hands, and what is known of one stays.
	if (reason == DROP_NONE && packet->hop_limit <= 1)
		return FLOW_HOP_LIMIT;
	if (reason == DROP_NONE)
		reason = take_all(&o);
	if (reason != DROP_NONE) {
		packet->reason = (uint8_t)reason;
		return FLOW_DROP;
	}
	start(&o);
	packet->session = o.index;
	packet->direction = 0;
	return FLOW_FORWARD;
}
