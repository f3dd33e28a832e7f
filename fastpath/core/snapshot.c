// SPDX-License-Identifier: BSD-3-Clause
// Lookups in a compiled configuration. It is immutable here, and its arrays are trusted: the
// control thread built them.
#include "core/snapshot.h"

#include <netinet/in.h>

const struct snapshot_address *snapshot_address_find(
	const struct snapshot *s, const struct ip_address *address)
{
	uint32_t i;

	if (s->address_hash == NULL)
		return NULL;
	i = snapshot_address_start(address, s->address_hash_mask);
	for (uint32_t probes = 0; probes <= s->address_hash_mask; probes++) {
		uint16_t entry = s->address_hash[i];

		if (entry == 0)
			return NULL;
		if (ip_address_equal(&s->addresses[entry - 1].address, address))
			return &s->addresses[entry - 1];
		i = (i + 1) & s->address_hash_mask;
	}
	return NULL;
}

static bool is_wildcard(const struct listen_entry *entry)
{
	return (entry->address.halves[0] | entry->address.halves[1]) == 0;
}

static const struct snapshot_listener *listener_find(const struct snapshot *s, uint8_t protocol,
	const struct ip_address *address, uint16_t port, bool closing_too)
{
	const uint16_t *head = s->listen_head[protocol == IPPROTO_UDP];
	const struct listen_entry *entry;

	if (head == NULL)
		return NULL;
	for (uint16_t next = head[port]; next != 0; next = entry->next) {
		const struct snapshot_listener *listener;

		entry = &s->listen_entries[next - 1];
		listener = s->listeners[entry->listener];
		if (listener == NULL || (!closing_too && (entry->closing || listener->closing)))
			continue;
		if (is_wildcard(entry) ? snapshot_address_find(s, address) != NULL
				       : ip_address_equal(&entry->address, address))
			return listener;
	}
	return NULL;
}

const struct snapshot_listener *snapshot_listener_find(
	const struct snapshot *s, uint8_t protocol, const struct ip_address *address, uint16_t port)
{
	return listener_find(s, protocol, address, port, false);
}

const struct snapshot_listener *snapshot_listener_find_any(
	const struct snapshot *s, uint8_t protocol, const struct ip_address *address, uint16_t port)
{
	return listener_find(s, protocol, address, port, true);
}

static bool is_on_link(const struct snapshot_address *own, const struct ip_address *address)
{
	struct ip_prefix network = {.address = own->address, .length = own->prefix_length};

	return ip_prefix_contains(&network, address);
}

const struct ip_address *snapshot_source_for(
	const struct snapshot *s, uint16_t netif, const struct ip_address *address)
{
	const struct snapshot_netif *n = &s->netifs[netif];
	const struct ip_address *first = NULL;
	bool v4 = ip_address_is_v4(address);
	bool link_local = ip_address_is_link_local6(address);

	for (uint16_t i = 0; i < n->address_count; i++) {
		const struct snapshot_address *own = &s->addresses[n->address_first + i];

		if (ip_address_is_v4(&own->address) != v4 ||
			ip_address_is_link_local6(&own->address) != link_local)
			continue;
		if (is_on_link(own, address))
			return &own->address;
		if (first == NULL)
			first = &own->address;
	}
	return first;
}
