// SPDX-License-Identifier: BSD-3-Clause
#include "core/snapshot.h"

// Workers see the objects const; the control thread, which made them, counts and frees them.
#define OWNED(type, object) ((struct type *)(uintptr_t)(object))

void snapshot_listener_put(const struct snapshot_listener *listener)
{
	struct snapshot_listener *own = OWNED(snapshot_listener, listener);

	nx_bug_on(own->references == 0);
	if (--own->references > 0)
		return;
	snapshot_http_put(own->http);
	free(own);
}

const struct snapshot_http *snapshot_http_share(const struct snapshot_http *http)
{
	if (http)
		OWNED(snapshot_http, http)->references++;
	return http;
}

void snapshot_http_put(const struct snapshot_http *http)
{
	struct snapshot_http *own = OWNED(snapshot_http, http);

	nx_bug_on(own && own->references == 0);
	if (own && --own->references == 0)
		free(own);
}

void snapshot_upstream_put(const struct snapshot_upstream *upstream)
{
	struct snapshot_upstream *own = OWNED(snapshot_upstream, upstream);

	nx_bug_on(own->references == 0);
	if (--own->references > 0)
		return;
	for (unsigned int family = 0; family < TARGET_FAMILIES; family++) {
		free(own->turns[family]);
		free(own->hashed[family]);
	}
	free(own->targets);
	free(own);
}

void snapshot_target_put(const struct snapshot_target *target)
{
	struct snapshot_target *own = OWNED(snapshot_target, target);

	nx_bug_on(own->references == 0);
	if (--own->references == 0)
		free(own);
}

static void snapshot_objects_put(struct snapshot *snapshot)
{
	for (uint32_t i = 0; snapshot->listeners && i < snapshot->listener_limit; i++)
		if (snapshot->listeners[i])
			snapshot_listener_put(snapshot->listeners[i]);
	for (uint32_t i = 0; snapshot->upstreams && i < snapshot->upstream_limit; i++)
		if (snapshot->upstreams[i])
			snapshot_upstream_put(snapshot->upstreams[i]);
	for (uint32_t i = 0; snapshot->targets && i < snapshot->target_limit; i++)
		if (snapshot->targets[i])
			snapshot_target_put(snapshot->targets[i]);
}

void snapshot_destroy(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	snapshot_objects_put(snapshot);
	for (uint32_t i = 0; i < MAX_PORTS; i++)
		free(snapshot->netif_of[i]);
	free(snapshot->emulate);
	free(snapshot->listeners);
	free(snapshot->upstreams);
	free(snapshot->targets);
	free(snapshot->listen_head[0]);
	free(snapshot->listen_head[1]);
	free(snapshot->listen_entries);
	free(snapshot->netifs);
	free(snapshot->addresses);
	free(snapshot->routes);
	free(snapshot->route_spans);
	free(snapshot->address_hash);
	free(snapshot->target_hash);
	free(snapshot);
}
