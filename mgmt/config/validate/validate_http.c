// SPDX-License-Identifier: BSD-3-Clause
// What is said of HTTP listeners: their routes one by one and together.
#include <ctype.h>

#include "config/schema.h"
#include "config/validate/validate.h"

struct route_check {
	const struct checking *c;
	const struct config_http_route *route;
	char path[FAULT_PATH_BYTES];
};

static void blame(
	const struct route_check *at, const char *key, const char *what, const char *value)
{
	char path[FAULT_PATH_BYTES + 16];

	snprintf(path, sizeof(path), "%s.%s", at->path, key);
	fault_add(at->c->faults, place_of(at->route->node, key), path, what, value);
}

static bool is_set(const struct route_check *at, const char *key)
{
	return text_child(at->route->node, key) != NULL;
}

// An IPv6 address in brackets.
static bool literal_is_good(const char *host)
{
	char text[IP_ADDRESS_TEXT_MAX];
	struct ip_address address;
	size_t length = strlen(host);

	if (length < 3 || length - 2 >= sizeof(text) || host[length - 1] != ']')
		return false;
	memcpy(text, host + 1, length - 2);
	text[length - 2] = 0;
	return strchr(text, ':') && ip_address_parse(text, &address);
}

static bool host_is_good(const char *host)
{
	if (host[0] == '[')
		return literal_is_good(host);
	if (strncmp(host, "*.", 2) == 0)
		host += 2;
	return host[0] && host[0] != '.' && host[strlen(host) - 1] != '.' && !strstr(host, "..") &&
	       host[strspn(host, "-_.0123456789abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ")] == 0;
}

// No request's path is compared with "." or ".." segments or two '/' in a row.
static bool path_is_good(const char *path)
{
	if (path[0] != '/')
		return false;
	for (const char *p = path; *p; p++) {
		size_t segment = strcspn(p + 1, "/");

		if (!isgraph((unsigned char)*p) || strchr("?#%", *p))
			return false;
		if (*p != '/')
			continue;
		if ((segment == 0 && p[1]) || (segment == 1 && p[1] == '.') ||
			(segment == 2 && p[1] == '.' && p[2] == '.'))
			return false;
	}
	return true;
}

static bool port_is_good(const char *text)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	return isdigit((unsigned char)text[0]) && *end == 0 && port > 0 && port < 65536;
}

static bool redirect_is_good(const char *to)
{
	for (const char *p = to; *p; p++)
		if (!isgraph((unsigned char)*p) || strchr("?#\"<>\\^`{|}", *p))
			return false;
	if (strcmp(to, "https") == 0 || (to[0] == '/' && to[1] != '/'))
		return true;
	if (strncmp(to, "http://", 7) == 0)
		return to[7] && to[7] != '/';
	if (strncmp(to, "https://", 8) == 0)
		return to[8] && to[8] != '/';
	return strncmp(to, "https:", 6) == 0 && port_is_good(to + 6);
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

static void check_redirect(const struct route_check *at)
{
	const struct config_http_route *route = at->route;

	if (!redirect_is_good(route->redirect))
		blame(at, "redirect",
			"\"%s\" is no place to send clients to" HINT
			"write http://HOST, https://HOST, a /PATH without a query, \"https\" or "
			"\"https:PORT\"",
			route->redirect);
	if (route->strip_prefix && !route->keep_path)
		blame(at, "strip_prefix",
			"the redirection goes on without the path%s" HINT
			"remove strip_prefix, or keep_path = false",
			"");
}

static void check_forward(const struct route_check *at)
{
	static const char *const keys[] = {"status", "keep_path", "keep_query"};

	for (uint32_t i = 0; i < nx_array_size(keys); i++)
		if (is_set(at, keys[i]))
			blame(at, keys[i], "belongs to a redirection%s" HINT "remove the key", "");
}

static void check_route(const struct checking *c, uint32_t listener, uint32_t index)
{
	struct config_http_route *route =
		(struct config_http_route *)config_listeners(c->config)[listener]
			.http.routes.items +
		index;
	struct route_check at = {.c = c, .route = route};

	snprintf(at.path, sizeof(at.path), "listeners[%u].http.routes[%u]", listener, index);
	if (route->host[0] && !host_is_good(route->host))
		blame(&at, "host",
			"\"%s\" is no host" HINT
			"write a name or an address without port, or *.DOMAIN",
			route->host);
	if (!path_is_good(route->path))
		blame(&at, "path",
			"\"%s\" is no path" HINT
			"begin with '/', without '//', '.', '..', '%%', a query or spaces",
			route->path);
	if (!route->upstream[0] == !route->redirect[0])
		blame(&at, "upstream",
			"either an upstream or a redirection serves a route%s" HINT
			"write one of the two",
			"");
	else if (route->redirect[0])
		check_redirect(&at);
	else
		check_forward(&at);
	if (route->upstream[0] &&
		!find_upstream(c->config, route->upstream, &route->upstream_index)) {
		blame(&at, "upstream",
			"there is no upstream \"%s\"" HINT
			"add it to upstreams, or name one that is there",
			route->upstream);
		route->upstream = "";
	}
}

static size_t path_length(const char *path)
{
	size_t length = strlen(path);

	while (length > 0 && path[length - 1] == '/')
		length--;
	return length;
}

static void check_twice(const struct checking *c, uint32_t listener, uint32_t index)
{
	const struct config_http *http = &config_listeners(c->config)[listener].http;
	const struct config_http_route *route = &config_http_routes(http)[index];
	size_t length = path_length(route->path);
	struct route_check at = {.c = c, .route = route};

	snprintf(at.path, sizeof(at.path), "listeners[%u].http.routes[%u]", listener, index);
	if (length == 0 && !route->host[0] && config_listeners(c->config)[listener].upstream[0])
		blame(&at, "path",
			"the listener's upstream \"%s\" serves what no route covers" HINT
			"remove this route, or the listener's upstream",
			config_listeners(c->config)[listener].upstream);
	for (uint32_t i = 0; i < index; i++) {
		const struct config_http_route *other = &config_http_routes(http)[i];

		if (strcasecmp(other->host, route->host) != 0 ||
			path_length(other->path) != length ||
			strncmp(other->path, route->path, length) != 0)
			continue;
		blame(&at, "path",
			"another route has this host and path \"%s\"" HINT "remove one of the two",
			route->path);
		return;
	}
}

// What would have clients speak neither HTTP/1.1 nor HTTP/2.
static void check_alpn(const struct checking *c, uint32_t index)
{
	const struct config_listener *listener = &config_listeners(c->config)[index];
	const struct config_strings *names = &listener->transport.credentials;
	char path[FAULT_PATH_BYTES];

	snprintf(path, sizeof(path), "listeners[%u].transport.credentials", index);
	for (uint32_t i = 0; i < names->count; i++) {
		const struct config_credential *credential =
			config_credential_find(c->config, names->items[i]);

		for (uint32_t k = 0; credential && k < credential->alpn.count; k++)
			if (strcmp(credential->alpn.items[k], "http/1.1") != 0 &&
				strcmp(credential->alpn.items[k], "h2") != 0)
				fault_add(c->faults,
					place_of(listener->transport.node, "credentials"), path,
					"credential \"%s\" promises \"%s\", and the listener speaks HTTP/2 and HTTP/1.1" HINT
					"write alpn = [\"h2\", \"http/1.1\"], or leave it out",
					credential->name, credential->alpn.items[k]);
	}
}

// Whose connections to targets are never anybody's (stream/parked.c), and are to lie idle for all.
static void check_idle_connections(
	const struct checking *c, uint32_t index, const struct config_upstream *upstream)
{
	bool by_client =
		upstream->balance == BALANCE_SOURCE_HASH || upstream->balance == BALANCE_MAGLEV;
	char path[FAULT_PATH_BYTES];

	if (config_listeners(c->config)[index].protocol != PROTOCOL_HTTP ||
		(!by_client && !upstream->proxy_protocol) || upstream->idle_connections == 0 ||
		!text_child(upstream->node, "idle_connections"))
		return;
	snprintf(path, sizeof(path), "upstreams[%u].idle_connections",
		(uint32_t)(upstream - config_upstreams(c->config)));
	fault_add(c->faults, place_of(upstream->node, "idle_connections"), path,
		"each connection is one client's alone (%s), none lies idle for others" HINT
		"leave it out",
		by_client ? "balance" : "proxy_protocol");
}

void check_http_upstream(
	const struct checking *c, uint32_t index, const struct config_upstream *upstream)
{
	const struct config_listener *listener = &config_listeners(c->config)[index];
	char path[FAULT_PATH_BYTES];

	check_idle_connections(c, index, upstream);
	if (listener->protocol != PROTOCOL_HTTP || !upstream->source.client)
		return;
	snprintf(path, sizeof(path), "upstreams[%u].source",
		(uint32_t)(upstream - config_upstreams(c->config)));
	fault_add(c->faults, place_of(upstream->node, "source"), path,
		"listener \"%s\" connects to a target again for one client, and the client's own port is taken until the target lets go" HINT
		"leave source out: targets see the client in X-Forwarded-For, or with proxy_protocol",
		listener->name);
}

void check_listener_http(const struct checking *c, uint32_t index)
{
	const struct config_listener *listener = &config_listeners(c->config)[index];
	const struct config_http *http = &listener->http;
	char path[FAULT_PATH_BYTES];

	snprintf(path, sizeof(path), "listeners[%u].http", index);
	if (listener->protocol != PROTOCOL_HTTP) {
		if (text_child(listener->node, "http"))
			fault_add(c->faults, place_of(listener->node, "http"), path,
				"is of protocol http" HINT
				"write protocol = \"http\", or remove the group");
		return;
	}
	for (uint32_t i = 0; i < http->routes.count; i++) {
		check_route(c, index, i);
		check_twice(c, index, i);
	}
	check_alpn(c, index);
	if (http->routes.count == 0 && !listener->upstream[0])
		fault_add(c->faults, place_of(listener->node, "http"), path,
			"listener \"%s\" has neither routes nor an upstream" HINT
			"add routes = ( { path = \"/\"; upstream = \"NAME\"; } )",
			listener->name);
}
