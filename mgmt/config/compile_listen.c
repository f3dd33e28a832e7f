// SPDX-License-Identifier: BSD-3-Clause
#include "config/compile_parts.h"

#include <netinet/in.h>

enum {
	PORTS = 65536,
	ENTRIES_MAX = UINT16_MAX
};

struct listen_build {
	struct snapshot *snapshot;
	uint32_t capacity;
	uint8_t protocol;
	bool boundary[PORTS + 1]; // the listeners of this port differ from those of the one before
};

static int entry_add(
	struct listen_build *b, const struct snapshot_listener *listener, uint16_t next)
{
	struct snapshot *s = b->snapshot;

	if (s->listen_entry_count >= ENTRIES_MAX)
		return -E2BIG;
	if (s->listen_entry_count == b->capacity) {
		uint32_t capacity = b->capacity ? 2 * b->capacity : 64;
		struct listen_entry *grown = realloc(s->listen_entries, capacity * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		s->listen_entries = grown;
		b->capacity = capacity;
	}
	s->listen_entries[s->listen_entry_count++] = (struct listen_entry){
		.address = listener->address, .listener = listener->slot, .next = next};
	return 0;
}

static bool is_wildcard(const struct snapshot_listener *listener)
{
	return (listener->address.halves[0] | listener->address.halves[1]) == 0;
}

// The chain for a port, built from its end: first the wildcard, so that exact addresses come before
// it.
static int chain_build(struct listen_build *b, uint32_t port, uint16_t *head)
{
	const struct snapshot *s = b->snapshot;
	int rc = 0;

	*head = 0;
	for (int exact = 0; exact < 2; exact++) {
		for (uint32_t i = 0; i < s->listener_limit && !rc; i++) {
			const struct snapshot_listener *listener = s->listeners[i];

			if (!listener || listener->closing || listener->protocol != b->protocol ||
				port < listener->port_first || port > listener->port_last ||
				is_wildcard(listener) == exact)
				continue;
			rc = entry_add(b, listener, *head);
			*head = (uint16_t)s->listen_entry_count;
		}
	}
	return rc;
}

static void boundaries_mark(struct listen_build *b)
{
	const struct snapshot *s = b->snapshot;

	memset(b->boundary, 0, sizeof(b->boundary));
	for (uint32_t i = 0; i < s->listener_limit; i++) {
		const struct snapshot_listener *listener = s->listeners[i];

		if (!listener || listener->closing || listener->protocol != b->protocol)
			continue;
		b->boundary[listener->port_first] = true;
		b->boundary[listener->port_last + 1u] = true;
	}
}

// Ports with the same listeners share one chain, so that a wide range costs one entry.
static int heads_build(struct listen_build *b, uint16_t **heads)
{
	uint16_t head = 0;
	int rc = 0;

	*heads = calloc(PORTS, sizeof(**heads));
	if (!*heads)
		return -ENOMEM;
	boundaries_mark(b);
	for (uint32_t port = 0; port < PORTS && !rc; port++) {
		if (b->boundary[port])
			rc = chain_build(b, port, &head);
		(*heads)[port] = head;
	}
	return rc;
}

int compile_listen(struct compiling *c)
{
	struct listen_build *b = calloc(1, sizeof(*b));
	int rc = b ? 0 : -ENOMEM;

	for (unsigned i = 0; i < 2 && !rc; i++) {
		b->snapshot = c->snapshot;
		b->protocol = i == 0 ? IPPROTO_TCP : IPPROTO_UDP;
		rc = heads_build(b, &c->snapshot->listen_head[i]);
	}
	free(b);
	return rc ? compile_fail(c, rc, "too many listeners share ranges of ports") : 0;
}
