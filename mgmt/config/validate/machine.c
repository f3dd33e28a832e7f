// SPDX-License-Identifier: BSD-3-Clause
#include "config/validate/machine.h"

#include <grp.h>
#include <unistd.h>

static bool here_cpu_exists(void *context, unsigned cpu)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/topology", cpu);
	// The folder is there while the CPU is online; without sysfs the count has to do.
	if (access("/sys/devices/system/cpu/cpu0", F_OK) == 0)
		return access(path, F_OK) == 0;
	return cpu < (unsigned long)sysconf(_SC_NPROCESSORS_ONLN);
}

static uint64_t here_memory_mb(void *context)
{
	return ((uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE)) >> 20;
}

static bool here_group_exists(void *context, const char *group)
{
	struct group entry;
	struct group *found = NULL;
	char buffer[16384];

	return getgrnam_r(group, &entry, buffer, sizeof(buffer), &found) == 0 && found;
}

void config_machine_here(struct config_machine *machine)
{
	*machine = (struct config_machine){
		.cpu_exists = here_cpu_exists,
		.memory_mb = here_memory_mb,
		.group_exists = here_group_exists,
	};
}

static const struct text_place *child_place(const struct text_node *group, const char *child)
{
	const struct text_node *node = text_child(group, child);

	return node ? &node->place : &group->place;
}

static void check_cpus(const struct config_machine *machine, const struct text_node *group,
	const struct config_cpus *cpus, const char *path, struct config_faults *faults)
{
	for (uint32_t i = 0; i < cpus->count; i++)
		if (!machine->cpu_exists(machine->context, (unsigned)cpus->items[i]))
			fault_add(faults, child_place(group, "cpus"), path,
				"this machine has no CPU %d" HINT "`lscpu -e` lists those it has",
				cpus->items[i]);
}

static void check_memory(const struct config *config, const struct config_machine *machine,
	struct config_faults *faults)
{
	uint64_t there = machine->memory_mb(machine->context);

	if (config->workers.memory_mb > there)
		fault_add(faults, child_place(config->workers.node, "memory_mb"),
			"workers.memory_mb",
			"%u MiB are more than the %llu MiB of this machine" HINT "name less",
			config->workers.memory_mb, (unsigned long long)there);
}

static void check_devices(const struct config *config, const struct config_machine *machine,
	struct config_faults *faults)
{
	for (uint32_t i = 0; i < config->ports.count; i++) {
		const struct config_port *port = &config_ports(config)[i];
		char error[FAULT_TEXT_BYTES];
		char path[FAULT_PATH_BYTES];

		if (!machine->device_exists ||
			machine->device_exists(port->device, error, sizeof(error)) == 0)
			continue;
		snprintf(path, sizeof(path), "ports[%u].device", i);
		fault_warn(faults, child_place(port->node, "device"), path, "%s", error);
	}
}

static void check_credential_files(const struct config *config,
	const struct config_machine *machine, struct config_faults *faults)
{
	for (uint32_t i = 0; machine->credential_is_usable && i < config->credentials.count; i++) {
		const struct config_credential *credential = &config_credentials(config)[i];
		char error[FAULT_TEXT_BYTES];
		char path[FAULT_PATH_BYTES];

		if (machine->credential_is_usable(config, credential, error, sizeof(error)) == 0)
			continue;
		snprintf(path, sizeof(path), "credentials[%u]", i);
		fault_add(faults, &credential->node->place, path, "%s", error);
	}
}

static void check_group(const struct config *config, const struct config_machine *machine,
	const char *key, const char *group, struct config_faults *faults)
{
	char path[FAULT_PATH_BYTES];

	if (group[0] == '\0' || machine->group_exists(machine->context, group))
		return;
	snprintf(path, sizeof(path), "management.%s", key);
	fault_warn(faults, child_place(config->management.node, key), path,
		"there is no group \"%s\"" HINT "`groupadd --system %s`; until then only root may",
		group, group);
}

int config_check_machine(const struct config *config, const struct config_machine *machine,
	struct config_faults *faults)
{
	uint32_t before = faults->errors;

	check_cpus(machine, config->workers.node, &config->workers.cpus, "workers.cpus", faults);
	check_cpus(machine, config->slowpath.node, &config->slowpath.cpus, "slowpath.cpus", faults);
	check_memory(config, machine, faults);
	check_devices(config, machine, faults);
	check_credential_files(config, machine, faults);
	check_group(config, machine, "group", config->management.group, faults);
	check_group(config, machine, "read_group", config->management.read_group, faults);
	return faults->errors > before ? -EINVAL : 0;
}
