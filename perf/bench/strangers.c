// SPDX-License-Identifier: BSD-3-Clause

#include "bench/strangers.h"

#include <netinet/in.h>

#include "core/chain.h"
#include "core/clock.h"

enum {
	NETWORKS = 200,
	FIRST_PORT = 1024,
	PORTS = 60000,
	SEGMENT = 1200,
	WINDOW = 65535,
	CLIENT_NETWORK = 250, // strangers have those below
	KINDS = 4,            // besides hellos
};

enum caller_state {
	CALLER_GONE = 0,
	CALLER_OPENING,
	CALLER_OPEN,
	CALLER_ASKING, // open, secured, and its request is out
};

static struct strangers *world; // peers' callback has no context

static const uint8_t half_a_hello[51] = {
	0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}; // 512 bytes are said to come
static const uint8_t noise[100];
static const uint8_t request[] = "GET / HTTP/1.1\r\n\r\n";

// IPv4: a host each on the clients' link; IPv6: a network of 56 bits each, beyond the gateway.
static struct ip_address address_of(const struct bench *b, uint32_t network)
{
	if (!b->options.v6)
		return ip_address_from_v4(be32_from_host(0x0a010200 + network));
	return (struct ip_address){.words = {be32_from_host(0x20010db8),
					   be32_from_host(network << 8), 0, be32_from_host(1)}};
}

static uint32_t network_of(const struct bench *b, const struct ip_address *address)
{
	if (!b->options.v6)
		return be32_to_host(address->words[3]) - 0x0a010200;
	return be32_to_host(address->words[1]) >> 8;
}

static void say(const struct strangers *s, struct caller *c, uint8_t flags, const uint8_t *bytes,
	uint32_t n)
{
	struct frame frame = {
		.key = c->key,
		.tcp_flags = flags,
		.sequence = c->next,
		.acknowledgement = c->expected,
		.window = WINDOW,
		.payload = n,
		.content = bytes,
		.content_length = n,
	};

	peers_put(s->peers, BENCH_LAN, &frame);
	c->next += n + ((flags & TCP_FLAG_SYN) != 0);
}

static void leave(const struct strangers *s, struct caller *c)
{
	if (c->state >= CALLER_OPEN)
		say(s, c, TCP_FLAG_RST | TCP_FLAG_ACK, NULL, 0);
	c->state = CALLER_GONE;
	tls_end_destroy(c->end);
	c->end = NULL;
}

static void call(const struct strangers *s, struct caller *c, uint32_t network, uint32_t port)
{
	struct bench *b = &s->peers->b;

	*c = (struct caller){
		.key = {.source = address_of(b, network),
			.destination = b->own,
			.source_port = be16_from_host((uint16_t)(FIRST_PORT + port)),
			.destination_port = be16_from_host(BENCH_TLS_PORT),
			.protocol = IPPROTO_TCP},
		.next = bench_random(b, UINT32_MAX),
		.state = CALLER_OPENING,
		.began = b->rig.now,
	};
	say(s, c, TCP_FLAG_SYN, NULL, 0);
}

// Those that are let in, and of REALITY those that are not.
static uint32_t hello_kinds(const struct strangers *s)
{
	return s->peers->b.options.reality ? 2 : 1;
}

void strangers_come(struct strangers *s)
{
	uint32_t number = (uint32_t)(s->made++ % (NETWORKS * PORTS));
	struct caller *c = &s->held[number % STRANGERS_HELD];

	leave(s, c);
	call(s, c, number % NETWORKS, number / NETWORKS);
	c->says = (uint8_t)(number / NETWORKS % (KINDS + hello_kinds(s)));
}

void strangers_connect(struct strangers *s)
{
	uint32_t number = (uint32_t)(s->begun++ % PORTS);
	struct caller *c = &s->clients[number % CLIENTS_HELD];

	leave(s, c);
	call(s, c, CLIENT_NETWORK, number);
	c->end = tls_end_create(s->side, TLS_ROLE_CLIENT);
}

static void say_pieces(
	const struct strangers *s, struct caller *c, const uint8_t *bytes, uint32_t length)
{
	for (uint32_t at = 0, n; at < length; at += n) {
		n = u32_min(SEGMENT, length - at);
		say(s, c, TCP_FLAG_ACK, bytes + at, n);
	}
}

// Half a handshake. The seal of one that is not let in is broken.
static void say_hello(struct strangers *s, struct caller *c, bool is_let_in)
{
	struct stranger_hello hello = s->hellos[s->hello_next++ % s->hello_count];

	hello.bytes[REALITY_ID_OFFSET] ^= !is_let_in;
	say_pieces(s, c, hello.bytes, hello.length);
}

static void say_something(struct strangers *s, struct caller *c)
{
	static const struct {
		const uint8_t *bytes;
		uint32_t n;
	} said[KINDS] = {{half_a_hello, sizeof(half_a_hello)}, {request, sizeof(request) - 1},
		{NULL, 0}, {noise, sizeof(noise)}};

	if (c->says >= KINDS)
		say_hello(s, c, c->says == KINDS);
	else
		say(s, c, TCP_FLAG_ACK, said[c->says].bytes, said[c->says].n);
}

static void lose(struct strangers *s, struct caller *c)
{
	s->lost++;
	leave(s, c);
}

static void flush(const struct strangers *s, struct caller *c)
{
	uint8_t bytes[SEGMENT];
	uint32_t n;

	while ((n = tls_end_give(c->end, bytes, sizeof(bytes))) > 0)
		say(s, c, TCP_FLAG_ACK | TCP_FLAG_PSH, bytes, n);
}

static void finish(struct strangers *s, struct caller *c)
{
	usec_t took = s->peers->b.rig.now - c->began;

	s->done++;
	if (took > s->slowest)
		s->slowest = took;
	leave(s, c);
}

// A handshake, a request, an answer.
static void go_on(struct strangers *s, struct caller *c)
{
	static const uint8_t request_byte;
	uint8_t answer[SEGMENT];

	if (tls_end_is_secured(c->end) && c->state == CALLER_OPEN) {
		tls_end_write(c->end, &request_byte, 1);
		c->state = CALLER_ASKING;
	}
	flush(s, c);
	if (c->state == CALLER_ASKING && tls_end_read(c->end, answer, sizeof(answer)) > 0)
		finish(s, c);
}

static void take_bytes(struct strangers *s, struct caller *c, const struct packet *in, uint32_t n)
{
	uint8_t bytes[FRAME_BYTES_MAX];

	c->expected += n;
	say(s, c, TCP_FLAG_ACK, NULL, 0);
	if (c->end && chain_copy(in->buffer, in->payload, n, bytes) != n)
		bench_fail("a frame is shorter than it says");
	// It was taken for a stranger, who gets the target of a REALITY listener.
	if (c->end && !tls_end_take(c->end, bytes, n))
		lose(s, c);
}

static void take_open(struct strangers *s, struct caller *c, const struct packet *in)
{
	uint32_t n = packet_payload_length(in);

	if (be32_to_host(in->tcp_sequence) == c->expected && n > 0)
		take_bytes(s, c, in, n);
	if (c->end)
		go_on(s, c);
	// It is refused.
	if (c->state != CALLER_GONE && (in->tcp_flags & TCP_FLAG_FIN)) {
		if (c->end)
			lose(s, c);
		else
			leave(s, c);
	}
}

static struct caller *caller_of(struct strangers *s, const struct flow_key *key)
{
	uint32_t network = network_of(&s->peers->b, &key->destination);
	uint32_t port = be16_to_host(key->destination_port) - FIRST_PORT;
	struct flow_key back = flow_key_reverse(key);
	struct caller *c = network == CLIENT_NETWORK
				   ? &s->clients[port % CLIENTS_HELD]
				   : &s->held[(port * NETWORKS + network) % STRANGERS_HELD];

	return c->state != CALLER_GONE && flow_key_equal(&c->key, &back) ? c : NULL;
}

static void take(struct peers *p, const struct packet *in)
{
	struct strangers *s = world;
	struct caller *c = caller_of(s, &in->key);

	if (!c)
		return;
	if (in->tcp_flags & TCP_FLAG_RST) {
		s->resets++;
		c->state = CALLER_GONE;
		if (c->end)
			lose(s, c);
	} else if (c->state >= CALLER_OPEN) {
		take_open(s, c, in);
	} else if (in->tcp_flags & TCP_FLAG_SYN) {
		c->state = CALLER_OPEN;
		c->expected = be32_to_host(in->tcp_sequence) + 1;
		s->answered += !c->end;
		if (c->end)
			go_on(s, c);
		else
			say_something(s, c);
	}
}

void strangers_give_up(struct strangers *s)
{
	for (uint32_t i = 0; i < CLIENTS_HELD; i++) {
		struct caller *c = &s->clients[i];

		if (c->state != CALLER_GONE && s->peers->b.rig.now - c->began > s->patience)
			lose(s, c);
	}
}

void strangers_init(struct strangers *s, struct peers *peers, struct tls_side *side,
	const struct stranger_hello *hellos, uint32_t hello_count)
{
	*s = (struct strangers){.peers = peers,
		.side = side,
		.hellos = hellos,
		.hello_count = hello_count,
		.patience = USEC_PER_SECOND};
	world = s;
	peers->stranger = take;
}

void strangers_fini(struct strangers *s)
{
	s->peers->stranger = NULL;
	for (uint32_t i = 0; i < CLIENTS_HELD; i++)
		tls_end_destroy(s->clients[i].end);
}
