// SPDX-License-Identifier: BSD-3-Clause
#include <netinet/in.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "core/chain.h"
#include "pair.h"

enum {
	ETHERNET = 14,
	CLIENT_PORT = 40000
};

struct side {
	struct pair *pair;
	unsigned number;
};
static struct side sides[2];

uint32_t pair_random(struct pair *pair)
{
	pair->random = pair->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(pair->random >> 33);
}

static bool chance(struct pair *pair, uint32_t ppm)
{
	return ppm != 0 && pair_random(pair) % 1000000 < ppm;
}

static uint8_t stream_byte(uint64_t seed, uint64_t position)
{
	uint64_t x = (position + seed) * UINT64_C(0x9e3779b97f4a7c15);

	return (uint8_t)(x >> 56);
}

static bool is_before(const struct pair_packet *a, const struct pair_packet *b)
{
	return a->due < b->due || (a->due == b->due && a->order < b->order);
}

// A heap by due time.
static void flight_push(struct pair *pair, struct pair_packet packet)
{
	uint32_t i = pair->count++;

	assert_true(pair->count < PAIR_FLIGHT_MAX);
	while (i > 0 && is_before(&packet, &pair->flight[(i - 1) / 2])) {
		pair->flight[i] = pair->flight[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	pair->flight[i] = packet;
}

static struct pair_packet flight_pop(struct pair *pair)
{
	struct pair_packet first = pair->flight[0];
	struct pair_packet last = pair->flight[--pair->count];
	uint32_t i = 0;

	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child >= pair->count)
			break;
		if (child + 1 < pair->count &&
			is_before(&pair->flight[child + 1], &pair->flight[child]))
			child++;
		if (!is_before(&pair->flight[child], &last))
			break;
		pair->flight[i] = pair->flight[child];
		i = child;
	}
	pair->flight[i] = last;
	return first;
}

// The engines' source of buffers: it can be told to fail.
static struct pair *source_pair;

static bool source_fails(void)
{
	return ++source_pair->requests == source_pair->fail_at ||
	       chance(source_pair, source_pair->fail_ppm);
}

static struct buffer *source_get(struct buffer_source *source, uint32_t room)
{
	return source_fails() ? NULL : buffer_heap_get(source, room);
}

static struct buffer *source_share(struct buffer_source *source, struct buffer *from)
{
	return source_fails() ? NULL : buffer_heap_share(source, from);
}

static struct buffer_source engine_source = {
	.get = source_get, .put = buffer_heap_put, .share = source_share};

static struct buffer *frame_copy(const struct buffer *packet)
{
	struct buffer *frame =
		buffer_heap_get(&buffer_heap_source, packet->total_length + ETHERNET);

	assert_non_null(frame);
	frame->length = (uint16_t)(packet->total_length + ETHERNET);
	frame->total_length = frame->length;
	memset(buffer_data(frame), 0x02, 12);
	chain_copy(packet, 0, packet->total_length, buffer_data(frame) + ETHERNET);
	be16_store(buffer_data(frame) + 12,
		be16_from_host(buffer_data(frame)[ETHERNET] >> 4 == 6 ? 0x86dd : 0x0800));
	return frame;
}

static void mark_ce(struct buffer *frame)
{
	uint8_t *ip = buffer_data(frame) + ETHERNET;
	uint8_t old = ip[1];

	if (ip[0] >> 4 == 6) {
		if (ip[1] >> 4 & 3)
			ip[1] |= 3 << 4;
		return;
	}
	if ((ip[1] & 3) == 0)
		return;
	ip[1] |= 3;
	be16_store(ip + 10,
		checksum_update16(be16_load(ip + 10), be16_from_host((uint16_t)(0x4500 | old)),
			be16_from_host((uint16_t)(0x4500 | ip[1]))));
}

static void launch(struct pair *pair, uint8_t to, struct buffer *frame)
{
	struct pair_link *link = &pair->link[to];
	usec_t leaves = pair->now;

	if (link->rate_bps != 0) {
		if (link->free_at < pair->now)
			link->free_at = pair->now;
		if (link->queue_us != 0 && link->free_at - pair->now > link->queue_us) {
			pair->lost++;
			buffer_heap_put(&buffer_heap_source, frame);
			return;
		}
		link->free_at += frame->total_length * 8 * USEC_PER_SECOND / link->rate_bps;
		leaves = link->free_at;
	}
	leaves += link->delay_us;
	if (link->jitter_us != 0)
		leaves += pair_random(pair) % link->jitter_us;
	flight_push(pair, (struct pair_packet){
				  .due = leaves, .order = pair->order++, .frame = frame, .to = to});
}

// One packet of a wire's size on its way, with what may happen to it.
static void send_packet(struct pair *pair, uint8_t to, const struct buffer *packet)
{
	struct pair_link *link = &pair->link[to];
	struct buffer *frame;

	if ((link->mtu != 0 && packet->total_length > link->mtu) || chance(pair, link->loss_ppm)) {
		pair->lost++;
		return;
	}
	frame = frame_copy(packet);
	if (chance(pair, link->ce_ppm))
		mark_ce(frame);
	if (chance(pair, link->duplicate_ppm))
		launch(pair, to, frame_copy(packet));
	if (chance(pair, link->corrupt_ppm))
		buffer_data(frame)[ETHERNET + pair_random(pair) % (frame->length - ETHERNET)] ^=
			(uint8_t)(1u << pair_random(pair) % 8);
	launch(pair, to, frame);
}

// What a port does with a described packet: one piece of at most `size` payload bytes, whole
// headers and checksums.
static struct buffer *piece_of(const struct buffer *packet, uint32_t from, uint32_t size)
{
	uint32_t l3 = buffer_l3_length(packet);
	uint32_t header = l3 + buffer_l4_length(packet);
	uint32_t left = packet->total_length - header - from;
	uint32_t n = u32_min(left, size);
	struct buffer *b = buffer_heap_get(&buffer_heap_source, header + n);
	struct packet p = {.l3 = 0, .l4 = (uint16_t)l3, .kind = PACKET_TCP};
	uint8_t *ip = buffer_data(b);
	struct checksum_span span = {.data = ip, .length = header + n};

	b->length = (uint16_t)(header + n);
	b->total_length = b->length;
	chain_copy(packet, 0, header, ip);
	chain_copy(packet, header + from, n, ip + header);
	if (ip[0] >> 4 == 6) {
		be16_store(ip + 4, be16_from_host((uint16_t)(header - l3 + n)));
		p.flags = PACKET_IS_V6;
		p.key.source = ip_address_from_bytes(ip + 8);
		p.key.destination = ip_address_from_bytes(ip + 24);
	} else {
		be16_store(ip + 2, be16_from_host((uint16_t)(header + n)));
		be16_store(ip + 10, 0);
		be16_store(ip + 10, checksum_finish(checksum_ipv4_base(ip)));
		p.key.source = ip_address_from_v4(be32_load(ip + 12));
		p.key.destination = ip_address_from_v4(be32_load(ip + 16));
	}
	be32_store(ip + l3 + 4, be32_from_host(be32_to_host(be32_load(ip + l3 + 4)) + from));
	if (n < left)
		ip[l3 + 13] &= (uint8_t) ~(TCP_FLAG_FIN | TCP_FLAG_PSH);
	p.data = ip;
	p.length = header + n;
	p.key.protocol = p.ip_protocol = IPPROTO_TCP;
	packet_checksum_fill(&p, &span, 1);
	return b;
}

static void send_described(struct pair *pair, uint8_t to, const struct buffer *packet)
{
	uint32_t header = (uint32_t)buffer_l3_length(packet) + buffer_l4_length(packet);
	uint32_t size =
		packet->offload & BUFFER_TX_SEGMENT_TCP ? buffer_segment_size(packet) : UINT16_MAX;
	uint32_t from = 0;

	pair->segmented += (packet->offload & BUFFER_TX_SEGMENT_TCP) != 0;
	// What is one segment anyway is not to be divided: some devices refuse it.
	if (packet->offload & BUFFER_TX_SEGMENT_TCP)
		assert_true(packet->total_length > header + size);
	do {
		struct buffer *piece = piece_of(packet, from, size);

		send_packet(pair, to, piece);
		buffer_heap_put(&buffer_heap_source, piece);
		from += size;
	} while (header + from < packet->total_length);
}

static void transmit(
	void *context, struct buffer *packet, const struct flow_key *key, uint32_t *way)
{
	struct side *side = context;
	struct pair *pair = side->pair;
	uint8_t to = (uint8_t)!side->number;

	(void)key;
	assert_true(*way == 0);
	pair->capture_length = u32_min(packet->total_length, sizeof(pair->capture));
	chain_copy(packet, 0, pair->capture_length, pair->capture);
	if (packet->offload & BUFFER_TX_CHECKSUM_TCP)
		send_described(pair, to, packet);
	else
		send_packet(pair, to, packet);
	buffer_heap_put(&buffer_heap_source, packet);
}

static enum drop_reason deliver_frame(struct pair *pair, unsigned to, struct buffer *frame)
{
	struct packet packet = {.buffer = frame};
	struct parse_context context = {.data = buffer_data(frame),
		.contiguous = frame->length,
		.frame = frame->total_length};
	struct checksum_span span = {.data = buffer_data(frame), .length = frame->length};

	if (packet_parse(&packet, &context) != PARSE_OK || packet.kind != PACKET_TCP ||
		packet_checksum_verify(&packet, &span, 1, false) != PARSE_OK) {
		buffer_heap_put(&buffer_heap_source, frame);
		return DROP_L4_BAD_CHECKSUM;
	}
	pair->delivered[to]++;
	return tcp_segment_input(pair->engine[to], &packet, pair->now);
}

static struct ip_address address_of(const struct pair *pair, unsigned side)
{
	struct ip_address a = ip_address_from_v4(be32_from_host(0x0a000001 + side));

	if (pair->v6)
		a = (struct ip_address){.bytes = {0xfd, [15] = (uint8_t)(side + 1)}};
	return a;
}

void pair_open(struct pair *pair, const struct pair_options *options)
{
	*pair = (struct pair){.random = options->seed, .v6 = options->v6, .now = options->start};
	pair->fail_ppm = options->fail_ppm;
	pair->fail_at = options->fail_at;
	source_pair = pair;
	assert_int_equal(buffer_heap_alive(), 0);
	for (unsigned i = 0; i < 2; i++) {
		struct tcp_engine_config config = {
			.connections = options->connections ? options->connections : 16,
			.half_open = options->half_open,
			.offload = options->offload,
			.buffers = &engine_source,
			.context = &sides[i],
			.transmit = transmit,
			.now = options->start};

		sides[i] = (struct side){.pair = pair, .number = i};
		for (unsigned k = 0; k < TCP_SECRET_BYTES; k++)
			config.secret[k] = (uint8_t)(pair_random(pair) >> 8);
		assert_int_equal(tcp_engine_create(&config, &pair->engine[i]), 0);
		tcp_profile_set(pair->engine[i], 0, &options->profile[i]);
		pair->link[i] = (struct pair_link){.delay_us = 10000};
		pair->user[i] = (struct pair_user){.connection = TCP_NONE,
			.chunk = 4000,
			.seed = i * 1000003,
			.peer_seed = !i * 1000003};
	}
}

void pair_close(struct pair *pair)
{
	while (pair->count > 0)
		buffer_heap_put(&buffer_heap_source, flight_pop(pair).frame);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(tcp_engine_destroy(pair->engine[i]), 0);
	assert_int_equal(buffer_heap_alive(), 0);
}

struct flow_key pair_key(const struct pair *pair, unsigned side)
{
	return (struct flow_key){.source = address_of(pair, side),
		.destination = address_of(pair, !side),
		.source_port = be16_from_host(side ? CLIENT_PORT : PAIR_PORT),
		.destination_port = be16_from_host(side ? PAIR_PORT : CLIENT_PORT),
		.protocol = IPPROTO_TCP};
}

void pair_listen(struct pair *pair)
{
	struct ip_address any = {0};
	uint32_t listener;

	assert_int_equal(
		tcp_listen(pair->engine[0], &any, be16_from_host(PAIR_PORT), 0, 7, &listener), 0);
}

void pair_open_from(struct pair *pair, unsigned side)
{
	struct flow_key key = pair_key(pair, side);

	assert_int_equal(tcp_connect(pair->engine[side], 0, &key, 8, pair->now,
				 &pair->user[side].connection),
		0);
}

void pair_connect(struct pair *pair)
{
	pair_listen(pair);
	pair_open_from(pair, 1);
}

static void user_read(struct pair *pair, unsigned side)
{
	struct pair_user *u = &pair->user[side];
	struct buffer *chain;
	uint32_t most = UINT32_MAX;

	if (u->stops_reading || pair->now < u->read_at)
		return;
	if (u->slow_bps != 0)
		most = 4096;
	while ((chain = tcp_receive(pair->engine[side], u->connection, most, pair->now)) != NULL) {
		uint32_t bytes = chain->total_length;
		uint32_t seen = 0;

		for (const struct buffer *b = chain; b; b = b->next) {
			seen += b->length;
			for (uint32_t i = 0; i < b->length; i++)
				assert_int_equal(buffer_data(b)[i],
					stream_byte(u->peer_seed, u->received++));
		}
		assert_int_equal(seen, bytes);
		buffer_heap_put(&buffer_heap_source, chain);
		if (u->slow_bps != 0) {
			u->read_at = pair->now + bytes * 8 * USEC_PER_SECOND / u->slow_bps;
			return;
		}
	}
}

static void user_write(struct pair *pair, unsigned side)
{
	struct pair_user *u = &pair->user[side];

	while (u->sent < u->to_send && tcp_send_room(pair->engine[side], u->connection) > 0) {
		uint32_t n = (uint32_t)u64_min(u->chunk, u->to_send - u->sent);
		struct buffer *b = buffer_heap_get(&buffer_heap_source, n);

		assert_non_null(b);
		b->length = (uint16_t)n;
		b->total_length = n;
		for (uint32_t i = 0; i < n; i++)
			buffer_data(b)[i] = stream_byte(u->seed, u->sent + i);
		u->sent += n;
		assert_int_equal(tcp_send(pair->engine[side], u->connection, b, 0, pair->now), 0);
	}
	if (u->sent == u->to_send && !u->shut && !u->keeps_open) {
		u->shut = true;
		tcp_shutdown(pair->engine[side], u->connection, pair->now);
	}
}

static void user_events(struct pair *pair, unsigned side)
{
	struct pair_user *u = &pair->user[side];
	struct tcp_event event;

	while (tcp_events_take(pair->engine[side], &event, 1) == 1) {
		if (event.events & TCP_EVENT_ACCEPTED) {
			assert_int_equal(event.context, 7);
			u->connection = event.connection;
		}
		if (event.events & (TCP_EVENT_ACCEPTED | TCP_EVENT_CONNECTED))
			u->is_open = true;
		u->ended |= (event.events & TCP_EVENT_END) != 0;
		u->sent_all |= (event.events & TCP_EVENT_SENT_ALL) != 0;
		if (event.events & TCP_EVENT_FAILED) {
			u->failed = true;
			u->error = event.error;
		}
	}
}

static void user_turn(struct pair *pair, unsigned side)
{
	struct pair_user *u = &pair->user[side];

	user_events(pair, side);
	if (u->connection == TCP_NONE || u->closed)
		return;
	if (u->is_open && !u->failed) {
		user_read(pair, side);
		user_write(pair, side);
	}
	if (u->failed || (u->ended && u->shut && !u->stops_reading &&
				 tcp_receive_ready(pair->engine[side], u->connection) == 0)) {
		tcp_close(pair->engine[side], u->connection, pair->now);
		u->closed = true;
	}
}

static usec_t next_time(const struct pair *pair)
{
	usec_t next = pair->count ? pair->flight[0].due : UINT64_MAX;

	for (unsigned i = 0; i < 2; i++) {
		const struct pair_user *u = &pair->user[i];

		next = u64_min(next, tcp_timers_next(pair->engine[i]));
		if (u->is_open && !u->closed && !u->failed && u->slow_bps && u->read_at > pair->now)
			next = u64_min(next, u->read_at);
	}
	return next;
}

bool pair_run(struct pair *pair, bool (*done)(const struct pair *pair), usec_t most)
{
	usec_t end = pair->now + most;

	for (;;) {
		for (unsigned i = 0; i < 2; i++) {
			tcp_timers_run(pair->engine[i], pair->now, 1000);
			user_turn(pair, i);
			tcp_flush(pair->engine[i], pair->now);
			assert_true(pair->user[i].received <= pair->user[!i].sent);
		}
		if (done(pair))
			return true;
		usec_t next = next_time(pair);

		if (next > end) {
			pair->now = end;
			return false;
		}
		if (next > pair->now)
			pair->now = next;
		while (pair->count > 0 && pair->flight[0].due <= pair->now) {
			struct pair_packet p = flight_pop(pair);

			deliver_frame(pair, p.to, p.frame);
		}
	}
}

bool pair_is_done(const struct pair *pair)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct tcp_stats *s = pair_stats(pair, i);

		if (!pair->user[i].closed)
			return false;
		for (unsigned k = TCP_SYN_SENT; k < TCP_TIME_WAIT; k++)
			if (counter_read(&s->states[k]) != 0)
				return false;
	}
	return true;
}

bool pair_is_open(const struct pair *pair)
{
	return pair->user[0].is_open && pair->user[1].is_open;
}

bool pair_is_quiet(const struct pair *pair)
{
	return pair->count == 0 && pair_is_open(pair) && pair_info(pair, 0).in_flight == 0 &&
	       pair_info(pair, 1).in_flight == 0 && pair_info(pair, 1).send_queued == 0;
}

bool pair_never(const struct pair *pair)
{
	(void)pair;
	return false;
}

const struct tcp_stats *pair_stats(const struct pair *pair, unsigned side)
{
	return tcp_engine_stats(pair->engine[side]);
}

struct tcp_info pair_info(const struct pair *pair, unsigned side)
{
	struct tcp_info info;

	tcp_info_get(pair->engine[side], pair->user[side].connection, &info);
	return info;
}

static void ip_write(const struct pair *pair, unsigned side, uint8_t *ip, uint32_t bytes)
{
	struct ip_address from = address_of(pair, !side);
	struct ip_address to = address_of(pair, side);

	if (pair->v6) {
		ip[0] = 0x60;
		be16_store(ip + 4, be16_from_host((uint16_t)bytes));
		ip[6] = IPPROTO_TCP;
		ip[7] = 64;
		memcpy(ip + 8, from.bytes, 16);
		memcpy(ip + 24, to.bytes, 16);
		return;
	}
	ip[0] = 0x45;
	be16_store(ip + 2, be16_from_host((uint16_t)(bytes + 20)));
	ip[8] = 64;
	ip[9] = IPPROTO_TCP;
	memcpy(ip + 12, &from.words[3], 4);
	memcpy(ip + 16, &to.words[3], 4);
	be16_store(ip + 10, checksum_finish(checksum_ipv4_base(ip)));
}

enum drop_reason pair_inject(struct pair *pair, unsigned side, const struct pair_segment *s)
{
	uint32_t ip_length = pair->v6 ? 40 : 20;
	uint32_t bytes = 20 + s->option_length + s->length;
	struct buffer *packet = buffer_heap_get(&buffer_heap_source, ip_length + bytes);
	struct ip_address from = address_of(pair, !side);
	struct ip_address to = address_of(pair, side);
	uint8_t *tcp;
	struct buffer *frame;

	assert_non_null(packet);
	packet->length = (uint16_t)(ip_length + bytes);
	packet->total_length = packet->length;
	memset(buffer_data(packet), 0, packet->length);
	ip_write(pair, side, buffer_data(packet), bytes);
	if (pair->v6 && s->network)
		buffer_data(packet)[8 + 7] = from.bytes[7] = s->network;
	tcp = buffer_data(packet) + ip_length;
	be16_store(tcp, be16_from_host(s->port ? s->port : side ? PAIR_PORT : CLIENT_PORT));
	be16_store(tcp + 2, be16_from_host(side ? CLIENT_PORT : PAIR_PORT));
	be32_store(tcp + 4, be32_from_host(s->sequence));
	be32_store(tcp + 8, be32_from_host(s->acknowledgement));
	tcp[12] = (uint8_t)((20 + s->option_length) / 4 << 4);
	tcp[13] = s->flags;
	be16_store(tcp + 14, be16_from_host(s->window));
	memcpy(tcp + 20, s->options, s->option_length);
	memset(tcp + 20 + s->option_length, 'x', s->length);
	be16_store(tcp + 16, checksum_finish(checksum_bytes(
				     tcp, bytes, checksum_pseudo(&from, &to, IPPROTO_TCP, bytes))));
	frame = frame_copy(packet);
	buffer_heap_put(&buffer_heap_source, packet);
	return deliver_frame(pair, side, frame);
}
