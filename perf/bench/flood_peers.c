// SPDX-License-Identifier: BSD-3-Clause

#include "bench/flood.h"

#include <netinet/in.h>

#include "flow/session.h"

// First sequence numbers of new clients, with their number below; no spoofed packet begins like
// this.
static const uint32_t new_sequence = 0x5eed0000;
static const uint32_t sequence_tag = 0xffff0000;

// Stations: 10.1.0.0 to 10.1.2.255 and the targets; fd00:1:: with the low 32 bits only.
bool flood_station_has(const struct ip_address *address)
{
	if (!ip_address_is_v4(address))
		return address->words[2] == 0;
	return address->bytes[12] == 10 && (address->bytes[13] == 2 || address->bytes[14] <= 2);
}

static struct ip_address spoofed_source(struct bench *b)
{
	uint32_t low = bench_random(b, 1u << 24);

	if (!b->options.v6) {
		uint32_t v4 = b->options.on_link ? 0x0a010000 + 0x1000 + low % 0xe000
						 : 0xac100000 + (low & 0xfffff);

		return ip_address_from_v4(be32_from_host(v4));
	}
	struct ip_address address = {.words = {be32_from_host(0x20010db8), 0,
					     be32_from_host(0x80000000 | bench_random(b, 1u << 30)),
					     be32_from_host(low)}};

	if (b->options.on_link)
		address.halves[0] = b->own.halves[0];
	return address;
}

bool flood_spoof(struct bench *b)
{
	bool tcp = b->options.protocol == BENCH_TCP;
	struct frame frame = {
		.key =
			{
				.source = spoofed_source(b),
				.destination = b->own,
				.source_port =
					be16_from_host((uint16_t)(1024 + bench_random(b, 64000))),
				.destination_port = be16_from_host(9000),
				.protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP,
			},
		.tcp_flags = TCP_FLAG_SYN,
		.sequence = bench_random(b, new_sequence),
		.window = 65535,
	};

	return rig_send(&b->rig, BENCH_LAN, &frame);
}

void flood_know_old(struct flood *f)
{
	for (uint32_t i = 0; i < FLOOD_OLD; i++) {
		const struct flow_key *key = &f->b.flows[i].in[1];
		uint8_t target = key->source.bytes[15];

		f->by_port[target][be16_to_host(key->destination_port)] = (uint16_t)(i + 1);
	}
}

void flood_beat(struct flood *f, uint32_t number)
{
	struct bench_flow *flow = &f->b.flows[number];

	for (unsigned d = 0; d < 2; d++) {
		struct frame frame =
			bench_frame(&f->b, flow, d, TCP_FLAG_ACK | TCP_FLAG_PSH, FLOOD_OLD_PAYLOAD);

		f->old_lost += f->waiting[number][d];
		f->waiting[number][d] = 0;
		if (!rig_send(&f->b.rig, d == 0 ? BENCH_LAN : BENCH_WAN, &frame))
			bench_fail("no room on a ring port");
		flow->sequence[d] += FLOOD_OLD_PAYLOAD;
		f->waiting[number][d]++;
		f->old_sent++;
	}
}

// Every other client comes from an address that the node has not met.
void flood_connect(struct flood *f)
{
	struct bench *b = &f->b;
	uint32_t number = (uint32_t)f->connects_begun++;
	struct flood_client *c = &f->clients[number % FLOOD_NEW_HELD];

	*c = (struct flood_client){.started = f->now};
	c->flow.sequence[0] = new_sequence + (number & ~sequence_tag);
	c->flow.sequence[1] = bench_random(b, UINT32_MAX);
	c->flow.in[0] = (struct flow_key){
		.source = b->clients[number % BENCH_CLIENTS],
		.destination = b->own,
		.source_port =
			be16_from_host((uint16_t)(FLOOD_NEW_PORT + number % FLOOD_NEW_PORTS)),
		.destination_port = be16_from_host(9000),
		.protocol = b->options.protocol == BENCH_TCP ? IPPROTO_TCP : IPPROTO_UDP,
	};
	if (number & 1) {
		c->flow.in[0].source.bytes[b->options.v6 ? 13 : 14] = 2;
		c->flow.in[0].source.bytes[15] = (uint8_t)(1 + number / 2 % 250);
	}
	struct frame frame = bench_frame(b, &c->flow, 0, TCP_FLAG_SYN, 0);

	frame.payload = b->options.protocol == BENCH_TCP ? 0 : FLOOD_NEW_PAYLOAD;
	frame.seed = (uint8_t)number;
	if (!rig_send(&b->rig, BENCH_LAN, &frame))
		bench_fail("no room on a ring port");
	c->flow.sequence[0]++;
}

void flood_give_up(struct flood *f)
{
	for (uint32_t i = 0; i < FLOOD_NEW_HELD; i++) {
		struct flood_client *c = &f->clients[i];

		if (c->started == 0 || f->now - c->started < USEC_PER_SECOND)
			continue;
		c->started = 0;
		f->connects_lost++;
		f->slowest = USEC_PER_SECOND;
	}
}

static void take_old(struct flood *f, uint32_t number, unsigned direction)
{
	struct bench_flow *flow = &f->b.flows[number];

	if (f->waiting[number][direction] == 0)
		bench_fail("a packet of an old session came twice");
	f->waiting[number][direction]--;
	f->old_received++;
	flow->arrived[direction] = flow->sequence[direction];
}

// The target answers whoever asks it by TCP, and by UDP whom it knows for a client.
static void answer(struct flood *f, const struct packet *p, uint32_t sequence, uint32_t payload)
{
	struct frame frame = {
		.key = flow_key_reverse(&p->key),
		.tcp_flags = TCP_FLAG_SYN | TCP_FLAG_ACK,
		.sequence = sequence,
		.acknowledgement = be32_to_host(p->tcp_sequence) + 1,
		.window = 65535,
		.payload = payload,
	};

	if (!rig_send(&f->b.rig, BENCH_WAN, &frame))
		bench_fail("no room on a ring port");
}

static void client_done(struct flood *f, struct flood_client *c)
{
	usec_t took = f->now - c->started;

	c->started = 0;
	f->connects_done++;
	if (took > f->slowest)
		f->slowest = took;
}

static void take_at_target(struct flood *f, const struct packet *p)
{
	uint8_t target = p->key.destination.bytes[15];
	uint16_t old = f->by_port[target][be16_to_host(p->key.source_port)];
	uint32_t payload = packet_payload_length(p);

	if (old && payload == FLOOD_OLD_PAYLOAD) {
		take_old(f, old - 1u, 0);
		return;
	}
	if (p->kind == PACKET_UDP) {
		if (payload == FLOOD_NEW_PAYLOAD)
			answer(f, p, 0, payload);
		else
			f->spoofed_through++;
		return;
	}
	uint32_t sequence = be32_to_host(p->tcp_sequence);
	struct flood_client *c = &f->clients[sequence % FLOOD_NEW_HELD];

	if (p->tcp_flags == TCP_FLAG_SYN && (sequence & sequence_tag) == new_sequence) {
		answer(f, p, c->flow.sequence[1], 0);
	} else if (p->tcp_flags == TCP_FLAG_SYN) {
		f->spoofed_through++;
		answer(f, p, bench_random(&f->b, UINT32_MAX), 0);
	}
}

static void take_at_client(struct flood *f, const struct packet *p)
{
	uint16_t port = be16_to_host(p->key.destination_port);

	if (!flood_station_has(&p->key.destination)) {
		f->answers_to_spoofed++;
		return;
	}
	if (port < FLOOD_NEW_PORT) {
		uint32_t client = p->key.destination.bytes[15] - 1u;

		take_old(f, (port - 1024u) * BENCH_CLIENTS + client, 1);
		return;
	}
	struct flood_client *c = &f->clients[(port - FLOOD_NEW_PORT) % FLOOD_NEW_HELD];

	if (c->started == 0 || c->flow.in[0].source_port != p->key.destination_port)
		return;
	if (p->kind == PACKET_TCP) {
		if (p->tcp_flags != (TCP_FLAG_SYN | TCP_FLAG_ACK))
			bench_fail("a client was answered with flags %#x", p->tcp_flags);
		c->flow.arrived[1] = be32_to_host(p->tcp_sequence) + 1;
		struct frame frame = bench_frame(&f->b, &c->flow, 0, TCP_FLAG_ACK, 0);

		if (!rig_send(&f->b.rig, BENCH_LAN, &frame))
			bench_fail("no room on a ring port");
	}
	client_done(f, c);
}

void flood_receive(struct flood *f)
{
	static uint8_t bytes[FRAME_BYTES_MAX];
	struct packet p;
	uint32_t length;

	for (uint16_t port = 0; port < 2; port++) {
		while ((length = rig_receive(&f->b.rig, port, bytes)) > 0) {
			if (!frame_read(bytes, length, &p))
				bench_fail("a malformed frame came out of port %u", port);
			if (p.kind != PACKET_TCP && p.kind != PACKET_UDP)
				continue; // an ICMP error about a next hop that does not answer
			if (port == BENCH_WAN)
				take_at_target(f, &p);
			else
				take_at_client(f, &p);
		}
	}
}
