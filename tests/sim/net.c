// SPDX-License-Identifier: BSD-3-Clause
#include "net.h"

#include <netinet/in.h>

#include "core/chain.h"
#include "pkt/icmp.h"
#include "segment.h"

enum {
	PORT = 80,
	FIRST_PORT = 10000, // of transfer 0; the next has the next
	BURST = 64,
	CHUNK = 8192,
	CONNECTIONS = 256,
	TIMERS_A_TURN = 1000,
	NOWHERE = UINT16_MAX,
	PATTERN_PERIOD = 65521, // prime: no displacement by whole segments or windows hits it
};

#define BEGINNING (1000 * USEC_PER_SECOND)

struct node {
	struct net *net;
	struct tcp_engine *engine; // NULL: a router
	uint16_t way[NET_NODES];   // link toward a node
	bool must_turn;
};

struct line {
	struct shape_link *link;
	uint16_t from;
	uint16_t to;
	uint32_t mtu;
};

struct flaky_source {
	struct buffer_source source;
	uint32_t every;
	uint32_t count;
};

struct net {
	usec_t now;
	enum net_too_big too_big;
	bool is_routed;
	uint16_t node_count;
	uint16_t line_count;
	uint16_t transfer_count;
	struct flaky_source source;
	struct node nodes[NET_NODES];
	struct line lines[NET_LINKS];
	struct net_transfer transfers[NET_TRANSFERS];
	uint8_t pattern[PATTERN_PERIOD + UINT16_MAX]; // of every stream, from any position on
};

static struct buffer *flaky_get(struct buffer_source *source, uint32_t room)
{
	struct flaky_source *s = nx_container_of(source, struct flaky_source, source);

	if (s->every > 0 && ++s->count % s->every == 0)
		return NULL;
	return buffer_heap_get(source, room);
}

static struct buffer *flaky_share(struct buffer_source *source, struct buffer *from)
{
	struct flaky_source *s = nx_container_of(source, struct flaky_source, source);

	if (s->every > 0 && ++s->count % s->every == 0)
		return NULL;
	return buffer_heap_share(source, from);
}

struct net *net_create(uint32_t buffer_failures, enum net_too_big too_big)
{
	struct net *net = calloc(1, sizeof(*net));

	nx_bug_on(!net);
	for (uint32_t i = 0; i < sizeof(net->pattern); i++)
		net->pattern[i] = segment_pattern(i % PATTERN_PERIOD);
	net->now = BEGINNING;
	net->too_big = too_big;
	net->source = (struct flaky_source){
		.source = {.get = flaky_get, .put = buffer_heap_put, .share = flaky_share},
		.every = buffer_failures,
	};
	return net;
}

uint32_t net_destroy(struct net *net)
{
	uint32_t left = 0;

	for (uint16_t i = 0; i < net->node_count; i++)
		if (net->nodes[i].engine)
			left += tcp_engine_destroy(net->nodes[i].engine);
	for (uint16_t i = 0; i < net->line_count; i++)
		shape_link_destroy(net->lines[i].link);
	free(net);
	return left;
}

usec_t net_now(const struct net *net)
{
	return net->now;
}

struct tcp_engine *net_engine(struct net *net, uint16_t host)
{
	return net->nodes[host].engine;
}

static struct ip_address address_of(uint16_t node, bool v6)
{
	struct ip_address a;

	nx_bug_on(!ip_address_parse(v6 ? "fd00::" : "10.0.0.0", &a));
	a.bytes[15] = (uint8_t)(node + 1);
	return a;
}

// The node of an address, the inverse of address_of.
static uint16_t node_of(const struct net *net, const struct ip_address *address)
{
	uint16_t node = (uint16_t)(address->bytes[15] - 1);

	return node < net->node_count ? node : NOWHERE;
}

static void tell_too_big(
	struct net *net, uint16_t host, const struct packet *p, const struct line *line)
{
	struct icmp_quote quote = {
		.key = p->key,
		.type = p->flags & PACKET_IS_V6 ? ICMP6_TOO_BIG : ICMP4_UNREACHABLE,
		.code = p->flags & PACKET_IS_V6 ? 0 : ICMP4_CODE_TOO_BIG,
		.is_too_big = true,
		.next_hop_mtu = line->mtu,
		.tcp_sequence = be32_to_host(p->tcp_sequence),
	};

	if (net->too_big == NET_TELLS && host != NOWHERE && net->nodes[host].engine)
		tcp_icmp_error(net->nodes[host].engine, &quote, net->now);
}

// Sends a frame from a node toward its destination. Takes it.
static void send_from(struct net *net, uint16_t node, struct buffer *frame, const struct packet *p)
{
	uint16_t to = node_of(net, &p->key.destination);
	uint16_t way = to == NOWHERE ? (uint16_t)NOWHERE : net->nodes[node].way[to];
	enum shape_verdict verdict;

	if (way == NOWHERE) {
		buffer_heap_put(&net->source.source, frame);
		return;
	}
	verdict = shape_link_send(net->lines[way].link, frame, net->now);
	if (verdict == SHAPE_TOO_BIG)
		tell_too_big(net, node_of(net, &p->key.source), p, &net->lines[way]);
	if (verdict != SHAPE_SENT)
		buffer_heap_put(&net->source.source, frame);
}

// What a wire makes of a packet: bytes of their own. The sender keeps its buffers, and their state.
static struct buffer *on_the_wire(struct net *net, struct buffer *packet)
{
	struct buffer *b = buffer_heap_get(&net->source.source, packet->total_length);

	nx_bug_on(!b);
	chain_copy(packet, 0, packet->total_length, buffer_data(b));
	b->length = (uint16_t)packet->total_length;
	b->total_length = packet->total_length;
	buffer_heap_put(&net->source.source, packet);
	return b;
}

static void transmit(
	void *context, struct buffer *packet, const struct flow_key *key, uint32_t *way)
{
	struct node *node = context;
	struct buffer *frame = on_the_wire(node->net, packet);
	struct packet p;

	(void)way;
	segment_wrap(frame, !ip_address_is_v4(&key->source));
	nx_bug_on(!segment_parse(frame, &p));
	send_from(node->net, (uint16_t)(node - node->net->nodes), frame, &p);
}

uint16_t net_router_add(struct net *net)
{
	nx_bug_on(net->node_count == NET_NODES);
	net->nodes[net->node_count].net = net;
	return net->node_count++;
}

uint16_t net_host_add(struct net *net, const struct tcp_profile *profile)
{
	uint16_t index = net_router_add(net);
	struct node *node = &net->nodes[index];
	const struct ip_address any = {0};
	uint32_t listener;
	struct tcp_engine_config config = {
		.connections = CONNECTIONS,
		.buffers = &net->source.source,
		.context = node,
		.transmit = transmit,
		.now = net->now,
	};

	config.secret[0] = (uint8_t)(index + 1);
	nx_bug_on(tcp_engine_create(&config, &node->engine) != 0);
	tcp_profile_set(node->engine, 0, profile);
	nx_bug_on(tcp_listen(node->engine, &any, be16_from_host(PORT), 0, 0, &listener) != 0);
	return index;
}

static void line_add(struct net *net, uint16_t from, uint16_t to, const struct shape_config *config)
{
	struct line *line = &net->lines[net->line_count++];

	nx_bug_on(net->line_count > NET_LINKS);
	*line = (struct line){.from = from, .to = to, .mtu = config->mtu};
	nx_bug_on(
		shape_link_create(config, NET_LINK_FRAMES, &net->source.source, &line->link) != 0);
}

void net_join(struct net *net, uint16_t a, uint16_t b, const struct shape_config *there,
	const struct shape_config *back)
{
	line_add(net, a, b, there);
	line_add(net, b, a, back);
}

struct shape_link *net_link(struct net *net, uint16_t a, uint16_t b)
{
	for (uint16_t i = 0; i < net->line_count; i++)
		if (net->lines[i].from == a && net->lines[i].to == b)
			return net->lines[i].link;
	return NULL;
}

// Ways to one node, outward from it.
static void route_to(struct net *net, uint16_t to)
{
	uint16_t reached[NET_NODES] = {to};
	uint16_t count = 1;

	for (uint16_t i = 0; i < net->node_count; i++)
		net->nodes[i].way[to] = NOWHERE;
	for (uint16_t i = 0; i < count; i++)
		for (uint16_t l = 0; l < net->line_count; l++) {
			const struct line *line = &net->lines[l];

			if (line->to != reached[i] || line->from == to ||
				net->nodes[line->from].way[to] != NOWHERE)
				continue;
			net->nodes[line->from].way[to] = l;
			reached[count++] = line->from;
		}
}

struct net_transfer *net_transfer_add(struct net *net, const struct net_transfer *transfer)
{
	struct net_transfer *t = &net->transfers[net->transfer_count++];

	nx_bug_on(net->transfer_count > NET_TRANSFERS);
	*t = *transfer;
	t->begins += net->now;
	t->pause_begins += t->pause_begins > 0 ? net->now : 0;
	t->pause_ends += t->pause_ends > 0 ? net->now : 0;
	t->sender = TCP_NONE;
	t->receiver = TCP_NONE;
	return t;
}

static void begin(struct net *net, uint16_t index)
{
	struct net_transfer *t = &net->transfers[index];
	struct flow_key key = {
		.source = address_of(t->from, t->v6),
		.destination = address_of(t->to, t->v6),
		.source_port = be16_from_host((uint16_t)(FIRST_PORT + index)),
		.destination_port = be16_from_host(PORT),
		.protocol = IPPROTO_TCP,
	};

	if (tcp_connect(net->nodes[t->from].engine, 0, &key, index + 1u, net->now, &t->sender) != 0)
		t->error = ENOBUFS;
	net->nodes[t->from].must_turn = true;
}

static bool give_chunk(struct net *net, struct net_transfer *t, uint32_t bytes)
{
	struct tcp_engine *engine = net->nodes[t->from].engine;
	// The user's own buffers never fail: what is tested is the engine.
	struct buffer *b = buffer_heap_get(&net->source.source, bytes);

	memcpy(buffer_data(b), net->pattern + t->given % PATTERN_PERIOD, bytes);
	b->length = (uint16_t)bytes;
	b->total_length = bytes;
	if (tcp_send(engine, t->sender, b, TCP_SEND_MORE, net->now) != 0)
		return false; // tried again at the next turn
	t->given += bytes;
	return true;
}

static void give(struct net *net, struct net_transfer *t)
{
	struct tcp_engine *engine = net->nodes[t->from].engine;

	while (t->given < t->bytes) {
		uint32_t room = u32_min(tcp_send_room(engine, t->sender), CHUNK);
		uint32_t bytes = (uint32_t)u64_min(room, t->bytes - t->given);

		if (bytes == 0 || !give_chunk(net, t, bytes))
			return;
	}
	if (!t->is_shut)
		tcp_shutdown(engine, t->sender, net->now);
	t->is_shut = true;
}

static void take(struct net *net, struct net_transfer *t)
{
	struct tcp_engine *engine = net->nodes[t->to].engine;
	struct buffer *chain;

	while ((chain = tcp_receive(engine, t->receiver, UINT32_MAX, net->now)) != NULL) {
		for (const struct buffer *b = chain; b; b = b->next) {
			const uint8_t *expected = net->pattern + t->received % PATTERN_PERIOD;

			t->is_wrong |= memcmp(buffer_data(b), expected, b->length) != 0;
			t->received += b->length;
		}
		buffer_heap_put(&net->source.source, chain);
	}
}

static bool is_paused(const struct net *net, const struct net_transfer *t)
{
	return net->now >= t->pause_begins && net->now < t->pause_ends;
}

static void accepted(struct net *net, uint16_t host, uint32_t connection)
{
	struct tcp_engine *engine = net->nodes[host].engine;
	struct tcp_info info;
	uint16_t index;

	tcp_info_get(engine, connection, &info);
	index = (uint16_t)(be16_to_host(info.key.destination_port) - FIRST_PORT);
	nx_bug_on(index >= net->transfer_count);
	tcp_context_set(engine, connection, index + 1u);
	net->transfers[index].receiver = connection;
}

static void sender_event(struct net *net, struct net_transfer *t, const struct tcp_event *event)
{
	if (event->events & TCP_EVENT_FAILED)
		t->error = event->error;
	if (event->events & (TCP_EVENT_FAILED | TCP_EVENT_END)) {
		tcp_close(net->nodes[t->from].engine, t->sender, net->now);
		t->sender = TCP_NONE;
	}
}

// Reads what there is; at the end of the stream the receiver closes too.
static void read_on(struct net *net, struct net_transfer *t)
{
	take(net, t);
	if (!t->is_at_end)
		return;
	t->ended = net->now;
	tcp_close(net->nodes[t->to].engine, t->receiver, net->now);
	t->receiver = TCP_NONE;
}

static void receiver_event(struct net *net, struct net_transfer *t, const struct tcp_event *event)
{
	t->is_at_end |= !!(event->events & TCP_EVENT_END);
	if (event->events & TCP_EVENT_FAILED) {
		t->error = event->error;
		tcp_close(net->nodes[t->to].engine, t->receiver, net->now);
		t->receiver = TCP_NONE;
	} else if (!is_paused(net, t)) {
		read_on(net, t);
	}
}

static void events(struct net *net, uint16_t host)
{
	struct tcp_engine *engine = net->nodes[host].engine;
	struct tcp_event all[BURST];
	uint32_t n;

	while ((n = tcp_events_take(engine, all, BURST)) > 0)
		for (uint32_t i = 0; i < n; i++) {
			if (all[i].events & TCP_EVENT_ACCEPTED)
				accepted(net, host, all[i].connection);
			struct net_transfer *t =
				&net->transfers[tcp_context(engine, all[i].connection) - 1];

			if (t->from == host && t->sender == all[i].connection)
				sender_event(net, t, &all[i]);
			else if (t->receiver == all[i].connection)
				receiver_event(net, t, &all[i]);
		}
}

// The users of a host: those who send give what fits, those who paused go on.
static void users(struct net *net, uint16_t host)
{
	for (uint16_t i = 0; i < net->transfer_count; i++) {
		struct net_transfer *t = &net->transfers[i];
		struct tcp_info info;

		if (t->from == host && t->sender != TCP_NONE) {
			tcp_info_get(net->nodes[host].engine, t->sender, &info);
			if (info.state >= TCP_ESTABLISHED)
				give(net, t);
		}
		if (t->to == host && t->receiver != TCP_NONE && t->pause_ends > 0 &&
			!is_paused(net, t))
			read_on(net, t);
	}
}

static void turn(struct net *net, uint16_t host)
{
	struct node *node = &net->nodes[host];

	node->must_turn = false;
	tcp_timers_run(node->engine, net->now, TIMERS_A_TURN);
	events(net, host);
	users(net, host);
	// What buffers were missing for leaves by a timer, or at the next turn.
	if (!tcp_flush(node->engine, net->now))
		node->must_turn = true;
}

static void arrive(struct net *net, const struct line *line, struct buffer *frame)
{
	struct packet p;

	if (!segment_parse(frame, &p)) { // damaged on the way
		buffer_heap_put(&net->source.source, frame);
		return;
	}
	if (node_of(net, &p.key.destination) != line->to) {
		send_from(net, line->to, frame, &p);
		return;
	}
	net->nodes[line->to].must_turn = true;
	tcp_segment_input(net->nodes[line->to].engine, &p, net->now);
}

static void deliver(struct net *net)
{
	for (uint16_t l = 0; l < net->line_count; l++) {
		struct buffer *frames[BURST];
		uint32_t n;

		if (shape_link_next(net->lines[l].link) > net->now)
			continue;
		while ((n = shape_link_receive(net->lines[l].link, frames, BURST, net->now)) > 0)
			for (uint32_t i = 0; i < n; i++)
				arrive(net, &net->lines[l], frames[i]);
	}
}

static usec_t later(usec_t now, usec_t at)
{
	return at > now ? at : UINT64_MAX;
}

static usec_t next_time(const struct net *net)
{
	usec_t next = UINT64_MAX;

	for (uint16_t l = 0; l < net->line_count; l++)
		next = u64_min(next, shape_link_next(net->lines[l].link));
	for (uint16_t i = 0; i < net->node_count; i++) {
		if (net->nodes[i].must_turn)
			next = u64_min(next, net->now + 1);
		if (net->nodes[i].engine)
			next = u64_min(next, tcp_timers_next(net->nodes[i].engine));
	}
	for (uint16_t i = 0; i < net->transfer_count; i++) {
		next = u64_min(next, later(net->now, net->transfers[i].begins));
		next = u64_min(next, later(net->now, net->transfers[i].pause_ends));
	}
	return next > net->now ? next : net->now + 1;
}

static bool is_over(const struct net *net)
{
	for (uint16_t i = 0; i < net->transfer_count; i++) {
		const struct net_transfer *t = &net->transfers[i];

		if (t->error == 0 && (t->ended == 0 || t->sender != TCP_NONE))
			return false;
	}
	return true;
}

static void step(struct net *net)
{
	for (uint16_t i = 0; i < net->transfer_count; i++) {
		struct net_transfer *t = &net->transfers[i];

		if (t->begins == net->now)
			begin(net, i);
		if (t->pause_ends == net->now)
			net->nodes[t->to].must_turn = true;
	}
	deliver(net);
	for (uint16_t i = 0; i < net->node_count; i++) {
		struct node *node = &net->nodes[i];

		if (node->engine && (node->must_turn || tcp_timers_next(node->engine) <= net->now))
			turn(net, i);
	}
}

bool net_run(struct net *net, usec_t duration)
{
	usec_t until = net->now + duration;

	if (!net->is_routed)
		for (uint16_t i = 0; i < net->node_count; i++)
			route_to(net, i);
	net->is_routed = true;
	step(net);
	while (!is_over(net)) {
		usec_t next = next_time(net);

		if (next > until) {
			net->now = until;
			return false;
		}
		net->now = next;
		step(net);
	}
	return true;
}
