// SPDX-License-Identifier: BSD-3-Clause

// What a figure was measured on, and the yardstick beside it.

#include "bench/bench.h"

#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_version.h>

// The first line of a file, or "".
static const char *first_line(const char *path, char *out, int size)
{
	FILE *file = fopen(path, "re");

	out[0] = '\0';
	if (!file)
		return out;
	if (fgets(out, size, file))
		out[strcspn(out, "\n")] = '\0';
	fclose(file);
	return out;
}

static const char *cpu_model(char *out, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[512];

	snprintf(out, size, "unknown");
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "model name", 10) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(out, size, "%s", strchr(line, ':') + 2);
		break;
	}
	if (file)
		fclose(file);
	return out;
}

// A figure of /proc/meminfo, 0 where it has none.
static int meminfo(const char *key)
{
	FILE *file = fopen("/proc/meminfo", "re");
	char line[128];
	int value = 0;

	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, strlen(key)) == 0)
			value = atoi(line + strlen(key));
	}
	if (file)
		fclose(file);
	return value;
}

json_t *bench_machine(int argc, char **argv)
{
	char isolated[128];
	char governor[128];
	char model[512];
	char command[1024] = "";
	struct utsname kernel;
	size_t at = 0;

	uname(&kernel);
	for (int i = 0; i < argc && at < sizeof(command); i++)
		at += (size_t)snprintf(
			command + at, sizeof(command) - at, "%s%s", i ? " " : "", argv[i]);
	return json_pack("{s:s, s:i, s:i, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "cpu",
		cpu_model(model, sizeof(model)), "cpus", (int)sysconf(_SC_NPROCESSORS_ONLN),
		"hugepages", meminfo("HugePages_Total:"), "hugepage_kb", meminfo("Hugepagesize:"),
		"isolated",
		first_line("/sys/devices/system/cpu/isolated", isolated, sizeof(isolated)),
		"governor",
		first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", governor,
			sizeof(governor)),
		"kernel", kernel.release, "dpdk", rte_version(), "compiler", __VERSION__, "nexpath",
		NEXPATH_VERSION, "command", command);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return x < y ? -1 : x > y;
}

// testpmd is told what to do on its standard input and prints its own cycles a packet when it
// stops.
double bench_macswap_once(void)
{
	static const char *const command =
		"(echo 'set record-core-cycles on'; echo start; sleep 1.5; echo stop; echo quit) | "
		"taskset -c 1 dpdk-testpmd --in-memory --no-pci --no-telemetry "
		"--file-prefix nxmacswap -l 0,1 --main-lcore 0 -m 256 --vdev net_null0 "
		"--vdev net_null1 -- -i --forward-mode=macswap --burst=64 --txd=1024 --rxd=1024 "
		"2>/dev/null";
	FILE *pipe = popen(command, "re");
	char line[512];
	double cycles = 0;

	while (pipe && fgets(line, sizeof(line), pipe)) {
		const char *at = strstr(line, "CPU cycles/packet=");

		if (at)
			cycles = strtod(at + strlen("CPU cycles/packet="), NULL);
	}
	if (pipe)
		pclose(pipe);
	return cycles;
}

double bench_macswap(void)
{
	double runs[3];

	for (size_t i = 0; i < nx_array_size(runs); i++)
		runs[i] = bench_macswap_once();
	qsort(runs, nx_array_size(runs), sizeof(runs[0]), by_value);
	return runs[nx_array_size(runs) / 2];
}
