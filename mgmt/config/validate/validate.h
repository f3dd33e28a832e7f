// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a configuration's keys say together: references, addresses, clashes. Private to config/.

#include "config/config.h"

// Checks a filled configuration and derives what depends on several keys (upstream_index, idle
// timeouts, transports). 0, -EINVAL with errors in faults, -ENOMEM. Warnings may be added either
// way.
[[nodiscard]] int config_validate(struct config *config, struct config_faults *faults);

// An own address and where it is configured.
struct own_address {
	struct ip_prefix prefix;      // host bits kept
	uint32_t port;                // index into config.ports
	uint32_t netif;               // counts ports and VLANs in order
	const struct text_node *node; // of the port or VLAN
	const char *port_name;
	uint32_t vlan; // id, 0 = the port itself
};

struct own_addresses {
	uint32_t count;
	struct own_address *items;
};

// Lists the own addresses of a configuration; free(out->items). 0 or -ENOMEM.
[[nodiscard]] int own_addresses_list(const struct config *config, struct own_addresses *out);
const struct own_address *own_address_find(
	const struct own_addresses *own, const struct ip_address *address);
// The own address whose network holds address (the longest such network), or NULL.
const struct own_address *own_address_on_link(
	const struct own_addresses *own, const struct ip_address *address);

// Whether a connection can be opened to the address (RFC 9293 MUST-46): it is neither unspecified
// nor multicast nor broadcast, in general or in an own network (RFC 1122 3.2.1.3, both of its
// forms).
bool address_is_station(const struct own_addresses *own, const struct ip_address *address);

// Whether some port or VLAN has a default gateway of the family.
bool config_has_gateway(const struct config *config, bool v4);

// Shared by the files of this check.
struct checking {
	struct config *config;
	struct config_faults *faults;
	struct own_addresses own;
};

// Line of a child setting, or of the group where the child is not set.
const struct text_place *place_of(const struct text_node *group, const char *child);

void check_ports(const struct checking *c); // config/validate_ports.c
void check_routes(const struct checking *c);
void check_upstreams(const struct checking *c);   // config/validate_services.c
void check_credentials(const struct checking *c); // config/validate_credentials.c
// config/validate_security.c: what protects the bytes, and what that needs; the last: of the
// upstream of that index, which the listener uses.
void check_listener_security(const struct checking *c, uint32_t index);
void check_upstream_security(const struct checking *c, uint32_t index);
void check_listener_origin(const struct checking *c, uint32_t index, uint32_t used);
// The listener's HTTP routes (config/validate_http.c): their upstreams are resolved.
void check_listener_http(const struct checking *c, uint32_t index);
// One of the upstreams that a listener uses, if it is of protocol http.
void check_http_upstream(
	const struct checking *c, uint32_t index, const struct config_upstream *upstream);
void check_listeners(const struct checking *c);
