// SPDX-License-Identifier: BSD-3-Clause

// Cycles of a request of HTTP/1.1 over kept connections: from the client's segment to its target's
// and back, both heads read, judged and written anew, both legs with their acknowledgements, which
// the next texts carry. Every client asks again once all were answered.

#include "bench/peers.h"
#include "tcp/tcp.h"

enum {
	WARM_REQUESTS = 20000,
	WARM_REQUESTS_VIRTUAL = 1280, // under callgrind; beyond where each text is acknowledged
};

// What a browser and a server of these days say.
static const char request[] =
	"GET /api/items?page=2 HTTP/1.1\r\n"
	"Host: www.example.org\r\n"
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
	"Accept: application/json, text/plain, */*\r\n"
	"Accept-Language: en-US,en;q=0.5\r\n"
	"Accept-Encoding: gzip, deflate, br\r\n"
	"Connection: keep-alive\r\n"
	"\r\n";
static const char answer[] = "HTTP/1.1 200 OK\r\n"
			     "Server: nginx/1.22.1\r\n"
			     "Date: Sun, 22 Nov 2026 04:00:00 GMT\r\n"
			     "Content-Type: application/json\r\n"
			     "Content-Length: 23\r\n"
			     "Connection: keep-alive\r\n"
			     "\r\n"
			     "here is a small answer\n";
static const struct peers_texts texts = {
	.said = {request, answer}, .length = {sizeof(request) - 1, sizeof(answer) - 1}};

static uint64_t wanted;

static bool are_open(const struct peers *p)
{
	return p->opened >= wanted;
}

static bool are_answered(const struct peers *p)
{
	return p->answered >= wanted;
}

// One after the other: the first packets wait for next hops.
static void open_clients(struct peers *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		wanted = i + 1;
		peers_connect(p, i, PEERS_STREAM);
		peers_turn_until(p, are_open, "a client's connection is not accepted");
		peers_ask(p, i);
		peers_turn_until(p, are_answered, "a first request is not answered");
	}
}

static void ask_all(struct peers *p, uint64_t requests)
{
	uint32_t each;

	for (; requests > 0; requests -= each) {
		each = (uint32_t)u64_min(requests, p->b.options.flows);
		wanted = p->answered + each;
		for (uint32_t i = 0; i < each; i++)
			peers_ask(p, i);
		peers_turn_until(p, are_answered, "a request is not answered");
	}
}

json_t *bench_gateway(const struct bench_options *options)
{
	struct bench_options o = *options;
	struct peers p;

	o.http = true;
	peers_create(&p, &o, o.flows);
	p.texts = &texts;
	const struct tcp_stats *stats = node_tcp_stats(p.b.rig.node, 0);

	open_clients(&p, o.flows);
	ask_all(&p, o.virtual_time ? WARM_REQUESTS_VIRTUAL : WARM_REQUESTS);
	bench_measure_start(&p.b);
	uint64_t in = counter_read(&stats->segments_received);
	uint64_t out = counter_read(&stats->segments_sent);

	ask_all(&p, o.packets);
	p.b.packets = o.packets;
	double requests = (double)o.packets;
	double cycles = (double)p.b.cycles / requests;
	json_t *result = json_pack(
		"{s:s, s:i, s:i, s:s, s:I, s:i, s:i, s:f, s:f, s:f, s:f, s:I, s:o}", "measurement",
		"gateway", "family", o.v6 ? 6 : 4, "flows", (int)o.flows, "offload",
		bench_offload_name(o.offload), "requests", (json_int_t)o.packets, "request_bytes",
		(int)texts.length[BENCH_LAN], "answer_bytes", (int)texts.length[BENCH_WAN],
		"cycles_per_request", cycles, "requests_per_second_per_core",
		(double)p.b.hz / cycles, "packets_in_per_request",
		(double)(counter_read(&stats->segments_received) - in) / requests,
		"packets_out_per_request",
		(double)(counter_read(&stats->segments_sent) - out) / requests, "retransmitted",
		(json_int_t)counter_read(&stats->retransmitted_segments), "stages",
		bench_stages(&p.b));

	peers_destroy(&p);
	return result;
}
