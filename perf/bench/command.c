// SPDX-License-Identifier: BSD-3-Clause

#include "bench/command.h"

#include <getopt.h>
#include <sched.h>

static const char *const help =
	"usage: nexpath-bench MEASUREMENT [OPTION...]\n"
	"\n"
	"Drives the data plane of nexpathd in process: same worker loop, same configuration text,\n"
	"ring and null ports. Every output packet is checked. Times are TSC cycles.\n"
	"\n"
	"measurements:\n"
	"  pipeline      cycles a packet of established sessions, flows in random order\n"
	"  connections   cycles a TCP connection from SYN to the last acknowledgement\n"
	"  matrix        pipeline over sizes, flows and bursts, macswap beside it; along three lines\n"
	"                in rounds, or all with all (--full)\n"
	"  memory        bytes a session\n"
	"  terminate     cycles a segment of streams that end here and go on, both legs and all\n"
	"                acknowledgements included\n"
	"  requests      cycles a terminated connection: set-up, a request, an answer, close\n"
	"  gateway       cycles a request of HTTP/1.1 over kept connections: its head is read, routed and\n"
	"                written anew, and so is its answer's, both legs included\n"
	"  small         packet memory that 64 KiB of one-byte segments hold, terminated\n"
	"  records       TLS records over packet buffers beside ipsec-mb alone\n"
	"  flood         spoofed packets in real time: old sessions untouched, connects under 1 s\n"
	"  null          cycles a frame over null ports, which always give frames: receive, parse, drop\n"
	"  drive         both ends of a nexpathd elsewhere, on ports of any kind: loss, latency\n"
	"  client        HTTP requests over kernel sockets, for comparisons in a lab\n"
	"  machine       what all figures are recorded with, and nothing else\n"
	"  macswap       cycles a packet of dpdk-testpmd macswap over null ports, as a yardstick\n"
	"\n"
	"options:\n"
	"  --protocol udp|tcp   (udp)          --family 4|6        (4)\n"
	"  --size BYTES         frame (64)     --flows N           (1000)\n"
	"  --burst N            1 to 256 (64)  --packets N         packets or connections (2000000)\n"
	"  --seed N             (1)            --memory MB         of the node (512)\n"
	"  --cpu N              pin to it (1)  --no-huge           plain pages\n"
	"  --rate N             flood: packets a second (200000); client: requests a second, each timed\n"
	"                       from the moment it was due (without it: as fast as answers come)\n"
	"  --rounds N           matrix, records (5)\n"
	"  --full               matrix: frames of 64 to 1500 bytes x 1 to 1,000,000 flows x bursts of\n"
	"                       1 to 64 x UDP and TCP x IPv4 and IPv6: 384 cells\n"
	"  --cell-ms N          matrix --full: milliseconds a cell (500); opening sessions adds about\n"
	"                       a minute in all\n"
	"  --target ADDR:PORT   client, drive: the listener; drive also [ADDR]:PORT, then --client and\n"
	"                       --server are IPv6 too\n"
	"  --tx PORT --rx PORT  drive: devices as in a configuration\n"
	"  --client ADDR        drive: the first client address on --tx; 60,000 flows each\n"
	"  --server ADDR        drive: the listener's target, on --rx\n"
	"  --search             drive: the highest rate up to --rate that loses no more than\n"
	"  --loss PERCENT       that (0)\n"
	"  --connections N      client (64)    --close             client: a connection a request\n"
	"  --seconds N          flood, client: how long (30)\n"
	"  --terminate          memory, flood: of connections that end here\n"
	"  --tls-legs 1|2       memory --tls: secured legs of a session, the client's or both (1)\n"
	"  --transparent        terminate, requests: of a transparent listener\n"
	"  --tls                terminate: to targets by TLS 1.3 with AES-128-GCM, without timestamps;\n"
	"                       flood: of handshakes that come to nothing (20000);\n"
	"  --reality            flood --tls: of a listener that serves REALITY\n"
	"                       memory: of sessions that end here and have secured legs\n"
	"  --resident N         requests: terminated sessions that idle beside, at most 600000\n"
	"  --offload WHAT       terminate, requests, gateway: what ports do of checksums and segmentation: none,\n"
	"                       transmit (the default), or all: received sums too\n"
	"  --on-link            flood: sources inside the clients' network, not beyond a gateway\n"
	"  --virtual-time       time in steps and fixed seeds: the same instructions every run\n"
	"  --ratio              run macswap beside it and print the ratio\n"
	"  --json FILE          write the result there\n"
	"\n"
	"examples:\n"
	"  nexpath-bench pipeline --protocol udp --flows 1000000 --ratio\n"
	"  nexpath-bench connections --packets 1000000 --json connections.json\n"
	"  nexpath-bench drive --tx 0000:03:00.0 --rx 0000:03:00.1 --client 10.1.0.100 \\\n"
	"      --target 10.1.0.2:53 --server 10.2.0.1 --rate 5000000 --search\n";

enum {
	OPT_PROTOCOL = 1,
	OPT_FAMILY,
	OPT_SIZE,
	OPT_FLOWS,
	OPT_BURST,
	OPT_PACKETS,
	OPT_SEED,
	OPT_MEMORY,
	OPT_CPU,
	OPT_NO_HUGE,
	OPT_RATIO,
	OPT_JSON,
	OPT_RATE,
	OPT_SECONDS,
	OPT_ON_LINK,
	OPT_TARGET,
	OPT_CONNECTIONS,
	OPT_CLOSE,
	OPT_VIRTUAL,
	OPT_TX,
	OPT_RX,
	OPT_CLIENT,
	OPT_SERVER,
	OPT_LOSS,
	OPT_SEARCH,
	OPT_ROUNDS,
	OPT_FULL,
	OPT_CELL_MS,
	OPT_OFFLOAD,
	OPT_TERMINATE,
	OPT_TRANSPARENT,
	OPT_RESIDENT,
	OPT_TLS,
	OPT_TLS_LEGS,
	OPT_REALITY,
	OPT_HELP
};

static const struct option long_options[] = {
	{"protocol", required_argument, NULL, OPT_PROTOCOL},
	{"family", required_argument, NULL, OPT_FAMILY},
	{"size", required_argument, NULL, OPT_SIZE},
	{"flows", required_argument, NULL, OPT_FLOWS},
	{"burst", required_argument, NULL, OPT_BURST},
	{"packets", required_argument, NULL, OPT_PACKETS},
	{"seed", required_argument, NULL, OPT_SEED},
	{"memory", required_argument, NULL, OPT_MEMORY},
	{"cpu", required_argument, NULL, OPT_CPU},
	{"no-huge", no_argument, NULL, OPT_NO_HUGE},
	{"ratio", no_argument, NULL, OPT_RATIO},
	{"json", required_argument, NULL, OPT_JSON},
	{"rate", required_argument, NULL, OPT_RATE},
	{"seconds", required_argument, NULL, OPT_SECONDS},
	{"on-link", no_argument, NULL, OPT_ON_LINK},
	{"virtual-time", no_argument, NULL, OPT_VIRTUAL},
	{"target", required_argument, NULL, OPT_TARGET},
	{"connections", required_argument, NULL, OPT_CONNECTIONS},
	{"close", no_argument, NULL, OPT_CLOSE},
	{"tx", required_argument, NULL, OPT_TX},
	{"rx", required_argument, NULL, OPT_RX},
	{"client", required_argument, NULL, OPT_CLIENT},
	{"server", required_argument, NULL, OPT_SERVER},
	{"loss", required_argument, NULL, OPT_LOSS},
	{"search", no_argument, NULL, OPT_SEARCH},
	{"rounds", required_argument, NULL, OPT_ROUNDS},
	{"full", no_argument, NULL, OPT_FULL},
	{"cell-ms", required_argument, NULL, OPT_CELL_MS},
	{"offload", required_argument, NULL, OPT_OFFLOAD},
	{"terminate", no_argument, NULL, OPT_TERMINATE},
	{"transparent", no_argument, NULL, OPT_TRANSPARENT},
	{"resident", required_argument, NULL, OPT_RESIDENT},
	{"tls", no_argument, NULL, OPT_TLS},
	{"reality", no_argument, NULL, OPT_REALITY},
	{"tls-legs", required_argument, NULL, OPT_TLS_LEGS},
	{"help", no_argument, NULL, OPT_HELP},
	{0},
};

_Noreturn void command_refuse(const char *what, const char *value)
{
	fprintf(stderr, "nexpath-bench: %s: '%s'; see nexpath-bench --help\n", what, value);
	exit(2);
}

static uint32_t number(const char *text, uint32_t least, uint32_t most)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (*text == '\0' || *end != '\0' || value < least || value > most)
		command_refuse("not a number in range", text);
	return (uint32_t)value;
}

static enum bench_offload offload(const char *value)
{
	static const char *const names[] = {"none", "transmit", "all"};

	for (size_t i = 0; i < nx_array_size(names); i++)
		if (strcmp(value, names[i]) == 0)
			return (enum bench_offload)i;
	command_refuse("offload is none, transmit or all", value);
}

static void take_option(struct command *c, int option, const char *value)
{
	struct bench_options *o = &c->options;

	switch (option) {
	case OPT_PROTOCOL:
		if (strcmp(value, "udp") != 0 && strcmp(value, "tcp") != 0)
			command_refuse("protocol is udp or tcp", value);
		o->protocol = strcmp(value, "tcp") == 0 ? BENCH_TCP : BENCH_UDP;
		break;
	case OPT_FAMILY:
		o->v6 = number(value, 4, 6) == 6;
		break;
	case OPT_SIZE:
		o->size = number(value, 64, 1514);
		break;
	case OPT_FLOWS:
		o->flows = number(value, 1, 1000000);
		break;
	case OPT_BURST:
		o->burst = number(value, 1, MAX_BURST);
		break;
	case OPT_PACKETS:
		o->packets = number(value, 1, UINT32_MAX);
		break;
	case OPT_SEED:
		o->seed = number(value, 0, UINT32_MAX);
		break;
	case OPT_MEMORY:
		o->memory_mb = number(value, 64, 65536);
		break;
	case OPT_CPU:
		c->cpu = (int)number(value, 0, CPU_SETSIZE - 1);
		break;
	case OPT_NO_HUGE:
		o->huge = false;
		break;
	case OPT_RATIO:
		c->ratio = true;
		break;
	case OPT_JSON:
		o->json = value;
		break;
	case OPT_RATE:
		o->rate = number(value, 1, 10000000);
		break;
	case OPT_SECONDS:
		o->seconds = number(value, 1, 86400);
		break;
	case OPT_ON_LINK:
		o->on_link = true;
		break;
	case OPT_VIRTUAL:
		o->virtual_time = true;
		break;
	case OPT_TARGET:
		o->target = value;
		break;
	case OPT_CONNECTIONS:
		o->connections = number(value, 1, 10000);
		break;
	case OPT_CLOSE:
		o->close = true;
		break;
	case OPT_TX:
		o->tx = value;
		break;
	case OPT_RX:
		o->rx = value;
		break;
	case OPT_CLIENT:
		o->client = value;
		break;
	case OPT_SERVER:
		o->server = value;
		break;
	case OPT_LOSS:
		o->loss = strtod(value, NULL);
		break;
	case OPT_SEARCH:
		o->search = true;
		break;
	case OPT_ROUNDS:
		o->rounds = number(value, 1, 100);
		break;
	case OPT_FULL:
		o->full = true;
		break;
	case OPT_CELL_MS:
		o->cell_ms = number(value, 1, 60000);
		break;
	case OPT_OFFLOAD:
		o->offload = offload(value);
		break;
	case OPT_TERMINATE:
		o->terminate = true;
		break;
	case OPT_TRANSPARENT:
		o->transparent = true;
		break;
	case OPT_TLS:
		o->tls = true;
		break;
	case OPT_REALITY:
		o->reality = true;
		break;
	case OPT_TLS_LEGS:
		o->tls_legs = number(value, 1, 2);
		break;
	case OPT_RESIDENT:
		o->resident = number(value, 1, 600000);
		break;
	case OPT_HELP:
		fputs(help, stdout);
		exit(0);
	default:
		exit(2);
	}
}

struct command command_parse(int argc, char **argv)
{
	struct command c = {
		.options = {.size = 64,
			.flows = 1000,
			.burst = 64,
			.packets = 2000000,
			.seed = 1,
			.huge = true,
			.memory_mb = 512,
			.offload = BENCH_OFFLOAD_TRANSMIT,
			.connections = 64,
			.rounds = 5,
			.cell_ms = 500,
			.tls_legs = 1,
			.seconds = 30},
		.cpu = 1,
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
		take_option(&c, option == 'h' ? OPT_HELP : option, optarg);
	if (optind + 1 != argc) {
		fputs(help, stderr);
		exit(2);
	}
	c.measurement = argv[optind];
	return c;
}
