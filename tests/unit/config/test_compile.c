// SPDX-License-Identifier: BSD-3-Clause
// Configuration to snapshot: lookups, routes, balance tables, stable slots, sharing, allocation
// failure.
#include "config_test.h"

#include <netinet/in.h>

#include "config/compile/compile.h"

static struct ip_address name_addresses[4];
static uint32_t name_count;
static unsigned own_targets;

static uint16_t port_index(void *context, const char *port)
{
	return port[0] == 'l' ? 0 : port[0] == 'w' ? 1 : SLOT_NONE;
}

static uint32_t resolve(void *context, const char *name, const struct ip_address **out)
{
	*out = name_addresses;
	return name_count;
}

static void own_target(void *context, const struct config_upstream *upstream,
	const struct config_target *target, const struct ip_address *address)
{
	own_targets++;
}

static struct ip_address ip(const char *text)
{
	struct ip_address address;

	assert_true(ip_address_parse(text, &address));
	return address;
}

static uint32_t security(void *context, const struct config_listener *listener)
{
	return 5;
}

static int compile(const char *text, struct slot_map *slots, struct snapshot **out)
{
	static uint64_t generation;
	struct config *config = test_config(text);
	struct compile_input input = {.config = config,
		.revision = 7,
		.generation = ++generation,
		.port_index = port_index,
		.resolve = resolve,
		.own_target = own_target,
		.security = security};
	char error[256] = "";
	int rc = snapshot_compile(&input, slots, out, error, sizeof(error));

	config_destroy(config);
	assert_true(rc == 0 || error[0] != '\0');
	return rc;
}

static struct snapshot *compiled(const char *text, struct slot_map *slots)
{
	struct snapshot *snapshot = NULL;

	assert_int_equal(compile(text, slots, &snapshot), 0);
	return snapshot;
}

static void with_services(char *text, size_t size, const char *services)
{
	snprintf(text, size, "%.*s%s", (int)(strstr(test_base, "upstreams") - test_base), test_base,
		services);
}

static void the_network_is_compiled(void **state)
{
	struct slot_map *slots;
	struct ip_address address = ip("10.9.1.1");
	const struct snapshot_route *route;
	struct snapshot *s;

	assert_int_equal(slot_map_create(&slots), 0);
	s = compiled(test_base, slots);
	assert_int_equal(s->revision, 7);
	assert_int_equal(s->netif_count, 2);
	assert_string_equal(s->netifs[1].name, "wan");
	assert_int_equal(s->address_count, 4);
	assert_int_equal(s->netif_of[1][0], 1);
	assert_int_equal(s->netif_of[1][5], SLOT_NONE);
	for (uint16_t i = 1; i < s->route_count; i++)
		assert_true(s->routes[i - 1].to.length >= s->routes[i].to.length);
	route = snapshot_route_find(s, &address);
	assert_non_null(route);
	assert_int_equal(route->netif, 1);
	assert_int_equal(route->via.bytes[15], 253);
	address = ip("8.8.8.8");
	assert_int_equal(snapshot_route_find(s, &address)->via.bytes[15], 254);
	address = ip("2001:db8::1");
	assert_null(snapshot_route_find(s, &address));
	address = ip("10.1.0.77");
	assert_true(ip_address_is_unspecified(&snapshot_route_find(s, &address)->via));
	address = ip("fd00:2::2");
	assert_int_equal(snapshot_address_find(s, &address)->netif, 1);
	address = ip("10.2.0.1");
	assert_null(snapshot_address_find(s, &address));
	assert_int_equal(s->targets[0]->netif, 1);
	assert_int_equal(s->targets[0]->source_count, 1);
	assert_true(ip_address_equal(&s->targets[0]->next_hop, &address));
	assert_int_equal(s->targets[1]->next_hop.bytes[15], 253);
	assert_int_equal(s->targets[1]->weight, 2);
	snapshot_destroy(s);
	slot_map_destroy(slots);
}

static void listeners_are_found_by_address_port_and_protocol(void **state)
{
	char text[4096];
	struct slot_map *slots;
	struct ip_address lan = ip("10.1.0.2");
	struct ip_address wan = ip("10.2.0.2");
	struct ip_address other = ip("10.1.0.9");
	struct snapshot *s;

	with_services(text, sizeof(text),
		"upstreams = ( { name = \"u\"; targets = [\"10.2.0.1:80\"]; } );\n"
		"listeners = ( { name = \"any\"; protocol = \"udp\"; listen = \"*:1-1000\"; upstream = \"u\"; },\n"
		"{ name = \"lan\"; protocol = \"tcp\"; listen = \"10.1.0.2:50-60\"; upstream = \"u\"; },\n"
		"{ name = \"wan\"; protocol = \"tcp\"; listen = \"10.2.0.2:55-65535\"; upstream = \"u\"; } );\n");
	assert_int_equal(slot_map_create(&slots), 0);
	s = compiled(text, slots);
	for (unsigned port = 0; port <= UINT16_MAX; port++) {
		const struct snapshot_listener *found =
			snapshot_listener_find(s, IPPROTO_TCP, &lan, (uint16_t)port);

		assert_true((found != NULL) == (port >= 50 && port <= 60));
		found = snapshot_listener_find(s, IPPROTO_TCP, &wan, (uint16_t)port);
		assert_true((found != NULL) == (port >= 55));
		found = snapshot_listener_find(s, IPPROTO_UDP, &wan, (uint16_t)port);
		assert_true((found != NULL) == (port >= 1 && port <= 1000));
		assert_null(snapshot_listener_find(s, IPPROTO_UDP, &other, (uint16_t)port));
	}
	assert_true(s->listen_entry_count < 10);
	assert_int_equal(s->listeners[0]->idle_timeout, 30 * USEC_PER_SECOND);
	snapshot_destroy(s);
	slot_map_destroy(slots);
}

static void count_buckets(const uint16_t *table, unsigned counts[8])
{
	memset(counts, 0, 8 * sizeof(*counts));
	for (unsigned i = 0; i < HASHED_SIZE; i++)
		counts[table[i]]++;
}

static struct snapshot *hashed(const char *rule, const char *third, struct slot_map *slots)
{
	char services[1024];
	char text[4096];

	snprintf(services, sizeof(services),
		"upstreams = ( { name = \"u\"; balance = \"%s\"; targets = [\"10.2.0.1:80\", \"10.2.0.3:80 weight=2\",\n"
		"\"10.2.0.4:80%s\", \"10.2.0.5:80 drained\", \"[fd00:2::1]:80\", \"[2001:db8::1]:80\"]; } );",
		rule, third);
	with_services(text, sizeof(text), services);
	return compiled(text, slots);
}

// Buckets of others that move when the third target goes.
static unsigned moved_with(const char *rule)
{
	struct slot_map *slots;
	struct snapshot *before;
	struct snapshot *after;
	unsigned counts[8];
	unsigned moved = 0;

	assert_int_equal(slot_map_create(&slots), 0);
	before = hashed(rule, "", slots);
	count_buckets(before->upstreams[0]->hashed[0], counts);
	assert_in_range(counts[0], HASHED_SIZE / 4 - 700, HASHED_SIZE / 4 + 700);
	assert_in_range(counts[1], HASHED_SIZE / 2 - 700, HASHED_SIZE / 2 + 700);
	assert_int_equal(counts[3], 0);
	count_buckets(before->upstreams[0]->hashed[1], counts);
	assert_int_equal(counts[4], HASHED_SIZE); // the other has no route
	assert_null(before->upstreams[0]->turns[0]);
	after = hashed(rule, " drained", slots);
	count_buckets(after->upstreams[0]->hashed[0], counts);
	assert_int_equal(counts[2], 0);
	for (unsigned i = 0; i < HASHED_SIZE; i++) {
		uint16_t was = before->upstreams[0]->hashed[0][i];

		moved += was != 2 && was != after->upstreams[0]->hashed[0][i];
	}
	snapshot_destroy(before);
	snapshot_destroy(after);
	slot_map_destroy(slots);
	return moved;
}

static void hashes_follow_weights_and_move_little(void **state)
{
	// The paper's figure 11: a few per cent of the entries of others move.
	assert_in_range(moved_with("maglev"), 1, HASHED_SIZE / 10);
	assert_int_equal(moved_with("source-hash"), 0);
}

static void turns_leave_out_what_takes_no_sessions(void **state)
{
	struct slot_map *slots;
	struct snapshot *s;
	const struct snapshot_turns *turns;

	assert_int_equal(slot_map_create(&slots), 0);
	s = hashed("round-robin", " weight=3 drained", slots);
	turns = s->upstreams[0]->turns[0];
	assert_int_equal(turns->count, 2);
	assert_int_equal(turns->total, 3);
	assert_int_equal(turns->shares[1].slot, s->upstreams[0]->targets[1]);
	assert_int_equal(s->upstreams[0]->turns[1]->count, 1);
	assert_null(s->upstreams[0]->hashed[0]);
	snapshot_destroy(s);
	s = hashed("least-connections", " weight=3", slots);
	assert_int_equal(s->upstreams[0]->turns[0]->count, 3);
	assert_int_equal(s->upstreams[0]->turns[0]->total, 6);
	snapshot_destroy(s);
	slot_map_destroy(slots);
}

static void unchanged_objects_are_shared(void **state)
{
	struct slot_map *slots;
	struct snapshot *a;
	struct snapshot *b;
	struct snapshot *c;
	char *text = test_variant("weight=2", "weight=3");

	assert_int_equal(slot_map_create(&slots), 0);
	a = compiled(test_base, slots);
	b = compiled(test_base, slots);
	c = compiled(text, slots);
	assert_ptr_equal(a->listeners[0], b->listeners[0]);
	assert_ptr_equal(a->upstreams[0], b->upstreams[0]);
	assert_ptr_equal(a->targets[1], b->targets[1]);
	assert_ptr_equal(a->listeners[0], c->listeners[0]);
	assert_ptr_equal(a->targets[0], c->targets[0]);
	assert_ptr_not_equal(a->targets[1], c->targets[1]);
	assert_ptr_not_equal(a->upstreams[0], c->upstreams[0]);
	assert_int_equal(a->targets[1]->generation, c->targets[1]->generation);
	assert_int_equal(a->listeners[0]->references, 4);
	snapshot_destroy(a);
	snapshot_destroy(c);
	slot_map_destroy(slots);
	assert_int_equal(b->listeners[0]->references, 1);
	assert_string_equal(b->listeners[0]->name, "in");
	snapshot_destroy(b);
	test_free(text);
}

static struct snapshot *with_keys(
	struct slot_map *slots, const char *upstream, const char *listener)
{
	char services[512];
	char text[4096];

	snprintf(services, sizeof(services),
		"upstreams = ( { name = \"web\"; targets = [\"10.2.0.1:80\"]; %s } );\n"
		"listeners = ( { name = \"in\"; protocol = \"tcp\"; listen = \"*:80\"; "
		"upstream = \"web\"; mode = \"terminate\"; %s } );\n",
		upstream, listener);
	with_services(text, sizeof(text), services);
	return compiled(text, slots);
}

// A key of connections that changes makes a new object, and nothing else does.
static void connections_change_with_their_keys(void **state)
{
	static const char *const keys[] = {"ecn = true;", "memory_bytes = 65536;"};
	struct snapshot *plain, *up, *both;
	struct slot_map *slots;

	assert_int_equal(slot_map_create(&slots), 0);
	for (unsigned i = 0; i < 2; i++) {
		plain = with_keys(slots, "", "");
		up = with_keys(slots, keys[i], "");
		both = with_keys(slots, keys[i], keys[i]);
		assert_ptr_not_equal(plain->upstreams[0], up->upstreams[0]);
		assert_ptr_equal(plain->listeners[0], up->listeners[0]);
		assert_ptr_not_equal(up->listeners[0], both->listeners[0]);
		assert_ptr_equal(up->upstreams[0], both->upstreams[0]);
		assert_int_equal(both->upstreams[0]->ecn, i == 0);
		assert_int_equal(both->listeners[0]->ecn, i == 0);
		assert_int_equal(both->upstreams[0]->memory, i == 1 ? 65536 : 4 << 20);
		assert_int_equal(both->listeners[0]->memory, i == 1 ? 65536 : 4 << 20);
		snapshot_destroy(plain);
		snapshot_destroy(up);
		snapshot_destroy(both);
	}
	plain = with_keys(slots, "", "");
	up = with_keys(slots, "idle_connections = 9;", "");
	assert_int_equal(plain->upstreams[0]->idle_connections, 512);
	assert_int_equal(up->upstreams[0]->idle_connections, 9);
	snapshot_destroy(plain);
	snapshot_destroy(up);
	slot_map_destroy(slots);
}

static bool all_unused(void *context, enum slot_kind kind, uint16_t slot)
{
	return true;
}

static bool none_unused(void *context, enum slot_kind kind, uint16_t slot)
{
	return false;
}

static void slots_close_and_are_reused_only_when_unused(void **state)
{
	struct slot_map *slots;
	struct ip_address lan = ip("10.1.0.2");
	char *other = test_variant("name = \"in\"", "name = \"other\"");
	struct snapshot *s;

	assert_int_equal(slot_map_create(&slots), 0);
	s = compiled(test_base, slots);
	assert_int_equal(s->listeners[0]->generation, 1);
	snapshot_destroy(s);
	s = compiled(other, slots);
	assert_true(s->listeners[0]->closing);
	assert_string_equal(s->listeners[0]->name, "in");
	assert_string_equal(snapshot_listener_find(s, IPPROTO_TCP, &lan, 9000)->name, "other");
	assert_int_equal(s->listeners[1]->slot, 1);
	assert_true(slot_map_is_closing(slots, SLOT_LISTENER, 0));
	assert_int_equal(slot_map_pending_count(slots), 1);
	assert_int_equal(slot_map_sweep(slots, NULL, none_unused), 0);
	snapshot_destroy(s);
	// The name comes back while its sessions live: it has its slot again.
	s = compiled(test_base, slots);
	assert_false(s->listeners[0]->closing);
	assert_int_equal(s->listeners[0]->generation, 1);
	assert_true(s->listeners[1]->closing);
	assert_int_equal(slot_map_sweep(slots, NULL, all_unused), 1);
	snapshot_destroy(s);
	s = compiled(test_base, slots);
	assert_null(s->listeners[1]);
	snapshot_destroy(s);
	s = compiled(other, slots);
	assert_int_equal(s->listeners[1]->generation, 2);
	snapshot_destroy(s);
	// An upstream stays while its targets have sessions.
	with_services(other, strlen(other),
		"upstreams = ( { name = \"new\"; targets = [\"10.2.0.1:80\"]; } );\n");
	s = compiled(other, slots);
	assert_true(s->upstreams[0]->closing);
	assert_true(s->targets[0]->closing);
	assert_int_equal(s->targets[2]->generation, 1);
	assert_false(s->targets[2]->closing);
	assert_int_equal(slot_map_sweep(slots, NULL, none_unused), 0);
	assert_int_equal(slot_map_sweep(slots, NULL, all_unused), 5);
	snapshot_destroy(s);
	s = compiled(test_base, slots);
	assert_int_equal(s->targets[0]->generation, 2);
	assert_int_equal(s->upstreams[0]->generation, 2);
	snapshot_destroy(s);
	test_free(other);
	slot_map_destroy(slots);
}

// Steering finds where sessions may remain behind all that takes new ones, until the sweep.
static void places_without_new_sessions_come_last(void **state)
{
	struct slot_map *slots;
	struct ip_address lan = ip("10.1.0.2");
	char *moved = test_variant("10.1.0.2:9000", "*:9001");
	char *gone = test_variant("name = \"in\"", "name = \"other\"");
	struct snapshot *s;

	assert_int_equal(slot_map_create(&slots), 0);
	snapshot_destroy(compiled(test_base, slots));
	s = compiled(moved, slots);
	assert_null(snapshot_listener_find(s, IPPROTO_TCP, &lan, 9000));
	assert_string_equal(snapshot_listener_find_any(s, IPPROTO_TCP, &lan, 9000)->name, "in");
	assert_string_equal(snapshot_listener_find(s, IPPROTO_TCP, &lan, 9001)->name, "in");
	assert_int_equal(slot_map_pending_count(slots), 1);
	assert_int_equal(slot_map_sweep(slots, NULL, none_unused), 0);
	snapshot_destroy(s);
	s = compiled(moved, slots);
	assert_non_null(snapshot_listener_find_any(s, IPPROTO_TCP, &lan, 9000));
	assert_int_equal(slot_map_sweep(slots, NULL, all_unused), 1);
	assert_int_equal(slot_map_pending_count(slots), 0);
	snapshot_destroy(s);
	s = compiled(moved, slots);
	assert_null(snapshot_listener_find_any(s, IPPROTO_TCP, &lan, 9000));
	snapshot_destroy(s);
	// A wildcard that closes gives way to an exact address, which in turn gives way to what is
	// live.
	s = compiled(gone, slots);
	assert_null(snapshot_listener_find(s, IPPROTO_TCP, &lan, 9001));
	assert_string_equal(snapshot_listener_find_any(s, IPPROTO_TCP, &lan, 9001)->name, "in");
	assert_string_equal(snapshot_listener_find_any(s, IPPROTO_TCP, &lan, 9000)->name, "other");
	assert_null(snapshot_listener_find_any(s, IPPROTO_UDP, &lan, 9000));
	snapshot_destroy(s);
	slot_map_destroy(slots);
	test_free(moved);
	test_free(gone);
}

static void names_become_targets_as_they_resolve(void **state)
{
	char *text = test_variant("10.2.0.1:80", "app.example:80");
	struct slot_map *slots;
	struct snapshot *s;

	assert_int_equal(slot_map_create(&slots), 0);
	name_count = 0;
	own_targets = 0;
	s = compiled(text, slots);
	assert_int_equal(s->upstreams[0]->target_count, 1);
	snapshot_destroy(s);
	name_addresses[0] = ip("10.2.0.40");
	name_addresses[1] = ip("10.2.0.41");
	name_count = 2;
	s = compiled(text, slots);
	assert_int_equal(s->upstreams[0]->target_count, 3);
	assert_string_equal(s->targets[1]->text, "app.example:80");
	snapshot_destroy(s);
	name_addresses[0] = ip("10.1.0.2");
	s = compiled(text, slots);
	assert_int_equal(s->upstreams[0]->target_count, 3);
	assert_int_equal(own_targets, 0);
	snapshot_destroy(s);
	test_free(text);
	text = test_variant("10.2.0.1:80", "app.example:9000");
	s = compiled(text, slots);
	assert_int_equal(own_targets, 1);
	snapshot_destroy(s);
	name_count = 0;
	test_free(text);
	slot_map_destroy(slots);
}

// RFC 9293 MUST-46.
static void names_of_no_station_become_no_targets(void **state)
{
	static const char *const addresses[] = {"255.255.255.255", "10.1.0.255", "10.1.0.0",
		"224.0.0.5", "0.0.0.0", "ff02::1", "::"};
	char *text = test_variant("10.2.0.1:80", "app.example:80");
	struct slot_map *slots;

	assert_int_equal(slot_map_create(&slots), 0);
	for (size_t i = 0; i < nx_array_size(addresses); i++) {
		struct snapshot *s;

		name_addresses[0] = ip(addresses[i]);
		name_addresses[1] = ip("10.1.0.41");
		name_count = 2;
		s = compiled(text, slots);
		assert_int_equal(s->upstreams[0]->target_count, 2);
		for (uint32_t t = 0; t < s->upstreams[0]->target_count; t++)
			assert_false(
				ip_address_equal(&s->targets[s->upstreams[0]->targets[t]]->address,
					&name_addresses[0]));
		snapshot_destroy(s);
	}
	name_count = 0;
	slot_map_destroy(slots);
	test_free(text);
}

static void a_port_that_is_not_open_has_no_routes(void **state)
{
	char *text = test_variant("name = \"wan\"", "name = \"gone\"");
	struct slot_map *slots;
	struct snapshot *s;

	assert_int_equal(slot_map_create(&slots), 0);
	s = compiled(text, slots);
	assert_int_equal(s->netifs[1].port, SLOT_NONE);
	assert_int_equal(s->targets[0]->netif, SLOT_NONE);
	snapshot_destroy(s);
	test_free(text);
	slot_map_destroy(slots);
}

#define MIRRORED                                                                                   \
	"upstreams = ( { name = \"web\"; targets = [\"10.2.0.1:80\"]; } );\n"                      \
	"credentials = ( { name = \"c\"; kind = \"reality\"; private_key = \"file:/k\";\n"         \
	"  target = \"10.2.0.9:443\"; server_names = [\"x\"]; short_ids = [\"\"];\n"               \
	"  target_proxy_protocol = \"v2\"; limit_fallback_download = { %s }; } );\n"               \
	"listeners = ( { name = \"in\"; protocol = \"%s\"; listen = \"10.1.0.2:9000\";\n"          \
	"  upstream = \"web\"; mode = \"terminate\";\n"                                            \
	"  transport = { security = \"reality\"; credentials = [\"c\"]; }; } );\n"

static void strangers_have_a_target_and_bounds(void **state)
{
	char text[4096], services[1024];
	const struct snapshot_listener *before, *l;
	struct snapshot *first, *second;
	struct slot_map *slots;

	assert_int_equal(slot_map_create(&slots), 0);
	snprintf(services, sizeof(services), MIRRORED, "after_bytes = 7; bytes_per_s = 9;", "tcp");
	with_services(text, sizeof(text), services);
	first = compiled(text, slots);
	before = first->listeners[0];
	assert_true(before->is_mirrored && before->transparent);
	assert_int_equal(before->security, 5);
	assert_int_equal(first->upstreams[before->mirror]->proxy_protocol, 2);
	assert_int_equal(before->limits[0].bytes_per_s, 0);
	assert_int_equal(before->limits[1].after_bytes, 7);
	assert_int_equal(before->limits[1].bytes_per_s, 9);
	assert_int_equal(before->limits[1].burst_bytes, 9);
	snprintf(
		services, sizeof(services), MIRRORED, "bytes_per_s = 9; burst_bytes = 100;", "tcp");
	with_services(text, sizeof(text), services);
	second = compiled(text, slots);
	l = second->listeners[0];
	assert_ptr_not_equal(l, before);
	assert_int_equal(l->slot, before->slot);
	assert_int_equal(l->limits[1].after_bytes, 0);
	assert_int_equal(l->limits[1].burst_bytes, 100);
	snapshot_destroy(first);
	snapshot_destroy(second);
	slot_map_destroy(slots);
}

// Before one that routes requests, too; nor does it let them go earlier. Clients who know us speak
// HTTP/2 as they like.
static void strangers_to_routes_have_a_target(void **state)
{
	char text[4096], services[1024];
	const struct snapshot_listener *l;
	struct snapshot *snapshot;
	struct slot_map *slots;

	assert_int_equal(slot_map_create(&slots), 0);
	snprintf(services, sizeof(services), MIRRORED, "", "http");
	with_services(text, sizeof(text), services);
	snapshot = compiled(text, slots);
	l = snapshot->listeners[0];
	assert_true(l->is_mirrored && l->transparent);
	assert_int_equal(l->idle_timeout, 7440 * USEC_PER_SECOND);
	assert_non_null(l->http);
	assert_true(l->http->http2);
	snapshot_destroy(snapshot);
	slot_map_destroy(slots);
}

static void a_failed_allocation_leaves_nothing_behind(void **state)
{
	char text[4096];
	struct slot_map *slots;
	struct snapshot *s;
	unsigned n = 0;
	int rc;

	with_services(text, sizeof(text),
		"upstreams = ( { name = \"web\"; balance = \"maglev\"; targets = [\"10.2.0.1:80 weight=2\", \"[fd00:2::1]:80\"]; },\n"
		"{ name = \"b\"; targets = [\"10.2.0.1:81\"]; },\n"
		"{ name = \"c\"; balance = \"source-hash\"; targets = [\"10.2.0.1:82\"]; } );\n"
		"listeners = ( { name = \"x\"; protocol = \"udp\"; listen = \"*:53\"; upstream = \"web\"; } );\n");
	assert_int_equal(slot_map_create(&slots), 0);
	s = compiled(test_base, slots);
	do {
		struct config *config = NULL;
		struct text_source source = {.file = NULL};
		struct compile_input input = {.port_index = port_index, .resolve = resolve};
		struct snapshot *made = NULL;
		long alive = test_allocations_alive();
		char error[256];

		faults_init(&test_faults);
		test_fail_allocation(++n);
		rc = config_parse(text, strlen(text), &source, NULL, &test_faults, &config);
		input.config = config;
		if (rc == 0)
			rc = snapshot_compile(&input, slots, &made, error, sizeof(error));
		config_destroy(config);
		if (!test_allocation_failed())
			assert_int_equal(rc, 0);
		else
			assert_int_equal(rc, -ENOMEM);
		test_fail_allocation(0);
		if (rc == 0)
			snapshot_destroy(made);
		else
			assert_int_equal(test_allocations_alive(), alive);
		if (rc != 0)
			assert_false(slot_map_is_closing(slots, SLOT_LISTENER, 0));
	} while (rc != 0);
	assert_true(n > 40);
	assert_true(slot_map_is_closing(slots, SLOT_LISTENER, 0));
	snapshot_destroy(s);
	slot_map_destroy(slots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_network_is_compiled),
		cmocka_unit_test(listeners_are_found_by_address_port_and_protocol),
		cmocka_unit_test(hashes_follow_weights_and_move_little),
		cmocka_unit_test(turns_leave_out_what_takes_no_sessions),
		cmocka_unit_test(unchanged_objects_are_shared),
		cmocka_unit_test(connections_change_with_their_keys),
		cmocka_unit_test(slots_close_and_are_reused_only_when_unused),
		cmocka_unit_test(places_without_new_sessions_come_last),
		cmocka_unit_test(names_become_targets_as_they_resolve),
		cmocka_unit_test(names_of_no_station_become_no_targets),
		cmocka_unit_test(a_port_that_is_not_open_has_no_routes),
		cmocka_unit_test(strangers_have_a_target_and_bounds),
		cmocka_unit_test(strangers_to_routes_have_a_target),
		cmocka_unit_test(a_failed_allocation_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
