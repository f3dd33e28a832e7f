// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/start/eal.h"

#include <dirent.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <sched.h>

#include "daemon/events/log.h"

enum {
	ARGUMENTS_MAX = 32,
	ARGUMENT_BYTES = 64,
	RESERVE_MB = 64
};

static bool started;
static bool serves_pci;

static uint64_t huge_pages_read(const char *size, const char *what)
{
	unsigned long long count = 0;
	char path[320];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/%s/%s_hugepages", size, what);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%llu", &count) != 1)
		count = 0;
	fclose(file);
	return count;
}

// Hugepages of all sizes that can be had, in MiB: free ones that no mapping waits to touch.
static uint64_t huge_free_mb(void)
{
	DIR *folder = opendir("/sys/kernel/mm/hugepages");
	struct dirent *entry;
	uint64_t sum = 0;

	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		unsigned long long size_kb;

		if (sscanf(entry->d_name, "hugepages-%llukB", &size_kb) != 1)
			continue;

		uint64_t all = huge_pages_read(entry->d_name, "free");
		uint64_t promised = huge_pages_read(entry->d_name, "resv");

		if (all > promised)
			sum += (all - promised) * size_kb / 1024;
	}
	if (folder != NULL)
		closedir(folder);
	return sum;
}

static int huge_decide(
	const struct eal_request *request, bool *huge, char *error, size_t error_size)
{
	uint32_t wanted = request->config->workers.memory_mb;
	uint32_t mode = request->config->workers.hugepages;
	uint64_t free_mb = huge_free_mb();

	*huge = !request->no_huge && mode != HUGEPAGES_OFF && free_mb >= wanted;
	if (*huge || request->no_huge || mode == HUGEPAGES_OFF)
		return 0;
	if (mode == HUGEPAGES_ON) {
		snprintf(error, error_size,
			"workers.hugepages: %u MiB wanted, %ju MiB free; run "
			"`sysctl -w vm.nr_hugepages=%u`, or set hugepages = \"auto\"",
			wanted, (uintmax_t)free_mb, wanted / 2 + 64);
		return -ENOMEM;
	}
	log_line(LOG_LEVEL_WARNING,
		"%u MiB of hugepages wanted, %ju MiB free: going on without, "
		"slower; `sysctl -w vm.nr_hugepages=%u` mends it",
		wanted, (uintmax_t)free_mb, wanted / 2 + 64);
	return 0;
}

// DDDD:BB:DD.F or BB:DD.F.
bool eal_device_is_pci(const char *device)
{
	unsigned a, b, c, d;
	int n = 0;

	if (sscanf(device, "%4x:%2x:%2x.%1u%n", &a, &b, &c, &d, &n) == 4 && device[n] == '\0')
		return true;
	n = 0;
	return sscanf(device, "%2x:%2x.%1u%n", &a, &b, &c, &n) == 3 && device[n] == '\0';
}

struct arguments {
	int count;
	char *items[ARGUMENTS_MAX + 2 * MAX_PORTS];
	char text[ARGUMENTS_MAX + 2 * MAX_PORTS][ARGUMENT_BYTES];
};

static void argument_add(struct arguments *a, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void argument_add(struct arguments *a, const char *format, ...)
{
	va_list list;

	nx_bug_on(a->count + 1 >= (int)nx_array_size(a->items));
	va_start(list, format);
	vsnprintf(a->text[a->count], ARGUMENT_BYTES, format, list);
	va_end(list);
	a->items[a->count] = a->text[a->count];
	a->items[++a->count] = NULL;
}

// A CPU for EAL's main lcore: one of ours that no worker owns, else the first of ours.
static int control_cpu(const cpu_set_t *ours, const struct config_workers *workers)
{
	cpu_set_t left = *ours;

	for (uint32_t i = 0; i < workers->cpus.count; i++)
		if (workers->cpus.items[i] >= 0)
			CPU_CLR(workers->cpus.items[i], &left);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, CPU_COUNT(&left) > 0 ? &left : ours))
			return cpu;
	return 0;
}

// This thread may run wherever no worker does; threads that it starts inherit that.
static void affinity_restore(const cpu_set_t *ours, const struct config_workers *workers)
{
	cpu_set_t left = *ours;

	for (uint32_t i = 0; i < workers->cpus.count; i++)
		if (workers->cpus.items[i] >= 0)
			CPU_CLR(workers->cpus.items[i], &left);
	sched_setaffinity(0, sizeof(left), CPU_COUNT(&left) > 0 ? &left : ours);
}

static void arguments_fill(
	struct arguments *a, const struct eal_request *request, int cpu, bool huge)
{
	const struct config_port *ports = config_ports(request->config);
	bool pci = false;

	argument_add(a, "nexpathd");
	argument_add(a, "--no-telemetry");
	argument_add(a, "--lcores=0@%d", cpu);
	argument_add(a, "--file-prefix=%s", request->file_prefix);
	argument_add(a, "--log-level=*:warning");
	// Without hugepages DPDK keeps its old memory layout, which knows no --in-memory.
	if (huge) {
		argument_add(a, "--in-memory");
	} else {
		argument_add(a, "--no-huge");
		argument_add(a, "--no-shconf");
		argument_add(a, "-m");
		argument_add(a, "%u", request->config->workers.memory_mb + RESERVE_MB);
	}
	for (uint32_t i = 0; i < request->config->ports.count; i++) {
		if (!eal_device_is_pci(ports[i].device))
			continue;
		pci = true;
		argument_add(a, "-a");
		argument_add(a, "%s", ports[i].device);
	}
	if (!pci)
		argument_add(a, "--no-pci");
	serves_pci = pci;
}

// EAL talks a lot: what it said is shown only when it fails, its first line of reason.
static void reason_line(const char *said, char *out, size_t size)
{
	static const char *const NOISE[] = {"EAL: FATAL", "EAL: Detected", "EAL: WARNING"};
	size_t length = strcspn(said, "\n");

	for (size_t i = 0; i < nx_array_size(NOISE); i++) {
		while (strncmp(said, NOISE[i], strlen(NOISE[i])) == 0 && said[length] != '\0') {
			said += length + 1;
			length = strcspn(said, "\n");
		}
	}
	snprintf(out, size, "%.*s", (int)length, said);
}

int eal_start(const struct eal_request *request, bool *huge, char *error, size_t error_size)
{
	static struct arguments arguments;
	static char *said;
	static size_t said_size;
	static bool huge_now;
	cpu_set_t ours;

	if (started) {
		*huge = huge_now;
		return 0;
	}

	int status = huge_decide(request, &huge_now, error, error_size);

	if (status != 0)
		return status;

	FILE *stream = open_memstream(&said, &said_size);

	sched_getaffinity(0, sizeof(ours), &ours);
	arguments.count = 0;
	arguments_fill(
		&arguments, request, control_cpu(&ours, &request->config->workers), huge_now);
	if (stream != NULL)
		rte_openlog_stream(stream);

	int rc = rte_eal_init(arguments.count, arguments.items);
	int why = rc < 0 ? rte_errno : 0;

	affinity_restore(&ours, &request->config->workers);
	if (stream != NULL)
		fflush(stream);
	rte_openlog_stream(NULL);
	if (rc < 0) {
		char line[200];

		reason_line(said != NULL ? said : "", line, sizeof(line));
		snprintf(error, error_size, "DPDK does not start: %s (%s); %s", rte_strerror(why),
			line,
			huge_now ? "`nexpathd --no-huge` goes without hugepages"
				 : "lower workers.memory_mb, or run as root");
	}
	if (stream != NULL)
		fclose(stream);
	free(said);
	said = NULL;
	rte_log_set_global_level(RTE_LOG_ERR);
	if (rc < 0)
		return why > 0 ? -why : -EIO;
	started = true;
	*huge = huge_now;
	return 0;
}

bool eal_serves_pci(void)
{
	return started && serves_pci;
}

void eal_stop(void)
{
	if (started)
		rte_eal_cleanup();
	started = false;
}
