// SPDX-License-Identifier: BSD-3-Clause
// The relay as its worker sees it: packets in, turns, and the tables behind them.
#include "http/conversation.h"
#include "http2/connection.h"
#include "stream/relay_impl.h"
#include "stream/secure.h"
#include "stream/strangers.h"

#include <netinet/in.h>
#include <stdlib.h>

enum {
	EVENTS_A_TURN = 1024,
	SECURED_A_TURN = 64, // legs behind
	TIMER_SHIFT = 13,
	// A session has two connections; more of them close or are half open.
	CONNECTIONS_FOR_TWO = 5,
	// Buffer bytes that a connection holds at most, each way, where nobody says otherwise
	// (fastpath/tcp/README.md says what rates that allows).
	MEMORY_DEFAULT = 4 << 20,
	PREFETCH_AHEAD = 3,        // packets
	KEEPALIVE_INTERVAL_S = 75, // between probes at most
	WINDOW_SCALE_MAX = 14,     // RFC 7323 2.3
};

static uint32_t kind_memory(const struct relay_kind *kind)
{
	return kind->memory ? kind->memory : MEMORY_DEFAULT;
}

// A SYN says it once: for what the kind may hold, whatever the bound is when a connection begins.
static uint8_t kind_scale(const struct relay_kind *kind)
{
	uint8_t scale = 1;

	while (scale < WINDOW_SCALE_MAX && (uint32_t)UINT16_MAX << scale < kind_memory(kind))
		scale++;
	return scale;
}

static void profile_set(struct relay *r, uint16_t index)
{
	const struct relay_kind *kind = &r->profiles[index];
	uint32_t memory = kind_memory(kind);

	if (r->memory_limit)
		memory = u32_min(memory, r->memory_limit);

	tcp_profile_set(r->tcp, index,
		&(struct tcp_profile){.flags = (kind->transparent ? TCP_KEEP_SEGMENTS : 0) |
					       (kind->ecn ? TCP_ECN : 0) |
					       (kind->says_hello ? TCP_TAKE_TURNS : 0),
			.mtu = kind->mtu,
			.congestion = kind->congestion,
			.look = kind->look,
			.window_scale = kind_scale(kind),
			.keepalive_idle_ms = kind->keepalive_s * 1000,
			.keepalive_interval_ms =
				u32_min(kind->keepalive_s, KEEPALIVE_INTERVAL_S) * 1000,
			.user_timeout_ms = kind->user_timeout_s * 1000,
			.receive_memory = memory,
			.send_memory = memory});
}

static bool is_alike(const struct relay_kind *a, const struct relay_kind *b)
{
	return a->congestion == b->congestion && a->look == b->look &&
	       a->transparent == b->transparent && a->keepalive_s == b->keepalive_s &&
	       a->user_timeout_s == b->user_timeout_s && a->ecn == b->ecn &&
	       a->says_hello == b->says_hello && kind_memory(a) == kind_memory(b);
}

uint16_t relay_profile(struct relay *r, const struct relay_kind *kind)
{
	uint16_t last = TCP_PROFILES_MAX - 1;

	for (uint16_t i = 0; i < r->profile_count; i++) {
		if (!is_alike(&r->profiles[i], kind))
			continue;
		if (r->profiles[i].mtu == kind->mtu)
			return i;
		last = i;
	}
	// More kinds of links than profiles: one that is alike serves, its packets may be smaller
	// than they need be.
	if (r->profile_count == TCP_PROFILES_MAX) {
		r->profiles[last].mtu = (uint16_t)u32_min(kind->mtu, r->profiles[last].mtu);
		profile_set(r, last);
		return last;
	}
	r->profiles[r->profile_count] = *kind;
	profile_set(r, r->profile_count);
	return r->profile_count++;
}

void relay_memory_limit(struct relay *relay, uint32_t bytes)
{
	if (relay->memory_limit == bytes)
		return;
	relay->memory_limit = bytes;
	for (uint16_t i = 0; i < relay->profile_count; i++)
		profile_set(relay, i);
}

// Not where a header comes first, which nobody answers: what follows it may wait for its
// acknowledgement. Nor where the client is to see what its target's own stack would do.
static bool says_hello(const struct snapshot_listener *l)
{
	return l->security != 0 && !l->proxy_protocol && !l->transparent;
}

// A packet of no connection: what the snapshot's listener makes of it. A listener that is full or
// closing, and a source that is our own address, are the forwarding path's to refuse.
static bool offer(void *context, const struct packet *packet, struct tcp_offer *out)
{
	struct relay *r = context;
	const struct flow_key *key = &packet->key;
	const struct snapshot_listener *l = snapshot_listener_find(
		r->snapshot, IPPROTO_TCP, &key->destination, be16_to_host(key->destination_port));

	if (!l || l->mode != MODE_TERMINATE || r->draining ||
		flow_listener_check(r->config.flow, l) != DROP_NONE ||
		snapshot_address_find(r->snapshot, &key->source))
		return false;
	*out = (struct tcp_offer){
		.is_held = l->transparent,
		.profile = relay_profile(
			r, &(struct relay_kind){.mtu = r->snapshot->netifs[packet->netif].mtu,
				   .congestion = l->congestion,
				   .look = l->look,
				   .keepalive_s = l->keepalive_s,
				   .user_timeout_s = l->user_timeout_s,
				   .memory = l->memory,
				   .ecn = l->ecn,
				   .says_hello = says_hello(l),
				   .transparent = l->transparent}),
		.context = offer_context(l),
	};
	return true;
}

static void transmit(
	void *context, struct buffer *packet, const struct flow_key *key, uint32_t *way)
{
	struct relay *r = context;

	r->config.transmit(r->config.context, packet, key, way);
}

int relay_create(const struct relay_config *config, struct relay **out)
{
	struct relay *r = calloc(1, sizeof(*r));
	struct tcp_engine_config tcp = {
		.connections = config->sessions * CONNECTIONS_FOR_TWO / 2,
		// Each has a source port toward the target: a quarter of these is theirs at most,
		// as it is of those whom the forwarding path waits for. Clients that answer have
		// the rest.
		.held = flow_source_ports(config->flow) / 4,
		.huge = config->huge,
		.offload = config->offload,
		.buffers = config->buffers,
		.context = r,
		.transmit = transmit,
		.offer = offer,
		.now = config->now,
	};
	int error;

	if (!r)
		return -ENOMEM;
	r->config = *config;
	memcpy(tcp.secret, config->secret, sizeof(tcp.secret));
	error = pool_init(
		&r->sessions, config->sessions, sizeof(struct relay_session), config->huge);
	if (error)
		goto no_sessions;
	error = memory_map(config->sessions * sizeof(*r->names), false, &r->names_memory);
	if (error)
		goto no_names;
	error = memory_map(config->sessions * sizeof(*r->limits), false, &r->limits_memory);
	if (error)
		goto no_limits;
	error = tcp_engine_create(&tcp, &r->tcp);
	if (error)
		goto no_engine;
	r->names = r->names_memory.base;
	r->limits = r->limits_memory.base;
	error = relay_gateway_create(r);
	if (error)
		goto no_gateway;
	error = relay_framed_create(r);
	if (error)
		goto no_framed;
	error = relay_parked_create(r);
	if (error)
		goto no_parked;
	if (config->slow) {
		error = relay_strangers_create(r);
		if (error)
			goto no_strangers;
		error = secure_create(r, &r->secure);
		if (error)
			goto no_secure;
	}
	wheel_init(&r->wheel, r->sessions.objects + offsetof(struct relay_session, timer),
		sizeof(struct relay_session), TIMER_SHIFT, config->now);
	*out = r;
	return 0;

no_secure:
	relay_strangers_destroy(r);
no_strangers:
	relay_parked_destroy(r);
no_parked:
	relay_framed_destroy(r);
no_framed:
	http_gateway_destroy(r->gateway);
no_gateway:
	tcp_engine_destroy(r->tcp);
no_engine:
	memory_unmap(&r->limits_memory);
no_limits:
	memory_unmap(&r->names_memory);
no_names:
	pool_fini(&r->sessions);
no_sessions:
	free(r);
	return error;
}

uint32_t relay_destroy(struct relay *relay)
{
	uint32_t left;

	tcp_engine_destroy(relay->tcp);
	secure_destroy(relay->secure);
	relay_strangers_destroy(relay);
	relay_parked_destroy(relay);
	relay_framed_destroy(relay);
	http_gateway_destroy(relay->gateway);
	left = pool_fini(&relay->sessions);
	memory_unmap(&relay->limits_memory);
	memory_unmap(&relay->names_memory);
	free(relay);
	return left;
}

bool relay_is_active(const struct relay *relay, const struct snapshot *snapshot)
{
	return snapshot->terminates || relay_has_work(relay) || tcp_connections(relay->tcp) > 0;
}

bool relay_input(struct relay *relay, const struct snapshot *snapshot, const struct packet *packet,
	usec_t now)
{
	enum drop_reason reason;

	relay->snapshot = snapshot;
	relay->now = now;
	if (!tcp_segment_try(relay->tcp, packet, now, &reason))
		return false;
	if (reason != DROP_NONE)
		stats_drop(relay->config.stats, reason);
	return true;
}

// The session's other connection will be next to have work.
static void prefetch_session(const struct relay *r, uint32_t connection)
{
	uint64_t context = tcp_context(r->tcp, connection);
	const uint8_t *s = r->sessions.objects + (context >> 1) * sizeof(struct relay_session);

	if (context >> 1 >= r->sessions.touched)
		return;
	__builtin_prefetch(s);
	__builtin_prefetch(s + CACHE_LINE);
}

static void prefetch_other(const struct relay *r, uint32_t connection)
{
	uint64_t context = tcp_context(r->tcp, connection);
	const struct relay_session *s;

	if (context >> 1 >= r->sessions.touched)
		return;
	s = session_at(r, (uint32_t)(context >> 1));
	tcp_prefetch(r->tcp, s->connection[!(context & 1)]);
	if (session_has_layers(s))
		secure_prefetch(r, s);
}

// Those of the session whose event comes next, while the one before is served.
static void prefetch_keys(const struct relay *r)
{
	const struct relay_session *s;
	uint64_t context;

	if (!tcp_event_next(r->tcp, &context) || context >> 1 >= r->sessions.touched)
		return;
	s = session_at(r, (uint32_t)(context >> 1));
	tcp_prefetch_queue(r->tcp, s->connection[!(context & 1)]);
	if (session_has_layers(s))
		secure_prefetch_keys(r, s, context & 1);
}

uint32_t relay_input_burst(struct relay *relay, const struct snapshot *snapshot,
	struct packet *packets, uint32_t n, usec_t now)
{
	uint32_t buckets[MAX_BURST];
	uint32_t last = TCP_NONE;
	uint32_t count = 0;

	relay->snapshot = snapshot;
	relay->now = now;
	for (uint32_t i = 0; i < n; i++)
		buckets[i] = tcp_bucket_prefetch(relay->tcp, &packets[i].key);
	for (uint32_t i = 0; i < n; i++) {
		struct packet *p = &packets[i];
		enum drop_reason reason;
		uint32_t connection;

		if (i + PREFETCH_AHEAD < n)
			tcp_prefetch_in(relay->tcp, buckets[i + PREFETCH_AHEAD]);
		if (i + 1 < n)
			tcp_prefetch_queue_in(relay->tcp, buckets[i + 1]);
		if (p->kind != PACKET_TCP ||
			!tcp_segment_known(relay->tcp, p, buckets[i], now, &reason, &connection))
			continue;
		if (reason != DROP_NONE)
			stats_drop(relay->config.stats, reason);
		p->buffer = NULL;
		p->kind = PACKET_NONE;
		count++;
		prefetch_session(relay, connection);
		if (last != TCP_NONE)
			prefetch_other(relay, last);
		last = connection;
	}
	return count;
}

bool relay_icmp_error(struct relay *relay, const struct icmp_quote *quote, usec_t now)
{
	return tcp_icmp_error(relay->tcp, quote, now) == DROP_NONE;
}

bool relay_uses(struct relay *relay, const struct flow_key *key, usec_t now)
{
	return tcp_key_is_used(relay->tcp, key, now);
}

uint32_t relay_tick(
	struct relay *relay, const struct snapshot *snapshot, usec_t now, uint32_t budget)
{
	uint32_t ran;
	uint32_t left;

	relay->snapshot = snapshot;
	relay->now = now;
	relay_probes_tick(relay);
	// Some are kept back: connections with something due each turn must not hold up the rest.
	ran = tcp_timers_run(relay->tcp, now, budget - budget / 8);
	left = budget - ran;
	for (;;) {
		uint32_t index = wheel_take_due(&relay->wheel, now, &left);

		if (index == WHEEL_NONE)
			return budget - left;
		relay_session_timer(relay, index);
	}
}

usec_t relay_next_timer(const struct relay *relay)
{
	usec_t next = u64_min(tcp_timers_next(relay->tcp), wheel_next(&relay->wheel));

	return u64_min(next, relay_probes_next(relay));
}

bool relay_run(struct relay *relay, const struct snapshot *snapshot, usec_t now)
{
	struct tcp_event event;
	uint32_t left = EVENTS_A_TURN;

	relay->snapshot = snapshot;
	relay->now = now;
	if (nx_unlikely(snapshot->generation != relay->seen))
		relay_gateway_changed(relay);
	if (nx_unlikely(relay->is_sweeping))
		relay_gateway_sweep(relay);
	// Legs that are behind go first: events may take the turn's share of work with records.
	secure_run(relay, SECURED_A_TURN);
	// One at a time: what one event ends has no further ones.
	while (left > 0 && tcp_events_take(relay->tcp, &event, 1) == 1) {
		prefetch_keys(relay);
		relay_session_event(relay, &event);
		left--;
	}
	relay_framed_run(relay);
	relay->is_behind = !tcp_flush(relay->tcp, now) || left == 0;
	secure_flush(relay);
	return !relay->is_behind && !relay->is_sweeping;
}

void relay_drain(struct relay *relay)
{
	relay->draining = true;
	// Of no snapshot: the next turn looks for sessions that are to go.
	relay->seen = UINT64_MAX;
}

void relay_log(struct relay *relay, uint8_t level)
{
	relay->log_level = level;
}

const struct tcp_stats *relay_tcp_stats(const struct relay *relay)
{
	return tcp_engine_stats(relay->tcp);
}

const struct h2_stats *relay_h2_stats(const struct relay *relay)
{
	return &relay->h2->stats;
}

const struct http_stats *relay_http_stats(const struct relay *relay)
{
	return &relay->gateway->stats;
}

bool relay_pool(const struct relay *relay, uint32_t index, const char **name, uint64_t *used,
	uint64_t *capacity, uint64_t *high_water)
{
	if (index == 1) {
		*name = "http_heads";
		*used = relay->gateway->slabs.used;
		*capacity = relay->gateway->slabs.capacity;
		*high_water = relay->gateway->slabs.high_water;
		return true;
	}
	if (index == 2 || index == 3) {
		const struct pool *pool =
			index == 2 ? &relay->h2->connections : &relay->h2->streams;

		*name = index == 2 ? "http2_connections" : "http2_streams";
		*used = pool->used;
		*capacity = pool->capacity;
		*high_water = pool->high_water;
		return true;
	}
	if (index == 4) {
		*name = "http2_memory";
		*used = relay->h2->memory.used;
		*capacity = relay->h2->memory.region.bytes;
		*high_water = relay->h2->memory.high_water;
		return true;
	}
	if (index == 5 && relay->strangers.crowd) {
		*name = "reality_strangers";
		*used = crowd_members(relay->strangers.crowd);
		*capacity = relay->strangers.most;
		*high_water = relay->strangers.high_water;
		return true;
	}
	if (index > 4)
		return tcp_engine_pool(relay->tcp, index - (relay->strangers.crowd ? 6 : 5), name,
			used, capacity, high_water);
	*name = "relayed_sessions";
	*used = relay->sessions.used;
	*capacity = relay->sessions.capacity;
	*high_water = relay->sessions.high_water;
	return true;
}
