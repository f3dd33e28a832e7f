// SPDX-License-Identifier: BSD-3-Clause
#include "config/validate/validate.h"

#include "shape/link.h"

enum {
	V4_BITS = 96
}; // an IPv4 prefix length counts from here in the 16-byte form

static const char *family_name(const struct ip_address *address)
{
	return ip_address_is_v4(address) ? "IPv4" : "IPv6";
}

// Devices that are private to the port that names them; two ends of a `ring:NAME` are joined.
static bool may_repeat(const char *device)
{
	return strcmp(device, "null") == 0 || strncmp(device, "ring", 4) == 0;
}

static void check_port_names(const struct checking *c, uint32_t index)
{
	const struct config_port *ports = config_ports(c->config);
	const struct config_port *port = &ports[index];
	char path[FAULT_PATH_BYTES];

	snprintf(path, sizeof(path), "ports[%u].name", index);
	if (strchr(port->name, '.'))
		fault_add(c->faults, place_of(port->node, "name"), path,
			"\"%s\" holds a dot, which separates a port from its VLAN" HINT
			"use '-' or '_'",
			port->name);
	for (uint32_t i = 0; i < index; i++) {
		if (strcmp(ports[i].name, port->name) == 0)
			fault_add(c->faults, place_of(port->node, "name"), path,
				"another port is called \"%s\" (line %u)" HINT
				"give each its own name",
				port->name, ports[i].node->place.line);
		if (strcmp(ports[i].device, port->device) != 0 || may_repeat(port->device))
			continue;
		snprintf(path, sizeof(path), "ports[%u].device", index);
		fault_add(c->faults, place_of(port->node, "device"), path,
			"port \"%s\" has the same device (line %u)" HINT
			"a device carries one port",
			ports[i].name, ports[i].node->place.line);
	}
}

static void check_emulate(const struct checking *c, uint32_t index)
{
	const struct config_emulate *e = &config_ports(c->config)[index].emulate;
	char path[FAULT_PATH_BYTES];

	if (e->reorder > 0 && e->delay_us == 0) {
		snprintf(path, sizeof(path), "ports[%u].emulate.reorder", index);
		fault_add(c->faults, place_of(e->node, "reorder"), path,
			"has no delay to overtake in" HINT "set delay_us too");
	}
	if (e->jitter_kind == SHAPE_JITTER_UNIFORM && e->jitter_us > e->delay_us) {
		snprintf(path, sizeof(path), "ports[%u].emulate.jitter_us", index);
		fault_add(c->faults, place_of(e->node, "jitter_us"), path,
			"is more than the delay, and nothing arrives before it left" HINT
			"raise delay_us to %u at least",
			e->jitter_us);
	}
	if (e->loss == SHAPE_WHOLE && e->loss_burst > 1) {
		snprintf(path, sizeof(path), "ports[%u].emulate.loss_burst", index);
		fault_add(c->faults, place_of(e->node, "loss_burst"), path,
			"has no meaning where everything is lost" HINT "remove one of the two");
	}
}

static void check_vlan_ids(const struct checking *c, uint32_t index)
{
	const struct config_port *port = &config_ports(c->config)[index];
	const struct config_vlan *vlans = config_vlans(port);

	for (uint32_t v = 0; v < port->vlans.count; v++) {
		for (uint32_t w = 0; w < v; w++) {
			char path[FAULT_PATH_BYTES];

			if (vlans[v].id != vlans[w].id)
				continue;
			snprintf(path, sizeof(path), "ports[%u].vlans[%u].id", index, v);
			fault_add(c->faults, place_of(vlans[v].node, "id"), path,
				"VLAN %u stands twice on port \"%s\" (line %u)" HINT
				"put the addresses together",
				vlans[v].id, port->name, vlans[w].node->place.line);
		}
	}
}

// Why an address cannot be an own one; NULL if it can.
static const char *own_address_wrong(const struct ip_prefix *prefix)
{
	const struct ip_address *a = &prefix->address;
	bool v4 = ip_address_is_v4(a);
	struct ip_prefix network = *prefix;

	if (ip_address_is_unspecified(a) || ip_address_is_multicast(a))
		return "is no address of one station";
	if ((v4 && a->bytes[12] == 127) || (!v4 && a->halves[0] == 0 && a->halves[1] == htobe64(1)))
		return "is a loopback address";
	if (prefix->length == 0 || (v4 && prefix->length <= V4_BITS))
		return "would make the whole world its network";
	ip_prefix_mask(&network);
	if (!v4 || prefix->length > 126)
		return NULL;

	uint32_t host = be32_to_host(a->words[3]) - be32_to_host(network.address.words[3]);

	if (host == 0)
		return "is the network itself";
	if (host == UINT32_MAX >> (prefix->length - V4_BITS))
		return "is the network's broadcast address";
	return NULL;
}

static void own_path(const struct own_address *own, char *out, size_t size)
{
	if (own->vlan)
		snprintf(out, size, "ports[%u].vlans(%u).address", own->port, own->vlan);
	else
		snprintf(out, size, "ports[%u].address", own->port);
}

static bool networks_overlap(const struct ip_prefix *a, const struct ip_prefix *b)
{
	const struct ip_prefix *wide = a->length < b->length ? a : b;
	const struct ip_prefix *narrow = wide == a ? b : a;
	struct ip_prefix network = *wide;

	// Every interface has its own link-local network.
	if (ip_address_is_link_local6(&a->address))
		return false;
	ip_prefix_mask(&network);
	return ip_prefix_contains(&network, &narrow->address);
}

static void check_own_pair(
	const struct checking *c, const struct own_address *own, const struct own_address *other)
{
	char shown[IP_PREFIX_TEXT_MAX];
	char path[FAULT_PATH_BYTES];

	own_path(own, path, sizeof(path));
	ip_prefix_print(&own->prefix, shown);
	if (ip_address_equal(&own->prefix.address, &other->prefix.address))
		fault_add(c->faults, place_of(own->node, "address"), path,
			"%s stands twice, also on port \"%s\" (line %u)" HINT
			"remove one of the two",
			shown, other->port_name, place_of(other->node, "address")->line);
	else if (own->netif != other->netif && networks_overlap(&own->prefix, &other->prefix))
		fault_add(c->faults, place_of(own->node, "address"), path,
			"the network of %s overlaps with one on port \"%s\" (line %u)" HINT
			"networks of two interfaces must not share addresses",
			shown, other->port_name, place_of(other->node, "address")->line);
}

static void check_own_addresses(const struct checking *c)
{
	for (uint32_t i = 0; i < c->own.count; i++) {
		const struct own_address *own = &c->own.items[i];
		const char *wrong = own_address_wrong(&own->prefix);
		char shown[IP_PREFIX_TEXT_MAX];
		char path[FAULT_PATH_BYTES];

		own_path(own, path, sizeof(path));
		if (wrong)
			fault_add(c->faults, place_of(own->node, "address"), path,
				"%s %s" HINT "write an address of this node, as in 10.0.0.2/24",
				ip_prefix_print(&own->prefix, shown), wrong);
		for (uint32_t k = 0; k < i; k++)
			check_own_pair(c, own, &c->own.items[k]);
	}
}

// Default gateways seen so far, by family: where the first one stands.
struct gateways_seen {
	const struct text_place *place[2];
};

static void check_gateway(const struct checking *c, const struct text_node *node, const char *path,
	const struct ip_address *gateway, uint32_t netif, struct gateways_seen *seen)
{
	const struct own_address *link = own_address_on_link(&c->own, gateway);
	const struct text_place *place = place_of(node, "gateway");
	char shown[IP_ADDRESS_TEXT_MAX];
	unsigned family = ip_address_is_v4(gateway) ? 0 : 1;

	ip_address_print(gateway, shown);
	if (own_address_find(&c->own, gateway))
		fault_add(c->faults, place, path, "%s is an own address" HINT "name the router",
			shown);
	else if (!ip_address_is_link_local6(gateway) && (!link || link->netif != netif))
		fault_add(c->faults, place, path,
			"%s is in no network of this interface" HINT
			"give the interface an address in the gateway's network",
			shown);
	if (seen->place[family])
		fault_add(c->faults, place, path,
			"a second default gateway for %s (first in line %u)" HINT
			"keep one, and use routes for what lies elsewhere",
			family_name(gateway), seen->place[family]->line);
	else
		seen->place[family] = place;
}

static void check_gateways(const struct checking *c, struct gateways_seen *seen)
{
	uint32_t netif = 0;

	for (uint32_t i = 0; i < c->config->ports.count; i++) {
		const struct config_port *port = &config_ports(c->config)[i];
		char path[FAULT_PATH_BYTES];

		snprintf(path, sizeof(path), "ports[%u].gateway", i);
		for (uint32_t g = 0; g < port->gateway.count; g++)
			check_gateway(c, port->node, path, &port->gateway.items[g], netif, seen);
		netif++;
		for (uint32_t v = 0; v < port->vlans.count; v++, netif++) {
			const struct config_vlan *vlan = &config_vlans(port)[v];

			snprintf(path, sizeof(path), "ports[%u].vlans[%u].gateway", i, v);
			for (uint32_t g = 0; g < vlan->gateway.count; g++)
				check_gateway(
					c, vlan->node, path, &vlan->gateway.items[g], netif, seen);
		}
	}
}

void check_ports(const struct checking *c)
{
	struct gateways_seen seen = {0};

	for (uint32_t i = 0; i < c->config->ports.count; i++) {
		check_port_names(c, i);
		check_vlan_ids(c, i);
		check_emulate(c, i);
	}
	check_own_addresses(c);
	check_gateways(c, &seen);
}

static void check_route_destination(const struct checking *c, uint32_t index)
{
	const struct config_route *routes = config_routes(c->config);
	const struct config_route *route = &routes[index];
	bool v4 = ip_address_is_v4(&route->to.address);
	const struct text_place *place = place_of(route->node, "to");
	char path[FAULT_PATH_BYTES];
	char shown[IP_PREFIX_TEXT_MAX];

	snprintf(path, sizeof(path), "routes[%u].to", index);
	ip_prefix_print(&route->to, shown);
	if (route->to.length == (v4 ? V4_BITS : 0) && config_has_gateway(c->config, v4))
		fault_add(c->faults, place, path,
			"%s is the default, and a port has a gateway" HINT "keep one of the two",
			shown);
	if (ip_address_is_multicast(&route->to.address))
		fault_add(c->faults, place, path,
			"%s is multicast, which is not routed" HINT "remove the route", shown);
	for (uint32_t i = 0; i < index; i++)
		if (routes[i].to.length == route->to.length &&
			ip_address_equal(&routes[i].to.address, &route->to.address))
			fault_add(c->faults, place, path,
				"%s has a route already (line %u)" HINT "keep one of the two",
				shown, routes[i].node->place.line);
	for (uint32_t i = 0; i < c->own.count; i++) {
		struct ip_prefix network = c->own.items[i].prefix;

		ip_prefix_mask(&network);
		if (network.length == route->to.length &&
			ip_address_equal(&network.address, &route->to.address))
			fault_add(c->faults, place, path,
				"%s is the own network of port \"%s\"" HINT "remove the route",
				shown, c->own.items[i].port_name);
	}
}

void check_routes(const struct checking *c)
{
	for (uint32_t i = 0; i < c->config->routes.count; i++) {
		const struct config_route *route = &config_routes(c->config)[i];
		const struct text_place *place = place_of(route->node, "via");
		char path[FAULT_PATH_BYTES];
		char shown[IP_ADDRESS_TEXT_MAX];

		check_route_destination(c, i);
		snprintf(path, sizeof(path), "routes[%u].via", i);
		ip_address_print(&route->via, shown);
		if (ip_address_is_v4(&route->via) != ip_address_is_v4(&route->to.address))
			fault_add(c->faults, place, path,
				"%s is not of the family of the network" HINT "name an %s gateway",
				shown, family_name(&route->to.address));
		else if (own_address_find(&c->own, &route->via))
			fault_add(c->faults, place, path,
				"%s is an own address" HINT "name the router", shown);
		else if (!own_address_on_link(&c->own, &route->via))
			fault_add(c->faults, place, path,
				"%s is in no network of a port" HINT
				"name a router in a network that a port has an address in",
				shown);
	}
}
