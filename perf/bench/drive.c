// SPDX-License-Identifier: BSD-3-Clause

// nexpath-bench drive: one trial at a rate, or the search for the highest rate at which no more
// than the allowed share is lost (RFC 2544 section 26.1).

#include "bench/drive.h"

#include <rte_cycles.h>

enum {
	SEARCH_STEPS = 12,
	REACHED_PERCENT = 98, // below, the generator itself was too slow for the rate
	DEFAULT_RATE = 10000,
};

static struct ip_address parse_address(const char *option, const char *text)
{
	struct ip_address address;

	if (!text || !ip_address_parse(text, &address))
		bench_fail("%s: '%s' is not an address", option, text ? text : "");
	return address;
}

// ADDR:PORT or [ADDR]:PORT
static void parse_service(struct drive *d)
{
	char text[64];
	char *address = text;
	char *colon;

	snprintf(text, sizeof(text), "%s", d->options->target ? d->options->target : "");
	colon = strrchr(text, ':');
	if (text[0] == '[' && colon && colon[-1] == ']') {
		colon[-1] = '\0';
		address++;
	} else if (!colon || strchr(text, ':') != colon) {
		bench_fail("--target: '%s' is not ADDR:PORT or [ADDR]:PORT", text);
	}
	*colon = '\0';
	d->service = parse_address("--target", address);
	d->service_port = be16_from_host((uint16_t)strtoul(colon + 1, NULL, 10));
}

static void parse_addresses(struct drive *d)
{
	parse_service(d);
	d->client = parse_address("--client", d->options->client);
	d->target = parse_address("--server", d->options->server);
	bool v4 = ip_address_is_v4(&d->service);

	if (ip_address_is_v4(&d->client) != v4 || ip_address_is_v4(&d->target) != v4)
		bench_fail("--client, --target and --server are not all of one family");
}

static bool is_tcp(const struct drive *d)
{
	return d->options->protocol == BENCH_TCP;
}

static json_t *trial(struct drive *d, uint64_t rate, bool *passed)
{
	d->sent = d->received = d->damaged = d->begun = d->done = 0;
	memset(&d->latency, 0, sizeof(d->latency));
	if (is_tcp(d))
		drive_tcp_trial(d, rate);
	else
		drive_udp_trial(d, rate);
	uint64_t offered = is_tcp(d) ? d->begun : d->sent;
	uint64_t through = is_tcp(d) ? d->done : d->received;
	uint64_t lost = offered > through ? offered - through : 0;
	double loss = offered ? 100.0 * (double)lost / (double)offered : 100;
	double seconds = d->options->seconds;
	bool reached = (double)offered >= (double)rate * seconds * REACHED_PERCENT / 100;

	*passed = reached && loss <= d->options->loss && d->damaged == 0;
	return json_pack("{s:I, s:f, s:b, s:I, s:I, s:I, s:f, s:I, s:{s:f, s:f, s:f, s:f, s:f}}",
		"rate", (json_int_t)rate, "offered_per_second", (double)offered / seconds,
		"rate_reached", reached, "offered", (json_int_t)offered, "through",
		(json_int_t)through, "lost", (json_int_t)lost, "loss_percent", loss, "damaged",
		(json_int_t)d->damaged, "latency_us", "p50",
		(double)histogram_at(&d->latency, 0.5) / 1000, "p90",
		(double)histogram_at(&d->latency, 0.9) / 1000, "p99",
		(double)histogram_at(&d->latency, 0.99) / 1000, "p999",
		(double)histogram_at(&d->latency, 0.999) / 1000, "max",
		(double)d->latency.most / 1000);
}

// Keeps the best trial that passed, and all of them.
static void search(struct drive *d, uint64_t most, json_t *result)
{
	json_t *trials = json_array();
	json_t *best = NULL;
	uint64_t low = 0;
	uint64_t high = most;
	uint64_t rate = most;

	for (int i = 0; i < SEARCH_STEPS && rate > 0 && high - low > most / 200; i++) {
		bool passed;
		json_t *t = trial(d, rate, &passed);

		fprintf(stderr, "nexpath-bench: %lu a second: %s\n", (unsigned long)rate,
			passed ? "passed" : "failed");
		json_array_append_new(trials, t);
		if (passed) {
			best = t;
			low = rate;
		} else {
			high = rate;
		}
		if (low == most)
			break;
		rate = low + (high - low) / 2;
	}
	json_object_set_new(result, "throughput_per_second", json_integer((json_int_t)low));
	json_object_set(result, "at_throughput", best ? best : json_null());
	json_object_set_new(result, "trials", trials);
}

json_t *bench_drive(const struct bench_options *options)
{
	struct drive *d = calloc(1, sizeof(*d));
	uint64_t rate = options->rate ? options->rate : DEFAULT_RATE;
	bool passed;

	if (!d)
		bench_fail("out of memory");
	d->options = options;
	d->hz = rte_get_tsc_hz();
	d->random = options->seed + 1u;
	d->flows = options->flows;
	d->clients = (options->flows + DRIVE_PORTS - 1) / DRIVE_PORTS;
	parse_addresses(d);
	d->answered = calloc(d->flows, 1);
	d->connections = calloc(d->flows, sizeof(*d->connections));
	if (!d->answered || !d->connections)
		bench_fail("out of memory for %u flows", d->flows);
	drive_open(d);
	drive_resolve(d);
	if (!is_tcp(d))
		drive_udp_open(d);
	json_t *result = json_pack("{s:s, s:s, s:i, s:o, s:o, s:i, s:i, s:i, s:f}", "measurement",
		"drive", "protocol", is_tcp(d) ? "tcp" : "udp", "family",
		ip_address_is_v4(&d->service) ? 4 : 6, "tx", drive_port(d, DRIVE_CLIENT), "rx",
		drive_port(d, DRIVE_TARGET), "frame_bytes", (int)options->size, "flows",
		(int)d->flows, "seconds", (int)options->seconds, "loss_allowed_percent",
		options->loss);

	if (options->search)
		search(d, rate, result);
	else
		json_object_set_new(result, "trial", trial(d, rate, &passed));
	drive_close(d);
	free(d->answered);
	free(d->connections);
	free(d);
	return result;
}
