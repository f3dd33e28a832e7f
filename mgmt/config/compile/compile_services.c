// SPDX-License-Identifier: BSD-3-Clause
#include "config/compile/compile_services.h"

static bool upstream_unchanged(
	const struct snapshot_upstream *before, const struct upstream_build *build)
{
	return before && !before->closing && !build->targets_changed &&
	       before->balance == (enum balance_rule)build->from->balance &&
	       before->source_client == build->from->source.client &&
	       before->proxy_protocol == build->from->proxy_protocol &&
	       before->congestion == build->from->congestion &&
	       before->look == build->from->tcp_profile &&
	       before->keepalive_s == build->from->keepalive_s &&
	       before->user_timeout_s == build->from->user_timeout_s &&
	       before->ecn == (bool)build->from->ecn &&
	       before->memory == build->from->memory_bytes &&
	       before->idle_connections == build->from->idle_connections &&
	       before->target_count == build->target_count &&
	       memcmp(before->targets, build->targets,
		       build->target_count * sizeof(*build->targets)) == 0 &&
	       before->security == build->security;
}

// Takes one reference only to give it back: frees an object that nobody came to hold.
static void upstream_drop(struct snapshot_upstream *upstream)
{
	upstream->references = 1;
	snapshot_upstream_put(upstream);
}

static int upstream_make(struct compiling *c, struct upstream_build *build, uint16_t slot)
{
	const struct slot_entry *entry = &c->slots->tables[SLOT_UPSTREAM].entries[slot];
	struct snapshot_upstream *upstream;
	int rc;

	if (upstream_unchanged(entry->object, build))
		return 0;
	upstream = calloc(1, sizeof(*upstream));
	if (!upstream)
		return -ENOMEM;
	upstream->slot = slot;
	upstream->generation = entry->generation;
	snprintf(upstream->name, sizeof(upstream->name), "%s", build->from->name);
	upstream->balance = (enum balance_rule)build->from->balance;
	upstream->source_client = build->from->source.client;
	upstream->proxy_protocol = (uint8_t)build->from->proxy_protocol;
	upstream->congestion = (uint8_t)build->from->congestion;
	upstream->look = (uint8_t)build->from->tcp_profile;
	upstream->keepalive_s = build->from->keepalive_s;
	upstream->user_timeout_s = build->from->user_timeout_s;
	upstream->ecn = build->from->ecn;
	upstream->memory = build->from->memory_bytes;
	upstream->idle_connections = build->from->idle_connections;
	upstream->security = build->security;
	upstream->target_count = build->target_count;
	upstream->targets = build->targets;
	build->targets = NULL;
	rc = compile_balance(c, upstream);
	if (rc)
		upstream_drop(upstream);
	else
		slot_map_set(c->slots, SLOT_UPSTREAM, slot, upstream);
	return rc;
}

static int upstream_compile(struct compiling *c, const struct config_upstream *from)
{
	struct upstream_build build = {.from = from};
	uint16_t slot;
	int rc = slot_map_claim(c->slots, SLOT_UPSTREAM, from->name, &slot);

	if (from->transport.security != SECURITY_RAW)
		build.security = c->input->upstream_security(c->input->context, from);
	if (!rc)
		rc = compile_targets(c, &build);
	if (!rc)
		rc = upstream_make(c, &build, slot);
	free(build.targets);
	return rc;
}

// Who is no client of a REALITY credential's has its target, an upstream that is in no text.
static int mirror_compile(struct compiling *c, const struct config_credential *from)
{
	char name[MIRROR_NAME_BYTES];
	struct config_target target = from->target;
	const struct config_upstream upstream = {
		.name = mirror_name(name, from->name),
		.targets = {.count = 1, .items = &target},
		.proxy_protocol = from->target_proxy_protocol,
	};

	return upstream_compile(c, &upstream);
}

// Those that a listener names.
static int mirrors_compile(struct compiling *c)
{
	const struct config *config = c->input->config;
	int rc = 0;

	for (uint32_t i = 0; i < config->listeners.count && !rc; i++) {
		const struct config_transport *t = &config_listeners(config)[i].transport;

		if (t->security == SECURITY_REALITY)
			rc = mirror_compile(
				c, config_credential_find(config, t->credentials.items[0]));
	}
	return rc;
}

static bool listener_equal(const struct snapshot_listener *a, const struct snapshot_listener *b)
{
	size_t skip = offsetof(struct snapshot_listener, slot);

	return memcmp((const char *)a + skip, (const char *)b + skip, sizeof(*a) - skip) == 0;
}

static struct snapshot_limit limit_of(const struct config_limit *from)
{
	return (struct snapshot_limit){
		.after_bytes = from->after_bytes,
		.bytes_per_s = from->bytes_per_s,
		.burst_bytes = from->burst_bytes ? from->burst_bytes : from->bytes_per_s,
	};
}

static void mirror_fill(const struct compiling *c, const struct config_credential *credential,
	struct snapshot_listener *listener)
{
	char name[MIRROR_NAME_BYTES];

	listener->is_mirrored = listener->transparent = true;
	listener->mirror =
		slot_map_find(c->slots, SLOT_UPSTREAM, mirror_name(name, credential->name));
	listener->limits[0] = limit_of(&credential->limit_fallback_upload);
	listener->limits[1] = limit_of(&credential->limit_fallback_download);
}

static int listener_fill(const struct compiling *c, const struct config_listener *from,
	const struct snapshot_listener *before, struct snapshot_listener *listener)
{
	snprintf(listener->name, sizeof(listener->name), "%s", from->name);
	listener->protocol = config_listener_wire_protocol(from);
	listener->mode = (enum listener_mode)from->mode;
	listener->upstream = from->upstream[0]
				     ? slot_map_find(c->slots, SLOT_UPSTREAM, from->upstream)
				     : SLOT_NONE;
	listener->address = from->listen.address;
	listener->port_first = from->listen.port_first;
	listener->port_last = from->listen.port_last;
	listener->idle_timeout = from->idle_timeout_s * USEC_PER_SECOND;
	listener->connect_timeout = from->connect_timeout_s * USEC_PER_SECOND;
	listener->close_timeout = from->close_timeout_s * USEC_PER_SECOND;
	listener->keepalive_s = from->keepalive_s;
	listener->user_timeout_s = from->user_timeout_s;
	listener->ecn = from->ecn;
	listener->memory = from->memory_bytes;
	listener->max_sessions = from->max_sessions;
	listener->proxy_protocol = from->proxy_protocol;
	listener->congestion = (uint8_t)from->congestion;
	listener->look = (uint8_t)from->tcp_profile;
	listener->transparent = from->transparent;
	if (from->transport.security != SECURITY_RAW)
		listener->security = c->input->security(c->input->context, from);
	if (from->transport.security == SECURITY_REALITY)
		mirror_fill(c,
			config_credential_find(
				c->input->config, from->transport.credentials.items[0]),
			listener);
	return from->protocol == PROTOCOL_HTTP
		       ? compile_http(c, from, before ? before->http : NULL, &listener->http)
		       : 0;
}

static void former_remove(struct slot_entry *entry, uint32_t at)
{
	memmove(&entry->former[at], &entry->former[at + 1],
		(entry->former_count - at - 1u) * sizeof(entry->former[0]));
	entry->former_count--;
}

static bool is_at(const struct snapshot_listener *listener, const struct listen_place *place)
{
	return ip_address_equal(&listener->address, &place->address) &&
	       listener->port_first == place->port_first && listener->port_last == place->port_last;
}

// Sessions that a listener has where it was until now keep their way through steering. Of more
// moves than there is room for, the oldest is forgotten.
static void former_keep(struct slot_entry *entry, const struct snapshot_listener *now)
{
	const struct snapshot_listener *before = entry->object;
	struct listen_place left;

	for (uint32_t i = entry->former_count; i-- > 0;)
		if (is_at(now, &entry->former[i]))
			former_remove(entry, i);
	if (!before)
		return;
	left = (struct listen_place){before->address, before->port_first, before->port_last};
	if (is_at(now, &left))
		return;
	if (entry->former_count == FORMER_PLACES)
		former_remove(entry, 0);
	entry->former[entry->former_count++] = left;
}

static int listener_compile(struct compiling *c, const struct config_listener *from)
{
	struct snapshot_listener *listener;
	struct slot_entry *entry;
	char key[SLOT_KEY_BYTES];
	uint16_t slot;
	int rc = slot_map_claim(
		c->slots, SLOT_LISTENER, slot_listener_key(key, from->name, from->protocol), &slot);

	if (rc)
		return rc;
	listener = calloc(1, sizeof(*listener));
	if (!listener)
		return -ENOMEM;
	entry = &c->slots->tables[SLOT_LISTENER].entries[slot];
	listener->slot = slot;
	listener->generation = entry->generation;
	rc = listener_fill(c, from, entry->object, listener);
	if (rc) {
		free(listener);
		return rc;
	}
	former_keep(entry, listener);
	if (entry->object && listener_equal(entry->object, listener)) {
		snapshot_http_put(listener->http);
		free(listener);
	} else {
		slot_map_set(c->slots, SLOT_LISTENER, slot, listener);
	}
	return 0;
}

static int close_listener(struct compiling *c, uint16_t slot, const struct snapshot_listener *from)
{
	struct snapshot_listener *closing;

	if (from->closing)
		return 0;
	closing = malloc(sizeof(*closing));
	if (!closing)
		return -ENOMEM;
	*closing = *from;
	closing->references = 0;
	closing->closing = true;
	snapshot_http_share(closing->http);
	slot_map_set(c->slots, SLOT_LISTENER, slot, closing);
	return 0;
}

static int close_target(struct compiling *c, uint16_t slot, const struct snapshot_target *from)
{
	struct snapshot_target *closing;

	if (from->closing)
		return 0;
	closing = malloc(sizeof(*closing));
	if (!closing)
		return -ENOMEM;
	*closing = *from;
	closing->references = 0;
	closing->closing = true;
	slot_map_set(c->slots, SLOT_TARGET, slot, closing);
	return 0;
}

// A closing upstream takes no new sessions, so it needs no tables.
static int close_upstream(struct compiling *c, uint16_t slot, const struct snapshot_upstream *from)
{
	struct snapshot_upstream *closing;

	if (from->closing)
		return 0;
	closing = malloc(sizeof(*closing));
	if (!closing)
		return -ENOMEM;
	*closing = *from;
	closing->references = 0;
	closing->closing = true;
	memset(closing->turns, 0, sizeof(closing->turns));
	memset(closing->hashed, 0, sizeof(closing->hashed));
	closing->targets = calloc(from->target_count + 1u, sizeof(*closing->targets));
	if (!closing->targets) {
		free(closing);
		return -ENOMEM;
	}
	memcpy(closing->targets, from->targets, from->target_count * sizeof(*closing->targets));
	slot_map_set(c->slots, SLOT_UPSTREAM, slot, closing);
	return 0;
}

static int close_object(struct compiling *c, enum slot_kind kind, uint16_t slot)
{
	const void *object = c->slots->tables[kind].entries[slot].object;

	if (!object)
		return 0;
	if (kind == SLOT_LISTENER)
		return close_listener(c, slot, object);
	return kind == SLOT_TARGET ? close_target(c, slot, object)
				   : close_upstream(c, slot, object);
}

static int close_unseen(struct compiling *c)
{
	int rc = 0;

	slot_map_end(c->slots);
	for (int kind = 0; kind < SLOT_NETIF; kind++) {
		const struct slot_table *table = &c->slots->tables[kind];

		for (uint32_t slot = 0; slot < table->limit && !rc; slot++)
			if (table->entries[slot].closing)
				rc = close_object(c, (enum slot_kind)kind, (uint16_t)slot);
	}
	return rc;
}

// The snapshot takes its own reference on every object of the map.
static int objects_publish(struct compiling *c)
{
	struct snapshot *s = c->snapshot;
	const struct slot_table *listeners = &c->slots->tables[SLOT_LISTENER];
	const struct slot_table *upstreams = &c->slots->tables[SLOT_UPSTREAM];
	const struct slot_table *targets = &c->slots->tables[SLOT_TARGET];

	s->listeners = calloc(MAX_LISTENERS, sizeof(*s->listeners));
	s->upstreams = calloc(MAX_UPSTREAMS, sizeof(*s->upstreams));
	s->targets = calloc(MAX_TARGETS, sizeof(*s->targets));
	if (!s->listeners || !s->upstreams || !s->targets)
		return -ENOMEM;
	s->listener_limit = (uint16_t)listeners->limit;
	s->upstream_limit = (uint16_t)upstreams->limit;
	s->target_limit = (uint16_t)targets->limit;
	for (uint32_t i = 0; i < listeners->limit; i++) {
		s->listeners[i] = slot_object_share(SLOT_LISTENER, listeners->entries[i].object);
		s->terminates |= s->listeners[i] && s->listeners[i]->mode == MODE_TERMINATE;
	}
	for (uint32_t i = 0; i < upstreams->limit; i++)
		s->upstreams[i] = slot_object_share(SLOT_UPSTREAM, upstreams->entries[i].object);
	for (uint32_t i = 0; i < targets->limit; i++)
		s->targets[i] = slot_object_share(SLOT_TARGET, targets->entries[i].object);
	return snapshot_targets_index(s);
}

int compile_services(struct compiling *c)
{
	const struct config *config = c->input->config;
	int rc = 0;

	for (uint32_t i = 0; i < config->upstreams.count && !rc; i++)
		rc = upstream_compile(c, &config_upstreams(config)[i]);
	if (!rc)
		rc = mirrors_compile(c);
	for (uint32_t i = 0; i < config->listeners.count && !rc; i++)
		rc = listener_compile(c, &config_listeners(config)[i]);
	if (!rc)
		rc = close_unseen(c);
	if (!rc)
		rc = objects_publish(c);
	return rc ? compile_fail(c, rc,
			    "too many listeners, upstreams or targets, those that close included")
		  : 0;
}
