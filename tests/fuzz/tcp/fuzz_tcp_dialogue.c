// SPDX-License-Identifier: BSD-3-Clause
// Whole dialogues of two engines: the input is what the network between them and their users do.
// In an honest network packets are lost, repeated, held back and overtaken, routers complain, and
// buffers run out: every byte must arrive once and in order, and every checksum must be right. In a
// hostile one headers change on the way, too: then nothing but the engines' own order is asked for.
// The side that listens may answer SYNs at its user's word alone, and may send what it gets back,
// segment by segment, as it came.
#include <netinet/in.h>

#include "core/chain.h"
#include "pkt/checksum.h"
#include "pkt/parse.h"
#include "tcp/tcp.h"

enum {
	ETHERNET = 14,
	PORT = 80,
	FLIGHT = 64,
	IDLE_TURNS = 4000,     // of an ending in which no byte arrives
	ENDING_TURNS = 100000, // in all
};

struct side {
	struct buffer_source source; // first: the engine's, fails where the input says so
	struct fuzz *fuzz;
	struct tcp_engine *engine;
	uint32_t connection; // TCP_NONE: none, or let go
	uint64_t sent;
	uint64_t received;
	uint32_t receive_memory;
	bool is_open;
	bool is_shut;
	bool ended;
	bool is_asked;  // a SYN waits for the user's word
	bool is_broken; // reset, timed out, or let go by its user
	uint8_t number;
};

struct flying {
	struct buffer *frame;
	uint8_t to;
};

struct fuzz {
	struct cursor input;
	struct side side[2];
	struct flying flight[FLIGHT];
	uint32_t count;
	uint32_t failing; // requests for buffers to come
	usec_t now;
	bool hostile;
	bool v6;
	bool holds;  // side 0 answers when its user says so
	bool echoes; // side 0 sends back what it gets, in the segments that it came in
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t take(struct fuzz *f)
{
	uint8_t value;

	return cursor_take_u8(&f->input, &value) ? value : 0;
}

static uint8_t pattern(const struct side *s, uint64_t position)
{
	return (uint8_t)(position * 7 + position / 251 + s->number * 91u);
}

static bool fails(struct buffer_source *source)
{
	struct fuzz *f = ((struct side *)(void *)source)->fuzz;

	if (f->failing == 0)
		return false;
	f->failing--;
	return true;
}

static struct buffer *source_get(struct buffer_source *source, uint32_t room)
{
	return fails(source) ? NULL : buffer_heap_get(&buffer_heap_source, room);
}

static void source_put(struct buffer_source *source, struct buffer *chain)
{
	(void)source;
	buffer_heap_put(&buffer_heap_source, chain);
}

static struct buffer *source_share(struct buffer_source *source, struct buffer *from)
{
	return fails(source) ? NULL : buffer_heap_share(&buffer_heap_source, from);
}

static void launch(struct fuzz *f, uint8_t to, struct buffer *frame)
{
	if (f->count == FLIGHT)
		buffer_heap_put(&buffer_heap_source, frame);
	else
		f->flight[f->count++] = (struct flying){frame, to};
}

static struct buffer *copy_of(const struct buffer *packet, uint32_t ahead)
{
	struct buffer *b = buffer_heap_get(&buffer_heap_source, ahead + packet->total_length);

	memset(buffer_data(b), 2, ahead);
	chain_copy(packet, 0, packet->total_length, buffer_data(b) + ahead);
	b->length = (uint16_t)(ahead + packet->total_length);
	b->total_length = b->length;
	return b;
}

static void transmit(
	void *context, struct buffer *packet, const struct flow_key *key, uint32_t *way)
{
	struct side *s = context;
	struct buffer *frame = copy_of(packet, ETHERNET);

	(void)key;
	(void)way;
	be16_store(buffer_data(frame) + 12, be16_from_host(s->fuzz->v6 ? 0x86dd : 0x0800));
	buffer_heap_put(&buffer_heap_source, packet);
	launch(s->fuzz, !s->number, frame);
}

static struct flying flight_take(struct fuzz *f, uint32_t index)
{
	struct flying taken = f->flight[index];

	f->count--;
	memmove(&f->flight[index], &f->flight[index + 1],
		(f->count - index) * sizeof(f->flight[0]));
	return taken;
}

static bool parse(const struct fuzz *f, struct packet *p)
{
	struct checksum_span span = {buffer_data(p->buffer), p->buffer->length};
	struct parse_context context = {.data = buffer_data(p->buffer),
		.contiguous = p->buffer->length,
		.frame = p->buffer->total_length,
		.offload = f->hostile ? PARSE_L4_GOOD : 0};
	bool good = packet_parse(p, &context) == PARSE_OK && p->kind == PACKET_TCP;

	if (!f->hostile)
		nx_bug_on(!good || packet_checksum_verify(p, &span, 1, false) != PARSE_OK);
	return good;
}

static void deliver_frame(struct fuzz *f, struct flying packet, uint16_t size)
{
	struct packet p = {.buffer = packet.frame};

	enum drop_reason reason;

	if (!parse(f, &p)) {
		buffer_heap_put(&buffer_heap_source, packet.frame);
		return;
	}
	// A port may have joined segments of such a size.
	if (size > 0 && packet_payload_length(&p) > size) {
		p.flags |= PACKET_SEGMENTED;
		p.segment_size = size;
	}
	if (!f->holds)
		(void)tcp_segment_input(f->side[packet.to].engine, &p, f->now);
	else if (!tcp_segment_try(f->side[packet.to].engine, &p, f->now, &reason))
		buffer_heap_put(&buffer_heap_source, packet.frame);
}

static void deliver(struct fuzz *f, struct flying packet)
{
	deliver_frame(f, packet, 0);
}

// A header field, or an option, is something else from here on.
static void bend(struct fuzz *f, const struct flying *packet)
{
	uint32_t tcp = ETHERNET + (f->v6 ? 40 : 20);
	uint32_t at = tcp + 4 + take(f) % 56;
	uint8_t *data = buffer_data(packet->frame);

	if (!f->hostile || at >= packet->frame->length)
		return;
	data[at] = (uint8_t)(data[at] + take(f));
}

// A router's complaint about a packet under way; the packet is gone.
static void complain(struct fuzz *f, struct flying packet)
{
	struct packet p = {.buffer = packet.frame};
	struct icmp_quote quote = {.type = f->v6 ? ICMP6_TOO_BIG : ICMP4_UNREACHABLE,
		.code = f->v6 ? 0 : ICMP4_CODE_TOO_BIG,
		.next_hop_mtu = 500u + take(f) * 4u};

	quote.is_too_big = take(f) & 1;
	if (parse(f, &p)) {
		quote.key = p.key;
		quote.tcp_sequence = be32_to_host(p.tcp_sequence);
		(void)tcp_icmp_error(f->side[!packet.to].engine, &quote, f->now);
	}
	buffer_heap_put(&buffer_heap_source, packet.frame);
}

static void network(struct fuzz *f, uint8_t op)
{
	struct flying packet;

	if (f->count == 0)
		return;
	packet = flight_take(f, op % 4 == 0 ? take(f) % f->count : 0);
	if (op < 80) {
		deliver(f, packet);
	} else if (op < 100) {
		deliver_frame(f, packet, 1u + take(f) * 4u);
	} else if (op < 120) {
		buffer_heap_put(&buffer_heap_source, packet.frame);
	} else if (op < 130) {
		launch(f, packet.to, copy_of(packet.frame, 0));
		deliver(f, packet);
	} else if (op < 150) {
		bend(f, &packet);
		deliver(f, packet);
	} else {
		complain(f, packet);
	}
}

static void user_send(struct fuzz *f, struct side *s, uint32_t bytes)
{
	struct buffer *b;

	if (s->connection == TCP_NONE || s->is_shut || (f->echoes && s->number == 0) ||
		s->is_broken || bytes == 0 || tcp_send_room(s->engine, s->connection) < bytes)
		return;
	b = buffer_heap_get(&buffer_heap_source, bytes);
	for (uint32_t i = 0; i < bytes; i++)
		buffer_data(b)[i] = pattern(s, s->sent + i);
	b->length = (uint16_t)bytes;
	b->total_length = bytes;
	if (tcp_send(s->engine, s->connection, b, take(f) & 1, f->now) == 0)
		s->sent += bytes;
}

static void user_receive(struct fuzz *f, struct side *s, uint32_t most)
{
	const struct side *other = f->echoes ? &f->side[1] : &f->side[!s->number];
	bool echoes = f->echoes && s->number == 0;
	struct buffer *chain;

	if (s->connection == TCP_NONE || (echoes && tcp_send_room(s->engine, s->connection) == 0))
		return;
	chain = tcp_receive(s->engine, s->connection, most, f->now);
	for (const struct buffer *b = chain; b; b = b->next) {
		for (uint32_t i = 0; i < b->length && !f->hostile; i++)
			nx_bug_on(buffer_data(b)[i] != pattern(other, s->received + i));
		s->received += b->length;
	}
	if (chain && echoes) {
		uint32_t bytes = chain->total_length;

		if (tcp_send(s->engine, s->connection, chain, TCP_SEND_SEGMENTS, f->now) == 0)
			s->sent += bytes;
	} else if (chain) {
		buffer_heap_put(&buffer_heap_source, chain);
	}
}

static void user_answer(struct fuzz *f, struct side *s)
{
	struct tcp_terms terms;
	uint8_t without = take(f);

	if (!s->is_asked || s->connection == TCP_NONE)
		return;
	s->is_asked = false;
	if (without == 255) {
		tcp_refuse(s->engine, s->connection, f->now);
		s->connection = TCP_NONE;
		s->is_broken = true;
		return;
	}
	tcp_terms_get(s->engine, s->connection, &terms);
	terms.timestamps = terms.timestamps && !(without & 1);
	terms.sack = terms.sack && !(without & 2);
	terms.window_scale = terms.window_scale && !(without & 4);
	terms.mss = without & 8 ? 400 : terms.mss;
	tcp_answer(s->engine, s->connection, &terms, f->now);
}

// Who sends back what it gets has sent all when it got all.
static bool has_more_to_send(const struct fuzz *f, const struct side *s)
{
	return f->echoes && s->number == 0 && s->connection != TCP_NONE &&
	       (!s->ended || tcp_receive_ready(s->engine, s->connection) > 0);
}

static void user_shut(struct fuzz *f, struct side *s)
{
	if (has_more_to_send(f, s))
		return;
	if (s->connection != TCP_NONE && s->is_open)
		tcp_shutdown(s->engine, s->connection, f->now);
	s->is_shut = s->is_open;
}

static void user(struct fuzz *f, uint8_t op)
{
	struct side *s = &f->side[op & 1];
	uint8_t what = take(f) % 16;

	if (what < 6)
		user_send(f, s, (1u + take(f)) * (what < 2 ? 1 : 40));
	else if (what < 12)
		user_receive(f, s, what < 8 ? 1 : 20000);
	else if (what == 12 && s->connection != TCP_NONE)
		tcp_urgent_mark(s->engine, s->connection, take(f));
	else if (what == 13) {
		user_answer(f, s);
		user_shut(f, s);
	} else if (what > 13 && take(f) < 32 && s->connection != TCP_NONE) {
		if (what == 14)
			tcp_close(s->engine, s->connection, f->now);
		else
			tcp_abort(s->engine, s->connection, f->now);
		s->connection = TCP_NONE;
		s->is_broken = true;
	}
}

static void turn(struct fuzz *f)
{
	struct tcp_event event;

	for (uint32_t i = 0; i < 2; i++) {
		struct side *s = &f->side[i];

		tcp_timers_run(s->engine, f->now, 100);
		while (tcp_events_take(s->engine, &event, 1) == 1) {
			if (event.events & (TCP_EVENT_ACCEPTED | TCP_EVENT_ASKED)) {
				if (s->connection != TCP_NONE || s->is_broken) {
					tcp_close(s->engine, event.connection, f->now);
					continue;
				}
				s->connection = event.connection;
				s->is_asked = (event.events & TCP_EVENT_ASKED) != 0;
			}
			s->is_open |=
				(event.events & (TCP_EVENT_ACCEPTED | TCP_EVENT_CONNECTED)) != 0;
			s->ended |= (event.events & TCP_EVENT_END) != 0;
			s->is_broken |= (event.events & TCP_EVENT_FAILED) != 0;
		}
		(void)tcp_flush(s->engine, f->now);
	}
}

// Whatever is lost, reported or taken back: the sums stay sums of what is outstanding, and memory
// within its bound and two buffers.
static void check(const struct side *s)
{
	struct tcp_info info;

	if (s->connection == TCP_NONE)
		return;
	tcp_info_get(s->engine, s->connection, &info);
	nx_bug_on(info.in_flight > info.send_next - info.send_unacknowledged);
	nx_bug_on(info.receive_held > s->receive_memory + 2 * 70000);
}

static void step(struct fuzz *f)
{
	uint8_t op = take(f);

	if (op < 160)
		network(f, op);
	else if (op < 220)
		user(f, op);
	else if (op < 226)
		f->failing = take(f) % 8;
	else
		f->now += (usec_t)1 << op % 26;
	turn(f);
	check(&f->side[0]);
	check(&f->side[1]);
}

static void end_pass(struct fuzz *f)
{
	usec_t next = UINT64_MAX;
	bool quiet = f->count == 0;

	while (f->count > 0)
		deliver(f, flight_take(f, 0));
	for (uint32_t i = 0; i < 2; i++) {
		user_answer(f, &f->side[i]);
		user_receive(f, &f->side[i], UINT32_MAX);
		user_shut(f, &f->side[i]);
		next = u64_min(next, tcp_timers_next(f->side[i].engine));
	}
	f->now = !quiet ? f->now + 1000 : next == UINT64_MAX || next < f->now ? f->now + 1 : next;
	turn(f);
}

// From here on the network is good and the users read: what was sent must arrive, if nobody gave
// up. Hundreds of lost segments of one byte, without SACK, take a delayed acknowledgement each: as
// long as bytes arrive it goes on.
static void end(struct fuzz *f)
{
	struct side *s = f->side;
	uint32_t idle = 0;
	uint32_t turns = 0;

	f->failing = 0;
	while (!f->hostile && idle < IDLE_TURNS && turns < ENDING_TURNS) {
		uint64_t received = s[0].received + s[1].received;

		if (s[0].is_broken || s[1].is_broken || (s[0].ended && s[1].ended))
			break;
		end_pass(f);
		turns++;
		idle = s[0].received + s[1].received == received ? idle + 1 : 0;
	}
	if (f->hostile || s[0].is_broken || s[1].is_broken || turns == ENDING_TURNS)
		return;
	for (uint32_t i = 0; i < 2; i++) {
		user_receive(f, &s[i], UINT32_MAX);
		nx_bug_on(!s[i].ended || s[i].received != s[!i].sent);
	}
}

static bool offer(void *context, const struct packet *packet, struct tcp_offer *out)
{
	struct side *s = context;

	*out = (struct tcp_offer){.is_held = true};
	return s->number == 0 && packet->key.destination_port == be16_from_host(PORT);
}

static void open_side(struct fuzz *f, uint8_t number, const struct tcp_profile *profile)
{
	struct side *s = &f->side[number];
	struct tcp_engine_config config = {.connections = 8,
		.half_open = 1,
		.buffers = &s->source,
		.context = s,
		.transmit = transmit,
		.offer = f->holds ? offer : NULL,
		.now = f->now};

	*s = (struct side){.source = {source_get, source_put, source_share},
		.fuzz = f,
		.number = number,
		.receive_memory = profile->receive_memory ? profile->receive_memory : 4u << 20,
		.connection = TCP_NONE};
	nx_bug_on(tcp_engine_create(&config, &s->engine) != 0);
	tcp_profile_set(s->engine, 0, profile);
}

static struct tcp_profile profile_from(struct fuzz *f)
{
	struct tcp_profile p = {.flags = take(f), .congestion = take(f) & 1};
	uint8_t memory = take(f);

	// Nagle's algorithm and TCP_SEND_MORE wait for more, which may be what a script ends
	// before.
	if (memory & 1)
		p.receive_memory = 4000u + memory * 500u;
	if (memory & 2)
		p.initial_window = 1u + memory * 16u;
	if (memory & 4)
		p.mtu = (uint16_t)(1280 + memory);
	return p;
}

static void connect_from(struct fuzz *f, uint16_t port)
{
	struct flow_key key = {.source_port = be16_from_host(port),
		.destination_port = be16_from_host(PORT),
		.protocol = IPPROTO_TCP};
	struct side *s = &f->side[1];

	nx_bug_on(!ip_address_parse(f->v6 ? "fd00::1" : "10.0.0.1", &key.source));
	nx_bug_on(!ip_address_parse(f->v6 ? "fd00::2" : "10.0.0.2", &key.destination));
	nx_bug_on(tcp_connect(s->engine, 0, &key, 0, f->now, &s->connection) != 0);
	turn(f);
}

// One that never answers has the whole half-open share: who comes next is served by a cookie.
static void press(struct fuzz *f)
{
	connect_from(f, 6000);
	while (f->count > 0 && f->flight[0].to == 0)
		deliver(f, flight_take(f, 0));
	turn(f);
	while (f->count > 0)
		buffer_heap_put(&buffer_heap_source, flight_take(f, 0).frame);
	tcp_abort(f->side[1].engine, f->side[1].connection, f->now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = {.input = cursor_over(data, size), .now = USEC_PER_SECOND};
	struct ip_address any = {0};
	struct tcp_profile profile;
	uint32_t listener;
	uint8_t mode = take(&f);

	f.hostile = mode & 1;
	f.v6 = mode & 2;
	f.holds = mode & 8;
	f.echoes = mode & 16;
	for (uint8_t i = 0; i < 2; i++) {
		profile = profile_from(&f);
		if (f.echoes && i == 0)
			profile.flags |= TCP_KEEP_SEGMENTS;
		open_side(&f, i, &profile);
	}
	nx_bug_on(!f.holds &&
		  tcp_listen(f.side[0].engine, &any, be16_from_host(PORT), 0, 0, &listener) != 0);
	if ((mode & 4) && !f.holds)
		press(&f);
	connect_from(&f, 5000);
	while (cursor_left(&f.input) > 0)
		step(&f);
	end(&f);
	while (f.count > 0)
		buffer_heap_put(&buffer_heap_source, flight_take(&f, 0).frame);
	for (uint32_t i = 0; i < 2; i++) {
		tcp_abort_all(f.side[i].engine, f.now);
		while (f.count > 0)
			buffer_heap_put(&buffer_heap_source, flight_take(&f, 0).frame);
		nx_bug_on(tcp_engine_destroy(f.side[i].engine) != 0);
	}
	nx_bug_on(buffer_heap_alive() != 0);
	return 0;
}
