// SPDX-License-Identifier: BSD-3-Clause
#include "config/validate/validate.h"

const struct text_place *place_of(const struct text_node *group, const char *child)
{
	const struct text_node *node = text_child(group, child);

	return node ? &node->place : &group->place;
}

static uint32_t own_addresses_count(const struct config *config)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < config->ports.count; i++) {
		const struct config_port *port = &config_ports(config)[i];

		count += port->address.count;
		for (uint32_t v = 0; v < port->vlans.count; v++)
			count += config_vlans(port)[v].address.count;
	}
	return count;
}

static void own_addresses_put(struct own_addresses *own, const struct config_prefixes *prefixes,
	const struct own_address *where)
{
	for (uint32_t i = 0; i < prefixes->count; i++) {
		struct own_address *entry = &own->items[own->count++];

		*entry = *where;
		entry->prefix = prefixes->items[i];
	}
}

int own_addresses_list(const struct config *config, struct own_addresses *out)
{
	struct own_addresses own = {
		.items = calloc(own_addresses_count(config) + 1, sizeof(*own.items))};
	uint32_t netif = 0;

	if (!own.items)
		return -ENOMEM;
	for (uint32_t i = 0; i < config->ports.count; i++) {
		const struct config_port *port = &config_ports(config)[i];
		struct own_address where = {
			.port = i, .netif = netif++, .node = port->node, .port_name = port->name};

		own_addresses_put(&own, &port->address, &where);
		for (uint32_t v = 0; v < port->vlans.count; v++) {
			const struct config_vlan *vlan = &config_vlans(port)[v];

			where.netif = netif++;
			where.node = vlan->node;
			where.vlan = vlan->id;
			own_addresses_put(&own, &vlan->address, &where);
		}
	}
	*out = own;
	return 0;
}

const struct own_address *own_address_find(
	const struct own_addresses *own, const struct ip_address *address)
{
	for (uint32_t i = 0; i < own->count; i++)
		if (ip_address_equal(&own->items[i].prefix.address, address))
			return &own->items[i];
	return NULL;
}

const struct own_address *own_address_on_link(
	const struct own_addresses *own, const struct ip_address *address)
{
	const struct own_address *best = NULL;

	for (uint32_t i = 0; i < own->count; i++) {
		struct ip_prefix network = own->items[i].prefix;

		ip_prefix_mask(&network);
		if (ip_prefix_contains(&network, address) &&
			(!best || best->prefix.length < network.length))
			best = &own->items[i];
	}
	return best;
}

// Networks of one address and of two have none (RFC 3021).
static bool is_broadcast(const struct ip_prefix *network, const struct ip_address *address)
{
	uint32_t hosts;

	if (network->length > 126 || !ip_prefix_contains(network, address))
		return false;
	hosts = network->length > 96 ? UINT32_MAX >> (network->length - 96) : UINT32_MAX;
	return (be32_to_host(address->words[3]) & hosts) == hosts ||
	       (be32_to_host(address->words[3]) & hosts) == 0;
}

bool address_is_station(const struct own_addresses *own, const struct ip_address *address)
{
	if (ip_address_is_unspecified(address) || ip_address_is_multicast(address))
		return false;
	if (!ip_address_is_v4(address))
		return true;
	if (address->words[3] == UINT32_MAX)
		return false;
	for (uint32_t i = 0; i < own->count; i++) {
		struct ip_prefix network = own->items[i].prefix;

		ip_prefix_mask(&network);
		if (is_broadcast(&network, address))
			return false;
	}
	return true;
}

bool config_has_gateway(const struct config *config, bool v4)
{
	for (uint32_t i = 0; i < config->ports.count; i++) {
		const struct config_port *port = &config_ports(config)[i];

		for (uint32_t g = 0; g < port->gateway.count; g++)
			if (ip_address_is_v4(&port->gateway.items[g]) == v4)
				return true;
		for (uint32_t v = 0; v < port->vlans.count; v++)
			for (uint32_t g = 0; g < config_vlans(port)[v].gateway.count; g++)
				if (ip_address_is_v4(&config_vlans(port)[v].gateway.items[g]) == v4)
					return true;
	}
	return false;
}

static void check_workers(const struct checking *c)
{
	const struct config_workers *workers = &c->config->workers;
	const struct config_slowpath *slowpath = &c->config->slowpath;

	for (uint32_t i = 0; i < slowpath->cpus.count; i++) {
		for (uint32_t k = 0; k < workers->cpus.count; k++) {
			if (slowpath->cpus.items[i] != workers->cpus.items[k])
				continue;
			fault_add(c->faults, place_of(slowpath->node, "cpus"), "slowpath.cpus",
				"CPU %d is a worker's" HINT
				"name CPUs that workers.cpus leaves free",
				slowpath->cpus.items[i]);
			return;
		}
	}
}

// Bounds that no list has by itself. Checked first: what follows compares every entry with every
// other.
static bool check_counts(const struct checking *c)
{
	const struct config *config = c->config;
	const struct text_place whole = {.file = config->root->place.file, .line = 1};
	uint32_t netifs = config->ports.count;
	uint32_t targets = 0;

	for (uint32_t i = 0; i < config->ports.count; i++)
		netifs += config_ports(config)[i].vlans.count;
	for (uint32_t i = 0; i < config->upstreams.count; i++)
		targets += config_upstreams(config)[i].targets.count;
	if (netifs > MAX_NETIFS)
		fault_add(c->faults, &whole, "ports", "%u ports and VLANs in all" HINT "at most %d",
			netifs, MAX_NETIFS);
	// Each address makes a network, and routes share their table with these.
	if (c->own.count > MAX_ADDRESSES / 4)
		fault_add(c->faults, &whole, "ports", "%u own addresses in all" HINT "at most %d",
			c->own.count, MAX_ADDRESSES / 4);
	// Half of the slots are for targets that still have sessions, and for names with several
	// addresses.
	if (targets > MAX_TARGETS / 2)
		fault_add(c->faults, &whole, "upstreams", "%u targets in all" HINT "at most %d",
			targets, MAX_TARGETS / 2);
	return netifs <= MAX_NETIFS && c->own.count <= MAX_ADDRESSES / 4 &&
	       targets <= MAX_TARGETS / 2;
}

static void check_all(const struct checking *c)
{
	check_workers(c);
	check_ports(c);
	check_routes(c);
	check_credentials(c);
	check_upstreams(c);
	check_listeners(c);
}

int config_validate(struct config *config, struct config_faults *faults)
{
	struct checking c = {.config = config, .faults = faults};
	uint32_t before = faults->errors;
	int rc = own_addresses_list(config, &c.own);

	if (rc)
		return rc;
	if (check_counts(&c))
		check_all(&c);
	free(c.own.items);
	return faults->errors > before ? -EINVAL : 0;
}
