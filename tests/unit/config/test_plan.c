// SPDX-License-Identifier: BSD-3-Clause
// What applying changes, and whose sessions it touches.
#include "config_test.h"

#include "config/compile/compile.h"
#include "config/plan.h"

static const struct change *find(const struct change_list *list, const char *path)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i].path, path) == 0)
			return &list->items[i];
	return NULL;
}

static uint16_t port_index(void *context, const char *port)
{
	return port[0] == 'l' ? 0 : 1;
}

static struct slot_map *base_slots(void)
{
	struct config *config = test_config(test_base);
	struct compile_input input = {.config = config, .port_index = port_index};
	struct slot_map *slots = NULL;
	struct snapshot *snapshot = NULL;
	char error[256];

	assert_int_equal(slot_map_create(&slots), 0);
	assert_int_equal(snapshot_compile(&input, slots, &snapshot, error, sizeof(error)), 0);
	snapshot_destroy(snapshot);
	config_destroy(config);
	return slots;
}

static void nothing_changes_nothing(void **state)
{
	struct config *a = test_config(test_base);
	struct config *b = test_config(test_base);
	struct change_list list;

	assert_int_equal(plan_diff(a, b, NULL, &list), 0);
	assert_int_equal(list.count, 0);
	assert_false(list.restart);
	plan_fini(&list);
	config_destroy(a);
	config_destroy(b);
}

struct expected {
	const char *from;
	const char *to;
	const char *path;
	enum change_kind kind;
	enum schema_effect effect;
	enum change_subject subject;
};

static const struct expected matrix[] = {
	{"upstream = \"web\"; }", "upstream = \"web\"; idle_timeout_s = 60; }",
		"listeners.in.idle_timeout_s", CHANGE_CHANGE, EFFECT_LIVE, CHANGE_TOUCHES_LISTENER},
	{"10.1.0.2:9000", "10.1.0.2:9001", "listeners.in.listen", CHANGE_CHANGE,
		EFFECT_NEW_SESSIONS, CHANGE_TOUCHES_NONE},
	{"protocol = \"tcp\"", "protocol = \"udp\"", "listeners.in.protocol", CHANGE_CHANGE,
		EFFECT_DRAIN, CHANGE_TOUCHES_LISTENER},
	{"10.2.0.1:80", "10.2.0.9:80", "upstreams.web.targets", CHANGE_CHANGE, EFFECT_NEW_SESSIONS,
		CHANGE_TOUCHES_NONE},
	{"weight=2", "weight=2 drained", "upstreams.web.targets", CHANGE_CHANGE,
		EFFECT_NEW_SESSIONS, CHANGE_TOUCHES_NONE},
	{"via = \"10.2.0.253\"", "via = \"10.2.0.252\"", "routes.10.9.0.0/16.via", CHANGE_CHANGE,
		EFFECT_NEW_SESSIONS, CHANGE_TOUCHES_NONE},
	{"to = \"10.9.0.0/16\"", "to = \"10.8.0.0/16\"", "routes.10.8.0.0/16", CHANGE_ADD,
		EFFECT_NEW_SESSIONS, CHANGE_TOUCHES_NONE},
	{"to = \"10.9.0.0/16\"", "to = \"10.8.0.0/16\"", "routes.10.9.0.0/16", CHANGE_REMOVE,
		EFFECT_NEW_SESSIONS, CHANGE_TOUCHES_NONE},
	{"cpus = \"0\"", "cpus = \"1\"", "workers.cpus", CHANGE_CHANGE, EFFECT_RESTART,
		CHANGE_TOUCHES_ALL},
	{"workers =", "log = { level = \"debug\"; }; workers =", "log.level", CHANGE_CHANGE,
		EFFECT_NONE, CHANGE_TOUCHES_NONE},
	{"workers =", "resolvers = [\"9.9.9.9\"]; workers =", "resolvers", CHANGE_CHANGE,
		EFFECT_NONE, CHANGE_TOUCHES_NONE},
	{"af_packet:eth2", "af_packet:eth3", "ports.wan.device", CHANGE_CHANGE, EFFECT_RESTART,
		CHANGE_TOUCHES_ALL},
	{"fd00:2::2/64", "fd00:2::3/64", "ports.wan.address", CHANGE_CHANGE, EFFECT_RESTART,
		CHANGE_TOUCHES_ALL},
	{"gateway = [", "vlans = ( { id = 5; address = [\"10.5.0.1/24\"]; } ); gateway = [",
		"ports.wan.vlans.5", CHANGE_ADD, EFFECT_RESTART, CHANGE_TOUCHES_ALL},
	{"gateway = [", "emulate = { rate_bps = \"10Gbit/s\"; }; gateway = [",
		"ports.wan.emulate.rate_bps", CHANGE_CHANGE, EFFECT_LIVE, CHANGE_TOUCHES_NONE},
	{"gateway = [", "emulate = { loss = 0.1; }; gateway = [", "ports.wan.emulate.loss",
		CHANGE_CHANGE, EFFECT_LIVE, CHANGE_TOUCHES_NONE},
	{"ports = ( ", "ports = ( { name = \"new\"; device = \"null\"; }, ", "ports.new",
		CHANGE_ADD, EFFECT_NONE, CHANGE_TOUCHES_NONE},
	{"listeners = ( ",
		"listeners = ( { name = \"l2\"; protocol = \"udp\"; listen = \"*:5\"; upstream = \"web\"; }, ",
		"listeners.l2", CHANGE_ADD, EFFECT_NONE, CHANGE_TOUCHES_NONE},
	{"name = \"in\"", "name = \"out\"", "listeners.in", CHANGE_REMOVE, EFFECT_DRAIN,
		CHANGE_TOUCHES_LISTENER},
};

static void every_kind_of_change_has_its_effect(void **state)
{
	struct slot_map *slots = base_slots();

	for (size_t i = 0; i < nx_array_size(matrix); i++) {
		const struct expected *e = &matrix[i];
		char *text = test_variant(e->from, e->to);
		struct config *from = test_config(test_base);
		struct config *to = test_config(text);
		const struct change *change;
		struct change_list list;

		assert_int_equal(plan_diff(from, to, slots, &list), 0);
		change = find(&list, e->path);
		if (!change || change->kind != e->kind || change->effect != e->effect ||
			change->subject != e->subject)
			fail_msg("%s: %s %s", e->path,
				change ? change_kind_name(change->kind) : "missing",
				change ? schema_effect_name(change->effect) : "");
		assert_int_equal(
			change->slot, e->subject == CHANGE_TOUCHES_LISTENER ? 0 : SLOT_NONE);
		assert_int_equal(list.restart, e->effect == EFFECT_RESTART);
		plan_fini(&list);
		config_destroy(from);
		config_destroy(to);
		test_free(text);
	}
	slot_map_destroy(slots);
}

// Its idle timeout changes with the protocol, and is nothing to sessions that end.
static void a_new_protocol_counts_sessions_once(void **state)
{
	struct slot_map *slots = base_slots();
	char *text = test_variant("protocol = \"tcp\"", "protocol = \"udp\"");
	struct config *from = test_config(test_base);
	struct config *to = test_config(text);
	const struct change *timeout;
	struct change_list list;

	assert_int_equal(plan_diff(from, to, slots, &list), 0);
	timeout = find(&list, "listeners.in.idle_timeout_s");
	assert_non_null(timeout);
	assert_int_equal(timeout->effect, EFFECT_NEW_SESSIONS);
	assert_int_equal(timeout->subject, CHANGE_TOUCHES_NONE);
	plan_fini(&list);
	config_destroy(from);
	config_destroy(to);
	test_free(text);
	slot_map_destroy(slots);
}

static void from_nothing_all_is_added(void **state)
{
	struct config *to = test_config(test_base);
	struct change_list list;

	assert_int_equal(plan_diff(NULL, to, NULL, &list), 0);
	assert_non_null(find(&list, "ports.lan"));
	assert_non_null(find(&list, "listeners.in"));
	assert_non_null(find(&list, "upstreams.web"));
	assert_false(list.restart);
	plan_fini(&list);
	config_destroy(to);
}

static void a_failed_allocation_leaves_nothing_behind(void **state)
{
	struct config *to = test_config(test_base);
	unsigned n = 0;
	int rc;

	do {
		struct change_list list = {0};
		long alive = test_allocations_alive();

		test_fail_allocation(++n);
		rc = plan_diff(NULL, to, NULL, &list);
		test_fail_allocation(0);
		if (rc)
			assert_int_equal(rc, -ENOMEM);
		plan_fini(&list);
		assert_int_equal(test_allocations_alive(), alive);
	} while (rc != 0);
	assert_true(n > 3);
	config_destroy(to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_changes_nothing),
		cmocka_unit_test(every_kind_of_change_has_its_effect),
		cmocka_unit_test(a_new_protocol_counts_sessions_once),
		cmocka_unit_test(from_nothing_all_is_added),
		cmocka_unit_test(a_failed_allocation_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
