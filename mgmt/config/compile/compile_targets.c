// SPDX-License-Identifier: BSD-3-Clause
#include "config/compile/compile_services.h"

// Equal but for the reference count, which is the first member.
static bool target_equal(const struct snapshot_target *a, const struct snapshot_target *b)
{
	size_t skip = offsetof(struct snapshot_target, slot);

	return memcmp((const char *)a + skip, (const char *)b + skip, sizeof(*a) - skip) == 0;
}

static void sources_configured(
	const struct config_upstream *upstream, struct snapshot_target *target)
{
	bool v4 = ip_address_is_v4(&target->address);

	for (uint32_t i = 0; i < upstream->source.count; i++)
		if (ip_address_is_v4(&upstream->source.items[i]) == v4)
			target->sources[target->source_count++] = upstream->source.items[i];
}

// The addresses of the interface toward the target; link-local ones reach only their like.
static void sources_of_netif(const struct snapshot *s, struct snapshot_target *target)
{
	const struct snapshot_netif *netif = &s->netifs[target->netif];
	bool v4 = ip_address_is_v4(&target->address);
	bool link_local = ip_address_is_link_local6(&target->address);

	for (uint16_t i = 0; i < netif->address_count && target->source_count < MAX_SOURCES; i++) {
		const struct ip_address *own = &s->addresses[netif->address_first + i].address;

		if (ip_address_is_v4(own) == v4 && ip_address_is_link_local6(own) == link_local)
			target->sources[target->source_count++] = *own;
	}
}

static void target_route(const struct snapshot *s, const struct config_upstream *upstream,
	struct snapshot_target *target)
{
	const struct ip_address *hop;

	target->netif = SLOT_NONE;
	if (!snapshot_way_find(s, &target->address, &target->netif, &hop))
		return;
	target->next_hop = *hop;
	if (upstream->source.client)
		return;
	if (upstream->source.count > 0)
		sources_configured(upstream, target);
	else
		sources_of_netif(s, target);
}

// Whether a listener of the configuration, on the wire protocol of one that uses the upstream,
// serves this address and port.
static bool is_own_listener(const struct compiling *c, const struct config_upstream *upstream,
	const struct config_target *target, const struct ip_address *address)
{
	const struct config *config = c->input->config;
	unsigned used = 0;
	unsigned serving = 0;

	if (!snapshot_address_find(c->snapshot, address))
		return false;
	for (uint32_t i = 0; i < config->listeners.count; i++) {
		const struct config_listener *listener = &config_listeners(config)[i];
		const struct config_endpoint *at = &listener->listen;

		uint8_t protocol = config_listener_wire_protocol(listener);
		uint32_t cursor = 0;
		uint32_t index;

		while ((index = config_listener_upstream(listener, &cursor)) != UINT32_MAX)
			if (&config_upstreams(config)[index] == upstream)
				used |= 1u << protocol;
		if (target->port >= at->port_first && target->port <= at->port_last &&
			(at->any || ip_address_equal(&at->address, address)))
			serving |= 1u << protocol;
	}
	return (used & serving) != 0;
}

static int target_compile(struct compiling *c, struct upstream_build *build,
	const struct config_target *from, const struct ip_address *address)
{
	char key[SLOT_KEY_BYTES];
	struct snapshot_target *target;
	struct slot_entry *entry;
	uint16_t slot;
	int rc = slot_map_claim(c->slots, SLOT_TARGET,
		slot_target_key(key, build->from->name, from->key, address), &slot);

	if (rc)
		return rc;
	target = calloc(1, sizeof(*target));
	if (!target)
		return -ENOMEM;
	entry = &c->slots->tables[SLOT_TARGET].entries[slot];
	target->slot = slot;
	target->generation = entry->generation;
	target->address = *address;
	target->port = be16_from_host(from->port);
	target->weight = from->weight;
	target->drained = from->drained;
	snprintf(target->text, sizeof(target->text), "%s", from->key);
	target_route(c->snapshot, build->from, target);
	build->targets[build->target_count++] = slot;
	if (entry->object && target_equal(entry->object, target)) {
		free(target);
		return 0;
	}
	build->targets_changed = true;
	slot_map_set(c->slots, SLOT_TARGET, slot, target);
	return 0;
}

// What a name resolves to was not checked with the configuration.
static int station_compile(struct compiling *c, struct upstream_build *build,
	const struct config_target *from, const struct ip_address *address)
{
	return address_is_station(&c->own, address) ? target_compile(c, build, from, address) : 0;
}

static int name_compile(
	struct compiling *c, struct upstream_build *build, const struct config_target *from)
{
	const struct ip_address *addresses = NULL;
	uint32_t count = c->input->resolve(c->input->context, from->host, &addresses);
	int rc = 0;

	for (uint32_t i = 0; i < u32_min(count, COMPILE_ADDRESSES_OF_NAME) && !rc; i++) {
		if (!is_own_listener(c, build->from, from, &addresses[i]))
			rc = station_compile(c, build, from, &addresses[i]);
		else if (c->input->own_target)
			c->input->own_target(c->input->context, build->from, from, &addresses[i]);
	}
	return rc;
}

static uint32_t targets_at_most(const struct config_upstream *upstream)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < upstream->targets.count; i++)
		count += upstream->targets.items[i].is_name ? COMPILE_ADDRESSES_OF_NAME : 1;
	return count;
}

int compile_targets(struct compiling *c, struct upstream_build *build)
{
	const struct config_upstream *upstream = build->from;
	int rc = 0;

	build->targets = calloc(targets_at_most(upstream), sizeof(*build->targets));
	if (!build->targets)
		return -ENOMEM;
	for (uint32_t i = 0; i < upstream->targets.count && !rc; i++) {
		const struct config_target *target = &upstream->targets.items[i];

		if (target->is_name)
			rc = name_compile(c, build, target);
		else
			rc = target_compile(c, build, target, &target->address);
	}
	return rc;
}
