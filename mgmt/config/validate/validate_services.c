// SPDX-License-Identifier: BSD-3-Clause
#include "config/schema.h"
#include "config/validate/validate.h"

enum {
	FAMILY_V4 = 1,
	FAMILY_V6 = 2,
	FAMILY_BOTH = 3,
	NAT_PORTS = 64512,         // source ports 1,024 to 65,535
	DEFAULT_IDLE_TCP_S = 7440, // RFC 5382 section 5, REQ-5
	DEFAULT_IDLE_UDP_S = 30,
	DEFAULT_IDLE_HTTP_S = 300,
};

static unsigned family_of(const struct ip_address *address)
{
	return ip_address_is_v4(address) ? FAMILY_V4 : FAMILY_V6;
}

static unsigned own_families(const struct own_addresses *own)
{
	unsigned families = 0;

	for (uint32_t i = 0; i < own->count; i++)
		families |= family_of(&own->items[i].prefix.address);
	return families;
}

static unsigned target_families(const struct config_upstream *upstream)
{
	unsigned families = 0;

	for (uint32_t i = 0; i < upstream->targets.count; i++) {
		const struct config_target *target = &upstream->targets.items[i];

		families |= target->is_name ? FAMILY_BOTH : family_of(&target->address);
	}
	return families;
}

static bool is_routed(const struct checking *c, const struct ip_address *address)
{
	if (own_address_on_link(&c->own, address) ||
		config_has_gateway(c->config, ip_address_is_v4(address)))
		return true;
	for (uint32_t i = 0; i < c->config->routes.count; i++) {
		const struct config_route *route = &config_routes(c->config)[i];

		if (ip_address_is_v4(&route->via) == ip_address_is_v4(address) &&
			ip_prefix_contains(&route->to, address))
			return true;
	}
	return false;
}

static const struct text_place *place_of_element(
	const struct text_node *group, const char *list, uint32_t index)
{
	const struct text_node *node = text_child(group, list);
	const struct text_node *element = node ? node->first : NULL;

	while (element && index-- > 0)
		element = element->next;
	return element ? &element->place : place_of(group, list);
}

static void check_target(const struct checking *c, uint32_t u, uint32_t t)
{
	const struct config_upstream *upstream = &config_upstreams(c->config)[u];
	const struct config_target *target = &upstream->targets.items[t];
	const struct text_place *place = place_of_element(upstream->node, "targets", t);
	char path[FAULT_PATH_BYTES];

	snprintf(path, sizeof(path), "upstreams[%u].targets[%u]", u, t);
	for (uint32_t i = 0; i < t; i++) {
		if (strcmp(upstream->targets.items[i].key, target->key) != 0)
			continue;
		fault_add(c->faults, place, path,
			"\"%s\" stands twice" HINT "write it once, with a weight", target->key);
		return;
	}
	if (target->is_name)
		return;
	if (!address_is_station(&c->own, &target->address))
		fault_add(c->faults, place, path,
			"\"%s\" is no address of one station" HINT "name one that serves",
			target->key);
	else if (c->config->ports.count > 0 && !is_routed(c, &target->address))
		fault_warn(c->faults, place, path,
			"\"%s\" has no route" HINT
			"add a route or a gateway; until then its sessions are dropped",
			target->key);
}

static void check_sources(const struct checking *c, uint32_t u)
{
	const struct config_upstream *upstream = &config_upstreams(c->config)[u];
	unsigned families = 0;
	char path[FAULT_PATH_BYTES];
	char shown[IP_ADDRESS_TEXT_MAX];

	for (uint32_t i = 0; i < upstream->source.count; i++) {
		const struct ip_address *source = &upstream->source.items[i];
		const struct text_place *place = place_of_element(upstream->node, "source", i);

		snprintf(path, sizeof(path), "upstreams[%u].source[%u]", u, i);
		ip_address_print(source, shown);
		families |= family_of(source);
		if (!own_address_find(&c->own, source))
			fault_add(c->faults, place, path,
				"%s is not an own address" HINT
				"give it to a port, or name one that a port has",
				shown);
		for (uint32_t k = 0; k < i; k++)
			if (ip_address_equal(source, &upstream->source.items[k]))
				fault_add(c->faults, place, path,
					"%s stands twice" HINT "write it once", shown);
	}
	if (families && (target_families(upstream) & ~families) &&
		target_families(upstream) != FAMILY_BOTH) {
		snprintf(path, sizeof(path), "upstreams[%u].source", u);
		fault_add(c->faults, place_of(upstream->node, "source"), path,
			"no source is of the targets' family" HINT "name an own %s address",
			families == FAMILY_V4 ? "IPv6" : "IPv4");
	}
}

void check_upstreams(const struct checking *c)
{
	const struct config_upstream *upstreams = config_upstreams(c->config);

	for (uint32_t u = 0; u < c->config->upstreams.count; u++) {
		char path[FAULT_PATH_BYTES];

		snprintf(path, sizeof(path), "upstreams[%u].name", u);
		for (uint32_t i = 0; i < u; i++)
			if (strcmp(upstreams[i].name, upstreams[u].name) == 0)
				fault_add(c->faults, place_of(upstreams[u].node, "name"), path,
					"another upstream is called \"%s\" (line %u)" HINT
					"give each its own name",
					upstreams[u].name, upstreams[i].node->place.line);
		for (uint32_t t = 0; t < upstreams[u].targets.count; t++)
			check_target(c, u, t);
		check_sources(c, u);
		check_upstream_security(c, u);
	}
}

static bool find_upstream(const struct config *config, const char *name, uint32_t *index)
{
	for (uint32_t i = 0; i < config->upstreams.count; i++) {
		if (strcmp(config_upstreams(config)[i].name, name) == 0) {
			*index = i;
			return true;
		}
	}
	return false;
}

static void listen_print(const struct config_listener *listener, char *out, size_t size)
{
	const struct config_endpoint *l = &listener->listen;
	char address[IP_ADDRESS_TEXT_MAX];
	bool v6 = !l->any && !ip_address_is_v4(&l->address);
	int n;

	ip_address_print(&l->address, address);
	n = snprintf(out, size, "%s%s%s:%u", v6 ? "[" : "", l->any ? "*" : address, v6 ? "]" : "",
		l->port_first);
	if (l->port_last != l->port_first && n > 0 && (size_t)n < size)
		snprintf(out + n, size - (size_t)n, "-%u", l->port_last);
}

static bool endpoints_share(const struct config_endpoint *a, const struct config_endpoint *b)
{
	if (a->port_last < b->port_first || b->port_last < a->port_first)
		return false;
	return a->any || b->any || ip_address_equal(&a->address, &b->address);
}

static void check_listener_pair(const struct checking *c, uint32_t index, uint32_t other)
{
	const struct config_listener *a = &config_listeners(c->config)[index];
	const struct config_listener *b = &config_listeners(c->config)[other];
	char mine[80];
	char theirs[80];
	char path[FAULT_PATH_BYTES];

	if (strcmp(a->name, b->name) == 0) {
		snprintf(path, sizeof(path), "listeners[%u].name", index);
		fault_add(c->faults, place_of(a->node, "name"), path,
			"another listener is called \"%s\" (line %u)" HINT "give each its own name",
			a->name, b->node->place.line);
	}
	if (config_listener_wire_protocol(a) != config_listener_wire_protocol(b) ||
		!endpoints_share(&a->listen, &b->listen))
		return;
	// Enough is shown; thousands of clashes are not to cost their printing.
	if (c->faults->dropped > 0) {
		c->faults->errors++;
		return;
	}
	snprintf(path, sizeof(path), "listeners[%u].listen", index);
	listen_print(a, mine, sizeof(mine));
	listen_print(b, theirs, sizeof(theirs));
	fault_add(c->faults, place_of(a->node, "listen"), path,
		"listener \"%s\" (%s) clashes with \"%s\" (%s, line %u) over %s" HINT
		"give one of the two another address or port",
		a->name, mine, b->name, theirs, b->node->place.line,
		a->protocol == PROTOCOL_UDP ? "udp" : "tcp");
	fault_mark(c->faults, FAULT_PORT_CONFLICT);
}

// A target on which one of our listeners with the same wire protocol listens would be a loop.
static void check_loop(const struct checking *c, uint32_t index,
	const struct config_upstream *upstream, const struct config_target *target)
{
	const struct config_listener *listener = &config_listeners(c->config)[index];
	char path[FAULT_PATH_BYTES];

	snprintf(path, sizeof(path), "listeners[%u].upstream", index);
	for (uint32_t i = 0; i < c->config->listeners.count; i++) {
		const struct config_listener *other = &config_listeners(c->config)[i];
		struct config_endpoint at = {.address = target->address,
			.port_first = target->port,
			.port_last = target->port};

		if (config_listener_wire_protocol(other) !=
				config_listener_wire_protocol(listener) ||
			!endpoints_share(&other->listen, &at))
			continue;
		fault_add(c->faults, place_of(listener->node, "upstream"), path,
			"target \"%s\" of \"%s\" is our own listener \"%s\" (line %u), a loop" HINT
			"name the server behind that listener",
			target->key, upstream->name, other->name, other->node->place.line);
		return;
	}
	fault_warn(c->faults, place_of(listener->node, "upstream"), path,
		"target \"%s\" of \"%s\" is an own address on which nothing listens" HINT
		"name another station",
		target->key, upstream->name);
}

static void check_listener_families(
	const struct checking *c, uint32_t index, const struct config_upstream *upstream)
{
	const struct config_listener *listener = &config_listeners(c->config)[index];
	unsigned families =
		listener->listen.any ? own_families(&c->own) : family_of(&listener->listen.address);
	char path[FAULT_PATH_BYTES];

	if (families == 0 || (families & target_families(upstream)))
		return;
	snprintf(path, sizeof(path), "listeners[%u].upstream", index);
	fault_add(c->faults, place_of(listener->node, "upstream"), path,
		"in mode direct a session keeps its family, and \"%s\" has no %s target" HINT
		"add one%s",
		upstream->name, families == FAMILY_V4 ? "IPv4" : "IPv6",
		listener->protocol == PROTOCOL_TCP ? ", or use mode = \"terminate\"" : "");
}

static uint32_t sessions_expected(
	const struct config *config, const struct config_listener *listener)
{
	return listener->max_sessions ? listener->max_sessions : config->workers.sessions;
}

static void check_source_ports(
	const struct checking *c, uint32_t index, const struct config_upstream *upstream)
{
	const struct config_listener *listener = &config_listeners(c->config)[index];
	uint64_t room = (uint64_t)upstream->source.count * upstream->targets.count * NAT_PORTS;
	uint32_t expected = sessions_expected(c->config, listener);
	char path[FAULT_PATH_BYTES];

	if (upstream->source.client || upstream->source.count == 0 || expected <= room)
		return;
	snprintf(path, sizeof(path), "listeners[%u].upstream", index);
	fault_warn(c->faults, place_of(listener->node, "upstream"), path,
		"%u sessions are expected, and %u sources x %u targets x %d ports of \"%s\" hold %llu" HINT
		"give the upstream more sources",
		expected, upstream->source.count, upstream->targets.count, NAT_PORTS,
		upstream->name, (unsigned long long)room);
}

static void check_transport(const struct checking *c, const struct config_listener *listener,
	const struct config_transport *transport, const char *path)
{
	uint32_t outer = listener->protocol == PROTOCOL_UDP ? OUTER_UDP : OUTER_TCP;

	if (transport->outer == OUTER_UNSET || transport->outer == outer)
		return;
	fault_add(c->faults, place_of(transport->node, "outer"), path,
		"does not carry listener \"%s\" (%s)" HINT
		"with security raw, outer is the listener's protocol",
		listener->name, listener->protocol == PROTOCOL_UDP ? "udp" : "tcp");
}

// Direct mode adds nothing to a stream and takes nothing off.
static void check_proxy_protocol(
	const struct checking *c, uint32_t index, const struct config_upstream *upstream)
{
	const struct config_listener *listener = &config_listeners(c->config)[index];
	char path[FAULT_PATH_BYTES];

	if (listener->mode == MODE_TERMINATE)
		return;
	snprintf(path, sizeof(path), "listeners[%u].proxy_protocol", index);
	if (listener->proxy_protocol)
		fault_add(c->faults, place_of(listener->node, "proxy_protocol"), path,
			"in mode direct the stream is not read" HINT "use mode = \"terminate\"");
	snprintf(path, sizeof(path), "listeners[%u].upstream", index);
	if (upstream->proxy_protocol)
		fault_add(c->faults, place_of(listener->node, "upstream"), path,
			"targets of \"%s\" are to get a PROXY protocol header, and in mode direct nothing is added to the stream" HINT
			"use mode = \"terminate\"",
			upstream->name);
}

// What only connections that end here have; each has a default, so what counts is that it is there.
static void check_timeouts(
	const struct checking *c, uint32_t index, const struct config_upstream *upstream)
{
	static const char *const keys[] = {"close_timeout_s", "user_timeout_s"};
	const struct config_listener *listener = &config_listeners(c->config)[index];
	char path[FAULT_PATH_BYTES];

	if (listener->mode == MODE_TERMINATE)
		return;
	for (size_t i = 0; i < nx_array_size(keys); i++) {
		if (text_child(listener->node, keys[i]) == NULL)
			continue;
		snprintf(path, sizeof(path), "listeners[%u].%s", index, keys[i]);
		fault_add(c->faults, place_of(listener->node, keys[i]), path,
			"in mode direct the ends' own clocks decide" HINT
			"leave it out (idle_timeout_s ends silent sessions), or use mode = \"terminate\"");
	}
	if (text_child(upstream->node, "user_timeout_s") == NULL)
		return;
	snprintf(path, sizeof(path), "listeners[%u].upstream", index);
	fault_add(c->faults, place_of(listener->node, "upstream"), path,
		"targets of \"%s\" are to be given up (user_timeout_s), and in mode direct the ends' own clocks decide" HINT
		"use mode = \"terminate\", or an upstream without it",
		upstream->name);
}

// Connections that pass have no buffers and no handshake of ours.
static void check_endpoints(
	const struct checking *c, uint32_t index, const struct config_upstream *upstream)
{
	const struct config_listener *listener = &config_listeners(c->config)[index];
	char path[FAULT_PATH_BYTES];

	if (listener->mode == MODE_TERMINATE)
		return;
	snprintf(path, sizeof(path), "listeners[%u].ecn", index);
	if (listener->ecn)
		fault_add(c->faults, place_of(listener->node, "ecn"), path,
			"in mode direct the ends agree on it themselves" HINT
			"leave it out, or use mode = \"terminate\"");
	snprintf(path, sizeof(path), "listeners[%u].memory_bytes", index);
	if (text_child(listener->node, "memory_bytes"))
		fault_add(c->faults, place_of(listener->node, "memory_bytes"), path,
			"in mode direct nothing is held" HINT
			"leave it out, or use mode = \"terminate\"");
	snprintf(path, sizeof(path), "listeners[%u].upstream", index);
	if (upstream->ecn || text_child(upstream->node, "memory_bytes"))
		fault_add(c->faults, place_of(listener->node, "upstream"), path,
			"connections to targets of \"%s\" are to be of a kind (%s), and in mode direct they are the clients' own" HINT
			"use mode = \"terminate\", or an upstream without it",
			upstream->name, upstream->ecn ? "ecn" : "memory_bytes");
}

static void check_keepalive(
	const struct checking *c, uint32_t index, const struct config_upstream *upstream)
{
	const struct config_listener *listener = &config_listeners(c->config)[index];
	char path[FAULT_PATH_BYTES];

	if (listener->mode == MODE_TERMINATE)
		return;
	snprintf(path, sizeof(path), "listeners[%u].keepalive_s", index);
	if (listener->keepalive_s)
		fault_add(c->faults, place_of(listener->node, "keepalive_s"), path,
			"in mode direct nothing but the ends' own packets is sent" HINT
			"leave it out, or use mode = \"terminate\"");
	snprintf(path, sizeof(path), "listeners[%u].upstream", index);
	if (upstream->keepalive_s)
		fault_add(c->faults, place_of(listener->node, "upstream"), path,
			"targets of \"%s\" are to be probed (keepalive_s), and in mode direct nothing but the ends' own packets is sent" HINT
			"use mode = \"terminate\"",
			upstream->name);
}

// A client's own header would have to come before the target is asked.
static void check_transparent(const struct checking *c, uint32_t index)
{
	const struct config_listener *listener = &config_listeners(c->config)[index];
	char path[FAULT_PATH_BYTES];

	snprintf(path, sizeof(path), "listeners[%u].tcp_profile", index);
	if (listener->mode == MODE_DIRECT && listener->tcp_profile)
		fault_add(c->faults, place_of(listener->node, "tcp_profile"), path,
			"in mode direct the target's own answer passes" HINT
			"leave it out, or use mode = \"terminate\"");
	if (!listener->transparent)
		return;
	snprintf(path, sizeof(path), "listeners[%u].transparent", index);
	if (listener->mode == MODE_DIRECT)
		fault_add(c->faults, place_of(listener->node, "transparent"), path,
			"in mode direct every packet passes as it came" HINT
			"leave it out, or use mode = \"terminate\"");
	else if (listener->proxy_protocol)
		fault_add(c->faults, place_of(listener->node, "transparent"), path,
			"the target is asked before the client may send a PROXY protocol header" HINT
			"leave out transparent, or proxy_protocol");
	else if (listener->protocol == PROTOCOL_HTTP)
		fault_add(c->faults, place_of(listener->node, "transparent"), path,
			"requests are read and routed, nothing leaves as it came" HINT
			"leave out transparent, or use protocol = \"tcp\"");
}

static void check_mode(const struct checking *c, uint32_t index)
{
	const struct config_listener *listener = &config_listeners(c->config)[index];
	char path[FAULT_PATH_BYTES];

	snprintf(path, sizeof(path), "listeners[%u].mode", index);
	if (listener->protocol == PROTOCOL_HTTP && listener->mode == MODE_DIRECT)
		fault_add(c->faults, place_of(listener->node, "mode"), path,
			"requests are read and routed, connections end here" HINT
			"leave mode out for a listener of protocol http");
	if (listener->mode == MODE_DIRECT || listener->protocol != PROTOCOL_UDP)
		return;
	fault_add(c->faults, place_of(listener->node, "mode"), path,
		"only TCP has connections to end here" HINT
		"leave mode out for a listener of protocol udp");
}

// Whether the listener's own upstream, where it names one, is there.
static bool resolve_upstream(const struct checking *c, uint32_t index)
{
	struct config_listener *listener =
		(struct config_listener *)c->config->listeners.items + index;
	char path[FAULT_PATH_BYTES];

	if (!listener->upstream[0]) {
		snprintf(path, sizeof(path), "listeners[%u]", index);
		if (listener->protocol != PROTOCOL_HTTP)
			fault_add(c->faults, &listener->node->place, path,
				"has no \"upstream\"" HINT "add upstream = ...;");
		return listener->protocol == PROTOCOL_HTTP;
	}
	if (!find_upstream(c->config, listener->upstream, &listener->upstream_index)) {
		snprintf(path, sizeof(path), "listeners[%u].upstream", index);
		fault_add(c->faults, place_of(listener->node, "upstream"), path,
			"there is no upstream \"%s\"" HINT
			"add it to upstreams, or name one that is there",
			listener->upstream);
		return false;
	}
	return true;
}

// One of the upstreams that a listener uses.
static void check_used_upstream(const struct checking *c, uint32_t index, uint32_t used)
{
	const struct config_listener *listener = &config_listeners(c->config)[index];
	const struct config_upstream *upstream = &config_upstreams(c->config)[used];
	char path[FAULT_PATH_BYTES];

	if (listener->mode == MODE_DIRECT)
		check_listener_families(c, index, upstream);
	check_proxy_protocol(c, index, upstream);
	check_keepalive(c, index, upstream);
	check_timeouts(c, index, upstream);
	check_endpoints(c, index, upstream);
	check_source_ports(c, index, upstream);
	check_listener_origin(c, index, used);
	check_http_upstream(c, index, upstream);
	snprintf(path, sizeof(path), "upstreams[%u].transport.outer", used);
	check_transport(c, listener, &upstream->transport, path);
	for (uint32_t t = 0; t < upstream->targets.count; t++) {
		const struct config_target *target = &upstream->targets.items[t];

		if (!target->is_name && own_address_find(&c->own, &target->address))
			check_loop(c, index, upstream, target);
	}
}

static void check_listener_upstreams(const struct checking *c, uint32_t index)
{
	const struct config_listener *listener = &config_listeners(c->config)[index];
	uint32_t cursor = 0;
	uint32_t used;

	check_mode(c, index);
	check_transparent(c, index);
	check_listener_http(c, index);
	if (!resolve_upstream(c, index))
		return;
	while ((used = config_listener_upstream(listener, &cursor)) != UINT32_MAX)
		check_used_upstream(c, index, used);
}

static void derive_listener(struct config_listener *listener)
{
	static const uint32_t idle_s[] = {
		[PROTOCOL_TCP] = DEFAULT_IDLE_TCP_S,
		[PROTOCOL_UDP] = DEFAULT_IDLE_UDP_S,
		[PROTOCOL_HTTP] = DEFAULT_IDLE_HTTP_S,
	};

	if (listener->idle_timeout_s == UINT32_MAX)
		// A stranger to REALITY is not to be let go before its target would.
		listener->idle_timeout_s = idle_s[listener->transport.security == SECURITY_REALITY
							  ? PROTOCOL_TCP
							  : listener->protocol];
	if (listener->protocol == PROTOCOL_HTTP && !text_child(listener->node, "mode"))
		listener->mode = MODE_TERMINATE;
}

static void check_listen(const struct checking *c, uint32_t index)
{
	const struct config_listener *listener = &config_listeners(c->config)[index];
	char path[FAULT_PATH_BYTES];
	char shown[IP_ADDRESS_TEXT_MAX];

	if (listener->listen.any || own_address_find(&c->own, &listener->listen.address))
		return;
	snprintf(path, sizeof(path), "listeners[%u].listen", index);
	fault_add(c->faults, place_of(listener->node, "listen"), path,
		"listener \"%s\": %s is not an own address" HINT
		"give it to a port, or listen on one that a port has",
		listener->name, ip_address_print(&listener->listen.address, shown));
	fault_mark(c->faults, listener->protocol == PROTOCOL_UDP ? FAULT_UDP_BIND : FAULT_TCP_BIND);
}

void check_listeners(const struct checking *c)
{
	struct config_listener *listeners = c->config->listeners.items;

	for (uint32_t i = 0; i < c->config->listeners.count; i++) {
		struct config_listener *listener = &listeners[i];
		char path[FAULT_PATH_BYTES];

		derive_listener(listener);
		check_listen(c, i);
		for (uint32_t k = 0; k < i; k++)
			check_listener_pair(c, i, k);
		snprintf(path, sizeof(path), "listeners[%u].transport.outer", i);
		check_transport(c, listener, &listener->transport, path);
		check_listener_upstreams(c, i);
		check_listener_security(c, i);
	}
}
