// SPDX-License-Identifier: BSD-3-Clause
#include "config/compile/compile_parts.h"

#include <netinet/in.h>

enum {
	PORTS = 65536,
	ENTRIES_MAX = UINT16_MAX
};

struct listen_build {
	struct snapshot *snapshot;
	const struct slot_table *listeners;
	uint32_t capacity;
	uint8_t protocol;
	bool boundary[PORTS + 1]; // the listeners of this port differ from those of the one before
};

static int entry_add(struct listen_build *b, const struct listen_place *place, uint16_t listener,
	bool closing, uint16_t next)
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
		.address = place->address, .listener = listener, .next = next, .closing = closing};
	return 0;
}

static bool is_wildcard(const struct listen_place *place)
{
	return (place->address.halves[0] | place->address.halves[1]) == 0;
}

// The n-th place of a listener: where it listens, then where it did while sessions remain.
static bool place_at(const struct listen_build *b, uint32_t slot, uint32_t n,
	struct listen_place *place, bool *closing)
{
	const struct snapshot_listener *listener = b->snapshot->listeners[slot];
	const struct slot_entry *entry = &b->listeners->entries[slot];

	if (!listener || listener->protocol != b->protocol || n > entry->former_count)
		return false;
	*closing = listener->closing || n > 0;
	if (n > 0)
		*place = entry->former[n - 1];
	else
		*place = (struct listen_place){
			listener->address, listener->port_first, listener->port_last};
	return true;
}

// One stretch of a port's chain is put before what stands there: exact addresses or the wildcard,
// of places that take new sessions or of those that do not.
static int stretch_build(
	struct listen_build *b, uint32_t port, bool closing, bool exact, uint16_t *head)
{
	struct listen_place place;
	bool closes;
	int rc = 0;

	for (uint32_t i = 0; i < b->snapshot->listener_limit; i++) {
		for (uint32_t n = 0; !rc && place_at(b, i, n, &place, &closes); n++) {
			if (closes != closing || is_wildcard(&place) == exact ||
				port < place.port_first || port > place.port_last)
				continue;
			rc = entry_add(b, &place, (uint16_t)i, closing, *head);
			*head = (uint16_t)b->snapshot->listen_entry_count;
		}
	}
	return rc;
}

// The chain for a port, built from its end, so that exact addresses come before the wildcard and
// new sessions find all of them before what closes.
static int chain_build(struct listen_build *b, uint32_t port, uint16_t *head)
{
	int rc = 0;

	*head = 0;
	for (int live = 0; live < 2; live++)
		for (int exact = 0; exact < 2 && !rc; exact++)
			rc = stretch_build(b, port, !live, exact, head);
	return rc;
}

static void boundaries_mark(struct listen_build *b)
{
	struct listen_place place;
	bool closes;

	memset(b->boundary, 0, sizeof(b->boundary));
	for (uint32_t i = 0; i < b->snapshot->listener_limit; i++) {
		for (uint32_t n = 0; place_at(b, i, n, &place, &closes); n++) {
			b->boundary[place.port_first] = true;
			b->boundary[place.port_last + 1u] = true;
		}
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
		b->listeners = &c->slots->tables[SLOT_LISTENER];
		b->protocol = i == 0 ? IPPROTO_TCP : IPPROTO_UDP;
		rc = heads_build(b, &c->snapshot->listen_head[i]);
	}
	free(b);
	return rc ? compile_fail(c, rc, "too many listeners share ranges of ports") : 0;
}
