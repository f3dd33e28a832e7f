// SPDX-License-Identifier: BSD-3-Clause
#include "config/compile/compile_parts.h"

enum {
	VLAN_IDS = 4096
};

static uint32_t netifs_configured(const struct config *config)
{
	uint32_t count = config->ports.count;

	for (uint32_t i = 0; i < config->ports.count; i++)
		count += config_ports(config)[i].vlans.count;
	return count;
}

// Claims the slots of a port and its VLANs; netif_slots goes on at *next.
static int claim_port(struct compiling *c, const struct config_port *port, uint32_t *next)
{
	uint16_t index = c->input->port_index(c->input->context, port->name);
	int rc = 0;

	for (uint32_t v = 0; v <= port->vlans.count && !rc; v++) {
		char key[NAME_BYTES];
		uint16_t slot;

		if (v == 0)
			snprintf(key, sizeof(key), "%s", port->name);
		else
			snprintf(key, sizeof(key), "%s.%u", port->name,
				config_vlans(port)[v - 1].id);
		rc = slot_map_claim(c->slots, SLOT_NETIF, key, &slot);
		if (rc)
			break;
		if (index != SLOT_NONE)
			c->slots->tables[SLOT_NETIF].entries[slot].port = index;
		c->netif_slots[(*next)++] = slot;
	}
	return rc;
}

static int claim_netifs(struct compiling *c)
{
	const struct config *config = c->input->config;
	uint32_t next = 0;
	int rc = 0;

	c->netif_slots = calloc(netifs_configured(config) + 1, sizeof(*c->netif_slots));
	if (!c->netif_slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < config->ports.count && !rc; i++)
		rc = claim_port(c, &config_ports(config)[i], &next);
	return rc;
}

static int map_vlan(struct snapshot *s, uint16_t port, uint16_t vlan, uint16_t slot)
{
	if (port >= MAX_PORTS)
		return 0;
	if (!s->netif_of[port]) {
		s->netif_of[port] = malloc(VLAN_IDS * sizeof(*s->netif_of[port]));
		if (!s->netif_of[port])
			return -ENOMEM;
		for (uint32_t i = 0; i < VLAN_IDS; i++)
			s->netif_of[port][i] = SLOT_NONE;
	}
	s->netif_of[port][vlan] = slot;
	return 0;
}

// An interface of the configuration, with its addresses at the end of the snapshot's.
static int fill_netif(struct compiling *c, uint16_t slot, uint16_t vlan, uint16_t mtu,
	const struct config_prefixes *addresses)
{
	struct snapshot *s = c->snapshot;
	struct snapshot_netif *netif = &s->netifs[slot];

	netif->vlan = vlan;
	netif->mtu = mtu;
	netif->address_first = s->address_count;
	netif->address_count = (uint16_t)addresses->count;
	for (uint32_t i = 0; i < addresses->count; i++)
		s->addresses[s->address_count++] = (struct snapshot_address){
			.address = addresses->items[i].address,
			.prefix_length = addresses->items[i].length,
			.netif = slot,
		};
	return map_vlan(s, netif->port, vlan, slot);
}

static int fill_netifs(struct compiling *c)
{
	const struct config *config = c->input->config;
	const uint16_t *slot = c->netif_slots;
	int rc = 0;

	for (uint32_t i = 0; i < config->ports.count && !rc; i++) {
		const struct config_port *port = &config_ports(config)[i];

		rc = fill_netif(c, *slot++, 0, (uint16_t)port->mtu, &port->address);
		for (uint32_t v = 0; v < port->vlans.count && !rc; v++) {
			const struct config_vlan *vlan = &config_vlans(port)[v];

			rc = fill_netif(c, *slot++, (uint16_t)vlan->id, (uint16_t)port->mtu,
				&vlan->address);
		}
	}
	return rc;
}

// An interface that left the configuration keeps its slot, for neighbours and sessions name
// interfaces by slot; but without addresses or port, so that what would still leave by it (with the
// tag of a VLAN that is somebody else's now) is dropped as by a port that is down. The port is
// known again when the interface returns.
static int name_netifs(struct compiling *c)
{
	const struct slot_table *table = &c->slots->tables[SLOT_NETIF];
	struct snapshot *s = c->snapshot;

	s->netif_count = (uint16_t)table->limit;
	s->netifs = calloc(table->limit + 1u, sizeof(*s->netifs));
	s->addresses = calloc(c->own.count + 1u, sizeof(*s->addresses));
	if (!s->netifs || !s->addresses)
		return -ENOMEM;
	for (uint32_t slot = 0; slot < table->limit; slot++) {
		const char *dot = strchr(table->entries[slot].key, '.');

		snprintf(s->netifs[slot].name, NAME_BYTES, "%s", table->entries[slot].key);
		s->netifs[slot].port =
			table->entries[slot].seen ? table->entries[slot].port : SLOT_NONE;
		s->netifs[slot].vlan = (uint16_t)(dot ? strtoul(dot + 1, NULL, 10) : 0);
		s->netifs[slot].mtu = 1500;
	}
	return 0;
}

static int hash_addresses(struct snapshot *s)
{
	uint32_t size = 16;

	while (size < 2u * s->address_count)
		size *= 2;
	s->address_hash = calloc(size, sizeof(*s->address_hash));
	if (!s->address_hash)
		return -ENOMEM;
	s->address_hash_mask = size - 1;
	for (uint16_t i = 0; i < s->address_count; i++) {
		uint32_t at =
			snapshot_address_start(&s->addresses[i].address, s->address_hash_mask);

		while (s->address_hash[at] != 0)
			at = (at + 1) & s->address_hash_mask;
		s->address_hash[at] = (uint16_t)(i + 1);
	}
	return 0;
}

int compile_netifs(struct compiling *c)
{
	int rc = claim_netifs(c);

	if (!rc)
		rc = name_netifs(c);
	if (!rc)
		rc = fill_netifs(c);
	if (!rc)
		rc = hash_addresses(c->snapshot);
	return rc ? compile_fail(c, rc, "too many ports and VLANs since the start") : 0;
}

static int route_order(const void *a, const void *b)
{
	const struct snapshot_route *left = a;
	const struct snapshot_route *right = b;

	if (left->to.length != right->to.length)
		return left->to.length > right->to.length ? -1 : 1;
	return memcmp(left->to.address.bytes, right->to.address.bytes, 16);
}

static bool route_is_known(const struct snapshot *s, const struct ip_prefix *to)
{
	for (uint16_t i = 0; i < s->route_count; i++)
		if (s->routes[i].to.length == to->length &&
			ip_address_equal(&s->routes[i].to.address, &to->address))
			return true;
	return false;
}

// Routes through an interface whose port is not open would lead nowhere: they are left out.
static void route_add(
	struct compiling *c, struct ip_prefix to, const struct ip_address *via, uint16_t netif)
{
	struct snapshot *s = c->snapshot;
	struct snapshot_route *route;

	ip_prefix_mask(&to);
	if (s->netifs[netif].port == SLOT_NONE || route_is_known(s, &to))
		return;
	route = &s->routes[s->route_count++];
	route->to = to;
	route->netif = netif;
	if (via)
		route->via = *via;
}

static void gateways_add(
	struct compiling *c, const struct config_addresses *gateways, uint16_t netif)
{
	for (uint32_t i = 0; i < gateways->count; i++) {
		bool v4 = ip_address_is_v4(&gateways->items[i]);
		struct ip_prefix everything = {.length = 0};

		if (v4)
			everything =
				(struct ip_prefix){.address = ip_address_from_v4(0), .length = 96};
		route_add(c, everything, &gateways->items[i], netif);
	}
}

static void default_routes_add(struct compiling *c)
{
	const struct config *config = c->input->config;
	const uint16_t *slot = c->netif_slots;

	for (uint32_t i = 0; i < config->ports.count; i++) {
		const struct config_port *port = &config_ports(config)[i];

		gateways_add(c, &port->gateway, *slot++);
		for (uint32_t v = 0; v < port->vlans.count; v++)
			gateways_add(c, &config_vlans(port)[v].gateway, *slot++);
	}
}

int compile_routes(struct compiling *c)
{
	const struct config *config = c->input->config;
	struct snapshot *s = c->snapshot;
	// One connected network an address, at most two gateways an interface.
	size_t room = c->own.count + config->routes.count + 2u * netifs_configured(config) + 1u;

	s->routes = calloc(room, sizeof(*s->routes));
	if (!s->routes)
		return compile_fail(c, -ENOMEM, "");
	for (uint32_t i = 0; i < c->own.count; i++)
		route_add(c, c->own.items[i].prefix, NULL, c->netif_slots[c->own.items[i].netif]);
	for (uint32_t i = 0; i < config->routes.count; i++) {
		const struct config_route *route = &config_routes(config)[i];
		const struct own_address *link = own_address_on_link(&c->own, &route->via);

		if (link)
			route_add(c, route->to, &route->via, c->netif_slots[link->netif]);
	}
	default_routes_add(c);
	qsort(s->routes, s->route_count, sizeof(*s->routes), route_order);
	return snapshot_routes_index(s) ? compile_fail(c, -ENOMEM, "") : 0;
}
