// SPDX-License-Identifier: BSD-3-Clause

#include "bench/bench.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "core/clock.h"

enum {
	OPEN_BATCH = 256,
	VIRTUAL_STEP_US = 100,
	TURNS_MAX = 10000,
};

static const uint8_t syn_options[] = {2, 4, 0x05, 0xb4, 1, 3, 3, 14};

void bench_fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fprintf(stderr, "nexpath-bench: ");
	vfprintf(stderr, format, arguments);
	fprintf(stderr, "\n");
	va_end(arguments);
	fflush(NULL);
	// Threads of the slow path may still use what libraries clean up at an exit.
	_exit(1);
}

// xorshift64*: the order of flows is random, and the same in every run with the same seed.
uint32_t bench_random(struct bench *b, uint32_t below)
{
	b->random ^= b->random >> 12;
	b->random ^= b->random << 25;
	b->random ^= b->random >> 27;
	return (uint32_t)(((b->random * UINT64_C(0x2545f4914f6cdd1d) >> 32) * below) >> 32);
}

static void write_targets(char *out, size_t size, bool v6)
{
	size_t at = 0;

	for (unsigned i = 0; i < BENCH_TARGETS; i++) {
		at += (size_t)snprintf(out + at, size - at,
			v6 ? "%s\"[fd00:2::1:%x]:7000\"" : "%s\"10.2.1.%u:7000\"", i ? ", " : "",
			i + 1);
	}
}

static struct ip_address address_of(const char *format, uint32_t number)
{
	char text[IP_ADDRESS_TEXT_MAX];
	struct ip_address address;

	snprintf(text, sizeof(text), format, number);
	if (!ip_address_parse(text, &address))
		bench_fail("bad address %s", text);
	return address;
}

// Requests for a host and a path below it come by the longest of several routes.
static const char http_listener[] =
	"{ name = \"tcp\"; protocol = \"http\"; listen = \"*:9000\"; http = { routes = ( "
	"{ host = \"www.example.org\"; upstream = \"u\"; }, "
	"{ host = \"www.example.org\"; path = \"/api\"; upstream = \"u\"; }, "
	"{ host = \"*.example.org\"; redirect = \"https\"; status = \"308\"; } ); }; }";

// Targets that speak TLS are not for it.
static const char udp_listener[] =
	",\n              { name = \"udp\"; protocol = \"udp\"; listen = \"*:9000\"; upstream = \"u\"; idle_timeout_s = 0; }";

static const char tls_listener[] =
	",\n              { name = \"tls\"; protocol = \"tcp\"; listen = \"*:9443\"; upstream = \"u\"; mode = \"terminate\"; connect_timeout_s = 60; transport = { security = \"tls\"; credentials = [\"bench\"]; }; }";
static const char reality_listener[] =
	",\n              { name = \"reality\"; protocol = \"tcp\"; listen = \"*:9443\"; upstream = \"u\"; mode = \"terminate\"; transport = { security = \"reality\"; credentials = [\"bench\"]; }; }";
// The key counts for nothing here: who does handshakes has the profile.
static const char reality_credential[] =
	"credentials = ( { name = \"bench\"; kind = \"reality\"; private_key = \"AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"; target = \"%s\"; server_names = [\"bench.example.org\"]; short_ids = [\"01\"]; } );\n";

// Nobody here reads files: who does handshakes has the profile.
static const char tls_credential[] =
	"credentials = ( { name = \"bench\"; kind = \"tls\"; certificate = \"file:/certificate.pem\"; key = \"file:/key.pem\"; } );\n";

void bench_create(struct bench *b, const struct bench_options *options)
{
	char targets[1024];
	char tcp[512];
	char credential[512] = "";
	char text[4096];

	*b = (struct bench){.options = *options, .random = options->seed * 2654435761u + 1};
	b->hz = rte_get_tsc_hz();
	write_targets(targets, sizeof(targets), options->v6);
	snprintf(tcp, sizeof(tcp),
		"{ name = \"tcp\"; protocol = \"tcp\"; listen = \"*:9000\"; upstream = \"u\"; mode = \"%s\";%s%s }",
		options->terminate ? "terminate" : "direct",
		// Of a process that waited for a CPU no target is to be tried anew.
		options->terminate ? " connect_timeout_s = 60;" : "",
		options->transparent ? " transparent = true;" : "");
	if (options->tls_listener)
		snprintf(credential, sizeof(credential),
			options->reality ? reality_credential : tls_credential,
			options->v6 ? "[fd00:2::1:11]:443" : "10.2.1.17:443");
	snprintf(text, sizeof(text),
		"workers = { cpus = \"0\"; burst = %u; memory_mb = %u; sessions = %u; };\n"
		"ports = ( { name = \"lan\"; device = \"ring\"; address = [\"10.1.0.2/16\", \"fd00:1::2/64\"]; gateway = [\"10.1.0.1\", \"fd00:1::1\"]; },\n"
		"          { name = \"wan\"; device = \"ring\"; address = [\"10.2.0.2/16\", \"fd00:2::2/64\"]; } );\n"
		"upstreams = ( { name = \"u\"; targets = [%s];%s } );\n"
		"listeners = ( %s%s%s );\n%s",
		options->burst, options->memory_mb,
		options->sessions ? options->sessions : options->flows + options->flows / 8 + 16384,
		targets, options->tls_targets ? " transport = { security = \"tls\"; };" : "",
		options->http ? http_listener : tcp, options->tls_targets ? "" : udp_listener,
		!options->tls_listener ? ""
		: options->reality     ? reality_listener
				       : tls_listener,
		credential);
	struct rig_options rig = {.huge = options->huge,
		.seed = options->virtual_time ? options->seed + 1u : 0,
		.idle = IDLE_POLL,
		.slow = options->slow};

	if (rig_create_with(&b->rig, text, &rig) != 0)
		bench_fail("%s", b->rig.error);
	for (uint32_t i = 0; i < BENCH_CLIENTS; i++)
		b->clients[i] = address_of(options->v6 ? "fd00:1::1:%x" : "10.1.1.%u", i + 1);
	b->own = address_of(options->v6 ? "fd00:1::%u" : "10.1.0.%u", 2);
	b->flows = calloc(options->flows, sizeof(*b->flows));
	if (!b->flows)
		bench_fail("out of memory for %u flows", options->flows);
}

void bench_destroy(struct bench *b)
{
	if (rig_destroy(&b->rig) != 0)
		bench_fail("%s", b->rig.error);
	free(b->flows);
}

struct frame bench_frame(struct bench *b, const struct bench_flow *flow, unsigned direction,
	uint8_t tcp_flags, uint32_t payload)
{
	return (struct frame){
		.key = flow->in[direction],
		.tcp_flags = tcp_flags,
		.sequence = flow->sequence[direction],
		.acknowledgement = flow->arrived[!direction],
		.window = 65535,
		.payload = payload,
		.seed = (uint8_t)flow->sequence[direction],
	};
}

void bench_tell_time(struct bench *b)
{
	if (b->options.virtual_time)
		b->rig.now += VIRTUAL_STEP_US;
	else
		b->rig.now = node_now(b->rig.node) + USEC_PER_SECOND;
}

void bench_turn_until(struct bench *b, uint32_t expected)
{
	const struct worker_stats *stats = node_worker_stats(b->rig.node, 0);
	uint64_t sent = counter_read(&stats->ports[BENCH_LAN].transmit_packets) +
			counter_read(&stats->ports[BENCH_WAN].transmit_packets);
	uint64_t wanted = sent + expected;
	uint64_t start = clock_cycles();
	uint64_t now = start;
	uint32_t turns = 0;

	while (sent < wanted) {
		rig_turn(&b->rig);
		now = clock_cycles();
		sent = counter_read(&stats->ports[BENCH_LAN].transmit_packets) +
		       counter_read(&stats->ports[BENCH_WAN].transmit_packets);
		if (b->options.virtual_time ? ++turns > TURNS_MAX : now - start > b->hz)
			bench_fail("%lu frames did not come out", (unsigned long)(wanted - sent));
	}
	b->cycles += now - start;
	b->packets += expected;
}

uint32_t bench_take(struct bench *b, uint16_t port, uint8_t *bytes)
{
	uint32_t length = rig_receive(&b->rig, port, bytes);

	// A frame of the node's own, such as a neighbour's solicitation, was taken for this one.
	if (length == 0) {
		bench_turn_until(b, 1);
		b->packets--;
		length = rig_receive(&b->rig, port, bytes);
	}
	return length;
}

// Takes the next frame off a port, checks it whole, and returns its descriptor.
static struct packet take_checked(struct bench *b, uint16_t port)
{
	static uint8_t bytes[FRAME_BYTES_MAX];
	uint32_t length = bench_take(b, port, bytes);
	struct packet p;

	if (length == 0)
		bench_fail("a frame is missing on port %u", port);
	if (!frame_read(bytes, length, &p))
		bench_fail("a frame with a wrong header or checksum came out of port %u", port);
	return p;
}

static void send_or_fail(struct bench *b, uint16_t port, struct frame *frame)
{
	if (!rig_send(&b->rig, port, frame))
		bench_fail("no room on port %u", port);
}

void bench_pass(struct bench *b, struct bench_flow *flows, uint32_t n, unsigned direction,
	uint8_t tcp_flags)
{
	uint16_t from = direction == 0 ? BENCH_LAN : BENCH_WAN;
	uint16_t to = direction == 0 ? BENCH_WAN : BENCH_LAN;
	bool syn = tcp_flags & TCP_FLAG_SYN;

	for (uint32_t i = 0; i < n; i++) {
		struct frame f = bench_frame(b, &flows[i], direction, tcp_flags, 0);

		if (syn) {
			f.options = syn_options;
			f.options_length = sizeof(syn_options);
		}
		send_or_fail(b, from, &f);
		flows[i].sequence[direction] += syn || (tcp_flags & TCP_FLAG_FIN);
	}
	if (b->neighbours_known)
		bench_turn_until(b, n);
	else
		rig_settle(&b->rig);
	for (uint32_t i = 0; i < n; i++) {
		struct packet p = take_checked(b, to);

		flows[i].arrived[direction] = flows[i].sequence[direction];
		if (direction == 1)
			continue;
		flows[i].in[1] = p.key;
		flows[i].in[1].source = p.key.destination;
		flows[i].in[1].destination = p.key.source;
		flows[i].in[1].source_port = p.key.destination_port;
		flows[i].in[1].destination_port = p.key.source_port;
	}
}

void bench_flow_key(struct bench *b, struct bench_flow *flow, uint32_t number)
{
	uint32_t ports = UINT16_MAX - BENCH_FIRST_CLIENT_PORT;

	flow->in[0] = (struct flow_key){
		.source = b->clients[number % BENCH_CLIENTS],
		.destination = b->own,
		.source_port = be16_from_host(
			(uint16_t)(BENCH_FIRST_CLIENT_PORT + number / BENCH_CLIENTS % ports)),
		.destination_port =
			be16_from_host(b->options.tls_clients ? BENCH_TLS_PORT : BENCH_PORT),
		.protocol = b->options.protocol == BENCH_TCP ? IPPROTO_TCP : IPPROTO_UDP,
	};
}

static void first_keys(struct bench *b, uint32_t first, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct bench_flow *flow = &b->flows[first + i];

		bench_flow_key(b, flow, first + i);
		flow->sequence[0] = bench_random(b, UINT32_MAX);
		flow->sequence[1] = bench_random(b, UINT32_MAX);
	}
}

void bench_open_flows(struct bench *b)
{
	uint32_t batch;

	for (uint32_t first = 0; first < b->options.flows; first += batch) {
		struct bench_flow *flows = b->flows + first;

		// The first flows go one by one: their packets wait for next hops, and may
		// overtake.
		b->neighbours_known = first >= BENCH_CLIENTS + BENCH_TARGETS;
		batch = b->neighbours_known ? u32_min(OPEN_BATCH, b->options.flows - first) : 1;
		first_keys(b, first, batch);
		bench_tell_time(b);
		if (b->options.protocol == BENCH_UDP) {
			bench_pass(b, flows, batch, 0, 0);
			bench_pass(b, flows, batch, 1, 0);
			bench_pass(b, flows, batch, 0, 0); // the client heard the target
		} else {
			bench_pass(b, flows, batch, 0, TCP_FLAG_SYN);
			bench_pass(b, flows, batch, 1, TCP_FLAG_SYN | TCP_FLAG_ACK);
			bench_pass(b, flows, batch, 0, TCP_FLAG_ACK);
		}
	}
	b->neighbours_known = true;
}

void bench_measure_start(struct bench *b)
{
	b->cycles = 0;
	b->packets = 0;
	memcpy(b->before, node_worker_stats(b->rig.node, 0)->stages, sizeof(b->before));
}

json_t *bench_stages(struct bench *b)
{
	const struct stage_stats *now = node_worker_stats(b->rig.node, 0)->stages;
	json_t *stages = json_array();

	for (int i = 0; i < STAGE_COUNT; i++) {
		uint64_t calls = counter_read(&now[i].calls) - counter_read(&b->before[i].calls);
		uint64_t packets =
			counter_read(&now[i].packets) - counter_read(&b->before[i].packets);
		uint64_t cycles = counter_read(&now[i].cycles) - counter_read(&b->before[i].cycles);

		if (calls == 0)
			continue;
		json_array_append_new(
			stages, json_pack("{s:s, s:I, s:I, s:I, s:f}", "stage", stage_name(i),
					"calls", (json_int_t)calls, "packets", (json_int_t)packets,
					"cycles", (json_int_t)cycles, "cycles_per_packet",
					b->packets ? (double)cycles / (double)b->packets : 0.0));
	}
	return stages;
}
