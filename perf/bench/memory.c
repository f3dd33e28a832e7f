// SPDX-License-Identifier: BSD-3-Clause

// Bytes a session: growth of resident memory, hugepages included, while options.flows sessions
// open. Those that end here are measured elsewhere.

#include "bench/peers.h"

static uint64_t status_kb(const char *key)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t value = 0;

	if (!file)
		bench_fail("/proc/self/status: %s", strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, strlen(key)) == 0)
			value = strtoull(line + strlen(key), NULL, 10);
	}
	fclose(file);
	return value;
}

uint64_t bench_resident(void)
{
	return (status_kb("VmRSS:") + status_kb("HugetlbPages:")) * 1024;
}

json_t *bench_memory(const struct bench_options *options)
{
	struct bench b;

	if (options->tls)
		return bench_secured_memory(options);
	if (options->terminate)
		return bench_terminate_memory(options);

	bench_create(&b, options);
	// The generator's own table must not be counted: touch it first.
	memset(b.flows, 1, options->flows * sizeof(*b.flows));
	memset(b.flows, 0, options->flows * sizeof(*b.flows));
	uint64_t before = bench_resident();

	bench_open_flows(&b);
	uint64_t after = bench_resident();
	uint64_t sessions = node_sessions(b.rig.node);

	if (sessions != options->flows)
		bench_fail("%lu sessions are held, %u were opened", (unsigned long)sessions,
			options->flows);
	json_t *result = json_pack("{s:s, s:s, s:i, s:I, s:I, s:f}", "measurement", "memory",
		"protocol", options->protocol == BENCH_TCP ? "tcp" : "udp", "family",
		options->v6 ? 6 : 4, "sessions", (json_int_t)sessions, "resident_growth_bytes",
		(json_int_t)(after - before), "bytes_per_session",
		(double)(after - before) / (double)sessions);

	bench_destroy(&b);
	return result;
}
