// SPDX-License-Identifier: BSD-3-Clause

// The exchange of loopback-post over our own TCP: the same client and the same server, each on a
// thread, an engine (fastpath/tcp) and a port of its own, joined by a pair of ring ports.
//   wire-bench-ring CLIENT_CPU SERVER_CPU ROUNDS [--no-huge]

#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <rte_cycles.h>
#include <rte_lcore.h>

#include "core/clock.h"
#include "io/pools.h"
#include "io/port.h"
#include "order.h"
#include "pkt/parse.h"
#include "rig/rig.h"
#include "tcp/tcp.h"

enum {
	BURST = 32,
	MEMORY_MB = 128,
	BUFFERS = 4096,
	PIECES = 4, // buffers of a packet: a header and what it carries
	ETHERNET_BYTES = 14,
	SERVER_PORT = 80,
	CLIENT_PORT = 40000,
};

// A port and the TCP behind it; one thread.
struct end {
	struct port *port;
	struct tcp_engine *tcp;
	struct buffer_source *buffers;
	const struct clock *clock;
	struct mac_address peer;
	struct buffer *out[BURST];
	uint16_t out_count;
	uint32_t connection;
};

static struct {
	struct pools pools;
	struct pool_source source;
	struct clock clock;
	struct end ends[2];
	shared_word_t stop;
} bench;

static void flush(struct end *e)
{
	uint16_t sent = port_transmit(e->port, 0, e->out, e->out_count);

	for (uint16_t i = sent; i < e->out_count; i++)
		e->buffers->put(e->buffers, e->out[i]);
	e->out_count = 0;
}

static void transmit(void *context, struct buffer *b, const struct flow_key *key, uint32_t *way)
{
	struct end *e = context;

	b->offset -= ETHERNET_BYTES;
	b->length += ETHERNET_BYTES;
	b->total_length += ETHERNET_BYTES;
	memcpy(buffer_data(b), e->peer.bytes, 6);
	memcpy(buffer_data(b) + 6, e->port->mac.bytes, 6);
	be16_store(buffer_data(b) + 12, be16_from_host(0x0800));
	e->out[e->out_count++] = b;
	if (e->out_count == BURST)
		flush(e);
}

static void take(struct end *e, struct buffer *b, usec_t now)
{
	struct checksum_span spans[PIECES];
	uint32_t n = 0;
	struct parse_context context = {
		.data = buffer_data(b), .contiguous = b->length, .frame = b->total_length};
	struct packet p = {.buffer = b};

	BUG_ON(packet_parse(&p, &context) != PARSE_OK || p.kind != PACKET_TCP);
	for (struct buffer *piece = b; piece && n < PIECES; piece = piece->next)
		spans[n++] = (struct checksum_span){buffer_data(piece), piece->length};
	BUG_ON(packet_checksum_verify(&p, spans, n, false) != PARSE_OK);
	BUG_ON(tcp_segment_input(e->tcp, &p, now) != DROP_NONE);
}

// Receives, and takes the engine's events; what became of them is sent by finish.
static uint16_t turn(struct end *e, struct tcp_event *event)
{
	struct buffer *in[BURST];
	usec_t now = clock_usec(e->clock, clock_cycles());
	uint16_t n = port_receive(e->port, 0, in, BURST);

	for (uint16_t i = 0; i < n; i++)
		take(e, in[i], now);
	tcp_timers_run(e->tcp, now, BURST);
	event->events = 0;
	(void)tcp_events_take(e->tcp, event, 1);
	BUG_ON(event->events & (TCP_EVENT_FAILED | TCP_EVENT_END));
	return n;
}

static void finish(struct end *e)
{
	BUG_ON(!tcp_flush(e->tcp, clock_usec(e->clock, clock_cycles())));
	if (e->out_count > 0)
		flush(e);
}

static void send_bytes(struct end *e, const void *bytes, size_t length)
{
	struct buffer *b = e->buffers->get(e->buffers, (uint32_t)length);

	BUG_ON(!b || length > buffer_tailroom(b));
	memcpy(buffer_data(b), bytes, length);
	b->length = (uint16_t)length;
	b->total_length = (uint32_t)length;
	BUG_ON(tcp_send(e->tcp, e->connection, b, 0, clock_usec(e->clock, clock_cycles())) != 0);
}

static struct buffer *receive(struct end *e)
{
	return tcp_receive(e->tcp, e->connection, UINT16_MAX, clock_usec(e->clock, clock_cycles()));
}

static void *serve(void *end)
{
	struct end *e = end;
	struct tcp_event event;
	struct buffer *b;

	BUG_ON(rte_thread_register() != 0);
	while (!shared_word_load(&bench.stop)) {
		turn(e, &event);
		if (event.events & TCP_EVENT_ACCEPTED)
			e->connection = event.connection;
		while (event.events & TCP_EVENT_READABLE && (b = receive(e)) != NULL) {
			if (order_is_whole(buffer_data(b), b->length))
				send_bytes(e, order_answer, sizeof(order_answer) - 1);
			e->buffers->put(e->buffers, b);
		}
		finish(e);
	}
	rte_thread_unregister();
	return NULL;
}

// What the client's buffers hold goes out, what came goes in.
static void carry(struct end *e, struct nx_stream *stream)
{
	struct tcp_event event;
	struct buffer *b;
	struct iovec out = nx_stream_send_from(stream);

	if (out.iov_len > 0) {
		send_bytes(e, out.iov_base, out.iov_len);
		nx_stream_sent(stream, out.iov_len);
	}
	finish(e);
	turn(e, &event);
	while (event.events & TCP_EVENT_READABLE && (b = receive(e)) != NULL) {
		struct iovec in = nx_stream_receive_to(stream);

		BUG_ON(b->segments > 1 || in.iov_len < b->length);
		memcpy(in.iov_base, buffer_data(b), b->length);
		nx_stream_received(stream, b->length);
		e->buffers->put(e->buffers, b);
	}
}

static void post(struct end *e, struct nx_rest *rest)
{
	enum nx_client_verdict verdict = order_send(rest);
	struct nx_response response;

	BUG_ON(verdict != NX_CLIENT_DONE && verdict != NX_CLIENT_AGAIN);
	while ((verdict = nx_rest_receive(rest, &response)) == NX_CLIENT_AGAIN)
		carry(e, &rest->stream);
	order_check(verdict, &response);
}

static void end_open(struct end *e, const char *name)
{
	struct tcp_engine_config config = {.connections = 64,
		.buffers = &bench.source.source,
		.context = e,
		.transmit = transmit};
	struct port_request request = {.device = "ring:wire",
		.mtu = 1500,
		.queues = 1,
		.transmit_queues = 1,
		.small = bench.pools.small};
	char error[256];

	snprintf(request.name, sizeof(request.name), "%s", name);
	BUG_ON(getrandom(config.secret, sizeof(config.secret), 0) != sizeof(config.secret));
	BUG_ON(tcp_engine_create(&config, &e->tcp) != 0);
	if (port_open(&request, &e->port, error, sizeof(error)) != 0) {
		fprintf(stderr, "wire-bench-ring: %s\n", error);
		exit(1);
	}
	e->buffers = &bench.source.source;
	e->clock = &bench.clock;
}

static void end_close(struct end *e)
{
	tcp_abort_all(e->tcp, clock_usec(e->clock, clock_cycles()));
	flush(e);
	tcp_engine_destroy(e->tcp);
	port_close(e->port);
}

static void connect_to(struct end *e, const struct flow_key *key)
{
	struct tcp_event event;

	BUG_ON(tcp_connect(e->tcp, 0, key, 0, clock_usec(e->clock, clock_cycles()),
		       &e->connection) != 0);
	do {
		finish(e);
		turn(e, &event);
	} while (!(event.events & TCP_EVENT_CONNECTED));
	finish(e);
}

static void measure(struct end *e, long rounds)
{
	const struct nx_rest_field fields[] = {{"Content-Type", "application/json"}};
	struct nx_rest_config config = {.url = "http://10.0.0.2",
		.fields = fields,
		.field_count = 1,
		.stream = {.drive = NX_DRIVE_CARRIED}};
	static struct nx_rest rest;

	BUG_ON(nx_rest_init(&rest, &config) != NX_CLIENT_DONE);
	BUG_ON(nx_rest_adopt(&rest, -1) != NX_CLIENT_DONE);
	MEASURE("ring-post", rounds, 1, , post(e, &rest));
	nx_rest_fini(&rest);
}

static void pin(pthread_t thread, const char *cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned int)strtoul(cpu, NULL, 10), &set);
	BUG_ON(pthread_setaffinity_np(thread, sizeof(set), &set) != 0);
}

int main(int argc, char **argv)
{
	struct flow_key key = {.source = ip_address_from_v4(be32_from_host(0x0a000001)),
		.destination = ip_address_from_v4(be32_from_host(0x0a000002)),
		.source_port = be16_from_host(CLIENT_PORT),
		.destination_port = be16_from_host(SERVER_PORT),
		.protocol = IPPROTO_TCP};
	struct end *client = &bench.ends[0];
	struct end *server = &bench.ends[1];
	pthread_t thread;
	uint32_t listener;
	char error[256];

	if (argc != 4 && (argc != 5 || strcmp(argv[4], "--no-huge") != 0))
		return 2;
	if (rig_eal_init(argc == 4, MEMORY_MB) != 0)
		return 1;
	BUG_ON(pools_create(BUFFERS, 0, &bench.pools, error, sizeof(error)) != 0);
	pool_source_init(&bench.source, &bench.pools);
	clock_init(&bench.clock, rte_get_tsc_hz());
	end_open(client, "client");
	end_open(server, "server");
	client->peer = server->port->mac;
	server->peer = client->port->mac;
	BUG_ON(tcp_listen(server->tcp, &key.destination, key.destination_port, 0, 0, &listener) !=
		0);
	BUG_ON(pthread_create(&thread, NULL, serve, server) != 0);
	pin(thread, argv[2]);
	pin(pthread_self(), argv[1]);
	connect_to(client, &key);
	measure(client, strtol(argv[3], NULL, 10));
	shared_word_store(&bench.stop, 1);
	pthread_join(thread, NULL);
	end_close(client);
	end_close(server);
	pools_destroy(&bench.pools);
	return 0;
}
