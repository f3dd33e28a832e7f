// SPDX-License-Identifier: BSD-3-Clause
// The table of keys: a bad value of every kind for every key, defaults, documentation, examples.
#include "config_test.h"

#include "config/schema.h"
#include "config/validate/machine.h"

enum {
	TEXT_BYTES = 4096
};

// Writes the groups around a key, the required siblings of each level, and `value` for the key
// itself.
static void write_required(char *text, const char *parent, const char *but)
{
	const struct schema_key *key;
	const char *name;
	uint32_t index = 0;

	while ((key = schema_child(parent, &index, &name))) {
		static const struct {
			const char *path;
			const char *value;
		} good[] = {
			{"credentials[].name", "\"c\""},
			{"credentials[].kind", "\"reality\""},
			{"ports[].name", "\"p\""},
			{"ports[].device", "\"null\""},
			{"ports[].vlans[].id", "7"},
			{"ports[].vlans[].address", "[\"10.3.0.1/24\"]"},
			{"routes[].to", "\"10.9.0.0/16\""},
			{"routes[].via", "\"10.1.0.9\""},
			{"upstreams[].name", "\"u\""},
			{"upstreams[].targets", "[\"10.1.0.1:80\"]"},
			{"listeners[].name", "\"l\""},
			{"listeners[].protocol", "\"tcp\""},
			{"listeners[].listen", "\"*:80\""},
			{"listeners[].upstream", "\"u\""},
		};

		for (size_t i = 0; i < nx_array_size(good); i++)
			if (strcmp(good[i].path, key->path) == 0 && strcmp(key->path, but) != 0)
				snprintf(text + strlen(text), TEXT_BYTES - strlen(text),
					"%s = %s; ", name, good[i].value);
	}
}

// The text in which the key at `path` has `value`.
static void write_key(char *text, const char *path, const char *value)
{
	char closing[64] = "";
	char parent[FAULT_PATH_BYTES] = "";
	const char *at = path;

	text[0] = '\0';
	for (;;) {
		size_t length = strcspn(at, ".");
		bool last = at[length] == '\0';
		bool list = !last && length > 2 && at[length - 1] == ']';
		char fresh[80];

		write_required(text, parent, last ? path : "");
		if (last) {
			snprintf(text + strlen(text), TEXT_BYTES - strlen(text), "%s = %s;", at,
				value);
			break;
		}
		snprintf(text + strlen(text), TEXT_BYTES - strlen(text), "%.*s = %s{ ",
			(int)(list ? length - 2 : length), at, list ? "( " : "");
		snprintf(fresh, sizeof(fresh), " }%s;%s", list ? " )" : "", closing);
		snprintf(closing, sizeof(closing), "%.60s", fresh);
		snprintf(parent, sizeof(parent), "%.*s", (int)(at + length - path), path);
		at += length + 1;
	}
	strncat(text, closing, TEXT_BYTES - strlen(text) - 1);
}

// The path as faults show it: [0] for [].
static void shown_path(const char *path, char *out)
{
	for (; *path; path++) {
		*out++ = *path;
		if (*path == '[')
			*out++ = '0';
	}
	*out = '\0';
}

static void refuse_value(const struct schema_key *key, const char *value)
{
	char text[TEXT_BYTES];
	char shown[FAULT_PATH_BYTES + 64];
	struct config *config = NULL;
	bool found = false;

	write_key(text, key->path, value);
	if (test_parse(text, &config) == 0)
		fail_msg("taken: %s", text);
	shown_path(key->path, shown);
	for (uint32_t i = 0; i < test_faults.count; i++) {
		const struct config_fault *fault = &test_faults.items[i];

		found = found || (strncmp(fault->path, shown, strlen(shown)) == 0 &&
					 fault->line == 1 && fault->what[0] && fault->hint[0]);
	}
	if (!found)
		fail_msg("no fault at %s with a hint for: %s", shown, text);
}

static void a_bad_value_for_every_key_is_refused(void **state)
{
	const struct schema_key *key;
	unsigned refused = 0;

	for (uint32_t i = 0; (key = schema_key_at(i)); i++) {
		bool is_list = key->type == SCHEMA_GROUPS;

		// No key takes a fraction, and few true or false.
		refuse_value(key, "1.5");
		refuse_value(key, key->type == SCHEMA_BOOLEAN ? "\"true\"" : "true");
		if (key->type != SCHEMA_GROUP)
			refuse_value(key, "{ x = 1; }");
		if (key->type != SCHEMA_INTEGER && key->type != SCHEMA_RATE)
			refuse_value(key, "77");
		if (is_list || key->type == SCHEMA_GROUP)
			refuse_value(key, "\"text\"");
		if (is_list)
			refuse_value(key, "( 1 )");
		refused++;
	}
	assert_true(refused > 50);
}

static void integers_out_of_range_or_of_another_unit_are_refused(void **state)
{
	const struct schema_key *key;

	for (uint32_t i = 0; (key = schema_key_at(i)); i++) {
		char value[32];

		if (key->type != SCHEMA_INTEGER)
			continue;
		snprintf(value, sizeof(value), "%lluL", key->maximum + 1ull);
		refuse_value(key, value);
		refuse_value(key, "-1");
		refuse_value(key, "4294967296L");
		refuse_value(key, "9223372036854775807L");
		if (key->minimum > 0)
			refuse_value(key, "0");
		refuse_value(key, "\"10Gbit/m\"");
		refuse_value(key, "\"10\"");
		refuse_value(key, "\"ten\"");
		refuse_value(key, "\"99999999999999999999d\"");
	}
}

static void texts_of_the_wrong_form_are_refused(void **state)
{
	const struct schema_key *key;

	for (uint32_t i = 0; (key = schema_key_at(i)); i++) {
		char longer[TEXT_BYTES - 512] = "\"";

		switch (key->type) {
		case SCHEMA_WORD:
			refuse_value(key, "\"nonsense\"");
			refuse_value(key, "\"\"");
			break;
		case SCHEMA_NAME:
			refuse_value(key, "\"a b\"");
			refuse_value(key, "\"-a\"");
			// fall through
		case SCHEMA_STRING:
		case SCHEMA_PATH:
			memset(longer + 1, 'x', key->maximum + 1);
			strcpy(longer + key->maximum + 2, "\"");
			refuse_value(key, longer);
			if (key->minimum > 0)
				refuse_value(key, "\"\"");
			break;
		case SCHEMA_STRINGS:
			refuse_value(key, "[77]");
			refuse_value(key, "\"a\"");
			break;
		case SCHEMA_GROUP:
		case SCHEMA_GROUPS:
		case SCHEMA_INTEGER:
			break;
		case SCHEMA_PREFIXES:
		case SCHEMA_ADDRESSES:
		case SCHEMA_TARGETS:
		case SCHEMA_SOURCES:
		case SCHEMA_RESOLVERS:
			refuse_value(key, "[\"300.1.1.1/64\"]");
			refuse_value(key, "(1, 2)");
			refuse_value(key, "[\"\"]");
			refuse_value(key, "\"nonsense\"");
			break;
		default:
			refuse_value(key, "\"no/such,thing:\"");
			refuse_value(key, "\"\"");
			refuse_value(key, "[\"a\"]");
			break;
		}
	}
}

static void words_of_later_versions_are_named(void **state)
{
	assert_fault(
		"upstreams = ( { name = \"u\"; targets = [\"10.0.0.1:1\"]; transport = { security = \"noise\"; }; } );",
		1, "\"noise\" is not served by this version; it serves raw");
}

static void unknown_keys_get_a_suggestion(void **state)
{
	assert_fault(
		"workers = { burts = 3; };", 1, "workers.burts: is not a key; did you mean burst?");
	assert_fault("listeners = ( { idle_timeout = 3; } );", 1, "did you mean idle_timeout_s?");
	assert_fault("listener = ( );", 1, "listener: is not a key; did you mean listeners?");
	assert_fault("zzzzzzzzzzzz = 1;", 1, "docs/configuration.md lists them all");
}

static void required_keys_are_missed(void **state)
{
	assert_fault(
		"\nlisteners = (\n{ } );", 3, "listeners[0]: has no \"name\"; add name = ...;");
	assert_true(test_has_fault(3, "has no \"protocol\""));
}

static void defaults_are_those_of_the_table(void **state)
{
	struct config *config = test_config("");

	assert_int_equal(config->workers.burst, 64);
	assert_int_equal(config->workers.memory_mb, 512);
	assert_int_equal(config->workers.cpus.count, 1);
	assert_int_equal(config->workers.drain_s, 10);
	assert_string_equal(config->management.socket, "/run/nexpath/nexpath.sock");
	assert_string_equal(config->management.read_group, "");
	assert_int_equal(config->management.metrics.port_first, 0);
	assert_true(config->resolvers.system);
	assert_int_equal(config->log.level, LOG_LEVEL_INFO);
	config_destroy(config);
	config = test_config(test_base);
	assert_int_equal(config_listeners(config)[0].idle_timeout_s, 7440);
	assert_int_equal(config_listeners(config)[0].connect_timeout_s, 5);
	assert_int_equal(config_listeners(config)[0].close_timeout_s, 30);
	assert_int_equal(config_listeners(config)[0].keepalive_s, 0);
	assert_int_equal(config_listeners(config)[0].user_timeout_s, 900);
	assert_int_equal(config_upstreams(config)[0].keepalive_s, 0);
	assert_int_equal(config_upstreams(config)[0].user_timeout_s, 900);
	assert_int_equal(config_listeners(config)[0].ecn, 0);
	assert_int_equal(config_upstreams(config)[0].ecn, 0);
	assert_int_equal(config_listeners(config)[0].memory_bytes, 4 << 20);
	assert_int_equal(config_upstreams(config)[0].memory_bytes, 4 << 20);
	assert_int_equal(config_ports(config)[0].mtu, 1500);
	assert_int_equal(config_upstreams(config)[0].transport.outer, OUTER_UNSET);
	config_destroy(config);
}

static void quantities_are_read_in_the_key_s_unit(void **state)
{
	struct config *config = test_config(
		"workers = { cpus = \"1,3-5,0\"; memory_mb = \"2GiB\"; drain_s = \"1.5min\"; };\n"
		"resolvers = [\"9.9.9.9\", \"[2620:fe::fe]:5353\"];\n");

	assert_int_equal(config->workers.memory_mb, 2048);
	assert_int_equal(config->workers.drain_s, 90);
	assert_int_equal(config->workers.cpus.count, 5);
	assert_int_equal(config->workers.cpus.items[3], 5);
	assert_int_equal(config->resolvers.items[0].port_first, 53);
	assert_int_equal(config->resolvers.items[1].port_first, 5353);
	config_destroy(config);
	assert_fault("workers = { drain_s = \"1500ms\"; };", 1,
		"is not a whole number in the key's unit");
}

static const char *documentation;
static const char *manual;
static const char *const *examples;
static int example_count;

static void assert_committed(int (*make)(FILE *out), const char *path)
{
	char *made = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&made, &size);
	char error[256];
	char *committed;
	size_t length;

	assert_non_null(out);
	assert_int_equal(make(out), 0);
	fclose(out);
	if (text_file_read(path, &committed, &length, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	if (length != size || memcmp(made, committed, size) != 0)
		fail_msg("%s is not what config-doc writes: run it and commit the result", path);
	(free)(made);
	free(committed);
}

static void the_documentation_is_the_table_s(void **state)
{
	assert_committed(schema_document, documentation);
	assert_committed(schema_manual, manual);
}

static bool any_cpu(void *context, unsigned cpu)
{
	return cpu < 8;
}

static uint64_t some_memory(void *context)
{
	return 4096;
}

static bool no_group(void *context, const char *group)
{
	return false;
}

static int no_device(const char *device, char *error, size_t size)
{
	snprintf(error, size, "%s: no such interface", device);
	return -ENODEV;
}

static const struct config_machine test_machine = {.cpu_exists = any_cpu,
	.memory_mb = some_memory,
	.group_exists = no_group,
	.device_exists = no_device};

static void the_examples_pass(void **state)
{
	assert_true(example_count > 0);
	for (int i = 0; i < example_count; i++) {
		struct text_source source = {.file = examples[i], .may_include = true};
		struct config *config = NULL;
		char error[256];
		char *text;
		size_t length;

		assert_int_equal(
			text_file_read(examples[i], &text, &length, error, sizeof(error)), 0);
		faults_init(&test_faults);
		if (config_parse(text, length, &source, NULL, &test_faults, &config) != 0 ||
			config_check_machine(config, &test_machine, &test_faults) != 0) {
			test_has_fault(0, "!");
			fail_msg("%s is refused", examples[i]);
		}
		config_destroy(config);
		free(text);
	}
}

static void the_machine_is_judged(void **state)
{
	struct config *config =
		test_config("workers = { cpus = \"9\";\nmemory_mb = 8192; };\n"
			    "ports = ( { name = \"a\"; device = \"af_packet:eth9\"; } );");

	assert_int_equal(config_check_machine(config, &test_machine, &test_faults), -EINVAL);
	assert_true(test_has_fault(1, "workers.cpus: this machine has no CPU 9"));
	assert_true(test_has_fault(2, "8192 MiB are more than the 4096 MiB"));
	assert_true(
		test_has_fault(3, "ports[0].device: warning: af_packet:eth9: no such interface"));
	assert_true(test_has_fault(0, "warning: there is no group \"nexpath\""));
	config_destroy(config);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bad_value_for_every_key_is_refused),
		cmocka_unit_test(integers_out_of_range_or_of_another_unit_are_refused),
		cmocka_unit_test(texts_of_the_wrong_form_are_refused),
		cmocka_unit_test(words_of_later_versions_are_named),
		cmocka_unit_test(unknown_keys_get_a_suggestion),
		cmocka_unit_test(required_keys_are_missed),
		cmocka_unit_test(defaults_are_those_of_the_table),
		cmocka_unit_test(quantities_are_read_in_the_key_s_unit),
		cmocka_unit_test(the_documentation_is_the_table_s),
		cmocka_unit_test(the_examples_pass),
		cmocka_unit_test(the_machine_is_judged),
	};

	if (argc < 4)
		return 1;
	documentation = argv[1];
	manual = argv[2];
	examples = (const char *const *)(argv + 3);
	example_count = argc - 3;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
