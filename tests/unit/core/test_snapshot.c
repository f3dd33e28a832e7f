// SPDX-License-Identifier: BSD-3-Clause
// Lookups in a compiled configuration, and the names that operators see.
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/control.h"
#include "core/drop.h"
#include "core/event.h"
#include "core/snapshot.h"
#include "core/stats.h"

static struct ip_address at(const char *text)
{
	struct ip_address a;

	assert_true(ip_address_parse(text, &a));
	return a;
}

static struct snapshot_address own[] = {{.prefix_length = 120}, {.prefix_length = 104},
	{.prefix_length = 64}, {.prefix_length = 64}};
static struct snapshot_netif netifs[] = {
	{.address_first = 0, .address_count = 4}, {.address_first = 0, .address_count = 0}};
static struct snapshot_route routes[4];
static const struct snapshot_listener exact = {.name = "exact"};
static const struct snapshot_listener any = {.name = "any"};
static const struct snapshot_listener leaving = {.name = "leaving", .closing = true};
static const struct snapshot_listener *listeners[] = {&exact, &any, &leaving, NULL};
static struct listen_entry entries[4];
static uint16_t heads[65536];
static uint16_t hash[8];

static void hash_own(uint16_t i)
{
	uint32_t slot = snapshot_address_start(&own[i].address, 7);

	while (hash[slot] != 0)
		slot = (slot + 1) & 7;
	hash[slot] = (uint16_t)(i + 1);
}

static struct snapshot make(void)
{
	static const char *const texts[] = {"10.1.0.2", "10.9.9.9", "fd00:1::2", "fe80::2"};
	static const char *const networks[] = {"10.1.0.0/24", "10.0.0.0/8", "0.0.0.0/0", "::/0"};

	memset(hash, 0, sizeof(hash));
	for (uint16_t i = 0; i < 4; i++) {
		own[i].address = at(texts[i]);
		hash_own(i);
		assert_true(ip_prefix_parse(networks[i], &routes[i].to));
		routes[i].netif = i;
	}
	// Port 80: exact 10.1.0.2, then a closing exact 10.9.9.9, then any. Port 81: a freed slot.
	entries[0] = (struct listen_entry){.address = at("10.1.0.2"), .listener = 0, .next = 2};
	entries[1] = (struct listen_entry){.address = at("10.9.9.9"), .listener = 2, .next = 3};
	entries[2] = (struct listen_entry){.listener = 1};
	entries[3] = (struct listen_entry){.listener = 3};
	heads[80] = 1;
	heads[81] = 4;
	return (struct snapshot){.netifs = netifs,
		.netif_count = 2,
		.addresses = own,
		.address_count = 4,
		.routes = routes,
		.route_count = 4,
		.listeners = listeners,
		.listen_head = {heads, NULL},
		.listen_entries = entries,
		.address_hash = hash,
		.address_hash_mask = 7};
}

static void own_addresses_are_found(void **state)
{
	struct snapshot s = make();
	struct ip_address other = at("10.1.0.3");

	for (int i = 0; i < 4; i++)
		assert_ptr_equal(snapshot_address_find(&s, &own[i].address), &own[i]);
	assert_null(snapshot_address_find(&s, &other));
	// A full table must end the search.
	for (int i = 0; i < 8; i++)
		hash[i] = hash[i] ? hash[i] : 1;
	assert_null(snapshot_address_find(&s, &other));
	s.address_hash = NULL;
	assert_null(snapshot_address_find(&s, &other));
}

static const char *listener_at(const char *address, uint8_t protocol, uint16_t port)
{
	struct snapshot s = make();
	struct ip_address a = at(address);
	const struct snapshot_listener *l = snapshot_listener_find(&s, protocol, &a, port);

	return l ? l->name : "none";
}

static void exact_listeners_come_before_the_wildcard(void **state)
{
	assert_string_equal(listener_at("10.1.0.2", IPPROTO_TCP, 80), "exact");
	assert_string_equal(listener_at("fd00:1::2", IPPROTO_TCP, 80), "any");
	assert_string_equal(listener_at("10.9.9.9", IPPROTO_TCP, 80), "any");  // its own is closing
	assert_string_equal(listener_at("10.1.0.3", IPPROTO_TCP, 80), "none"); // not own
	assert_string_equal(listener_at("10.1.0.2", IPPROTO_TCP, 81), "none");
	assert_string_equal(listener_at("10.1.0.2", IPPROTO_TCP, 82), "none");
	assert_string_equal(listener_at("10.1.0.2", IPPROTO_UDP, 80), "none");
}

static int route_to(const char *address)
{
	struct snapshot s = make();
	struct ip_address a = at(address);
	const struct snapshot_route *r;
	int netif;

	assert_int_equal(snapshot_routes_index(&s), 0);
	r = snapshot_route_find(&s, &a);
	netif = r ? r->netif : -1;
	free(s.route_spans);
	return netif;
}

static void longest_prefix_wins_within_a_family(void **state)
{
	assert_int_equal(route_to("10.1.0.77"), 0);
	assert_int_equal(route_to("10.2.0.1"), 1);
	assert_int_equal(route_to("192.0.2.1"), 2);
	assert_int_equal(route_to("2001:db8::1"), 3);
}

static void ipv6_default_route_carries_no_ipv4(void **state)
{
	struct snapshot s = make();
	struct ip_address a = at("192.0.2.1");

	assert_null(snapshot_route_find(&s, &a)); // not built
	routes[2].to = routes[1].to;
	assert_int_equal(snapshot_routes_index(&s), 0);
	assert_null(snapshot_route_find(&s, &a));
	free(s.route_spans);
}

// What a route is: of all prefixes of the address's family that contain it, the longest; of equal
// ones the first.
static const struct snapshot_route *best_of(
	const struct snapshot *s, const struct ip_address *address)
{
	const struct snapshot_route *best = NULL;

	for (uint16_t i = 0; i < s->route_count; i++) {
		const struct snapshot_route *r = &s->routes[i];

		if (ip_address_is_v4(&r->to.address) == ip_address_is_v4(address) &&
			ip_prefix_contains(&r->to, address) &&
			(!best || r->to.length > best->to.length))
			best = r;
	}
	return best;
}

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint64_t random_number(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

// Few distinct bits, so that prefixes nest and repeat.
static struct ip_address random_address(void)
{
	struct ip_address a;

	if (random_number() % 2)
		return ip_address_from_v4(be32_from_host((uint32_t)(random_number() & 0xc0030303)));
	a.halves[0] = htobe64(random_number() & UINT64_C(0xc000000000000003));
	a.halves[1] = htobe64(random_number() & UINT64_C(0x8000ffff00000103));
	return a;
}

static void random_routes(struct snapshot *s, uint16_t count)
{
	s->route_count = count;
	for (uint16_t i = 0; i < count; i++) {
		struct ip_prefix *to = &s->routes[i].to;
		unsigned int shortest;

		to->address = random_address();
		shortest = ip_address_is_v4(&to->address) ? 96 : 0;
		to->length = (uint8_t)(shortest + random_number() % (129 - shortest));
		ip_prefix_mask(to);
		s->routes[i].netif = i;
	}
}

static void check_ends(const struct snapshot *s, const struct ip_prefix *prefix)
{
	struct ip_address a = prefix->address;
	uint64_t low;

	for (unsigned int step = 0; step < 3; step++) { // one before, the first, the second
		low = be64toh(prefix->address.halves[1]) - 1 + step;
		a.halves[1] = htobe64(low);
		assert_ptr_equal(snapshot_route_find(s, &a), best_of(s, &a));
	}
	a = prefix->address;
	for (unsigned int bit = prefix->length; bit < 128; bit++)
		a.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	assert_ptr_equal(snapshot_route_find(s, &a), best_of(s, &a));
	a.halves[1] = htobe64(be64toh(a.halves[1]) + 1);
	assert_ptr_equal(snapshot_route_find(s, &a), best_of(s, &a));
}

static void routes_are_found_as_defined(void **state)
{
	static struct snapshot_route many[MAX_ROUTES];
	struct snapshot s = {.routes = many};

	for (unsigned int round = 0; round < 400; round++) {
		random_routes(&s, round == 0 ? MAX_ROUTES : (uint16_t)(random_number() % 40));
		assert_int_equal(snapshot_routes_index(&s), 0);
		assert_true(s.route_span_count <= 2u * s.route_count + 3);
		for (unsigned int i = 0; i < 200; i++) {
			struct ip_address a = random_address();

			assert_ptr_equal(snapshot_route_find(&s, &a), best_of(&s, &a));
		}
		for (uint16_t i = 0; i<s.route_count; i += s.route_count> 40 ? 40 : 1)
			check_ends(&s, &s.routes[i].to);
	}
	free(s.route_spans);
}

// Every length there is around one address of each family, and all of IPv6's that contain IPv4.
static void the_deepest_nesting_is_found(void **state)
{
	static struct snapshot_route nested[129 + 33 + 96];
	struct snapshot s = {.routes = nested, .route_count = nx_array_size(nested)};
	struct ip_address six = at("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	struct ip_address four = at("255.255.255.255");

	for (uint16_t i = 0; i < s.route_count; i++) {
		if (i < 129)
			nested[i].to = (struct ip_prefix){six, (uint8_t)i};
		else if (i < 129 + 33)
			nested[i].to = (struct ip_prefix){four, (uint8_t)(i - 129 + 96)};
		else
			nested[i].to.length = (uint8_t)(i - 129 - 33);
		ip_prefix_mask(&nested[i].to);
	}
	assert_int_equal(snapshot_routes_index(&s), 0);
	assert_ptr_equal(snapshot_route_find(&s, &six), &nested[128]);
	assert_ptr_equal(snapshot_route_find(&s, &four), &nested[161]);
	for (unsigned int length = 1; length < 128; length++) {
		struct ip_address a = six;

		a.bytes[length / 8] ^= (uint8_t)(0x80 >> length % 8);
		assert_ptr_equal(snapshot_route_find(&s, &a), &nested[length]);
	}
	free(s.route_spans);
}

static const struct ip_address *source_for(uint16_t netif, const char *address)
{
	struct snapshot s = make();
	struct ip_address a = at(address);

	return snapshot_source_for(&s, netif, &a);
}

static void source_is_of_the_family_and_network(void **state)
{
	assert_ptr_equal(source_for(0, "10.1.0.7"), &own[0].address);
	assert_ptr_equal(source_for(0, "10.200.0.7"), &own[1].address);
	assert_ptr_equal(source_for(0, "192.0.2.1"), &own[0].address);
	assert_ptr_equal(source_for(0, "2001:db8::1"), &own[2].address);
	assert_ptr_equal(source_for(0, "fe80::9"), &own[3].address);
	assert_null(source_for(1, "10.1.0.7"));
}

static void every_value_has_a_name(void **state)
{
	for (unsigned i = 0; i < DROP_COUNT; i++) {
		assert_true(strlen(drop_reason_name(i)) > 1 && strlen(drop_reason_help(i)) > 5);
		assert_string_not_equal(drop_reason_name(i), "unknown");
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(drop_reason_name(i), drop_reason_name(k));
	}
	for (unsigned i = 0; i < STAGE_COUNT; i++)
		assert_true(strlen(stage_name(i)) > 1 && strlen(stage_help(i)) > 5);
	for (unsigned i = 0; i < EVENT_KIND_COUNT; i++)
		assert_true(strlen(event_kind_name(i)) > 1 && event_kind_hint(i) != NULL &&
			    strlen(event_severity_name(event_kind_severity(i))) > 3);
	for (unsigned i = 0; i < SESSION_STATE_COUNT; i++)
		assert_string_not_equal(session_state_name(i), "unknown");
	for (unsigned i = 0; i < SESSION_END_COUNT; i++)
		assert_string_not_equal(session_end_name(i), "unknown");
	assert_string_equal(drop_reason_name(DROP_IP_BAD_CHECKSUM), "ip_bad_checksum");
	assert_string_equal(session_state_name(SESSION_SYN_RECEIVED), "syn_received");
	assert_string_equal(stage_name(STAGE_LOOKUP), "lookup");
}

static void targets_are_told_by_address_and_port(void **state)
{
	enum {
		COUNT = 1000
	};
	static struct snapshot_target objects[COUNT];
	static const struct snapshot_target *targets[COUNT];
	struct snapshot s = {.targets = targets, .target_limit = COUNT};
	struct ip_address nobody = at("10.2.0.1");

	assert_false(snapshot_is_target(&s, &nobody, be16_from_host(80)));
	for (uint32_t i = 0; i < COUNT; i += 2) { // every other slot is free
		objects[i].address = ip_address_from_v4(be32_from_host(0x0a020000 + i / 8));
		objects[i].port = be16_from_host((uint16_t)(80 + i % 4));
		targets[i] = &objects[i];
	}
	assert_int_equal(snapshot_targets_index(&s), 0);
	for (uint32_t i = 0; i < COUNT; i += 2) {
		assert_true(snapshot_is_target(&s, &objects[i].address, objects[i].port));
		assert_false(snapshot_is_target(&s, &objects[i].address, be16_from_host(81)));
	}
	nobody = at("10.9.0.1");
	assert_false(snapshot_is_target(&s, &nobody, be16_from_host(80)));
	free(s.target_hash);
}

static void values_out_of_range_do_not_reach_beyond_the_tables(void **state)
{
	assert_string_equal(drop_reason_name(DROP_COUNT), "unknown");
	assert_string_equal(drop_reason_help(255), "unknown");
	assert_string_equal(stage_name(STAGE_COUNT), "unknown");
	assert_string_equal(event_kind_name(1000), "unknown");
	assert_string_equal(event_severity_name(77), "unknown");
	assert_string_equal(session_state_name(200), "unknown");
	assert_string_equal(session_end_name(200), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_addresses_are_found),
		cmocka_unit_test(exact_listeners_come_before_the_wildcard),
		cmocka_unit_test(longest_prefix_wins_within_a_family),
		cmocka_unit_test(ipv6_default_route_carries_no_ipv4),
		cmocka_unit_test(routes_are_found_as_defined),
		cmocka_unit_test(the_deepest_nesting_is_found),
		cmocka_unit_test(source_is_of_the_family_and_network),
		cmocka_unit_test(every_value_has_a_name),
		cmocka_unit_test(targets_are_told_by_address_and_port),
		cmocka_unit_test(values_out_of_range_do_not_reach_beyond_the_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
