// SPDX-License-Identifier: BSD-3-Clause

// nexpath-bench: what the data plane costs, in process, over ring and null ports.

#include "bench/command.h"
#include "bench/peers.h"

#include <sched.h>

static json_t *measure(const struct command *c)
{
	static const struct {
		const char *name;
		json_t *(*run)(const struct bench_options *options);
	} measurements[] = {
		{"pipeline", bench_pipeline},
		{"connections", bench_connections},
		{"memory", bench_memory},
		{"matrix", bench_matrix},
		{"flood", bench_flood},
		{"terminate", bench_terminate},
		{"requests", bench_requests},
		{"gateway", bench_gateway},
		{"small", bench_small_segments},
		{"records", bench_records},
		{"null", bench_null_ports},
		{"drive", bench_drive},
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
		if (c->options.full && measurements[i].run != bench_matrix)
			command_refuse("--full is for matrix", c->measurement);
		// Room for the packet pools beside the node's own tables.
		if (rig_eal_init_devices(c->options.huge, c->options.memory_mb, c->options.tx,
			    c->options.rx) != 0)
			exit(1);
		return c->options.full ? bench_matrix_full(&c->options)
				       : measurements[i].run(&c->options);
	}
	command_refuse("no such measurement", c->measurement);
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
	struct command c = command_parse(argc, argv);

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
