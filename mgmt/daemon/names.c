// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/names.h"

#include <sched.h>
#include <strings.h>

struct name {
	struct name *next;
	uint32_t watches;  // of the configuration that is followed
	bool told_failure; // an event says that it does not resolve
	struct resolver_result result;
};

struct names {
	struct daemon *daemon;
	struct resolver *resolver;
	struct event *readable;
	struct name *first;
};

static struct name *name_find(const struct names *names, const char *text)
{
	for (struct name *n = names->first; n != NULL; n = n->next)
		if (strcasecmp(n->result.name, text) == 0)
			return n;
	return NULL;
}

// Whether a listener of this node that is served by the upstream would hand its sessions to itself
// or to another one there: only one of the same protocol takes them.
static bool leads_to_listener(const struct daemon *daemon, const struct config_upstream *upstream,
	const struct ip_address *address, uint16_t port)
{
	const struct snapshot *s = node_snapshot(daemon->node);
	const struct config_listener *listeners = config_listeners(daemon->config);

	for (uint32_t i = 0; i < daemon->config->listeners.count; i++)
		if (strcmp(listeners[i].upstream, upstream->name) == 0 &&
			snapshot_listener_find(s, config_listener_wire_protocol(&listeners[i]),
				address, port) != NULL)
			return true;
	return false;
}

// Whether address with one of the ports that the configuration gives this name is a listener that
// sessions to it would come back to.
static bool is_own_listener(
	const struct daemon *daemon, const char *name, const struct ip_address *address)
{
	const struct snapshot *s = daemon->node != NULL ? node_snapshot(daemon->node) : NULL;
	const struct config_upstream *upstreams =
		daemon->config != NULL ? config_upstreams(daemon->config) : NULL;

	for (uint32_t u = 0; s != NULL && upstreams != NULL && u < daemon->config->upstreams.count;
		u++)
		for (uint32_t t = 0; t < upstreams[u].targets.count; t++) {
			const struct config_target *target = &upstreams[u].targets.items[t];

			if (!target->is_name || strcasecmp(target->host, name) != 0)
				continue;
			if (leads_to_listener(daemon, &upstreams[u], address, target->port))
				return true;
		}
	return false;
}

// A name that leads back here would forward to itself: such addresses are left out.
static void loops_remove(struct names *names, struct resolver_result *result)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < result->count; i++) {
		char text[IP_ADDRESS_TEXT_MAX];

		if (!is_own_listener(names->daemon, result->name, &result->addresses[i])) {
			result->addresses[kept++] = result->addresses[i];
			continue;
		}
		if (result->changed)
			daemon_event(names->daemon, EVENT_KIND_TARGET_OWN_LISTENER,
				"%s resolves to %s, where a listener of this node is", result->name,
				ip_address_print(&result->addresses[i], text));
	}
	result->count = kept;
}

static void result_tell(
	struct names *names, struct name *name, const struct resolver_result *result)
{
	if (result->status == RESOLVER_RESOLVED) {
		if (result->changed || name->told_failure)
			daemon_event(names->daemon, EVENT_KIND_NAME_RESOLVED,
				"%s has %u address%s, asked again in %u s", result->name,
				result->count, result->count == 1 ? "" : "es", result->ttl_s);
		name->told_failure = false;
	} else if (!name->told_failure) {
		daemon_event(names->daemon, EVENT_KIND_NAME_UNRESOLVED, "%s: %s; %s", result->name,
			resolver_status_text(result->status),
			result->count > 0 ? "its last addresses stay" : "its targets are down");
		name->told_failure = true;
	}
}

static void on_results(evutil_socket_t fd, short what, void *argument)
{
	static struct resolver_result result;
	struct names *names = argument;

	while (resolver_next(names->resolver, &result)) {
		struct name *name = name_find(names, result.name);

		if (name == NULL)
			continue;
		loops_remove(names, &result);
		result_tell(names, name, &result);
		bool differs = result.count != name->result.count ||
			       memcmp(result.addresses, name->result.addresses,
				       result.count * sizeof(result.addresses[0])) != 0;

		name->result = result;
		if (differs)
			names->daemon->recompile = true;
	}
}

int names_create(struct daemon *daemon, struct names **out)
{
	struct names *names = calloc(1, sizeof(*names));

	if (names == NULL)
		return -ENOMEM;
	names->daemon = daemon;
	*out = names;
	return 0;
}

void names_destroy(struct names *names)
{
	if (names == NULL)
		return;
	if (names->readable != NULL)
		event_free(names->readable);
	resolver_destroy(names->resolver);
	while (names->first != NULL) {
		struct name *name = names->first;

		names->first = name->next;
		free(name);
	}
	free(names);
}

// The resolver's thread inherits where this one may run: slowpath.cpus, if they are given.
static int resolver_start(struct names *names, const struct config_cpus *cpus,
	const struct resolver_config *settings, char *error, size_t error_size)
{
	cpu_set_t ours, wanted;

	CPU_ZERO(&wanted);
	for (uint32_t i = 0; i < cpus->count; i++)
		CPU_SET(cpus->items[i], &wanted);

	bool moved = cpus->count > 0 && sched_getaffinity(0, sizeof(ours), &ours) == 0 &&
		     sched_setaffinity(0, sizeof(wanted), &wanted) == 0;
	int status = resolver_create(settings, &names->resolver, error, error_size);

	if (moved)
		sched_setaffinity(0, sizeof(ours), &ours);
	return status;
}

static int resolver_ensure(
	struct names *names, const struct config *config, char *error, size_t error_size)
{
	static char texts[RESOLVER_SERVERS_MAX][ENDPOINT_TEXT_BYTES];
	const char *servers[RESOLVER_SERVERS_MAX];
	struct resolver_config settings = {.servers = servers};
	const struct config_resolvers *list = &config->resolvers;

	for (uint32_t i = 0; !list->system && i < list->count && i < RESOLVER_SERVERS_MAX; i++) {
		uint16_t port = list->items[i].port_first != 0 ? list->items[i].port_first : 53;

		servers[i] = endpoint_print(&list->items[i].address, port, texts[i]);
		settings.server_count = i + 1;
	}
	if (names->resolver != NULL)
		return resolver_configure(names->resolver, &settings, error, error_size);

	int status = resolver_start(names, &config->slowpath.cpus, &settings, error, error_size);

	if (status != 0)
		return status;
	names->readable = event_new(names->daemon->base, resolver_descriptor(names->resolver),
		EV_READ | EV_PERSIST, on_results, names);
	if (names->readable != NULL && event_add(names->readable, NULL) == 0)
		return 0;
	snprintf(error, error_size, "out of memory");
	return -ENOMEM;
}

static int name_watch(struct names *names, const char *text, char *error, size_t error_size)
{
	struct name *name = name_find(names, text);
	int status = resolver_watch(names->resolver, text);

	if (status == 0 && name == NULL) {
		name = calloc(1, sizeof(*name));
		if (name == NULL) {
			resolver_unwatch(names->resolver, text);
			status = -ENOMEM;
		} else {
			snprintf(name->result.name, sizeof(name->result.name), "%s", text);
			name->next = names->first;
			names->first = name;
		}
	}
	if (status != 0)
		snprintf(error, error_size, "%s cannot be resolved: %s", text, strerror(-status));
	else
		name->watches++;
	return status;
}

static void name_unwatch(struct names *names, const char *text)
{
	struct name **link = &names->first;

	while (*link != NULL && strcasecmp((*link)->result.name, text) != 0)
		link = &(*link)->next;
	if (*link == NULL)
		return;
	resolver_unwatch(names->resolver, text);
	if (--(*link)->watches > 0)
		return;

	struct name *gone = *link;

	*link = gone->next;
	free(gone);
}

// Targets of a configuration that are given by name: upstreams' and then credentials'.
struct walk {
	const struct config *config;
	uint32_t upstream, target, credential;
};

static const struct config_target *walk_next(struct walk *at)
{
	while (at->upstream < at->config->upstreams.count) {
		const struct config_targets *targets =
			&config_upstreams(at->config)[at->upstream].targets;

		while (at->target < targets->count) {
			const struct config_target *target = &targets->items[at->target++];

			if (target->is_name)
				return target;
		}
		at->upstream++;
		at->target = 0;
	}
	while (at->credential < at->config->credentials.count) {
		const struct config_credential *credential =
			&config_credentials(at->config)[at->credential++];

		if (credential->target.is_name)
			return &credential->target;
	}
	return NULL;
}

// Calls for the names of config, one for each target; stops at the first that fails and says how
// many went before.
static int names_each(struct names *names, const struct config *config, bool watch, uint32_t *done,
	char *error, size_t error_size)
{
	const struct config_target *target;
	struct walk at = {.config = config};
	uint32_t limit = *done;

	*done = 0;
	while (*done != limit && (target = walk_next(&at)) != NULL) {
		int status = 0;

		if (watch)
			status = name_watch(names, target->host, error, error_size);
		else
			name_unwatch(names, target->host);
		if (status != 0)
			return status;
		(*done)++;
	}
	return 0;
}

static bool has_names(const struct config *config)
{
	struct walk at = {.config = config};

	return walk_next(&at) != NULL;
}

int names_follow(struct names *names, const struct config *config, char *error, size_t error_size)
{
	uint32_t done = UINT32_MAX;

	if (has_names(config) || names->resolver != NULL) {
		int status = resolver_ensure(names, config, error, error_size);

		if (status != 0)
			return status;
	}
	if (names->resolver == NULL)
		return 0;

	int status = names_each(names, config, true, &done, error, error_size);

	if (status != 0) {
		(void)names_each(names, config, false, &done, error, error_size);
		return status;
	}
	done = UINT32_MAX;
	if (names->daemon->config != NULL)
		(void)names_each(names, names->daemon->config, false, &done, error, error_size);
	return 0;
}

uint32_t names_resolve(void *context, const char *name, const struct ip_address **out)
{
	const struct daemon *daemon = context;
	const struct name *known = name_find(daemon->names, name);

	if (known == NULL)
		return 0;
	*out = known->result.addresses;
	return known->result.count;
}

const char *names_reason(const struct names *names, const char *name)
{
	const struct name *known = name_find(names, name);

	return known == NULL || known->result.count > 0
		       ? NULL
		       : resolver_status_text(known->result.status);
}
