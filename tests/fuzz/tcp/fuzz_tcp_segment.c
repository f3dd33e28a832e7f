// SPDX-License-Identifier: BSD-3-Clause
// Segments into every state: the input is a script for one engine with a listener and a connection
// of its own. Numbers are near what the connection expects, so that windows are hit; time moves;
// the user reads, sends and closes. At the end every buffer and connection must have come back.
#include <netinet/in.h>

#include "pkt/parse.h"
#include "tcp/tcp.h"

enum {
	ETHERNET = 14,
	PORT = 9000,
	FRAME_ROOM = 4096,
};

struct fuzz {
	struct cursor input;
	struct tcp_engine *engine;
	usec_t now;
	uint32_t connection; // TCP_NONE: none
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void transmit(
	void *context, struct buffer *packet, const struct flow_key *key, uint32_t *way)
{
	uint32_t bytes = 0;

	(void)context;
	(void)key;
	(void)way;
	for (const struct buffer *b = packet; b; b = b->next)
		bytes += b->length;
	nx_bug_on(bytes != packet->total_length || bytes < 40);
	buffer_heap_put(&buffer_heap_source, packet);
}

static uint8_t take(struct fuzz *f)
{
	uint8_t value;

	return cursor_take_u8(&f->input, &value) ? value : 0;
}

// Near a number: mostly within a few kilobytes, sometimes anywhere.
static uint32_t near(struct fuzz *f, uint32_t value)
{
	uint8_t how = take(f);

	if (how < 128)
		return value;
	if (how < 224)
		return value + (uint32_t)(int8_t)take(f) * 64;
	return value + ((uint32_t)take(f) << 24);
}

static uint32_t write_options(struct fuzz *f, uint8_t *out, const struct tcp_info *info)
{
	uint8_t what = take(f);
	uint8_t *p = out;

	if (what & 1) {
		memcpy(p, "\x01\x01\x08\x0a", 4);
		be32_store(p + 4, be32_from_host((uint32_t)take(f) << 8 | (uint32_t)f->now >> 10));
		be32_store(p + 8, be32_from_host((uint32_t)take(f) << 16));
		p += 12;
	}
	if (what & 2) {
		uint32_t blocks = 1 + (what >> 4 & 1);

		memcpy(p, "\x01\x01\x05", 3);
		p[3] = (uint8_t)(2 + 8 * blocks);
		p += 4;
		for (uint32_t i = 0; i < 2 * blocks; i++, p += 4)
			be32_store(
				p, be32_from_host(near(f, info->send_unacknowledged + 1000 * i)));
	}
	if (what & 4) {
		memcpy(p, "\x02\x04\x05\xb4\x04\x02\x01\x01\x01\x03\x03", 11);
		p[11] = take(f);
		p += 12;
	}
	if (what & 8 && p - out <= 36)
		for (unsigned i = 0; i < 4; i++)
			*p++ = take(f);
	return (uint32_t)(p - out) > 40 ? 40 : (uint32_t)(p - out);
}

static void segment(struct fuzz *f)
{
	struct buffer *b = buffer_heap_get(&buffer_heap_source, FRAME_ROOM);
	struct tcp_info info = {0};
	uint8_t *ip = buffer_data(b) + ETHERNET;
	uint8_t *tcp = ip + 20;
	uint8_t options[64] = {0};
	uint32_t option_length;
	uint32_t length;
	uint8_t shape = take(f);
	struct packet p = {.buffer = b};

	if (f->connection != TCP_NONE)
		tcp_info_get(f->engine, f->connection, &info);
	option_length = write_options(f, options, &info);
	length = shape & 1 ? 0 : shape & 2 ? 1448 : take(f);
	memset(buffer_data(b), 2, 12);
	be16_store(buffer_data(b) + 12, be16_from_host(0x0800));
	memset(ip, 0, 40);
	ip[0] = 0x45;
	ip[1] = take(f) & 3;
	be16_store(ip + 2, be16_from_host((uint16_t)(40 + option_length + length)));
	ip[8] = 64;
	ip[9] = IPPROTO_TCP;
	memcpy(ip + 12, "\x0a\x00\x00\x02\x0a\x00\x00\x01", 8);
	be16_store(ip + 10, checksum_finish(checksum_ipv4_base(ip)));
	// The connection of our own, or a client of the listener.
	be16_store(tcp, be16_from_host(shape & 4 ? 80 : (uint16_t)(1000 + (shape >> 6))));
	be16_store(tcp + 2, be16_from_host(shape & 4 ? 5000 : PORT));
	be32_store(tcp + 4, be32_from_host(near(f, info.receive_next ? info.receive_next : 100)));
	be32_store(tcp + 8, be32_from_host(near(f, info.send_next)));
	tcp[12] = (uint8_t)((20 + option_length) / 4 << 4);
	tcp[13] = take(f);
	be16_store(tcp + 14, be16_from_host((uint16_t)(take(f) << (shape & 8))));
	be16_store(tcp + 18, be16_from_host((uint16_t)(shape << (shape >> 4))));
	memcpy(tcp + 20, options, option_length);
	memset(tcp + 20 + option_length, 'x', length);
	b->length = (uint16_t)(ETHERNET + 40 + option_length + length);
	b->total_length = b->length;

	struct parse_context context = {.data = buffer_data(b),
		.contiguous = b->length,
		.frame = b->total_length,
		.offload = PARSE_L4_GOOD};

	if (packet_parse(&p, &context) != PARSE_OK || p.kind != PACKET_TCP)
		buffer_heap_put(&buffer_heap_source, b);
	else
		tcp_segment_input(f->engine, &p, f->now);
}

static void user(struct fuzz *f)
{
	struct buffer *b;

	if (f->connection == TCP_NONE)
		return;
	switch (take(f) % 6) {
	case 0:
		b = tcp_receive(f->engine, f->connection, 3000, f->now);
		if (b)
			buffer_heap_put(&buffer_heap_source, b);
		return;
	case 1:
	case 2:
		b = buffer_heap_get(&buffer_heap_source, 5000);
		b->length = (uint16_t)(1 + take(f) * 19);
		b->total_length = b->length;
		memset(buffer_data(b), 'y', b->length);
		tcp_send(f->engine, f->connection, b, take(f) & 1, f->now);
		return;
	case 3:
		tcp_shutdown(f->engine, f->connection, f->now);
		return;
	case 4:
		tcp_close(f->engine, f->connection, f->now);
		f->connection = TCP_NONE;
		return;
	default:
		tcp_abort(f->engine, f->connection, f->now);
		f->connection = TCP_NONE;
	}
}

static void events(struct fuzz *f)
{
	struct tcp_event event;

	while (tcp_events_take(f->engine, &event, 1) == 1) {
		if (!(event.events & TCP_EVENT_ACCEPTED))
			continue;
		if (f->connection == TCP_NONE)
			f->connection = event.connection;
		else
			tcp_close(f->engine, event.connection, f->now);
	}
}

static void open_own(struct fuzz *f)
{
	struct flow_key key = {.source = ip_address_from_v4(be32_from_host(0x0a000001)),
		.destination = ip_address_from_v4(be32_from_host(0x0a000002)),
		.source_port = be16_from_host(5000),
		.destination_port = be16_from_host(80),
		.protocol = IPPROTO_TCP};
	uint32_t connection;

	if (f->connection == TCP_NONE &&
		tcp_connect(f->engine, 0, &key, 1, f->now, &connection) == 0)
		f->connection = connection;
}

// Whatever a peer acknowledges or reports: the sums stay sums of what is outstanding.
static void check(const struct fuzz *f)
{
	struct tcp_info info;

	if (f->connection == TCP_NONE)
		return;
	tcp_info_get(f->engine, f->connection, &info);
	nx_bug_on(info.in_flight > info.send_next - info.send_unacknowledged);
	nx_bug_on(info.receive_held > (4u << 20) + 2 * 70000);
}

// An ICMP error about what the connection sent, or says so.
static void icmp(struct fuzz *f)
{
	struct icmp_quote quote = {.type = take(f), .code = take(f) & 15};
	struct tcp_info info;

	if (f->connection == TCP_NONE)
		return;
	tcp_info_get(f->engine, f->connection, &info);
	quote.key = info.key;
	quote.tcp_sequence = near(f, info.send_unacknowledged);
	quote.is_too_big = take(f) & 1;
	quote.next_hop_mtu = take(f) * 8u;
	(void)tcp_icmp_error(f->engine, &quote, f->now);
}

static void step(struct fuzz *f)
{
	uint8_t op = take(f);

	if (op < 160)
		segment(f);
	else if (op < 200)
		user(f);
	else if (op < 210)
		open_own(f);
	else if (op < 216)
		icmp(f);
	else
		f->now += (usec_t)1 << (op % 32);
	tcp_timers_run(f->engine, f->now, 100);
	events(f);
	tcp_flush(f->engine, f->now);
	check(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = {.input = cursor_over(data, size), .connection = TCP_NONE};
	struct tcp_engine_config config = {.connections = 8,
		.half_open = 3,
		.buffers = &buffer_heap_source,
		.transmit = transmit};
	struct ip_address any = {0};
	struct tcp_profile profile = {.flags = take(&f), .congestion = take(&f) & 1};
	uint32_t listener;

	profile.keepalive_idle_ms = take(&f) * 100u;
	nx_bug_on(tcp_engine_create(&config, &f.engine) != 0);
	tcp_profile_set(f.engine, 0, &profile);
	nx_bug_on(tcp_listen(f.engine, &any, be16_from_host(PORT), 0, 0, &listener) != 0);
	while (cursor_left(&f.input) > 0)
		step(&f);
	tcp_abort_all(f.engine, f.now);
	nx_bug_on(tcp_engine_destroy(f.engine) != 0);
	nx_bug_on(buffer_heap_alive() != 0);
	return 0;
}
