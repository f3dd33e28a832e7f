// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/dataplane.h"
#include "daemon/methods/methods.h"
#include "shape/link.h"

static json_t *prefixes_json(const struct config_prefixes *prefixes)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < prefixes->count; i++) {
		char text[IP_PREFIX_TEXT_MAX];

		json_array_append_new(
			list, json_string(ip_prefix_print(&prefixes->items[i], text)));
	}
	return list;
}

static json_t *vlans_json(const struct config_port *port)
{
	const struct config_vlan *vlans = config_vlans(port);
	json_t *list = json_array();

	for (uint32_t i = 0; i < port->vlans.count; i++)
		json_array_append_new(
			list, json_pack("{s:i, s:o, s:o}", "id", (int)vlans[i].id, "name",
				      json_sprintf("%s.%u", port->name, vlans[i].id), "addresses",
				      prefixes_json(&vlans[i].address)));
	return list;
}

// What only an open port has; one that is not open shows zeros.
static json_t *port_counters_json(const struct daemon *daemon, const struct open_port *open)
{
	static const struct port_rates NO_RATES;
	struct port_stats_sum sum = {0};
	const struct port_rates *rates = &NO_RATES;
	uint64_t oversized = 0, missed = 0;

	if (open != NULL) {
		const struct port *port = node_port(daemon->node, open->index);

		port_stats_sum(daemon->node, open->index, &sum);
		rates = &daemon->rates.ports[open->index];
		oversized = counter_read(&port->oversized);
		missed = counter_read(&port->missed);
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f}",
		"receive_packets", (json_int_t)sum.receive_packets, "receive_bytes",
		(json_int_t)sum.receive_bytes, "transmit_packets", (json_int_t)sum.transmit_packets,
		"transmit_bytes", (json_int_t)sum.transmit_bytes, "transmit_dropped",
		(json_int_t)sum.transmit_dropped, "oversized", (json_int_t)oversized, "missed",
		(json_int_t)missed, "receive_packets_per_s", rates->receive_packets_per_s,
		"receive_bps", rates->receive_bps, "transmit_packets_per_s",
		rates->transmit_packets_per_s, "transmit_bps", rates->transmit_bps);
}

// What the port's emulated link counted; null where it never had one.
static json_t *emulate_json(const struct daemon *daemon, const struct open_port *open)
{
	const struct shape_counters *counters =
		open != NULL ? node_emulation_counters(daemon->node, open->index) : NULL;
	json_t *object = counters != NULL ? json_object() : json_null();

	if (counters == NULL)
		return object;
#define X(name, help)                                                                              \
	json_object_set_new(object, #name, json_integer((json_int_t)counter_read(&counters->name)));
	SHAPE_COUNTERS(X)
#undef X
	json_object_set_new(object, "queue_bytes",
		json_integer((json_int_t)counter_read(&counters->queue_bytes)));
	json_object_set_new(
		object, "under_way", json_integer((json_int_t)counter_read(&counters->under_way)));
	return object;
}

static json_t *port_json(const struct daemon *daemon, const struct config_port *configured)
{
	const struct open_port *open = dataplane_port(daemon, configured);
	const struct port *port = open != NULL ? node_port(daemon->node, open->index) : NULL;
	char mac[MAC_TEXT_MAX];
	json_t *row = json_pack(
		"{s:s, s:s, s:s?, s:s?, s:b, s:I, s:s?, s:i, s:o, s:o, s:i, s:i, s:b}", "name",
		configured->name, "device", configured->device, "kind",
		port != NULL ? port->ops->kind : NULL, "interface",
		port != NULL && port->interface[0] != '\0' ? port->interface : NULL, "up",
		port != NULL && shared_word_load(&port->up) != 0, "speed_bps",
		port != NULL ? (json_int_t)shared_word_load(&port->speed_bps) : (json_int_t)0,
		"mac", port != NULL ? mac_address_print(&port->mac, mac) : NULL, "mtu",
		(int)configured->mtu, "addresses", prefixes_json(&configured->address), "vlans",
		vlans_json(configured), "receive_queues", port != NULL ? port->receive_queues : 0,
		"transmit_queues", port != NULL ? port->transmit_queues : 0, "kernel_spared",
		port != NULL && port->kernel_spared);
	json_t *counters = port_counters_json(daemon, open);

	if (row != NULL)
		json_object_set_new(row, "emulate", emulate_json(daemon, open));
	if (row != NULL && counters != NULL)
		json_object_update_missing(row, counters);
	json_decref(counters);
	return row;
}

json_t *ports_json(const struct daemon *daemon)
{
	const struct config_port *ports =
		daemon->config != NULL ? config_ports(daemon->config) : NULL;
	json_t *list = json_array();

	for (uint32_t i = 0;
		daemon->node != NULL && ports != NULL && i < daemon->config->ports.count; i++)
		json_array_append_new(list, port_json(daemon, &ports[i]));
	return list;
}

void method_port_list(struct rpc_call *call, const json_t *params)
{
	rpc_reply(call, json_pack("{s:o}", "ports", ports_json(rpc_context(call))));
}

void method_route_list(struct rpc_call *call, const json_t *params)
{
	const struct daemon *daemon = rpc_context(call);
	const struct snapshot *s = daemon->node != NULL ? node_snapshot(daemon->node) : NULL;
	json_t *list = json_array();

	for (uint16_t i = 0; s != NULL && i < s->route_count; i++) {
		const struct snapshot_route *r = &s->routes[i];
		char to[IP_PREFIX_TEXT_MAX], via[IP_ADDRESS_TEXT_MAX];
		bool connected = ip_address_is_unspecified(&r->via);

		json_array_append_new(
			list, json_pack("{s:s, s:s?, s:s?, s:s}", "to", ip_prefix_print(&r->to, to),
				      "via", connected ? NULL : ip_address_print(&r->via, via),
				      "interface",
				      r->netif < s->netif_count ? s->netifs[r->netif].name : NULL,
				      "kind", connected ? "connected" : "static"));
	}
	rpc_reply(call, json_pack("{s:o}", "routes", list));
}

static json_t *neighbour_json(const struct snapshot *s, const struct neighbour_record *n)
{
	static const struct mac_address NONE;
	char address[IP_ADDRESS_TEXT_MAX], mac[MAC_TEXT_MAX];
	bool known = memcmp(&n->mac, &NONE, sizeof(NONE)) != 0;

	return json_pack("{s:s, s:s?, s:s?, s:s, s:f}", "address",
		ip_address_print(&n->address, address), "mac",
		known ? mac_address_print(&n->mac, mac) : NULL, "interface",
		n->netif < s->netif_count ? s->netifs[n->netif].name : NULL, "state",
		node_neighbour_state_name(n->state), "age_s", (double)n->age / USEC_PER_SECOND);
}

void method_neighbour_list(struct rpc_call *call, const json_t *params)
{
	const struct daemon *daemon = rpc_context(call);
	const struct snapshot *s = daemon->node != NULL ? node_snapshot(daemon->node) : NULL;
	int64_t limit = rpc_integer(params, "limit", 1000);
	json_t *list = json_array();
	struct neighbour_record record;
	uint32_t cursor = 0;
	bool more = false;

	while (s != NULL && node_neighbour(daemon->node, &cursor, &record)) {
		more = (int64_t)json_array_size(list) == limit;
		if (more)
			break;
		json_array_append_new(list, neighbour_json(s, &record));
	}
	rpc_reply(call, json_pack("{s:o, s:b}", "neighbours", list, "more", more));
}
