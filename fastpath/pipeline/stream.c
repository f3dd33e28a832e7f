// SPDX-License-Identifier: BSD-3-Clause

// Stage 5: connections that end here. The relay (stream/) takes TCP packets of its own before the
// flow engine sees them; what it sends is routed here and goes the way of every packet.

#include "pipeline/stream.h"

#include <netinet/in.h>
#include <sys/random.h>

#include "flow/key.h"
#include "io/neighbour/neighbour.h"
#include "pipeline/node_private.h"
#include "pipeline/worker.h"
#include "pkt/icmp.h"
#include "stream/relay.h"

enum {
	// Bytes of a relayed session with its connections and table entries, about.
	SESSION_BYTES = 1536,
	SESSIONS_LEAST = 64,
	// A sixty-fourth of the memory may hold the state of secured legs: it is locked from the
	// beginning.
	SECURED_SHARE = 64,
	SECURED_BYTES = 1024,
	// The way of a connection: a neighbour's index, and between its generation and its slot the
	// snapshot under which it was found, never 0.
	WAY_SNAPSHOT_SHIFT = 14,
	WAY_SNAPSHOTS = 1023,
};
static_assert(NEIGHBOUR_MAX == 1 << WAY_SNAPSHOT_SHIFT);

static uint32_t snapshot_mark(const struct worker *w)
{
	return (uint32_t)(w->snapshot->generation % WAY_SNAPSHOTS + 1) << WAY_SNAPSHOT_SHIFT;
}

// The next hop of a packet. Link-local ones are reached on the interface of the source.
static uint32_t neighbour_find(struct worker *w, const struct flow_key *key)
{
	const struct ip_address *hop = &key->destination;
	const struct snapshot_address *own = snapshot_address_find(w->snapshot, &key->source);
	uint16_t netif = own ? own->netif : w->stream_netif;

	if (!ip_address_is_link_local6(hop) &&
		!snapshot_way_find(w->snapshot, &key->destination, &netif, &hop))
		return PACKET_NO_NEIGHBOUR;
	return neighbour_get(&w->node->neighbours, netif, hop);
}

// Whether the entry is still that of the next hop: its slot may have been given to another.
static bool is_current(const struct worker *w, uint32_t way)
{
	uint64_t answer =
		shared_word_load(&w->node->neighbours.entries[neighbour_slot(way)].answer);

	return answer >> 56 == way >> 24;
}

// Remembered for as long as the snapshot is the same; a link-local peer's for ever.
static uint32_t way_follow(struct worker *w, const struct flow_key *key, uint32_t *way)
{
	const uint32_t marks = (uint32_t)(NEIGHBOUR_MAX - 1) | 0xff000000u;
	uint32_t neighbour;

	if (nx_likely(*way != 0 && is_current(w, *way) &&
		      ((*way & ~marks) == snapshot_mark(w) ||
			      ip_address_is_link_local6(&key->destination))))
		return *way & marks;
	neighbour = neighbour_find(w, key);
	if (neighbour != PACKET_NO_NEIGHBOUR)
		*way = neighbour | snapshot_mark(w);
	return neighbour;
}

static void transmit(void *context, struct buffer *b, const struct flow_key *key, uint32_t *way)
{
	struct worker *w = context;
	uint32_t neighbour = way_follow(w, key, way);
	bool is_v6 = !ip_address_is_v4(&key->destination);
	bool is_segmented = b->offload & BUFFER_TX_SEGMENT_TCP;
	struct packet p = {
		.key = *key,
		.buffer = b,
		.data = buffer_data(b),
		.length = b->total_length,
		.session = PACKET_NO_SESSION,
		.neighbour = neighbour,
		.l4 = buffer_l3_length(b),
		.payload = (uint16_t)(buffer_l3_length(b) + buffer_l4_length(b)),
		.segment_size = is_segmented ? buffer_segment_size(b) : 0,
		.flags =
			(uint16_t)((is_v6 ? PACKET_IS_V6 : 0) | PACKET_DONT_FRAGMENT |
				   PACKET_CHECKSUM_PARTIAL | (is_segmented ? PACKET_SEGMENTED : 0)),
		.kind = PACKET_TCP,
		.ip_protocol = IPPROTO_TCP,
	};

	b->offload = 0;
	if (neighbour == PACKET_NO_NEIGHBOUR) {
		worker_drop(w, &p, DROP_IP_NO_ROUTE);
		return;
	}
	p.egress = w->node->neighbours.entries[neighbour_slot(neighbour)].netif;
	worker_send(w, &p);
}

static void secret_make(const struct worker *w, uint8_t *secret)
{
	// A node with a seed of its own is to behave alike each time.
	if (w->node->config.seed == 0 && getrandom(secret, TCP_SECRET_BYTES, 0) == TCP_SECRET_BYTES)
		return;
	for (uint32_t i = 0; i < TCP_SECRET_BYTES; i += sizeof(uint64_t)) {
		uint64_t word =
			flow_mix(w->node->seed + i, w->index + UINT64_C(0x9e3779b97f4a7c15));

		memcpy(secret + i, &word, sizeof(word));
	}
}

// A quarter of the node's memory may hold relayed sessions: address space until they come.
static uint32_t capacity(const struct worker *w)
{
	uint64_t bytes = (uint64_t)w->node->config.memory_mb * 1024 * 1024 / 4;
	uint64_t each = bytes / SESSION_BYTES / w->count;

	return (uint32_t)(each < SESSIONS_LEAST ? SESSIONS_LEAST : each);
}

static uint32_t secured(const struct worker *w)
{
	uint64_t bytes = (uint64_t)w->node->config.memory_mb * 1024 * 1024 / SECURED_SHARE;

	return (uint32_t)(bytes / SECURED_BYTES / w->count);
}

int stream_create(struct worker *w, struct relay **out)
{
	struct relay_config config = {
		.worker = w->index,
		.sessions = capacity(w),
		.offload = TCP_OFFLOAD_CHECKSUM | TCP_OFFLOAD_SEGMENT,
		.buffers = w->buffers,
		.slow = w->node->config.slow,
		.secured = secured(w),
		.stats = w->stats,
		.flow = w->flow,
		.context = w,
		.transmit = transmit,
		.log = worker_session_log,
		.http_log = worker_access_log,
		.now = w->node->config.manual ? 0 : node_now(w->node),
	};

	secret_make(w, config.secret);
	return relay_create(&config, out);
}

static bool take_icmp(struct worker *w, struct packet *p)
{
	struct icmp_quote quote;
	uint32_t contiguous = (uint32_t)(buffer_data(p->buffer) + p->buffer->length - p->data);

	return icmp_error_parse(p, contiguous, &quote) == ICMP_ERROR_PARSED &&
	       quote.key.protocol == IPPROTO_TCP && relay_icmp_error(w->relay, &quote, w->now);
}

uint32_t stage_stream_open(struct worker *w, struct packet *packets, uint32_t n)
{
	uint32_t taken = 0;
	uint32_t end;

	// What is sent at once may have to leave by the interface that its cause came from.
	for (uint32_t i = 0; i < n; i = end) {
		w->stream_netif = packets[i].netif;
		for (end = i + 1; end < n && packets[end].netif == w->stream_netif;)
			end++;
		taken += relay_input_burst(w->relay, w->snapshot, packets + i, end - i, w->now);
	}
	worker_charge(w, STAGE_STREAM, taken);
	return taken;
}

void stage_stream(struct worker *w, struct packet *packets, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct packet *p = &packets[i];

		if (!p->buffer)
			continue;
		w->stream_netif = p->netif;
		if (p->kind == PACKET_TCP && p->session == PACKET_NO_SESSION) {
			if (relay_input(w->relay, w->snapshot, p, w->now))
				p->buffer = NULL;
		} else if ((p->kind == PACKET_ICMP4 || p->kind == PACKET_ICMP6) &&
			   take_icmp(w, p)) {
			w->buffers->put(w->buffers, p->buffer);
			p->buffer = NULL;
		}
	}
	worker_charge(w, STAGE_STREAM, n);
}

void stream_turn(struct worker *w)
{
	uint32_t ran;

	if (nx_unlikely(!w->snapshot))
		return;
	ran = relay_tick(w->relay, w->snapshot, w->now, TIMER_BUDGET);
	// The slow path's answers among it: they are no packets, but work.
	if (relay_has_work(w->relay))
		w->moved = true;
	if (!relay_run(w->relay, w->snapshot, w->now))
		w->moved = true;
	if (ran > 0)
		w->moved = true;
	if (w->moved)
		worker_charge(w, STAGE_STREAM, ran);
}

void stream_pressure(struct worker *w, uint32_t percent)
{
	uint32_t limit = 0;

	if (percent > 90)
		limit = 16 << 10;
	else if (percent > 75)
		limit = 64 << 10;
	else if (percent > 50)
		limit = 512 << 10;
	relay_memory_limit(w->relay, limit);
}
