// SPDX-License-Identifier: BSD-3-Clause
// The longest matching prefix by binary search. Prefixes contain one another or have nothing in
// common, so they cut the line of all addresses into at most 2n + 1 spans, each with one best
// route: exact for any set of routes, both families in one array, and found in log2(n) steps by
// whoever opens sessions as fast as they can.
#include <errno.h>
#include <stdlib.h>

#include "core/snapshot.h"

enum {
	// Prefixes that contain one address: a length each, and IPv4's.
	NESTED_MAX = 130
};

// An address as a number, so that neighbours on the line are one apart.
struct point {
	uint64_t high;
	uint64_t low;
};

struct stretch {
	struct point first;
	struct point last;
	uint8_t length;
	uint16_t route; // SLOT_NONE: IPv4 as a whole, that ::/0 does not reach
};

struct cutting {
	struct route_span *spans;
	uint32_t count;
	uint32_t depth;
	const struct stretch *open[NESTED_MAX]; // each within the one before
};

static struct point point_of(const struct ip_address *address)
{
	return (struct point){be64toh(address->halves[0]), be64toh(address->halves[1])};
}

static bool is_before(struct point a, struct point b)
{
	return a.high < b.high || (a.high == b.high && a.low < b.low);
}

static bool is_same(struct point a, struct point b)
{
	return a.high == b.high && a.low == b.low;
}

static struct stretch stretch_of(const struct ip_prefix *prefix, uint16_t route)
{
	struct point first = point_of(&prefix->address);
	unsigned int host = 128u - prefix->length;
	struct point rest = {.high = host > 64 ? UINT64_MAX >> (128 - host) : 0,
		.low = host == 0 ? 0 : UINT64_MAX >> (host < 64 ? 64 - host : 0)};

	return (struct stretch){
		.first = {first.high & ~rest.high, first.low & ~rest.low},
		.last = {first.high | rest.high, first.low | rest.low},
		.length = prefix->length,
		.route = route,
	};
}

// Containing before contained; of equals IPv4's own mark first, then the order of the routes.
static int stretch_order(const void *a, const void *b)
{
	const struct stretch *left = a;
	const struct stretch *right = b;

	if (!is_same(left->first, right->first))
		return is_before(left->first, right->first) ? -1 : 1;
	if (left->length != right->length)
		return left->length < right->length ? -1 : 1;
	return (uint16_t)(left->route + 1) < (uint16_t)(right->route + 1) ? -1 : 1;
}

// From here on the innermost open stretch counts.
static void cut(struct cutting *c, struct point at)
{
	uint16_t route = c->depth > 0 ? c->open[c->depth - 1]->route : SLOT_NONE;
	struct route_span *last = &c->spans[c->count - 1];

	if (last->high == at.high && last->low == at.low)
		last->route = route;
	else if (last->route != route)
		c->spans[c->count++] =
			(struct route_span){.high = at.high, .low = at.low, .route = route};
}

// Ends the innermost open stretch; nothing follows the last address there is.
static void end_innermost(struct cutting *c)
{
	struct point last = c->open[--c->depth]->last;

	if (last.low != UINT64_MAX)
		cut(c, (struct point){last.high, last.low + 1});
	else if (last.high != UINT64_MAX)
		cut(c, (struct point){last.high + 1, 0});
}

static bool is_known(const struct cutting *c, const struct stretch *s)
{
	const struct stretch *top = c->depth > 0 ? c->open[c->depth - 1] : NULL;

	return top && top->length == s->length && is_same(top->first, s->first) &&
	       top->route != SLOT_NONE;
}

static uint32_t cut_all(
	struct route_span *spans, const struct stretch *stretches, uint32_t stretch_count)
{
	struct cutting c = {.spans = spans, .count = 1};

	spans[0] = (struct route_span){.route = SLOT_NONE};
	for (uint32_t i = 0; i < stretch_count; i++) {
		const struct stretch *s = &stretches[i];

		while (c.depth > 0 && is_before(c.open[c.depth - 1]->last, s->first))
			end_innermost(&c);
		if (is_known(&c, s))
			continue;
		c.open[c.depth++] = s;
		cut(&c, s->first);
	}
	while (c.depth > 0)
		end_innermost(&c);
	return c.count;
}

int snapshot_routes_index(struct snapshot *s)
{
	struct ip_prefix v4 = {.address = ip_address_from_v4(0), .length = 96};
	uint32_t count = s->route_count + 1u;
	struct stretch *stretches = calloc(count, sizeof(*stretches));
	struct route_span *spans = calloc(2 * count + 1, sizeof(*spans));

	if (!stretches || !spans) {
		free(stretches);
		free(spans);
		return -ENOMEM;
	}
	for (uint16_t i = 0; i < s->route_count; i++)
		stretches[i] = stretch_of(&s->routes[i].to, i);
	stretches[s->route_count] = stretch_of(&v4, SLOT_NONE);
	qsort(stretches, count, sizeof(*stretches), stretch_order);
	s->route_span_count = cut_all(spans, stretches, count);
	free(stretches);
	free(s->route_spans);
	s->route_spans = spans;
	return 0;
}

const struct snapshot_route *snapshot_route_find(
	const struct snapshot *s, const struct ip_address *address)
{
	struct point wanted = point_of(address);
	uint32_t from = 0; // its start is not beyond the address
	uint32_t to = s->route_span_count;

	if (!s->route_spans)
		return NULL;
	while (to - from > 1) {
		uint32_t middle = from + (to - from) / 2;
		struct point start = {s->route_spans[middle].high, s->route_spans[middle].low};

		if (is_before(wanted, start))
			to = middle;
		else
			from = middle;
	}
	return s->route_spans[from].route == SLOT_NONE ? NULL
						       : &s->routes[s->route_spans[from].route];
}

bool snapshot_way_find(const struct snapshot *snapshot, const struct ip_address *address,
	uint16_t *netif, const struct ip_address **hop)
{
	const struct snapshot_route *route = snapshot_route_find(snapshot, address);

	if (!route)
		return false;
	*netif = route->netif;
	*hop = ip_address_is_unspecified(&route->via) ? address : &route->via;
	return true;
}
