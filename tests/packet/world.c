// SPDX-License-Identifier: BSD-3-Clause
#include "world.h"

#include <netinet/in.h>

#include "pkt/icmp.h"
#include "pkt/parse.h"

enum {
	FRAME_ROOM = 65000,
	ETHER_HEADER = 14,
	IPV4_HEADER = 20,
	IPV6_HEADER = 40,
};

static struct ip_address address_of(const char *text)
{
	struct ip_address a;

	if (!ip_address_parse(text, &a))
		abort();
	return a;
}

struct flow_key world_key(uint8_t protocol, const char *source, uint16_t source_port,
	const char *destination, uint16_t destination_port)
{
	return (struct flow_key){
		.source = address_of(source),
		.destination = address_of(destination),
		.source_port = be16_from_host(source_port),
		.destination_port = be16_from_host(destination_port),
		.protocol = protocol,
	};
}

struct flow_key world_reverse(const struct flow_key *key)
{
	return (struct flow_key){
		.source = key->destination,
		.destination = key->source,
		.source_port = key->destination_port,
		.destination_port = key->source_port,
		.protocol = key->protocol,
	};
}

static uint32_t on_neighbour(void *context, uint16_t netif, const struct ip_address *next_hop)
{
	const struct world *w = context;

	return w->neighbours_full ? PACKET_NO_NEIGHBOUR : netif * 256u + next_hop->bytes[15];
}

static void on_reset(void *context, const struct flow_reset *reset)
{
	struct world *w = context;

	w->resets[w->reset_count++ % WORLD_RECORDS] = *reset;
}

static void on_event(void *context, const struct worker_event *event)
{
	struct world *w = context;

	w->events[w->event_count++ % WORLD_RECORDS] = *event;
}

static bool is_used(void *context, const struct flow_key *key)
{
	const struct world *w = context;

	return w->is_used && w->is_used(w->is_used_context, key);
}

static void on_log(void *context, const struct session_record *record)
{
	struct world *w = context;

	w->records[w->record_count++ % WORLD_RECORDS] = *record;
}

static void own_address(
	struct world *w, uint16_t at, const char *text, uint16_t netif, uint8_t length)
{
	struct ip_address address = address_of(text);
	uint32_t i = snapshot_address_start(&address, 15);

	w->addresses[at] = (struct snapshot_address){address, length, netif};
	while (w->address_hash[i])
		i = (i + 1) & 15;
	w->address_hash[i] = (uint16_t)(at + 1);
	w->routes[at] = (struct snapshot_route){.to = {address, length}, .netif = netif};
	ip_prefix_mask(&w->routes[at].to);
}

void world_turns(struct world *w, uint16_t upstream)
{
	const struct snapshot_target *targets[WORLD_TARGETS];
	struct snapshot_upstream *u = &w->upstreams[upstream];

	for (uint32_t i = 0; i < u->target_count; i++)
		targets[i] = w->target_of[u->targets[i]];
	if (snapshot_turns_make(u, targets))
		abort();
}

void world_target(struct world *w, uint16_t upstream, uint16_t slot, const char *address,
	uint16_t port, uint16_t weight)
{
	struct snapshot_target *t = &w->targets[slot];

	*t = (struct snapshot_target){
		.slot = slot,
		.address = address_of(address),
		.port = be16_from_host(port),
		.weight = weight,
		.netif = 1,
		.next_hop = address_of(address),
		.source_count = 1,
	};
	t->sources[0] = address_of(ip_address_is_v4(&t->address) ? "10.2.0.2" : "fd00:2::2");
	w->target_of[slot] = t;
	w->target_slots[upstream][w->upstreams[upstream].target_count++] = slot;
	world_turns(w, upstream);
}

void world_routes(struct world *w, uint16_t count)
{
	w->snapshot.route_count = count;
	if (snapshot_routes_index(&w->snapshot))
		abort();
}

static void lay_out(struct world *w)
{
	for (uint16_t i = 0; i < 2; i++) {
		w->netifs[i] = (struct snapshot_netif){.port = i, .mtu = 1500};
		w->listeners[i] = (struct snapshot_listener){
			.slot = i,
			.protocol = i == WORLD_TCP ? IPPROTO_TCP : IPPROTO_UDP,
			.upstream = i,
			.port_first = i == WORLD_TCP ? WORLD_TCP_PORT : WORLD_UDP_PORT,
			.port_last = i == WORLD_TCP ? WORLD_TCP_PORT : WORLD_UDP_PORT,
			.idle_timeout = (i == WORLD_TCP ? 7440 : 30) * USEC_PER_SECOND,
			.connect_timeout = 5 * USEC_PER_SECOND,
			.close_timeout = 30 * USEC_PER_SECOND,
		};
		w->upstreams[i] = (struct snapshot_upstream){.slot = i,
			.targets = w->target_slots[i],
			.idle_connections = MAX_IDLE_CONNECTIONS};
		w->listener_of[i] = &w->listeners[i];
		w->upstream_of[i] = &w->upstreams[i];
		w->entries[i] = (struct listen_entry){.listener = i};
		w->listen_head[i][w->listeners[i].port_first] = (uint16_t)(i + 1);
	}
	own_address(w, 0, "10.1.0.2", 0, 120);
	own_address(w, 1, "10.2.0.2", 1, 120);
	own_address(w, 2, "fd00:1::2", 0, 64);
	own_address(w, 3, "fd00:2::2", 1, 64);
	// Clients far away, for floods: everything else is behind a router on the client's link.
	w->routes[4] = (struct snapshot_route){
		.to = {address_of("0.0.0.0"), 96}, .via = address_of("10.1.0.254")};
	w->routes[5] = (struct snapshot_route){.via = address_of("fd00:1::fe")};
	world_target(w, WORLD_TCP, 0, "10.2.0.1", 80, 1);
	world_target(w, WORLD_TCP, 1, "fd00:2::1", 80, 1);
	world_target(w, WORLD_UDP, 2, "10.2.0.1", 53, 1);
	world_target(w, WORLD_UDP, 3, "fd00:2::1", 53, 1);
	w->snapshot = (struct snapshot){
		.revision = 1,
		.generation = 1,
		.netif_count = 2,
		.address_count = 4,
		.netifs = w->netifs,
		.addresses = w->addresses,
		.routes = w->routes,
		.listeners = w->listener_of,
		.upstreams = w->upstream_of,
		.targets = w->target_of,
		.listener_limit = 2,
		.upstream_limit = 2,
		.target_limit = WORLD_TARGETS,
		.listen_head = {w->listen_head[0], w->listen_head[1]},
		.listen_entries = w->entries,
		.listen_entry_count = 2,
		.address_hash = w->address_hash,
		.address_hash_mask = 15,
	};
	world_routes(w, nx_array_size(w->routes));
}

static void world_free(struct world *w)
{
	struct memory memory = w->memory;

	for (unsigned int i = 0; i < 2; i++) {
		for (unsigned int f = 0; f < TARGET_FAMILIES; f++)
			free(w->upstreams[i].turns[f]);
	}
	free(w->snapshot.route_spans);
	buffer_heap_put(&buffer_heap_source, w->buffer);
	memory_unmap(&w->stats_memory);
	memory_unmap(&memory);
}

struct world *world_create(const struct world_options *options)
{
	struct memory memory;
	struct memory stats_memory;

	if (memory_map(sizeof(struct world), false, &memory))
		return NULL;
	if (memory_map(sizeof(struct worker_stats), false, &stats_memory)) {
		memory_unmap(&memory);
		return NULL;
	}
	struct world *w = memory.base;

	w->memory = memory;
	w->stats_memory = stats_memory;
	w->stats = stats_memory.base;
	lay_out(w);
	w->now = USEC_PER_SECOND;
	w->buffer = buffer_heap_get(&buffer_heap_source, FRAME_ROOM);
	if (!w->buffer)
		abort();
	struct flow_engine_config config = {
		.worker = options->worker,
		.worker_count = options->worker_count ? options->worker_count : 1,
		.sessions = options->sessions ? options->sessions : 1024,
		.seed = 0x5eed5eed5eed5eed,
		.stats = w->stats,
		.context = w,
		.neighbour = on_neighbour,
		.reset = on_reset,
		.event = on_event,
		.is_used = is_used,
		.log = on_log,
	};

	if (flow_engine_create(&config, &w->engine) == 0)
		return w;
	world_free(w);
	return NULL;
}

uint32_t world_destroy(struct world *w)
{
	uint32_t left;

	flow_engine_end_all(w->engine, &w->snapshot, w->now);
	left = flow_engine_destroy(w->engine);
	left += counter_read(&w->stats->sessions) + counter_read(&w->stats->sessions_unanswered);
	left += counter_read(&w->stats->nat_ports_in_use);
	for (uint16_t i = 0; i < 2; i++)
		left += counter_read(&w->stats->listeners[i].sessions);
	for (uint16_t i = 0; i < WORLD_TARGETS; i++)
		left += counter_read(&w->stats->targets[i].sessions);
	world_free(w);
	return left;
}

static uint32_t put_options(uint8_t *at, const struct world_packet *packet)
{
	uint32_t n = 0;

	if (packet->mss) {
		at[n++] = 2;
		at[n++] = 4;
		be16_store(at + n, be16_from_host(packet->mss));
		n += 2;
	}
	if (packet->has_scale) {
		const uint8_t scale[] = {1, 3, 3, (uint8_t)packet->scale};

		memcpy(at + n, scale, 4);
		n += 4;
	}
	if (packet->has_timestamp) {
		const uint8_t head[] = {1, 1, 8, 10};

		memcpy(at + n, head, 4);
		be32_store(at + n + 4, be32_from_host(packet->timestamp));
		memset(at + n + 8, 0, 4);
		n += 12;
	}
	return n;
}

// The transport header; returns its length.
static uint32_t put_transport(uint8_t *at, const struct world_packet *packet)
{
	uint32_t length = 20;

	be16_store(at, packet->key.source_port);
	be16_store(at + 2, packet->key.destination_port);
	if (packet->key.protocol == IPPROTO_UDP) {
		be16_store(at + 4, be16_from_host((uint16_t)(8 + packet->length)));
		memset(at + 6, 0, 2);
		return 8;
	}
	be32_store(at + 4, be32_from_host(packet->sequence));
	be32_store(at + 8, be32_from_host(packet->acknowledgement));
	length += put_options(at + 20, packet);
	at[12] = (uint8_t)(length / 4 << 4);
	at[13] = packet->flags;
	be16_store(at + 14, be16_from_host(packet->window));
	memset(at + 16, 0, 4);
	return length;
}

static void put_ip(uint8_t *at, const struct flow_key *key, uint32_t length, uint8_t protocol,
	uint8_t hop_limit, bool may_fragment)
{
	if (ip_address_is_v4(&key->source)) {
		memset(at, 0, IPV4_HEADER);
		at[0] = 0x45;
		be16_store(at + 2, be16_from_host((uint16_t)(IPV4_HEADER + length)));
		at[6] = may_fragment ? 0 : 0x40;
		at[8] = hop_limit;
		at[9] = protocol;
		be32_store(at + 12, key->source.words[3]);
		be32_store(at + 16, key->destination.words[3]);
		be16_store(at + 10, checksum_finish(checksum_bytes(at, IPV4_HEADER, 0)));
		return;
	}
	memset(at, 0, 8);
	at[0] = 0x60;
	be16_store(at + 4, be16_from_host((uint16_t)length));
	at[6] = protocol;
	at[7] = hop_limit;
	memcpy(at + 8, key->source.bytes, 16);
	memcpy(at + 24, key->destination.bytes, 16);
}

static uint32_t ip_header(const struct flow_key *key)
{
	return ip_address_is_v4(&key->source) ? IPV4_HEADER : IPV6_HEADER;
}

static void put_ether(uint8_t *at, bool v4)
{
	memset(at, 2, 12);
	be16_store(at + 12, be16_from_host(v4 ? 0x0800 : 0x86dd));
}

// Parses the frame in the world's buffer.
static void parse(struct world *w, struct packet *p, uint32_t length, uint16_t netif)
{
	struct parse_context context = {
		.data = buffer_data(w->buffer),
		.contiguous = length,
		.frame = length,
	};

	w->buffer->length = (uint16_t)(length > UINT16_MAX ? UINT16_MAX : length);
	*p = (struct packet){.buffer = w->buffer, .netif = netif, .session = PACKET_NO_SESSION};
	if (packet_parse(p, &context) != PARSE_OK)
		abort();
}

static bool is_intact(struct world *w, struct packet *p)
{
	struct parse_context context = {
		.data = p->data, .contiguous = p->length, .frame = p->length};
	struct checksum_span span = {p->data, p->length};
	struct packet again = {.buffer = w->buffer};

	if (packet_parse(&again, &context) != PARSE_OK)
		return false;
	if (p->flags & PACKET_CHECKSUM_PARTIAL) {
		packet_checksum_verify(&again, &span, 1, true);
		return again.flags & PACKET_CHECKSUM_PARTIAL;
	}
	return packet_checksum_verify(&again, &span, 1, false) == PARSE_OK;
}

static struct world_outcome outcome_of(struct world *w, struct packet *p, enum flow_verdict verdict)
{
	struct world_outcome out = {
		.verdict = verdict,
		.reason = verdict == FLOW_FORWARD ? DROP_NONE : p->reason,
		.egress = p->egress,
		.neighbour = p->neighbour,
		.session = p->session,
		.intact = is_intact(w, p),
	};
	struct parse_context context = {
		.data = p->data, .contiguous = p->length, .frame = p->length};
	struct packet again = {.buffer = w->buffer};
	struct tcp_options options;

	if (packet_parse(&again, &context) != PARSE_OK)
		return out;
	out.key = again.key;
	out.hop_limit = again.hop_limit;
	if (again.kind == PACKET_TCP && tcp_options_parse(&again, &options) == TCP_OPTIONS_OK)
		out.mss = options.mss;
	return out;
}

struct packet world_frame(struct world *w, const struct world_packet *packet)
{
	uint8_t *data = buffer_data(w->buffer);
	uint32_t l4 = ETHER_HEADER + ip_header(&packet->key);
	uint32_t header = put_transport(data + l4, packet);
	uint32_t length = l4 + header + packet->length;
	struct checksum_span span = {data, length};
	struct packet p;

	put_ether(data, ip_address_is_v4(&packet->key.source));
	put_ip(data + ETHER_HEADER, &packet->key, header + packet->length, packet->key.protocol,
		packet->hop_limit ? packet->hop_limit : 64, packet->may_fragment);
	for (uint32_t i = 0; i < packet->length; i++)
		data[l4 + header + i] = (uint8_t)(packet->sequence + i);
	parse(w, &p, length, packet->netif);
	packet_checksum_fill(&p, &span, 1);
	if (packet->partial) {
		uint32_t offset = packet->key.protocol == IPPROTO_TCP ? 16 : 6;

		be16_store(data + l4 + offset,
			checksum_fold(checksum_pseudo(&p.key.source, &p.key.destination,
				p.key.protocol, header + packet->length)));
		p.flags |= PACKET_CHECKSUM_PARTIAL;
	}
	if (packet->segment_size) {
		p.flags |= PACKET_SEGMENTED;
		p.segment_size = packet->segment_size;
	}
	return p;
}

struct world_outcome world_send(struct world *w, const struct world_packet *packet)
{
	struct packet p = world_frame(w, packet);

	flow_engine_lookup_bulk(w->engine, &p, 1);
	// As the pipeline does: most pass in runs, of one here, the rest on their own.
	if (flow_engine_forward_run(w->engine, &w->snapshot, &p, 1, w->now) == 1)
		return outcome_of(w, &p, FLOW_FORWARD);
	return outcome_of(w, &p, flow_engine_forward(w->engine, &w->snapshot, &p, w->now));
}

struct world_outcome world_icmp(struct world *w, const struct world_packet *quoted,
	const char *source, uint8_t type, uint8_t code, uint32_t rest)
{
	uint8_t *data = buffer_data(w->buffer);
	bool v4 = ip_address_is_v4(&quoted->key.source);
	struct flow_key outer = {.source = address_of(source), .destination = quoted->key.source};
	uint32_t l4 = ETHER_HEADER + ip_header(&outer);
	uint32_t inner = l4 + ICMP_HEADER_BYTES;
	uint32_t end = inner + ip_header(&quoted->key);
	struct checksum_span span = {data, 0};
	struct packet p;

	put_ether(data, v4);
	put_ip(data + inner, &quoted->key, 20 + quoted->length, quoted->key.protocol, 60, false);
	end += put_transport(data + end, quoted);
	span.length = end;
	put_ip(data + ETHER_HEADER, &outer, end - l4, v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, 64, true);
	data[l4] = type;
	data[l4 + 1] = code;
	memset(data + l4 + 2, 0, 2);
	be32_store(data + l4 + 4, be32_from_host(rest));
	parse(w, &p, end, quoted->netif);
	packet_checksum_fill(&p, &span, 1);
	return outcome_of(w, &p, flow_engine_icmp_error(w->engine, &w->snapshot, &p, w->now));
}

void world_wait(struct world *w, usec_t time)
{
	usec_t end = w->now + time;

	while (w->now < end) {
		usec_t next = flow_engine_next_timer(w->engine);

		w->now = next > w->now && next < end ? next : end;
		while (flow_engine_tick(w->engine, &w->snapshot, w->now, 64) > 0)
			;
	}
}

static uint64_t pool_used(const struct world *w, uint32_t index)
{
	const char *name;
	uint64_t used = 0;
	uint64_t capacity;
	uint64_t high_water;

	if (!flow_engine_pool(w->engine, index, &name, &used, &capacity, &high_water))
		abort();
	return used;
}

uint32_t world_sessions(const struct world *w)
{
	return (uint32_t)pool_used(w, 0);
}

uint64_t world_ports(const struct world *w)
{
	return pool_used(w, 2);
}

enum session_state world_state(struct world *w, uint32_t session)
{
	struct session_record records[64];
	struct control_request request = {.kind = CONTROL_LIST,
		.filter = {.listener = SLOT_NONE, .target = SLOT_NONE},
		.cursor = session,
		.limit = 64,
		.records = records};

	flow_engine_request(w->engine, &w->snapshot, &request, w->now, 64);
	if (request.count == 0 || (uint32_t)records[0].id != session)
		return SESSION_FREE;
	return records[0].state;
}
