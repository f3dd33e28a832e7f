// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/changes.h"

#include "daemon/dataplane.h"
#include "daemon/start/eal.h"
#include "daemon/start/privileges.h"

uint64_t change_sessions(const struct daemon *daemon, const struct change *change)
{
	if (daemon->node == NULL)
		return 0;
	if (change->subject == CHANGE_TOUCHES_ALL)
		return node_sessions(daemon->node);
	return change->subject == CHANGE_TOUCHES_LISTENER
		       ? dataplane_listener_sessions(daemon, change->slot)
		       : 0;
}

// Without a node all that its start needs is still to come; the socket is open already.
static bool takes_restart(const struct daemon *daemon, const struct change *change)
{
	static const char MANAGEMENT[] = "management.";

	return change->effect == EFFECT_RESTART &&
	       (daemon->node != NULL ||
		       strncmp(change->path, MANAGEMENT, sizeof(MANAGEMENT) - 1) == 0);
}

const struct change *changes_restart(const struct daemon *daemon, const struct change_list *changes)
{
	for (uint32_t i = 0; i < changes->count; i++)
		if (takes_restart(daemon, &changes->items[i]))
			return &changes->items[i];
	return NULL;
}

const char *change_effect(
	const struct daemon *daemon, const struct change *change, uint32_t drain_s)
{
	if (change->effect == EFFECT_DRAIN && drain_s == 0)
		return "reset";
	if (change->effect == EFFECT_RESTART && !takes_restart(daemon, change))
		return schema_effect_name(EFFECT_NONE);
	return schema_effect_name(change->effect);
}

// Adding a port is live, but for what the process can only take in hand when it starts.
static const char *port_restart_reason(const char *device)
{
	if (strncmp(device, "af_xdp:", strlen("af_xdp:")) == 0 && !privileges_hold_bpf())
		return "the first af_xdp port: CAP_BPF is kept only if there is one at the start";
	if (eal_device_is_pci(device) && !eal_serves_pci())
		return "the first PCI port: DPDK looks for PCI devices only at the start";
	return NULL;
}

static void port_add_judge(
	const struct daemon *daemon, const struct config_port *port, struct change_list *changes)
{
	const char *reason =
		dataplane_port(daemon, port) == NULL ? port_restart_reason(port->device) : NULL;
	char path[FAULT_PATH_BYTES];

	snprintf(path, sizeof(path), "ports.%s", port->name);
	for (uint32_t i = 0; reason != NULL && i < changes->count; i++) {
		struct change *c = &changes->items[i];

		if (c->kind != CHANGE_ADD || strcmp(c->path, path) != 0)
			continue;
		c->effect = EFFECT_RESTART;
		c->subject = CHANGE_TOUCHES_ALL;
		c->reason = reason;
		changes->restart = true;
	}
}

int configuration_plan(
	const struct daemon *daemon, const struct config *config, struct change_list *out)
{
	const struct config_port *ports = config_ports(config);
	int status = plan_diff(daemon->config, config, daemon->slots, out);

	for (uint32_t i = 0; status == 0 && daemon->node != NULL && i < config->ports.count; i++)
		port_add_judge(daemon, &ports[i], out);
	return status;
}
