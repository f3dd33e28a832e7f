// SPDX-License-Identifier: BSD-3-Clause
#include "wire.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

#include "core/chain.h"

enum {
	CLIENT_PORT = 40000,
	TARGET_PORT = 80,
	MSS = 1460,
	FRAME_PIECE = 700, // a frame's buffers end in the middle of segments
};

static struct wire *open_wire;

static struct buffer *failing_get(struct buffer_source *source, uint32_t room)
{
	if (open_wire->fail_next == 0)
		return buffer_heap_get(source, room);
	open_wire->fail_next--;
	return NULL;
}

static struct buffer_source relay_source = {
	.get = failing_get, .put = buffer_heap_put, .share = buffer_heap_share};

static uint8_t flags_of(const char *letters)
{
	static const char order[] = "FSRPAUEC";
	uint8_t flags = 0;

	for (; *letters; letters++)
		flags |= (uint8_t)(1u << (strchr(order, *letters) - order));
	return flags;
}

static bool is_to_client(const struct flow_key *key)
{
	return be16_to_host(key->destination_port) != TARGET_PORT;
}

// One packet of one segment, parsed and verified. Its flags.
static uint8_t keep(struct wire_peer *peer, const struct buffer *packet, bool v6)
{
	struct buffer *frame =
		buffer_heap_get(&buffer_heap_source, packet->total_length + SEGMENT_ETHERNET_BYTES);
	uint32_t at = (peer->first + peer->count) % WIRE_SENT_MAX;
	struct segment *s = &peer->sent[at];
	struct packet parsed;

	assert_non_null(frame);
	assert_true(peer->count++ < WIRE_SENT_MAX);
	frame->offset = (uint16_t)(frame->offset + SEGMENT_ETHERNET_BYTES);
	frame->length = (uint16_t)packet->total_length;
	frame->total_length = packet->total_length;
	chain_copy(packet, 0, packet->total_length, buffer_data(frame));
	memcpy(peer->header[at], buffer_data(frame), u32_min(packet->total_length, 60));
	segment_wrap(frame, v6);
	assert_true(segment_parse(frame, &parsed));
	segment_read(&parsed, s);
	assert_null(segment_fault(&parsed, s));
	if (s->flags & TCP_FLAG_SYN)
		peer->their_base = s->sequence;
	if (s->has_timestamps)
		peer->timestamp = s->timestamp;
	if (s->sequence - peer->their_base > peer->preface)
		assert_true(segment_payload_is(
			&parsed, s->sequence - peer->their_base - 1 - peer->preface));
	buffer_heap_put(&buffer_heap_source, frame);
	return s->flags;
}

static void relay_transmit(
	void *context, struct buffer *packet, const struct flow_key *key, uint32_t *way)
{
	struct wire *w = context;
	struct wire_peer *peer = &w->peer[is_to_client(key) ? WIRE_CLIENT : WIRE_TARGET];

	uint8_t flags = keep(peer, packet, !ip_address_is_v4(&key->source));

	if (!peer->is_known && (flags & TCP_FLAG_SYN)) {
		peer->key = world_reverse(key);
		peer->is_known = true;
	}
	buffer_heap_put(&buffer_heap_source, packet);
}

static void note_session(void *context, const struct session_record *record)
{
	struct wire *w = context;

	w->world->records[w->world->record_count++ % WORLD_RECORDS] = *record;
}

void wire_open(struct wire *w, uint32_t sessions)
{
	struct relay_config config = {.sessions = sessions,
		.buffers = &relay_source,
		.context = w,
		.transmit = relay_transmit,
		.log = note_session};

	*w = (struct wire){0};
	open_wire = w;
	w->world = world_create(&(struct world_options){0});
	assert_non_null(w->world);
	w->world->listeners[WORLD_TCP].mode = MODE_TERMINATE;
	w->world->listeners[WORLD_TCP].transparent = true;
	w->world->snapshot.terminates = true;
	w->world->upstreams[WORLD_TCP].target_count = 0;
	world_target(w->world, WORLD_TCP, 0, "10.2.0.1", TARGET_PORT, 1);
	config.stats = w->world->stats;
	config.flow = w->world->engine;
	config.now = w->world->now;
	assert_int_equal(relay_create(&config, &w->relay), 0);
	relay_log(w->relay, 1);
	w->peer[WIRE_CLIENT] = (struct wire_peer){.is_known = true,
		.base = 1000000,
		.window = 65535,
		.mss = MSS,
		.key = world_key(IPPROTO_TCP, "10.1.0.1", CLIENT_PORT, "10.1.0.2", WORLD_TCP_PORT)};
	w->peer[WIRE_TARGET] = (struct wire_peer){.base = 0xfffffe00, .window = 65535, .mss = MSS};
}

void wire_close(struct wire *w)
{
	relay_end_all(w->relay, &w->world->snapshot, w->world->now);
	assert_int_equal(relay_destroy(w->relay), 0);
	assert_int_equal(world_destroy(w->world), 0);
	assert_int_equal(buffer_heap_alive(), 0);
}

void wire_newcomer(struct wire *w, const char *client, uint16_t port)
{
	w->peer[WIRE_CLIENT].key = world_key(IPPROTO_TCP, client, port, "10.1.0.2", WORLD_TCP_PORT);
	for (unsigned int i = 0; i < 2; i++)
		w->peer[i].next = w->peer[i].heard = w->peer[i].count = 0;
	w->peer[WIRE_TARGET].is_known = false;
}

static void turn(struct wire *w)
{
	relay_tick(w->relay, &w->world->snapshot, w->world->now, UINT32_MAX);
	relay_run(w->relay, &w->world->snapshot, w->world->now);
}

void wire_wait(struct wire *w, usec_t time)
{
	usec_t end = w->world->now + time;

	while (w->world->now < end) {
		w->world->now += 250;
		turn(w);
	}
}

static struct segment compose(
	const struct wire_peer *peer, const char *flags, uint32_t from, uint32_t length)
{
	struct segment s = {.key = peer->key,
		.sequence = peer->base + from,
		.acknowledgement = peer->their_base + peer->heard,
		.length = length,
		.position = from - 1,
		.window = peer->window,
		.flags = flags_of(flags),
		.timestamp_echo = peer->timestamp,
		.timestamp = 1};
	bool syn = s.flags & TCP_FLAG_SYN;

	s.has_timestamps = !(peer->terms & WIRE_NO_TIMESTAMPS);
	s.has_mss = syn;
	s.mss = peer->mss;
	s.sack_permitted = syn && !(peer->terms & WIRE_NO_SACK);
	s.has_scale = syn && !(peer->terms & WIRE_NO_SCALE);
	if (!(s.flags & TCP_FLAG_ACK))
		s.acknowledgement = 0;
	return s;
}

// The frame in several buffers, as one of many segments comes.
static struct buffer *scatter(struct buffer *frame, uint32_t header)
{
	struct buffer *tail = frame;
	uint32_t left = frame->length - header;
	const uint8_t *from = buffer_data(frame) + header;

	frame->length = (uint16_t)header;
	while (left > 0) {
		uint32_t n = u32_min(left, FRAME_PIECE);
		struct buffer *b = buffer_heap_get(&buffer_heap_source, n);

		assert_non_null(b);
		memcpy(buffer_data(b), from, n);
		b->length = (uint16_t)n;
		tail->next = b;
		tail = b;
		frame->segments++;
		from += n;
		left -= n;
	}
	return frame;
}

static void deliver(struct wire *w, enum wire_side side, const struct segment *s, uint32_t size)
{
	struct buffer *frame = segment_write(s);
	struct packet packet;

	assert_true(segment_parse(frame, &packet));
	packet.netif = (uint16_t)side;
	if (size > 0) {
		packet.flags |= PACKET_SEGMENTED;
		packet.segment_size = (uint16_t)size;
		scatter(frame, packet.payload);
	}
	if (!relay_input(w->relay, &w->world->snapshot, &packet, w->world->now))
		buffer_heap_put(&buffer_heap_source, frame);
}

bool wire_is_taken(struct wire *w, enum wire_side side, const char *flags)
{
	struct segment s = compose(&w->peer[side], flags, w->peer[side].next, 0);
	struct packet packet;
	struct buffer *frame = segment_write(&s);

	assert_true(segment_parse(frame, &packet));
	if (relay_input_burst(w->relay, &w->world->snapshot, &packet, 1, w->world->now) == 1)
		return true;
	buffer_heap_put(&buffer_heap_source, frame);
	return false;
}

static void launch(
	struct wire *w, enum wire_side side, const char *flags, uint32_t length, uint32_t size)
{
	struct wire_peer *peer = &w->peer[side];
	struct segment s = compose(peer, flags, peer->next, length);

	peer->next += length + ((s.flags & TCP_FLAG_SYN) != 0) + ((s.flags & TCP_FLAG_FIN) != 0);
	deliver(w, side, &s, size);
}

void wire_queue(struct wire *w, enum wire_side side, const char *flags, uint32_t length)
{
	launch(w, side, flags, length, 0);
}

void wire_send(struct wire *w, enum wire_side side, const char *flags, uint32_t length)
{
	launch(w, side, flags, length, 0);
	turn(w);
}

void wire_send_frame(
	struct wire *w, enum wire_side side, const char *flags, uint32_t length, uint32_t size)
{
	launch(w, side, flags, length, size);
	turn(w);
}

void wire_send_at(
	struct wire *w, enum wire_side side, const char *flags, uint32_t from, uint32_t length)
{
	struct segment s = compose(&w->peer[side], flags, from, length);

	deliver(w, side, &s, 0);
	turn(w);
}

static const struct segment *take(struct wire_peer *peer)
{
	const struct segment *s = &peer->sent[peer->first];

	if (peer->count == 0)
		return NULL;
	peer->first = (peer->first + 1) % WIRE_SENT_MAX;
	peer->count--;
	return s;
}

static const struct segment *take_not_bare(struct wire_peer *peer)
{
	const struct segment *s;

	while ((s = take(peer)) && s->flags == TCP_FLAG_ACK && s->length == 0)
		;
	return s;
}

static const char *print(const struct wire_peer *peer, const struct segment *s)
{
	static char text[200];

	return s ? segment_print(s, peer->their_base, peer->base, text, sizeof(text)) : "nothing";
}

const struct segment *wire_expect(
	struct wire *w, enum wire_side side, const char *flags, uint32_t length)
{
	struct wire_peer *peer = &w->peer[side];
	bool bare = strcmp(flags, "A") == 0 && length == 0;
	const struct segment *s = bare ? take(peer) : take_not_bare(peer);
	uint8_t wanted = flags_of(flags);

	if (!s || s->flags != wanted || s->length != length)
		fail_msg("%s got %s, not %s +%u", side == WIRE_CLIENT ? "client" : "target",
			print(peer, s), flags, length);
	if ((s->flags & TCP_FLAG_RST) && s->sequence == 0)
		return s; // refuses a SYN
	assert_int_equal(s->sequence - peer->their_base, peer->heard);
	peer->heard += length + ((wanted & TCP_FLAG_SYN) != 0) + ((wanted & TCP_FLAG_FIN) != 0);
	return s;
}

const uint8_t *wire_header(const struct wire *w, enum wire_side side)
{
	const struct wire_peer *peer = &w->peer[side];

	return peer->header[(peer->first + WIRE_SENT_MAX - 1) % WIRE_SENT_MAX];
}

void wire_expect_nothing(struct wire *w, enum wire_side side)
{
	const struct segment *s = take_not_bare(&w->peer[side]);

	if (s)
		fail_msg("%s got %s", side == WIRE_CLIENT ? "client" : "target",
			print(&w->peer[side], s));
}

void wire_acknowledge(struct wire *w, enum wire_side side)
{
	wire_send(w, side, "A", 0);
}

void wire_lose(struct wire *w, enum wire_side side, uint32_t segments)
{
	for (uint32_t i = 0; i < segments; i++)
		assert_non_null(take_not_bare(&w->peer[side]));
}

void wire_shake_hands(struct wire *w)
{
	wire_send(w, WIRE_CLIENT, "S", 0);
	wire_expect(w, WIRE_TARGET, "S", 0);
	wire_wait(w, 10000);
	wire_expect_nothing(w, WIRE_CLIENT);
	wire_send(w, WIRE_TARGET, "SA", 0);
	wire_expect(w, WIRE_CLIENT, "SA", 0);
	wire_acknowledge(w, WIRE_CLIENT);
}

uint64_t wire_sessions(const struct wire *w)
{
	return counter_read(&w->world->stats->sessions);
}
