// SPDX-License-Identifier: BSD-3-Clause

// nexpath-bench: what the data plane costs, in process, over ring ports.

#include "bench/bench.h"

#include <getopt.h>
#include <sched.h>

static const char *const help =
	"usage: nexpath-bench MEASUREMENT [OPTION...]\n"
	"\n"
	"Drives the data plane of nexpathd in process: same worker loop, same configuration text,\n"
	"ring ports. Every output packet is checked. Times are TSC cycles.\n"
	"\n"
	"measurements:\n"
	"  pipeline      cycles a packet of established sessions, flows in random order\n"
	"  connections   cycles a TCP connection from SYN to the last acknowledgement\n"
	"  memory        bytes a session\n"
	"  flood         spoofed packets in real time: old sessions untouched, connects under 1 s\n"
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
	"  --target ADDR:PORT   client: IPv4 only\n"
	"  --connections N      client (64)    --close             client: a connection a request\n"
	"  --seconds N          flood, client: how long (30)\n"
	"  --on-link            flood: sources inside the clients' network, not beyond a gateway\n"
	"  --virtual-time       time in steps and fixed seeds: the same instructions every run\n"
	"  --ratio              run macswap beside it and print the ratio\n"
	"  --json FILE          write the result there\n"
	"\n"
	"examples:\n"
	"  nexpath-bench pipeline --protocol udp --flows 1000000 --ratio\n"
	"  nexpath-bench connections --packets 1000000 --json connections.json\n";

struct command {
	struct bench_options options;
	const char *measurement;
	bool ratio;
	int cpu;
};

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
	{"help", no_argument, NULL, OPT_HELP},
	{0},
};

static _Noreturn void wrong_usage(const char *what, const char *value)
{
	fprintf(stderr, "nexpath-bench: %s: '%s'; see nexpath-bench --help\n", what, value);
	exit(2);
}

static uint32_t number(const char *text, uint32_t least, uint32_t most)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (*text == '\0' || *end != '\0' || value < least || value > most)
		wrong_usage("not a number in range", text);
	return (uint32_t)value;
}

static void take_option(struct command *c, int option, const char *value)
{
	struct bench_options *o = &c->options;

	switch (option) {
	case OPT_PROTOCOL:
		if (strcmp(value, "udp") != 0 && strcmp(value, "tcp") != 0)
			wrong_usage("protocol is udp or tcp", value);
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
	case OPT_HELP:
		fputs(help, stdout);
		exit(0);
	default:
		exit(2);
	}
}

static struct command parse(int argc, char **argv)
{
	struct command c = {
		.options = {.size = 64,
			.flows = 1000,
			.burst = 64,
			.packets = 2000000,
			.seed = 1,
			.huge = true,
			.memory_mb = 512,
			.connections = 64,
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

static json_t *measure(const struct command *c)
{
	static const struct {
		const char *name;
		json_t *(*run)(const struct bench_options *options);
	} measurements[] = {
		{"pipeline", bench_pipeline},
		{"connections", bench_connections},
		{"memory", bench_memory},
		{"flood", bench_flood},
	};

	if (strcmp(c->measurement, "machine") == 0)
		return json_object();
	if (strcmp(c->measurement, "client") == 0)
		return bench_client(&c->options);
	if (strcmp(c->measurement, "macswap") == 0)
		return json_pack("{s:s, s:f}", "measurement", "macswap", "cycles_per_packet",
			bench_macswap());
	for (size_t i = 0; i < nx_array_size(measurements); i++) {
		if (strcmp(c->measurement, measurements[i].name) != 0)
			continue;
		// Room for the packet pools beside the node's own tables.
		if (rig_eal_init(c->options.huge, c->options.memory_mb) != 0)
			exit(1);
		return measurements[i].run(&c->options);
	}
	wrong_usage("no such measurement", c->measurement);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		bench_fail("cannot run on CPU %d: %s", cpu, strerror(errno));
}

int main(int argc, char **argv)
{
	json_t *machine = bench_machine(argc, argv);
	struct command c = parse(argc, argv);

	if (strcmp(c.measurement, "macswap") != 0 && strcmp(c.measurement, "client") != 0)
		pin(c.cpu);
	json_t *result = measure(&c);

	if (c.ratio) {
		double yardstick = bench_macswap();
		double cycles = json_number_value(json_object_get(result, "cycles_per_packet"));

		json_object_set_new(result, "macswap_cycles_per_packet", json_real(yardstick));
		json_object_set_new(result, "ratio_to_macswap",
			yardstick > 0 ? json_real(cycles / yardstick) : json_null());
	}
	json_object_set_new(result, "machine", machine);
	json_dumpf(result, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(5));
	fputc('\n', stdout);
	if (c.options.json && json_dump_file(result, c.options.json, JSON_INDENT(2)) != 0)
		bench_fail("%s: cannot be written", c.options.json);
	bool failed = json_is_false(json_object_get(result, "passed"));

	json_decref(result);
	return failed;
}
