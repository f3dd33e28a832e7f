// SPDX-License-Identifier: BSD-3-Clause

// Cycles a packet of established sessions, both directions, flows in random order, every output
// checked.

#include "bench/bench.h"

enum {
	BATCH = 512,
	HEADERS_UDP_V4 = 42,
	HEADERS_TCP_V4 = 54,
	V6_EXTRA = 20
};

struct sent {
	uint32_t flow;
	uint8_t direction;
};

static uint32_t payload_of(const struct bench_options *o)
{
	uint32_t headers = (o->protocol == BENCH_TCP ? HEADERS_TCP_V4 : HEADERS_UDP_V4) +
			   (o->v6 ? V6_EXTRA : 0);

	return o->size > headers ? o->size - headers : 0;
}

static void send_batch(struct bench *b, struct sent *sent, uint32_t payload)
{
	for (uint32_t i = 0; i < BATCH; i++) {
		uint32_t number = bench_random(b, b->options.flows);
		struct bench_flow *flow = &b->flows[number];
		unsigned direction = i & 1;
		struct frame f = bench_frame(
			b, flow, direction, TCP_FLAG_ACK | (payload ? TCP_FLAG_PSH : 0), payload);

		sent[i] = (struct sent){number, (uint8_t)direction};
		if (!rig_send(&b->rig, direction == 0 ? BENCH_LAN : BENCH_WAN, &f))
			bench_fail("no room on a ring port");
		flow->sequence[direction] += payload;
	}
}

// What came out is what went in, under the other leg's addresses, with right checksums and payload.
static void check_one(struct bench *b, const struct sent *sent, uint32_t payload)
{
	static uint8_t bytes[FRAME_BYTES_MAX];
	const struct bench_flow *flow = &b->flows[sent->flow];
	uint32_t length = bench_take(b, sent->direction == 0 ? BENCH_WAN : BENCH_LAN, bytes);
	const struct flow_key *back = &flow->in[!sent->direction];
	struct packet p;

	if (length == 0 || !frame_read(bytes, length, &p))
		bench_fail("an output packet is missing or malformed");
	if (!ip_address_equal(&p.key.source, &back->destination) ||
		!ip_address_equal(&p.key.destination, &back->source) ||
		p.key.source_port != back->destination_port ||
		p.key.destination_port != back->source_port || p.hop_limit != 63 ||
		packet_payload_length(&p) != payload)
		bench_fail("an output packet is not the input's translation");
	for (uint32_t i = 1; i < payload; i++) {
		if (bytes[p.payload + i] != (uint8_t)(bytes[p.payload] + i))
			bench_fail("an output packet's payload is damaged");
	}
}

void bench_batch(struct bench *b)
{
	uint32_t payload = payload_of(&b->options);
	struct sent sent[BATCH];

	bench_tell_time(b);
	send_batch(b, sent, payload);
	bench_turn_until(b, BATCH);
	for (uint32_t i = 0; i < BATCH; i++) {
		struct bench_flow *flow = &b->flows[sent[i].flow];

		check_one(b, &sent[i], payload);
		memcpy(flow->arrived, flow->sequence, sizeof(flow->arrived));
	}
}

json_t *bench_pipeline(const struct bench_options *options)
{
	struct bench b;

	bench_create(&b, options);
	bench_open_flows(&b);
	for (uint32_t i = 0; i < 20; i++)
		bench_batch(&b);
	bench_measure_start(&b);
	while (b.packets < options->packets)
		bench_batch(&b);
	double cycles = (double)b.cycles / (double)b.packets;
	json_t *result =
		json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:I, s:f, s:f, s:o}", "measurement",
			"pipeline", "protocol", options->protocol == BENCH_TCP ? "tcp" : "udp",
			"family", options->v6 ? 6 : 4, "frame_bytes", options->size, "flows",
			options->flows, "burst", options->burst, "packets", (json_int_t)b.packets,
			"cycles_per_packet", cycles, "million_packets_per_second",
			(double)b.hz / cycles / 1e6, "stages", bench_stages(&b));

	bench_destroy(&b);
	return result;
}
