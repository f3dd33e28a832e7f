// SPDX-License-Identifier: BSD-3-Clause
#include "rig.h"

#include "allocations.h"
#include "secured.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "core/chain.h"
#include "pkt/parse.h"
#include "shape/impair.h"

enum {
	ETHERNET = 14,
	CHUNK = 4000,
	BURST = 16,
	STEP_US = 250,
};

static struct rig *source_rig;

static uint32_t draw(struct rig *rig)
{
	rig->random = rig->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(rig->random >> 33);
}

static bool chance(struct rig *rig, uint32_t ppm)
{
	return ppm != 0 && draw(rig) % 1000000 < ppm;
}

static bool get_fails(struct rig *rig)
{
	uint32_t get = rig->gets++;

	return chance(rig, rig->fail_ppm) ||
	       (get >= rig->fail_from && get - rig->fail_from < rig->fail_count);
}

static struct buffer *failing_get(struct buffer_source *source, uint32_t room)
{
	bool counted = allocations_are_counted;
	struct buffer *b;

	allocations_are_counted = false;
	b = get_fails(source_rig) ? NULL : buffer_heap_get(source, room);
	allocations_are_counted = counted;
	return b;
}

static struct buffer *failing_share(struct buffer_source *source, struct buffer *from)
{
	bool counted = allocations_are_counted;
	struct buffer *b;

	allocations_are_counted = false;
	b = get_fails(source_rig) ? NULL : buffer_heap_share(source, from);
	allocations_are_counted = counted;
	return b;
}

static struct buffer *failing_spare(struct buffer_source *source)
{
	source_rig->spares++;
	return failing_get(source, BUFFER_SPARE_ROOM);
}

static struct buffer_source relay_source = {
	.get = failing_get, .put = buffer_heap_put, .share = failing_share, .spare = failing_spare};

static uint8_t stream_byte(enum rig_host host, uint32_t user, uint64_t position)
{
	return (uint8_t)((position * 7 + position / 251 + host * 91 + user * 13) & 0xff);
}

// The frame that a wire would carry: a copy, as whoever sent it may keep the payload.
static struct buffer *frame_copy(const struct buffer *packet)
{
	struct buffer *b = buffer_heap_get(&buffer_heap_source, packet->total_length + ETHERNET);

	assert_non_null(b);
	b->length = (uint16_t)(packet->total_length + ETHERNET);
	b->total_length = b->length;
	memset(buffer_data(b), 0x02, 12);
	chain_copy(packet, 0, packet->total_length, buffer_data(b) + ETHERNET);
	be16_store(buffer_data(b) + 12,
		be16_from_host(buffer_data(b)[ETHERNET] >> 4 == 6 ? 0x86dd : 0x0800));
	return b;
}

// When the link has sent a packet of so many bytes; 0: it has no room for it.
static usec_t link_leave(struct rig *rig, usec_t *free_at, uint32_t bytes)
{
	if (rig->rate_bps == 0)
		return rig->world->now;
	if (*free_at > rig->world->now + rig->queue)
		return 0;
	if (*free_at < rig->world->now)
		*free_at = rig->world->now;
	*free_at += (bytes + ETHERNET) * 8 * USEC_PER_SECOND / rig->rate_bps;
	return *free_at;
}

// leg: whose, RIG_CLIENT or RIG_TARGET.
static void launch(
	struct rig *rig, enum rig_host leg, enum rig_host to, const struct buffer *packet)
{
	usec_t leaves;

	if (chance(rig, rig->loss_ppm) || (to == RIG_TARGET && rig->target_deaf))
		return;
	leaves = link_leave(rig, &rig->free_at[leg][to == RIG_RELAY], packet->total_length);
	if (leaves == 0)
		return;
	assert_true(rig->count < RIG_FLIGHT);
	rig->flight[rig->count] = (struct rig_packet){
		.due = leaves + rig->delay + (rig->jitter ? draw(rig) % rig->jitter : 0),
		.frame = frame_copy(packet),
		.to = (uint8_t)to};
	if (chance(rig, rig->ce_ppm) && impair_can_mark(rig->flight[rig->count].frame, ETHERNET))
		impair_mark(rig->flight[rig->count].frame, ETHERNET);
	rig->count++;
}

// Clients are in 10.1.0.0/24 and fd00:1::/64, targets in the others.
static bool is_client(const struct ip_address *a)
{
	return ip_address_is_v4(a) ? a->bytes[13] == 1 : a->bytes[3] == 1;
}

static void host_transmit(
	void *context, struct buffer *packet, const struct flow_key *key, uint32_t *way)
{
	struct rig *rig = context;
	enum rig_host leg = is_client(&key->source) ? RIG_CLIENT : RIG_TARGET;

	launch(rig, leg, RIG_RELAY, packet);
	buffer_heap_put(&buffer_heap_source, packet);
}

static void relay_transmit(
	void *context, struct buffer *packet, const struct flow_key *key, uint32_t *way)
{
	struct rig *rig = context;
	enum rig_host to = is_client(&key->destination) ? RIG_CLIENT : RIG_TARGET;
	bool counted = allocations_are_counted;

	allocations_are_counted = false;
	if (to == RIG_TARGET) {
		rig->to_target = *key;
		rig->to_target_sequence =
			be32_to_host(be32_load(buffer_data(packet) + buffer_l3_length(packet) + 4));
	}
	launch(rig, to, to, packet);
	buffer_heap_put(&buffer_heap_source, packet);
	allocations_are_counted = counted;
}

static void note_session(void *context, const struct session_record *record)
{
	struct rig *rig = context;

	rig->world->records[rig->world->record_count++ % WORLD_RECORDS] = *record;
}

static struct packet packet_of(struct buffer *frame)
{
	struct packet packet = {.buffer = frame, .session = PACKET_NO_SESSION};
	struct parse_context context = {.data = buffer_data(frame),
		.contiguous = frame->length,
		.frame = frame->total_length};
	struct checksum_span span = {.data = buffer_data(frame), .length = frame->length};

	assert_int_equal(packet_parse(&packet, &context), PARSE_OK);
	assert_int_equal(packet_checksum_verify(&packet, &span, 1, false), PARSE_OK);
	packet.netif = is_client(&packet.key.source) ? 0 : 1;
	return packet;
}

static void relay_take(struct rig *rig, struct packet *packets, uint32_t n)
{
	const struct snapshot *snapshot = &rig->world->snapshot;

	allocations_are_counted = true;
	relay_input_burst(rig->relay, snapshot, packets, n, rig->world->now);
	for (uint32_t i = 0; i < n; i++)
		if (packets[i].buffer &&
			!relay_input(rig->relay, snapshot, &packets[i], rig->world->now))
			buffer_heap_put(&buffer_heap_source, packets[i].buffer);
	allocations_are_counted = false;
}

// What comes to the relay at one time comes in bursts.
static void flight_land(struct rig *rig)
{
	struct packet burst[BURST];
	uint32_t in_burst = 0;
	uint32_t kept = 0;
	uint32_t count = rig->count;

	for (uint32_t i = 0; i < count; i++) {
		struct rig_packet p = rig->flight[i];
		struct packet packet;

		if (p.due > rig->world->now) {
			rig->flight[kept++] = p;
			continue;
		}
		packet = packet_of(p.frame);
		if (p.to != RIG_RELAY) {
			(void)tcp_segment_input(rig->host[p.to], &packet, rig->world->now);
			continue;
		}
		burst[in_burst++] = packet;
		if (in_burst == BURST) {
			relay_take(rig, burst, in_burst);
			in_burst = 0;
		}
	}
	relay_take(rig, burst, in_burst);
	// What was sent meanwhile lies behind.
	memmove(rig->flight + kept, rig->flight + count,
		(rig->count - count) * sizeof(rig->flight[0]));
	rig->count -= count - kept;
}

static struct buffer *chunk_make(enum rig_host host, uint32_t user, uint64_t at, uint32_t length)
{
	struct buffer *b = buffer_heap_get(&buffer_heap_source, length);

	assert_non_null(b);
	for (uint32_t i = 0; i < length; i++)
		buffer_data(b)[i] = stream_byte(host, user, at + i);
	b->length = (uint16_t)length;
	b->total_length = length;
	return b;
}

static void user_send(struct rig *rig, enum rig_host host, uint32_t number)
{
	struct rig_user *u = &rig->user[host][number];
	struct tcp_engine *e = rig->host[host];
	bool is_secured = secured_is(rig, host, number);
	uint32_t peer = secured_peer(host, number);

	if (is_secured && !secured_ready(rig, peer))
		return;
	while (u->sent < u->to_send && tcp_send_room(e, u->connection) >= CHUNK) {
		uint32_t n = (uint32_t)u64_min(CHUNK, u->to_send - u->sent);
		struct buffer *chunk = chunk_make(host, number, u->sent, n);

		if (is_secured)
			chunk = secured_seal(rig, peer, chunk);
		if (chunk)
			assert_int_equal(tcp_send(e, u->connection, chunk, 0, rig->world->now), 0);
		u->sent += n;
	}
	if (u->sent == u->to_send && !u->keeps_open && !u->is_shut &&
		(u->to_send > 0 || u->ended)) {
		u->is_shut = true;
		if (is_secured)
			secured_close(rig, peer);
		tcp_shutdown(e, u->connection, rig->world->now);
	}
}

static void check_stream(
	struct rig *rig, enum rig_host host, uint32_t number, const struct buffer *chain)
{
	struct rig_user *u = &rig->user[host][number];
	// What comes here is the other side's stream; or one's own, echoed.
	enum rig_host from = rig->user[!host][number].echoes ? host : !host;
	uint64_t said = rig->user[from][number].said;

	if (rig->take) {
		rig->take(rig, host, number, chain);
		return;
	}
	for (const struct buffer *b = chain; b; b = b->next) {
		for (uint32_t i = 0; i < b->length; i++, u->received++) {
			if (u->received < sizeof(u->first))
				u->first[u->received] = buffer_data(b)[i];
			if (u->received < said ||
				u->received - said >= rig->user[from][number].to_send)
				continue;
			if (buffer_data(b)[i] != stream_byte(from, number, u->received - said))
				fail_msg("host %u user %u: byte %llu differs", host, number,
					(unsigned long long)u->received);
		}
	}
}

static void user_receive(struct rig *rig, enum rig_host host, uint32_t number)
{
	struct rig_user *u = &rig->user[host][number];
	struct tcp_engine *e = rig->host[host];
	bool is_secured = secured_is(rig, host, number);
	uint32_t peer = secured_peer(host, number);
	struct buffer *chain;

	while (!u->stops_reading &&
		(chain = tcp_receive(e, u->connection, UINT32_MAX, rig->world->now))) {
		if (is_secured) {
			secured_push(rig, peer, chain);
			while ((chain = secured_next(rig, peer)) != NULL) {
				check_stream(rig, host, number, chain);
				buffer_heap_put(&buffer_heap_source, chain);
			}
			continue;
		}
		check_stream(rig, host, number, chain);
		if (u->echoes)
			assert_int_equal(tcp_send(e, u->connection, chain, 0, rig->world->now), 0);
		else
			buffer_heap_put(&buffer_heap_source, chain);
	}
}

static uint32_t user_of(struct rig *rig, enum rig_host host, const struct tcp_event *event)
{
	uint32_t number = (uint32_t)event->context;

	if (host == RIG_CLIENT || !(event->events & TCP_EVENT_ACCEPTED))
		return number;
	assert_true(rig->users[RIG_TARGET] < RIG_USERS);
	number = rig->users[RIG_TARGET]++;
	rig->user[RIG_TARGET][number].connection = event->connection;
	tcp_context_set(rig->host[RIG_TARGET], event->connection, number);
	return number;
}

static void host_events(struct rig *rig, enum rig_host host)
{
	struct tcp_event event;

	while (tcp_events_take(rig->host[host], &event, 1) == 1) {
		uint32_t number = user_of(rig, host, &event);
		struct rig_user *u = &rig->user[host][number];

		u->is_open |= (event.events & (TCP_EVENT_ACCEPTED | TCP_EVENT_CONNECTED)) != 0;
		u->ended |= (event.events & TCP_EVENT_END) != 0;
		if (!(event.events & TCP_EVENT_FAILED))
			continue;
		u->error = event.error;
		tcp_close(rig->host[host], u->connection, rig->world->now);
		u->connection = TCP_NONE;
	}
}

static void host_turn(struct rig *rig, enum rig_host host)
{
	tcp_timers_run(rig->host[host], rig->world->now, UINT32_MAX);
	host_events(rig, host);
	for (uint32_t i = 0; i < rig->users[host]; i++) {
		struct rig_user *u = &rig->user[host][i];

		if (u->connection == TCP_NONE || !u->is_open)
			continue;
		user_receive(rig, host, i);
		user_send(rig, host, i);
		if (u->is_shut && u->ended && !u->stops_reading) {
			tcp_close(rig->host[host], u->connection, rig->world->now);
			u->connection = TCP_NONE;
		}
	}
	assert_true(tcp_flush(rig->host[host], rig->world->now));
}

static void turn(struct rig *rig)
{
	flight_land(rig);
	host_turn(rig, RIG_CLIENT);
	host_turn(rig, RIG_TARGET);
	secured_turn(rig);
	allocations_are_counted = true;
	relay_tick(rig->relay, &rig->world->snapshot, rig->world->now, UINT32_MAX);
	relay_run(rig->relay, &rig->world->snapshot, rig->world->now);
	allocations_are_counted = false;
}

void rig_wait(struct rig *rig, usec_t time)
{
	usec_t end = rig->world->now + time;

	while (rig->world->now < end) {
		turn(rig);
		rig->world->now += STEP_US;
	}
}

static bool users_are_done(const struct rig *rig)
{
	for (unsigned host = 0; host < 2; host++)
		for (uint32_t i = 0; i < rig->users[host]; i++)
			if (rig->user[host][i].connection != TCP_NONE)
				return false;
	return true;
}

bool rig_settle(struct rig *rig, usec_t most)
{
	usec_t end = rig->world->now + most;

	while (rig->world->now < end) {
		rig_wait(rig, STEP_US);
		if (users_are_done(rig) && rig->count == 0 && rig_sessions(rig) == 0)
			return true;
	}
	return false;
}

static struct tcp_engine *engine_make(struct rig *rig, uint8_t secret)
{
	struct tcp_engine_config config = {.connections = 1024,
		.buffers = &buffer_heap_source,
		.context = rig,
		.transmit = host_transmit,
		.now = rig->world->now};
	struct tcp_engine *e;

	memset(config.secret, secret, sizeof(config.secret));
	assert_int_equal(tcp_engine_create(&config, &e), 0);
	return e;
}

static bool is_used(void *context, const struct flow_key *key)
{
	struct rig *rig = context;

	return relay_uses(rig->relay, key, rig->world->now);
}

static void open_rig(struct rig *rig, uint32_t sessions, uint32_t legs)
{
	struct relay_config config = {.worker = 3,
		.sessions = sessions,
		.buffers = &relay_source,
		.context = rig,
		.transmit = relay_transmit,
		.log = note_session};

	*rig = (struct rig){.delay = 1000, .random = sessions};
	source_rig = rig;
	rig->world = world_create(&(struct world_options){0});
	assert_non_null(rig->world);
	rig->world->listeners[WORLD_TCP].mode = MODE_TERMINATE;
	rig->world->snapshot.terminates = true;
	config.stats = rig->world->stats;
	config.flow = rig->world->engine;
	config.now = rig->world->now;
	config.secured = legs;
	if (legs > 0)
		secured_create(rig, &config);
	assert_int_equal(relay_create(&config, &rig->relay), 0);
	relay_log(rig->relay, 1);
	rig->world->is_used = is_used;
	rig->world->is_used_context = rig;
	rig->host[RIG_CLIENT] = engine_make(rig, 1);
	rig->host[RIG_TARGET] = engine_make(rig, 2);
}

void rig_open(struct rig *rig, uint32_t sessions)
{
	open_rig(rig, sessions, 0);
}

void rig_open_secured(struct rig *rig, uint32_t sessions, uint32_t legs)
{
	open_rig(rig, sessions, legs);
}

void rig_close(struct rig *rig)
{
	relay_end_all(rig->relay, &rig->world->snapshot, rig->world->now);
	assert_int_equal(relay_destroy(rig->relay), 0);
	for (uint32_t i = 0; i < rig->count; i++)
		buffer_heap_put(&buffer_heap_source, rig->flight[i].frame);
	tcp_engine_destroy(rig->host[RIG_CLIENT]);
	secured_destroy(rig);
	tcp_engine_destroy(rig->host[RIG_TARGET]);
	// Sessions, source ports and every gauge are back.
	assert_int_equal(world_destroy(rig->world), 0);
	assert_int_equal(buffer_heap_alive(), 0);
}

void rig_listen(struct rig *rig, const char *address)
{
	struct ip_address a;
	uint32_t listener;

	assert_true(ip_address_parse(address, &a));
	assert_int_equal(
		tcp_listen(rig->host[RIG_TARGET], &a, be16_from_host(80), 0, 0, &listener), 0);
}

uint32_t rig_connect(struct rig *rig, const char *listener)
{
	return rig_connect_from(rig, strchr(listener, ':') ? "fd00:1::1" : "10.1.0.1", listener);
}

uint32_t rig_connect_from(struct rig *rig, const char *source, const char *listener)
{
	uint32_t number = rig->users[RIG_CLIENT]++;
	struct rig_user *u = &rig->user[RIG_CLIENT][number];
	struct flow_key key = world_key(
		IPPROTO_TCP, source, (uint16_t)(40000 + rig->ports++), listener, WORLD_TCP_PORT);

	assert_true(number < RIG_USERS);
	assert_int_equal(tcp_connect(rig->host[RIG_CLIENT], 0, &key, number, rig->world->now,
				 &u->connection),
		0);
	return number;
}

void rig_send(struct rig *rig, enum rig_host host, uint32_t user, uint64_t bytes)
{
	rig->user[host][user].to_send += bytes;
}

void rig_say(struct rig *rig, uint32_t user, const void *bytes, uint32_t length)
{
	struct buffer *b = buffer_heap_get(&buffer_heap_source, length);

	assert_non_null(b);
	memcpy(buffer_data(b), bytes, length);
	b->length = (uint16_t)length;
	b->total_length = length;
	assert_int_equal(tcp_send(rig->host[RIG_CLIENT], rig->user[RIG_CLIENT][user].connection, b,
				 0, rig->world->now),
		0);
}

void rig_reset(struct rig *rig, enum rig_host host, uint32_t user)
{
	tcp_abort(rig->host[host], rig->user[host][user].connection, rig->world->now);
	rig->user[host][user].connection = TCP_NONE;
}

uint64_t rig_received(const struct rig *rig, enum rig_host from)
{
	return counter_read(&rig->world->stats->listeners[WORLD_TCP].bytes[from]);
}

uint64_t rig_heard(const struct rig *rig, enum rig_host host)
{
	return counter_read(&tcp_engine_stats(rig->host[host])->segments_received);
}

uint64_t rig_sessions(const struct rig *rig)
{
	return counter_read(&rig->world->stats->sessions);
}

uint64_t rig_drops(const struct rig *rig, enum drop_reason reason)
{
	return counter_read(&rig->world->stats->drops[reason]);
}

uint64_t rig_pool(const struct rig *rig, const char *pool)
{
	uint64_t used, capacity, high_water;
	const char *name;
	uint32_t i = 0;

	do
		assert_true(relay_pool(rig->relay, i++, &name, &used, &capacity, &high_water));
	while (strcmp(name, pool) != 0);
	return used;
}

struct buffer *rig_text(const char *text)
{
	uint32_t length = (uint32_t)strlen(text);
	struct buffer *b = buffer_heap_get(&buffer_heap_source, length);

	assert_non_null(b);
	memcpy(buffer_data(b), text, length);
	b->length = (uint16_t)length;
	b->total_length = length;
	return b;
}

void rig_route_all(struct snapshot_http *http)
{
	http->references = 1;
	http->head_bytes = 8192;
	http->head_fields = 100;
	http->head_timeout = 10 * USEC_PER_SECOND;
	http->keepalive_timeout = 75 * USEC_PER_SECOND;
	http->response_timeout = 60 * USEC_PER_SECOND;
	http->http2 = true;
	http->any = 1;
	http->routes[0].upstream = WORLD_TCP;
	http->text = sizeof(*http) + sizeof(http->routes[0]);
}
